/**
 * The policies that named settings ask for.
 */
import type * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleInterval from "effect/ScheduleInterval"
import type { LlmClient } from "../LlmClient.js"
import type { LlmError } from "../LlmError.js"
import * as Policy from "../policy/Policy.js"
import * as RetryPolicy from "../policy/RetryPolicy.js"
import type { NamedSettings } from "./NamedSettings.js"

type Given = Policy.Policy<ConfigError.ConfigError> | undefined

/** From the innermost on. What the settings do not name is not there. */
export const around =
  (settings: NamedSettings) =>
  <E, R>(layer: Layer.Layer<LlmClient, E, R>): Layer.Layer<LlmClient, E | ConfigError.ConfigError, R> =>
    layer.pipe(
      orNone(settings.TIMEOUT && Policy.attemptTimeout(settings.TIMEOUT)),
      orNone(concurrency(settings.MAX_CONCURRENT_MODEL_CALLS)),
      orNone(throttle(settings.WAITING_TIME)),
      orNone(retry(settings)),
      orNone(settings.CACHE_API_CALLS === true ? Policy.cache() : undefined)
    )

const orNone = (policy: Given): Policy.Policy<ConfigError.ConfigError> => policy ?? ((layer) => layer)

const concurrency = (limit: NamedSettings["MAX_CONCURRENT_MODEL_CALLS"]): Given =>
  limit === undefined || limit === "none" ? undefined : Policy.concurrency(limit)

const throttle = (wait: Duration.Duration | undefined): Given =>
  wait === undefined || Duration.equals(wait, Duration.zero) ? undefined : Policy.throttle(wait)

/** Any one of the three names is enough. */
const retry = ({ EXPONENTIAL_BACKOFF_FACTOR, MAX_ATTEMPTS, WAITING_TIME }: NamedSettings): Given =>
  EXPONENTIAL_BACKOFF_FACTOR === undefined && MAX_ATTEMPTS === undefined && WAITING_TIME === undefined
    ? undefined
    : Policy.retry(backoff({ attempts: MAX_ATTEMPTS, wait: WAITING_TIME, factor: EXPONENTIAL_BACKOFF_FACTOR }))

/**
 * TinyTroupe's waits: `wait`, and `factor` times longer after each failure that was no timeout; a timeout is tried again at
 * once, and counts as an attempt. A first wait of 0 is 2 seconds. A server that asks for longer gets it, up to 5 minutes.
 */
export const backoff = (options: {
  readonly attempts?: number | undefined
  readonly wait?: Duration.Duration | undefined
  readonly factor?: number | undefined
}): RetryPolicy.RetryPolicy => {
  const { attempts = 5, factor = 5, wait = Duration.zero } = options
  const first = Duration.toMillis(wait) || 2000
  return Schedule.makeWithState(first, (now, error: LlmError, next) => {
    const isTimeout = error._tag === "RequestTimeout"
    const due = ScheduleInterval.after(isTimeout ? now : now + next)
    return Effect.succeed([isTimeout ? next : next * factor, error, ScheduleDecision.continueWith(due)] as const)
  }).pipe(
    RetryPolicy.retryableOnly,
    RetryPolicy.honorRetryAfter({ cap: "5 minutes" }),
    Schedule.intersect(Schedule.recurs(attempts - 1))
  )
}
