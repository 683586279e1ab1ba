import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted, Ref, Schedule, Stream } from "effect"
import {
  Anthropic,
  Attempts,
  type ChatRequest,
  Ledger,
  LlmClient,
  LlmError,
  OpenAi,
  Policy,
  type Prices,
  StreamPart
} from "effect-llm"
import { Fault, MockLlm, Simulator } from "effect-llm/testing"

const named = { provider: "mock", model: "mock-model", message: "as scripted" }
const prices: Prices.PriceTable = {
  date: "2026-01-01",
  rows: [{ provider: "mock", model: "mock-model", input: 1e4, output: 1e5 }]
}
const usage = { inputTokens: 100, outputTokens: 10 }
const hello: MockLlm.Reply = { text: ["Hel", "lo"], usage }

/** The totals of a program's calls of a mock that answers like this. */
const kept = <A, E>(
  answers: MockLlm.Answers,
  program: Effect.Effect<A, E, LlmClient.LlmClient | Ledger.Ledger>,
  policy: Policy.Policy<unknown> = (layer) => layer
) => {
  const Llm = Layer.unwrapEffect(Effect.map(MockLlm.make(answers), (mock) => mock.layer)).pipe(policy)
  return Effect.zipRight(Effect.exit(program), Effect.all([Ledger.totals, Ledger.entries])).pipe(
    Effect.provide(Llm),
    Effect.provide(Ledger.layer({ prices }))
  )
}

