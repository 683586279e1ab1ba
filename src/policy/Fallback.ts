/**
 * Asks another client when one has failed: after its retries, and for the errors that another may be spared. A stream
 * falls back only until its first visible part; after that, its failure stays.
 */
import * as Chunk from "effect/Chunk"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { LlmClient, Service } from "../LlmClient.js"
import { type LlmError, type Tag, withAttempts, withOutcome } from "../LlmError.js"
import { Given, type StreamPart } from "../StreamPart.js"
import * as AttemptCount from "./AttemptCount.js"
import * as ErrorClass from "./ErrorClass.js"
import * as GivenUp from "./GivenUp.js"
import type { Policy } from "./Make.js"
import * as Prefill from "./Prefill.js"
import * as Reroute from "./Reroute.js"
import * as Several from "./Several.js"

/**
 * What falls back by default: every retryable error, for the retries are inside; and what one provider, model or account
 * cannot do, and another may. Not what is wrong with the request or the key, which is to be mended and not to be hidden;
 * not `BudgetExceeded`; and not `ContentFiltered`: a filter is not routed around unless asked.
 */
export const fallbackTags: ReadonlyArray<Tag> = [
  "RateLimited",
  "Overloaded",
  "ServerFailed",
  "RequestTimeout",
  "ConnectionFailed",
  "MalformedResponse",
  "StreamInterrupted",
  "CircuitOpen",
  "QuotaExhausted",
  "ModelNotFound",
  "ContextLengthExceeded",
  "RequestTooLarge",
  "UnsupportedFeature"
]

/**
 * - `when`: the tags of errors that fall back, or a function that says so. Default: `fallbackTags`
 * - `model`: which model the other client is asked for: `"own"`, whatever the request names; `"keep"`, the one that it
 *   names; `{ name }`; or a function of it. Default: `"own"`, because a provider does not know the models of another
 * - `embeddings`: whether embeddings fall back, too. Default: false, because vectors of one model say nothing beside those
 *   of another: they would spoil an index, and no error would show it
 */
export interface FallbackOptions {
  readonly when?: ErrorClass.ErrorClass | undefined
  readonly model?: Reroute.Model | undefined
  readonly embeddings?: boolean | undefined
}

/**
 * Asks the client of `other` when this one fails. Belongs outside of `retry`. The answer names the model that gave it; when
 * both fail, the error is the last one; `attempts` is the sum. What the other is sent has no `idempotencyKey`, and has
 * `providerOptions` only where both are of the same provider. A fallback of a layer to itself is a `ConfigError`.
 *
 * ```ts
 * const Llm = OpenAi.layerConfig().pipe(Policy.retry(RetryPolicy.standard), Policy.fallback(Anthropic.layerConfig()))
 * ```
 */
export const fallback =
  <E2, R2>(
    other: Layer.Layer<LlmClient, E2, R2>,
    { embeddings = false, model = "own", when = fallbackTags }: FallbackOptions = {}
  ): Policy<E2 | ConfigError.ConfigError, R2> =>
  (self) =>
    Several.both(self, other, (first, second) =>
      first === second
        ? Effect.fail(ConfigError.InvalidData(["fallback"], "is to itself: it has to be another layer"))
        : Effect.map(ErrorClass.make(["fallback", "when"], when), (isFor): Service => {
            const rerouted = <R extends { readonly model?: string | undefined }>(request: R): R =>
              Reroute.reroute(request, first, second, model)
            return {
              ...first,
              complete: (request) => either(isFor, first.complete(request), () => second.complete(rerouted(request))),
              embed: (request) =>
                embeddings
                  ? either(isFor, first.embed(request), () => second.embed(rerouted(request)))
                  : first.embed(request),
              stream: (request) => {
                const again = rerouted(request)
                const isForSecond = (error: LlmError): boolean => isFor(error) && Prefill.fits(second, again)
                return eitherStream(isForSecond, first.stream(request), () => second.stream(again))
              }
            }
          })
    )

// -----------------------------------------------------------------------------

/** The error that ends the call: the last one, with what the first one cost. */
const last = (first: LlmError, second: LlmError): LlmError => {
  const summed = withAttempts(second, first.attempts + second.attempts)
  // The last request of the call was the first client's where the second sent none.
  const error = second.attempts === 0 && first.attempts > 0 ? withOutcome(summed, first.outcome) : summed
  return GivenUp.inherit(error, [first])
}

const plus = <A extends { readonly attempts: number }>(answer: A, { attempts }: LlmError): A => ({
  ...answer,
  attempts: answer.attempts + attempts
})

const either = <A extends { readonly attempts: number }>(
  isFor: (error: LlmError) => boolean,
  first: Effect.Effect<A, LlmError>,
  second: () => Effect.Effect<A, LlmError>
): Effect.Effect<A, LlmError> =>
  Effect.flatMap(AttemptCount.steps, (step) =>
    Effect.catchAll(first, (error) => {
      if (!isFor(error)) return Effect.fail(error)
      step(error.attempts)
      return Effect.mapBoth(second(), {
        onFailure: (next) => last(error, next),
        onSuccess: (answer) => plus(answer, error)
      })
    })
  )

const eitherStream = (
  isFor: (error: LlmError) => boolean,
  first: Stream.Stream<StreamPart, LlmError>,
  second: () => Stream.Stream<StreamPart, LlmError>
): Stream.Stream<StreamPart, LlmError> =>
  Stream.unwrap(
    Effect.map(AttemptCount.steps, (step) => {
      const given = new Given()
      return first.pipe(
        Stream.mapChunks((parts) => {
          given.note(parts)
          return parts
        }),
        Stream.catchAll((error) => {
          if (given.visible || !isFor(error)) return Stream.fail(given.failure(error))
          step(error.attempts)
          return second().pipe(
            Stream.mapChunks(Chunk.map((part) => (part._tag === "Finish" ? plus(part, error) : part))),
            Stream.mapError((next) => last(error, next))
          )
        })
      )
    })
  )
