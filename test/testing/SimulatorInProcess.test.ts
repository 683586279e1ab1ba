import { HttpClient, HttpClientRequest } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Duration, Effect, Fiber, Stream, TestClock } from "effect"
import * as Fault from "../../src/testing/simulator/Fault.js"
import * as Simulator from "../../src/testing/Simulator.js"
import { chat, post, tokens } from "./SimulatorCalls.js"

const send = (body: unknown) =>
  Effect.gen(function* () {
    const { url } = yield* Simulator.Simulator
    const client = yield* HttpClient.HttpClient
    return yield* HttpClientRequest.post(`${url}/chat/completions`).pipe(
      HttpClientRequest.bearerToken("test"),
      HttpClientRequest.bodyUnsafeJson(body),
      client.execute
    )
  })

const text = (body: unknown) => Effect.flatMap(send(body), (response) => response.text)
const streamed = chat(undefined, { stream: true })
// 6 tokens
const answer = () => "One two three four five."
const billedTokens = Effect.flatMap(Simulator.Simulator, (simulator) =>
  Effect.map(simulator.stats, (stats) => stats.models["gpt-4.1-mini"]?.outputTokens ?? 0)
)

describe("Simulator without a socket, in virtual time", () => {
  it.effect("gives out tokens at exactly their times", () =>
    Effect.gen(function* () {
      const reading = yield* Effect.fork(text(streamed))
      const seen: Array<number> = []
      for (const wait of [0, 199, 1, 49, 1, 100]) {
        yield* TestClock.adjust(Duration.millis(wait))
        seen.push(yield* billedTokens)
      }
      expect(seen).toEqual([0, 0, 1, 1, 2, 4])
      yield* TestClock.adjust("100 millis")
      expect(tokens(yield* Fiber.join(reading)).join("")).toBe("One two three four five.")
    }).pipe(Effect.provide(Simulator.layerHttpClient({ firstToken: 200, perToken: 50, answer })))
  )

  it.effect("answers whole after the time that all tokens take", () =>
    Effect.gen(function* () {
      const call = yield* Effect.fork(text(chat()))
      yield* TestClock.adjust("449 millis")
      expect(yield* Fiber.poll(call)).toMatchObject({ _tag: "None" })
      yield* TestClock.adjust("1 millis")
      expect(JSON.parse(yield* Fiber.join(call)).usage.completion_tokens).toBe(6)
    }).pipe(Effect.provide(Simulator.layerHttpClient({ firstToken: 200, perToken: 50, answer })))
  )

  it.effect("delays headers and first token by as much as the fault says", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.slowHeaders("30 seconds"), Fault.slowFirstToken("30 seconds"))
      const headers = yield* Effect.fork(send(streamed))
      yield* TestClock.adjust("29999 millis")
      expect(yield* Fiber.poll(headers)).toMatchObject({ _tag: "None" })
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(headers)

      const response = yield* send(streamed)
      const parts = yield* Effect.fork(Stream.runCollect(Stream.decodeText(response.stream)))
      yield* TestClock.adjust("29999 millis")
      expect((yield* simulator.stats).inFlight).toBe(1)
      yield* TestClock.adjust("1 millis")
      const [first = "", second = ""] = Chunk.toReadonlyArray(yield* Fiber.join(parts))
      expect(first).toContain('"role":"assistant"')
      expect(tokens(first)).toEqual([])
      expect(tokens(second)).toHaveLength(6)
    }).pipe(Effect.provide(Simulator.layerHttpClient({ answer })))
  )

  it.effect("fails a reset as a transport error, and a cut inside the body", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.resetBeforeHeaders, Fault.cut({ afterTokens: 2, ending: "abrupt" }))
      expect(yield* Effect.flip(send(chat()))).toMatchObject({ _tag: "RequestError", reason: "Transport" })
      const response = yield* send(streamed)
      const seen: Array<string> = []
      const error = yield* response.stream.pipe(
        Stream.decodeText(),
        Stream.runForEach((part) => Effect.sync(() => seen.push(part))),
        Effect.flip
      )
      expect(error._tag).toBe("ResponseError")
      expect(tokens(seen.join(""))).toEqual(["One", " two"])
    }).pipe(Effect.provide(Simulator.layerHttpClient({ answer })))
  )

  it.effect("counts an interrupted call and a body that is left early as closed by the client", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.noAnswer)
      const lost = yield* Effect.fork(text(chat()))
      yield* simulator.awaitStats((stats) => stats.inFlight === 1)
      yield* Fiber.interrupt(lost)
      expect(yield* simulator.stats).toMatchObject({ closedByClient: 1, inFlight: 0 })

      const response = yield* send(streamed)
      yield* Stream.runDrain(Stream.take(response.stream, 3))
      expect(yield* simulator.stats).toMatchObject({ closedByClient: 2, inFlight: 0 })
      // The opening event and two tokens.
      expect((yield* simulator.requests)[1]?.outcome).toMatchObject({ ending: "closedByClient", outputTokens: 2 })
    }).pipe(Effect.provide(Simulator.layerHttpClient({ answer, flushEach: true })))
  )

  it.effect("counts a response that is dropped unread with its scope", () =>
    Effect.gen(function* () {
      const { stats, url } = yield* Simulator.Simulator
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const request = HttpClientRequest.post(`${url}/chat/completions`).pipe(
        HttpClientRequest.bearerToken("test"),
        HttpClientRequest.bodyUnsafeJson(streamed)
      )
      yield* Effect.scoped(client.execute(request))
      expect(yield* stats).toMatchObject({ closedByClient: 1, inFlight: 0 })
    }).pipe(Effect.provide(Simulator.layerHttpClient({ answer, firstToken: 100 })))
  )
})

