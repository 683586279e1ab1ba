import { describe, expect, it } from "@effect/vitest"
import {
  Chunk,
  type ConfigError,
  Context,
  Effect,
  Either,
  Fiber,
  Layer,
  Redacted,
  Schedule,
  Stream,
  TestClock
} from "effect"
import { ChatRequest, LlmClient, type LlmError, OpenAi, Policy, RetryPolicy, type StreamPart } from "effect-llm"
import { Fault, type MockLlm, Simulator } from "effect-llm/testing"
import { retryable } from "../SampleErrors.js"
import { behind, built, inVirtualTime, make, seen, timed } from "./Watched.js"

const request = ChatRequest.make("Hello")
const slow: MockLlm.Answer = { text: "late", delay: "10 seconds" }
const delta = (text: string): StreamPart.StreamPart => ({ _tag: "TextDelta", text })

/** A client whose streams are this one. */
const streaming = (
  policy: Policy.Policy<ConfigError.ConfigError>,
  stream: Stream.Stream<StreamPart.StreamPart, LlmError.LlmError>
) =>
  Effect.flatMap(make(""), ({ client }) =>
    built(policy(Layer.succeed(LlmClient.LlmClient, { ...client, stream: () => stream })))
  )

describe("Policy.attemptTimeout and Policy.totalTimeout", () => {
  const table = [
    ["attempt", Policy.attemptTimeout("10 seconds"), Policy.attemptTimeout("9999 millis")],
    ["total", Policy.totalTimeout("10 seconds"), Policy.totalTimeout("9999 millis")]
  ] as const
  for (const [limit, enough, short] of table) {
    it.scoped(`${limit}: an answer in time goes through`, () =>
      Effect.gen(function* () {
        const just: MockLlm.Answer = { text: "late", delay: "9999 millis" }
        const { client } = yield* behind(enough, just)
        expect((yield* inVirtualTime(client.complete(request))).text).toBe("late")
        expect((yield* inVirtualTime(seen(client.stream(request)))).error).toBeUndefined()
      })
    )

    it.scoped(`${limit}: a late one is interrupted at that instant and fails with RequestTimeout`, () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(short, slow)
        const whole = yield* inVirtualTime(timed(client.complete(request)))
        expect(whole.millis).toBe(9999)
        expect(Either.getOrElse(Either.flip(whole.result), () => undefined)).toMatchObject({
          _tag: "RequestTimeout",
          limit,
          provider: "mock",
          model: "mock-model",
          attempts: 1,
          message: expect.stringContaining("9s 999ms")
        })
        expect([mock.inFlight, mock.left]).toEqual([0, 1])
      })
    )

    it.scoped(`${limit}: a stream that is late with its first part fails with RequestTimeout`, () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(short, slow)
        const { millis, result } = yield* inVirtualTime(timed(seen(client.stream({ ...request, model: "other" }))))
        expect(millis).toBe(9999)
        expect(result).toMatchObject({ right: { parts: [], error: { _tag: "RequestTimeout", limit, model: "other" } } })
        expect([mock.inFlight, mock.left]).toEqual([0, 1])
      })
    )

    it.scoped(`${limit}: a stream that is late with its end fails with StreamInterrupted and keeps the text`, () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(short, {
          text: ["a", "b", "c", "d"],
          delay: "3 seconds",
          partDelay: "3 seconds"
        })
        const { millis, result } = yield* inVirtualTime(timed(seen(client.stream(request))))
        expect(millis).toBe(9999)
        expect(result).toMatchObject({
          right: {
            parts: [delta("a"), delta("b"), delta("c")],
            error: { _tag: "StreamInterrupted", text: "abc", cause: { _tag: "RequestTimeout", limit } }
          }
        })
        expect([mock.inFlight, mock.left]).toEqual([0, 1])
      })
    )

    it.scoped(`${limit}: embeddings have the limit too`, () =>
      Effect.gen(function* () {
        const { client } = yield* make("")
        const slow = Layer.succeed(LlmClient.LlmClient, { ...client, embed: () => Effect.never })
        const limited = yield* built(short(slow))
        const { millis, result } = yield* inVirtualTime(timed(limited.embed({ input: ["a"], model: "other" })))
        expect(millis).toBe(9999)
        expect(result).toMatchObject({ left: { _tag: "RequestTimeout", limit, model: "other" } })
      })
    )
  }

  it.scoped("an attempt that takes too long is tried again by a retry around it", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) =>
          layer.pipe(
            Policy.attemptTimeout("1 second"),
            Policy.retry(RetryPolicy.exponential({ jitter: "none", unknownOutcomes: 2 }))
          ),
        [slow, slow, "Hi", slow, "Ho"]
      )
      const whole = yield* inVirtualTime(client.complete(request))
      expect(mock.starts).toEqual([0, 1500, 3500])
      expect(whole).toMatchObject({ text: "Hi", attempts: 3 })
      const { error, parts } = yield* inVirtualTime(seen(client.stream(request)))
      expect(error).toBeUndefined()
      expect(parts.at(-1)).toMatchObject({ attempts: 2 })
      expect(mock.left).toBe(3)
    })
  )

  const stacks: ReadonlyArray<readonly [name: string, policy: Policy.Policy<ConfigError.ConfigError>]> = [
    ["one retry", Policy.retry(Schedule.spaced("1 second"))],
    [
      "one retry around an attempt's timeout",
      (layer) => layer.pipe(Policy.attemptTimeout("1 minute"), Policy.retry(Schedule.spaced("1 second")))
    ],
    [
      "one retry with the limits of streams around it",
      (layer) =>
        layer.pipe(
          Policy.retry(Schedule.spaced("1 second")),
          Policy.firstPartTimeout("1 hour"),
          Policy.idleTimeout("1 hour"),
          Policy.attemptTimeout("1 hour")
        )
    ],
    ["two retries", (layer) => layer.pipe(Policy.retry(Schedule.spaced("1 second")), Policy.retry(Schedule.recurs(1)))]
  ]
  for (const [name, policy] of stacks) {
    it.scoped(`the total limit says how many attempts were made: ${name}`, () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(
          (layer) => layer.pipe(policy, Policy.totalTimeout("4500 millis")),
          retryable.ServerFailed
        )
        const whole = yield* inVirtualTime(timed(client.complete(request)))
        expect(mock.starts).toEqual([0, 1000, 2000, 3000, 4000])
        expect(whole).toMatchObject({
          millis: 4500,
          result: { left: { _tag: "RequestTimeout", limit: "total", attempts: 5 } }
        })
        const streamed = yield* inVirtualTime(timed(seen(client.stream(request))))
        expect(streamed).toMatchObject({ millis: 4500, result: { right: { error: { limit: "total", attempts: 5 } } } })
      })
    )
  }

  it.scoped("the total of a stream counts from its start, however slow its parts are taken", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(Policy.totalTimeout("5 seconds"), {
        text: ["a", "b", "c"],
        delay: "1 second",
        partDelay: "1 second"
      })
      const taken = client.stream(request).pipe(Stream.tap(() => Effect.sleep("2 seconds")))
      expect((yield* inVirtualTime(seen(taken))).error).toMatchObject({
        _tag: "StreamInterrupted",
        cause: { limit: "total" }
      })
    })
  )

  it.scoped("every run of a stream has the whole time", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(Policy.totalTimeout("11 seconds"), slow)
      const stream = client.stream(request)
      expect((yield* inVirtualTime(seen(stream))).error).toBeUndefined()
      expect((yield* inVirtualTime(seen(stream))).error).toBeUndefined()
    })
  )
})

