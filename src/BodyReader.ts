/**
 * The body of a response as an Effect that waits for the next read: to run a Stream inside of a Stream costs more than the
 * rest of a streamed call. The responses of `effect-llm/node` have a reader of their own; for all others one is made.
 */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export interface BodyReader {
  /** All that the next wake-up brings; `undefined` at the end of the body. */
  readonly next: Effect.Effect<Chunk.Chunk<Uint8Array> | undefined, HttpClientError.ResponseError>
  /**
   * Nothing more is wanted, and little more is expected: what comes within `graceTime` is read and dropped, so that the
   * connection can be used again. Does not wait for it.
   */
  readonly finish: Effect.Effect<void>
  /** Closes the connection, unless the body has ended. */
  readonly abandon: Effect.Effect<void>
}

/** How long `finish` lets the body take to end. */
export const graceTime: Duration.Duration = Duration.millis(100)

/** Under this key a response has a reader of its own. */
export const key: unique symbol = Symbol.for("effect-llm/BodyReader")

/** Under this key an `HttpClient` says that it makes no span per request. */
export const makesNoSpan: unique symbol = Symbol.for("effect-llm/makesNoSpan")

const hasReader = (
  response: HttpClientResponse.HttpClientResponse
): response is HttpClientResponse.HttpClientResponse & { readonly [key]: BodyReader } => key in response

/** The reader of a response's body, which must not be read otherwise. */
export const fromResponse = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<BodyReader> =>
  hasReader(response) ? Effect.succeed(response[key]) : fromStream(response.stream)

const fromStream = (stream: Stream.Stream<Uint8Array, HttpClientError.ResponseError>): Effect.Effect<BodyReader> =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const pull = yield* Scope.extend(Stream.toPull(stream), scope)
    const close = Scope.close(scope, Exit.void)
    return {
      next: Effect.catchAll(pull, Option.match({ onNone: () => Effect.succeed(undefined), onSome: Effect.fail })),
      finish: Effect.forever(pull).pipe(
        Effect.timeout(graceTime),
        // Finalizers call this, and what they fork is uninterruptible, unless it says otherwise.
        Effect.interruptible,
        Effect.ignore,
        // Whoever ends a stream does it where nothing can be interrupted; the waiting must be.
        Effect.interruptible,
        Effect.ensuring(close),
        Effect.forkDaemon,
        Effect.asVoid
      ),
      abandon: close
    }
  })
