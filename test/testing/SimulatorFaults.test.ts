import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import * as Fault from "../../src/testing/simulator/Fault.js"
import * as Simulator from "../../src/testing/Simulator.js"
import { chat, chunks, payloads, post, tokens } from "./SimulatorCalls.js"

const answer = "One two three four five six."
const provide = Effect.provide(Simulator.layer({ answer: () => answer }))

const meet = (fault: Fault.Fault, body: unknown = chat()) =>
  Effect.gen(function* () {
    const simulator = yield* Simulator.Simulator
    yield* simulator.inject(fault)
    return yield* post(`${simulator.url}/chat/completions`, body)
  })

const streamed = chat(undefined, { stream: true })

describe("Fault, on a stream", () => {
  it.live("cut abruptly: k tokens, then the connection breaks", () =>
    Effect.gen(function* () {
      const seen = yield* meet(Fault.cut({ afterTokens: 3, ending: "abrupt" }), streamed)
      expect(seen.status).toBe(200)
      expect(tokens(seen.text)).toEqual(["One", " two", " three"])
      expect(seen.broken).toBe(true)
    }).pipe(provide)
  )

  it.live("cut cleanly: k tokens, then an end without finish reason or [DONE]", () =>
    Effect.gen(function* () {
      const seen = yield* meet(Fault.cut({ afterTokens: 3, ending: "clean" }), streamed)
      expect(tokens(seen.text)).toEqual(["One", " two", " three"])
      expect(seen.broken).toBe(false)
      expect(seen.text).not.toContain("[DONE]")
      expect(seen.text).not.toContain('"finish_reason":"stop"')
    }).pipe(provide)
  )

  it.live("cut after more tokens than there are: still before the finish reason", () =>
    Effect.gen(function* () {
      const seen = yield* meet(Fault.cut({ afterTokens: 99, ending: "clean" }), streamed)
      expect(tokens(seen.text).join("")).toBe(answer)
      expect(chunks(seen.text).at(-1)?.choices[0]?.finish_reason).toBe(null)
    }).pipe(provide)
  )

  it.live("missing [DONE]: everything else is there", () =>
    Effect.gen(function* () {
      const seen = yield* meet(Fault.missingDone, streamed)
      expect(tokens(seen.text).join("")).toBe(answer)
      expect(chunks(seen.text).at(-1)?.choices[0]?.finish_reason).toBe("stop")
      expect(seen.text).not.toContain("[DONE]")
      expect(seen.broken).toBe(false)
    }).pipe(provide)
  )

  it.live("malformed chunk: one event is torn JSON, the ones around it are whole", () =>
    Effect.gen(function* () {
      const seen = yield* meet(Fault.malformedChunk({ afterTokens: 2 }), streamed)
      expect(tokens(seen.text)).toEqual(["One", " two", " four", " five", " six", "."])
      const torn = payloads(seen.text)[3] ?? ""
      expect(torn).toMatch(/^\{"id":"chatcmpl-/)
      expect(() => JSON.parse(torn)).toThrow()
      expect(payloads(seen.text).at(-1)).toBe("[DONE]")
    }).pipe(provide)
  )

  const shapes: ReadonlyArray<readonly [Fault.ErrorShape, string]> = [
    ["object", 'data: {"error":{"message":"no","type":"server_error","param":null,"code":"x"}}\n\n'],
    ["flat", 'event: error\ndata: {"message":"no","type":"server_error","param":null,"code":"x"}\n\n'],
    ["string", 'event: error\ndata: "no"\n\n'],
    ["null", "event: error\ndata: null\n\n"]
  ]
  for (const [shape, frame] of shapes) {
    it.live(`error event as ${shape}: stands after k tokens and ends the stream`, () =>
      Effect.gen(function* () {
        const error = { message: "no", type: "server_error", code: "x" }
        const seen = yield* meet(Fault.errorEvent({ afterTokens: 2, error, shape }), streamed)
        expect(seen.status).toBe(200)
        expect(tokens(seen.text.slice(0, -frame.length))).toEqual(["One", " two"])
        expect(seen.text.endsWith(frame)).toBe(true)
      }).pipe(provide)
    )
  }

  it.live("oversized event: one event of that size, and the same text", () =>
    Effect.gen(function* () {
      const seen = yield* meet(Fault.oversizedEvent({ bytes: 300_000 }), streamed)
      expect(Math.max(...payloads(seen.text).map((payload) => payload.length))).toBeGreaterThan(300_000)
      expect(tokens(seen.text).join("")).toBe(answer)
      expect(payloads(seen.text).at(-1)).toBe("[DONE]")
    }).pipe(provide)
  )

  it.live("stall: k tokens, then silence until the client leaves", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.stall({ afterTokens: 2 }))
      const leave = new AbortController()
      const call = yield* Effect.fork(post(`${simulator.url}/chat/completions`, streamed, { signal: leave.signal }))
      yield* simulator.awaitStats((stats) => stats.models["gpt-4.1-mini"]?.outputTokens === 2)
      expect((yield* simulator.stats).inFlight).toBe(1)
      leave.abort()
      yield* simulator.awaitStats((stats) => stats.closedByClient === 1 && stats.inFlight === 0)
      expect(yield* Fiber.join(call)).toMatchObject({ broken: true })
    }).pipe(provide)
  )

  it.live("stall with comments: keeps the connection alive meanwhile", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.stall({ afterTokens: 1, comments: "1 millis" }))
      const text = yield* readUntil(`${simulator.url}/chat/completions`, streamed, ": ping\n\n: ping\n\n")
      expect(tokens(text)).toEqual(["One"])
      yield* simulator.awaitStats((stats) => stats.closedByClient === 1)
    }).pipe(provide)
  )
})

