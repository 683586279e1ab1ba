/**
 * One span per attempt, in OpenTelemetry's GenAI names, for whoever has a tracer: without one, none is made (a span that
 * nobody exports costs as much as the rest of a call). Prompts and answers are never in it.
 */
import type * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Tracer from "effect/Tracer"
import type { LlmError } from "../LlmError.js"
import type { Finish, StreamPart } from "../StreamPart.js"
import type { Usage } from "../Usage.js"
import type { Origin } from "../wire/Wire.js"

/** The tracer that everyone has who asked for none. */
const builtIn = Context.get(DefaultServices.liveServices, Tracer.Tracer)

const spanName = (operation: string, origin: Origin): string => `${operation} ${origin.model}`

const spanOptions = (operation: string, origin: Origin): Tracer.SpanOptions => ({
  kind: "client",
  captureStackTrace: false,
  attributes: {
    "gen_ai.operation.name": operation,
    "gen_ai.provider.name": origin.provider,
    "gen_ai.request.model": origin.model
  }
})

/** What a span says of an answer. */
export interface Answer {
  readonly model: string
  readonly usage: Usage
  readonly id?: string
  readonly finishReason?: { readonly unified: string }
}

const annotate = (span: Tracer.Span, answer: Answer): void => {
  span.attribute("gen_ai.response.model", answer.model)
  if (answer.id !== undefined) span.attribute("gen_ai.response.id", answer.id)
  if (answer.finishReason !== undefined) span.attribute("gen_ai.response.finish_reasons", [answer.finishReason.unified])
  if (answer.usage.inputTokens !== undefined) span.attribute("gen_ai.usage.input_tokens", answer.usage.inputTokens)
  if (answer.usage.outputTokens !== undefined) span.attribute("gen_ai.usage.output_tokens", answer.usage.outputTokens)
}

const annotateError = (span: Tracer.Span, error: LlmError): void => {
  span.attribute("error.type", error._tag)
  if (error.status !== undefined) span.attribute("http.response.status_code", error.status)
}

/** Runs one attempt of a call in its span. */
export const traced = <A extends Answer, R>(
  operation: string,
  origin: Origin,
  attempt: Effect.Effect<A, LlmError, R>
): Effect.Effect<A, LlmError, R> =>
  Effect.withFiberRuntime((fiber) =>
    fiber.currentTracer === builtIn
      ? attempt
      : Effect.useSpan(spanName(operation, origin), spanOptions(operation, origin), (span) =>
          attempt.pipe(
            Effect.tap((answer) => Effect.sync(() => annotate(span, answer))),
            Effect.tapError((error) => Effect.sync(() => annotateError(span, error))),
            Effect.withParentSpan(span)
          )
        )
  )

/** The span of a stream, which lasts until the stream ends or is left. */
export interface StreamSpan {
  readonly answered: (parts: Chunk.Chunk<StreamPart>) => void
  readonly failed: (error: LlmError) => void
  readonly end: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

const noSpan: StreamSpan = { answered: () => {}, failed: () => {}, end: () => Effect.void }

/** Starts the span of a stream; whoever starts it ends it. */
export const startStream = (operation: string, origin: Origin): Effect.Effect<StreamSpan> =>
  Effect.withFiberRuntime((fiber) =>
    fiber.currentTracer === builtIn
      ? Effect.succeed(noSpan)
      : Effect.map(Effect.makeSpan(spanName(operation, origin), spanOptions(operation, origin)), (span) => ({
          answered: (parts) => {
            for (const part of parts) if (part._tag === "Finish") annotate(span, answerOf(part))
          },
          failed: (error) => annotateError(span, error),
          end: (exit) => Effect.map(Clock.currentTimeNanos, (now) => span.end(now, exit))
        }))
  )

const answerOf = ({ finishReason, id, model, usage }: Finish): Answer => ({ finishReason, id, model, usage })
