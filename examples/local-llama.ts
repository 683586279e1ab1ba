// A model on this machine, in this process: no key, no server. It needs `npm install node-llama-cpp@3`, and in
// LOCAL_LLAMA_MODEL a GGUF file or a URI such as hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M, which is downloaded once.
// npx tsx examples/local-llama.ts
import { Config, Console, Effect, Layer, Schema, Stream } from "effect"
import { LlmClient, Tokenizer, Tool } from "effect-llm"
import { LocalLlama } from "effect-llm/local"

// One model in memory, for calls and for counting.
const local = Layer.unwrapEffect(
  Effect.map(Config.string("LOCAL_LLAMA_MODEL"), (model) =>
    LocalLlama.layerWithTokenizer({
      model,
      contextSize: 2048,
      sequences: 2,
      onProgress: (progress) =>
        progress._tag === "Load" && progress.fraction === 1 ? Console.log("the model is in memory") : Effect.void
    })
  )
)

const City = Schema.Struct({ city: Schema.String.pipe(Schema.maxLength(40)) })

const question = "What is the capital of France?"

const program = Effect.gen(function* () {
  yield* Console.log(yield* Tokenizer.countChat(question), "tokens to read")

  // Token by token; to leave the stream stops the engine.
  yield* Stream.runForEach(LlmClient.streamText(question), (text) => Effect.sync(() => process.stdout.write(text)))
  yield* Console.log("")

  // A grammar lets the model write nothing that is not of the schema's form.
  const answer = yield* LlmClient.complete({
    prompt: `${question} Answer in JSON.`,
    responseFormat: { _tag: "JsonSchema", name: "city", schema: Tool.jsonSchema(City) },
    maxTokens: 100
  })
  const { city } = yield* Schema.decode(Schema.parseJson(City))(answer.text)
  yield* Console.log(city, "in", answer.usage.outputTokens, "tokens")
})
// -> the model is in memory
// -> … tokens to read
// -> Paris.
// -> Paris in … tokens

await Effect.runPromise(
  program.pipe(
    Effect.provide(local),
    // Without the model or the package, this says what to set or to install.
    Effect.catchTag("ConfigError", (error) => Console.log(String(error)))
  )
)