describe("Policy.firstPartTimeout", () => {
  const policy = Policy.firstPartTimeout("5 seconds")

  it.scoped("ends a stream whose first part is late", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(policy, { text: "late", delay: "5001 millis" })
      const { millis, result } = yield* inVirtualTime(timed(seen(client.stream(request))))
      expect(millis).toBe(5000)
      expect(result).toMatchObject({ right: { error: { _tag: "RequestTimeout", limit: "first-part" } } })
      expect(mock.left).toBe(1)
    })
  )

  it.scoped("says nothing about later parts, whole answers and embeddings", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(policy, { text: ["a", "b"], delay: "4999 millis", partDelay: "1 hour" })
      expect((yield* inVirtualTime(seen(client.stream(request)))).error).toBeUndefined()
      const late = yield* behind(policy, slow)
      expect((yield* inVirtualTime(late.client.complete(request))).text).toBe("late")
    })
  )

  it.scoped("does not take an empty chunk for a part", () =>
    Effect.gen(function* () {
      const client = yield* streaming(
        policy,
        Stream.repeatEffectChunk(Effect.as(Effect.sleep("1 second"), Chunk.empty()))
      )
      const { millis, result } = yield* inVirtualTime(timed(seen(client.stream(request))))
      expect(millis).toBe(5000)
      expect(result).toMatchObject({ right: { error: { limit: "first-part" } } })
    })
  )
})

