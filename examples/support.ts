// Where the examples send their calls: to OpenAI when OPENAI_API_KEY is set, else to a simulated OpenAI on this machine,
// so that they run without a key. A program of your own needs only the line with `layerConfig`.
import { FetchHttpClient } from "@effect/platform"
import { Config, Effect, Layer, Redacted } from "effect"
import { OpenAi } from "effect-llm"
import { Simulator } from "effect-llm/testing"

const model = "gpt-4.1-mini"

/** What the simulated model says to a request. */
export type Answer = NonNullable<Simulator.Options["answer"]>

const simulated = (options: Simulator.Options) =>
  Layer.unwrapEffect(
    Effect.map(Simulator.Simulator, ({ url }) =>
      OpenAi.layer({ apiKey: Redacted.make("simulated"), model, baseUrl: url })
    )
  ).pipe(Layer.provide(Simulator.layer(options)))

/** `LlmClient` over fetch. The options are those of the simulated OpenAI: what it answers, and what goes wrong. */
export const layer = (options: Simulator.Options = {}) =>
  Layer.unwrapEffect(
    Effect.map(Config.option(Config.string("OPENAI_API_KEY")), (key) =>
      key._tag === "Some" ? OpenAi.layerConfig({ model }) : simulated(options)
    )
  ).pipe(Layer.provide(FetchHttpClient.layer))
