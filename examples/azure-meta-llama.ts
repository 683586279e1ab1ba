// A Llama model behind an online endpoint of Azure Machine Learning. The names of the variables are the program's own;
// without an endpoint, a simulated one answers.
// npx tsx examples/azure-meta-llama.ts
import { FetchHttpClient } from "@effect/platform"
import { Config, Console, Effect, Layer, Redacted, Stream } from "effect"
import { AzureMetaLlama, LlmClient } from "effect-llm"
import { Simulator } from "effect-llm/testing"

const model = "Meta-Llama-3.1-70B-Instruct"

const azure = AzureMetaLlama.layerConfig({ model, variables: { endpoint: "MY_LLAMA_URL", apiKey: "MY_LLAMA_KEY" } })

const simulated = Layer.unwrapEffect(
  Effect.map(Simulator.Simulator, ({ url }) =>
    AzureMetaLlama.layer({ endpoint: new URL("/score", url).href, apiKey: Redacted.make("simulated"), model })
  )
).pipe(Layer.provide(Simulator.layer({ answer: () => "Paris." })))

const llm = Layer.unwrapEffect(
  Effect.map(Config.option(Config.string("MY_LLAMA_URL")), (url) => (url._tag === "Some" ? azure : simulated))
)

const program = Effect.gen(function* () {
  const request = { prompt: "What is the capital of France?", temperature: 0, maxTokens: 200, topP: 1 }
  const { text, usage } = yield* LlmClient.complete(request)
  yield* Console.log(text)
  yield* Console.log(`tokens: ${usage.totalTokens ?? "not told"}`)
  // -> Paris.
  // -> tokens: not told

  // The endpoint does not stream: the text comes as one delta.
  yield* Stream.runForEach(LlmClient.stream(request), (part) => Console.log(part._tag))
  // -> TextDelta
  // -> Finish
})

await Effect.runPromise(program.pipe(Effect.provide(llm), Effect.provide(FetchHttpClient.layer)))
