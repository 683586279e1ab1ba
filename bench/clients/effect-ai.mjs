// @effect/ai with @effect/ai-openai (which speaks the Responses API) over the platform's undici client.
import * as LanguageModel from "@effect/ai/LanguageModel"
import * as OpenAiClient from "@effect/ai-openai/OpenAiClient"
import * as OpenAiLanguageModel from "@effect/ai-openai/OpenAiLanguageModel"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { model, prompt } from "../payload.mjs"
import { layer as platformUndici } from "../platformUndici.mjs"

export const make = ({ baseUrl, connections }) => {
  const runtime = ManagedRuntime.make(
    OpenAiLanguageModel.layer({ model }).pipe(
      Layer.provide(OpenAiClient.layer({ apiKey: Redacted.make("key"), apiUrl: baseUrl })),
      Layer.provide(platformUndici(connections))
    )
  )
  const complete = Effect.map(LanguageModel.generateText({ prompt }), (response) => response.text)

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
        Stream.runForEachChunk(LanguageModel.streamText({ prompt }), (parts) =>
          Effect.sync(() => {
            for (const part of parts) if (part.type === "text-delta") onText(part.delta)
          })
        )
      ),
    close: () => runtime.dispose()
  }
}
