import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, Layer, Scope, Stream, Supervisor, TestClock } from "effect"
import { ChatRequest, LlmClient, Policy, StreamPart } from "effect-llm"
import type { MockLlm } from "effect-llm/testing"
import { BroadcastLog } from "../../src/policy/BroadcastLog.js"
import { retryable } from "../SampleErrors.js"
import { behind, built, inVirtualTime, make, seen } from "./Watched.js"

const request = ChatRequest.make("Hello")
const cached = Policy.cache()
const slow: MockLlm.Reply = { text: ["One ", "two ", "three"], delay: "1 second", partDelay: "1 second" }

const many = (count: number) => Array.from({ length: count }, (_, n) => n)
const complete = (client: LlmClient.Service) => client.complete(request)
const collected = (client: LlmClient.Service) => StreamPart.collect(client.stream(request))

describe("Policy.cache, equal requests at the same time", () => {
  it.scoped("fifty equal completes are one call, which one of them paid for", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, slow)
      const answers = yield* inVirtualTime(
        Effect.forEach(many(50), () => complete(client), { concurrency: "unbounded" })
      )
      expect(mock.starts).toHaveLength(1)
      expect(answers.map((answer) => answer.text)).toEqual(many(50).map(() => "One two three"))
      expect(answers.filter((answer) => !answer.cached)).toHaveLength(1)
      expect(answers.reduce((sum, answer) => sum + answer.attempts, 0)).toBe(1)
    })
  )

  it.scoped("fifty equal embeddings are one call", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) =>
          layer.pipe(
            Policy.make((next) => Effect.succeed({ ...next, embed: (r) => Effect.delay(next.embed(r), "1 second") })),
            cached
          ),
        ""
      )
      const answers = yield* inVirtualTime(
        Effect.forEach(many(50), () => client.embed({ input: ["a"] }), { concurrency: "unbounded" })
      )
      expect(mock.starts).toHaveLength(1)
      expect(answers.filter((answer) => !answer.cached)).toHaveLength(1)
    })
  )

  for (const first of ["complete", "stream"] as const) {
    it.scoped(`completes and streams together are one call when a ${first} came first`, () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(cached, slow)
        const isStream = (n: number): boolean => n % 2 === (first === "stream" ? 0 : 1)
        const answers = yield* inVirtualTime(
          Effect.forEach(many(20), (n) => Effect.delay((isStream(n) ? collected : complete)(client), n * 10), {
            concurrency: "unbounded"
          })
        )
        expect(mock.starts).toHaveLength(1)
        expect(new Set(answers.map((answer) => answer.text))).toEqual(new Set(["One two three"]))
        expect(answers.map((answer) => answer.cached)).toEqual(many(20).map((n) => n !== 0))
      })
    )
  }

  it.scoped("requests that differ are calls of their own", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, slow)
      yield* inVirtualTime(
        Effect.forEach(many(20), (n) => client.complete(ChatRequest.make(String(n))), { concurrency: "unbounded" })
      )
      expect([mock.starts.length, mock.mostInFlight]).toEqual([20, 20])
    })
  )

  it.scoped("one who follows a stream late gets all its parts from the beginning", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, slow)
      const first = yield* Effect.fork(seen(client.stream(request)))
      yield* TestClock.adjust("2500 millis")
      const early: Array<StreamPart.StreamPart> = []
      const late = yield* Effect.fork(
        Stream.runForEach(client.stream(request), (part) => Effect.sync(() => early.push(part)))
      )
      yield* TestClock.adjust("1 millis")
      expect(early).toEqual([
        { _tag: "TextDelta", text: "One " },
        { _tag: "TextDelta", text: "two " }
      ])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      const { parts } = yield* Fiber.join(first)
      expect(early.slice(0, -1)).toEqual(parts.slice(0, -1))
      expect(parts.at(-1)).toMatchObject({ _tag: "Finish", cached: false, attempts: 1 })
      expect(early.at(-1)).toMatchObject({ _tag: "Finish", cached: true, attempts: 0 })
      expect(mock.starts).toHaveLength(1)
    })
  )

  it.scoped("one who reads slowly holds nobody back, and loses nothing", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(cached, slow)
      const slowly = yield* Effect.fork(seen(client.stream(request).pipe(Stream.tap(() => Effect.sleep("1 hour")))))
      const quickly = yield* Effect.fork(seen(client.stream(request)))
      yield* TestClock.adjust("3 seconds")
      expect((yield* Fiber.join(quickly)).parts).toHaveLength(4)
      yield* TestClock.adjust("5 hours")
      expect((yield* Fiber.join(slowly)).parts.map((part) => (part._tag === "TextDelta" ? part.text : ""))).toEqual([
        "One ",
        "two ",
        "three",
        ""
      ])
    })
  )

  it.scoped("a failure is shared by those who wait, and kept for nobody", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, [
        { text: ["Hal"], delay: "1 second", error: retryable.ServerFailed },
        "Hi"
      ])
      const calls = [...many(5).map(() => complete(client)), ...many(5).map(() => collected(client))]
      const errors = yield* inVirtualTime(Effect.forEach(calls, Effect.flip, { concurrency: "unbounded" }))
      expect(mock.starts).toHaveLength(1)
      expect(new Set(errors)).toEqual(new Set([retryable.ServerFailed]))
      expect(yield* client.complete(request)).toMatchObject({ text: "Hi", cached: false })
    })
  )

  it.scoped("a call that has failed takes nobody in any more, however long its readers take", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, [{ text: ["Hal"], error: retryable.ServerFailed }, "Hi"])
      const slowly = yield* Effect.fork(seen(client.stream(request).pipe(Stream.tap(() => Effect.sleep("1 hour")))))
      yield* TestClock.adjust("1 minute")
      expect((yield* complete(client)).text).toBe("Hi")
      yield* TestClock.adjust("1 hour")
      expect((yield* Fiber.join(slowly)).error).toMatchObject({ _tag: "StreamInterrupted", text: "Hal" })
      expect(mock.starts).toHaveLength(2)
    })
  )

  it.scoped("a defect is everybody's, and does not stay", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) =>
          layer.pipe(
            Policy.make((next) => {
              let isFirst = true
              return Effect.succeed({
                ...next,
                complete: (request) => {
                  if (!isFirst) return next.complete(request)
                  isFirst = false
                  // Not even as an Effect: what a policy of one's own may do.
                  throw new Error("a bug")
                }
              })
            }),
            cached
          ),
        "Hi"
      )
      const exits = yield* inVirtualTime(
        Effect.forEach(many(3), () => Effect.exit(Effect.suspend(() => client.complete(request))), {
          concurrency: "unbounded"
        })
      )
      expect(exits.some(Exit.isFailure)).toBe(true)
      expect(yield* inVirtualTime(client.complete(request))).toMatchObject({ text: "Hi" })
      expect(mock.starts).toHaveLength(1)
    })
  )
})

