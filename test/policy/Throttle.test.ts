import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Schedule, Stream, TestClock } from "effect"
import { ChatRequest, LlmClient, Policy, StreamPart } from "effect-llm"
import { MockLlm } from "effect-llm/testing"
import { retryable } from "../SampleErrors.js"
import { behind, inVirtualTime } from "./Watched.js"

const numbered = (n: number): ChatRequest.ChatRequest => ChatRequest.make(String(n))
const promptOf = (n: number): string => JSON.stringify(numbered(n).prompt)

describe("Policy.throttle", () => {
  it.scoped("keeps the interval between the starts of calls, first come, first served", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.throttle("1500 millis"), "Hi")
      yield* inVirtualTime(
        Effect.forEach([0, 1, 2, 3, 4], (n) => client.complete(numbered(n)), { concurrency: "unbounded" })
      )
      expect(mock.starts).toEqual([0, 1500, 3000, 4500, 6000])
      expect(mock.prompts).toEqual([0, 1, 2, 3, 4].map(promptOf))
    })
  )

  it.scoped("does not wait for answers", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.throttle("1 second"), { text: "Hi", delay: "1 minute" })
      yield* inVirtualTime(Effect.forEach([0, 1, 2], (n) => client.complete(numbered(n)), { concurrency: "unbounded" }))
      expect(mock.starts).toEqual([0, 1000, 2000])
      expect(mock.mostInFlight).toBe(3)
    })
  )

  it.scoped("lets a call through at once when the last one is long ago, and saves up nothing", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.throttle("1 second"), "Hi")
      yield* client.complete(numbered(0))
      yield* TestClock.adjust("1 hour")
      yield* inVirtualTime(Effect.forEach([1, 2, 3], (n) => client.complete(numbered(n)), { concurrency: "unbounded" }))
      expect(mock.starts).toEqual([0, 3_600_000, 3_601_000, 3_602_000])
    })
  )

  it.scoped("leaves no gap where a caller left while it waited", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.throttle("1 second"), "Hi")
      const fibers = yield* Effect.forEach([0, 1, 2, 3, 4], (n) => Effect.fork(client.complete(numbered(n))))
      yield* TestClock.adjust("500 millis")
      // The one whose turn is next, and one further behind.
      for (const n of [1, 3]) yield* Effect.forEach(fibers.slice(n, n + 1), Fiber.interrupt)
      yield* TestClock.adjust("1 hour")
      expect(mock.prompts).toEqual([0, 2, 4].map(promptOf))
      expect(mock.starts).toEqual([0, 1000, 2000])
    })
  )

  it.scoped("counts streams, embeddings and retries too", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) => layer.pipe(Policy.throttle("1 second"), Policy.retry(Schedule.recurs(3))),
        [retryable.ServerFailed, "Hi", "Hi"]
      )
      const start = yield* Clock.currentTimeMillis
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
      expect(mock.starts.map((time) => time - start)).toEqual([0, 1000, 2000, 3000])
    })
  )

  it.scoped("gives the turn on when a stream is left while it waits for it", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.throttle("1 second"), "Hi")
      yield* client.complete(numbered(0))
      const left = yield* Effect.fork(Stream.runDrain(client.stream(numbered(1))))
      yield* TestClock.adjust("900 millis")
      const next = yield* Effect.fork(client.complete(numbered(2)))
      yield* Fiber.interrupt(left)
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(next)
      expect(mock.starts).toEqual([0, 1000])
    })
  )

  it.scoped("takes an interval of parts of a millisecond", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.throttle(0.25), "Hi")
      yield* inVirtualTime(Effect.forEach([0, 1, 2], (n) => client.complete(numbered(n)), { concurrency: "unbounded" }))
      expect(mock.starts).toHaveLength(3)
    })
  )

  for (const interval of [0, -1, Number.NaN]) {
    it.scoped(`of ${interval} milliseconds is a ConfigError`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(behind(Policy.throttle(interval), "Hi"))
        expect(error).toMatchObject({ _op: "InvalidData", path: ["throttle"] })
      })
    )
  }
})

describe("Policy.throttle, when the clock is set back", () => {
  it.scoped("waits its interval, not the step", () =>
    Effect.gen(function* () {
      const mock = yield* MockLlm.make("Hi")
      const context = yield* Layer.build(mock.layer.pipe(Policy.throttle("1 second")))
      const call = Effect.provide(LlmClient.complete("q"), context)
      yield* TestClock.setTime(10_000_000)
      yield* call
      yield* TestClock.setTime(5_000_000)
      const fiber = yield* Effect.fork(call)
      yield* TestClock.adjust("1 second")
      expect((yield* Fiber.join(fiber)).text).toBe("Hi")
    })
  )
})
