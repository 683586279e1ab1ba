// A Llama model at Hugging Face, by its router; `baseUrl` (HF_BASE_URL) calls a server of your own, such as
// text-generation-inference. Without a token, a simulated one answers.
// npx tsx examples/hugging-face.ts
import { FetchHttpClient } from "@effect/platform"
import { Config, Console, Duration, Effect, Layer, Option, Redacted } from "effect"
import { HuggingFace, LlmClient, LlmError } from "effect-llm"
import { Fault, Simulator } from "effect-llm/testing"

const model = "meta-llama/Llama-3.3-70B-Instruct"

const simulated = Layer.unwrapEffect(
  Effect.map(Simulator.Simulator, ({ url }) =>
    HuggingFace.layer({ apiKey: Redacted.make("simulated"), model, baseUrl: new URL("/huggingface/v1", url).href })
  )
).pipe(Layer.provide(Simulator.layer({ answer: () => "Paris.", faults: [Fault.status(503)] })))

const llm = Layer.unwrapEffect(
  Effect.map(Config.option(Config.string("HF_TOKEN")), (token) =>
    token._tag === "Some" ? HuggingFace.layerConfig({ model }) : simulated
  )
)

const wait = (error: LlmError.LlmError): string =>
  Option.match(LlmError.retryAfter(error), { onNone: () => "a while", onSome: Duration.format })

const ask = LlmClient.complete("What is the capital of France?").pipe(
  Effect.flatMap(({ text }) => Console.log(text)),
  // A model that is still being loaded says how long that takes; `Policy.retry` would wait for it.
  Effect.catchTag("Overloaded", (error) => Console.log(`busy for ${wait(error)}`))
)
// -> busy for 20s
// -> Paris.

const program = Effect.zipRight(ask, ask)

await Effect.runPromise(program.pipe(Effect.provide(llm), Effect.provide(FetchHttpClient.layer)))
