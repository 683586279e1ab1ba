// A hundred articles, sixteen at a time. Each has its own result, and all of them a sum: one that fails stops no other.
// npx tsx examples/summarise.ts
import { Array, Console, Effect, Either } from "effect"
import { LlmCall, Policy, Usage } from "effect-llm"
import { Fault } from "effect-llm/testing"
import * as Support from "./support.js"

const summarise = LlmCall.make({
  system: "You write for people who have {{seconds}} seconds.",
  user: "Summarise in one sentence:\n\n{{article}}"
})

const articles = Array.makeBy(100, (n) => ({
  seconds: 10,
  article: `Lighthouse ${n} was lit again yesterday, after ${n + 1} years in the dark.`
}))

const program = Effect.gen(function* () {
  const results = yield* LlmCall.forEach(summarise.detailed, articles, {
    concurrency: 16,
    onProgress: ({ done, failed, total }) =>
      done % 25 === 0 ? Console.log(`${done} of ${total}, ${failed} failed`) : Effect.void
  })
  // -> 25 of 100, … failed
  // -> 100 of 100, 3 failed

  // The results are in the order of the articles, whatever order they came in.
  const failures = results.flatMap((result, n) => (Either.isLeft(result) ? [`article ${n}: ${result.left._tag}`] : []))
  yield* Console.log(failures.length)
  // -> 3

  const answers = results.filter(Either.isRight).map(({ right }) => right)
  const usage = answers.reduce((sum, answer) => Usage.add(sum, answer.usage), Usage.unknown)
  yield* Console.log(`${answers.length} summaries took ${usage.totalTokens} tokens`)
  yield* Console.log(answers[0]?.text)
  // -> 97 summaries took … tokens
  // -> A lamp shines again.
})

// Every thirtieth request meets a server that has too much to do; nothing here tries again.
const faults: Fault.Faults = ({ index }) => (index % 30 === 29 ? Fault.status(503) : Fault.none)
const layer = Support.layer({ answer: () => "A lamp shines again.", faults }).pipe(Policy.concurrency(16))
await Effect.runPromise(Effect.provide(program, layer))
