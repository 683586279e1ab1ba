// Gemini, by Google's own API: a streamed answer, and embeddings with as many numbers as you want. Without a key, a
// simulated one answers.
// npx tsx examples/gemini.ts
import { FetchHttpClient } from "@effect/platform"
import { Config, Console, Effect, Layer, Redacted, Stream } from "effect"
import { Gemini, LlmClient } from "effect-llm"
import { Simulator } from "effect-llm/testing"

const model = "gemini-2.5-flash"

const simulated = Layer.unwrapEffect(
  Effect.map(Simulator.Simulator, ({ url }) =>
    Gemini.layer({ apiKey: Redacted.make("simulated"), model, baseUrl: new URL(url).origin })
  )
).pipe(Layer.provide(Simulator.layer({ answer: () => "One, two, three." })))

const llm = Layer.unwrapEffect(
  Effect.map(Config.option(Config.string("GEMINI_API_KEY")), (key) =>
    key._tag === "Some" ? Gemini.layerConfig({ model }) : simulated
  )
)

const program = Effect.gen(function* () {
  yield* LlmClient.streamText("Count to three.").pipe(
    Stream.runForEach((text) => Effect.sync(() => process.stdout.write(text)))
  )
  yield* Console.log("")
  // -> One, two, three.

  const { vectors } = yield* LlmClient.embed({ input: ["river", "lake"], dimensions: 256 })
  yield* Console.log(`${vectors.length} vectors of ${vectors[0]?.length} numbers`)
  // -> 2 vectors of 256 numbers
})

await Effect.runPromise(program.pipe(Effect.provide(llm), Effect.provide(FetchHttpClient.layer)))