describe("Simulator, rate limits in virtual time", () => {
  it.effect("of requests: refuses with the exact wait, and takes the call exactly then", () =>
    Effect.gen(function* () {
      const first = yield* send(chat())
      expect(first.headers).toMatchObject({
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "30s"
      })
      yield* TestClock.adjust("10 seconds")
      yield* send(chat())
      const refused = yield* send(chat())
      expect(refused.status).toBe(429)
      expect(refused.headers).toMatchObject({
        "retry-after": "20",
        "retry-after-ms": "20000",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "50s"
      })
      expect(yield* refused.text).toContain("Limit 2, Used 2, Requested 1. Please try again in 20s.")
      yield* TestClock.adjust("19999 millis")
      expect((yield* send(chat())).status).toBe(429)
      yield* TestClock.adjust("1 millis")
      expect((yield* send(chat())).status).toBe(200)
    }).pipe(Effect.provide(Simulator.layerHttpClient({ rateLimit: { requestsPerMinute: 2 } })))
  )

  it.effect("of tokens: counts prompt and answer, and each model by itself", () =>
    Effect.gen(function* () {
      // 4 + 3 + 1 of the prompt, 6 of the answer: 14 tokens a call.
      const first = yield* send(chat("hi"))
      expect(first.headers).toMatchObject({
        "x-ratelimit-limit-tokens": "20",
        "x-ratelimit-remaining-tokens": "6",
        "x-ratelimit-reset-tokens": "42s"
      })
      const refused = yield* send(chat("hi"))
      expect([refused.status, refused.headers["retry-after-ms"]]).toEqual([429, "24000"])
      expect(yield* refused.json).toMatchObject({ error: { type: "tokens", code: "rate_limit_exceeded" } })
      expect((yield* send({ ...chat("hi"), model: "gpt-4o" })).status).toBe(200)
      yield* TestClock.adjust("24 seconds")
      expect((yield* send(chat("hi"))).status).toBe(200)
    }).pipe(Effect.provide(Simulator.layerHttpClient({ answer, rateLimit: { tokensPerMinute: 20 } })))
  )

  it.effect("refuse for good what is larger than the limit", () =>
    Effect.gen(function* () {
      const refused = yield* send(chat("a much longer prompt than that, with many more words in it than any limit"))
      expect(refused.status).toBe(429)
      expect(refused.headers["retry-after"]).toBeUndefined()
      expect(yield* refused.text).toContain("Request too large for gpt-4.1-mini")
    }).pipe(Effect.provide(Simulator.layerHttpClient({ answer, rateLimit: { tokensPerMinute: 20 } })))
  )

  it.effect("never let more through in a minute than the limit and what was saved up", () =>
    Effect.gen(function* () {
      let taken = 0
      for (let second = 0; second < 120; second++) {
        for (let i = 0; i < 3; i++) if ((yield* send(chat())).status === 200) taken++
        yield* TestClock.adjust("1 second")
      }
      // 60 saved up at the start, one more each second of the 119 that follow.
      expect(taken).toBe(60 + 119)
    }).pipe(Effect.provide(Simulator.layerHttpClient({ rateLimit: { requestsPerMinute: 60 } })))
  )
})

describe("Simulator, both fronts", () => {
  const bodies: ReadonlyArray<readonly [string, unknown]> = [
    ["an answer", chat()],
    ["a stream", chat(undefined, { stream: true, stream_options: { include_usage: true } })],
    ["a refusal", chat(undefined, { temperature: 9 })]
  ]
  // Of the socket, or of the time that passed.
  const ofTheFront = ["connection", "date", "keep-alive", "transfer-encoding", "openai-processing-ms"]
  const own = (headers: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !ofTheFront.includes(name)))

  for (const [what, body] of bodies) {
    it.live(`agree on ${what}, byte by byte`, () =>
      Effect.gen(function* () {
        const socket = yield* Effect.flatMap(Simulator.Simulator, ({ url }) =>
          post(`${url}/chat/completions`, body)
        ).pipe(Effect.provide(Simulator.layer({ seed: 3 })))
        const [status, headers, read] = yield* send(body).pipe(
          Effect.flatMap((response) =>
            Effect.map(response.text, (all) => [response.status, response.headers, all] as const)
          ),
          Effect.provide(Simulator.layerHttpClient({ seed: 3 }))
        )
        expect([status, read]).toEqual([socket.status, socket.text])
        expect(own(headers)).toEqual(own(socket.headers))
      })
    )
  }
})
