/**
 * Keeps to a provider's limits, and uses all of them. Every call takes one request and as many tokens as it may use, and
 * what it did not use is given back when it ends. Waiting is first come, first served, and ends at once when the caller is
 * interrupted.
 *
 * Effect's limiters do not do for this, so it is ours: the one of `effect/RateLimiter` rounds refills below a millisecond
 * up, hangs for ever at a cost above its limit and gives nothing back; that of `@effect/experimental` on Redis fails where
 * a window is no whole number of milliseconds per call, and lets a cost above its limit through.
 */
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ChatRequest } from "../ChatRequest.js"
import type { Service } from "../LlmClient.js"
import { make, type Policy, positiveInteger } from "./Make.js"
import { RateLimitGate } from "./RateLimitGate.js"
import { RateLimitLessons } from "./RateLimitLessons.js"
import * as RateLimitStore from "./RateLimitStore.js"
import * as StoreFailover from "./StoreFailover.js"

/**
 * - `requestsPerMinute`, `tokensPerMinute`: of all calls of the layer, embeddings included; as many may begin at once after
 *   a quiet minute. What is left out is learned from the headers of the answers; lower limits in them count, too
 * - `promptTokens`: how many tokens a prompt has, such as `Tokenizer.countChat`. Default, and where it fails: one per four
 *   characters, put right by what earlier calls had
 * - `store`: where many processes share the limits, such as `RedisRateLimit.store`. Default: this layer's memory
 * - `key`: what shares them there. Default: the client's provider and model
 * - `onStoreFailure`: what to do while that cannot be reached: `"local"` warns, and each process keeps the limits alone;
 *   `"fail"` fails calls with a `ConnectionFailed` that was not sent. Default: `"local"`
 */
export interface RateLimitOptions<E = never, R = never, R2 = never> {
  readonly requestsPerMinute?: number | undefined
  readonly tokensPerMinute?: number | undefined
  readonly promptTokens?: ((request: ChatRequest) => Effect.Effect<number, unknown, R2>) | undefined
  readonly store?: Effect.Effect<RateLimitStore.RateLimitStore, E, R> | undefined
  readonly key?: string | undefined
  readonly onStoreFailure?: "fail" | "local" | undefined
}

/**
 * Requests and tokens per minute. A call takes its prompt and its `maxTokens`, or as much as answers mostly have, and gives
 * back what it did not use; a request that was turned down gives back all tokens, and one of which nobody knows whether it
 * was answered none. One that is larger than the limit is an `InvalidRequest` at once. A 429 has all calls of the layer wait
 * as long as it asks. Belongs inside `retry`: a retry takes its quota, too.
 */
export const rateLimit = <E = never, R = never, R2 = never>(
  options: RateLimitOptions<E, R, R2> = {}
): Policy<ConfigError.ConfigError | E, Exclude<R | R2, Scope.Scope>> =>
  make((next) =>
    Effect.gen(function* () {
      const own: RateLimitStore.Quota = {
        requests: yield* limitOf("rateLimit.requestsPerMinute", options.requestsPerMinute),
        tokens: yield* limitOf("rateLimit.tokensPerMinute", options.tokensPerMinute)
      }
      const local = RateLimitStore.memory()
      const shared = options.store === undefined ? undefined : yield* options.store
      const store =
        shared === undefined ? local : options.onStoreFailure === "fail" ? shared : StoreFailover.make(shared, local)
      const key = options.key ?? `${next.provider} ${next.model}`
      const context = yield* Effect.context<R2>()
      const { promptTokens } = options
      const gate = new RateLimitGate(
        next,
        store,
        key,
        new RateLimitLessons(own, next.model),
        promptTokens && ((request) => Effect.provide(Effect.option(promptTokens(request)), context))
      )
      const service: Service = {
        ...next,
        complete: (request) => gate.call(request, next.complete(request)),
        embed: (request) => gate.call(request, next.embed(request)),
        stream: (request) => gate.stream(request, next.stream(request))
      }
      return service
    })
  )

const limitOf = (
  option: string,
  limit: number | undefined
): Effect.Effect<number | undefined, ConfigError.ConfigError> =>
  limit === undefined ? Effect.succeed(undefined) : positiveInteger(option, limit)
