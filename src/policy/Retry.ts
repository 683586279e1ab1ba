/**
 * Repeats failed calls as a `RetryPolicy` says. Never a terminal error, and never a stream of which a part has been given
 * out: its failure is a `StreamInterrupted` then.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Service } from "../LlmClient.js"
import { type LlmError, withAttempts } from "../LlmError.js"
import { Given, type StreamPart } from "../StreamPart.js"
import * as AttemptCount from "./AttemptCount.js"
import { make, type Policy } from "./Make.js"
import { retryableOnly, type RetryPolicy } from "./RetryPolicy.js"

/**
 * Retries by a Schedule over `LlmError`, such as `RetryPolicy.standard`. Every call has a run of the Schedule of its own.
 * `attempts` of the answer or of the last error counts all requests that went out.
 */
export const retry = <R = never>(policy: RetryPolicy<R>): Policy<never, R> =>
  make((next) =>
    Effect.map(Effect.context<R>(), (context): Service => {
      const schedule = Schedule.provideContext(retryableOnly(policy), context)
      const retried = <A extends { readonly attempts: number }>(
        call: Effect.Effect<A, LlmError>
      ): Effect.Effect<A, LlmError> => Effect.suspend(() => repeated(call, new Tries(schedule)))
      return {
        ...next,
        complete: (request) => retried(next.complete(request)),
        embed: (request) => retried(next.embed(request)),
        stream: (request) =>
          Stream.suspend(() => repeatedStream(next.stream(request), new Tries(schedule), new Given()))
      }
    })
  )

type Driver = Schedule.ScheduleDriver<unknown, LlmError>

/** The attempts of one call. The Schedule is started by the first failure: most calls have none. */
class Tries {
  private failed = 0
  /** What a deadline further out had counted when the call began: attempts of retries further out. */
  private before: number | undefined
  private driver: Driver | undefined
  constructor(private readonly schedule: Schedule.Schedule<unknown, LlmError>) {}

  readonly started: Effect.Effect<void> = Effect.map(FiberRef.get(AttemptCount.current), (count) => {
    if (count === undefined) return
    this.before ??= count.attempts - 1
    count.attempts = this.before + this.failed + 1
  })

  get isFirst(): boolean {
    return this.failed === 0
  }

  /** The error that ends the call. */
  last(error: LlmError): LlmError {
    return withAttempts(error, this.failed + error.attempts)
  }

  /** Waits until the next attempt is due, or fails with the error when there is none. */
  next(error: LlmError): Effect.Effect<void, LlmError> {
    const last = Effect.fail(this.last(error))
    this.failed += error.attempts
    return Effect.flatMap(
      this.driver === undefined ? Schedule.driver(this.schedule) : Effect.succeed(this.driver),
      (driver) => {
        this.driver = driver
        return Effect.matchEffect(driver.next(error), { onFailure: () => last, onSuccess: () => Effect.void })
      }
    )
  }

  total<A extends { readonly attempts: number }>(answer: A): A {
    return this.failed === 0 ? answer : { ...answer, attempts: answer.attempts + this.failed }
  }
}

const repeated = <A extends { readonly attempts: number }>(
  call: Effect.Effect<A, LlmError>,
  tries: Tries
): Effect.Effect<A, LlmError> =>
  Effect.zipRight(tries.started, call).pipe(
    Effect.matchEffect({
      onSuccess: (answer) => Effect.succeed(tries.total(answer)),
      onFailure: (error) => Effect.zipRight(tries.next(error), repeated(call, tries))
    })
  )

const repeatedStream = (
  stream: Stream.Stream<StreamPart, LlmError>,
  tries: Tries,
  given: Given
): Stream.Stream<StreamPart, LlmError> =>
  Stream.fromEffect(tries.started).pipe(
    Stream.drain,
    Stream.concat(stream),
    Stream.mapChunks((parts) => {
      given.note(parts)
      return tries.isFirst ? parts : Chunk.map(parts, (part) => (part._tag === "Finish" ? tries.total(part) : part))
    }),
    Stream.catchAll((error) =>
      given.visible
        ? Stream.fail(tries.last(given.failure(error)))
        : Stream.unwrap(Effect.as(tries.next(error), repeatedStream(stream, tries, given)))
    )
  )
