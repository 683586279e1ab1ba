/**
 * Deadlines. A call that passes one is interrupted, its connection is closed, and it fails with `RequestTimeout`; a stream
 * of which a part has been given out fails with `StreamInterrupted`, which keeps the text so far.
 *
 * For streams, only the time that is spent waiting for the provider counts between parts, not the consumer's.
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import type * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Service } from "../LlmClient.js"
import { type LlmError, RequestTimeout } from "../LlmError.js"
import { Given, type StreamPart } from "../StreamPart.js"
import * as AttemptCount from "./AttemptCount.js"
import { make, type Policy, positiveDuration } from "./Make.js"

/** One attempt, from its start to its whole answer. Belongs inside of `retry`, which may then try again. */
export const attemptTimeout = (limit: Duration.DurationInput): Policy<ConfigError.ConfigError> =>
  whole("attempt", "attemptTimeout", limit)

/** The whole call: all attempts, and the waits between and before them. Belongs outside of `retry`. */
export const totalTimeout = (limit: Duration.DurationInput): Policy<ConfigError.ConfigError> =>
  whole("total", "totalTimeout", limit)

/** The time until the first part of a stream. Says nothing about `complete` and `embed`. */
export const firstPartTimeout = (limit: Duration.DurationInput): Policy<ConfigError.ConfigError> =>
  ofStreams("first-part", "firstPartTimeout", limit, (duration, given) => (given.visible ? undefined : duration))

/**
 * The longest silence between two parts of a stream. Comments and empty events are no parts. The time until the first
 * part is `firstPartTimeout`'s; `complete` and `embed` have no parts.
 */
export const idleTimeout = (limit: Duration.DurationInput): Policy<ConfigError.ConfigError> =>
  ofStreams("idle", "idleTimeout", limit, (duration, given) => (given.visible ? duration : undefined))

// -----------------------------------------------------------------------------

type Limit = RequestTimeout["limit"]

type Request = { readonly model?: string | undefined }

const words: Readonly<Record<Limit, string>> = {
  server: "the server gave up",
  attempt: "one attempt took longer than",
  total: "the whole call took longer than",
  "first-part": "no part of the answer came within",
  idle: "the stream was silent for"
}

const timeout = (
  next: Service,
  request: Request,
  limit: Limit,
  duration: Duration.Duration,
  attempts: number
): LlmError =>
  new RequestTimeout({
    provider: next.provider,
    model: request.model ?? next.model,
    limit,
    attempts,
    message: `${words[limit]} ${Duration.format(duration)}`
  })

const whole = (
  limit: "attempt" | "total",
  option: string,
  input: Duration.DurationInput
): Policy<ConfigError.ConfigError> =>
  make((next) =>
    Effect.map(positiveDuration(option, input), (duration): Service => {
      const limited = <A>(request: Request, call: Effect.Effect<A, LlmError>): Effect.Effect<A, LlmError> =>
        Effect.flatMap(AttemptCount.start, ({ attempts, within }) =>
          within(
            Effect.timeoutFail(call, {
              duration,
              onTimeout: () => timeout(next, request, limit, duration, attempts())
            })
          )
        )
      return {
        ...next,
        complete: (request) => limited(request, next.complete(request)),
        embed: (request) => limited(request, next.embed(request)),
        stream: (request) =>
          limitedStream(next.stream(request), (given, started, now) => ({
            left: Duration.subtract(duration, Duration.millis(now - started)),
            error: (attempts) => given.failure(timeout(next, request, limit, duration, attempts))
          }))
      }
    })
  )

const ofStreams = (
  limit: "first-part" | "idle",
  option: string,
  input: Duration.DurationInput,
  left: (duration: Duration.Duration, given: Given) => Duration.Duration | undefined
): Policy<ConfigError.ConfigError> =>
  make((next) =>
    Effect.map(positiveDuration(option, input), (duration): Service => ({
      ...next,
      stream: (request) =>
        limitedStream(next.stream(request), (given) => ({
          left: left(duration, given),
          error: (attempts) => given.failure(timeout(next, request, limit, duration, attempts))
        }))
    }))
  )

interface Wait {
  /** How long the next part may take; `undefined`: as long as it likes. */
  readonly left: Duration.Duration | undefined
  readonly error: (attempts: number) => LlmError
}

/** A stream whose every wait for parts has a limit. */
const limitedStream = (
  stream: Stream.Stream<StreamPart, LlmError>,
  wait: (given: Given, started: number, now: number) => Wait
): Stream.Stream<StreamPart, LlmError> =>
  Stream.unwrapScoped(
    Effect.map(
      Effect.all([Stream.toPull(stream), Clock.currentTimeMillis, AttemptCount.start]),
      ([pull, started, { attempts, within }]) => {
        const given = new Given()
        const next = within(nonEmpty(pull))
        return Stream.repeatEffectChunkOption(
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            const { error, left } = wait(given, started, now)
            const limited =
              left === undefined
                ? next
                : Effect.timeoutFail(next, {
                    duration: left,
                    onTimeout: () => Option.some(error(attempts()))
                  })
            return Effect.map(limited, (parts) => {
              given.note(parts)
              return parts
            })
          })
        )
      }
    )
  )

/** A network read may bring comments and half events alone: such a chunk is empty, and the wait goes on. */
const nonEmpty = <A, E>(pull: Effect.Effect<Chunk.Chunk<A>, E>): Effect.Effect<Chunk.Chunk<A>, E> =>
  Effect.flatMap(pull, (chunk) => (Chunk.isEmpty(chunk) ? nonEmpty(pull) : Effect.succeed(chunk)))
