// What both rows of effect-llm share: the same calls over whichever HttpClient layer.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { LlmClient, OpenAi, StreamPart } from "../dist/index.js"
import { model, prompt } from "./payload.mjs"

export const makeOver =
  (httpClient) =>
  ({ baseUrl, connections }) => {
    const runtime = ManagedRuntime.make(
      OpenAi.layer({ apiKey: Redacted.make("key"), baseUrl, model }).pipe(Layer.provide(httpClient(connections)))
    )
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
