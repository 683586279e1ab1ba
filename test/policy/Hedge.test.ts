import type { HttpClient } from "@effect/platform"
import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import { Chunk, type ConfigError, Context, Effect, Fiber, Layer, Redacted, Schedule, Stream, TestClock } from "effect"
import { Anthropic, ChatRequest, Ledger, LlmClient, type LlmError, OpenAi, Policy, StreamPart } from "effect-llm"
import { Fault, MockLlm, Simulator } from "effect-llm/testing"
import { retryable, terminal } from "../SampleErrors.js"
import { behind, built, inVirtualTime, make, seen, timed, watch } from "./Watched.js"

const request = ChatRequest.make("Hello")

const after = (millis: number, text = "Hi"): MockLlm.Reply => ({ text, delay: millis })

/** An error that comes so late. */
const failing = (millis: number, error: LlmError.LlmError = retryable.ServerFailed): MockLlm.Reply => ({
  text: [],
  delay: millis,
  error
})

const always: Policy.HedgeOptions = { after: "1 second", maxShare: 1 }

/** What `complete` and `stream` give of the same script, and how long it took. */
const both = (answers: MockLlm.Answers, options: Policy.HedgeOptions = always) =>
  Effect.forEach(["complete", "stream"] as const, (operation) =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.hedge(options), answers)
      const call = operation === "complete" ? client.complete(request) : StreamPart.collect(client.stream(request))
      const timedCall = yield* inVirtualTime(timed(call))
      return { ...timedCall, mock }
    })
  )

const manyTimes = (count: number, start: number) => Array.from({ length: count }, (_, n) => start + n)

