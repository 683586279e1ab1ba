import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Either, Fiber, Layer, Schedule, Stream, TestClock } from "effect"
import { ChatRequest, LlmClient, LlmError, Policy, RetryPolicy, StreamPart } from "effect-llm"
import type { MockLlm } from "effect-llm/testing"
import { rateLimited, retryable, retryableErrors, terminalErrors } from "../SampleErrors.js"
import { behind, built, inVirtualTime, make, seen, timed } from "./Watched.js"

const request = ChatRequest.make("Hello")
const failed = retryable.ServerFailed
const exact = RetryPolicy.exponential({ jitter: "none" })

/** Waits as often as it takes, one second each. */
const patient = Schedule.spaced("1 second")

describe("Policy.retry", () => {
  it.scoped("waits as its policy says, and counts the attempts", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.retry(exact), [failed, failed, failed, "Hi"])
      const answer = yield* inVirtualTime(client.complete(request))
      expect(mock.starts).toEqual([0, 500, 1500, 3500])
      expect(answer).toMatchObject({ text: "Hi", attempts: 4 })
    })
  )

  it.scoped("ends with the last error, which counts the attempts", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.retry(RetryPolicy.standard), failed)
      const error = yield* Effect.flip(inVirtualTime(client.complete(request)))
      expect(mock.starts).toHaveLength(6)
      expect(error).toMatchObject({ _tag: "ServerFailed", attempts: 6, message: failed.message, requestId: "req_1" })
      expect(error).toBeInstanceOf(LlmError.ServerFailed)
      expect(failed.attempts).toBe(1)
    })
  )

  it.scoped("waits for a Retry-After of 20 s exactly", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.retry(RetryPolicy.standard), [rateLimited(20_000), "Hi"])
      const fiber = yield* Effect.fork(client.complete(request))
      yield* TestClock.adjust("19999 millis")
      expect(mock.starts).toEqual([0])
      yield* TestClock.adjust("1 millis")
      expect(mock.starts).toEqual([0, 20_000])
      expect(yield* Fiber.join(fiber)).toMatchObject({ text: "Hi", attempts: 2 })
    })
  )

  it.scoped("ends at once with the original error when the server asks for more than the cap", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.retry(RetryPolicy.standard), rateLimited(61_000))
      const { millis, result } = yield* timed(client.complete(request))
      expect([millis, mock.starts]).toEqual([0, [0]])
      expect(result).toEqual(Either.left(rateLimited(61_000)))
    })
  )

  it.scoped("waits beyond the cap for those who say so", () =>
    Effect.gen(function* () {
      const policy = RetryPolicy.exponential({ beyondCap: "wait" })
      const { client, mock } = yield* behind(Policy.retry(policy), [rateLimited(3_600_000), "Hi"])
      yield* inVirtualTime(client.complete(request))
      expect(mock.starts).toEqual([0, 3_600_000])
    })
  )

  for (const error of terminalErrors) {
    it.scoped(`makes one attempt when it meets ${error._tag}, whatever the Schedule`, () =>
      Effect.gen(function* () {
        for (const policy of [RetryPolicy.standard, patient, Schedule.recurs(3)]) {
          const { client, mock } = yield* behind(Policy.retry(policy), error)
          expect(yield* Effect.flip(client.complete(request))).toBe(error)
          expect((yield* seen(client.stream(request))).error).toBe(error)
          expect(mock.starts).toHaveLength(2)
        }
      })
    )
  }

  for (const error of retryableErrors) {
    it.scoped(`tries again after ${error._tag}, whole or streamed`, () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(Policy.retry(exact), [error, "Hi", error, "Hi"])
        const whole = yield* inVirtualTime(client.complete(request))
        const streamed = yield* inVirtualTime(StreamPart.collect(client.stream(request)))
        expect([whole.attempts, streamed.attempts]).toEqual([1 + error.attempts, 1 + error.attempts])
        expect(mock.starts).toHaveLength(4)
      })
    )
  }

  it.scoped("repeats embeddings too", () =>
    Effect.gen(function* () {
      const mock = yield* make("")
      let isBroken = true
      const layer = Layer.succeed(LlmClient.LlmClient, {
        ...mock.client,
        embed: (request) =>
          Effect.suspend(() => {
            if (!isBroken) return mock.client.embed(request)
            isBroken = false
            return Effect.fail(failed)
          })
      })
      const client = yield* built(layer.pipe(Policy.retry(exact)))
      expect(yield* inVirtualTime(client.embed({ input: ["a"] }))).toMatchObject({ attempts: 2 })
      expect(mock.starts).toEqual([500])
    })
  )

  it.scoped("gives every call a run of the Schedule of its own", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(Policy.retry(exact), failed)
      const first = yield* Effect.fork(timed(client.complete(request)))
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.fork(timed(client.complete(request)))
      yield* TestClock.adjust("1 minute")
      expect([(yield* Fiber.join(first)).millis, (yield* Fiber.join(second)).millis]).toEqual([15_500, 15_500])
    })
  )

  const schedules: ReadonlyArray<readonly [string, RetryPolicy.RetryPolicy, ReadonlyArray<number>]> = [
    ["Schedule.recurs(2)", Schedule.recurs(2), [0, 0, 0]],
    [
      "Schedule.spaced, three times",
      Schedule.spaced("1 second").pipe(Schedule.intersect(Schedule.recurs(3))),
      [0, 1000, 2000, 3000]
    ],
    ["none", RetryPolicy.none, [0]]
  ]
  for (const [name, policy, starts] of schedules) {
    it.scoped(`takes any Schedule: ${name}`, () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(Policy.retry(policy), failed)
        const error = yield* Effect.flip(inVirtualTime(client.complete(request)))
        expect(mock.starts).toEqual(starts)
        expect(error.attempts).toBe(starts.length)
      })
    )
  }

  it.scoped("does not multiply: what a retry further in has given up is not begun anew", () =>
    Effect.gen(function* () {
      const nested: Policy.Policy = (layer) =>
        layer.pipe(Policy.retry(Schedule.recurs(1)), Policy.retry(Schedule.recurs(2)))
      const lost = yield* behind(nested, failed)
      expect(yield* Effect.flip(lost.client.complete(request))).toMatchObject({ attempts: 2 })
      expect((yield* seen(lost.client.stream(request))).error).toMatchObject({ attempts: 2 })
      expect(lost.mock.starts).toHaveLength(4)
      const won = yield* behind(nested, [failed, "Hi"])
      expect(yield* won.client.complete(request)).toMatchObject({ attempts: 2 })
      // The error that came is nobody's but the mock's: it can be retried again.
      expect(yield* Effect.flip(lost.client.complete(request))).toMatchObject({ attempts: 2 })
    })
  )

  it.scoped("retries what a deadline between two retries ended, as any other timeout", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) =>
          layer.pipe(
            Policy.retry(Schedule.spaced("10 seconds")),
            Policy.totalTimeout("15 seconds"),
            Policy.retry(Schedule.recurs(1))
          ),
        failed
      )
      yield* Effect.flip(inVirtualTime(client.complete(request)))
      expect(mock.starts).toEqual([0, 10_000, 15_000, 25_000])
    })
  )

  it.scoped("gives all attempts of a call one idempotency key, and every call its own", () =>
    Effect.gen(function* () {
      const keys: Array<string | undefined> = []
      const answers: MockLlm.Answers = (request) => {
        keys.push(request.idempotencyKey)
        return keys.length % 2 === 1 ? failed : "Hi"
      }
      const { client } = yield* behind(Policy.retry(Schedule.recurs(1)), answers)
      yield* client.complete(request)
      yield* StreamPart.collect(client.stream(request))
      yield* client.complete({ ...request, idempotencyKey: "mine" })
      const [first, second, third, fourth, ...own] = keys
      expect(first).toMatch(/^effect-llm-\w{14}$/)
      expect([first, third]).toEqual([second, fourth])
      expect(first).not.toBe(third)
      expect(own).toEqual(["mine", "mine"])
    })
  )

  it.scoped("stops when its caller leaves while it waits", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.retry(exact), failed)
      const fiber = yield* Effect.fork(client.complete(request))
      yield* TestClock.adjust("600 millis")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 hour")
      expect(mock.starts).toEqual([0, 500])
    })
  )
})

