// Answers and embeddings in a file, which outlive the program and are shared by all that open it. Run it twice.
// npx tsx examples/cache-file.ts
import { Console, Effect } from "effect"
import { LlmClient, Policy } from "effect-llm"
import { LmdbCache } from "effect-llm/lmdb"
import * as Support from "./support.js"

const program = Effect.gen(function* () {
  const { cached } = yield* LlmClient.complete("Why is the sky blue?")
  yield* Console.log(cached ? "an earlier run has paid for the answer" : "this run has paid for the answer")
  // -> … paid for the answer

  yield* LlmClient.embed(["river", "lake"])
  const { usage, vectors } = yield* LlmClient.embed(["river", "lake", "mountain"])
  yield* Console.log(`${vectors.length} vectors, ${usage.inputTokens === 0 ? "none" : "one"} of them new`)
  // -> 3 vectors, … of them new
})

const layer = Support.layer().pipe(
  Policy.cache({
    store: LmdbCache.store({ path: "node_modules/.cache/effect-llm-example.lmdb", maxEntries: 1000 }),
    timeToLive: "30 days",
    namespace: "cache-file"
  })
)
await Effect.runPromise(Effect.provide(program, layer))
