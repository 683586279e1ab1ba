/**
 * A shared store of rate limits with one of this process behind it: while the shared one cannot be reached, each process
 * keeps the limits alone. Said once, when it begins and when it is over.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Claim, RateLimitStore, RateLimitStoreFailed } from "./RateLimitStore.js"

/** How long nobody asks a store that failed, in milliseconds: each try may take as long as its timeout. */
const rest = 5000

export const make = (shared: RateLimitStore, local: RateLimitStore): RateLimitStore => {
  let failedUntil: number | undefined

  const failed = (error: RateLimitStoreFailed): Effect.Effect<void> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const isFirst = failedUntil === undefined
      failedUntil = now + rest
      return isFirst
        ? Effect.logWarning(`rate limits are not shared for now, each process keeps them alone: ${error.message}`)
        : Effect.void
    })

  const succeeded: Effect.Effect<void> = Effect.suspend(() => {
    if (failedUntil === undefined) return Effect.void
    failedUntil = undefined
    return Effect.logInfo("rate limits are shared again")
  })

  /** Runs on the shared store, or, where that fails or has failed, on the local one. */
  const either = <A>(
    onShared: Effect.Effect<A, RateLimitStoreFailed>,
    onLocal: Effect.Effect<A, RateLimitStoreFailed>
  ): Effect.Effect<A, RateLimitStoreFailed> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      failedUntil !== undefined && now < failedUntil
        ? onLocal
        : Effect.matchEffect(onShared, {
            onFailure: (error) => Effect.zipRight(failed(error), onLocal),
            onSuccess: (value) => Effect.as(succeeded, value)
          })
    )

  return {
    claim: (key, amounts) => {
      const there = shared.claim(key, amounts)
      const here = local.claim(key, amounts)
      /** Where the call's turn came; a place in the other line is left when the call is over. */
      let taken: Claim | undefined
      const takenIn = (claim: Claim, wait: number): number => {
        if (wait <= 0) taken = claim
        return wait
      }
      return {
        ask: (quota) =>
          either(
            Effect.map(there.ask(quota), (wait) => takenIn(there, wait)),
            Effect.map(here.ask(quota), (wait) => takenIn(here, wait))
          ),
        settle: (amounts) => (taken === here ? here.settle(amounts) : either(there.settle(amounts), Effect.void))
      }
    },
    learn: (key, lesson, quota) =>
      Effect.zipRight(local.learn(key, lesson, quota), either(shared.learn(key, lesson, quota), Effect.void))
  }
}
