/**
 * Where a cache keeps its answers: in memory, bounded, the least recently used one leaves first.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

export interface CacheStore<A> {
  readonly get: (key: string) => Effect.Effect<Option.Option<A>>
  /** An answer that lives for ever has the `timeToLive` `Duration.infinity`. */
  readonly set: (key: string, value: A, timeToLive: Duration.Duration) => Effect.Effect<void>
}

/** At most `capacity` answers; one is gone when its time to live is over. */
export const memory = <A>(capacity: number): CacheStore<A> => {
  // A Map keeps the order in which keys were put in: the first one is the least recently used.
  const entries = new Map<string, { readonly value: A; readonly expires: number }>()
  return {
    get: (key) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const entry = entries.get(key)
        if (entry === undefined) return Option.none()
        entries.delete(key)
        if (entry.expires <= now) return Option.none()
        entries.set(key, entry)
        return Option.some(entry.value)
      }),
    set: (key, value, timeToLive) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        entries.delete(key)
        entries.set(key, { value, expires: now + Duration.toMillis(timeToLive) })
        for (const oldest of entries.keys()) {
          if (entries.size <= capacity) break
          entries.delete(oldest)
        }
      })
  }
}
