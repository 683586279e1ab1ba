// The same for `effect-llm/node`, which needs the optional peer undici.
import { Effect, Redacted } from "effect"
import { LlmClient, OpenAi } from "effect-llm"
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
