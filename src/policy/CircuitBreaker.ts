/**
 * Stops calling a provider that fails: when too many of the last calls have failed, further ones fail at once with
 * `CircuitOpen`, until after a while a few are let through to find out. One circuit per client.
 *
 * It keeps no timer and no fiber: an open circuit becomes half-open by the first call after its time. Its state is a metric,
 * too: `effect_llm.circuit.state`, 0 closed, 1 half-open, 2 open.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Service } from "../LlmClient.js"
import { CircuitOpen, isLlmError, type LlmError, type Tag } from "../LlmError.js"
import * as StreamEnd from "../StreamEnd.js"
import { Circuit, type CircuitState, type Passage, type Verdict } from "./Circuit.js"
import * as ErrorClass from "./ErrorClass.js"
import { circuitChanged } from "./LlmMetrics.js"
import { make, type Policy, positiveDuration, positiveInteger } from "./Make.js"

export type { CircuitState } from "./Circuit.js"

/** A change of state, and whose it is. */
export interface CircuitChange {
  readonly provider: string
  readonly model: string
  readonly from: CircuitState
  readonly to: CircuitState
}

/**
 * - `failureRatio`: opens when this share of the calls in the window has failed. Default: 0.5
 * - `minimumCalls`: but not before so many have ended in the window. Default: 10
 * - `window`: how long a call counts. Default: 30 seconds
 * - `openFor`: how long the circuit stays open before it is tried again. Default: 30 seconds
 * - `halfOpenProbes`: how many calls are then let through; all must succeed to close it, one that fails opens it again.
 *   Default: 1
 * - `failures`: the errors that count. Default: those of a provider that does not work: `ServerFailed`, `Overloaded`,
 *   `RequestTimeout`, `ConnectionFailed`, `MalformedResponse` and `StreamInterrupted`. `RateLimited` is not among them: the
 *   provider works, and says itself when to come back. Other errors are answers, unless nothing was sent; a call that its
 *   caller left says nothing
 * - `state`: is kept at the circuit's state, for whoever wants to watch it
 * - `onStateChange`: is run at each change, in order, by the call that made it, which waits for it
 */
export interface CircuitBreakerOptions<R = never> {
  readonly failureRatio?: number | undefined
  readonly minimumCalls?: number | undefined
  readonly window?: Duration.DurationInput | undefined
  readonly openFor?: Duration.DurationInput | undefined
  readonly halfOpenProbes?: number | undefined
  readonly failures?: ErrorClass.ErrorClass | undefined
  readonly state?: SubscriptionRef.SubscriptionRef<CircuitState> | undefined
  readonly onStateChange?: ((change: CircuitChange) => Effect.Effect<unknown, never, R>) | undefined
}

const failureTags: ReadonlyArray<Tag> = [
  "ServerFailed",
  "Overloaded",
  "RequestTimeout",
  "ConnectionFailed",
  "MalformedResponse",
  "StreamInterrupted"
]

/**
 * A circuit around this client. Belongs around `attemptTimeout`, so that silence counts. The `retryAfter` of `CircuitOpen`
 * is the time until the circuit is tried again, and a `retry` around it waits for that: where a `fallback` follows, the
 * breaker belongs around `retry`. There is no `retryAfter` while the probes are under way. A probe that is interrupted gives
 * its place back; a stream has passed as a probe with its first part, and counts once more when it ends.
 */
