import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Exit, Fiber, Layer, Redacted, Schedule, Stream, TestClock } from "effect"
import { Anthropic, ChatRequest, LlmClient, LlmError, OpenAi, Policy, StreamPart } from "effect-llm"
import { Fault, type MockLlm, Simulator } from "effect-llm/testing"
import { retryable, terminal } from "../SampleErrors.js"
import { behind, inVirtualTime, timed } from "./Watched.js"

const numbered = (n: number): ChatRequest.ChatRequest => ChatRequest.make(String(n))
const promptOf = (n: number): string => JSON.stringify(numbered(n).prompt)
const asking = (maxTokens: number): ChatRequest.ChatRequest => ChatRequest.make({ prompt: "Hi", maxTokens })
const usage = { inputTokens: 10, outputTokens: 10 }
const named = { provider: "mock", model: "mock-model", message: "as scripted" }

/** A minute of 100 tokens, and how long a call of 100 waits after one that ended so. */
const waitAfter = (answer: MockLlm.Answer) =>
  Effect.gen(function* () {
    const { client, mock } = yield* behind(
      Policy.rateLimit({ tokensPerMinute: 100, promptTokens: () => Effect.succeed(10) }),
      [answer, "Hi"]
    )
    yield* Effect.exit(client.complete(asking(50)))
    yield* inVirtualTime(client.complete(asking(90)))
    return (mock.starts[1] ?? 0) - (mock.starts[0] ?? 0)
  })

