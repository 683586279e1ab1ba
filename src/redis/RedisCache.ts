/**
 * Answers that processes on many machines share, in Redis: the store of `Policy.cache` there. Entries are JSON under a key
 * each, and expire by the server's clock. How many there may be is the server's matter: give it `maxmemory`, and
 * `maxmemory-policy allkeys-lru`.
 *
 * The backing of `@effect/experimental` is not used: its client has no listener for errors, so that a server that is away
 * takes seconds to say so, and fills stderr.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CacheBacking } from "../policy/CacheBacking.js"
import { RedisClient, RedisError, type Service } from "./RedisClientNode.js"

/** - `prefix`: before each key, for a server that others use, too. Default: `effect-llm:cache:` */
export interface Options {
  readonly prefix?: string | undefined
}

/** Text that is no JSON is no entry either: the cache says so, and asks anew. */
const parse = (text: string | null | undefined): Option.Option<unknown> => {
  if (text === null || text === undefined) return Option.none()
  // A foreign boundary: anyone may write to a server.
  try {
    return Option.some(JSON.parse(text))
  } catch {
    return Option.some(text)
  }
}

/** A store over a connection that is there. */
export const make = ({ use }: Service, { prefix = "effect-llm:cache:" }: Options = {}): CacheBacking => {
  const setMany: CacheBacking["setMany"] = (entries) =>
    Effect.flatMap(
      use((redis) => {
        const commands = redis.pipeline()
        for (const [key, value, timeToLive] of entries) {
          const text = JSON.stringify(value)
          if (Option.isNone(timeToLive)) commands.set(prefix + key, text)
          else commands.set(prefix + key, text, "PX", Math.max(1, Math.ceil(Duration.toMillis(timeToLive.value))))
        }
        return commands.exec()
      }),
      (results) => {
        const failure = results?.find(([error]) => error !== null)?.[0]
        return failure === undefined || failure === null
          ? Effect.void
          : Effect.fail(new RedisError({ message: failure.message, cause: failure }))
      }
    )
  return {
    get: (key) =>
      Effect.map(
        use((redis) => redis.get(prefix + key)),
        parse
      ),
    getMany: (keys) =>
      keys.length === 0
        ? Effect.succeed([])
        : Effect.map(
            use((redis) => redis.mget(keys.map((key) => prefix + key))),
            (texts) => texts.map(parse)
          ),
    set: (...entry) => setMany([entry]),
    setMany
  }
}

/** The `store` of `Policy.cache` over the `RedisClient` of the context. */
export const store = (options: Options = {}): Effect.Effect<CacheBacking, never, RedisClient> =>
  Effect.map(RedisClient, (client) => make(client, options))
