/**
 * One span per attempt, in OpenTelemetry's GenAI names, for whoever has a tracer: without one, none is made (a span that
 * nobody exports costs as much as the rest of a call). Prompts and answers are never in it.
 */
import type * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import { Ordinal } from "../Attempts.js"
import * as GenAiSpan from "../GenAiSpan.js"
import type { LlmError } from "../LlmError.js"
import type { Finish, StreamPart } from "../StreamPart.js"
import type { Origin } from "../wire/Wire.js"

const spanOptions = (operation: string, origin: Origin, context: Context.Context<never>): Tracer.SpanOptions => {
  const { number, waitMillis } = Context.get(context, Ordinal)
  const attributes = { ...GenAiSpan.asked(operation, origin), "effect_llm.attempt": number }
  return {
    kind: "client",
    captureStackTrace: false,
    attributes: number === 1 ? attributes : { ...attributes, "effect_llm.wait_ms": waitMillis }
  }
}

/** Runs one attempt of a call in its span. */
export const traced = <A extends GenAiSpan.Answer, R>(
  operation: string,
  origin: Origin,
  attempt: Effect.Effect<A, LlmError, R>
): Effect.Effect<A, LlmError, R> =>
  Effect.withFiberRuntime((fiber) =>
    !GenAiSpan.isTraced(fiber)
      ? attempt
      : Effect.useSpan(`${operation} ${origin.model}`, spanOptions(operation, origin, fiber.currentContext), (span) =>
          attempt.pipe(
            Effect.tap((answer) => Effect.sync(() => GenAiSpan.answered(span, answer))),
            Effect.tapError((error) => Effect.sync(() => GenAiSpan.failed(span, error))),
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
    !GenAiSpan.isTraced(fiber)
      ? Effect.succeed(noSpan)
      : Effect.map(
          Effect.makeSpan(`${operation} ${origin.model}`, spanOptions(operation, origin, fiber.currentContext)),
          (span) => ({
            answered: (parts) => {
              for (const part of parts) if (part._tag === "Finish") GenAiSpan.answered(span, answerOf(part))
            },
            failed: (error) => GenAiSpan.failed(span, error),
            end: (exit) => Effect.map(Clock.currentTimeNanos, (now) => span.end(now, exit))
          })
        )
  )

const answerOf = ({ finishReason, id, model, usage }: Finish): GenAiSpan.Answer => ({ finishReason, id, model, usage })
