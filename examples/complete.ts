// One question, one answer, and what it cost.
// npx tsx examples/complete.ts
import { Console, Effect } from "effect"
import { LlmClient } from "effect-llm"
import * as Support from "./support.js"

const program = Effect.gen(function* () {
  const completion = yield* LlmClient.complete("What is the capital of France?")
  yield* Console.log(completion.text)
  yield* Console.log(`${completion.usage.inputTokens} tokens in, ${completion.usage.outputTokens} out`)
  yield* Console.log(`${completion.model} ended with: ${completion.finishReason.unified}`)
  // -> Paris.
  // -> … tokens in, … out
  // -> gpt-4.1-mini-… ended with: stop
})

await Effect.runPromise(Effect.provide(program, Support.layer({ answer: () => "Paris." })))
