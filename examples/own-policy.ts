// A policy of your own is a function over clients. This one counts the tokens of a whole program, and logs each call.
// npx tsx examples/own-policy.ts
import { Console, Effect, Ref } from "effect"
import { LlmClient, Policy, Usage } from "effect-llm"
import * as Support from "./support.js"

const countTokens = (total: Ref.Ref<Usage.Usage>) =>
  Policy.make((next) =>
    Effect.succeed({
      // What is not named stays as it is: stream and embed go straight on.
      ...next,
      complete: (request) =>
        next.complete(request).pipe(
          Effect.tap((completion) => Ref.update(total, (before) => Usage.add(before, completion.usage))),
          Effect.tapBoth({
            onSuccess: (completion) => Console.log(`${request.metadata?.["job"]}: ${completion.finishReason.unified}`),
            onFailure: (error) => Console.log(`${request.metadata?.["job"]}: ${error._tag}`)
          })
        )
    })
  )

const program = Effect.gen(function* () {
  const total = yield* Ref.make(Usage.unknown)
  const layer = Support.layer({ answer: () => "Four short words here." }).pipe(countTokens(total))

  yield* Effect.forEach(["first", "second"], (job) =>
    LlmClient.complete({ prompt: "Write four words.", metadata: { job } })
  ).pipe(Effect.provide(layer))

  const { inputTokens = 0, outputTokens = 0 } = yield* Ref.get(total)
  yield* Console.log(`${inputTokens} tokens in, ${outputTokens} out`)
  // -> first: stop
  // -> second: stop
  // -> … tokens in, … out
})

await Effect.runPromise(program)
