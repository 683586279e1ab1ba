/**
 * At most so many calls in flight. Waiting is first come, first served, and ends at once when the caller is interrupted;
 * a stream holds its place until it ends or is left.
 */
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Service } from "../LlmClient.js"
import { make, type Policy, positiveInteger } from "./Make.js"

/**
 * At most `limit` calls at a time through this layer. Belongs inside of `retry`: a place is not held while a retry waits.
 */
export const concurrency = (limit: number): Policy<ConfigError.ConfigError> =>
  make((next) =>
    Effect.gen(function*() {
      const places = yield* Effect.makeSemaphore(yield* positiveInteger("concurrency", limit))
      const service: Service = {
        ...next,
        complete: (request) => places.withPermits(1)(next.complete(request)),
        embed: (request) => places.withPermits(1)(next.embed(request)),
        stream: (request) => Stream.unwrapScoped(Effect.as(place(places), next.stream(request)))
      }
      return service
    })
  )

/** Takes a place for as long as the scope lasts. Not `acquireRelease`: the wait must be interruptible. */
const place = (places: Effect.Semaphore): Effect.Effect<void, never, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.zipRight(restore(places.take(1)), Effect.addFinalizer(() => places.release(1)))
  )
