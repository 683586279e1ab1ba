/**
 * One connection to Redis for what processes share. A server that is away is a typed failure within seconds, and never a
 * pile of lines on stderr; the connection comes back by itself.
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Redis, type RedisOptions } from "ioredis"

/** Redis did not do it: it is away, too slow, or refused the command. `message` says why, without the URL. */
export class RedisError extends Data.TaggedError("RedisError")<{
  readonly message: string
  readonly cause: unknown
}> {}

export interface Service {
  /** Runs commands of ioredis. */
  readonly use: <A>(run: (redis: Redis) => Promise<A>) => Effect.Effect<A, RedisError>
}

export class RedisClient extends Context.Tag("effect-llm/RedisClient")<RedisClient, Service>() {}

/**
 * - `url`: such as `redis://:password@host:6379/0`, or `rediss://` for TLS. Default: this machine, port 6379
 * - `commandTimeout`: the longest that one command may take. Default: 2 seconds
 * - `connectTimeout`: the longest that connecting may take. Default: 1 second
 * - `redis`: what else ioredis takes
 */
export interface Options {
  readonly url?: string | Redacted.Redacted | undefined
  readonly commandTimeout?: Duration.DurationInput | undefined
  readonly connectTimeout?: Duration.DurationInput | undefined
  readonly redis?: RedisOptions | undefined
}

const localUrl = "redis://127.0.0.1:6379"

/** The longest wait between two attempts to connect, in milliseconds. */
const maxReconnectDelay = 2000

/** A client that is closed with the scope. Connecting goes on behind it: a server that is away does not fail the layer. */
export const make = (options: Options = {}): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const url = Redacted.isRedacted(options.url) ? Redacted.value(options.url) : (options.url ?? localUrl)
        const redis = new Redis(url, {
          maxRetriesPerRequest: 1,
          connectTimeout: Duration.toMillis(options.connectTimeout ?? "1 second"),
          commandTimeout: Duration.toMillis(options.commandTimeout ?? "2 seconds"),
          retryStrategy: (times) => Math.min(maxReconnectDelay, 50 * times),
          ...options.redis
        })
        // Without a listener ioredis prints every failed attempt to connect; commands fail with the same cause.
        redis.on("error", () => {})
        return redis
      }),
      // Asks for what is under way to end, but not for long: a server that is away would never answer.
      (redis) =>
        Effect.tryPromise(() => redis.quit()).pipe(
          Effect.timeoutOption("1 second"),
          Effect.ignore,
          Effect.ensuring(Effect.sync(() => redis.disconnect()))
        )
    ),
    (redis): Service => ({
      use: (run) => Effect.tryPromise({ try: () => run(redis), catch: failed })
    })
  )

const failed = (cause: unknown): RedisError =>
  new RedisError({ message: cause instanceof Error ? cause.message : "Redis failed", cause })

/** A client for the lifetime of the layer. */
export const layer = (options: Options = {}): Layer.Layer<RedisClient> => Layer.scoped(RedisClient, make(options))

/** The same with the URL of `REDIS_URL`, where that is set. */
export const layerConfig = (options: Omit<Options, "url"> = {}): Layer.Layer<RedisClient, ConfigError.ConfigError> =>
  Layer.scoped(
    RedisClient,
    Effect.flatMap(Config.withDefault(Config.redacted("REDIS_URL"), Redacted.make(localUrl)), (url) =>
      make({ ...options, url })
    )
  )
