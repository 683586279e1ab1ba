/**
 * At least so long between the starts of two calls, first come, first served. A caller that leaves while it waits leaves
 * no gap.
 */
import * as Clock from "effect/Clock"
import type * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Service } from "../LlmClient.js"
import { make, type Policy, positiveDuration } from "./Make.js"
import { Places } from "../Places.js"

/** At least `interval` between the starts of two calls through this layer. Belongs inside of `retry`, which starts calls too. */
export const throttle = (interval: Duration.DurationInput): Policy<ConfigError.ConfigError> =>
  make((next) =>
    Effect.gen(function* () {
      const millis = Duration.toMillis(yield* positiveDuration("throttle", interval))
      const queue = new Places(1)
      let last = Number.NEGATIVE_INFINITY
      /** Whoever is first in the queue sleeps in it, and takes its turn only when it has slept. */
      const turn = queue.hold(
        Effect.gen(function* () {
          // A wall clock may be set back.
          const wait = Math.min(millis, last + millis - (yield* Clock.currentTimeMillis))
          if (wait > 0) yield* Effect.sleep(Duration.millis(wait))
          last = yield* Clock.currentTimeMillis
        })
      )
      const service: Service = {
        ...next,
        complete: (request) => Effect.zipRight(turn, next.complete(request)),
        embed: (request) => Effect.zipRight(turn, next.embed(request)),
        stream: (request) => Stream.unwrap(Effect.as(turn, next.stream(request)))
      }
      return service
    })
  )
