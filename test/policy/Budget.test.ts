import { describe, expect, it } from "@effect/vitest"
import { Array as Arrays, Effect, Either, Fiber, Layer, Schedule, Stream, TestClock } from "effect"
import { Budget, ChatRequest, type LlmClient, LlmError, Policy, type Prices, StreamPart } from "effect-llm"
import type { MockLlm } from "effect-llm/testing"
import { retryable, terminal } from "../SampleErrors.js"
import { behind, built, make as watched } from "./Watched.js"

const prices: Prices.PriceTable = {
  date: "2026-01-01",
  rows: [{ provider: "mock", model: "mock-model", input: 1e4, output: 1e4 }]
}
const named = { provider: "mock", model: "mock-model", message: "as scripted" }
/** Its prompt is 7 tokens by estimate: with its answer at most 50, or 0.5 dollars at the prices above. */
const request = ChatRequest.make({ prompt: "Hi", maxTokens: 43 })
const hi: MockLlm.Reply = { text: "Hi", usage: { inputTokens: 7, outputTokens: 13 } }

/** What is spent of 100 tokens and 1 dollar after one call that ends so, and that nothing stays reserved. */
const spentAfter = (answer: MockLlm.Answer, run: (client: LlmClient.Service) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    const budget = yield* Budget.make({ maxTokens: 100, maxCost: 1, prices })
    const { client } = yield* behind(Policy.budget(budget), [answer])
    yield* Effect.exit(run(client))
    const { reserved, spent } = yield* budget.state
    expect(reserved.tokens).toBe(0)
    expect(reserved.cost).toBeCloseTo(0)
    expect(spent.cost).toBeCloseTo(spent.tokens / 100)
    return spent.tokens
  })