describe("Policy.rateLimit", () => {
  it.scoped(
    "lets a minute's requests through at once, and then as fast as they are refilled, first come, first served",
    () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(Policy.rateLimit({ requestsPerMinute: 3 }), "Hi")
        yield* inVirtualTime(
          Effect.forEach([0, 1, 2, 3, 4, 5], (n) => client.complete(numbered(n)), { concurrency: "unbounded" })
        )
        expect(mock.starts).toEqual([0, 0, 0, 20_000, 40_000, 60_000])
        expect(mock.prompts).toEqual([0, 1, 2, 3, 4, 5].map(promptOf))
      })
  )

  it.scoped("counts streams, embeddings and retries too", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) => layer.pipe(Policy.rateLimit({ requestsPerMinute: 1 }), Policy.retry(Schedule.recurs(3))),
        [retryable.ServerFailed, "Hi", "Hi"]
      )
      yield* inVirtualTime(
        Effect.all(
          [
            client.complete(numbered(0)),
            StreamPart.collect(client.stream(numbered(1))),
            client.embed({ input: ["a"] })
          ],
          { concurrency: "unbounded" }
        )
      )
      expect(mock.starts).toEqual([0, 60_000, 120_000, 180_000])
    })
  )

  it.scoped("refills faster than a request in a millisecond without losing any", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.rateLimit({ requestsPerMinute: 90 }), "Hi")
      yield* inVirtualTime(Effect.forEach(Array.from({ length: 180 }), () => client.complete(numbered(0))))
      expect(mock.starts.at(-1)).toBe(60_000)
    })
  )

  it.scoped("leaves no gap where callers left while they waited", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.rateLimit({ requestsPerMinute: 1 }), "Hi")
      const fibers = yield* Effect.forEach([0, 1, 2, 3, 4], (n) => Effect.fork(client.complete(numbered(n))))
      yield* TestClock.adjust("10 seconds")
      for (const n of [1, 3]) {
        const exits = yield* Effect.forEach(fibers.slice(n, n + 1), Fiber.interrupt)
        expect(exits.every(Exit.isInterrupted)).toBe(true)
      }
      yield* TestClock.adjust("1 hour")
      expect(mock.prompts).toEqual([0, 2, 4].map(promptOf))
      expect(mock.starts).toEqual([0, 60_000, 120_000])
    })
  )

  it.scoped("fails a request that is larger than the limit at once, with nobody behind it waiting", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.rateLimit({ tokensPerMinute: 1000 }), { text: "Hi", usage })
      const first = yield* Effect.fork(client.complete(asking(900)))
      yield* TestClock.adjust(1)
      const { millis, result } = yield* timed(Effect.flip(client.complete(asking(1001))))
      expect(result).toMatchObject({
        right: { _tag: "InvalidRequest", param: "maxTokens", outcome: "not-sent", attempts: 0 }
      })
      expect(millis).toBe(0)
      yield* client.complete(asking(900))
      yield* Fiber.join(first)
      expect(mock.starts).toHaveLength(2)
      const streamed = yield* Effect.flip(Stream.runDrain(client.stream(asking(2000))))
      const embedded = yield* Effect.flip(client.embed({ input: ["long ".repeat(1000)] }))
      expect([streamed, embedded]).toMatchObject([
        { _tag: "InvalidRequest", outcome: "not-sent" },
        { _tag: "InvalidRequest", param: "input", outcome: "not-sent" }
      ])
    })
  )

  const outcomes: Readonly<Record<string, readonly [MockLlm.Answer, number]>> = {
    "an answer keeps what it used": [{ text: "Hi", usage }, 12_000],
    "an answer that used more than was thought takes that": [
      { text: "Hi", usage: { inputTokens: 10, outputTokens: 90 } },
      60_000
    ],
    "an answer without usage keeps what it took": [{ text: "Hi", usage: {} }, 36_000],
    "a request that was turned down keeps no tokens": [terminal.PermissionDenied, 0],
    "an overloaded provider keeps no tokens": [retryable.Overloaded, 0],
    "one that was never sent keeps nothing": [new LlmError.ConnectionFailed({ ...named, outcome: "not-sent" }), 0],
    "one of which nobody knows keeps what it took": [retryable.ConnectionFailed, 36_000],
    "a cut answer with usage keeps that": [new LlmError.StreamInterrupted({ ...named, text: "H", usage }), 12_000]
  }
  for (const [name, [answer, millis]] of Object.entries(outcomes)) {
    it.scoped(`settles: ${name}`, () => Effect.map(waitAfter(answer), (wait) => expect(wait).toBe(millis)))
  }

  it.scoped("keeps what a call took that was left, and lets the first in line know what others give back", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        Policy.rateLimit({ tokensPerMinute: 100, promptTokens: () => Effect.succeed(10) }),
        { text: "Hi", usage, delay: "5 seconds" }
      )
      const left = yield* Effect.fork(client.complete(asking(40)))
      const stays = yield* Effect.fork(client.complete(asking(40)))
      const waits = yield* Effect.fork(Stream.runDrain(client.stream(asking(30))))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(left)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(stays)
      yield* Fiber.join(waits)
      // 40 would be there after 24 seconds; at 5 the one that stayed gives 30 back, which are worth 18.
      expect(mock.starts).toEqual([0, 0, 6000])
    })
  )

  it.scoped("has all callers wait as long as a 429 asks, and goes on then", () =>
    Effect.gen(function* () {
      const limited = new LlmError.RateLimited({ ...named, retryAfter: Duration.seconds(20) })
      const { client, mock } = yield* behind(
        (layer) => layer.pipe(Policy.rateLimit({ requestsPerMinute: 6000 }), Policy.retry(Schedule.recurs(1))),
        [limited, "Hi", "Hi", "Hi"]
      )
      yield* client.complete(numbered(0)).pipe(Effect.fork)
      yield* TestClock.adjust(1)
      yield* inVirtualTime(Effect.forEach([1, 2], (n) => client.complete(numbered(n)), { concurrency: "unbounded" }))
      expect(mock.starts[0]).toBe(0)
      expect(mock.starts.slice(1).every((start) => start >= 20_000 && start < 20_100)).toBe(true)
    })
  )

  it.scoped("slows down where a provider only refuses, and speeds up again", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.rateLimit({ requestsPerMinute: 600 }), (request) =>
        request.metadata?.["refuse"] === true ? retryable.RateLimited : "Hi"
      )
      yield* Effect.exit(client.complete({ ...numbered(0), metadata: { refuse: true } }))
      const began = yield* Clock.currentTimeMillis
      yield* inVirtualTime(Effect.forEach(Array.from({ length: 900 }), () => client.complete(numbered(1))))
      const starts = mock.starts.slice(1).map((start) => start - began)
      // A pause first; then slower than 100 milliseconds apart; and the whole quota in the end.
      expect(starts[0]).toBeGreaterThanOrEqual(1000)
      expect((starts[60] ?? 0) - (starts[10] ?? 0)).toBeGreaterThan(50 * 110)
      expect((starts[890] ?? 0) - (starts[840] ?? 0)).toBe(50 * 100)
    })
  )

  for (const limit of [0, -1, Number.NaN, 1.5, Number.POSITIVE_INFINITY]) {
    it.scoped(`of ${limit} is a ConfigError that names the option`, () =>
      Effect.gen(function* () {
        const requests = yield* Effect.flip(behind(Policy.rateLimit({ requestsPerMinute: limit }), "Hi"))
        const tokens = yield* Effect.flip(behind(Policy.rateLimit({ tokensPerMinute: limit }), "Hi"))
        expect([requests, tokens]).toMatchObject([
          { _op: "InvalidData", path: ["rateLimit.requestsPerMinute"] },
          { _op: "InvalidData", path: ["rateLimit.tokensPerMinute"] }
        ])
      })
    )
  }
})

