// What all rows of effect-llm share: the same calls, over whichever HttpClient layer and provider.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { Anthropic, Gemini, LlmClient, OpenAi, StreamPart } from "../dist/bundled/index.js"
import { model, models, prompt } from "./payload.mjs"

const apiKey = Redacted.make("key")

export const openAi = (baseUrl) => OpenAi.layer({ apiKey, baseUrl, model })
export const anthropic = (baseUrl) => Anthropic.layer({ apiKey, baseUrl, model: models.anthropic })
export const gemini = (baseUrl) => Gemini.layer({ apiKey, baseUrl, model: models.gemini })

export const makeOver =
  (httpClient, provider = openAi) =>
  ({ baseUrl, connections }) => {
    const runtime = ManagedRuntime.make(provider(baseUrl).pipe(Layer.provide(httpClient(connections))))
    const complete = Effect.map(LlmClient.complete(prompt), (completion) => completion.text)

    return {
      complete: () => runtime.runPromise(complete),
      many: (calls, concurrency, onText) =>
        runtime.runPromise(
          Effect.forEach(Array.from({ length: calls }), () => Effect.map(complete, onText), {
            concurrency,
            discard: true
          })
        ),
      stream: (onText) =>
        runtime.runPromise(
          LlmClient.stream(prompt).pipe(
            StreamPart.forEachChunk((parts) =>
              Effect.sync(() => {
                for (const part of parts) if (part._tag === "TextDelta") onText(part.text)
              })
            )
          )
        ),
      close: () => runtime.dispose()
    }
  }
