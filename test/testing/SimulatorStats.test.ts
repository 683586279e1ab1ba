import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Net from "node:net"
import * as Fault from "../../src/testing/simulator/Fault.js"
import * as Simulator from "../../src/testing/Simulator.js"
import { chat, post } from "./SimulatorCalls.js"

// 6 tokens: One two three four five .
const answer = "One two three four five."
const provide = Effect.provide(Simulator.layer({ answer: () => answer }))
const call = (body: unknown) => Effect.flatMap(Simulator.Simulator, ({ url }) => post(`${url}/chat/completions`, body))
const promptTokens = 4 + 3 + 5
const prompt = "one two three four five"

describe("Simulator, what it bills", () => {
  const streamed = chat(prompt, { stream: true })
  const billed: ReadonlyArray<readonly [string, Fault.Fault, unknown, number, number]> = [
    ["a whole answer in full", Fault.none, chat(prompt), promptTokens, 6],
    ["a whole stream in full", Fault.none, streamed, promptTokens, 6],
    ["a refusal by status not at all", Fault.status(500), chat(prompt), 0, 0],
    ["a reset before headers not at all", Fault.resetBeforeHeaders, chat(prompt), 0, 0],
    ["a page of HTML not at all", Fault.htmlPage, chat(prompt), 0, 0],
    ["a cut stream up to the cut", Fault.cut({ afterTokens: 2, ending: "abrupt" }), streamed, promptTokens, 2],
    [
      "a stream cut before its first token for its prompt",
      Fault.cut({ afterTokens: 0, ending: "clean" }),
      streamed,
      promptTokens,
      0
    ],
    ["an error in a stream up to the error", Fault.errorEvent({ afterTokens: 4 }), streamed, promptTokens, 4],
    [
      "a cut answer that is not streamed in full",
      Fault.cut({ afterTokens: 2, ending: "abrupt" }),
      chat(prompt),
      promptTokens,
      6
    ],
    ["a stream without [DONE] in full", Fault.missingDone, streamed, promptTokens, 6]
  ]
  for (const [what, fault, body, inputTokens, outputTokens] of billed) {
    it.live(`bills ${what}`, () =>
      Effect.gen(function* () {
        const simulator = yield* Simulator.Simulator
        yield* simulator.inject(fault)
        yield* call(body)
        const stats = yield* simulator.awaitStats(({ inFlight }) => inFlight === 0)
        expect(stats.models["gpt-4.1-mini"]).toEqual({
          attempts: 1,
          completed: fault._tag === "None" ? 1 : 0,
          inputTokens,
          outputTokens
        })
      }).pipe(provide)
    )
  }

  it.live("bills an answer that never arrives in full, and again when it is asked for again", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.noAnswer)
      const leave = new AbortController()
      const lost = yield* Effect.fork(post(`${simulator.url}/chat/completions`, chat(prompt), { signal: leave.signal }))
      yield* simulator.awaitStats((stats) => stats.inFlight === 1)
      leave.abort()
      yield* Fiber.join(lost)
      yield* call(chat(prompt))
      expect((yield* simulator.stats).models["gpt-4.1-mini"]).toEqual({
        attempts: 2,
        completed: 1,
        inputTokens: 2 * promptTokens,
        outputTokens: 12
      })
    }).pipe(provide)
  )
})

describe("Simulator, what it counts", () => {
  it.live("attempts, answers by status, faults by tag", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.status(429), Fault.status(500), Fault.slowHeaders("1 millis"))
      yield* Effect.replicateEffect(call(chat()), 4)
      yield* call({ model: "unknown", messages: [] })
      expect(yield* simulator.stats).toMatchObject({
        attempts: 5,
        inFlight: 0,
        maxInFlight: 1,
        completed: 2,
        closedByClient: 0,
        answered: { "200": 2, "404": 1, "429": 1, "500": 1 },
        faults: { Status: 2, SlowHeaders: 1 }
      })
    }).pipe(provide)
  )

  it.live("requests in flight, and connections", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.noAnswer, Fault.noAnswer, Fault.noAnswer)
      const sockets = [1, 2, 3].map(() => Net.connect(simulator.port, "127.0.0.1"))
      const body = JSON.stringify(chat())
      const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test\r\n`
      for (const socket of sockets) socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`)
      const busy = yield* simulator.awaitStats((stats) => stats.inFlight === 3)
      expect(busy.connections).toEqual({ open: 3, opened: 3 })
      for (const socket of sockets) socket.destroy()
      const after = yield* simulator.awaitStats((stats) => stats.connections.open === 0 && stats.inFlight === 0)
      expect(after).toMatchObject({ maxInFlight: 3, closedByClient: 3, connections: { opened: 3 } })
    }).pipe(provide)
  )

  it.live("the requests themselves, without their keys", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      const headers = { authorization: "Bearer sk-secret", "x-api-key": "sk-secret", "x-own": "kept" }
      yield* simulator.inject(Fault.none, Fault.cut({ afterTokens: 1, ending: "abrupt" }))
      yield* post(`${simulator.url}/chat/completions?x=1`, chat("hi"), { headers })
      yield* call(chat("hi", { stream: true }))
      const [first, second] = yield* simulator.requests
      expect(first).toMatchObject({
        index: 0,
        method: "POST",
        path: "/v1/chat/completions?x=1",
        body: chat("hi"),
        model: "gpt-4.1-mini",
        stream: false,
        headers: { authorization: "Bearer", "x-api-key": "present", "x-own": "kept" },
        outcome: { ending: "complete", status: 200, fault: "None", outputTokens: 6 }
      })
      expect(second).toMatchObject({ stream: true, outcome: { ending: "cut", fault: "Cut", outputTokens: 1 } })
      expect(JSON.stringify(yield* simulator.requests)).not.toContain("sk-secret")
    }).pipe(provide)
  )

  it.live("and tells of each request as it ends", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      const two = yield* Effect.fork(Stream.runCollect(Stream.take(simulator.ended, 2)))
      yield* Effect.yieldNow()
      yield* call(chat("a"))
      yield* call({})
      const ended = Array.from(yield* Fiber.join(two))
      expect(ended.map((request) => request.outcome?.status)).toEqual([200, 400])
    }).pipe(provide)
  )

  it.live("and forgets all of it on reset, queued faults too", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.none, Fault.status(500))
      yield* call(chat())
      yield* simulator.reset
      expect(yield* simulator.stats).toMatchObject({ attempts: 0, answered: {}, models: {} })
      expect(yield* simulator.requests).toEqual([])
      expect((yield* call(chat())).status).toBe(200)
    }).pipe(provide)
  )
})
