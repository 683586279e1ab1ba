// The same for the optional peers: `effect-llm/node` (undici), `effect-llm/redis` (ioredis), `effect-llm/lmdb` (lmdb), and
// `effect-llm/local`, whose engine is not there.
import { Effect, Redacted } from "effect"
import { LlmClient, OpenAi, Policy } from "effect-llm"
import { LmdbCache } from "effect-llm/lmdb"
import { LocalLlama } from "effect-llm/local"
import { UndiciHttpClient } from "effect-llm/node"
import { RedisClient, RedisRateLimit } from "effect-llm/redis"
import { Simulator } from "effect-llm/testing"

const program = Effect.gen(function* () {
  const { url } = yield* Simulator.Simulator
  const llm = OpenAi.layer({ apiKey: Redacted.make("simulated-key"), model: "gpt-4.1-mini", baseUrl: url })
  const { text } = yield* Effect.provide(LlmClient.complete("Name a river."), llm)
  if (text === "") throw new Error("no text came over undici")
  console.log("  OpenAi over undici answers")
  const local = LlmClient.complete("Hi").pipe(Effect.provide(LocalLlama.layer({ model: "hf:owner/model" })))
  const words = String(yield* Effect.flip(local))
  if (!words.includes("npm install node-llama-cpp@3"))
    throw new Error(`a local model without its engine says: ${words}`)
  console.log("  LocalLlama says what to install")
}).pipe(Effect.provide(Simulator.layer()), Effect.provide(UndiciHttpClient.layerWith({ connections: 4 })))

await Effect.runPromise(program)

// Nobody listens there: the policy says so, and goes on alone.
const away = RedisClient.layer({ url: "redis://127.0.0.1:1" })
const shared = Effect.gen(function* () {
  const { url } = yield* Simulator.Simulator
  const llm = OpenAi.layer({ apiKey: Redacted.make("simulated-key"), model: "gpt-4.1-mini", baseUrl: url }).pipe(
    Policy.rateLimit({ requestsPerMinute: 60, store: RedisRateLimit.store })
  )
  yield* Effect.provide(LlmClient.complete("Name a river."), llm)
  console.log("  rate limits go on without Redis")
}).pipe(
  Effect.provide(Simulator.layer()),
  Effect.provide(away),
  Effect.provide(UndiciHttpClient.layerWith({ connections: 4 }))
)

await Effect.runPromise(shared)

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
