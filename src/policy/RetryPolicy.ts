/**
 * When to try again, and after how long: a `RetryPolicy` is a `Schedule`, and everything that works on Schedules works on it.
 *
 * The constructors give delays with jitter, a bound on retries, no retry of terminal errors, and the waits that servers
 * ask for; the combinators add the same to a Schedule of your own.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import { isRetryable, type LlmError, retryAfter } from "../LlmError.js"

export type RetryPolicy<R = never> = Schedule.Schedule<unknown, LlmError, R>

/**
 * How a delay is spread, so that callers who failed together do not come back together:
 * - `"none"`: the delay as it is
 * - `"full"`: anything from 0 to the delay
 * - `"equal"`: half the delay, and anything from 0 to the other half
 * - `{ plus }`: the delay, and anything from 0 to `plus`
 */
export type Jitter = "none" | "full" | "equal" | { readonly plus: Duration.DurationInput }

export interface Options {
  /** How many retries follow the first attempt: a whole number from 0 up; any other is taken as the next one below. Default: 5. */
  readonly retries?: number
  /** The longest delay, jitter included, and the longest wait a server may ask for. Default: 60 seconds. */
  readonly cap?: Duration.DurationInput
  /** Default: `"full"`. */
  readonly jitter?: Jitter
  /**
   * What to do when a server asks for a longer wait than `cap`: `"fail"` ends the retries at once with the error, so that a
   * fallback can take over; `"wait"` waits as long as it asked. Default: `"fail"`.
   */
  readonly beyondCap?: "fail" | "wait"
  /**
   * How many retries may follow a failure of which nobody knows whether the request was answered, and billed: a timeout, a
   * connection that broke, an answer that was cut. Default: 1.
   */
  readonly unknownOutcomes?: number
  /**
   * What follows the retries where the provider still says that it is overloaded: `"fail"` at once, or `"wait"` some minutes
   * between 3 more retries (1, 2 and 4 minutes, and up to half of that more). Default: `"fail"`, and `"wait"` in `standard`.
   */
  readonly outage?: "fail" | "wait"
}

// -----------------------------------------------------------------------------
// Combinators
// -----------------------------------------------------------------------------

/** Ends at the first terminal error. `Policy.retry` adds this to every Schedule. */
export const retryableOnly = <Out, R>(self: Schedule.Schedule<Out, LlmError, R>): Schedule.Schedule<Out, LlmError, R> =>
  Schedule.whileInput(self, isRetryable)

/**
 * Waits as long as the server asked when that is longer than the Schedule's own delay, jitter included: never earlier
 * than asked. `cap` and `beyondCap` as in `Options`.
 */
export const honorRetryAfter =
  (options: { readonly cap?: Duration.DurationInput; readonly beyondCap?: "fail" | "wait" } = {}) =>
  <Out, R>(self: Schedule.Schedule<Out, LlmError, R>): Schedule.Schedule<LlmError, LlmError, R> => {
    const cap = Duration.decode(options.cap ?? "60 seconds")
    const isShortEnough = (error: LlmError): boolean =>
      options.beyondCap === "wait" || Duration.lessThanOrEqualTo(asked(error), cap)
    return self.pipe(
      Schedule.whileInput(isShortEnough),
      Schedule.passthrough,
      Schedule.modifyDelay((error, delay) => Duration.max(asked(error), delay))
    )
  }

/**
 * Ends where another retry would follow more than `retries` failures whose outcome is unknown: each may have been paid for.
 */
export const limitUnknown =
  (retries: number) =>
  <Out, R>(self: Schedule.Schedule<Out, LlmError, R>): Schedule.Schedule<Out, LlmError, R> => {
    const initial: readonly [unknown, number] = [self.initial, 0]
    return Schedule.makeWithState(initial, (now, input: LlmError, [state, before]) => {
      const count = input.outcome === "unknown" ? before + 1 : before
      return Effect.map(self.step(now, input, state), ([next, out, decision]) => {
        const isOver = input.outcome === "unknown" && count > retries
        return [[next, count], out, isOver ? ScheduleDecision.done : decision] as const
      })
    })
  }