describe("limits of streams over HTTP", () => {
  /** A stream that gives so many tokens, then a comment every second, for ever. */
  const kept = (afterTokens: number, policy: Policy.Policy<ConfigError.ConfigError>) =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        Simulator.layerHttpClient({ faults: [Fault.stall({ afterTokens, comments: "1 second" })] })
      )
      const simulator = Context.get(context, Simulator.Simulator)
      const layer = OpenAi.layer({
        apiKey: Redacted.make("test-key-1"),
        baseUrl: simulator.url,
        model: "gpt-4.1-mini"
      }).pipe(policy)
      const client = yield* built(Layer.provide(layer, Layer.succeedContext(context)))
      const { millis, result } = yield* inVirtualTime(timed(seen(client.stream(request))))
      expect(yield* simulator.stats).toMatchObject({ inFlight: 0, closedByClient: 1 })
      return { millis, result }
    })

  it.scoped("comments that keep a stream alive are no progress: idleTimeout ends it, and closes its connection", () =>
    Effect.gen(function* () {
      const { millis, result } = yield* kept(2, Policy.idleTimeout("5 seconds"))
      expect(millis).toBe(5000)
      expect(result).toMatchObject({
        right: { error: { _tag: "StreamInterrupted", cause: { _tag: "RequestTimeout", limit: "idle" } } }
      })
    })
  )

  it.scoped("comments are no first part either", () =>
    Effect.gen(function* () {
      const { millis, result } = yield* kept(0, Policy.firstPartTimeout("5 seconds"))
      expect(millis).toBe(5000)
      expect(result).toMatchObject({ right: { error: { _tag: "RequestTimeout", limit: "first-part" } } })
    })
  )

  it.scoped("nor are they the end of the whole stream: attemptTimeout and totalTimeout end it, too", () =>
    Effect.gen(function* () {
      for (const policy of [Policy.attemptTimeout("5 seconds"), Policy.totalTimeout("5 seconds")]) {
        expect((yield* kept(2, policy)).millis).toBe(5000)
      }
    })
  )
})

describe("Policy.idleTimeout", () => {
  const policy = Policy.idleTimeout("5 seconds")

  it.scoped("ends a stream that is silent between two parts, and keeps its text", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(policy, { text: ["a", "b"], delay: "1 second", partDelay: "5001 millis" })
      const { millis, result } = yield* inVirtualTime(timed(seen(client.stream(request))))
      expect(millis).toBe(6000)
      expect(result).toMatchObject({
        right: { parts: [delta("a")], error: { _tag: "StreamInterrupted", text: "a", cause: { limit: "idle" } } }
      })
      expect(mock.left).toBe(1)
    })
  )

  it.scoped("lets a stream go on for as long as parts come in time", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(policy, {
        text: Array.from({ length: 20 }, () => "a"),
        partDelay: "4999 millis"
      })
      const { millis, result } = yield* inVirtualTime(timed(seen(client.stream(request))))
      expect(millis).toBe(19 * 4999)
      expect(result).toMatchObject({ right: { error: undefined } })
    })
  )

  it.scoped("leaves the first part to firstPartTimeout", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(policy, { text: "late", delay: "1 hour" })
      expect((yield* inVirtualTime(seen(client.stream(request)))).error).toBeUndefined()
    })
  )

  it.scoped("does not count the time that the consumer takes", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(policy, { text: ["a", "b", "c"], delay: "1 second", partDelay: "1 second" })
      const taken = client.stream(request).pipe(Stream.tap(() => Effect.sleep("1 hour")))
      const { error, parts } = yield* inVirtualTime(seen(taken))
      expect(error).toBeUndefined()
      expect(parts).toHaveLength(4)
    })
  )

  it.scoped("is not put off by empty chunks", () =>
    Effect.gen(function* () {
      const silence = Stream.repeatEffectChunk(
        Effect.as(Effect.sleep("1 second"), Chunk.empty<StreamPart.StreamPart>())
      )
      const client = yield* streaming(policy, Stream.concat(Stream.make(delta("a")), silence))
      const { millis, result } = yield* inVirtualTime(timed(seen(client.stream(request))))
      expect(millis).toBe(5000)
      expect(result).toMatchObject({ right: { error: { _tag: "StreamInterrupted", text: "a" } } })
    })
  )
})

describe("every timeout", () => {
  const table = {
    attemptTimeout: Policy.attemptTimeout,
    totalTimeout: Policy.totalTimeout,
    firstPartTimeout: Policy.firstPartTimeout,
    idleTimeout: Policy.idleTimeout
  }
  for (const [name, policy] of Object.entries(table)) {
    it.scoped(`${name} of no time is a ConfigError that names it`, () =>
      Effect.gen(function* () {
        for (const limit of [0, -1, Number.NaN]) {
          const error = yield* Effect.flip(behind(policy(limit), "Hi"))
          expect(error).toMatchObject({ _tag: "ConfigError", path: [name] })
          expect(String(error)).toContain("must be a duration above 0")
        }
      })
    )

    it.scoped(`${name} keeps an error as it is, and stops when its caller leaves`, () =>
      Effect.gen(function* () {
        const failing = yield* behind(policy("1 second"), retryable.ServerFailed)
        expect(yield* Effect.flip(failing.client.complete(request))).toBe(retryable.ServerFailed)
        expect((yield* seen(failing.client.stream(request))).error).toBe(retryable.ServerFailed)
        const { client, mock } = yield* behind(policy("1 hour"), slow)
        const fibers = yield* Effect.forEach(
          [client.complete(request), Stream.runDrain(client.stream(request))],
          (call) => Effect.fork(Effect.asVoid(call))
        )
        yield* TestClock.adjust("1 second")
        yield* Fiber.interruptAll(fibers)
        expect([mock.inFlight, mock.left]).toEqual([0, 2])
      })
    )
  }
})
