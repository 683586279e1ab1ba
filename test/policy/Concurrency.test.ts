import { describe, expect, it } from "@effect/vitest"
import { Chunk, Clock, type ConfigError, Effect, Exit, Fiber, Schedule, Stream, TestClock } from "effect"
import { ChatRequest, Policy, StreamPart } from "effect-llm"
import type { MockLlm } from "effect-llm/testing"
import { retryable } from "../SampleErrors.js"
import { behind, inVirtualTime, seen, timed } from "./Watched.js"

const numbered = (n: number): ChatRequest.ChatRequest => ChatRequest.make(String(n))
const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, n) => n)
const second: MockLlm.Answer = { text: "Hi", delay: "1 second" }
const promptOf = (n: number): string => JSON.stringify(numbered(n).prompt)

/** The seconds that an answer takes are its prompt. */
const asAsked: MockLlm.Answers = (request) => ({
  text: "Hi",
  delay: `${Number(request.prompt[0]?.content[0]?._tag === "Text" ? request.prompt[0].content[0].text : 0)} seconds`
})

describe("Policy.concurrency", () => {
  it.scoped("never lets more calls through than its limit", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.concurrency(3), second)
      const calls = [
        ...numbers(5).map((n) => Effect.asVoid(client.complete(numbered(n)))),
        ...numbers(5).map((n) => Stream.runDrain(client.stream(numbered(n))))
      ]
      const { millis } = yield* inVirtualTime(timed(Effect.all(calls, { concurrency: "unbounded" })))
      expect([mock.mostInFlight, mock.starts.length, millis]).toEqual([3, 10, 4000])
    })
  )

  it.scoped("counts embeddings too", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.concurrency(1), second)
      const whole = yield* Effect.fork(client.complete(numbered(0)))
      const vectors = yield* Effect.fork(client.embed({ input: ["a"] }))
      yield* TestClock.adjust("999 millis")
      expect(mock.starts).toEqual([0])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(whole)
      yield* Fiber.join(vectors)
      expect(mock.starts).toEqual([0, 1000])
    })
  )

  it.scoped("serves in order of arrival", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.concurrency(2), second)
      yield* inVirtualTime(
        Effect.forEach(numbers(20), (n) => client.complete(numbered(n)), { concurrency: "unbounded" })
      )
      expect(mock.prompts).toEqual(numbers(20).map(promptOf))
      expect(mock.starts).toEqual(numbers(20).map((n) => Math.floor(n / 2) * 1000))
    })
  )

  it.scoped("does not let one who comes back pass those who wait", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.concurrency(1), "at once")
      const greedy = yield* Effect.fork(Effect.forEach(numbers(5), (n) => client.complete(numbered(n))))
      const holder = yield* behind(Policy.concurrency(1), second)
      const chain = (from: number) =>
        Effect.forEach([from, from + 1, from + 2], (n) => holder.client.complete(numbered(n)))
      yield* Fiber.join(greedy)
      yield* inVirtualTime(Effect.all([chain(0), chain(10), chain(20)], { concurrency: "unbounded" }))
      expect(mock.prompts).toEqual(numbers(5).map(promptOf))
      expect(holder.mock.prompts).toEqual([0, 10, 20, 1, 11, 21, 2, 12, 22].map(promptOf))
    })
  )

  it.scoped("gives a place that becomes free to the next at once, with no waves", () =>
    Effect.gen(function* () {
      // Nine calls of a second and one of ten: whoever works in waves of ten takes far longer.
      const { client, mock } = yield* behind(Policy.concurrency(10), asAsked)
      const seconds = numbers(100).map((n) => (n % 10 === 0 ? 10 : 1))
      const { millis } = yield* inVirtualTime(
        timed(Effect.forEach(seconds, (n) => client.complete(numbered(n)), { concurrency: "unbounded" }))
      )
      // The work is 190 seconds, shared by ten places; the long call that is started last may stand alone at the end.
      expect(millis).toBeGreaterThanOrEqual(19_000)
      expect(millis).toBeLessThanOrEqual(28_000)
      expect(mock.mostInFlight).toBe(10)
    })
  )

  it.scoped(
    "serves 1,000 callers ten at a time without a pause",
    () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(Policy.concurrency(10), second)
        const { millis } = yield* inVirtualTime(
          timed(Effect.forEach(numbers(1000), (n) => client.complete(numbered(n)), { concurrency: "unbounded" }))
        )
        expect([millis, mock.mostInFlight, mock.starts.length]).toEqual([100_000, 10, 1000])
        expect(mock.prompts).toEqual(numbers(1000).map(promptOf))
      }),
    30_000
  )

  it.scoped("forgets a caller that leaves while it waits", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.concurrency(1), second)
      yield* Effect.fork(client.complete(numbered(0)))
      const waiting = yield* Effect.fork(client.complete(numbered(1)))
      yield* Effect.forEach([2, 3], (n) => Effect.fork(client.complete(numbered(n))))
      const stream = yield* Effect.fork(Stream.runDrain(client.stream(numbered(4))))
      yield* TestClock.adjust("500 millis")
      expect(Exit.isInterrupted(yield* Fiber.interrupt(waiting))).toBe(true)
      yield* Fiber.interrupt(stream)
      const last = yield* Effect.fork(client.complete(numbered(5)))
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(last)
      expect(mock.prompts).toEqual([0, 2, 3, 5].map(promptOf))
      expect(mock.starts).toEqual([0, 1000, 2000, 3000])
    })
  )

  it.scoped("loses no place when a caller leaves in the moment it is given one", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.concurrency(1), second)
      for (let round = 0; round < 20; round++) {
        const holding = yield* Effect.fork(client.complete(numbered(0)))
        const waiting = yield* Effect.fork(client.complete(numbered(1)))
        const last = yield* Effect.fork(client.complete(numbered(2)))
        yield* TestClock.adjust("10 millis")
        // Interrupting the holder hands its place on; the next one is interrupted before it can have run.
        yield* Fiber.interruptFork(holding)
        for (let turn = 0; turn < round; turn++) yield* Effect.yieldNow()
        yield* Fiber.interruptFork(waiting)
        yield* TestClock.adjust("2 seconds")
        expect(Exit.isSuccess(yield* Fiber.await(last))).toBe(true)
      }
      expect(mock.inFlight).toBe(0)
    })
  )

  it.scoped("keeps a stream's place until it ends, fails or is left", () =>
    Effect.gen(function* () {
      const endings: ReadonlyArray<readonly [MockLlm.Reply, number]> = [
        [{ text: ["a", "b"], delay: "1 second", partDelay: "1 second" }, 2000],
        [{ text: ["a"], delay: "3 seconds", error: retryable.ServerFailed }, 3000]
      ]
      for (const [reply, millis] of endings) {
        const { client, mock } = yield* behind(Policy.concurrency(1), [reply, "Hi"])
        const start = yield* Clock.currentTimeMillis
        const next = Effect.delay(client.complete(numbered(1)), "1 millis")
        yield* inVirtualTime(Effect.all([seen(client.stream(numbered(0))), next], { concurrency: 2 }))
        expect([mock.prompts, mock.starts.map((time) => time - start)]).toEqual([[0, 1].map(promptOf), [0, millis]])
      }
      const { client, mock } = yield* behind(Policy.concurrency(1), [{ text: ["a", "b"], partDelay: "1 hour" }, "Hi"])
      const start = yield* Clock.currentTimeMillis
      const left = client.stream(numbered(0)).pipe(
        Stream.take(1),
        Stream.tap(() => Effect.sleep("5 seconds")),
        Stream.runCollect
      )
      const [parts] = yield* inVirtualTime(
        Effect.all([left, Effect.delay(client.complete(numbered(1)), "1 millis")], { concurrency: 2 })
      )
      expect(Chunk.toReadonlyArray(parts)).toEqual([{ _tag: "TextDelta", text: "a" }])
      expect(mock.starts.map((time) => time - start)).toEqual([0, 5000])
    })
  )

  it.scoped("gives the place back after a failure and after an interruption", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.concurrency(1), [retryable.ServerFailed, second, "Hi"])
      yield* Effect.flip(client.complete(numbered(0)))
      const fiber = yield* Effect.fork(client.complete(numbered(1)))
      yield* TestClock.adjust("10 millis")
      yield* Fiber.interrupt(fiber)
      expect((yield* client.complete(numbered(2))).text).toBe("Hi")
      expect(mock.left).toBe(1)
    })
  )

  it.scoped("holds no place while a retry around it waits", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) => layer.pipe(Policy.concurrency(1), Policy.retry(Schedule.spaced("10 seconds"))),
        [retryable.ServerFailed, second, second, retryable.ServerFailed, second, second]
      )
      for (const call of [
        client.complete,
        (request: ChatRequest.ChatRequest) => StreamPart.collect(client.stream(request))
      ]) {
        mock.starts.length = 0
        const start = yield* Clock.currentTimeMillis
        yield* inVirtualTime(Effect.all([call(numbered(0)), call(numbered(1))], { concurrency: 2 }))
        expect(mock.starts.map((time) => time - start)).toEqual([0, 0, 10_000])
      }
    })
  )

  for (const limit of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    it.scoped(`of ${limit} is a ConfigError`, () =>
      Effect.gen(function* () {
        const error: ConfigError.ConfigError = yield* Effect.flip(behind(Policy.concurrency(limit), "Hi"))
        expect(error).toMatchObject({ _op: "InvalidData", path: ["concurrency"] })
        expect(String(error)).toContain(`must be a whole number above 0, not ${limit}`)
      })
    )
  }
})