describe("a ledger", () => {
  it.effect("enters whole answers, streams and embeddings, with what was reported", () =>
    Effect.gen(function* () {
      const program = Effect.all([
        LlmClient.complete("Hi"),
        StreamPart.collect(LlmClient.stream("Hi")),
        LlmClient.embed(["a text of 20 letters"])
      ])
      const [totals, entries] = yield* kept(hello, program)
      expect(entries.map(({ isExact, operation, result }) => [operation, result, isExact])).toEqual([
        ["chat", "completed", true],
        ["chat", "completed", true],
        ["embeddings", "completed", true]
      ])
      expect(totals.all).toMatchObject({
        attempts: 3,
        completed: 3,
        inputTokens: 205,
        outputTokens: 20,
        estimatedTokens: 0
      })
      expect(totals.all.unpriced).toBe(0)
      expect(totals.all.cost).toBeCloseTo(4.05)
      expect(Object.keys(totals.models)).toEqual(["mock mock-model"])
    })
  )

  it.effect("enters every attempt of a retry, the failed ones at nothing where they were turned down", () =>
    Effect.gen(function* () {
      const busy = new LlmError.Overloaded(named)
      const [totals, entries] = yield* kept(
        [busy, busy, hello],
        LlmClient.complete("Hi"),
        Policy.retry(Schedule.recurs(5))
      )
      expect(entries.map(({ cost, result }) => [result, cost])).toEqual([
        ["failed", 0],
        ["failed", 0],
        ["completed", 2]
      ])
      expect(totals.all).toMatchObject({ attempts: 3, completed: 1, failed: 2, estimatedTokens: 0 })
    })
  )

  it.effect("estimates what may have been billed, and says so", () =>
    Effect.gen(function* () {
      const timeout = new LlmError.RequestTimeout({ ...named, limit: "attempt" })
      const [totals, [entry]] = yield* kept(timeout, LlmClient.complete("a prompt of 24 letters.."))
      expect(entry).toMatchObject({ result: "failed", isExact: false, usage: { inputTokens: 12, outputTokens: 0 } })
      expect(totals.all.estimatedTokens).toBe(12)
      expect(totals.all.estimatedCost).toBe(totals.all.cost)
      expect(totals.all.cost).toBeGreaterThan(0)
    })
  )

  it.effect("enters a cut stream with the text so far, and with what was reported of it", () =>
    Effect.gen(function* () {
      const error = new LlmError.ConnectionFailed(named)
      const stream = Stream.runDrain(LlmClient.stream("Hi"))
      const [, [cut]] = yield* kept({ text: ["one two ", "three four."], error }, stream)
      expect(cut).toMatchObject({
        result: "cut",
        isExact: false,
        usage: { outputTokens: 5 },
        error: { _tag: "StreamInterrupted" }
      })
      const known = new LlmError.StreamInterrupted({ ...named, text: "one", usage })
      const [, [told]] = yield* kept({ text: ["one"], error: known }, stream)
      // What is reported amid a stream need not be all of it.
      expect(told).toMatchObject({ result: "cut", isExact: false, usage })
      const early = new LlmError.StreamInterrupted({ ...named, text: "one two three four", usage: { outputTokens: 1 } })
      const [, [more]] = yield* kept({ text: ["one two three four"], error: early }, stream)
      expect(more).toMatchObject({ isExact: false, usage: { outputTokens: 5 } })
    })
  )

  it.effect("enters a call and a stream that their callers left", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const answers: MockLlm.Answers = () => Effect.zipRight(Deferred.succeed(started, undefined), Effect.never)
      const leave = Effect.gen(function* () {
        const fiber = yield* Effect.fork(LlmClient.complete("Hi"))
        yield* Deferred.await(started)
        yield* Fiber.interrupt(fiber)
      })
      const [, [call]] = yield* kept(answers, leave)
      expect(call).toMatchObject({ result: "aborted", isExact: false, error: undefined })
      const [, [stream]] = yield* kept(
        { text: ["one ", "two"] },
        LlmClient.stream("Hi").pipe(Stream.take(1), Stream.runDrain)
      )
      expect(stream).toMatchObject({ result: "aborted", isExact: false })
      expect(stream?.usage.outputTokens).toBeGreaterThan(0)
    })
  )

  it.effect("enters a stream whose reader failed as left: the error is not the provider's", () =>
    Effect.gen(function* () {
      const error = new LlmError.RateLimited(named)
      const reading = Stream.mapEffect(LlmClient.stream("Hi"), () => Effect.fail(error))
      const [, [entry]] = yield* kept(hello, Stream.runDrain(reading))
      expect(entry).toMatchObject({ result: "aborted", isExact: false, error: undefined })
    })
  )

  it.effect("does not count what was never sent as an attempt", () =>
    Effect.gen(function* () {
      const [totals] = yield* kept(hello, LlmClient.complete({ prompt: "Hi", temperature: -1 }))
      expect(totals.all).toMatchObject({ attempts: 0, failed: 1, cost: 0, inputTokens: 0 })
    })
  )

  it.effect("enters what a cache answers at no cost, to whole calls, streams and those who wait for the same", () =>
    Effect.gen(function* () {
      const ask = LlmClient.complete("Hi")
      const program = Effect.gen(function* () {
        yield* Effect.all([ask, ask, ask], { concurrency: "unbounded" })
        yield* ask
        yield* Stream.runDrain(LlmClient.stream("Hi"))
      })
      const [totals, entries] = yield* kept(hello, program, Policy.cache())
      expect(totals.all).toMatchObject({ attempts: 1, completed: 1, cached: 4, inputTokens: 100, cost: 2 })
      expect(entries.filter(({ result }) => result === "cached").map(({ cost, usage }) => [cost, usage])).toEqual(
        Array.from({ length: 4 }, () => [0, usage])
      )
    })
  )

  it.effect("enters those who follow another's stream out of a cache", () =>
    Effect.gen(function* () {
      const follow = Stream.runDrain(LlmClient.stream("Hi"))
      const [totals] = yield* kept(hello, Effect.all([follow, follow], { concurrency: "unbounded" }), Policy.cache())
      expect(totals.all).toMatchObject({ attempts: 1, completed: 1, cached: 1 })
    })
  )

  it.effect("knows no cost of a model that has no price, which is not 0", () =>
    Effect.gen(function* () {
      const [totals, [entry]] = yield* kept(hello, LlmClient.complete({ prompt: "Hi", model: "other" }))
      expect(entry?.cost).toBeUndefined()
      expect(totals.all).toMatchObject({ unpriced: 1, cost: 0 })
      expect(Ledger.format(totals)).toMatch(/mock other +1 +0 +0 +100 +10 +unknown/)
    })
  )

  it.effect("begins anew when it is told to, and gives what was there", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* LlmClient.complete("Hi")
        expect((yield* Ledger.reset).all.attempts).toBe(1)
      })
      const [totals, entries] = yield* kept(hello, program)
      expect([totals.all.attempts, totals.models, entries]).toEqual([0, {}, []])
    })
  )

  it.effect("keeps as many entries as it is told to, and all in its totals", () =>
    Effect.gen(function* () {
      yield* Effect.replicateEffect(LlmClient.complete("Hi"), 50)
      expect((yield* Ledger.entries).length).toBe(7)
      expect((yield* Ledger.totals).all.attempts).toBe(50)
    }).pipe(Effect.provide(MockLlm.layer(hello)), Effect.provide(Ledger.layer({ keep: 7 })))
  )

  it.effect("is not built with a negative price, or with less than nothing to keep", () =>
    Effect.gen(function* () {
      const wrong = { date: "", rows: [{ provider: "mock", model: "m", input: -1 }] }
      for (const options of [{ prices: wrong }, { keep: -1 }, { keep: Number.NaN }]) {
        expect(yield* Effect.flip(Effect.scoped(Layer.build(Ledger.layer(options))))).toHaveProperty("path")
      }
    })
  )
})

