/**
 * Where a cache keeps its answers: in memory, bounded, the least recently used one leaves first; or in memory in front of
 * a store that is slower and outlives it.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** `expires`: in epoch milliseconds; `Infinity` is never. */
export interface Entry<A> {
  readonly value: A
  readonly expires: number
}

export interface CacheStore<A> {
  readonly get: (key: string) => Effect.Effect<Option.Option<Entry<A>>>
  /** One per key, in their order. */
  readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Option.Option<Entry<A>>>>
  readonly setMany: (entries: ReadonlyArray<readonly [key: string, entry: Entry<A>]>) => Effect.Effect<void>
}

/** An answer that lives for ever has the `timeToLive` `Duration.infinity`. */
export const set = <A>(
  store: CacheStore<A>,
  values: ReadonlyArray<readonly [key: string, value: A]>,
  timeToLive: Duration.Duration
): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const expires = now + Duration.toMillis(timeToLive)
    return store.setMany(values.map(([key, value]) => [key, { value, expires }]))
  })

/** At most `capacity` answers; one is gone when its time to live is over. */
export const memory = <A>(capacity: number): CacheStore<A> => {
  // A Map keeps the order in which keys were put in: the first one is the least recently used.
  const entries = new Map<string, Entry<A>>()
  const get = (key: string, now: number): Option.Option<Entry<A>> => {
    const entry = entries.get(key)
    if (entry === undefined) return Option.none()
    entries.delete(key)
    if (entry.expires <= now) return Option.none()
    entries.set(key, entry)
    return Option.some(entry)
  }
  return {
    get: (key) => Effect.map(Clock.currentTimeMillis, (now) => get(key, now)),
    getMany: (keys) => Effect.map(Clock.currentTimeMillis, (now) => keys.map((key) => get(key, now))),
    setMany: (added) =>
      Effect.sync(() => {
        for (const [key, entry] of added) {
          entries.delete(key)
          entries.set(key, entry)
        }
        for (const oldest of entries.keys()) {
          if (entries.size <= capacity) break
          entries.delete(oldest)
        }
      })
  }
}

/** What is in front is not looked for behind it; what is found behind is put in front, with the time that is left. */
export const fronted = <A>(front: CacheStore<A>, behind: CacheStore<A>): CacheStore<A> => ({
  get: (key) =>
    Effect.flatMap(front.get(key), (hit) =>
      Option.isSome(hit)
        ? Effect.succeed(hit)
        : Effect.tap(behind.get(key), (found) =>
            Option.isSome(found) ? front.setMany([[key, found.value]]) : Effect.void
          )
    ),
  getMany: (keys) =>
    Effect.gen(function* () {
      const hits = yield* front.getMany(keys)
      const missing = keys.filter((_, i) => Option.isNone(hits[i] ?? Option.none()))
      if (missing.length === 0) return hits
      const found = yield* behind.getMany(missing)
      const added = new Map(
        missing.flatMap((key, i) => {
          const entry = found[i]
          return entry !== undefined && Option.isSome(entry) ? [[key, entry.value] as const] : []
        })
      )
      yield* front.setMany([...added])
      return keys.map((key, i) => Option.orElse(hits[i] ?? Option.none(), () => Option.fromNullable(added.get(key))))
    }),
  setMany: (entries) => Effect.zipRight(front.setMany(entries), behind.setMany(entries))
})