describe("Policy.cache, callers that leave", () => {
  const ways = {
    complete: (client: LlmClient.Service) => Effect.asVoid(complete(client)),
    stream: (client: LlmClient.Service) => Effect.asVoid(collected(client))
  }

  for (const [first, start] of Object.entries(ways)) {
    for (const [other, follow] of Object.entries(ways)) {
      it.scoped(`the first one (${first}) does not end the call for the others (${other})`, () =>
        Effect.gen(function* () {
          const { client, mock } = yield* behind(cached, slow)
          const leaving = yield* Effect.fork(start(client))
          yield* TestClock.adjust("100 millis")
          const staying = yield* Effect.fork(follow(client))
          yield* TestClock.adjust("100 millis")
          yield* Fiber.interrupt(leaving)
          expect(mock).toMatchObject({ inFlight: 1, left: 0 })
          yield* TestClock.adjust("1 minute")
          yield* Fiber.join(staying)
          expect(mock.starts).toHaveLength(1)
          expect((yield* complete(client)).cached).toBe(true)
        })
      )

      it.scoped(`the last one of ${first} and ${other} ends the call, and nothing stays behind`, () =>
        Effect.gen(function* () {
          const supervisor = yield* Supervisor.track
          const { client, mock } = yield* behind(cached, slow)
          const fibers = yield* Effect.supervised(
            Effect.forEach([start(client), follow(client), start(client)], (call) =>
              Effect.zipLeft(Effect.fork(call), TestClock.adjust("100 millis"))
            ),
            supervisor
          )
          for (const fiber of fibers) {
            expect(mock).toMatchObject({ starts: [0], inFlight: 1, left: 0 })
            yield* Fiber.interrupt(fiber)
          }
          expect(mock).toMatchObject({ inFlight: 0, left: 1 })
          expect(yield* supervisor.value).toEqual([])
          expect((yield* inVirtualTime(complete(client))).cached).toBe(false)
        })
      )
    }
  }

  it.scoped("a stream that is left in the midst of it leaves the call too", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, slow)
      const staying = yield* Effect.fork(seen(client.stream(request)))
      const taken = yield* Effect.fork(Stream.runCollect(Stream.take(client.stream(request), 1)))
      yield* TestClock.adjust("1 second")
      expect(Chunk.size(yield* Fiber.join(taken))).toBe(1)
      expect(mock).toMatchObject({ inFlight: 1, left: 0 })
      yield* Fiber.interrupt(staying)
      expect(mock).toMatchObject({ inFlight: 0, left: 1 })
    })
  )

  it.scoped("one who comes after all have left starts a call of its own", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, slow)
      for (const way of [ways.complete, ways.stream, ways.complete]) {
        const fiber = yield* Effect.fork(way(client))
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(fiber)
      }
      expect((yield* inVirtualTime(complete(client))).text).toBe("One two three")
      expect(mock).toMatchObject({ inFlight: 0, left: 3 })
    })
  )

  it.effect("the end of the layer ends the calls", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const mock = yield* make(slow)
      const client = yield* Scope.extend(built(mock.layer.pipe(cached)), scope)
      const fibers = yield* Effect.forEach([ways.complete, ways.stream], (way) => Effect.fork(way(client)))
      yield* TestClock.adjust("500 millis")
      yield* Scope.close(scope, Exit.void)
      expect(mock).toMatchObject({ inFlight: 0, left: 1 })
      for (const fiber of fibers) expect(Exit.isInterrupted(yield* Fiber.await(fiber))).toBe(true)
    })
  )
})