const asked = (error: LlmError): Duration.Duration => Option.getOrElse(retryAfter(error), () => Duration.zero)

/** Ends before a wait that would go beyond this time, counted from the first failure. */
export const upTo =
  (total: Duration.DurationInput) =>
  <Out, In, R>(self: Schedule.Schedule<Out, In, R>): Schedule.Schedule<Out, In, R> => {
    const millis = Duration.toMillis(total)
    const initial: readonly [unknown, number | undefined] = [self.initial, undefined]
    return Schedule.makeWithState(initial, (now, input: In, [state, first]) =>
      Effect.map(self.step(now, input, state), ([next, out, decision]) => {
        const start = first ?? now
        const isLate =
          ScheduleDecision.isContinue(decision) && ScheduleIntervals.start(decision.intervals) - start > millis
        return [[next, start], out, isLate ? ScheduleDecision.done : decision] as const
      })
    )
  }

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

const spread = (delay: number, jitter: Jitter): Effect.Effect<number> => {
  if (jitter === "none") return Effect.succeed(delay)
  if (jitter === "full") return Random.nextRange(0, delay)
  if (jitter === "equal") return Random.nextRange(delay / 2, delay)
  return Effect.map(Random.nextRange(0, Duration.toMillis(jitter.plus)), (more) => delay + more)
}

/** A long outage: minutes between retries, for whoever is told that the provider is overloaded. */
const outage: RetryPolicy = Schedule.exponential("1 minute", 2).pipe(
  Schedule.modifyDelayEffect((_, delay) =>
    Effect.map(spread(Duration.toMillis(delay), { plus: Duration.times(delay, 0.5) }), Duration.millis)
  ),
  Schedule.whileInput((error: LlmError) => error._tag === "Overloaded"),
  honorRetryAfter({ cap: "10 minutes" }),
  Schedule.intersect(Schedule.recurs(3))
)

const build = (delays: Schedule.Schedule<unknown, unknown>, options: Options): RetryPolicy => {
  const quick = buildQuick(delays, options)
  const whole = options.outage === "wait" ? Schedule.andThen(quick, outage) : quick
  return limitUnknown(options.unknownOutcomes ?? 1)(whole)
}

const buildQuick = (delays: Schedule.Schedule<unknown, unknown>, options: Options): RetryPolicy => {
  const cap = Duration.toMillis(options.cap ?? "60 seconds")
  return delays.pipe(
    Schedule.modifyDelayEffect((_, delay) =>
      Effect.map(spread(Math.min(Duration.toMillis(delay), cap), options.jitter ?? "full"), (millis) =>
        Duration.millis(Math.min(millis, cap))
      )
    ),
    retryableOnly,
    honorRetryAfter({ cap, beyondCap: options.beyondCap ?? "fail" }),
    Schedule.intersect(Schedule.recurs(Math.max(0, Math.floor(options.retries ?? 5) || 0)))
  )
}

/** Delays of `base` × `factor` ^ (retry - 1). Defaults: 500 milliseconds, factor 2, and those of `Options`. */
export const exponential = (
  options: Options & { readonly base?: Duration.DurationInput; readonly factor?: number } = {}
): RetryPolicy => build(Schedule.exponential(options.base ?? "500 millis", options.factor ?? 2), options)

/** Delays of `unit` × retry. Defaults: 1 second, and those of `Options`. */
export const linear = (options: Options & { readonly unit?: Duration.DurationInput } = {}): RetryPolicy =>
  build(Schedule.linear(options.unit ?? "1 second"), options)

/**
 * Exponential from 500 ms, factor 2, full jitter, at most 60 s, 5 retries; waits as servers ask; one retry where nobody
 * knows whether the request was answered; where the provider is still overloaded, 3 more retries over some minutes.
 */
export const standard: RetryPolicy = exponential({ outage: "wait" })

/** No retry. */
export const none: RetryPolicy = Schedule.stop