describe("the budget of retries", () => {
  const quick = Schedule.recurs(3)
  const many = (client: LlmClient.Service, calls: number) =>
    Effect.forEach(Array.from({ length: calls }), () => Effect.either(client.complete(request)), {
      concurrency: "unbounded"
    })

  it.scoped("lets calls that fail together retry a tenth as often as they are", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.retry(quick), failed)
      const results = yield* many(client, 500)
      expect(mock.starts).toHaveLength(550)
      expect(results.every(Either.isLeft)).toBe(true)
    })
  )

  it.scoped("lets a small program retry at least ten times a minute", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.retry(quick), failed)
      yield* many(client, 5)
      expect(mock.starts).toHaveLength(15)
      // And again when those have left the window.
      yield* TestClock.adjust("66 seconds")
      yield* many(client, 5)
      expect(mock.starts).toHaveLength(30)
    })
  )

  it.scoped("has a call fail at once with its own error when it is spent, without a wait", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(Policy.retry(exact, { budget: { floor: 0 } }), failed)
      const { millis, result } = yield* timed(client.complete(request))
      expect(millis).toBe(0)
      expect(result).toEqual(Either.left(failed))
    })
  )

  it.scoped("counts embeddings and streams too, and calls that do not fail", () =>
    Effect.gen(function* () {
      const answers: MockLlm.Answers = (request) => (request.temperature === 1 ? failed : "Hi")
      const { client, mock } = yield* behind(Policy.retry(quick, { budget: { floor: 0, ratio: 0.5 } }), answers)
      yield* client.complete(request)
      yield* Stream.runDrain(client.stream(request))
      yield* client.embed({ input: ["a"] })
      const before = mock.starts.length
      yield* Effect.flip(client.complete({ ...request, temperature: 1 }))
      expect(mock.starts.length - before).toBe(3)
    })
  )

  it.scoped("can be done without", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.retry(quick, { budget: "none" }), failed)
      yield* many(client, 20)
      expect(mock.starts).toHaveLength(80)
    })
  )

  it.scoped("holds an outage of a minute under 100 callers to 1.2 attempts per call", () =>
    Effect.gen(function* () {
      const down = retryable.Overloaded
      const answers: MockLlm.Answers = () =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => (now < 60_000 ? Effect.fail(down) : Effect.succeed("Hi")))
      const { client, mock } = yield* behind(Policy.retry(RetryPolicy.standard), answers)
      let calls = 0
      const caller = Effect.suspend(() => {
        calls++
        return Effect.either(client.complete(request))
      }).pipe(Effect.zipRight(Effect.sleep("15 seconds")), Effect.repeat(Schedule.recurUpTo("90 seconds")))
      yield* inVirtualTime(Effect.forEach(Array.from({ length: 100 }), () => caller, { concurrency: "unbounded" }))
      expect(calls).toBeGreaterThan(600)
      expect(mock.starts.length / calls).toBeLessThan(1.2)
    })
  )

  it.effect.each([
    ["ratio", { ratio: -1 }],
    ["ratio", { ratio: Number.NaN }],
    ["floor", { floor: -1 }],
    ["window", { window: 0 }],
    ["window", { window: Infinity }]
  ] as ReadonlyArray<
    readonly [string, { readonly ratio?: number; readonly floor?: number; readonly window?: number }]
  >)("with a wrong %s is an error of the layer", ([option, budget]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(behind(Policy.retry(quick, { budget }), "Hi")))
      expect(error).toMatchObject({ path: ["retry", "budget", option] })
    })
  )
})

