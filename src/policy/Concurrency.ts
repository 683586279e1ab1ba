/**
 * At most so many calls in flight. Waiting is first come, first served, and ends at once when the caller is interrupted;
 * a stream holds its place until it ends or is left.
 */
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Service } from "../LlmClient.js"
import { make, type Policy, positiveInteger } from "./Make.js"
import { Places } from "../Places.js"

/**
 * At most `limit` calls at a time through this layer. Belongs inside of `retry`: a place is not held while a retry waits.
 */
export const concurrency = (limit: number): Policy<ConfigError.ConfigError> =>
  make((next) =>
    Effect.gen(function* () {
      const places = new Places(yield* positiveInteger("concurrency", limit))
      const service: Service = {
        ...next,
        complete: (request) => places.hold(next.complete(request)),
        embed: (request) => places.hold(next.embed(request)),
        stream: (request) => Stream.unwrapScoped(Effect.as(places.holdScoped, next.stream(request)))
      }
      return service
    })
  )
