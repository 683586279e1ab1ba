/**
 * Tells those who listen in a call's context what the headers of its answer say of the provider's limits.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Limits from "../Limits.js"
import * as RateLimitHeaders from "../wire/RateLimitHeaders.js"
import type { Headers } from "../wire/RetryAfter.js"
import type { Origin } from "../wire/Wire.js"

/** Tells of an answer's headers, and goes on with it. */
export const telling = <A, E>(
  origin: Origin,
  headers: Headers,
  onward: () => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.withFiberRuntime((fiber) => {
    const listeners = Context.get(fiber.currentContext, Limits.Listeners)
    return listeners.length === 0
      ? onward()
      : Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const limits = RateLimitHeaders.read(origin, headers, now)
          if (limits !== undefined) for (const listener of listeners) listener(limits)
          return onward()
        })
  })
