/**
 * Answers a request that was answered before without a call, and makes one call for equal requests at the same time.
 *
 * Only whole, successful answers are kept. A stream is kept when it has ended well, and replayed as a stream; the same
 * answer serves `complete`. Embeddings are kept per text. An answer that cost this caller no call of its own has `cached: true` and `attempts: 0`.
 */
import type * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Attempts from "../Attempts.js"
import type { ChatRequest } from "../ChatRequest.js"
import { Completion } from "../Completion.js"
import type { Service } from "../LlmClient.js"
import type { LlmError } from "../LlmError.js"
import { collect, type Finish, fromCompletion, type StreamPart } from "../StreamPart.js"
import { BroadcastLog } from "./BroadcastLog.js"
import { type CacheBacking, durable, makeKind, makeWarn } from "./CacheBacking.js"
import * as CachedEmbeddings from "./CachedEmbeddings.js"
import * as CacheKey from "./CacheKey.js"
import * as CacheStore from "./CacheStore.js"
import { make, type Policy, positiveDuration, positiveInteger } from "./Make.js"
import * as SingleFlight from "./SingleFlight.js"

/**
 * - `timeToLive`: how long an answer is kept. Default: as long as the layer lives, or as the store keeps it
 * - `capacity`: how many answers are kept in memory, of chats and of embedded texts each; the least recently used leave
 *   first. Default: 1,000; in front of a `store`: none
 * - `store`: keeps answers beyond the layer, for other processes too: `LmdbCache.store` of `effect-llm/lmdb`, or any
 *   backing of `@effect/experimental`'s Persistence. Opened with the layer, and closed with it
 * - `namespace`: answers are shared within it and with nobody outside: a tenant, an endpoint. Default: `""`
 */
export interface CacheOptions<E = never, R = never> {
  readonly timeToLive?: Duration.DurationInput
  readonly capacity?: number
  readonly store?: Effect.Effect<CacheBacking, E, R>
  readonly namespace?: string
}

/**
 * A cache, one per layer, in memory or in a store. Belongs outside of everything that costs time or quota. A request may
 * have its own `cacheControl`. Clients of one store whose `provider` and `model` have the same names share answers: where
 * they should not, they need a `namespace` each.
 */
export const cache = <E = never, R = never>(
  options: CacheOptions<E, R> = {}
): Policy<ConfigError.ConfigError | E, Exclude<R, Scope.Scope>> =>
  make((next) =>
    Effect.gen(function* () {
      const { namespace = "" } = options
      const timeToLive = yield* positiveDuration("cache.timeToLive", options.timeToLive ?? Duration.infinity)
      const capacity =
        options.capacity === undefined ? undefined : yield* positiveInteger("cache.capacity", options.capacity)
      const backing = options.store === undefined ? undefined : yield* options.store
      const warn = makeWarn()
      const storeOf = <A, I>(name: string, schema: Schema.Schema<A, I>): CacheStore.CacheStore<A> => {
        if (backing === undefined) return CacheStore.memory(capacity ?? 1000)
        const behind = durable(backing, makeKind(name, schema), warn)
        return capacity === undefined ? behind : CacheStore.fronted(CacheStore.memory(capacity), behind)
      }
      const chats: Cached = {
        store: storeOf("chat", Completion),
        flights: yield* SingleFlight.make<Completion, LlmError, BroadcastLog<StreamPart>>(),
        timeToLive,
        tell: (request, answer) => Attempts.cached(next, "chat", request, answer)
      }
      const embed = yield* CachedEmbeddings.make({
        next,
        store: storeOf("text", CachedEmbeddings.TextVector),
        timeToLive,
        keysOf: (request) => CacheKey.ofTexts(next, namespace, request)
      })
      const keyOf = (request: ChatRequest): Option.Option<string> => CacheKey.ofChat(next, namespace, request)
      const service: Service = {
        ...next,
        complete: (request) => answered(chats, next, request, keyOf(request)),
        stream: (request) => streamed(chats, next, request, keyOf(request)),
        embed
      }
      return service
    })
  )

// -----------------------------------------------------------------------------
// Answers
// -----------------------------------------------------------------------------

interface Cached {
  readonly store: CacheStore.CacheStore<Completion>
  readonly flights: SingleFlight.SingleFlight<Completion, LlmError, BroadcastLog<StreamPart>>
  readonly timeToLive: Duration.Duration
  /** Tells of an answer that a caller got without a call. */
  readonly tell: (request: ChatRequest, answer: Pick<Completion, "model" | "usage">) => Effect.Effect<void>
}

