/**
 * Embeddings of single texts, kept: of a request only the texts are sent whose vectors are not there, each once, and not
 * those that another request is waiting for. What an answer says of tokens, attempts and time is of the call it caused.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Attempts from "../Attempts.js"
import { type Embeddings, type EmbedRequest, validateRequest } from "../Embeddings.js"
import type { Service } from "../LlmClient.js"
import { type LlmError, MalformedResponse } from "../LlmError.js"
import type * as Usage from "../Usage.js"
import * as CacheStore from "./CacheStore.js"
import * as SingleFlight from "./SingleFlight.js"

/** The vector of a text, and the model that made it. */
export const TextVector = Schema.Struct({ vector: Schema.Array(Schema.Number), model: Schema.String })

export type TextVector = typeof TextVector.Type

interface Options {
  readonly next: Service
  readonly store: CacheStore.CacheStore<TextVector>
  readonly timeToLive: Duration.Duration
  readonly keysOf: (request: EmbedRequest) => Option.Option<ReadonlyArray<string>>
}

/** Texts by their keys. */
type Texts = ReadonlyMap<string, string>
type Vectors = ReadonlyMap<string, TextVector>

/** Texts that one call asks for. */
interface Batch {
  readonly key: string
  readonly texts: Texts
}

/** `paid`: what the call said; undefined when everything was there after all. */
interface Answer {
  readonly vectors: Vectors
  readonly paid: Embeddings | undefined
}

export const make = (
  options: Options
): Effect.Effect<(request: EmbedRequest) => Effect.Effect<Embeddings, LlmError>, never, Scope.Scope> =>
  Effect.map(SingleFlight.make<Answer, LlmError, undefined>(), (flights) => {
    const { next, keysOf } = options
    /** By the key of a text, the batch that will bring its vector. */
    const underWay = new Map<string, Batch>()

    /** Batches under way that bring some of the texts, and a new one for the rest. */
    const batchesFor = (texts: Texts): ReadonlySet<Batch> => {
      const batches = new Set<Batch>()
      const rest = new Map<string, string>()
      for (const [key, text] of texts) {
        const batch = underWay.get(key)
        if (batch === undefined) rest.set(key, text)
        else batches.add(batch)
      }
      if (rest.size > 0) {
        const batch: Batch = { key: [...rest.keys()].join(), texts: rest }
        for (const key of rest.keys()) underWay.set(key, batch)
        batches.add(batch)
      }
      return batches
    }

    const forget = (batch: Batch): void => {
      for (const key of batch.texts.keys()) if (underWay.get(key) === batch) underWay.delete(key)
    }

    const fetched = (request: EmbedRequest, texts: Texts): Effect.Effect<Answer, LlmError> =>
      Effect.uninterruptibleMask((restore) =>
        // No interruption between the look at what is under way and the place in it.
        Effect.forEach(batchesFor(texts), (batch) =>
          flights.join(
            batch.key,
            () => undefined,
            () =>
              Effect.ensuring(
                call(options, request, batch.texts),
                Effect.sync(() => forget(batch))
              )
          )
        ).pipe(
          Effect.flatMap((joined) =>
            restore(
              Effect.forEach(
                joined,
                ({ flight, isFirst }) => Effect.map(flight.result, (answer) => ({ answer, isFirst })),
                { concurrency: "unbounded" }
              )
            )
          )
        )
      ).pipe(
        Effect.map((results) => ({
          vectors: new Map(results.flatMap(({ answer }) => [...answer.vectors])),
          paid: results.find(({ answer, isFirst }) => isFirst && answer.paid !== undefined)?.answer.paid
        })),
        Effect.scoped
      )

    return (request) =>
      Effect.suspend(() => {
        const keys = Option.isSome(validateRequest(request)) ? Option.none() : keysOf(request)
        if (Option.isNone(keys)) return next.embed(request)
        const texts = new Map(keys.value.map((key, i) => [key, request.input[i] ?? ""]))
        return lookUp(options, request, texts).pipe(
          Effect.flatMap((known): Effect.Effect<Answer, LlmError> => {
            const missing = without(texts, known)
            return missing.size === 0
              ? Effect.succeed({ vectors: known, paid: undefined })
              : Effect.map(fetched(request, missing), ({ paid, vectors }) => ({
                  vectors: new Map([...known, ...vectors]),
                  paid
                }))
          }),
          Effect.map((answer) => assembled(keys.value, answer)),
          Effect.tap((answer) => (answer.cached ? Attempts.cached(next, "embeddings", request, answer) : Effect.void))
        )
      })
  })

const without = (texts: Texts, known: Vectors): Texts => new Map([...texts].filter(([key]) => !known.has(key)))

const lookUp = ({ store }: Options, { cacheControl }: EmbedRequest, texts: Texts): Effect.Effect<Vectors> => {
  if (cacheControl?.mode === "refresh") return Effect.succeed(new Map())
  const keys = [...texts.keys()]
  return Effect.map(store.getMany(keys), (found) => {
    const known = new Map<string, TextVector>()
    for (const [i, key] of keys.entries()) {
      const entry = found[i]
      if (entry !== undefined && Option.isSome(entry)) known.set(key, entry.value.value)
    }
    return known
  })
}

/** Looks once more, because the call before may have ended between the look and the start. Stores before it answers. */
const call = (options: Options, request: EmbedRequest, texts: Texts): Effect.Effect<Answer, LlmError> =>
  Effect.flatMap(lookUp(options, request, texts), (known): Effect.Effect<Answer, LlmError> => {
    const { next, store, timeToLive } = options
    const missing = without(texts, known)
    if (missing.size === 0) return Effect.succeed({ vectors: known, paid: undefined })
    const input = [...missing.values()]
    return Effect.flatMap(next.embed({ ...request, input }), (paid) => {
      if (paid.vectors.length !== input.length) {
        return Effect.fail(
          new MalformedResponse({
            provider: next.provider,
            model: paid.model,
            message: `${paid.vectors.length} vectors came for ${input.length} texts`
          })
        )
      }
      const fresh = [...missing.keys()].map(
        (key, i) => [key, { vector: paid.vectors[i] ?? [], model: paid.model }] as const
      )
      return Effect.as(CacheStore.set(store, fresh, request.cacheControl?.timeToLive ?? timeToLive), {
        vectors: new Map([...known, ...fresh]),
        paid
      })
    })
  })

/** Nobody was asked for anything: that is known, and not merely unreported. */
const nothing: Usage.Usage = { inputTokens: 0, totalTokens: 0 }

const assembled = (keys: ReadonlyArray<string>, { paid, vectors }: Answer): Embeddings => {
  const inOrder = keys.map((key) => vectors.get(key)?.vector ?? [])
  return paid === undefined
    ? {
        vectors: inOrder,
        model: vectors.get(keys[0] ?? "")?.model ?? "",
        usage: nothing,
        cached: true,
        attempts: 0,
        latency: Duration.zero
      }
    : { ...paid, vectors: inOrder }
}
