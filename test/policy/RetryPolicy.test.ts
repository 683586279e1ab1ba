import { describe, expect, it } from "@effect/vitest"
import { Chunk, Duration, Effect, Either, FastCheck, Random, Schedule } from "effect"
import { LlmError, RetryPolicy } from "effect-llm"
import { rateLimited, retryable, retryableErrors, terminalErrors } from "../SampleErrors.js"
import { inVirtualTime, timed } from "./Watched.js"

const failed = retryable.ServerFailed
const named = { provider: "mock", model: "mock-model", message: "as scripted" }

/** The waits of a policy, in milliseconds, when these errors come one after the other. */
const waits = (policy: RetryPolicy.RetryPolicy, errors: ReadonlyArray<LlmError.LlmError>) =>
  Effect.map(
    Schedule.run(Schedule.delays(policy), 0, [...errors, ...Array.from({ length: 20 }, () => failed)]),
    (delays) =>
      // The last output comes with the decision to stop.
      Chunk.toReadonlyArray(delays).slice(0, -1).map(Duration.toMillis)
  )

const seeded = (seed: number) => Effect.withRandom(Random.make(seed))

describe("RetryPolicy, delays without jitter", () => {
  const table: ReadonlyArray<readonly [name: string, policy: RetryPolicy.RetryPolicy, millis: ReadonlyArray<number>]> =
    [
      ["exponential", RetryPolicy.exponential({ jitter: "none" }), [500, 1000, 2000, 4000, 8000]],
      [
        "exponential up to its cap of 60 s",
        RetryPolicy.exponential({ jitter: "none", retries: 9 }),
        [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
      ],
      [
        "exponential with a base, a factor and a cap",
        RetryPolicy.exponential({ jitter: "none", base: "1 second", factor: 3, cap: "10 seconds", retries: 4 }),
        [1000, 3000, 9000, 10_000]
      ],
      ["linear", RetryPolicy.linear({ jitter: "none" }), [1000, 2000, 3000, 4000, 5000]],
      [
        "linear, 60 s × attempt",
        RetryPolicy.linear({ jitter: "none", unit: "60 seconds", cap: "1 hour", retries: 4 }),
        [60_000, 120_000, 180_000, 240_000]
      ],
      ["no retries", RetryPolicy.exponential({ retries: 0 }), []],
      ["none", RetryPolicy.none, []]
    ]
  for (const [name, policy, millis] of table) {
    it.effect(name, () => Effect.map(waits(policy, []), (delays) => expect(delays).toEqual(millis)))
  }

  it.effect("the standard policy makes six attempts", () =>
    Effect.map(waits(RetryPolicy.standard, []), (delays) => expect(delays).toHaveLength(5))
  )

  it.effect("the standard policy waits minutes, three times more, where the provider is still overloaded", () =>
    Effect.gen(function* () {
      const delays = yield* waits(
        RetryPolicy.standard,
        Array.from({ length: 9 }, () => retryable.Overloaded)
      )
      expect(delays).toHaveLength(8)
      for (const [index, least] of [60_000, 120_000, 240_000].entries()) {
        expect(delays[5 + index]).toBeGreaterThanOrEqual(least)
        expect(delays[5 + index]).toBeLessThanOrEqual(least * 1.5)
      }
      const { Overloaded } = retryable
      const asked = new LlmError.Overloaded({ ...named, retryAfter: Duration.minutes(5) })
      expect((yield* waits(RetryPolicy.standard, [asked]))[0]).toBe(300_000)
      expect(
        yield* waits(
          RetryPolicy.exponential(),
          Array.from({ length: 9 }, () => Overloaded)
        )
      ).toHaveLength(5)
    })
  )
})

describe("RetryPolicy, jitter", () => {
  const plain = [500, 1000, 2000, 4000, 8000]
  const table: ReadonlyArray<
    readonly [
      name: string,
      jitter: RetryPolicy.Jitter,
      bounds: (delay: number) => { readonly least: number; readonly most: number }
    ]
  > = [
    ["full: from nothing to the delay", "full", (delay) => ({ least: 0, most: delay })],
    ["equal: from half the delay to the delay", "equal", (delay) => ({ least: delay / 2, most: delay })],
    ["plus: the delay and up to so much more", { plus: "3 seconds" }, (delay) => ({ least: delay, most: delay + 3000 })]
  ]
  for (const [name, jitter, bounds] of table) {
    it.effect.prop(`stays within its bounds, ${name}`, [FastCheck.integer()], ([seed]) =>
      Effect.map(seeded(seed)(waits(RetryPolicy.exponential({ jitter }), [])), (delays) => {
        expect(delays).toHaveLength(5)
        for (const [index, delay] of delays.entries()) {
          const { least, most } = bounds(plain[index] ?? 0)
          expect(delay).toBeGreaterThanOrEqual(least)
          expect(delay).toBeLessThanOrEqual(most)
        }
      })
    )

    it.effect(`uses all of its range, ${name}`, () =>
      Effect.gen(function* () {
        const { least, most } = bounds(500)
        const first = yield* Effect.forEach(Array.from({ length: 400 }), () =>
          waits(RetryPolicy.exponential({ jitter }), [])
        ).pipe(
          Effect.map((all) => all.map((delays) => ((delays[0] ?? 0) - least) / (most - least))),
          seeded(42)
        )
        expect(Math.min(...first)).toBeLessThan(0.05)
        expect(Math.max(...first)).toBeGreaterThan(0.95)
        expect(first.reduce((sum, n) => sum + n, 0) / first.length).toBeCloseTo(0.5, 1)
      })
    )
  }

  it.effect("spreads callers that failed together", () =>
    Effect.gen(function* () {
      const callers = yield* Effect.forEach(Array.from({ length: 50 }), () => waits(RetryPolicy.standard, []), {
        concurrency: "unbounded"
      }).pipe(seeded(7))
      expect(new Set(callers.map((delays) => delays[0])).size).toBe(50)
      expect(new Set(callers.map((delays) => delays[4])).size).toBe(50)
    })
  )

  it.effect.prop(
    "60 s doubled each time, up to 60 s more, at most 300 s, five attempts",
    [FastCheck.integer()],
    ([seed]) =>
      Effect.gen(function* () {
        const policy = RetryPolicy.exponential({
          base: "60 seconds",
          factor: 2,
          jitter: { plus: "60 seconds" },
          cap: "300 seconds",
          retries: 4
        })
        const [first = 0, second = 0, third = 0, ...rest] = yield* waits(policy, [])
        expect(first).toBeGreaterThanOrEqual(60_000)
        expect(first).toBeLessThanOrEqual(120_000)
        expect(second).toBeGreaterThanOrEqual(120_000)
        expect(second).toBeLessThanOrEqual(180_000)
        expect(third).toBeGreaterThanOrEqual(240_000)
        expect(third).toBeLessThanOrEqual(300_000)
        expect(rest).toEqual([300_000])
      }).pipe(seeded(seed))
  )
})

describe("RetryPolicy, the server's wait", () => {
  const plain = RetryPolicy.exponential({ jitter: "none" })
  const table: ReadonlyArray<
    readonly [
      name: string,
      policy: RetryPolicy.RetryPolicy,
      errors: ReadonlyArray<LlmError.LlmError>,
      millis: ReadonlyArray<number>
    ]
  > = [
    ["a longer wait replaces ours", plain, [rateLimited(20_000)], [20_000, 1000, 2000, 4000, 8000]],
    [
      "a shorter wait changes nothing",
      plain,
      [rateLimited(10), failed, rateLimited(1999)],
      [500, 1000, 2000, 4000, 8000]
    ],
    ["a wait of exactly the cap is kept", plain, [rateLimited(60_000)], [60_000, 1000, 2000, 4000, 8000]],
    ["a wait beyond the cap ends the retries", plain, [failed, rateLimited(60_001)], [500]],
    [
      "a wait beyond the cap is waited for by those who say so",
      RetryPolicy.exponential({ jitter: "none", beyondCap: "wait", retries: 2 }),
      [rateLimited(600_000)],
      [600_000, 1000]
    ],
    [
      "a wait within a cap of its own",
      RetryPolicy.linear({ jitter: "none", cap: "5 minutes" }),
      [rateLimited(200_000)],
      [200_000, 2000, 3000, 4000, 5000]
    ]
  ]
  for (const [name, policy, errors, millis] of table) {
    it.effect(name, () => Effect.map(waits(policy, errors), (delays) => expect(delays).toEqual(millis)))
  }

  it.effect.prop(
    "is never shortened by jitter",
    [FastCheck.integer(), FastCheck.integer({ min: 0, max: 60_000 })],
    ([seed, asked]) =>
      Effect.map(seeded(seed)(waits(RetryPolicy.standard, [rateLimited(asked)])), ([first = 0]) => {
        expect(first).toBeGreaterThanOrEqual(asked)
        expect(first).toBeLessThanOrEqual(Math.max(asked, 500))
      })
  )

  it.effect("can be added to a Schedule of one's own", () =>
    Effect.gen(function* () {
      const own = Schedule.intersect(Schedule.spaced("1 second"), Schedule.recurs(3)).pipe(
        RetryPolicy.retryableOnly,
        RetryPolicy.honorRetryAfter({ cap: "30 seconds" })
      )
      expect(yield* waits(own, [failed, rateLimited(30_000)])).toEqual([1000, 30_000, 1000])
      expect(yield* waits(own, [failed, rateLimited(30_001)])).toEqual([1000])
    })
  )
})

describe("RetryPolicy, the end of retries", () => {
  for (const error of terminalErrors) {
    it.effect(`${error._tag} is never repeated`, () =>
      Effect.gen(function* () {
        expect(yield* waits(RetryPolicy.standard, [error])).toEqual([])
        expect(yield* waits(RetryPolicy.retryableOnly(Schedule.forever), [failed, error])).toHaveLength(1)
      })
    )
  }

  for (const error of retryableErrors) {
    it.effect(`${error._tag} is repeated`, () =>
      Effect.map(waits(RetryPolicy.exponential({ jitter: "none", retries: 2 }), [error]), (delays) =>
        expect(delays).toEqual([500, 1000])
      )
    )
  }

  const unknown = retryableErrors.filter(({ outcome }) => outcome === "unknown")

  for (const error of unknown) {
    it.effect(`${error._tag} may have been paid for: it is repeated once, or as often as one says`, () =>
      Effect.gen(function* () {
        const often = Array.from({ length: 9 }, () => error)
        expect(yield* waits(RetryPolicy.standard, often)).toHaveLength(1)
        expect(yield* waits(RetryPolicy.linear(), [failed, error, failed, error, failed])).toHaveLength(3)
        expect(yield* waits(RetryPolicy.exponential({ unknownOutcomes: 0 }), often)).toHaveLength(0)
        expect(yield* waits(RetryPolicy.exponential({ unknownOutcomes: 3 }), often)).toHaveLength(3)
        expect(yield* waits(RetryPolicy.limitUnknown(2)(Schedule.recurs(9)), often)).toHaveLength(2)
      })
    )
  }

  it.effect("a request that never went out may be sent again as often as any", () =>
    Effect.gen(function* () {
      const refused = new LlmError.ConnectionFailed({ ...named, outcome: "not-sent" })
      expect(unknown.map(({ _tag }) => _tag).sort()).toEqual([
        "ConnectionFailed",
        "MalformedResponse",
        "RequestTimeout",
        "StreamInterrupted"
      ])
      expect(
        yield* waits(
          RetryPolicy.standard,
          Array.from({ length: 9 }, () => refused)
        )
      ).toHaveLength(5)
    })
  )

  const upTo: ReadonlyArray<readonly [total: Duration.DurationInput, millis: ReadonlyArray<number>]> = [
    ["499 millis", []],
    ["500 millis", [500]],
    ["1499 millis", [500]],
    ["1500 millis", [500, 1000]],
    ["8 seconds", [500, 1000, 2000, 4000]],
    ["1 hour", [500, 1000, 2000, 4000, 8000]]
  ]
  for (const [total, millis] of upTo) {
    it.effect(`upTo ${Duration.format(total)} makes no wait that would go beyond`, () =>
      Effect.map(waits(RetryPolicy.exponential({ jitter: "none" }).pipe(RetryPolicy.upTo(total)), []), (delays) =>
        expect(delays).toEqual(millis)
      )
    )
  }

  it.effect("upTo counts the server's wait too", () =>
    Effect.map(waits(RetryPolicy.standard.pipe(RetryPolicy.upTo("10 seconds")), [rateLimited(10_001)]), (delays) =>
      expect(delays).toEqual([])
    )
  )

  it.effect("upTo counts the time of the attempts too", () =>
    Effect.gen(function* () {
      const policy = RetryPolicy.exponential({ jitter: "none" }).pipe(RetryPolicy.upTo("6 seconds"))
      // Failures at 2 s, 4.5 s and 7.5 s; from the first one on, the next wait would end after 500 ms, 3.5 s and 7.5 s.
      const attempt = Effect.zipRight(Effect.sleep("2 seconds"), Effect.fail(failed))
      const { millis } = yield* inVirtualTime(timed(Effect.retry(attempt, policy)))
      expect(millis).toBe(7500)
    })
  )

  it.effect("works with Effect.retry, which fails with the last error", () =>
    Effect.gen(function* () {
      const error = rateLimited(61_000)
      const ended = yield* inVirtualTime(timed(Effect.retry(Effect.fail(error), RetryPolicy.standard)))
      expect(ended).toEqual({ result: Either.left(error), millis: 0 })
    })
  )
})

describe("RetryPolicy, beyond its cap", () => {
  it.effect("delays are spread over the whole cap: no herd comes back together", () =>
    Effect.gen(function* () {
      const policy = RetryPolicy.exponential({ base: "10 minutes", cap: "60 seconds", retries: 1 })
      const delays = yield* Effect.forEach(
        Array.from({ length: 200 }, (_, seed) => seed),
        (seed) => Effect.map(seeded(seed)(waits(policy, [])), ([delay = 0]) => delay)
      )
      expect(Math.max(...delays)).toBeLessThanOrEqual(60_000)
      expect(delays.filter((delay) => delay < 30_000).length).toBeGreaterThan(60)
      expect(delays.filter((delay) => delay === 60_000).length).toBeLessThan(5)
    })
  )

  it.effect("a number of retries that is none is none", () =>
    Effect.gen(function* () {
      for (const [retries, expected] of [
        [Number.NaN, 0],
        [-1, 0],
        [2.7, 2]
      ] as const) {
        expect(yield* waits(RetryPolicy.exponential({ retries }), [])).toHaveLength(expected)
      }
    })
  )
})