describe("Policy.rateLimit learns from the headers of answers", () => {
  const providers = {
    OpenAi: OpenAi.layer({ apiKey: Redacted.make("sk-simulated"), model: "gpt-4.1-mini" }),
    Anthropic: Anthropic.layer({ apiKey: Redacted.make("sk-simulated"), model: "claude-sonnet-4-5" })
  }
  for (const [name, provider] of Object.entries(providers)) {
    it.scoped(`${name}: a lower limit than its own is kept to, without a 429`, () =>
      Effect.gen(function* () {
        const context = yield* Layer.build(
          provider.pipe(
            Policy.rateLimit({ requestsPerMinute: 6000 }),
            Layer.provideMerge(Simulator.layerHttpClient({ rateLimit: { requestsPerMinute: 10 } }))
          )
        )
        const simulator = Context.get(context, Simulator.Simulator)
        const client = Context.get(context, LlmClient.LlmClient)
        // One after the other, so that each is told of before the next begins.
        yield* inVirtualTime(
          Effect.forEach(Array.from({ length: 30 }), (_, n) =>
            n % 2 === 0 ? client.complete(numbered(n)) : StreamPart.collect(client.stream(numbered(n)))
          )
        )
        const starts = (yield* simulator.requests).map(({ at }) => at)
        expect(starts).toHaveLength(30)
        expect((yield* simulator.stats).answered).toEqual({ 200: 30 })
        expect((starts[29] ?? 0) - (starts[0] ?? 0)).toBeLessThanOrEqual(126_000)
      })
    )
  }

  it.scoped("what others use of the same key is noticed", () =>
    Effect.gen(function* () {
      const provider = providers.OpenAi
      const context = yield* Layer.build(
        provider.pipe(
          Policy.rateLimit({ requestsPerMinute: 20 }),
          Layer.provideMerge(Simulator.layerHttpClient({ rateLimit: { requestsPerMinute: 20 } }))
        )
      )
      const simulator = Context.get(context, Simulator.Simulator)
      const client = Context.get(context, LlmClient.LlmClient)
      const other = Context.get(
        yield* Layer.build(Layer.provide(provider, Layer.succeedContext(context))),
        LlmClient.LlmClient
      )
      yield* Effect.forEach(Array.from({ length: 18 }), () => other.complete(numbered(0)))
      yield* inVirtualTime(Effect.forEach(Array.from({ length: 10 }), (_, n) => client.complete(numbered(n))))
      expect((yield* simulator.stats).answered).toEqual({ 200: 28 })
    })
  )

  it.scoped("a fault of another kind teaches nothing", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        providers.OpenAi.pipe(
          Policy.rateLimit({ requestsPerMinute: 60 }),
          Layer.provideMerge(Simulator.layerHttpClient({ faults: [Fault.status(500)] }))
        )
      )
      const client = Context.get(context, LlmClient.LlmClient)
      yield* Effect.flip(client.complete(numbered(0)))
      const { millis } = yield* timed(client.complete(numbered(1)))
      expect(millis).toBe(0)
    })
  )
})