describe("Fault, before or instead of an answer", () => {
  it.live("status: OpenAI's error of that status, and the headers given", () =>
    Effect.gen(function* () {
      const limited = yield* meet(Fault.status(429))
      expect(limited.status).toBe(429)
      expect(limited.headers).toMatchObject({ "retry-after": "20", "retry-after-ms": "20000" })
      expect(JSON.parse(limited.text).error).toMatchObject({ type: "requests", code: "rate_limit_exceeded" })
      expect(limited.text).toContain("Please try again in 20s.")

      const own = yield* meet(Fault.status(503, { headers: { "Retry-After": "7" }, body: "busy" }))
      expect([own.status, own.headers["retry-after"], own.text]).toEqual([503, "7", "busy"])
      const failed = yield* meet(Fault.status(500))
      expect(JSON.parse(failed.text).error.type).toBe("server_error")
    }).pipe(provide)
  )

  it.live("reset: no headers come", () =>
    Effect.gen(function* () {
      expect(yield* meet(Fault.resetBeforeHeaders)).toMatchObject({ status: undefined, broken: true })
    }).pipe(provide)
  )

  it.live("no answer: silence until the client leaves", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.noAnswer)
      const leave = new AbortController()
      const call = yield* Effect.fork(post(`${simulator.url}/chat/completions`, chat(), { signal: leave.signal }))
      yield* simulator.awaitStats((stats) => stats.inFlight === 1)
      leave.abort()
      expect(yield* Fiber.join(call)).toMatchObject({ status: undefined })
      const stats = yield* simulator.awaitStats((seen) => seen.closedByClient === 1)
      expect(stats.answered).toEqual({})
    }).pipe(provide)
  )

  const pages: ReadonlyArray<readonly [string, Fault.Fault, string, RegExp]> = [
    ["an HTML page with status 200", Fault.htmlPage, "text/html; charset=utf-8", /^<!DOCTYPE html>/],
    ["an empty body with status 200", Fault.emptyBody, "text/event-stream; charset=utf-8", /^$/],
    ["a JSON error with status 200", Fault.jsonError200, "application/json", /"error"/]
  ]
  for (const [what, fault, type, text] of pages) {
    it.live(what, () =>
      Effect.gen(function* () {
        const seen = yield* meet(fault, streamed)
        expect(seen.status).toBe(200)
        expect(seen.headers["content-type"]).toBe(type)
        expect(seen.text).toMatch(text)
        expect(seen.broken).toBe(false)
      }).pipe(provide)
    )
  }
})

