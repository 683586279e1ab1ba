import type { HttpClient } from "@effect/platform"
import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import { type ConfigError, Context, Duration, Effect, Fiber, Layer, Random, Schedule, Stream, TestClock } from "effect"
import { Anthropic, ChatRequest, LlmClient, LlmError, OpenAi, Policy, StreamPart } from "effect-llm"
import { MockLlm } from "effect-llm/testing"
import { retryable, terminal } from "../SampleErrors.js"
import { built, inVirtualTime, make, seen } from "./Watched.js"

const request = ChatRequest.make("Hello")

const openFor = (retryAfter: Duration.DurationInput | undefined): LlmError.CircuitOpen =>
  new LlmError.CircuitOpen({
    provider: "mock",
    model: "mock-model",
    message: "open",
    attempts: 0,
    ...(retryAfter === undefined ? {} : { retryAfter: Duration.decode(retryAfter) })
  })

/** A balance over mocks that answer like these, and the mocks. */
const balanced = (options: Policy.LoadBalanceOptions, ...answers: ReadonlyArray<MockLlm.Answers>) =>
  Effect.gen(function* () {
    const mocks = yield* Effect.forEach(answers, (answer) => make(answer))
    const client = yield* built(
      Policy.loadBalance(
        mocks.map(({ layer }) => layer),
        options
      )
    )
    return { client, mocks, starts: () => mocks.map((mock) => mock.starts.length) }
  })

const times = (count: number) => Array.from({ length: count }, (_, n) => n)

/** So many calls, one after the other, with this seed. */
const calls = (client: LlmClient.Service, count: number, seed: string | number = "seed") =>
  inVirtualTime(
    Effect.forEach(times(count), () => Effect.either(client.complete(request))).pipe(
      Effect.withRandom(Random.make(seed))
    )
  )

