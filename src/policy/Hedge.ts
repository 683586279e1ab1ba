/**
 * A second attempt for a call that takes unusually long: the first answer wins, the other attempt is interrupted and its
 * connection closed. Of a stream, the first part decides. What the loser cost is in the ledger, as `aborted`.
 *
 * At most one second attempt per call, and only for a share of all calls: a provider that is slow for all is not asked
 * twice by all.
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Attempts from "../Attempts.js"
import type { ChatRequest } from "../ChatRequest.js"
import type { LlmClient, Service } from "../LlmClient.js"
import { type LlmError, withAttempts } from "../LlmError.js"
import type { StreamPart } from "../StreamPart.js"
import * as AttemptCount from "./AttemptCount.js"
import * as Contest from "./Contest.js"
import * as GivenUp from "./GivenUp.js"
import * as IdempotencyKey from "./IdempotencyKey.js"
import { Latencies } from "./Latencies.js"
import { make, type Policy, positiveDuration } from "./Make.js"
import * as Prefill from "./Prefill.js"
import * as Reroute from "./Reroute.js"
import { RetryBudget } from "./RetryBudget.js"
import * as Several from "./Several.js"

/**
 * - `after`: when the second attempt begins. `"p95"`: after the time that 19 in 20 of the last 200 calls of the same kind
 *   took, until their answer or the first part of their stream; none before 20 are known
 * - `other`: the layer that makes the second attempt. Default: the same. Embeddings stay with the same, whose vectors alone
 *   fit each other
 * - `model`: which model the other is asked for, as in `fallback`. Default: `"own"`
 * - `maxShare`: the most second attempts per call, over a minute; one is always allowed. Default: 0.1
 */
export interface HedgeOptions<E = never, R = never> {
  readonly after: Duration.DurationInput | "p95"
  readonly other?: Layer.Layer<LlmClient, E, R> | undefined
  readonly model?: Reroute.Model | undefined
  readonly maxShare?: number | undefined
}

/**
 * Asks a second time when an answer is late. A failure of one attempt is no failure of the call while the other is under
 * way; one that comes before the second attempt has begun is, at once. `attempts` counts both, where both have gone out;
 * the second has an `idempotencyKey` of its own, or the provider would take it for the first. In the ledger, second
 * attempts have the tag `hedge=second`. Belongs inside of `retry`.
 */
export const hedge =
  <E2 = never, R2 = never>(options: HedgeOptions<E2, R2>): Policy<E2 | ConfigError.ConfigError, R2> =>
  (self) =>
    options.other === undefined
      ? make((next) => hedged(next, undefined, options))(self)
      : Several.both(self, options.other, (next, other) => hedged(next, other, options))

// -----------------------------------------------------------------------------

const windowMillis = 60_000

interface Settings {
  readonly after: Duration.Duration | "p95"
  readonly maxShare: number
}

const checked = ({
  after,
  maxShare = 0.1
}: Pick<HedgeOptions<unknown, unknown>, "after" | "maxShare">): Effect.Effect<Settings, ConfigError.ConfigError> => {
  if (!(maxShare > 0 && maxShare <= 1))
    return Effect.fail(ConfigError.InvalidData(["hedge", "maxShare"], `must be above 0 and at most 1, not ${maxShare}`))
  return after === "p95"
    ? Effect.succeed({ after, maxShare })
    : Effect.map(positiveDuration("hedge.after", after), (after) => ({ after, maxShare }))
}