describe("scopes of a ledger", () => {
  it.effect("measure what the calls of an effect cost, with a ledger around it or without", () =>
    Effect.gen(function* () {
      const [answer, totals] = yield* Ledger.measure(LlmClient.complete("Hi"), { prices })
      expect(answer.text).toBe("Hello")
      expect(totals.all).toMatchObject({ attempts: 1, cost: 2 })
      yield* LlmClient.complete("Hi")
      expect((yield* Ledger.totals).all.attempts).toBe(2)
    }).pipe(Effect.provide(MockLlm.layer(hello)), Effect.provide(Ledger.layer({ prices })))
  )

  it.effect("measure all fibers of an effect, and nothing beside it", () =>
    Effect.gen(function* () {
      const ask = LlmClient.complete("Hi")
      const inner = Ledger.measure(Effect.all([ask, ask], { concurrency: "unbounded" }))
      const [[, few], many] = yield* Ledger.measure(Effect.zipLeft(inner, ask))
      expect([few.all.attempts, many.all.attempts]).toEqual([2, 3])
    }).pipe(Effect.provide(MockLlm.layer(hello)))
  )

  it.effect("tell the cost of what fails, too", () =>
    Effect.gen(function* () {
      const seen = yield* Ref.make(0)
      yield* LlmClient.complete("Hi").pipe(
        Ledger.measured((totals) => Ref.set(seen, totals.all.failed)),
        Effect.flip
      )
      expect(yield* Ref.get(seen)).toBe(1)
    }).pipe(Effect.provide(MockLlm.layer(new LlmError.ServerFailed(named))))
  )

  it.effect("give tags to attempts, which have a sum each", () =>
    Effect.gen(function* () {
      const ask = LlmClient.complete("Hi")
      yield* ask.pipe(Ledger.withTags({ step: "draft" }), Ledger.withTags({ tenant: "acme" }))
      yield* Ledger.withTags({ tenant: "acme" })(ask)
      yield* ask
      const { all, tags } = yield* Ledger.totals
      expect(all.attempts).toBe(3)
      expect(Object.entries(tags).map(([tag, { attempts }]) => [tag, attempts])).toEqual([
        ["tenant=acme", 2],
        ["step=draft", 1]
      ])
    }).pipe(Effect.provide(MockLlm.layer(hello)), Effect.provide(Ledger.layer()))
  )

  it.effect("let listeners hear of a request's metadata, and how long its first part took", () =>
    Effect.gen(function* () {
      const heard: Array<Attempts.Attempt> = []
      yield* LlmClient.stream({ prompt: "Hi", metadata: { job: 7 } }).pipe(
        Stream.runDrain,
        Attempts.listening((attempt) => heard.push(attempt))
      )
      expect(heard).toMatchObject([{ metadata: { job: 7 }, firstPartMillis: 0, result: "completed" }])
    }).pipe(Effect.provide(MockLlm.layer(hello)))
  )
})

describe("a ledger over HTTP", () => {
  const request: ChatRequest.Input = "Tell me of lamps."
  const Llm = OpenAi.layer({ apiKey: Redacted.make("any"), model: "gpt-4.1-mini" })

  it.effect("has the bill of the provider, to the token", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.status(503), Fault.none, Fault.status(429))
      const calls: ReadonlyArray<Effect.Effect<unknown, LlmError.LlmError, LlmClient.LlmClient>> = [
        LlmClient.complete(request),
        StreamPart.collect(LlmClient.stream(request)),
        LlmClient.embed(Array.from({ length: 2049 }, (_, index) => `lamp ${index}`))
      ]
      for (const call of [...calls, ...calls]) yield* Effect.either(call)
      const { all } = yield* Ledger.totals
      const stats = yield* simulator.stats
      expect(all.attempts).toBe(stats.attempts)
      const billed = Object.values(stats.models)
      expect(all).toMatchObject({
        inputTokens: billed.reduce((sum, { inputTokens }) => sum + inputTokens, 0),
        outputTokens: billed.reduce((sum, { outputTokens }) => sum + outputTokens, 0),
        estimatedTokens: 0
      })
      expect(all.unpriced).toBe(0)
      expect(all.cost).toBeGreaterThan(0)
      expect(Ledger.format(yield* Ledger.totals).split("\n").length).toBe(5)
    }).pipe(Effect.provide(Llm), Effect.provide(Simulator.layerHttpClient()), Effect.provide(Ledger.layer()))
  )

  it.effect("is exact of no stream that broke, whatever its provider had said by then", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(
        Fault.cut({ afterTokens: 9, ending: "abrupt" }),
        Fault.errorEvent({ afterTokens: 0 }),
        Fault.status(529)
      )
      for (let call = 0; call < 3; call++) yield* Effect.either(Stream.runDrain(LlmClient.stream(request)))
      const [cut, failed, refused] = yield* Ledger.entries
      // The first event of a stream has the prompt and one token; the other eight are estimated.
      expect(cut).toMatchObject({ result: "cut", isExact: false })
      expect(cut?.usage.outputTokens).toBeGreaterThan(1)
      expect(failed).toMatchObject({ result: "failed", error: { _tag: "ServerFailed" }, isExact: false })
      expect(failed?.usage.inputTokens).toBeGreaterThan(0)
      expect(refused).toMatchObject({ result: "failed", error: { _tag: "Overloaded" }, isExact: true, usage: {} })
    }).pipe(
      Effect.provide(Anthropic.layer({ apiKey: Redacted.make("any"), model: "claude-sonnet-4-5" })),
      Effect.provide(Simulator.layerHttpClient({ flushEach: true })),
      Effect.provide(Ledger.layer())
    )
  )
})
