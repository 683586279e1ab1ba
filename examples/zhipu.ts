// GLM, at Zhipu: the secret half of the key never goes out, it signs tokens that live for a minute and are renewed by
// themselves. Without a key, a simulated one answers.
// npx tsx examples/zhipu.ts
import { FetchHttpClient } from "@effect/platform"
import { Config, Console, Effect, Layer, Redacted } from "effect"
import { LlmClient, Zhipu } from "effect-llm"
import { Simulator } from "effect-llm/testing"

const model = "glm-4.6"

const simulated = Layer.unwrapEffect(
  Effect.map(Simulator.Simulator, ({ url }) =>
    Zhipu.layer({ apiKey: Redacted.make("id.secret"), model, baseUrl: new URL("/api/paas/v4", url).href })
  )
).pipe(Layer.provide(Simulator.layer({ answer: () => "Paris." })))

const llm = Layer.unwrapEffect(
  Effect.map(Config.option(Config.string("ZHIPUAI_API_KEY")), (key) =>
    key._tag === "Some" ? Zhipu.layerConfig({ model }) : simulated
  )
)

const program = Effect.gen(function* () {
  const { text } = yield* LlmClient.complete("What is the capital of France?")
  yield* Console.log(text)
  // -> Paris.

  const { vectors } = yield* LlmClient.embed({ input: ["river", "lake", "mountain"], dimensions: 512 })
  yield* Console.log(`${vectors.length} vectors of ${vectors[0]?.length} numbers`)
  // -> 3 vectors of 512 numbers
})

await Effect.runPromise(program.pipe(Effect.provide(llm), Effect.provide(FetchHttpClient.layer)))