describe("Policy.loadBalance", () => {
  it.scoped("weighted: calls are spread in proportion to the weights", () =>
    Effect.gen(function* () {
      const { client, starts } = yield* balanced({ weights: [1, 3, 0.5] }, "a", "b", "c")
      yield* calls(client, 900)
      const [a = 0, b = 0, c = 0] = starts()
      expect(a + b + c).toBe(900)
      expect([a, b, c].map((count) => Math.round(count / 50) * 50)).toEqual([200, 600, 100])
    })
  )

  it.scoped("weighted is the default, with equal weights", () =>
    Effect.gen(function* () {
      const { client, starts } = yield* balanced({}, "a", "b")
      yield* calls(client, 400)
      for (const count of starts()) expect(Math.abs(count - 200)).toBeLessThan(40)
    })
  )

  it.scoped.each(["weighted", "least-busy", "lowest-latency"] as const)("%s: the same for the same seed", (strategy) =>
    Effect.gen(function* () {
      const order = (seed: string) =>
        Effect.gen(function* () {
          const { client } = yield* balanced({ strategy }, "a", "b", "c")
          const answers = yield* calls(client, 30, seed)
          return answers.map((answer) => (answer._tag === "Right" ? answer.right.text : "")).join("")
        })
      const one = yield* order("one")
      expect(yield* order("one")).toBe(one)
      expect(yield* order("two")).not.toBe(one)
      expect(new Set(one)).toEqual(new Set("abc"))
    })
  )

  it.scoped("least-busy: the next call goes to whoever has the fewest in flight, for its weight", () =>
    Effect.gen(function* () {
      const slow: MockLlm.Answer = { text: ["Hi", "!"], delay: "1 hour", partDelay: "1 hour" }
      const { client, mocks } = yield* balanced({ strategy: "least-busy", weights: [1, 2] }, slow, slow)
      const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
      for (const n of times(30)) {
        const call = n % 2 === 0 ? Effect.asVoid(client.complete(request)) : Stream.runDrain(client.stream(request))
        fibers.push(yield* Effect.fork(call))
        yield* TestClock.adjust(1)
      }
      expect(mocks.map((mock) => mock.inFlight)).toEqual([10, 20])
      yield* Fiber.interruptAll(fibers)
      expect(mocks.map((mock) => mock.inFlight)).toEqual([0, 0])
      // Whoever was left is free again.
      yield* Effect.fork(client.complete(request))
      yield* Effect.fork(client.complete(request))
      yield* TestClock.adjust(1)
      expect(mocks.reduce((sum, mock) => sum + mock.inFlight, 0)).toBe(2)
    })
  )

  it.scoped.each(["complete", "stream"] as const)("lowest-latency: %s goes to whoever answers soonest", (operation) =>
    Effect.gen(function* () {
      const late = (delay: number): MockLlm.Answer => ({ text: ["a", "b"], delay, partDelay: "1 second" })
      const { client, starts } = yield* balanced({ strategy: "lowest-latency" }, late(900), late(100), late(500))
      const call =
        operation === "complete" ? Effect.asVoid(client.complete(request)) : Stream.runDrain(client.stream(request))
      yield* inVirtualTime(Effect.forEach(times(20), () => call))
      // Each is tried once; the others are then asked only as their times fade.
      const [slowest = 0, soonest = 0, middle = 0] = starts()
      expect(soonest).toBeGreaterThan(10)
      expect(slowest).toBeGreaterThan(0)
      expect(middle).toBeGreaterThan(0)
    })
  )

  it.scoped("lowest-latency: one that fails quickly is not the soonest, and is tried again after a while", () =>
    Effect.gen(function* () {
      const { client, starts } = yield* balanced(
        { strategy: "lowest-latency" },
        { text: [], error: retryable.ServerFailed },
        { text: "Hi", delay: "1 second" }
      )
      const some = Effect.forEach(times(20), () => Effect.either(client.complete(request)))
      const fiber = yield* Effect.fork(some)
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(fiber)
      expect(starts()[0]).toBe(1)
      yield* TestClock.adjust("10 minutes")
      const later = yield* Effect.fork(some)
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(later)
      expect(starts()[0]).toBe(2)
    })
  )

  it.scoped("lowest-latency: a fault of the request says nothing about who was asked", () =>
    Effect.gen(function* () {
      const { client, starts } = yield* balanced(
        { strategy: "lowest-latency" },
        [...times(10).map(() => terminal.InvalidRequest), "Hi"],
        { text: "Hi", delay: "1 hour" }
      )
      yield* calls(client, 3)
      expect(starts()[0]).toBeGreaterThan(0)
    })
  )

  // --- circuits --------------------------------------------------------------

  it.scoped("passes over a client whose circuit is open, and the call does not notice", () =>
    Effect.gen(function* () {
      for (const strategy of ["weighted", "least-busy", "lowest-latency"] as const) {
        const { client, mocks } = yield* balanced({ strategy }, openFor("1 second"), "Hi", openFor("1 second"))
        for (const n of times(10)) {
          const call = n % 2 === 0 ? client.complete(request) : StreamPart.collect(client.stream(request))
          expect(yield* call).toMatchObject({ text: "Hi", attempts: 1 })
        }
        expect(mocks[1]?.starts).toHaveLength(10)
        expect(mocks.every((mock) => mock.inFlight === 0)).toBe(true)
      }
    })
  )

  it.scoped("when all circuits are open, the error is that of the one which is tried again first", () =>
    Effect.gen(function* () {
      const { client } = yield* balanced({}, openFor("20 seconds"), openFor("5 seconds"), openFor(undefined))
      for (let n = 0; n < 5; n++) {
        const errors = [yield* Effect.flip(client.complete(request)), (yield* seen(client.stream(request))).error]
        for (const error of errors) {
          expect(error).toMatchObject({ _tag: "CircuitOpen", attempts: 0, retryAfter: Duration.seconds(5) })
        }
      }
    })
  )

  it.scoped("a breaker in each client takes one that is down out of the balance, and back into it", () =>
    Effect.gen(function* () {
      let isDown = true
      const [bad, good] = yield* Effect.all([make(() => (isDown ? retryable.ServerFailed : "bad")), make("good")])
      const breaker = Policy.circuitBreaker({ minimumCalls: 2, openFor: "30 seconds" })
      const client = yield* built(
        Policy.loadBalance([bad.layer.pipe(breaker), good.layer.pipe(breaker)]).pipe(Policy.retry(Schedule.recurs(5)))
      )
      for (let n = 0; n < 40; n++) expect((yield* client.complete(request)).text).toBe("good")
      expect(bad.starts).toHaveLength(2)
      isDown = false
      yield* TestClock.adjust("30 seconds")
      for (let n = 0; n < 40; n++) yield* client.complete(request)
      expect(bad.starts.length).toBeGreaterThan(10)
    })
  )

  it.scoped("other failures are the call's own", () =>
    Effect.gen(function* () {
      const asked = LlmError.withAttempts(openFor("1 second"), 2)
      for (const error of [retryable.ServerFailed, terminal.InvalidRequest, asked]) {
        const { client, starts } = yield* balanced({}, error, error)
        expect(yield* Effect.flip(client.complete(request))).toBe(error)
        expect((yield* seen(client.stream(request))).error).toBe(error)
        expect(starts().reduce((sum, count) => sum + count)).toBe(2)
      }
    })
  )

  // --- calls -----------------------------------------------------------------

  it.scoped("a request goes on as it is, and embeddings are spread, too", () =>
    Effect.gen(function* () {
      const mocks = yield* Effect.all([MockLlm.make("a"), MockLlm.make("b")])
      const client = yield* built(Policy.loadBalance(mocks.map(({ layer }) => layer)))
      const asked = { ...request, model: "named", idempotencyKey: "key-1", providerOptions: { special: true } }
      yield* client.complete(asked)
      for (let n = 0; n < 20; n++) yield* client.embed({ input: ["a"], model: "named" })
      const [one, two] = yield* Effect.all([mocks[0].calls, mocks[1].calls])
      expect([...one, ...two].find(({ operation }) => operation === "complete")?.request).toEqual(asked)
      expect([one, two].every((calls) => calls.some(({ operation }) => operation === "embed"))).toBe(true)
    })
  )

  it.scoped("interrupting a call interrupts its client, before and in the midst of a stream", () =>
    Effect.gen(function* () {
      const { client, mocks } = yield* balanced({}, { text: ["a", "b"], delay: 1000, partDelay: 1000 })
      for (const wait of [500, 1500]) {
        const fiber = yield* Effect.fork(Stream.runDrain(client.stream(request)))
        yield* TestClock.adjust(wait)
        yield* Fiber.interrupt(fiber)
      }
      const call = yield* Effect.fork(client.complete(request))
      yield* TestClock.adjust(500)
      yield* Fiber.interrupt(call)
      expect(mocks.map(({ inFlight, left }) => [inFlight, left])).toEqual([[0, 3]])
    })
  )

  it.scoped("is named after its clients, where they are of one provider", () =>
    Effect.gen(function* () {
      const [one, two] = yield* Effect.all([MockLlm.make("a"), MockLlm.make("b", { provider: "other" })])
      const same = yield* built(Policy.loadBalance([one.layer, one.layer]))
      expect([same.provider, same.model]).toEqual(["mock", "mock-model"])
      expect((yield* built(Policy.loadBalance([one.layer, two.layer]))).provider).toBe("load-balance")
    })
  )

  // --- layers ----------------------------------------------------------------

  it.effect.each<readonly [string, Policy.LoadBalanceOptions]>([
    ["loadBalance.weights", { weights: [1, 0] }],
    ["loadBalance.weights", { weights: [-1, 1] }],
    ["loadBalance.weights", { weights: [1, Number.NaN] }],
    ["loadBalance.weights", { weights: [1, Number.POSITIVE_INFINITY] }],
    ["loadBalance.weights", { weights: [1] }],
    ["loadBalance.weights", { weights: [1, 1, 1] }],
    // @ts-expect-error there is no such strategy
    ["loadBalance.strategy", { strategy: "fastest" }]
  ])("refuses wrong %s when the layer is built", ([path, options]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(balanced(options, "a", "b")))
      expect(error).toMatchObject({ _op: "InvalidData" })
      expect("path" in error ? error.path.join(".") : "").toBe(path)
    })
  )

  it.effect("refuses to be without layers", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(Effect.scoped(built(Policy.loadBalance([]))))).toMatchObject({
        _op: "InvalidData",
        path: ["loadBalance"]
      })
    })
  )

  it.effect("builds each layer once", () =>
    Effect.gen(function* () {
      let builds = 0
      const layer = Layer.effect(
        LlmClient.LlmClient,
        Effect.map(MockLlm.make("Hi"), ({ client }) => {
          builds++
          return client
        })
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const context = yield* Layer.build(Policy.loadBalance([layer, Layer.fresh(layer)]))
          for (let n = 0; n < 10; n++) yield* Context.get(context, LlmClient.LlmClient).complete(request)
        })
      )
      expect(builds).toBe(2)
    })
  )

  it("needs what its layers need, and fails as they do", () => {
    const local = Layer.fail(new Error("no model"))
    expectTypeOf(Policy.loadBalance([OpenAi.layerConfig(), Anthropic.layerConfig(), local])).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError | Error, HttpClient.HttpClient>
    >()
    // @ts-expect-error a member is a layer of LlmClient
    expectTypeOf(Policy.loadBalance(["gpt-4.1"])).toBeObject()
  })
})
