// Claude, by Anthropic's own protocol: how hard it thinks, and what of a request it does not take. Without a key, a
// simulated one answers.
// npx tsx examples/anthropic.ts
import { FetchHttpClient } from "@effect/platform"
import { Config, Console, Effect, Layer, Redacted } from "effect"
import { Anthropic, LlmClient } from "effect-llm"
import { Simulator } from "effect-llm/testing"

const model = "claude-sonnet-4-5"

const simulated = Layer.unwrapEffect(
  Effect.map(Simulator.Simulator, ({ url }) =>
    Anthropic.layer({ apiKey: Redacted.make("simulated"), model, baseUrl: url })
  )
).pipe(Layer.provide(Simulator.layer({ answer: () => "Paris." })))

const llm = Layer.unwrapEffect(
  Effect.map(Config.option(Config.string("ANTHROPIC_API_KEY")), (key) =>
    key._tag === "Some" ? Anthropic.layerConfig({ model }) : simulated
  )
)

const program = Effect.gen(function* () {
  const request = { prompt: "What is the capital of France?", reasoningEffort: "low", seed: 7 } as const
  const { finishReason, reasoning, text, warnings } = yield* LlmClient.complete(request)
  yield* Console.log(text, finishReason.unified, reasoning === "" ? "without a thought" : "after a thought")
  for (const { message } of warnings) yield* Console.log(message)
  // -> Paris. stop after a thought
  // -> this provider does not take seed: it was not sent
})

await Effect.runPromise(program.pipe(Effect.provide(llm), Effect.provide(FetchHttpClient.layer)))