export const circuitBreaker = <R = never>(options: CircuitBreakerOptions<R> = {}): Policy<ConfigError.ConfigError, R> =>
  make((next) =>
    Effect.gen(function* () {
      const { failures = failureTags, onStateChange, state } = options
      const circuit = new Circuit(yield* settings(options))
      const isFailure = yield* ErrorClass.make(["circuitBreaker", "failures"], failures)
      const context = yield* Effect.context<R>()
      const { model, provider } = next

      const turn = yield* Effect.makeSemaphore(1)
      const told: Effect.Effect<void> = Effect.suspend(() => {
        const change = circuit.changes.shift()
        if (change === undefined) return Effect.void
        const [from, to] = change
        circuitChanged(next, to)
        const tell = onStateChange === undefined ? Effect.void : onStateChange({ provider, model, from, to })
        return Effect.zipRight(
          state === undefined ? Effect.void : SubscriptionRef.set(state, to),
          Effect.zipRight(Effect.provide(tell, context), told)
        )
      })
      /** Tells of changes, one at a time and in their order. */
      const tellChanges = Effect.suspend(() =>
        circuit.changes.length === 0 ? Effect.void : turn.withPermits(1)(Effect.uninterruptible(told))
      )

      const verdict = (exit: Exit.Exit<unknown, unknown>): Verdict => {
        if (Exit.isSuccess(exit)) return "success"
        if (!Cause.isFailType(exit.cause) || !isLlmError(exit.cause.error)) return "none"
        const { error } = exit.cause
        return isFailure(error) ? "failure" : error.outcome === "not-sent" ? "none" : "success"
      }

      const enter = (request: Request): Effect.Effect<Passage, LlmError> =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const passage = circuit.enter(now)
          if (!("wait" in passage)) return Effect.succeed(passage)
          const { wait } = passage
          const error = new CircuitOpen({
            provider,
            model: request.model ?? model,
            attempts: 0,
            message:
              wait === undefined
                ? "the circuit is half-open, and its probes are under way"
                : `the circuit is open for another ${Duration.format(Duration.millis(wait))}`,
            ...(wait === undefined ? {} : { retryAfter: Duration.millis(wait) })
          })
          return Effect.fail(error)
        })

      const leave = (passage: Passage, verdict: Verdict): Effect.Effect<void> =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          circuit.leave(passage, verdict, now)
          return tellChanges
        })

      const answered = (passage: Passage): Effect.Effect<void> =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          circuit.answers(passage, now)
          return tellChanges
        })

      const guarded = <A>(request: Request, call: Effect.Effect<A, LlmError>): Effect.Effect<A, LlmError> =>
        Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(enter(request), (passage) =>
            Effect.onExit(restore(Effect.zipRight(tellChanges, call)), (exit) => leave(passage, verdict(exit)))
          )
        )

      const service: Service = {
        ...next,
        complete: (request) => guarded(request, next.complete(request)),
        embed: (request) => guarded(request, next.embed(request)),
        stream: (request) =>
          Stream.fromChannel(
            Channel.suspend(() => {
              // Set in the step that lets it through, and left by a finalizer that was there before.
              let passage: Passage | undefined
              let hasAnswered = false
              const entered = Effect.zipRight(
                Effect.map(enter(request), (it) => (passage = it)),
                tellChanges
              )
              const parts = Stream.mapChunksEffect(next.stream(request), (chunk) => {
                if (hasAnswered || Chunk.isEmpty(chunk)) return Effect.succeed(chunk)
                hasAnswered = true
                return passage?.isProbe === true ? Effect.as(answered(passage), chunk) : Effect.succeed(chunk)
              })
              return Channel.zipRight(Channel.fromEffect(entered), Stream.toChannel(parts)).pipe(
                StreamEnd.ensuringWith((exit) =>
                  passage === undefined
                    ? Effect.void
                    : // Whoever leaves a stream in its midst has seen it answer.
                      leave(passage, isFailed(exit) ? verdict(exit) : hasAnswered ? "success" : "none")
                )
              )
            })
          )
      }
      return service
    })
  )

// -----------------------------------------------------------------------------

type Request = { readonly model?: string | undefined }

const isFailed = (exit: Exit.Exit<unknown, unknown>): boolean => Exit.isFailure(exit) && Cause.isFailType(exit.cause)

const settings = <R>(options: CircuitBreakerOptions<R>) =>
  Effect.gen(function* () {
    const { failureRatio = 0.5, halfOpenProbes = 1, minimumCalls = 10 } = options
    if (!(failureRatio > 0 && failureRatio <= 1)) {
      return yield* Effect.fail(
        ConfigError.InvalidData(
          ["circuitBreaker", "failureRatio"],
          `must be above 0 and at most 1, not ${failureRatio}`
        )
      )
    }
    const duration = (option: "window" | "openFor") =>
      Effect.filterOrFail(
        Effect.map(positiveDuration(`circuitBreaker.${option}`, options[option] ?? "30 seconds"), Duration.toMillis),
        Number.isFinite,
        () => ConfigError.InvalidData([`circuitBreaker.${option}`], "must not be without end")
      )
    return {
      failureRatio,
      minimumCalls: yield* positiveInteger("circuitBreaker.minimumCalls", minimumCalls),
      window: yield* duration("window"),
      openFor: yield* duration("openFor"),
      halfOpenProbes: yield* positiveInteger("circuitBreaker.halfOpenProbes", halfOpenProbes)
    }
  })