const hedged = (
  next: Service,
  other: Service | undefined,
  options: Pick<HedgeOptions<unknown, unknown>, "after" | "maxShare" | "model">
): Effect.Effect<Service, ConfigError.ConfigError> =>
  Effect.map(checked(options), ({ after, maxShare }): Service => {
    const { model = "own" } = options
    const budget = new RetryBudget(maxShare, windowMillis, 1)

    /** One kind of call, whose times are alike. */
    const kind = () => {
      const latencies = new Latencies()
      return <A>(
        first: Effect.Effect<A, LlmError>,
        second: Effect.Effect<A, LlmError>,
        discard: (late: A) => Effect.Effect<unknown> = () => Effect.void
      ): Effect.Effect<Ended<A>, LlmError> =>
        Effect.flatMap(Effect.zip(Clock.currentTimeMillis, AttemptCount.steps), ([started, step]) => {
          budget.called(started)
          const wait = after === "p95" ? latencies.p95 : Duration.toMillis(after)
          const place = Effect.map(Clock.currentTimeMillis, (now) => {
            const has = budget.take(now)
            if (has) step(1)
            return has
          })
          const requests = { first: 0, second: 0 }
          const counted = (by: Contest.Won<A, LlmError>["by"], attempt: Effect.Effect<A, LlmError>) =>
            Attempts.beginning(() => requests[by]++)(attempt)
          return Contest.run(counted("first", first), counted("second", marked(second)), {
            after: wait === undefined ? undefined : Duration.millis(Math.max(1, wait)),
            place,
            discard
          }).pipe(
            Effect.tap(() =>
              // Of a first attempt that lost, so much is known: that it takes at least this long.
              Effect.map(Clock.currentTimeMillis, (now) => latencies.add(Math.max(0, now - started)))
            ),
            Effect.map((won) => ({ won, more: extra(won, requests) })),
            Effect.mapError(({ before, error }) =>
              GivenUp.inherit(withAttempts(error, sum([...before, error])), before)
            )
          )
        })
    }
    const complete = kind()
    const stream = kind()
    const embed = kind()

    const second = (request: ChatRequest): Effect.Effect<ChatRequest> =>
      other !== undefined
        ? Effect.succeed(Reroute.reroute(request, next, other, model))
        : request.idempotencyKey === undefined
          ? Effect.succeed(request)
          : Effect.map(IdempotencyKey.make, (idempotencyKey) => ({ ...request, idempotencyKey }))
    const rival = other ?? next

    return {
      ...next,
      complete: (request) =>
        Effect.map(
          complete(
            next.complete(request),
            Effect.flatMap(second(request), (again) => rival.complete(again))
          ),
          answered
        ),
      embed: (request) => Effect.map(embed(next.embed(request), next.embed(request)), answered),
      stream: (request) =>
        Stream.unwrapScoped(
          Effect.flatMap(Effect.scope, (scope) =>
            Effect.map(
              stream(
                begun(scope, next.stream(request)),
                begun(
                  scope,
                  Stream.unwrap(
                    Effect.map(second(request), (again) =>
                      // The rest of an answer stays with who can go on with it.
                      Prefill.fits(rival, again) ? rival.stream(again) : next.stream(request)
                    )
                  )
                ),
                ({ close }) => close
              ),
              ({ more, won }) => {
                const { first, pull } = won.value
                const parts = Stream.concat(Stream.fromChunk(first), Stream.repeatEffectChunkOption(pull))
                return more === 0
                  ? parts
                  : Stream.mapChunks(
                      Stream.mapError(parts, (error) => withAttempts(error, error.attempts + more)),
                      Chunk.map((part) => (part._tag === "Finish" ? { ...part, attempts: part.attempts + more } : part))
                    )
              }
            )
          )
        )
    }
  })

/** A second attempt: known as such to those who listen, and with a count of attempts of its own. */
const marked = <A>(attempt: Effect.Effect<A, LlmError>): Effect.Effect<A, LlmError> =>
  Effect.flatMap(Attempts.Tags, (tags) =>
    attempt.pipe(
      Effect.provideService(Attempts.Tags, { ...tags, hedge: "second" }),
      Effect.locally(AttemptCount.current, undefined)
    )
  )

const sum = (failures: ReadonlyArray<LlmError>): number => failures.reduce((all, { attempts }) => all + attempts, 0)

/** How a contest ended, and how many requests went out beside those of the winner. */
interface Ended<A> {
  readonly won: Contest.Won<A, LlmError>
  readonly more: number
}

/** What an attempt said that failed; of one that was left, those that it had begun: it may have waited for its turn. */
const extra = (
  { by, failures, others }: Contest.Won<unknown, LlmError>,
  requests: Readonly<Record<"first" | "second", number>>
): number => {
  if (others === failures.length) return sum(failures)
  const left = requests[by === "first" ? "second" : "first"]
  // A client that does not tell of its attempts is taken to have made one.
  return left === 0 && requests[by] === 0 ? 1 : left
}

const answered = <A extends { readonly attempts: number }>({ more, won }: Ended<A>): A =>
  more === 0 ? won.value : { ...won.value, attempts: won.value.attempts + more }

// -----------------------------------------------------------------------------
// Streams
// -----------------------------------------------------------------------------

/** A stream that has given its first part. */
interface Begun {
  readonly first: Chunk.Chunk<StreamPart>
  readonly pull: Effect.Effect<Chunk.Chunk<StreamPart>, Option.Option<LlmError>>
  readonly close: Effect.Effect<void>
}

/** Runs a stream until its first part. It lives as long as the scope, unless it is closed before. */
const begun = (scope: Scope.Scope, stream: Stream.Stream<StreamPart, LlmError>): Effect.Effect<Begun, LlmError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.fork(scope, ExecutionStrategy.sequential), (own) =>
      restore(Effect.flatMap(Scope.extend(Stream.toPull(stream), own), firstOf)).pipe(
        Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(own, exit))),
        Effect.map((parts) => ({ ...parts, close: Scope.close(own, Exit.void) }))
      )
    )
  )

/** A network read may bring comments alone: an empty chunk is no part. */
const firstOf = (pull: Begun["pull"]): Effect.Effect<Pick<Begun, "first" | "pull">, LlmError> =>
  Effect.matchEffect(pull, {
    onSuccess: (first) => (Chunk.isEmpty(first) ? firstOf(pull) : Effect.succeed({ first, pull })),
    onFailure: (end) =>
      Option.isSome(end) ? Effect.fail(end.value) : Effect.succeed({ first: Chunk.empty(), pull: Effect.fail(end) })
  })