describe("Policy.hedge", () => {
  it.scoped("asks once where the answer comes in time", () =>
    Effect.gen(function* () {
      for (const { millis, mock, result } of yield* both(after(999))) {
        expect(millis).toBe(999)
        expect(result).toMatchObject({ right: { text: "Hi", attempts: 1 } })
        expect(mock.starts).toHaveLength(1)
      }
    })
  )

  it.scoped("asks a second time after the delay; the first answer wins, and the other attempt is interrupted", () =>
    Effect.gen(function* () {
      for (const { millis, mock, result } of yield* both([after(60_000, "slow"), after(500, "quick")])) {
        expect(millis).toBe(1500)
        expect(result).toMatchObject({ right: { text: "quick", attempts: 2 } })
        expect(mock.starts.map((start) => start - (mock.starts[0] ?? 0))).toEqual([0, 1000])
        expect([mock.inFlight, mock.left]).toEqual([0, 1])
      }
    })
  )

  it.scoped("the first attempt may still win", () =>
    Effect.gen(function* () {
      for (const { millis, mock, result } of yield* both([after(1200, "first"), after(500, "second")])) {
        expect(millis).toBe(1200)
        expect(result).toMatchObject({ right: { text: "first", attempts: 2 } })
        expect([mock.inFlight, mock.left]).toEqual([0, 1])
      }
    })
  )

  it.scoped("an early failure fails at once, and nobody is asked a second time", () =>
    Effect.gen(function* () {
      for (const { millis, mock, result } of yield* both([failing(300)])) {
        expect(millis).toBe(300)
        expect(result).toMatchObject({ left: { _tag: "ServerFailed", attempts: 1 } })
        expect(mock.starts).toHaveLength(1)
      }
    })
  )

  it.scoped("a failure of one attempt waits for the other: of the second …", () =>
    Effect.gen(function* () {
      for (const { millis, result } of yield* both([after(5000, "slow"), failing(100)])) {
        expect(millis).toBe(5000)
        expect(result).toMatchObject({ right: { text: "slow", attempts: 2 } })
      }
    })
  )

  it.scoped("… and of the first", () =>
    Effect.gen(function* () {
      for (const { millis, result } of yield* both([failing(1500), after(5000, "second")])) {
        expect(millis).toBe(6000)
        expect(result).toMatchObject({ right: { text: "second", attempts: 2 } })
      }
    })
  )

  it.scoped("when both fail, the error is the last one, with the attempts of both", () =>
    Effect.gen(function* () {
      for (const { millis, result } of yield* both([failing(5000, terminal.ContentFiltered), failing(100)])) {
        expect(millis).toBe(5000)
        expect(result).toMatchObject({ left: { _tag: "ContentFiltered", attempts: 2 } })
      }
    })
  )

  it.scoped("embeddings are hedged, too", () =>
    Effect.gen(function* () {
      const { client } = yield* make("")
      let calls = 0
      const slow = Layer.succeed(LlmClient.LlmClient, {
        ...client,
        embed: (request) =>
          Effect.suspend(() =>
            calls++ === 0 ? Effect.zipLeft(client.embed(request), Effect.sleep("1 hour")) : client.embed(request)
          )
      } satisfies LlmClient.Service)
      const hedged = yield* built(slow.pipe(Policy.hedge(always)))
      expect(yield* inVirtualTime(timed(hedged.embed({ input: ["a"] })))).toMatchObject({
        millis: 1000,
        result: { right: { attempts: 2 } }
      })
    })
  )

  // --- streams ---------------------------------------------------------------

  it.scoped("of a stream the first part decides: the loser is left then, and the winner goes on at its pace", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.hedge(always), [
        { text: ["slow"], delay: "1 minute" },
        { text: ["a", "b", "c"], delay: "500 millis", partDelay: "1 minute" }
      ])
      const texts: Array<string> = []
      const fiber = yield* Effect.fork(
        Stream.runForEach(LlmTexts(client), (text) => Effect.sync(() => texts.push(text)))
      )
      yield* TestClock.adjust("1499 millis")
      expect([texts.join(""), mock.inFlight]).toEqual(["", 2])
      yield* TestClock.adjust("1 millis")
      expect([texts.join(""), mock.inFlight, mock.left]).toEqual(["a", 1, 1])
      yield* TestClock.adjust("2 minutes")
      yield* Fiber.join(fiber)
      expect([texts.join(""), mock.inFlight, mock.left]).toEqual(["abc", 0, 1])
    })
  )

  const LlmTexts = (client: LlmClient.Service) => StreamPart.text(client.stream(request))

  it.scoped("a stream that has begun in time is not asked for again, however slow it goes on", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.hedge(always), {
        text: ["a", "b"],
        delay: "900 millis",
        partDelay: "1 hour"
      })
      const { error, parts } = yield* inVirtualTime(seen(client.stream(request)))
      expect(error).toBeUndefined()
      expect(parts.at(-1)).toMatchObject({ attempts: 1 })
      expect(mock.starts).toHaveLength(1)
    })
  )

  it.scoped("a stream that breaks behind its first part fails as ever, with the attempts of both", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.hedge(always), [
        after(60_000),
        { text: ["a", "b"], error: retryable.ConnectionFailed }
      ])
      const { error, parts } = yield* inVirtualTime(seen(client.stream(request)))
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "ab", attempts: 2 })
      expect(parts).toHaveLength(2)
      expect([mock.inFlight, mock.left]).toEqual([0, 1])
    })
  )

  it.scoped("leaving a hedged stream abandons what is under way, before and behind its first part", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.hedge(always), { text: ["a", "b"], delay: 5000, partDelay: 5000 })
      const early = yield* Effect.fork(Stream.runDrain(client.stream(request)))
      yield* TestClock.adjust("2 seconds")
      expect(mock.inFlight).toBe(2)
      yield* Fiber.interrupt(early)
      expect([mock.inFlight, mock.left]).toEqual([0, 2])
      yield* inVirtualTime(Stream.runCollect(Stream.take(client.stream(request), 1)))
      expect([mock.inFlight, mock.left]).toEqual([0, 4])
    })
  )

  // --- what is left ----------------------------------------------------------

  it.scoped("interrupting a call interrupts both attempts", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.hedge(always), after(60_000))
      const fiber = yield* Effect.fork(client.complete(request))
      yield* TestClock.adjust("2 seconds")
      expect(mock.inFlight).toBe(2)
      yield* Fiber.interrupt(fiber)
      expect([mock.inFlight, mock.left]).toEqual([0, 2])
    })
  )

  it.scoped("an attempt that still waits for its turn when the other wins was none", () =>
    Effect.gen(function* () {
      for (const operation of ["complete", "stream"] as const) {
        const { client, mock } = yield* behind(
          (layer) => layer.pipe(Policy.concurrency(1), Policy.hedge(always)),
          after(5000)
        )
        const call = operation === "complete" ? client.complete(request) : StreamPart.collect(client.stream(request))
        // The other call stands before the second attempt of the first one.
        const [first] = yield* inVirtualTime(Effect.all([call, call], { concurrency: 2 }))
        expect(first.attempts).toBe(1)
        const [start = 0, next] = mock.starts
        expect(next).toBe(start + 5000)
      }
    })
  )

  it.scoped("closes the loser's connection, for complete and for stream", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        Simulator.layerHttpClient({
          faults: [Fault.noAnswer, Fault.none, Fault.slowFirstToken("1 hour"), Fault.none]
        })
      )
      const simulator = Context.get(context, Simulator.Simulator)
      const layer = OpenAi.layer({
        apiKey: Redacted.make("test-key-1"),
        baseUrl: simulator.url,
        model: "gpt-4.1-mini"
      }).pipe(Policy.hedge(always))
      const client = yield* built(Layer.provide(layer, Layer.succeedContext(context)))
      const [whole, totals] = yield* Ledger.measure(inVirtualTime(client.complete(request)))
      expect(whole.attempts).toBe(2)
      expect(yield* simulator.stats).toMatchObject({ attempts: 2, inFlight: 0, closedByClient: 1 })
      expect(totals.all).toMatchObject({ attempts: 2, completed: 1, aborted: 1 })
      const streamed = yield* inVirtualTime(StreamPart.collect(client.stream(request)))
      expect(streamed.attempts).toBe(2)
      expect(yield* simulator.stats).toMatchObject({ attempts: 4, inFlight: 0, closedByClient: 2 })
    })
  )

  it.scoped("both attempts are in the ledger, the second marked beside the tags that were there", () =>
    Effect.gen(function* () {
      for (const operation of ["complete", "stream"] as const) {
        const { client } = yield* behind(Policy.hedge(always), [after(60_000, "slow"), after(500, "quick")])
        const call = operation === "complete" ? client.complete(request) : StreamPart.collect(client.stream(request))
        const [, totals] = yield* inVirtualTime(Ledger.measure(Ledger.withTags({ tenant: "acme" })(call)))
        expect(totals.all).toMatchObject({ attempts: 2, completed: 1, aborted: 1 })
        expect(totals.tags).toMatchObject({
          "hedge=second": { attempts: 1, completed: 1, aborted: 0 },
          "tenant=acme": { attempts: 2 }
        })
      }
    })
  )

  // --- the second attempt ----------------------------------------------------

  it.scoped("the second attempt has an idempotency key of its own, where the first has one", () =>
    Effect.gen(function* () {
      const mock = yield* MockLlm.make(after(60_000))
      const client = yield* built(mock.layer.pipe(Policy.hedge(always)))
      const keyed = { ...request, idempotencyKey: "key-1" }
      yield* inVirtualTime(client.complete(keyed))
      yield* inVirtualTime(Stream.runDrain(client.stream(keyed)))
      yield* inVirtualTime(client.complete(request))
      const keys = (yield* mock.calls).map((call) =>
        call.operation === "embed" ? undefined : call.request.idempotencyKey
      )
      expect(keys).toEqual([
        "key-1",
        expect.stringMatching(/^effect-llm-\w+$/),
        "key-1",
        expect.stringMatching(/^effect-llm-\w+$/),
        undefined,
        undefined
      ])
      expect(keys[1]).not.toBe(keys[3])
    })
  )

  it.scoped("another layer makes the second attempt, with its own model, and the answer names it", () =>
    Effect.gen(function* () {
      const slow = yield* make(after(60_000))
      const other = yield* MockLlm.make("quick", { provider: "other", model: "other-model" })
      const watched = watch(other.client)
      const client = yield* built(slow.layer.pipe(Policy.hedge({ ...always, other: watched.layer })))
      const asked = { ...request, model: "named", providerOptions: { special: true }, idempotencyKey: "key-1" }
      expect(yield* inVirtualTime(client.complete(asked))).toMatchObject({ model: "other-model", attempts: 2 })
      expect(yield* inVirtualTime(StreamPart.collect(client.stream(asked)))).toMatchObject({ model: "other-model" })
      expect((yield* other.calls)[0]?.request).toMatchObject({ model: undefined, providerOptions: undefined })
      expect([slow.inFlight, slow.left, watched.inFlight]).toEqual([0, 2, 0])
      const kept = yield* built(slow.layer.pipe(Policy.hedge({ ...always, other: watched.layer, model: "keep" })))
      expect(yield* inVirtualTime(kept.complete(asked))).toMatchObject({ model: "named" })
    })
  )

  it.scoped("embeddings stay with the client whose vectors fit", () =>
    Effect.gen(function* () {
      const { client } = yield* make("")
      const slow = Layer.succeed(LlmClient.LlmClient, {
        ...client,
        embed: (request) => Effect.delay(client.embed(request), "10 seconds")
      } satisfies LlmClient.Service)
      const other = (yield* MockLlm.make("", { model: "other" })).layer
      const hedged = yield* built(slow.pipe(Policy.hedge({ ...always, other })))
      expect((yield* inVirtualTime(hedged.embed({ input: ["a"] }))).model).toBe("mock-model")
    })
  )

  // --- how often -------------------------------------------------------------

  it.scoped("second attempts are at most a tenth of the calls, and one where those are few", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.hedge({ after: "1 second" }), after(10_000))
      const calls = (count: number) =>
        inVirtualTime(
          Effect.all(
            Array.from({ length: count }, () => client.complete(request)),
            { concurrency: "unbounded" }
          )
        )
      yield* calls(5)
      expect(mock.starts).toHaveLength(5 + 1)
      yield* calls(100)
      expect(mock.starts).toHaveLength(6 + 100 + 10)
    })
  )

  it.scoped("learns after which time: none before twenty calls, then after what 19 in 20 of them took", () =>
    Effect.gen(function* () {
      const mock = yield* make((asked) => after(Number(asked.metadata?.["millis"])))
      const client = yield* built(mock.layer.pipe(Policy.hedge({ after: "p95", maxShare: 1 })))
      const call = (millis: number) => inVirtualTime(timed(client.complete({ ...request, metadata: { millis } })))
      yield* call(60_000)
      yield* Effect.forEach(manyTimes(19, 101), call)
      expect(mock.starts).toHaveLength(20)
      // 101 … 119 and 60,000: nineteen in twenty took at most 119.
      const begun = mock.starts.length
      yield* call(500)
      const starts = mock.starts.slice(begun)
      expect(starts.map((start) => start - (starts[0] ?? 0))).toEqual([0, 119])
      yield* call(118)
      expect(mock.starts).toHaveLength(23)
    })
  )

  it.scoped("learns of streams until their first part, and of each kind of call apart", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.hedge({ after: "p95", maxShare: 1 }), () => ({
        text: ["a", "b"],
        delay: 100,
        partDelay: "1 hour"
      }))
      for (let n = 0; n < 20; n++) yield* inVirtualTime(Stream.runDrain(client.stream(request)))
      expect(mock.starts).toHaveLength(20)
      yield* inVirtualTime(client.complete(request))
      expect(mock.starts).toHaveLength(21)
    })
  )

  // --- with other policies ---------------------------------------------------

  it.scoped("a retry around it makes a call of it, and a deadline counts both attempts", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) =>
          layer.pipe(Policy.hedge(always), Policy.retry(Schedule.recurs(1)), Policy.totalTimeout("10 seconds")),
        [failing(1500), failing(2000), after(60_000), after(60_000)]
      )
      const { millis, result } = yield* inVirtualTime(timed(client.complete(request)))
      expect(millis).toBe(10_000)
      expect(result).toMatchObject({ left: { limit: "total", attempts: 4 } })
      expect(mock.starts).toEqual([0, 1000, 3000, 4000])
      expect([mock.inFlight, mock.left]).toEqual([0, 2])
    })
  )

  it.scoped("a retry around it begins nothing anew that a retry inside has given up", () =>
    Effect.gen(function* () {
      const other = yield* make(failing(5000))
      const { client, mock } = yield* behind(
        (layer) =>
          layer.pipe(
            Policy.retry(Schedule.recurs(1)),
            Policy.hedge({ ...always, other: other.layer }),
            Policy.retry(Schedule.recurs(5))
          ),
        failing(600)
      )
      const { result } = yield* inVirtualTime(timed(client.complete(request)))
      expect(result).toMatchObject({ left: { attempts: 3 } })
      expect([mock.starts.length, other.starts.length]).toEqual([2, 1])
    })
  )

  it.scoped("a defect is not waited out", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(Policy.hedge(always), [])
      const exit = yield* inVirtualTime(Effect.exit(client.complete(request)))
      expect(String(exit)).toContain("MockLlm: the script has 0 answers")
    })
  )

  it.scoped("nothing goes on behind hundreds of hedged calls that end anyhow", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.hedge(always), ({ metadata }) => {
        const n = Number(metadata?.["n"])
        return n % 3 === 0 ? failing((n * 37) % 3000) : after((n * 53) % 4000)
      })
      const call = (n: number) => {
        const asked = { ...request, metadata: { n } }
        const one = n % 2 === 0 ? Effect.asVoid(client.complete(asked)) : Stream.runDrain(client.stream(asked))
        return Effect.ignore(n % 5 === 0 ? Effect.timeout(one, "1200 millis") : one)
      }
      yield* inVirtualTime(
        Effect.all(
          Array.from({ length: 300 }, (_, n) => call(n)),
          { concurrency: "unbounded", discard: true }
        )
      )
      expect(mock.starts.length).toBeGreaterThan(300)
      expect(mock.inFlight).toBe(0)
      expect(Chunk.size(yield* TestClock.sleeps())).toBe(0)
    })
  )

  it.effect.each<readonly [string, Policy.HedgeOptions]>([
    ["hedge.after", { after: 0 }],
    ["hedge.after", { after: -1 }],
    ["hedge.maxShare", { after: "1 second", maxShare: 0 }],
    ["hedge.maxShare", { after: "1 second", maxShare: 1.5 }],
    ["hedge.maxShare", { after: "1 second", maxShare: Number.NaN }]
  ])("refuses a wrong %s when the layer is built", ([path, options]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(behind(Policy.hedge(options), "Hi")))
      expect("path" in error ? error.path.join(".") : "").toBe(path)
    })
  )

  it("needs what its layers need", () => {
    expectTypeOf(
      OpenAi.layerConfig().pipe(Policy.hedge({ after: "p95", other: Anthropic.layerConfig() }))
    ).toEqualTypeOf<Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>>()
    expectTypeOf(OpenAi.layerConfig().pipe(Policy.hedge({ after: "1 second" }))).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>
    >()
  })
})
