/**
 * The limits of the simulated service: a bucket of requests and one of tokens for each model, refilled evenly over the
 * minute. Whole numbers throughout (a token is 60,000 units, a millisecond refills `limit` units), so waits are exact.
 */
import type { LimitState, RateLimited, Wire } from "./Wire.js"

export interface Limits {
  readonly requestsPerMinute?: number | undefined
  readonly tokensPerMinute?: number | undefined
}

export interface RateLimit {
  /** Takes a request of that many tokens, or says why not; a refused request takes nothing. */
  readonly take: (model: string, tokens: number, now: number) => RateLimited | undefined
  /** `x-ratelimit-*`, or as the wire words them; empty when nothing is limited. */
  readonly headers: (model: string, now: number, word?: Wire["limitHeaders"]) => Readonly<Record<string, string>>
  readonly reset: () => void
}

interface Bucket {
  readonly limit: number
  level: number
  at: number
}

const unit = 60_000

export const make = (limits: Limits): RateLimit => {
  const buckets = new Map<string, { readonly requests: Bucket | undefined; readonly tokens: Bucket | undefined }>()

  const of = (model: string, now: number) => {
    const known = buckets.get(model)
    if (known !== undefined) {
      refill(known.requests, now)
      refill(known.tokens, now)
      return known
    }
    const added = { requests: full(limits.requestsPerMinute, now), tokens: full(limits.tokensPerMinute, now) }
    buckets.set(model, added)
    return added
  }

  return {
    take: (model, tokens, now) => {
      if (limits.requestsPerMinute === undefined && limits.tokensPerMinute === undefined) return undefined
      const bucket = of(model, now)
      const refusal =
        shortage(bucket.requests, 1, model, "requests") ?? shortage(bucket.tokens, tokens, model, "tokens")
      if (refusal !== undefined) return refusal
      if (bucket.requests !== undefined) bucket.requests.level -= unit
      if (bucket.tokens !== undefined) bucket.tokens.level -= tokens * unit
      return undefined
    },
    headers: (model, now, word = goDurations) => {
      if (limits.requestsPerMinute === undefined && limits.tokensPerMinute === undefined) return {}
      const bucket = of(model, now)
      return word([...stateOf(bucket.requests, "requests"), ...stateOf(bucket.tokens, "tokens")], now)
    },
    reset: () => buckets.clear()
  }
}

/** A duration as OpenAI writes it: `12ms`, `1.5s`, `6m0s`. */
export const formatWait = (millis: number): string => {
  if (millis < 1000) return `${millis}ms`
  const minutes = Math.floor(millis / 60_000)
  const seconds = (millis - minutes * 60_000) / 1000
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds}s`
}

const full = (limit: number | undefined, now: number): Bucket | undefined =>
  limit === undefined ? undefined : { limit, level: limit * unit, at: now }

const refill = (bucket: Bucket | undefined, now: number): void => {
  if (bucket === undefined) return
  bucket.level = Math.min(bucket.limit * unit, bucket.level + Math.max(0, now - bucket.at) * bucket.limit)
  bucket.at = now
}

const shortage = (
  bucket: Bucket | undefined,
  amount: number,
  model: string,
  kind: "requests" | "tokens"
): RateLimited | undefined => {
  if (bucket === undefined || bucket.level >= amount * unit) return undefined
  return {
    model,
    kind,
    limit: bucket.limit,
    used: bucket.limit - Math.floor(bucket.level / unit),
    requested: amount,
    waitMillis: amount > bucket.limit ? undefined : Math.ceil((amount * unit - bucket.level) / bucket.limit)
  }
}

const stateOf = (bucket: Bucket | undefined, kind: LimitState["kind"]): ReadonlyArray<LimitState> =>
  bucket === undefined
    ? []
    : [
        {
          kind,
          limit: bucket.limit,
          remaining: Math.floor(bucket.level / unit),
          resetMillis: Math.ceil((bucket.limit * unit - bucket.level) / bucket.limit)
        }
      ]

const goDurations = (states: ReadonlyArray<LimitState>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    states.flatMap(({ kind, limit, remaining, resetMillis }) => [
      [`x-ratelimit-limit-${kind}`, String(limit)],
      [`x-ratelimit-remaining-${kind}`, String(remaining)],
      [`x-ratelimit-reset-${kind}`, formatWait(resetMillis)]
    ])
  )