type Call = (log: BroadcastLog<StreamPart>) => Effect.Effect<Completion, LlmError>

/** An answer as a caller gets it who caused no call. */
const unpaid = <A extends Completion | Finish>(answer: A): A => ({
  ...answer,
  cached: true,
  attempts: 0,
  latency: Duration.zero
})

/** The same, and those who keep account are told. */
const givenFree = ({ tell }: Cached, request: ChatRequest, answer: Completion): Effect.Effect<Completion> =>
  Effect.as(tell(request, answer), unpaid(answer))

const lookUp = ({ store }: Cached, request: ChatRequest, key: string): Effect.Effect<Option.Option<Completion>> =>
  request.cacheControl?.mode === "refresh"
    ? Effect.succeedNone
    : Effect.map(store.get(key), (entry) => Option.map(entry, ({ value }) => value))

/**
 * The call of a flight: its answer is stored before those who wait for it get it. It looks once more, because the flight
 * before it may have ended between its caller's own look and its start.
 */
const stored =
  (cached: Cached, request: ChatRequest, key: string, call: Call): Call =>
  (log) =>
    lookUp(cached, request, key).pipe(
      Effect.flatMap((hit) =>
        Option.isSome(hit)
          ? Effect.flatMap(givenFree(cached, request, hit.value), (answer) => told(log, answer))
          : Effect.tap(call(log), (answer) =>
              CacheStore.set(cached.store, [[key, answer]], request.cacheControl?.timeToLive ?? cached.timeToLive)
            )
      ),
      Effect.ensuring(Effect.sync(() => log.end()))
    )

/** A whole answer, given to those who follow the log too. */
const told = (log: BroadcastLog<StreamPart>, answer: Completion): Effect.Effect<Completion> =>
  Effect.sync(() => {
    log.push(fromCompletion(answer))
    return answer
  })

const answered = (
  cached: Cached,
  next: Service,
  request: ChatRequest,
  key: Option.Option<string>
): Effect.Effect<Completion, LlmError> => {
  if (Option.isNone(key)) return next.complete(request)
  const flown = stored(cached, request, key.value, (log) =>
    Effect.flatMap(next.complete(request), (answer) => told(log, answer))
  )
  return Effect.flatMap(lookUp(cached, request, key.value), (hit) =>
    Option.isSome(hit)
      ? givenFree(cached, request, hit.value)
      : Effect.scoped(
          Effect.flatMap(
            cached.flights.join(key.value, () => new BroadcastLog(), flown),
            ({ flight, isFirst }) =>
              isFirst ? flight.result : Effect.flatMap(flight.result, (answer) => givenFree(cached, request, answer))
          )
        )
  )
}

// -----------------------------------------------------------------------------
// Streams
// -----------------------------------------------------------------------------

const streamed = (
  cached: Cached,
  next: Service,
  request: ChatRequest,
  key: Option.Option<string>
): Stream.Stream<StreamPart, LlmError> => {
  if (Option.isNone(key)) return next.stream(request)
  return Stream.unwrapScoped(
    Effect.flatMap(lookUp(cached, request, key.value), (hit) =>
      Option.isSome(hit)
        ? Effect.map(givenFree(cached, request, hit.value), (answer) => Stream.fromChunk(fromCompletion(answer)))
        : Effect.map(
            cached.flights.join(
              key.value,
              () => new BroadcastLog(),
              stored(cached, request, key.value, recorded(next, request))
            ),
            ({ flight, isFirst }) =>
              flight.log.stream.pipe(
                isFirst ? (parts) => parts : Stream.map((part) => (part._tag === "Finish" ? unpaid(part) : part)),
                Stream.concat(
                  Stream.drain(
                    Stream.fromEffect(
                      isFirst ? flight.result : Effect.tap(flight.result, (answer) => cached.tell(request, answer))
                    )
                  )
                )
              )
          )
    )
  )
}

/** Runs a stream for all who follow its log, and gives the whole answer. */
const recorded =
  (next: Service, request: ChatRequest): Call =>
  (log) =>
    collect(
      Stream.mapChunks(next.stream(request), (parts) => {
        log.push(parts)
        return parts
      })
    )
