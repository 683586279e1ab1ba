/**
 * A store that outlives the layer, such as a file or a server, and how a cache uses it: an entry is plain JSON with its
 * version, its kind and its own key, and is believed only when all of it fits. What cannot be read is a miss, what cannot
 * be written is not kept; the caller gets the answer, the log a warning. Requests are not stored, nor failures.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { CacheStore, Entry } from "./CacheStore.js"

/**
 * Keys and JSON values in, values out. A `BackingPersistenceStore` of `@effect/experimental` is one as it stands. A value
 * whose `timeToLive` is over may be there or not.
 */
export interface CacheBacking {
  readonly get: (key: string) => Effect.Effect<Option.Option<unknown>, unknown>
  /** One per key, in their order. */
  readonly getMany: (keys: Array<string>) => Effect.Effect<Array<Option.Option<unknown>>, unknown>
  readonly set: (
    key: string,
    value: unknown,
    timeToLive: Option.Option<Duration.Duration>
  ) => Effect.Effect<void, unknown>
  readonly setMany: (
    entries: ReadonlyArray<readonly [key: string, value: unknown, timeToLive: Option.Option<Duration.Duration>]>
  ) => Effect.Effect<void, unknown>
}

/** Says something at most once a minute per topic, and how often it would have been said. */
export type Warn = (topic: string, message: string) => Effect.Effect<void>

const quietMillis = 60_000

export const makeWarn = (): Warn => {
  const topics = new Map<string, { readonly since: number; unsaid: number }>()
  return (topic, message) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const last = topics.get(topic)
      if (last !== undefined && now - last.since < quietMillis) {
        last.unsaid++
        return Effect.void
      }
      topics.set(topic, { since: now, unsaid: 0 })
      const before = last === undefined || last.unsaid === 0 ? "" : ` (and ${last.unsaid} times since the last warning)`
      return Effect.logWarning(`${message}${before}`)
    })
}

// -----------------------------------------------------------------------------
// Entries
// -----------------------------------------------------------------------------

/** Raised when what an entry holds changes its form: entries of before are misses. */
const version = 1

/** What an entry holds and how it is checked; `name` keeps kinds apart that share a store. */
export interface Kind<A> {
  readonly name: string
  readonly encode: (value: A) => Either.Either<unknown, ParseResult.ParseError>
  readonly decode: (value: unknown) => Either.Either<A, ParseResult.ParseError>
}

export const makeKind = <A, I>(name: string, schema: Schema.Schema<A, I>): Kind<A> => ({
  name,
  encode: Schema.encodeEither(schema),
  decode: Schema.decodeUnknownEither(schema, { onExcessProperty: "error" })
})

/** The entry, or what is wrong with it. Shows nothing of what it holds: that may be somebody's answer. */
const read = <A>(kind: Kind<A>, key: string, value: unknown): Either.Either<Entry<A>, string> => {
  if (!Predicate.isRecord(value) || Array.isArray(value)) return Either.left("is no entry of this cache")
  const { expires, answer } = value
  if (value["version"] !== version) return Either.left("is of another version of this cache")
  if (value["kind"] !== kind.name || value["key"] !== key) return Either.left("belongs to another request")
  if (expires !== null && (typeof expires !== "number" || Number.isNaN(expires))) {
    return Either.left("does not say when it ends")
  }
  return Either.mapBoth(kind.decode(answer), {
    onLeft: () => "holds no whole answer",
    onRight: (value) => ({ value, expires: expires ?? Number.POSITIVE_INFINITY })
  })
}

type Written = readonly [key: string, value: unknown, timeToLive: Option.Option<Duration.Duration>]

const write = <A>(
  kind: Kind<A>,
  key: string,
  { expires, value }: Entry<A>,
  now: number
): Either.Either<Written, Error> =>
  // The schema's own message would show the answer.
  Either.map(
    Either.mapLeft(kind.encode(value), () => new Error("the answer is none by its schema")),
    (answer) => {
      const isFinite = Number.isFinite(expires)
      const timeToLive = isFinite ? Option.some(Duration.millis(Math.max(1, Math.ceil(expires - now)))) : Option.none()
      return [key, { version, kind: kind.name, key, expires: isFinite ? expires : null, answer }, timeToLive]
    }
  )

// -----------------------------------------------------------------------------
// The store of a cache
// -----------------------------------------------------------------------------

/** What a cause says in one short line. Its other fields may hold what should not be seen, such as a command's arguments. */
const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const inner = Predicate.hasProperty(error, "cause") && error.cause instanceof Error ? error.cause : error
  const text = inner instanceof Error ? inner.message : Predicate.isString(inner) ? inner : "it failed"
  return text.slice(0, 200)
}

export const durable = <A>(backing: CacheBacking, kind: Kind<A>, warn: Warn): CacheStore<A> => {
  /** Everything but an interruption of the caller becomes a warning: a defect of a store is no reason to fail a call. */
  const orElse = <B>(effect: Effect.Effect<B, unknown>, topic: string, fallback: B): Effect.Effect<B> =>
    Effect.catchAllCause(effect, (cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.interrupt
        : Effect.as(warn(topic, `the cache could not ${topic}: ${reasonOf(cause)}`), fallback)
    )

  const believed = (key: string, found: Option.Option<unknown>): Effect.Effect<Option.Option<Entry<A>>> => {
    if (Option.isNone(found)) return Effect.succeedNone
    const entry = read(kind, key, found.value)
    return Either.isLeft(entry)
      ? Effect.as(warn(entry.left, `an entry of the cache ${entry.left}, and is not used`), Option.none())
      : Effect.map(Clock.currentTimeMillis, (now) =>
          entry.right.expires <= now ? Option.none() : Option.some(entry.right)
        )
  }

  const get = (key: string): Effect.Effect<Option.Option<Entry<A>>> =>
    Effect.flatMap(
      orElse<Option.Option<unknown>>(
        Effect.suspend(() => backing.get(key)),
        "read",
        Option.none()
      ),
      (found) => believed(key, found)
    )

  return {
    get,
    getMany: (keys) =>
      Effect.suspend(() => backing.getMany([...keys])).pipe(
        Effect.flatMap((found) => Effect.forEach(keys, (key, i) => believed(key, found[i] ?? Option.none()))),
        // One that cannot be read must not hide the others.
        Effect.catchAllCause((cause) =>
          Cause.isInterruptedOnly(cause) ? Effect.interrupt : Effect.forEach(keys, get, { concurrency: 16 })
        )
      ),
    setMany: (entries) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const setting = Effect.flatMap(
          Either.all(entries.map(([key, entry]) => write(kind, key, entry, now))),
          (written): Effect.Effect<void, unknown> => {
            const [first] = written
            return first !== undefined && written.length === 1 ? backing.set(...first) : backing.setMany(written)
          }
        )
        return orElse(setting, "write", undefined)
      })
  }
}
