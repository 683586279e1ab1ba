/**
 * What operators look at: a span per call around those of its attempts, in OpenTelemetry's names for generative AI, and
 * metrics of calls and attempts. Prompts and answers are in neither, unless asked for.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Attempts from "../Attempts.js"
import type { ChatRequest } from "../ChatRequest.js"
import type { EmbedRequest } from "../Embeddings.js"
import * as GenAiSpan from "../GenAiSpan.js"
import type { Service } from "../LlmClient.js"
import { isLlmError, type LlmError } from "../LlmError.js"
import * as StreamEnd from "../StreamEnd.js"
import { Collector, type StreamPart } from "../StreamPart.js"
import { make, type Policy } from "./Make.js"
import { LlmMetrics } from "./LlmMetrics.js"

/** - `recordContent`: whether spans hold prompts and answers, which may be anyone's secrets. Default: no */
export interface TelemetryOptions {
  readonly recordContent?: boolean
}

/**
 * Spans and metrics of all calls. Belongs outermost: what it measures is what the program waits for. A span is made only
 * where a tracer is given, such as that of `@effect/opentelemetry`.
 */
export const telemetry = (options: TelemetryOptions = {}): Policy =>
  make((next) =>
    Effect.sync((): Service => {
      const metrics = new LlmMetrics()
      const begin = (operation: Operation, request: ChatRequest | EmbedRequest): Effect.Effect<Watch> =>
        Effect.withFiberRuntime((fiber) => beginIn(fiber, { next, metrics, operation, request, options }))
      return {
        ...next,
        // No interruption falls between the beginning of a watch and its end.
        complete: (request) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.flatMap(begin("chat", request), (watch) => watch.call(restore(next.complete(request))))
          ),
        embed: (request) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.flatMap(begin("embeddings", request), (watch) => watch.call(restore(next.embed(request))))
          ),
        stream: (request) =>
          Stream.fromChannel(
            Channel.suspend(() => {
              let watch: Watch | undefined
              const begun = Effect.map(begin("chat", request), (it) => (watch = it))
              return Channel.flatMap(Channel.fromEffect(begun), (it) => it.stream(next.stream(request))).pipe(
                StreamEnd.ensuringWith((exit) => (watch === undefined ? Effect.void : watch.left(exit)))
              )
            })
          )
      }
    })
  )

type Operation = Attempts.Attempt["operation"]

interface Call {
  readonly next: Service
  readonly metrics: LlmMetrics
  readonly operation: Operation
  readonly request: ChatRequest | EmbedRequest
  readonly options: TelemetryOptions
}

const beginIn = (fiber: Fiber.RuntimeFiber<unknown, unknown>, call: Call): Effect.Effect<Watch> => {
  const others = Context.get(fiber.currentContext, Attempts.Listeners)
  const { next, operation, options, request } = call
  const origin = { provider: next.provider, model: request.model ?? next.model }
  const span = GenAiSpan.isTraced(fiber)
    ? Effect.makeSpan(`${operation} ${origin.model}`, {
        kind: "internal",
        captureStackTrace: false,
        attributes: {
          ...GenAiSpan.asked(operation, origin),
          ...(options.recordContent === true ? asked(request) : {})
        }
      })
    : Effect.succeed(undefined)
  return Effect.flatMap(span, (span) =>
    Effect.clockWith((clock) => Effect.sync(() => new Watch(call, others, span, clock.unsafeCurrentTimeMillis())))
  )
}

const asked = (request: ChatRequest | EmbedRequest): Readonly<Record<string, string>> =>
  "prompt" in request
    ? { "gen_ai.input.messages": JSON.stringify(request.prompt) }
    : { "gen_ai.input.messages": JSON.stringify(request.input) }

interface Answer extends GenAiSpan.Answer {
  readonly cached: boolean
  readonly attempts: number
  readonly parts?: ReadonlyArray<unknown>
}

/** One call, from its start to its end. */
class Watch {
  private isFirst = true
  private collector: Collector | undefined
  private finish: Answer | undefined

  constructor(
    private readonly of: Call,
    private readonly others: ReadonlyArray<Attempts.Listener>,
    private readonly span: Tracer.Span | undefined,
    private readonly started: number
  ) {
    of.metrics.began()
  }

  call<A extends Answer>(call: Effect.Effect<A, LlmError>): Effect.Effect<A, LlmError> {
    const { span } = this
    const listened = Effect.provideService(call, Attempts.Listeners, [...this.others, this.heard])
    const within = span === undefined ? listened : Effect.provideService(listened, Tracer.ParentSpan, span)
    return Effect.onExit(within, (exit) => this.end(exit, Exit.isSuccess(exit) ? exit.value : undefined))
  }

  stream(parts: Stream.Stream<StreamPart, LlmError>): Channel.Channel<Chunk.Chunk<StreamPart>, unknown, LlmError> {
    const { span } = this
    if (this.of.options.recordContent === true && span !== undefined) this.collector = new Collector()
    const listened = Stream.provideService(parts, Attempts.Listeners, [...this.others, this.heard])
    const within = span === undefined ? listened : Stream.provideService(listened, Tracer.ParentSpan, span)
    return Channel.mapOut(Stream.toChannel(within), (chunk) => {
      for (const part of chunk) {
        this.collector?.push(part)
        if (part._tag === "Finish") this.finish = part
      }
      return chunk
    })
  }

  /** The end of a stream, however it came. */
  left(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const { collector, finish } = this
    const parts = collector?.completion()?.parts
    return this.end(exit, finish === undefined || parts === undefined ? finish : { ...finish, parts })
  }

  private readonly heard: Attempts.Listener = (attempt) => {
    const { metrics } = this.of
    if (this.isFirst && attempt.result !== "cached") metrics.queued(attempt, attempt.at - attempt.millis - this.started)
    this.isFirst = false
    metrics.attempted(attempt)
  }

  private end(exit: Exit.Exit<unknown, unknown>, answer: Answer | undefined): Effect.Effect<void> {
    return Effect.clockWith((clock) =>
      Effect.sync(() => {
        const { metrics, next, operation, options, request } = this.of
        const error = errorOf(exit)
        const seconds = (clock.unsafeCurrentTimeMillis() - this.started) / 1000
        metrics.ended({
          operation,
          provider: next.provider,
          model: request.model ?? next.model,
          seconds,
          error: answer === undefined ? (error?._tag ?? "aborted") : undefined
        })
        const { span } = this
        if (span === undefined) return
        if (answer !== undefined) {
          GenAiSpan.answered(span, answer)
          span.attribute("effect_llm.attempts", answer.attempts)
          span.attribute("effect_llm.cached", answer.cached)
          if (options.recordContent === true && answer.parts !== undefined) {
            span.attribute("gen_ai.output.messages", JSON.stringify(answer.parts))
          }
        } else if (error !== undefined) {
          GenAiSpan.failed(span, error)
          span.attribute("effect_llm.attempts", error.attempts)
        }
        span.end(clock.unsafeCurrentTimeNanos(), answer === undefined ? exit : Exit.void)
      })
    )
  }
}

const errorOf = (exit: Exit.Exit<unknown, unknown>): LlmError | undefined =>
  Exit.isFailure(exit) && Cause.isFailType(exit.cause) && isLlmError(exit.cause.error) ? exit.cause.error : undefined