describe("Policy.retry of streams", () => {
  const broken: MockLlm.Answer = { text: ["One ", "two"], error: retryable.ConnectionFailed }

  it.scoped("repeats a stream that failed before its first part", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.retry(exact), [
        failed,
        rateLimited(3000),
        { text: ["One ", "two"] }
      ])
      const { error, parts } = yield* inVirtualTime(seen(client.stream(request)))
      expect(error).toBeUndefined()
      expect(mock.starts).toEqual([0, 500, 3500])
      expect(parts.map((part) => part._tag)).toEqual(["TextDelta", "TextDelta", "Finish"])
      expect(parts.at(-1)).toMatchObject({ attempts: 3 })
    })
  )

  it.scoped("never repeats a stream of which a part has been given out", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.retry(exact), [failed, broken, "never asked for"])
      const { error, parts } = yield* inVirtualTime(seen(client.stream(request)))
      expect(parts).toEqual([
        { _tag: "TextDelta", text: "One " },
        { _tag: "TextDelta", text: "two" }
      ])
      expect(error).toMatchObject({
        _tag: "StreamInterrupted",
        text: "One two",
        attempts: 2,
        cause: { _tag: "ConnectionFailed" }
      })
      expect(mock.starts).toEqual([0, 500])
    })
  )

  it.scoped("keeps a StreamInterrupted of the provider as it is, but for the attempts", () =>
    Effect.gen(function* () {
      const error = new LlmError.StreamInterrupted({ provider: "mock", model: "m", message: "cut", text: "One two" })
      const { client } = yield* behind(Policy.retry(exact), [failed, { text: ["One ", "two"], error }])
      expect((yield* inVirtualTime(seen(client.stream(request)))).error).toEqual(LlmError.withAttempts(error, 2))
    })
  )

  it.scoped("keeps a terminal error behind parts as it is", () =>
    Effect.gen(function* () {
      for (const error of terminalErrors) {
        const { client } = yield* behind(Policy.retry(exact), { text: ["One "], error })
        expect((yield* seen(client.stream(request))).error).toBe(error)
      }
    })
  )

  it.scoped("counts reasoning and tool calls as parts that were given out", () =>
    Effect.gen(function* () {
      const answers: ReadonlyArray<MockLlm.Reply> = [
        { reasoning: "Hm", error: failed },
        { toolCalls: [{ id: "1", name: "look_up", arguments: "{}" }], error: failed }
      ]
      for (const answer of answers) {
        const { client, mock } = yield* behind(Policy.retry(exact), answer)
        expect((yield* seen(client.stream(request))).error).toMatchObject({ _tag: "StreamInterrupted", text: "" })
        expect(mock.starts).toHaveLength(1)
      }
    })
  )

  it.scoped("runs a stream anew each time it is run", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(Policy.retry(exact), [failed, "Hi", failed, "Ho"])
      const stream = client.stream(request)
      const answers = yield* inVirtualTime(Effect.all([StreamPart.collect(stream), StreamPart.collect(stream)]))
      expect(answers.map(({ attempts, text }) => [text, attempts])).toEqual([
        ["Hi", 2],
        ["Ho", 2]
      ])
    })
  )

  it.scoped("has let go of a failed attempt when it waits for the next", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.retry(exact), [failed, failed, "Hi"])
      const fiber = yield* Effect.fork(Stream.runDrain(client.stream(request)))
      yield* TestClock.adjust("400 millis")
      expect([mock.starts.length, mock.inFlight]).toEqual([1, 0])
      yield* TestClock.adjust("200 millis")
      expect([mock.starts.length, mock.inFlight]).toEqual([2, 0])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      expect(mock.mostInFlight).toBe(1)
    })
  )

  it.scoped("gives out parts as they come", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(Policy.retry(exact), [
        failed,
        { text: ["a", "b"], delay: "1 second", partDelay: "2 seconds" }
      ])
      const times: Array<number> = []
      yield* inVirtualTime(
        Stream.runForEach(client.stream(request), () => Effect.map(Clock.currentTimeMillis, (now) => times.push(now)))
      )
      expect(times).toEqual([1500, 3500, 3500])
    })
  )
})
