// The same for `effect-llm/node` and `effect-llm/lmdb`, which need the optional peers undici and lmdb.
import { Effect, Redacted } from "effect"
import { LlmClient, OpenAi, Policy } from "effect-llm"
import { LmdbCache } from "effect-llm/lmdb"
import { UndiciHttpClient } from "effect-llm/node"
import { Simulator } from "effect-llm/testing"

const program = Effect.gen(function* () {
  const { url } = yield* Simulator.Simulator
  const llm = OpenAi.layer({ apiKey: Redacted.make("simulated-key"), model: "gpt-4.1-mini", baseUrl: url })
  const { text } = yield* Effect.provide(LlmClient.complete("Name a river."), llm)
  if (text === "") throw new Error("no text came over undici")
  console.log("  OpenAi over undici answers")
}).pipe(Effect.provide(Simulator.layer()), Effect.provide(UndiciHttpClient.layerWith({ connections: 4 })))

await Effect.runPromise(program)

// Each layer opens the file and closes it: the second one has its answer from there.
const lasting = Effect.gen(function* () {
  const { url } = yield* Simulator.Simulator
  const llm = OpenAi.layer({ apiKey: Redacted.make("simulated-key"), model: "gpt-4.1-mini", baseUrl: url })
  const ask = () =>
    LlmClient.complete("Name a lake.").pipe(
      Effect.provide(llm.pipe(Policy.cache({ store: LmdbCache.store({ path: "answers.lmdb" }) })))
    )
  const answers = [yield* ask(), yield* ask()]
  if (answers.map(({ cached }) => cached).join() !== "false,true") throw new Error("the file did not keep the answer")
  console.log("  a cache in a file outlives its layer")
}).pipe(Effect.provide(Simulator.layer()), Effect.provide(UndiciHttpClient.layerWith({ connections: 4 })))

await Effect.runPromise(lasting)
