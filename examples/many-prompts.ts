// A hundred prompts, at most sixteen at a time. Each has its own result: one that fails does not stop the others.
// npx tsx examples/many-prompts.ts
import { Array, Console, Effect, Either } from "effect"
import { LlmClient, Policy, RetryPolicy } from "effect-llm"
import { Fault } from "effect-llm/testing"
import * as Support from "./support.js"

const prompts = Array.makeBy(100, (n) => `Summarise ticket ${n}.`)

const program = Effect.gen(function* () {
  const results = yield* Effect.forEach(prompts, (prompt) => Effect.either(LlmClient.complete(prompt)), {
    // All start at once: the policy below says how many are under way.
    concurrency: "unbounded"
  })
  const [failures, answers] = Array.separate(results)
  yield* Console.log(`${answers.length} answered, ${failures.length} failed`)
  yield* Console.log(
    `the first result is ${results[0] !== undefined && Either.isRight(results[0]) ? "an answer" : "an error"}`
  )
  yield* Console.log(
    `${answers.filter((answer) => answer.attempts > 1).length > 0 ? "Some" : "None"} took more than one attempt`
  )
  // -> 100 answered, 0 failed
  // -> the first result is an answer
  // -> Some took more than one attempt
})

// One in ten requests meets a server that has too much to do.
const layer = Support.layer({ faults: Fault.random({ seed: 1, rates: { overloaded: 0.1 } }) }).pipe(
  Policy.concurrency(16),
  // Retries are bounded for all calls together; by default they are a tenth of them, which would be just too few here.
  Policy.retry(RetryPolicy.exponential({ base: "10 millis" }), { budget: { ratio: 0.5 } })
)
await Effect.runPromise(Effect.provide(program, layer))
