/**
 * Repeats failed calls as a `RetryPolicy` says. Never a terminal error, never what a retry further in has given up, and
 * never a stream of which a part has been given out: its failure is a `StreamInterrupted` then. All calls of a layer share
 * a budget of retries, so that they make no storm together.
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { type Attempt, Ordinal } from "../Attempts.js"
import type { ChatRequest } from "../ChatRequest.js"
import type { Service } from "../LlmClient.js"
import { isRetryable, type LlmError, withAttempts } from "../LlmError.js"
import { Given, type StreamPart } from "../StreamPart.js"
import * as AttemptCount from "./AttemptCount.js"
import * as GivenUp from "./GivenUp.js"
import * as IdempotencyKey from "./IdempotencyKey.js"
import { make, type Policy } from "./Make.js"
import * as RetryBudget from "./RetryBudget.js"
import { retryableOnly, type RetryPolicy } from "./RetryPolicy.js"

/** - `budget`: of the retries that all calls of the layer make together; `"none"` does without. Default: those of `RetryBudget` */
export interface Options {
  readonly budget?: RetryBudget.Options | "none" | undefined
}

/**
 * Retries by a Schedule over `LlmError`, such as `RetryPolicy.standard`. Every call has a run of the Schedule of its own,
 * and all share the budget: at most one retry per ten calls over a minute, and ten however few the calls are. A call that
 * finds it spent fails with its last error. `attempts` of the answer or of the last error counts all requests that went
 * out; all attempts of a call bear the same `idempotencyKey`.
 */
export function retry<R = never>(policy: RetryPolicy<R>): Policy<never, R>
export function retry<R = never>(policy: RetryPolicy<R>, options: Options): Policy<ConfigError.ConfigError, R>
export function retry<R>(policy: RetryPolicy<R>, { budget = {} }: Options = {}): Policy<ConfigError.ConfigError, R> {
  return make((next) =>
    Effect.gen(function* () {
      const context = yield* Effect.context<R>()
      const own = Schedule.provideContext(retryableOnly(policy), context)
      const retries = budget === "none" ? undefined : yield* RetryBudget.make(budget)
      const schedule =
        retries === undefined
          ? own
          : // Asked when a retry is decided on, before its wait: a call that gets none fails at once.
            Schedule.checkEffect(own, () => Effect.map(Clock.currentTimeMillis, (now) => retries.take(now)))
      const retried = <A extends { readonly attempts: number }>(
        call: Effect.Effect<A, LlmError>
      ): Effect.Effect<A, LlmError> => Effect.suspend(() => repeated(call, new Tries(schedule, retries)))
      const service: Service = {
        ...next,
        complete: (request) => Effect.flatMap(withKey(request), (keyed) => retried(next.complete(keyed))),
        embed: (request) => retried(next.embed(request)),
        stream: (request) =>
          Stream.unwrap(
            Effect.map(withKey(request), (keyed) =>
              repeatedStream(next.stream(keyed), new Tries(schedule, retries), new Given())
            )
          )
      }
      return service
    })
  )
}

/** The same key for all attempts of a call: a provider that knows it answers, and bills, once. */
const withKey = (request: ChatRequest): Effect.Effect<ChatRequest> =>
  request.idempotencyKey === undefined
    ? Effect.map(IdempotencyKey.make, (idempotencyKey) => ({ ...request, idempotencyKey }))
    : Effect.succeed(request)

type Driver = Schedule.ScheduleDriver<unknown, LlmError>

/** The attempts of one call. The Schedule is started by the first failure: most calls have none. */
class Tries {
  private failed = 0
  private attempt: Pick<Attempt, "number" | "waitMillis" | "after"> = { number: 1, waitMillis: 0, after: undefined }
  /** What a deadline further out had counted when the call began: attempts of retries further out. */
  private before: number | undefined
  private driver: Driver | undefined
  constructor(
    private readonly schedule: Schedule.Schedule<unknown, LlmError>,
    private readonly budget: RetryBudget.RetryBudget | undefined
  ) {}

  readonly started: Effect.Effect<void> = Effect.zipWith(
    FiberRef.get(AttemptCount.current),
    Clock.currentTimeMillis,
    (count, now) => {
      if (this.isFirst) this.budget?.called(now)
      if (count === undefined) return
      this.before ??= count.attempts - 1
      count.attempts = this.before + this.failed + 1
    }
  )

  get isFirst(): boolean {
    return this.failed === 0
  }

  /** The error that ends the call. */
  last(error: LlmError): LlmError {
    const last = withAttempts(error, this.failed + error.attempts)
    return isRetryable(last) ? GivenUp.mark(last) : last
  }

  /** Waits until the next attempt is due, or fails with the error when there is none. */
  next(error: LlmError): Effect.Effect<void, LlmError> {
    const last = Effect.fail(this.last(error))
    this.failed += error.attempts
    if (GivenUp.is(error)) return last
    return Effect.flatMap(
      this.driver === undefined ? Schedule.driver(this.schedule) : Effect.succeed(this.driver),
      (driver) => {
        this.driver = driver
        return Effect.clockWith((clock) => {
          const failedAt = clock.unsafeCurrentTimeMillis()
          return Effect.matchEffect(driver.next(error), {
            onFailure: () => last,
            onSuccess: () =>
              Effect.sync(() => {
                const waitMillis = clock.unsafeCurrentTimeMillis() - failedAt
                this.attempt = { number: this.attempt.number + 1, waitMillis, after: error._tag }
              })
          })
        })
      }
    )
  }

  /** Which attempt it is, for whoever watches the attempts. */
  get ordinal(): Pick<Attempt, "number" | "waitMillis" | "after"> {
    return this.attempt
  }

  total<A extends { readonly attempts: number }>(answer: A): A {
    return this.failed === 0 ? answer : { ...answer, attempts: answer.attempts + this.failed }
  }
}

const repeated = <A extends { readonly attempts: number }>(
  call: Effect.Effect<A, LlmError>,
  tries: Tries
): Effect.Effect<A, LlmError> =>
  Effect.zipRight(tries.started, tries.isFirst ? call : Effect.provideService(call, Ordinal, tries.ordinal)).pipe(
    Effect.matchEffect({
      onSuccess: (answer) => Effect.succeed(tries.total(answer)),
      onFailure: (error) => Effect.flatMap(tries.next(error), () => repeated(call, tries))
    })
  )

const repeatedStream = (
  stream: Stream.Stream<StreamPart, LlmError>,
  tries: Tries,
  given: Given
): Stream.Stream<StreamPart, LlmError> =>
  Stream.fromEffect(tries.started).pipe(
    Stream.drain,
    Stream.concat(tries.isFirst ? stream : Stream.provideService(stream, Ordinal, tries.ordinal)),
    Stream.mapChunks((parts) => {
      given.note(parts)
      return tries.isFirst ? parts : Chunk.map(parts, (part) => (part._tag === "Finish" ? tries.total(part) : part))
    }),
    Stream.catchAll((error) =>
      given.visible
        ? Stream.fail(tries.last(given.failure(error)))
        : Stream.unwrap(Effect.map(tries.next(error), () => repeatedStream(stream, tries, given)))
    )
  )