describe("Fault, on an answer that is not streamed", () => {
  it.live("cut: less is sent than content-length says", () =>
    Effect.gen(function* () {
      for (const ending of ["abrupt", "clean"] as const) {
        const seen = yield* meet(Fault.cut({ afterTokens: 3, ending }))
        expect(seen.broken).toBe(true)
        expect(seen.text.length).toBeLessThan(Number(seen.headers["content-length"]))
        expect(seen.text).toMatch(/^\{/)
      }
    }).pipe(provide)
  )

  it.live("malformed: half of the JSON, cleanly ended", () =>
    Effect.gen(function* () {
      const seen = yield* meet(Fault.malformedChunk({ afterTokens: 3 }))
      expect(seen.broken).toBe(false)
      expect(seen.text.length).toBe(Number(seen.headers["content-length"]))
      expect(() => JSON.parse(seen.text)).toThrow()
    }).pipe(provide)
  )

  it.live("stall: half of the body, then silence", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.stall({ afterTokens: 3 }))
      const text = yield* readUntil(`${simulator.url}/chat/completions`, chat(), '"choices"')
      expect(() => JSON.parse(text)).toThrow()
      yield* simulator.awaitStats((stats) => stats.closedByClient === 1)
    }).pipe(provide)
  )

  it.live("oversized: a body that is longer, and says the same", () =>
    Effect.gen(function* () {
      const seen = yield* meet(Fault.oversizedEvent({ bytes: 300_000 }))
      expect(seen.text.length).toBeGreaterThan(300_000)
      expect(JSON.parse(seen.text).choices[0].message.content).toBe(answer)
    }).pipe(provide)
  )

  it.live("error event: a JSON error with status 200", () =>
    Effect.gen(function* () {
      const seen = yield* meet(Fault.errorEvent({ afterTokens: 1 }))
      expect([seen.status, JSON.parse(seen.text).error.type]).toEqual([200, "server_error"])
    }).pipe(provide)
  )
})

describe("Faults", () => {
  it.live("of a list go to the requests in turn, injected ones ahead", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.status(418))
      const statuses = yield* Effect.replicateEffect(post(`${simulator.url}/chat/completions`, chat()), 5)
      expect(statuses.map((seen) => seen.status)).toEqual([418, 500, 200, 503, 200])
    }).pipe(Effect.provide(Simulator.layer({ faults: [Fault.status(500), Fault.none, Fault.status(503)] })))
  )

  it.live("of a function know index, model and whether it streams", () =>
    Effect.gen(function* () {
      const { url } = yield* Simulator.Simulator
      const first = yield* post(`${url}/chat/completions`, chat())
      const second = yield* post(`${url}/chat/completions`, streamed)
      expect([first.text, second.text]).toEqual(["0 gpt-4.1-mini false", "1 gpt-4.1-mini true"])
    }).pipe(
      Effect.provide(
        Simulator.layer({
          faults: ({ index, model, stream }) => Fault.status(400, { body: `${index} ${model} ${stream}` })
        })
      )
    )
  )

  it("at random are the same for the same seed and index, and about as many as asked for", () => {
    const draw = (seed: number) => {
      const fault = Fault.random({ seed, rates: { rateLimited: 0.1, cut: 0.2, "500": 0.05 } })
      return Array.from({ length: 4000 }, (_, index) => fault({ index, model: "m", stream: true }))
    }
    const faults = draw(1)
    expect(draw(1)).toEqual(faults)
    expect(draw(2)).not.toEqual(faults)
    const share = (test: (fault: Fault.Fault) => boolean) => faults.filter(test).length / faults.length
    expect(share((fault) => fault._tag === "Cut")).toBeCloseTo(0.2, 1)
    expect(share((fault) => fault._tag === "Status" && fault.status === 429)).toBeCloseTo(0.1, 1)
    expect(share((fault) => fault._tag === "None")).toBeCloseTo(0.65, 1)
  })
})

/** Reads a response until it holds the text, then leaves. */
const readUntil = (url: string, body: unknown, wanted: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const leave = new AbortController()
    const headers = { authorization: "Bearer test" }
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal: leave.signal })
    let text = ""
    for await (const part of response.body ?? []) {
      text += new TextDecoder().decode(part)
      if (text.includes(wanted)) break
    }
    leave.abort()
    return text
  }).pipe(Effect.exit, Effect.map(Exit.getOrElse(() => "")))
