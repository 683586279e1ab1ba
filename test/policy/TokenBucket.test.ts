import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { TokenBucket } from "../../src/policy/TokenBucket.js"

const limit = 100

/** When calls begin, what is taken for them, what they really use, and how long they last. */
const calls = FastCheck.array(
  FastCheck.record({
    gap: FastCheck.integer({ min: 0, max: 40_000 }),
    taken: FastCheck.integer({ min: 0, max: limit }),
    used: FastCheck.integer({ min: 0, max: limit }),
    lasts: FastCheck.integer({ min: 0, max: 90_000 })
  }),
  { minLength: 1, maxLength: 40 }
)

describe("TokenBucket", () => {
  it("that is settled late is as if what was used had been taken at once, also where it was full meanwhile", () => {
    FastCheck.assert(
      FastCheck.property(calls, (calls) => {
        const late = new TokenBucket(limit, 0)
        const exact = new TokenBucket(limit, 0)
        let now = 0
        const ends: Array<{ readonly at: number; readonly settle: (at: number) => void }> = []
        const settleUntil = (time: number): void => {
          for (const end of ends.sort((a, b) => a.at - b.at).filter(({ at }) => at <= time)) end.settle(end.at)
          ends.splice(0, ends.length, ...ends.filter(({ at }) => at > time))
        }
        for (const { gap, lasts, taken, used } of calls) {
          now += gap
          settleUntil(now)
          const withdrawal = late.take(taken, now)
          exact.take(used, now)
          ends.push({ at: now + lasts, settle: (at) => late.settle(withdrawal, used, at) })
        }
        settleUntil(Number.POSITIVE_INFINITY)
        const end = now + 90_000
        for (const amount of [1, 10, limit]) expect(late.wait(amount, end)).toBe(exact.wait(amount, end))
      })
    )
  })

  it("never has more than the limit, and what others used is gone", () => {
    const bucket = new TokenBucket(limit, 0)
    bucket.settle(bucket.take(50, 0), 0, 1)
    expect(bucket.wait(limit, 1)).toBe(0)
    bucket.atMost(0, 1)
    expect(bucket.wait(1, 1)).toBe(600)
    bucket.resize(10, 1)
    expect(bucket.wait(10, 1)).toBe(60_000)
  })
})
