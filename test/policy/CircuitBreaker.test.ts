import { describe, expect, it } from "@effect/vitest"
import { Chunk, Context, Duration, Effect, Fiber, Layer, Stream, SubscriptionRef, TestClock } from "effect"
import { ChatRequest, type LlmError, Policy, RetryPolicy, StreamPart } from "effect-llm"
import type { MockLlm } from "effect-llm/testing"
import { retryable, retryableErrors, terminal, terminalErrors } from "../SampleErrors.js"
import { behind, built, inVirtualTime, make, seen, timed } from "./Watched.js"

const request = ChatRequest.make("Hello")

const few: Policy.CircuitBreakerOptions = { minimumCalls: 4, openFor: "20 seconds" }

/** A breaker over a mock whose answer can be changed. */
const breaker = (options: Policy.CircuitBreakerOptions<never> = few) =>
  Effect.gen(function* () {
    const now: { answer: MockLlm.Answer } = { answer: "Hi" }
    const { client, mock } = yield* behind(Policy.circuitBreaker(options), () => now.answer)
    /** So many calls, one after the other; their tags or texts. */
    const calls = (answer: MockLlm.Answer, count: number) => {
      now.answer = answer
      return Effect.replicateEffect(
        Effect.match(client.complete(request), { onFailure: (error) => error._tag, onSuccess: ({ text }) => text }),
        count
      )
    }
    return { client, mock, now, calls }
  })

/** One whose circuit is open. */
const opened = (options: Policy.CircuitBreakerOptions<never> = few) =>
  Effect.tap(breaker(options), ({ calls }) => calls(retryable.ServerFailed, 4))

const failing: ReadonlySet<string> = new Set([
  "ServerFailed",
  "Overloaded",
  "RequestTimeout",
  "ConnectionFailed",
  "MalformedResponse",
  "StreamInterrupted"
])

