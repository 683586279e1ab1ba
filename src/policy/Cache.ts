/**
 * Answers a request that was answered before without a call, and makes one call for equal requests at the same time.
 *
 * Only whole, successful answers are kept. A stream is kept when it has ended well, and replayed as a stream; the same
 * answer serves `complete`. An answer that cost this caller no call of its own has `cached: true` and `attempts: 0`.
 */
import { sha256 } from "@noble/hashes/sha2"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils"
import * as Chunk from "effect/Chunk"
import type * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Attempts from "../Attempts.js"
import * as CanonicalJson from "../CanonicalJson.js"
import type { ChatRequest } from "../ChatRequest.js"
import type { Completion } from "../Completion.js"
import type { Embeddings, EmbedRequest } from "../Embeddings.js"
import type { Service } from "../LlmClient.js"
import type { LlmError } from "../LlmError.js"
import { collect, fromCompletion, type StreamPart } from "../StreamPart.js"
import { BroadcastLog } from "./BroadcastLog.js"
import * as CacheStore from "./CacheStore.js"
import { make, type Policy, positiveDuration, positiveInteger } from "./Make.js"
import * as SingleFlight from "./SingleFlight.js"

/**
 * - `timeToLive`: how long an answer is kept. Default: as long as the layer lives
 * - `capacity`: how many answers are kept, of chats and of embeddings each; the least recently used leave first. Default: 1,000
 */
export interface CacheOptions {
  readonly timeToLive?: Duration.DurationInput
  readonly capacity?: number
}

/**
 * A cache in memory, one per layer. Belongs outside of everything that costs time or quota. A request may have its own
 * `cacheControl`.
 */
export const cache = (options: CacheOptions = {}): Policy<ConfigError.ConfigError> =>
  make((next) =>
    Effect.gen(function* () {
      const timeToLive = yield* positiveDuration("cache.timeToLive", options.timeToLive ?? Duration.infinity)
      const capacity = yield* positiveInteger("cache.capacity", options.capacity ?? 1000)
      const tell =
        (operation: "chat" | "embeddings"): Cached<Completion>["tell"] =>
        (request, answer) =>
          Attempts.cached(next, operation, request, answer)
      const chats = yield* makeCached<Completion>(capacity, timeToLive, fromCompletion, tell("chat"))
      const embeddings = yield* makeCached<Embeddings>(capacity, timeToLive, () => Chunk.empty(), tell("embeddings"))
      const service: Service = {
        ...next,
        complete: (request) => answered(chats, request, keyOf(next, "chat", request), () => next.complete(request)),
        stream: (request) => streamed(chats, next, request, keyOf(next, "chat", request)),
        embed: (request) => answered(embeddings, request, keyOf(next, "embed", request), () => next.embed(request))
      }
      return service
    })
  )

// -----------------------------------------------------------------------------
// Keys
// -----------------------------------------------------------------------------

/** SHA-256 of what is sent and to whom: no metadata, nothing of the cache's own. `undefined`: not to be cached. */
const keyOf = (next: Service, kind: "chat" | "embed", request: ChatRequest | EmbedRequest): Option.Option<string> => {
  const { cacheControl, metadata: _, ...rest } = request
  const sent = { ...rest, idempotencyKey: undefined }
  if (cacheControl?.mode === "bypass") return Option.none()
  return Option.map(
    // What JSON cannot hold can be no key, and will not be sent either.
    Option.liftThrowable(CanonicalJson.stringify)([kind, next.provider, { model: next.model, ...definedOnly(sent) }]),
    (json) => bytesToHex(sha256(utf8ToBytes(json)))
  )
}

const definedOnly = (record: object): object =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))

// -----------------------------------------------------------------------------
// Answers
// -----------------------------------------------------------------------------

interface Answer {
  readonly cached: boolean
  readonly attempts: number
  readonly latency: Duration.Duration
}

interface Cached<A extends Answer> {
  readonly store: CacheStore.CacheStore<A>
  readonly flights: SingleFlight.SingleFlight<A, LlmError, BroadcastLog<StreamPart>>
  readonly timeToLive: Duration.Duration
  /** An answer as those get it who follow it as a stream. */
  readonly parts: (answer: A) => Chunk.Chunk<StreamPart>
  /** Tells of an answer that a caller got without a call. */
  readonly tell: (request: ChatRequest | EmbedRequest, answer: Answered) => Effect.Effect<void>
}

type Answered = Pick<Completion, "model" | "usage">

const makeCached = <A extends Answer & Answered>(
  capacity: number,
  timeToLive: Duration.Duration,
  parts: (answer: A) => Chunk.Chunk<StreamPart>,
  tell: Cached<A>["tell"]
): Effect.Effect<Cached<A>, never, Scope.Scope> =>
  Effect.map(SingleFlight.make<A, LlmError, BroadcastLog<StreamPart>>(), (flights) => ({
    store: CacheStore.memory(capacity),
    flights,
    timeToLive,
    parts,
    tell
  }))

type Call<A> = (log: BroadcastLog<StreamPart>) => Effect.Effect<A, LlmError>

/** An answer as a caller gets it who caused no call. */
const unpaid = <A extends Answer>(answer: A): A => ({ ...answer, cached: true, attempts: 0, latency: Duration.zero })

/** The same, and those who keep account are told. */
const givenFree = <A extends Answer & Answered>(
  { tell }: { readonly tell: Cached<Completion>["tell"] },
  request: ChatRequest | EmbedRequest,
  answer: A
): Effect.Effect<A> => Effect.as(tell(request, answer), unpaid(answer))

const lookUp = <A extends Answer & Answered>(
  cached: Cached<A>,
  request: ChatRequest | EmbedRequest,
  key: string
): Effect.Effect<Option.Option<A>> =>
  request.cacheControl?.mode === "refresh" ? Effect.succeed(Option.none()) : cached.store.get(key)

/**
 * The call of a flight: its answer is stored before those who wait for it get it. It looks once more, because the flight
 * before it may have ended between its caller's own look and its start.
 */
const stored =
  <A extends Answer & Answered>(
    cached: Cached<A>,
    request: ChatRequest | EmbedRequest,
    key: string,
    call: Call<A>
  ): Call<A> =>
  (log) =>
    lookUp(cached, request, key).pipe(
      Effect.flatMap((hit) =>
        Option.isSome(hit)
          ? Effect.flatMap(givenFree(cached, request, hit.value), (answer) => told(cached, log, answer))
          : Effect.tap(call(log), (answer) =>
              cached.store.set(key, answer, request.cacheControl?.timeToLive ?? cached.timeToLive)
            )
      ),
      Effect.ensuring(Effect.sync(() => log.end()))
    )

/** A whole answer, given to those who follow the log too. */
const told = <A extends Answer & Answered>(
  cached: Cached<A>,
  log: BroadcastLog<StreamPart>,
  answer: A
): Effect.Effect<A> =>
  Effect.sync(() => {
    log.push(cached.parts(answer))
    return answer
  })

const answered = <A extends Answer & Answered>(
  cached: Cached<A>,
  request: ChatRequest | EmbedRequest,
  key: Option.Option<string>,
  call: () => Effect.Effect<A, LlmError>
): Effect.Effect<A, LlmError> => {
  if (Option.isNone(key)) return call()
  const flown = stored(cached, request, key.value, (log) =>
    Effect.flatMap(call(), (answer) => told(cached, log, answer))
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
  cached: Cached<Completion>,
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
  (next: Service, request: ChatRequest): Call<Completion> =>
  (log) =>
    collect(
      Stream.mapChunks(next.stream(request), (parts) => {
        log.push(parts)
        return parts
      })
    )
