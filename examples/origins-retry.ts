// The waits of PIKE-RAG's clients as one value: 60 s × 2^(n-1), and up to 60 s more at random, at most 300 s, 5 attempts.
// The waits are computed here, not waited for: a RetryPolicy is a Schedule, and a Schedule can be run on paper.
// npx tsx examples/origins-retry.ts
import { Chunk, Console, Duration, Effect, Random, Schedule } from "effect"
import { LlmError, RetryPolicy } from "effect-llm"

const pikeRag = RetryPolicy.exponential({
  base: "60 seconds",
  factor: 2,
  jitter: { plus: "60 seconds" },
  cap: "300 seconds",
  retries: 4,
  // A server that asks for a longer wait gets it.
  beyondCap: "wait"
})

const overloaded = new LlmError.Overloaded({ provider: "azure-openai", model: "gpt-4", message: "come back later" })

const program = Effect.gen(function* () {
  // Four failures, four waits; the fifth failure ends the call.
  const failures = Array.from({ length: 4 }, () => overloaded)
  const waits = yield* Schedule.run(Schedule.delays(pikeRag), 0, failures)
  for (const wait of Chunk.toReadonlyArray(waits)) yield* Console.log(`wait ${Duration.toSeconds(wait).toFixed(0)} s`)
  // -> wait … s
  // -> wait … s
  // -> wait … s
  // -> wait 300 s
})

await Effect.runPromise(Effect.withRandom(program, Random.make("a seed")))