describe("Policy.cache, when fibers take turns after every few steps", () => {
  for (const steps of [11, 12, 13, 14, 15]) {
    it.scoped(`equal requests are still one call (${steps})`, () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(cached, "Hi")
        const calls = many(60).map((n) =>
          Effect.zipRight(Effect.repeatN(Effect.yieldNow(), n), (n % 2 === 0 ? complete : collected)(client))
        )
        const answers = yield* Effect.all(calls, { concurrency: "unbounded" })
        expect(new Set(answers.map((answer) => answer.text))).toEqual(new Set(["Hi"]))
        expect(mock.starts).toHaveLength(1)
      }).pipe(Effect.withMaxOpsBeforeYield(steps))
    )

    it.effect(`a reader of a log misses neither a chunk nor the end (${steps})`, () =>
      Effect.gen(function* () {
        for (const lead of many(60)) {
          const log = new BroadcastLog<number>()
          const reader = yield* Effect.fork(Stream.runCollect(log.stream))
          yield* Effect.repeatN(Effect.yieldNow(), lead)
          log.push(Chunk.of(1))
          yield* Effect.repeatN(Effect.yieldNow(), lead)
          log.end()
          expect(Chunk.toReadonlyArray(yield* Fiber.join(reader))).toEqual([1])
        }
      }).pipe(Effect.withMaxOpsBeforeYield(steps))
    )
  }
})

describe("Policy.cache, while the last caller's call is being closed", () => {
  it.scoped("a caller that comes then starts a call of its own", () =>
    Effect.gen(function* () {
      let calls = 0
      const slowToClose: LlmClient.Service = {
        provider: "p",
        model: "m",
        stream: () => Stream.never,
        embed: () => Effect.never,
        complete: () =>
          Effect.suspend(() => {
            calls++
            return Effect.never
          }).pipe(Effect.onInterrupt(() => Effect.sleep("1 second")))
      }
      const context = yield* Layer.build(Layer.succeed(LlmClient.LlmClient, slowToClose).pipe(Policy.cache()))
      const ask = Effect.fork(Effect.provide(LlmClient.complete("q"), context))
      const first = yield* ask
      yield* TestClock.adjust("1 millis")
      yield* Effect.fork(Fiber.interrupt(first))
      yield* TestClock.adjust("500 millis")
      const second = yield* ask
      yield* TestClock.adjust("1 second")
      expect(calls).toBe(2)
      expect((yield* Fiber.poll(second))._tag).toBe("None")
      yield* Fiber.interruptFork(second)
      yield* TestClock.adjust("5 seconds")
    })
  )
})
