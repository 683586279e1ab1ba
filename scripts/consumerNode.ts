// The same for `effect-llm/node`, which needs the optional peer undici, and `effect-llm/local`, whose engine is not there.
import { Effect, Redacted } from "effect"
import { LlmClient, OpenAi } from "effect-llm"
import { LocalLlama } from "effect-llm/local"
import { UndiciHttpClient } from "effect-llm/node"
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
