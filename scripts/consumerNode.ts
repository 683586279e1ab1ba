// The same for `effect-llm/node` and `effect-llm/redis`, which need the optional peers undici and ioredis, and for
// `effect-llm/local`, whose engine is not there.
import { Effect, Redacted } from "effect"
import { LlmClient, OpenAi, Policy } from "effect-llm"
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
