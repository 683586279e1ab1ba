// A program tested without a provider: MockLlm answers as told, and remembers what it was asked.
// npx tsx examples/testing.ts
import { Console, Effect, Exit } from "effect"
import { LlmClient, LlmError, Policy, RetryPolicy } from "effect-llm"
import { MockLlm } from "effect-llm/testing"

// What is to be tested. It knows no provider and no policy.
const translate = (text: string) =>
  LlmClient.complete(`Into French: ${text}`).pipe(Effect.map((completion) => completion.text))

const busy = new LlmError.RateLimited({ provider: "mock", model: "mock-model", message: "slow down" })

const program = Effect.gen(function* () {
  // One answer after the other; an error is one, too.
  const exit = yield* Effect.exit(translate("good evening")).pipe(Effect.provide(MockLlm.layer([busy])))
  yield* Console.log(Exit.isFailure(exit) ? "fails with the error of the script" : "is wrong")
  // -> fails with the error of the script

  // Policies go around a mock as they go around a provider.
  const mock = yield* MockLlm.make([busy, "bonsoir"])
  const layer = mock.layer.pipe(Policy.retry(RetryPolicy.exponential({ base: "1 millis" })))
  yield* Console.log(yield* translate("good evening").pipe(Effect.provide(layer)))
  yield* Console.log(`${(yield* mock.calls).length} requests were made`)
  // -> bonsoir
  // -> 2 requests were made
})

await Effect.runPromise(program)