describe("Policy.budget", () => {
  const limits = { tokens: { maxTokens: 60 }, dollars: { maxCost: 0.6 } }
  for (const [name, limit] of Object.entries(limits)) {
    it.scoped(`in ${name}: fails the call that could exceed it, before it is made`, () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(Policy.budget({ ...limit, prices }), hi)
        yield* client.complete(request)
        const whole = yield* Effect.flip(client.complete(request))
        const streamed = yield* Effect.flip(Stream.runDrain(client.stream(request)))
        expect([whole, streamed]).toMatchObject(
          Arrays.replicate({ _tag: "BudgetExceeded", outcome: "not-sent", attempts: 0 }, 2)
        )
        expect(whole.message).toMatch(
          name === "tokens" ? /50 tokens, and 40 of 60/ : /\$0\.500000, and \$0\.400000 of \$0\.6/
        )
        expect(mock.starts).toHaveLength(1)
        // One that fits still may.
        yield* client.complete(ChatRequest.make({ prompt: "Hi", maxTokens: 30 }))
        expect(mock.starts).toHaveLength(2)
      })
    )
  }

  it.scoped("calls at the same time do not spend the same rest", () =>
    Effect.gen(function* () {
      const budget = yield* Budget.make({ maxTokens: 160 })
      const { client, mock } = yield* behind(Policy.budget(budget), { ...hi, delay: "1 second" })
      const calls = yield* Effect.fork(
        Effect.forEach(Arrays.range(1, 20), () => Effect.either(client.complete(request)), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(1)
      expect((yield* budget.state).reserved.tokens).toBe(150)
      yield* TestClock.adjust("1 minute")
      expect(Arrays.filter(yield* Fiber.join(calls), Either.isRight)).toHaveLength(3)
      expect(mock.starts).toHaveLength(3)
      expect((yield* budget.state).spent.tokens).toBe(60)
    })
  )

  const whole = (client: LlmClient.Service) => client.complete(request)
  const streamed = (client: LlmClient.Service) => Stream.runDrain(client.stream(request))
  const settled: Readonly<Record<string, readonly [MockLlm.Answer, typeof whole | typeof streamed, number]>> = {
    "an answer takes what it used": [hi, whole, 20],
    "a stream takes what it used, at its end": [hi, (client) => StreamPart.collect(client.stream(request)), 20],
    "an answer without usage takes what was reserved": [{ text: "Hi", usage: {} }, whole, 50],
    "a request that was turned down takes nothing": [terminal.PermissionDenied, whole, 0],
    "one that was not sent takes nothing": [new LlmError.ConnectionFailed({ ...named, outcome: "not-sent" }), whole, 0],
    "one of which nobody knows takes what was reserved": [retryable.ConnectionFailed, whole, 50],
    "a cut stream takes what was reserved": [
      { text: ["Hi", " there"], error: retryable.ConnectionFailed },
      streamed,
      50
    ],
    "a call that is left takes what was reserved": [
      { ...hi, delay: "1 hour" },
      (client) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(client.complete(request))
          yield* TestClock.adjust("1 second")
          yield* Fiber.interrupt(fiber)
        }),
      50
    ]
  }
  for (const [name, [answer, run, tokens]] of Object.entries(settled)) {
    it.scoped(name, () => Effect.map(spentAfter(answer, run), (spent) => expect(spent).toBe(tokens)))
  }

  it.scoped("each attempt of a retry further out reserves, and the one that would exceed it ends the call", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) => layer.pipe(Policy.budget({ maxTokens: 120 }), Policy.retry(Schedule.recurs(5))),
        retryable.ConnectionFailed
      )
      const error = yield* Effect.flip(client.complete(request))
      expect(error._tag).toBe("BudgetExceeded")
      expect(mock.starts).toHaveLength(2)
    })
  )

  it.scoped("attempts of a retry further in all count", () =>
    Effect.gen(function* () {
      const budget = yield* Budget.make({ maxTokens: 1000 })
      const { client } = yield* behind(
        (layer) => layer.pipe(Policy.retry(Schedule.recurs(5)), Policy.budget(budget)),
        [retryable.ConnectionFailed, retryable.Overloaded, hi]
      )
      yield* client.complete(request)
      expect((yield* budget.state).spent.tokens).toBe(70)
    })
  )

  it.scoped("an answer from a cache costs nothing", () =>
    Effect.gen(function* () {
      const budget = yield* Budget.make({ maxTokens: 1000 })
      const { client } = yield* behind((layer) => layer.pipe(Policy.cache(), Policy.budget(budget)), hi)
      yield* client.complete(request)
      yield* client.complete(request)
      expect((yield* budget.state).spent.tokens).toBe(20)
    })
  )

  it.scoped("is whole again after its time, and is shared by the layers that are given it", () =>
    Effect.gen(function* () {
      const budget = yield* Budget.make({ maxTokens: 60, per: "1 day" })
      const mock = yield* watched(hi)
      const first = yield* built(mock.layer.pipe(Policy.budget(budget)))
      const second = yield* built(Layer.fresh(mock.layer).pipe(Policy.budget(budget)))
      yield* first.complete(request)
      expect((yield* Effect.flip(second.complete(request)))._tag).toBe("BudgetExceeded")
      yield* TestClock.adjust("1 day")
      yield* second.complete(request)
      expect((yield* budget.state).spent.tokens).toBe(20)
    })
  )

  it.scoped("a model without a price is an error under a limit of dollars, or free where that is asked for", () =>
    Effect.gen(function* () {
      const strict = yield* behind(Policy.budget({ maxCost: 1 }), hi)
      const error = yield* Effect.flip(strict.client.complete(request))
      expect(error).toMatchObject({ _tag: "InvalidRequest", param: "model", outcome: "not-sent" })
      const lax = yield* behind(Policy.budget({ maxCost: 1, unpriced: "ignore" }), hi)
      expect((yield* lax.client.complete(request)).text).toBe("Hi")
    })
  )

  it.scoped("embeddings cost their texts", () =>
    Effect.gen(function* () {
      const budget = yield* Budget.make({ maxTokens: 10 })
      const { client } = yield* behind(Policy.budget(budget), hi)
      yield* client.embed({ input: ["a text of 20 letters"] })
      expect((yield* budget.state).spent.tokens).toBe(5)
      expect((yield* Effect.flip(client.embed({ input: ["a text of 30 letters, which is"] })))._tag).toBe(
        "BudgetExceeded"
      )
    })
  )

  const wrong: Readonly<Record<string, readonly [Budget.Options, string]>> = {
    "no limit": [{}, "budget"],
    "0 dollars": [{ maxCost: 0 }, "budget.maxCost"],
    "negative dollars": [{ maxCost: -1 }, "budget.maxCost"],
    "0 tokens": [{ maxTokens: 0 }, "budget.maxTokens"],
    "tokens that are no number": [{ maxTokens: Number.NaN }, "budget.maxTokens"],
    "no time": [{ maxTokens: 1, per: 0 }, "budget.per"],
    "a negative price": [
      { maxCost: 1, prices: { date: "2026-01-01", rows: [{ provider: "a", model: "b", input: -1 }] } },
      "prices"
    ]
  }
  for (const [name, [options, path]] of Object.entries(wrong)) {
    it.scoped(`${name}: a ConfigError that names it`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(behind(Policy.budget(options), hi))
        expect(error).toMatchObject({ _op: "InvalidData" })
        expect("path" in error ? error.path[0] : undefined).toBe(path)
      })
    )
  }
})
