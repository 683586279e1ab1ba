/**
 * Where `rateLimit` keeps what is left: in this process, or where many processes share it.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { TokenBucket, type Withdrawal } from "./TokenBucket.js"

/** What there is in a minute; `undefined`: no limit. */
export interface Quota {
  readonly requests: number | undefined
  readonly tokens: number | undefined
}

export interface Amounts {
  readonly requests: number
  readonly tokens: number
}

/** The store cannot be reached, or answers nonsense. */
export class RateLimitStoreFailed extends Data.TaggedError("RateLimitStoreFailed")<{ readonly message: string }> {}

/** What one call takes. It is asked for until it is given, by one fiber; never more than the quota. */
export interface Claim {
  /** 0: it is taken. Otherwise how many milliseconds until it is worth asking again. */
  readonly ask: (quota: Quota) => Effect.Effect<number, RateLimitStoreFailed>
  /** Says what it really was; before it is taken, that it is not wanted any more. */
  readonly settle: (amounts: Amounts) => Effect.Effect<void, RateLimitStoreFailed>
}

/** What was learned from an answer: nobody may begin for `pause` milliseconds; no more than `atMost` is left. */
export interface Lesson {
  readonly pause?: number | undefined
  readonly atMost?: Partial<Quota> | undefined
}

export interface RateLimitStore {
  /** `key`: what shares a quota. Nothing is taken yet. */
  readonly claim: (key: string, amounts: Amounts) => Claim
  readonly learn: (key: string, lesson: Lesson, quota: Quota) => Effect.Effect<void, RateLimitStoreFailed>
}

// -----------------------------------------------------------------------------
// In memory
// -----------------------------------------------------------------------------

const kinds = ["requests", "tokens"] as const

class Buckets {
  private readonly buckets = new Map<string, TokenBucket>()
  notBefore = Number.NEGATIVE_INFINITY

  /** The buckets that there are by this quota, as large as it says. */
  of(quota: Quota, now: number): ReadonlyArray<readonly [(typeof kinds)[number], number, TokenBucket]> {
    return kinds.flatMap((kind) => {
      const limit = quota[kind]
      if (limit === undefined) return []
      const bucket = this.buckets.get(kind) ?? new TokenBucket(limit, now)
      this.buckets.set(kind, bucket)
      bucket.resize(limit, now)
      return [[kind, limit, bucket] as const]
    })
  }
}

/** A store of its own; nobody else knows of it. */
export const memory = (): RateLimitStore => {
  const all = new Map<string, Buckets>()
  const of = (key: string): Buckets => {
    const buckets = all.get(key) ?? new Buckets()
    all.set(key, buckets)
    return buckets
  }
  return {
    claim: (key, amounts) => {
      const taken: Array<readonly [(typeof kinds)[number], TokenBucket, Withdrawal]> = []
      return {
        ask: (quota) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            const buckets = of(key)
            const wanted = buckets
              .of(quota, now)
              .map(([kind, limit, bucket]) => [kind, bucket, Math.min(amounts[kind], limit)] as const)
            const wait = Math.max(buckets.notBefore - now, ...wanted.map(([, bucket, n]) => bucket.wait(n, now)))
            if (wait > 0) return wait
            for (const [kind, bucket, n] of wanted) taken.push([kind, bucket, bucket.take(n, now)])
            return 0
          }),
        settle: (actual) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            for (const [kind, bucket, withdrawal] of taken) bucket.settle(withdrawal, actual[kind], now)
          })
      }
    },
    learn: (key, { atMost = {}, pause = 0 }, quota) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const buckets = of(key)
        if (pause > 0) buckets.notBefore = Math.max(buckets.notBefore, now + pause)
        for (const [kind, , bucket] of buckets.of(quota, now)) {
          const amount = atMost[kind]
          if (amount !== undefined) bucket.atMost(amount, now)
        }
      })
  }
}