describe("Policy.circuitBreaker", () => {
  // --- closed ----------------------------------------------------------------

  for (const error of [...terminalErrors, ...retryableErrors]) {
    const counts = failing.has(error._tag)
    it.scoped(`${error._tag} ${counts ? "counts" : "does not count"} as a failure`, () =>
      Effect.gen(function* () {
        const { calls, mock } = yield* breaker()
        yield* calls(error, 4)
        expect(yield* calls("Hi", 1)).toEqual([counts ? "CircuitOpen" : "Hi"])
        expect(mock.starts).toHaveLength(counts ? 4 : 5)
      })
    )
  }

  it.scoped("which errors count can be said, by tag or by a function", () =>
    Effect.gen(function* () {
      for (const failures of [["RateLimited"] as const, (error: LlmError.LlmError) => error.status === 429]) {
        const { calls } = yield* breaker({ ...few, failures })
        yield* calls(retryable.ServerFailed, 4)
        expect(yield* calls("Hi", 1)).toEqual(["Hi"])
        yield* calls(retryable.RateLimited, 5)
        expect(yield* calls("Hi", 1)).toEqual(["CircuitOpen"])
      }
    })
  )

  it.scoped("a call that was never sent says nothing", () =>
    Effect.gen(function* () {
      const { calls } = yield* breaker({ minimumCalls: 4, failureRatio: 0.75 })
      yield* calls(retryable.ServerFailed, 3)
      yield* calls(terminal.UnsupportedFeature, 20)
      yield* calls(retryable.ServerFailed, 1)
      expect(yield* calls("Hi", 1)).toEqual(["CircuitOpen"])
    })
  )

  it.scoped("opens at the ratio, and not before the least number of calls", () =>
    Effect.gen(function* () {
      const { calls } = yield* breaker({ failureRatio: 0.5, minimumCalls: 4 })
      expect(yield* calls(retryable.ServerFailed, 1)).toEqual(["ServerFailed"])
      expect(yield* calls("Hi", 3)).toEqual(["Hi", "Hi", "Hi"])
      expect(yield* calls(retryable.ServerFailed, 2)).toEqual(["ServerFailed", "ServerFailed"])
      // 3 of 6
      expect(yield* calls("Hi", 1)).toEqual(["CircuitOpen"])
    })
  )

  it.scoped("forgets calls that have left the window", () =>
    Effect.gen(function* () {
      const { calls } = yield* breaker({ minimumCalls: 4, window: "10 seconds" })
      yield* calls(retryable.ServerFailed, 3)
      yield* TestClock.adjust("10 seconds")
      yield* calls(retryable.ServerFailed, 3)
      expect(yield* calls("Hi", 1)).toEqual(["Hi"])
      yield* calls(retryable.ServerFailed, 1)
      expect(yield* calls("Hi", 1)).toEqual(["CircuitOpen"])
    })
  )

  // --- open ------------------------------------------------------------------

  it.scoped("open: fails at once, and says how long until it is tried again", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* opened()
      yield* TestClock.adjust("12500 millis")
      const whole = yield* Effect.flip(client.complete({ ...request, model: "other" }))
      const streamed = (yield* seen(client.stream(request))).error
      const embedded = yield* Effect.flip(client.embed({ input: ["a"] }))
      for (const error of [whole, streamed, embedded]) {
        expect(error).toMatchObject({
          _tag: "CircuitOpen",
          provider: "mock",
          attempts: 0,
          outcome: "not-sent",
          retryAfter: Duration.millis(7500),
          message: expect.stringContaining("7s 500ms")
        })
      }
      expect(whole.model).toBe("other")
      expect(mock.starts).toHaveLength(4)
    })
  )

  it.scoped("a retry around it comes back just when the circuit is tried again", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) =>
          layer.pipe(
            Policy.circuitBreaker({ ...few, minimumCalls: 1 }),
            Policy.retry(RetryPolicy.exponential({ base: "1 millis", retries: 2, jitter: "none" }))
          ),
        [retryable.ServerFailed, "Hi"]
      )
      const { millis, result } = yield* inVirtualTime(timed(client.complete(request)))
      expect(millis).toBe(20_000)
      expect(result).toMatchObject({ right: { text: "Hi", attempts: 2 } })
      expect(mock.starts).toEqual([0, 20_000])
    })
  )

  it.scoped("a call that began before the circuit opened says nothing of what came after", () =>
    Effect.gen(function* () {
      const { client, calls, now } = yield* breaker()
      now.answer = { text: "late", delay: "5 seconds" }
      const late = yield* Effect.fork(client.complete(request))
      yield* Effect.yieldNow()
      yield* calls(retryable.ServerFailed, 4)
      yield* TestClock.adjust("5 seconds")
      expect((yield* Fiber.join(late)).text).toBe("late")
      expect(yield* calls("Hi", 1)).toEqual(["CircuitOpen"])
    })
  )

  // --- half-open -------------------------------------------------------------

  it.scoped("half-open: a call that succeeds closes it", () =>
    Effect.gen(function* () {
      const { calls } = yield* opened()
      yield* TestClock.adjust("19999 millis")
      expect(yield* calls("Hi", 1)).toEqual(["CircuitOpen"])
      yield* TestClock.adjust("1 millis")
      expect(yield* calls("Hi", 2)).toEqual(["Hi", "Hi"])
      // It begins anew: what failed before is forgotten.
      yield* calls(retryable.ServerFailed, 1)
      expect(yield* calls("Hi", 1)).toEqual(["Hi"])
    })
  )

  it.scoped("half-open: a call that fails opens it for as long again", () =>
    Effect.gen(function* () {
      const { calls } = yield* opened()
      yield* TestClock.adjust("20 seconds")
      expect(yield* calls(retryable.ServerFailed, 2)).toEqual(["ServerFailed", "CircuitOpen"])
      yield* TestClock.adjust("19999 millis")
      expect(yield* calls("Hi", 1)).toEqual(["CircuitOpen"])
      yield* TestClock.adjust("1 millis")
      expect(yield* calls("Hi", 1)).toEqual(["Hi"])
    })
  )

  it.scoped("half-open: so many probes at a time, and the others fail at once, without a time", () =>
    Effect.gen(function* () {
      const { client, mock, now } = yield* opened({ ...few, halfOpenProbes: 2 })
      yield* TestClock.adjust("20 seconds")
      now.answer = { text: "Hi", delay: "1 second" }
      const all = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 10 }, () => Effect.either(client.complete(request))),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("1 second")
      const results = yield* Fiber.join(all)
      expect(results.filter(({ _tag }) => _tag === "Right")).toHaveLength(2)
      expect(results[9]).toMatchObject({ left: { _tag: "CircuitOpen", attempts: 0 } })
      expect(results[9]).not.toHaveProperty("left.retryAfter")
      expect(mock.starts).toHaveLength(6)
      now.answer = "Hi"
      expect((yield* client.complete(request)).text).toBe("Hi")
    })
  )

  it.scoped("half-open: closes when all its probes have succeeded, also one after the other", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const { calls } = yield* opened({
        ...few,
        halfOpenProbes: 2,
        onStateChange: ({ to }) => Effect.sync(() => seen.push(to))
      })
      yield* TestClock.adjust("20 seconds")
      yield* calls("Hi", 1)
      expect(seen).toEqual(["open", "half-open"])
      yield* calls("Hi", 1)
      expect(seen).toEqual(["open", "half-open", "closed"])
    })
  )

  it.scoped.each(["complete", "stream"] as const)("an interrupted probe gives its place back (%s)", (operation) =>
    Effect.gen(function* () {
      const { calls, client, mock, now } = yield* opened()
      yield* TestClock.adjust("20 seconds")
      now.answer = { text: "late", delay: "1 hour" }
      const call =
        operation === "complete" ? Effect.asVoid(client.complete(request)) : Stream.runDrain(client.stream(request))
      for (let n = 0; n < 3; n++) {
        const probe = yield* Effect.fork(call)
        yield* TestClock.adjust("1 second")
        expect(yield* Effect.flip(client.complete(request))).toMatchObject({ _tag: "CircuitOpen" })
        yield* Fiber.interrupt(probe)
      }
      expect([mock.inFlight, mock.left]).toEqual([0, 3])
      expect(yield* calls("Hi", 1)).toEqual(["Hi"])
    })
  )

  it.scoped("a probe that was never sent gives its place back", () =>
    Effect.gen(function* () {
      const { calls } = yield* opened()
      yield* TestClock.adjust("20 seconds")
      expect(yield* calls(terminal.UnsupportedFeature, 1)).toEqual(["UnsupportedFeature"])
      expect(yield* calls(retryable.ServerFailed, 2)).toEqual(["ServerFailed", "CircuitOpen"])
    })
  )

  it.scoped("any answer closes it, if only one that finds fault with the request", () =>
    Effect.gen(function* () {
      const { calls } = yield* opened()
      yield* TestClock.adjust("20 seconds")
      expect(yield* calls(terminal.InvalidRequest, 1)).toEqual(["InvalidRequest"])
      expect(yield* calls("Hi", 1)).toEqual(["Hi"])
    })
  )

  // --- streams ---------------------------------------------------------------

  it.scoped("streams that fail or break count, those that are left do not", () =>
    Effect.gen(function* () {
      const { client, now } = yield* breaker()
      now.answer = "one two three"
      for (let n = 0; n < 4; n++) {
        expect(Chunk.size(yield* Stream.runCollect(Stream.take(client.stream(request), 1)))).toBe(1)
      }
      now.answer = { text: "one two", error: retryable.ConnectionFailed }
      for (let n = 0; n < 3; n++) expect((yield* seen(client.stream(request))).error?._tag).toBe("StreamInterrupted")
      now.answer = retryable.Overloaded
      expect((yield* seen(client.stream(request))).error?._tag).toBe("Overloaded")
      // 4 of 8
      expect((yield* seen(client.stream(request))).error?._tag).toBe("CircuitOpen")
    })
  )

  it.scoped("streams whose reader fails do not count, with whatever error", () =>
    Effect.gen(function* () {
      const { calls, client } = yield* breaker()
      for (let call = 0; call < 4; call++) {
        const reading = Stream.mapEffect(client.stream(request), () => Effect.fail(retryable.ServerFailed))
        expect(yield* Effect.flip(Stream.runDrain(reading))).toBe(retryable.ServerFailed)
      }
      expect(yield* calls("Hi", 1)).toEqual(["Hi"])
    })
  )

  it.scoped("a stream closes the circuit with its first part, and counts again when it breaks", () =>
    Effect.gen(function* () {
      const state = yield* SubscriptionRef.make<Policy.CircuitState>("closed")
      const { calls, client, now } = yield* opened({ minimumCalls: 1, openFor: "20 seconds", state })
      yield* TestClock.adjust("20 seconds")
      now.answer = { text: ["a", "b"], partDelay: "10 seconds", error: retryable.ConnectionFailed }
      const stream = yield* Effect.fork(seen(client.stream(request)))
      yield* TestClock.adjust("1 second")
      expect(yield* SubscriptionRef.get(state)).toBe("closed")
      expect(yield* calls("Hi", 1)).toEqual(["Hi"])
      yield* TestClock.adjust("10 seconds")
      expect((yield* Fiber.join(stream)).error?._tag).toBe("StreamInterrupted")
      expect(yield* SubscriptionRef.get(state)).toBe("open")
    })
  )

  it.scoped("a stream goes through unchanged", () =>
    Effect.gen(function* () {
      const { client } = yield* breaker()
      expect(yield* StreamPart.collect(client.stream(request))).toMatchObject({ text: "Hi", attempts: 1 })
    })
  )

  // --- state -----------------------------------------------------------------

  it.scoped("its state can be watched, and each change runs an effect, in order", () =>
    Effect.gen(function* () {
      const state = yield* SubscriptionRef.make<Policy.CircuitState>("closed")
      const watching = yield* Effect.fork(Stream.runCollect(Stream.take(state.changes, 4)))
      yield* Effect.yieldNow()
      const changes: Array<Policy.CircuitChange> = []
      const { calls } = yield* opened({
        ...few,
        state,
        onStateChange: (change) =>
          Effect.delay(
            Effect.sync(() => changes.push(change)),
            "1 millis"
          )
      }).pipe(inVirtualTime)
      yield* TestClock.adjust("20 seconds")
      yield* inVirtualTime(calls("Hi", 1))
      expect(Chunk.toReadonlyArray(yield* Fiber.join(watching))).toEqual(["closed", "open", "half-open", "closed"])
      expect(changes).toEqual(
        [
          ["closed", "open"],
          ["open", "half-open"],
          ["half-open", "closed"]
        ].map(([from, to]) => ({ provider: "mock", model: "mock-model", from, to }))
      )
    })
  )

  it.scoped("what runs at a change may need services of its own", () =>
    Effect.gen(function* () {
      const Pager = Context.GenericTag<"Pager", (text: string) => void>("Pager")
      const pages: Array<string> = []
      const mock = yield* make(retryable.ServerFailed)
      const layer = mock.layer.pipe(
        Policy.circuitBreaker({
          minimumCalls: 1,
          onStateChange: ({ to }) => Effect.map(Pager, (page) => page(`the circuit is ${to}`))
        })
      )
      const client = yield* built(
        Layer.provide(
          layer,
          Layer.succeed(Pager, (text) => void pages.push(text))
        )
      )
      yield* Effect.flip(client.complete(request))
      expect(pages).toEqual(["the circuit is open"])
    })
  )

  it.scoped("each client has a circuit of its own", () =>
    Effect.gen(function* () {
      const policy = Policy.circuitBreaker({ minimumCalls: 1 })
      const [bad, good] = yield* Effect.all([make(retryable.ServerFailed), make("Hi")])
      const [first, second] = [yield* built(policy(bad.layer)), yield* built(policy(good.layer))]
      yield* Effect.flip(first.complete(request))
      expect((yield* Effect.flip(first.complete(request)))._tag).toBe("CircuitOpen")
      expect((yield* second.complete(request)).text).toBe("Hi")
    })
  )

  it.scoped("a fallback around it takes over at once while it is open", () =>
    Effect.gen(function* () {
      const [bad, good] = yield* Effect.all([make(retryable.ServerFailed), make("Hi")])
      const client = yield* built(
        bad.layer.pipe(Policy.circuitBreaker({ minimumCalls: 2 }), Policy.fallback(good.layer))
      )
      const attempts = yield* Effect.replicateEffect(
        Effect.map(client.complete(request), (it) => it.attempts),
        5
      )
      expect(attempts).toEqual([2, 2, 1, 1, 1])
      expect(bad.starts).toHaveLength(2)
    })
  )

  it.effect.each<readonly [string, Policy.CircuitBreakerOptions]>([
    ["failureRatio", { failureRatio: 0 }],
    ["failureRatio", { failureRatio: 1.1 }],
    ["failureRatio", { failureRatio: Number.NaN }],
    ["minimumCalls", { minimumCalls: 0 }],
    ["window", { window: 0 }],
    ["window", { window: Duration.infinity }],
    ["openFor", { openFor: "0 seconds" }],
    ["halfOpenProbes", { halfOpenProbes: 0.5 }],
    ["failures", { failures: [] }]
  ])("refuses a wrong %s when the layer is built", ([option, options]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(behind(Policy.circuitBreaker(options), "Hi")))
      expect(error).toMatchObject({ _op: "InvalidData" })
      expect("path" in error ? error.path.join(".") : "").toBe(`circuitBreaker.${option}`)
    })
  )
})
