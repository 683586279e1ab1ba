import { HttpClient, HttpClientError } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Duration, Effect, FastCheck as fc, Fiber, Inspectable, Redacted, Stream, TestClock } from "effect"
import { ChatRequest, type LlmClient, LlmError, Prompt, StreamPart } from "effect-llm"
import * as HttpProvider from "../../src/provider/HttpProvider.js"
import { turn } from "../LoopbackServer.js"
import { wire } from "../wire/ChatStream.js"
import * as HttpStub from "./HttpStub.js"

const { chunk, events, frames, json, reads, watch } = HttpStub

const request = ChatRequest.make("Hi")

const answering = (answer: HttpStub.Answer): Effect.Effect<LlmClient.Service> =>
  Effect.orDie(HttpStub.openAi(HttpStub.make(answer)))

/** A provider with three texts at most in one embeddings request. */
const provider = (stub: HttpStub.Stub, options: Partial<HttpProvider.Options> = {}): Effect.Effect<LlmClient.Service> =>
  HttpProvider.make({
    provider: "acme",
    model: "acme-1",
    wire,
    url: (operation, model) => `https://acme.example/${model}/${operation}`,
    headers: {},
    secrets: [],
    ...options
  }).pipe(Effect.provideService(HttpClient.HttpClient, stub.http), Effect.orDie)

/** Everything that can be read from an error: its fields, hidden ones and those of its causes, and how it prints. */
const wordsOf = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return String(value)
  const own = Object.getOwnPropertyNames(value).map((name) => wordsOf(Reflect.get(value, name)))
  return [...own, String(value), Inspectable.toStringUnknown(value)].join("\n")
}

describe("a stream", () => {
  const hello = frames(chunk({ content: "Hel" }), chunk({ content: "lo" }))

  const streamed = (body: string | ReadableStream<Uint8Array>) =>
    Effect.flatMap(
      answering(() => events(body, { "x-request-id": "req-7" })),
      (client) => watch(client.stream(request))
    )

  it.effect("is whole with [DONE], which only counts as the whole payload", () =>
    Effect.gen(function* () {
      const { error, parts } = yield* streamed(
        frames(chunk({ content: "[DONE]" }), chunk({ content: "!" }, "stop"), "[DONE]")
      )
      expect(error).toBeUndefined()
      expect(HttpStub.textOf(parts)).toBe("[DONE]!")
      expect(parts.at(-1)).toMatchObject({ _tag: "Finish", requestId: "req-7" })
    })
  )

  it.effect("may have comments, blank lines, named messages and any line ending", () =>
    Effect.gen(function* () {
      const data = [chunk({ content: "Hel" }), chunk({ content: "lo" }, "stop")].map((one) => JSON.stringify(one))
      const { error, parts } = yield* streamed(
        `\uFEFF: OPENROUTER PROCESSING\r\n\r\ndata:${data[0]}\r\r: ping\n\nevent: message\nid: 7\ndata: ${data[1]}\n\ndata: [DONE]`
      )
      expect(error).toBeUndefined()
      expect(HttpStub.textOf(parts)).toBe("Hello")
    })
  )

  it.effect("is whole with a finish reason, without [DONE]", () =>
    Effect.gen(function* () {
      const { error, parts } = yield* streamed(hello + frames(chunk({}, "stop")))
      expect(error).toBeUndefined()
      expect(parts.map((part) => part._tag)).toEqual(["TextDelta", "TextDelta", "Finish"])
    })
  )

  it.effect("is whole though its connection breaks behind the finish reason", () =>
    Effect.gen(function* () {
      const { error, parts } = yield* streamed(reads([hello, frames(chunk({}, "stop"))], "error"))
      expect(error).toBeUndefined()
      expect(parts.at(-1)?._tag).toBe("Finish")
    })
  )

  it.effect("ends at [DONE] and lets its body go, though the server neither ends it nor is silent", () =>
    Effect.gen(function* () {
      let cancelled = false
      const body = reads(
        [hello + frames(chunk({}, "stop"), "[DONE]"), frames(chunk({ content: "again" }))],
        "open",
        () => (cancelled = true)
      )
      const fiber = yield* Effect.fork(streamed(body))
      yield* Effect.repeat(Effect.zipRight(turn, TestClock.adjust("50 millis")), { until: () => cancelled })
      const { error, parts } = yield* Fiber.join(fiber)
      expect(error).toBeUndefined()
      expect(HttpStub.textOf(parts)).toBe("Hello")
    })
  )

  it.effect.each([
    ["cleanly", "clean", undefined],
    ["by an error", "error", "ConnectionFailed"]
  ] as const)("that ends %s without an end marker is StreamInterrupted with the text so far", ([, ending, cause]) =>
    Effect.gen(function* () {
      const { error, parts } = yield* streamed(reads([hello], ending))
      expect(error).toMatchObject({
        _tag: "StreamInterrupted",
        text: "Hello",
        requestId: "req-7",
        provider: "openai",
        attempts: 1
      })
      expect(error?._tag === "StreamInterrupted" ? error.cause?._tag : "").toBe(cause)
      expect(parts.map((part) => part._tag)).toEqual(["TextDelta", "TextDelta"])
    })
  )

  it.effect("gives its parts out before the failure that came in the same read", () =>
    Effect.gen(function* () {
      const failures = [
        chunk({}, "content_filter"),
        { error: { message: "x", code: "context_length_exceeded" } },
        { error: { message: "Overloaded", type: "overloaded_error" } },
        "{"
      ]
      for (const failure of failures) {
        const { error, parts } = yield* streamed(hello + frames(failure, "[DONE]"))
        expect(error).toBeDefined()
        expect(HttpStub.textOf(parts)).toBe("Hello")
      }
    })
  )

  it.effect("gives a part out whose event lacks its blank line, and is cut all the same", () =>
    Effect.gen(function* () {
      const { error, parts } = yield* streamed(hello.trimEnd())
      expect(HttpStub.textOf(parts)).toBe("Hello")
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "Hello" })
    })
  )

  it.effect.each([
    "d",
    "data",
    "data:",
    "data: ",
    'data: {"choices":[{"del',
    "event",
    "event: er",
    ": pi",
    "\n",
    "id",
    "retry: 1"
  ])("that is torn in %j was cut: the rest is no fault of the provider's", (torn) =>
    Effect.gen(function* () {
      const { error } = yield* streamed(hello + torn)
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "Hello" })
      expect(error?._tag === "StreamInterrupted" ? error.cause : "").toBeUndefined()
      expect((yield* streamed(torn)).error?._tag).toBe("StreamInterrupted")
    })
  )

  it.effect.each<readonly [string, string, LlmError.Tag]>([
    ["an OpenAI error", frames({ error: { message: "slow down", code: "rate_limit_exceeded" } }), "RateLimited"],
    ["a named error", 'event: error\ndata: {"message":"x","code":"rate_limit_exceeded"}\n\n', "RateLimited"],
    ["a named error that is a text", "event: error\ndata: the engine stopped\n\n", "ServerFailed"],
    ["a named error that is null", "event: error\ndata: null\n\n", "ServerFailed"],
    ["a JSON error in place of a stream", '{"error":{"message":"x","code":"invalid_api_key"}}', "AuthenticationFailed"],
    [
      "a JSON error over several lines",
      '{\n  "error": {\n    "message": "x",\n    "code": "model_not_found"\n  }\n}',
      "ModelNotFound"
    ],
    ["xAI's JSON error", '{"code":"Some resource has been exhausted","error":"Too many requests"}', "RateLimited"],
    ["a page", "<html>\n<title>Bad gateway</title>\n</html>", "MalformedResponse"],
    ["words", "upstream connect error", "MalformedResponse"],
    ["a whole JSON answer", JSON.stringify(HttpStub.answer()), "MalformedResponse"],
    ["nothing", "", "StreamInterrupted"],
    ["a chunk that is no JSON", 'data: {"choices":[{\n\n', "MalformedResponse"]
  ])("that begins with %s fails as the HTTP status would have said", ([, body, tag]) =>
    Effect.gen(function* () {
      const { error, parts } = yield* streamed(body)
      expect(parts).toEqual([])
      expect(error?._tag).toBe(tag)
    })
  )

  it.effect("that is no stream keeps the text in the error", () =>
    Effect.gen(function* () {
      const page = "<html>\n<title>Bad gateway</title>\n</html>\n"
      expect((yield* streamed(page)).error).toMatchObject({
        _tag: "MalformedResponse",
        status: 200,
        body: page,
        requestId: "req-7"
      })
    })
  )

  it.effect("with no body at all was cut, but not by a broken connection", () =>
    Effect.gen(function* () {
      const client = yield* answering(() => new Response(null))
      const { error } = yield* watch(client.stream(request))
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "" })
      expect(error?._tag === "StreamInterrupted" ? error.cause : "").toBeUndefined()
    })
  )

  it.effect("that is broken by a retryable error in its middle keeps the text and the cause", () =>
    Effect.gen(function* () {
      const { error } = yield* streamed(hello + frames({ error: { message: "Overloaded", type: "overloaded_error" } }))
      expect(error).toMatchObject({
        _tag: "StreamInterrupted",
        text: "Hello",
        cause: { _tag: "Overloaded", message: "Overloaded" }
      })
    })
  )

  it.effect("that is broken by a terminal error in its middle keeps the tag of it", () =>
    Effect.gen(function* () {
      const { error } = yield* streamed(
        hello + frames({ error: { message: "too long", code: "context_length_exceeded" } })
      )
      expect(error).toMatchObject({ _tag: "ContextLengthExceeded", message: "too long" })
    })
  )

  it.effect("with a malformed chunk in its middle is broken, and says which", () =>
    Effect.gen(function* () {
      const { error } = yield* streamed(hello + "data: <html>\n\n" + frames("[DONE]"))
      expect(error).toMatchObject({
        _tag: "StreamInterrupted",
        text: "Hello",
        cause: { _tag: "MalformedResponse", body: "<html>" }
      })
    })
  )

  it.effect("with a JSON error behind its events, without framing, fails as that error", () =>
    Effect.gen(function* () {
      const { error } = yield* streamed(hello + '{"error":{"message":"x","code":"insufficient_quota"}}')
      expect(error).toMatchObject({ _tag: "QuotaExhausted" })
    })
  )

  it.effect("in which the model refuses is no answer", () =>
    Effect.gen(function* () {
      const { error, parts } = yield* streamed(frames(chunk({ refusal: "I cannot." }), chunk({}, "stop"), "[DONE]"))
      expect(parts).toEqual([])
      expect(error).toMatchObject({ _tag: "ContentFiltered", message: "the model refused: I cannot." })
    })
  )

  it.effect("can be run again: every run is a request of its own", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(() => events(hello + frames(chunk({}, "stop"), "[DONE]")))
      const stream = (yield* HttpStub.openAi(stub)).stream(request)
      const [first, second] = yield* Effect.all([watch(stream), watch(stream)])
      expect(first.parts).toEqual(second.parts)
      expect(stub.sent).toHaveLength(2)
    })
  )

  it.effect("that is left early lets its body go", () =>
    Effect.gen(function* () {
      let cancelled = false
      const client = yield* answering(() => events(reads([hello], "open", () => (cancelled = true))))
      const parts = yield* Stream.runCollect(Stream.take(client.stream(request), 1))
      expect([...parts]).toEqual([{ _tag: "TextDelta", text: "Hel" }])
      expect(cancelled).toBe(true)
    })
  )
})

describe("a whole answer", () => {
  const completed = (response: () => Response) =>
    Effect.flatMap(answering(response), (client) => Effect.flip(client.complete(request)))

  it.effect.each<readonly [string, string, LlmError.Tag]>([
    ["a JSON error", '{"error":{"message":"slow down","code":"rate_limit_exceeded"}}', "RateLimited"],
    ["a page", "<html><title>Sign in</title></html>", "MalformedResponse"],
    ["half of it", '{"choices":[{"mess', "MalformedResponse"],
    ["another JSON", '{"ok":true}', "MalformedResponse"]
  ])("that is %s is an error that keeps the text", ([, body, tag]) =>
    Effect.gen(function* () {
      expect(yield* completed(() => new Response(body))).toMatchObject({ _tag: tag, status: 200, body })
    })
  )

  it.effect.each(["", " \n"])("that is empty (%j) is an error", (body) =>
    Effect.gen(function* () {
      expect(yield* completed(() => new Response(body))).toMatchObject({
        _tag: "MalformedResponse",
        message: "the answer is empty"
      })
    })
  )

  it.effect("whose connection breaks is ConnectionFailed", () =>
    Effect.gen(function* () {
      expect(yield* completed(() => new Response(reads(['{"choices":'], "error")))).toMatchObject({
        _tag: "ConnectionFailed"
      })
    })
  )

  it.effect("knows its request by the provider's id", () =>
    Effect.gen(function* () {
      const client = yield* answering(() => json(HttpStub.answer(), { headers: { "x-request-id": "req-7" } }))
      expect(yield* client.complete(request)).toMatchObject({ requestId: "req-7", attempts: 1, cached: false })
      const failed = yield* completed(() => json({}, { status: 500, headers: { "x-request-id": "req-8" } }))
      expect(failed).toMatchObject({
        _tag: "ServerFailed",
        requestId: "req-8",
        provider: "openai",
        model: "gpt-4.1-mini"
      })
    })
  )
})

describe("the time that a call takes", () => {
  const slowly =
    (response: () => Response): HttpStub.Answer =>
    () =>
      Effect.delay(Effect.sync(response), "3 seconds")

  it.effect("is in what comes back, from the sending to the whole answer", () =>
    Effect.gen(function* () {
      const whole = yield* answering(slowly(() => json(HttpStub.answer())))
      const streaming = yield* answering(slowly(() => events(frames(chunk({ content: "Hello" }, "stop"), "[DONE]"))))
      const embedding = yield* answering(slowly(() => json({ data: [{ embedding: [1] }] })))
      const fiber = yield* Effect.fork(
        Effect.all(
          [whole.complete(request), StreamPart.collect(streaming.stream(request)), embedding.embed({ input: ["a"] })],
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("3 seconds")
      for (const { latency } of yield* Fiber.join(fiber)) expect(Duration.toMillis(latency)).toBe(3000)
    })
  )
})

describe("an HTTP error", () => {
  it.effect("says how long to wait", () =>
    Effect.gen(function* () {
      const client = yield* answering(() =>
        json({ error: { message: "x" } }, { status: 429, headers: { "retry-after": "7" } })
      )
      for (const call of [
        client.complete(request),
        Stream.runDrain(client.stream(request)),
        client.embed({ input: ["a"] })
      ]) {
        const error = yield* Effect.flip(call)
        expect(error).toMatchObject({ _tag: "RateLimited", status: 429, retryAfter: Duration.seconds(7), attempts: 1 })
      }
    })
  )

  it.effect("that goes on for a megabyte is read only at its beginning, and its body is let go", () =>
    Effect.gen(function* () {
      const piece = "x".repeat(4096)
      for (const kind of ["complete", "stream"] as const) {
        let taken = 0
        let cancelled = false
        const client = yield* answering(() => {
          const pieces = Array.from({ length: 256 }, () => piece)
          const source = reads(pieces, "open", () => (cancelled = true))
          const counted = new TransformStream<Uint8Array, Uint8Array>({
            transform: (bytes, controller) => {
              taken += bytes.length
              controller.enqueue(bytes)
            }
          })
          return new Response(source.pipeThrough(counted), { status: 500 })
        })
        const error = yield* Effect.flip(
          kind === "complete" ? client.complete(request) : Stream.runDrain(client.stream(request))
        )
        expect(error).toMatchObject({ _tag: "ServerFailed", status: 500, body: piece })
        expect(taken).toBeLessThan(128 * 1024)
        expect(cancelled).toBe(true)
      }
    })
  )

  it.effect("whose body breaks is the error all the same", () =>
    Effect.gen(function* () {
      const client = yield* answering(() => new Response(reads(['{"error"'], "error"), { status: 401 }))
      expect(yield* Effect.flip(client.complete(request))).toMatchObject({ _tag: "AuthenticationFailed" })
    })
  )
})

describe("headers that are an Effect", () => {
  it.effect("are asked for at every attempt", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(({ url }) =>
        url.endsWith("embed")
          ? json({ data: [{ embedding: [1] }] })
          : url.endsWith("stream")
            ? events(frames(chunk({ content: "a" }, "stop"), "[DONE]"))
            : json(HttpStub.answer())
      )
      let count = 0
      const client = yield* provider(stub, {
        headers: Effect.sync(() => ({ Authorization: `Bearer token-${++count}` }))
      })
      yield* client.complete(request)
      yield* client.complete(request)
      yield* Stream.runDrain(client.stream(request))
      yield* client.embed({ input: ["a"] })
      expect(stub.sent.map((one) => one.headers["authorization"])).toEqual([1, 2, 3, 4].map((n) => `Bearer token-${n}`))
      expect(stub.sent.map((one) => one.url)).toEqual(
        ["chat", "chat", "stream", "embed"].map((operation) => `https://acme.example/acme-1/${operation}`)
      )
    })
  )

  it.effect("fail the call with their own failure, and nothing is sent", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(() => json(HttpStub.answer()))
      const failure = new LlmError.AuthenticationFailed({
        provider: "acme",
        model: "acme-1",
        message: "no token for secret-123456",
        attempts: 0
      })
      const client = yield* provider(stub, { headers: Effect.fail(failure), secrets: [Redacted.make("secret-123456")] })
      for (const call of [
        client.complete(request),
        Stream.runDrain(client.stream(request)),
        client.embed({ input: ["a"] })
      ]) {
        const error = yield* Effect.flip(call)
        expect(error).toMatchObject({ _tag: "AuthenticationFailed", message: "no token for <redacted>" })
      }
      expect(stub.sent).toEqual([])
    })
  )
})

describe("headers that are made for a request", () => {
  it.effect("know whom it goes to, and are made for every attempt", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(({ url }) =>
        url.endsWith("embed") ? json({ data: [{ embedding: [1] }] }) : json(HttpStub.answer())
      )
      let count = 0
      const headers: HttpProvider.Options["headers"] = ({ model, provider }) =>
        Effect.sync(() => ({ "x-to": `${provider}/${model}/${++count}` }))
      const client = yield* provider(stub, { headers, embeddingModel: "embed-1" })
      yield* client.complete(request)
      yield* client.complete({ ...request, model: "acme-2" })
      yield* client.embed({ input: ["a"] })
      expect(stub.sent.map((one) => one.headers["x-to"])).toEqual(["acme/acme-1/1", "acme/acme-2/2", "acme/embed-1/3"])
    })
  )

  it.effect("are no less secret: the credential of each attempt is blotted out of its errors", () =>
    Effect.gen(function* () {
      let count = 0
      const headers = () => Effect.sync(() => ({ authorization: `Bearer attempt-${++count}-secret` }))
      const stub = HttpStub.make((sent) =>
        json({ error: { message: `no ${sent.headers["authorization"]}` } }, { status: 401 })
      )
      const client = yield* provider(stub, { headers })
      for (const call of [
        client.complete(request),
        Stream.runDrain(client.stream(request)),
        client.embed({ input: ["a"] })
      ]) {
        const error = yield* Effect.flip(call)
        expect(error.message).toBe("no Bearer <redacted>")
        expect(wordsOf(error)).not.toContain("-secret")
      }
      expect(count).toBe(3)
    })
  )
})

describe("a model's name that no URL can hold", () => {
  it.effect.each(["", ".", "..", " acme", "acme\n", "ac\u0000me", "acme\ud800"])(
    "%j is an InvalidRequest, and nothing is sent",
    (model) =>
      Effect.gen(function* () {
        const stub = HttpStub.make(() => json(HttpStub.answer()))
        const client = yield* provider(stub)
        const calls = [
          client.complete({ ...request, model }),
          Stream.runDrain(client.stream({ ...request, model })),
          client.embed({ input: ["a"], model })
        ]
        for (const call of calls) {
          expect(yield* Effect.flip(call)).toMatchObject({ _tag: "InvalidRequest", param: "model", attempts: 0 })
        }
        expect(stub.sent).toEqual([])
      })
  )
})

describe("a wire that knows no streams", () => {
  const { readEvent: _, ...whole } = wire

  it.effect("streams a whole answer: a delta for each of its parts, then its Finish", () =>
    Effect.gen(function* () {
      const message = {
        reasoning: "hm",
        content: "Hello",
        tool_calls: [{ id: "1", function: { name: "look", arguments: "{}" } }]
      }
      const stub = HttpStub.make(() => json({ ...HttpStub.answer(), choices: [{ message, finish_reason: "stop" }] }))
      const client = yield* provider(stub, { wire: whole })
      const { error, parts } = yield* watch(client.stream(request))
      expect(error).toBeUndefined()
      expect(parts.map((part) => part._tag)).toEqual([
        "ReasoningDelta",
        "TextDelta",
        "ToolCallStart",
        "ToolCallDelta",
        "ToolCallEnd",
        "Finish"
      ])
      expect(stub.sent[0]?.text).not.toContain("stream")
      expect(stub.sent[0]?.url).toBe("https://acme.example/acme-1/chat")
    })
  )

  it.effect("calls for every run of a stream, and not before it", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(() => json(HttpStub.answer()))
      const client = yield* provider(stub, { wire: whole })
      const stream = client.stream(request)
      expect(stub.sent).toHaveLength(0)
      yield* Stream.runDrain(stream)
      yield* Stream.runDrain(stream)
      expect(stub.sent).toHaveLength(2)
    })
  )

  it.effect("fails a stream as it fails a call", () =>
    Effect.gen(function* () {
      const client = yield* provider(
        HttpStub.make(() => json({ error: { message: "busy" } }, { status: 503 })),
        { wire: whole }
      )
      const { error, parts } = yield* watch(client.stream(request))
      expect([error?._tag, parts]).toEqual(["Overloaded", []])
    })
  )
})

describe("a key that comes back", () => {
  const said = `wrong key ${HttpStub.key}`

  it.effect.each<readonly [string, () => Response]>([
    ["in a message", () => json({ error: { message: said } }, { status: 401 })],
    ["in a page", () => new Response(`<html>${said}</html>`, { status: 500 })],
    ["in a body that is no answer", () => new Response(said)],
    ["in a JSON that is no answer", () => json({ said })],
    ["in a JSON error inside a success", () => json({ error: { message: said, code: "invalid_api_key" } })],
    ["in an error event", () => events(frames({ error: { message: said, type: "overloaded_error" } }))],
    [
      "in an error event behind text",
      () => events(frames(chunk({ content: "Hello" }), { error: { message: said, type: "overloaded_error" } }))
    ],
    ["in a chunk that is none", () => events(`${frames(chunk({ content: "Hello" }))}data: <${said}>\n\n`)],
    ["in a tag of a request", () => json({}, { status: 500, headers: { "x-request-id": HttpStub.key } })]
  ])("%s is blotted out", ([, response]) =>
    Effect.gen(function* () {
      const client = yield* answering(response)
      const whole = yield* Effect.flip(client.complete(request))
      const streamed = yield* watch(client.stream(request))
      expect(wordsOf(whole)).not.toContain(HttpStub.key)
      expect(streamed.error).toBeDefined()
      expect(wordsOf(streamed.error)).not.toContain(HttpStub.key)
      expect(wordsOf([whole, streamed.error])).toContain("<redacted>")
    })
  )

  it.effect("is blotted out also where the error's text is cut in its middle", () =>
    Effect.gen(function* () {
      for (const shown of [8, 12, HttpStub.key.length - 1, HttpStub.key.length]) {
        const page = "x".repeat(4096 - shown) + HttpStub.key
        const said = "x".repeat(999 - shown) + HttpStub.key
        for (const response of [
          () => new Response(page),
          () => new Response(page, { status: 500 }),
          () => json({ error: { message: `${said} y` } })
        ]) {
          const client = yield* answering(response)
          expect(wordsOf(yield* Effect.flip(client.complete(request)))).not.toContain(HttpStub.key.slice(0, 8))
          expect(wordsOf((yield* watch(client.stream(request))).error)).not.toContain(HttpStub.key.slice(0, 8))
        }
      }
    })
  )

  it.effect("in the words of a broken connection is blotted out", () =>
    Effect.gen(function* () {
      const client = yield* answering(({ request }) =>
        Effect.fail(
          new HttpClientError.RequestError({
            request,
            reason: "Transport",
            cause: new Error(said, { cause: new Error(said) })
          })
        )
      )
      const error = yield* Effect.flip(client.complete(request))
      expect(error._tag).toBe("ConnectionFailed")
      expect(wordsOf(error)).not.toContain(HttpStub.key)
    })
  )

  it.effect("is left when it is a placeholder: ordinary words stay readable", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(() => json({ error: { message: "none of the models is loaded" } }, { status: 400 }))
      const client = yield* HttpStub.openAi(stub, { apiKey: Redacted.make("none") })
      expect((yield* Effect.flip(client.complete(request))).message).toBe("none of the models is loaded")
    })
  )
})

describe("a request that cannot be sent", () => {
  const cycle: Record<string, unknown> = {}
  cycle["self"] = cycle

  const tool = (parameters: Record<string, unknown>): ChatRequest.Settings => ({ tools: [{ name: "f", parameters }] })

  it.effect.each<readonly [string, ChatRequest.ChatRequest, LlmError.Tag, object]>([
    ["an empty prompt", { prompt: [] }, "InvalidRequest", { param: "prompt" }],
    ["a temperature of NaN", { ...request, temperature: Number.NaN }, "InvalidRequest", { param: "temperature" }],
    [
      "a file by URL",
      ChatRequest.make({
        prompt: Prompt.user([
          { _tag: "File", source: { _tag: "Url", url: "https://a.example/a.pdf" }, mediaType: "application/pdf" }
        ])
      }),
      "UnsupportedFeature",
      { feature: "file-url" }
    ],
    ["a bigint", { ...request, providerOptions: { top_k: 4n } }, "InvalidRequest", { param: "providerOptions" }],
    ["a cycle", { ...request, providerOptions: { cycle } }, "InvalidRequest", { param: "providerOptions" }],
    [
      "a value that does not want to be written",
      {
        ...request,
        providerOptions: {
          bad: {
            toJSON: () => {
              throw new Error("no")
            }
          }
        }
      },
      "InvalidRequest",
      { param: "providerOptions" }
    ],
    [
      "a body that becomes nothing",
      { ...request, providerOptions: { toJSON: () => undefined } },
      "InvalidRequest",
      { param: "providerOptions" }
    ],
    [
      "a cycle in a tool",
      { ...request, ...tool({ type: "object", properties: cycle }) },
      "InvalidRequest",
      { param: "tools" }
    ],
    [
      "a bigint in a schema",
      {
        ...request,
        responseFormat: { _tag: "JsonSchema", name: "a", schema: { maximum: 4n } }
      },
      "InvalidRequest",
      { param: "responseFormat" }
    ]
  ])("because of %s fails before anything is sent", ([, bad, tag, fields]) =>
    Effect.gen(function* () {
      const stub = HttpStub.make(() => json(HttpStub.answer()))
      const client = yield* HttpStub.openAi(stub)
      const expected = { _tag: tag, attempts: 0, provider: "openai", model: "gpt-4.1-mini", ...fields }
      expect(yield* Effect.flip(client.complete(bad))).toMatchObject(expected)
      expect(yield* Effect.flip(Stream.runDrain(client.stream(bad)))).toMatchObject(expected)
      expect(stub.sent).toEqual([])
    })
  )

  it.effect.each<readonly [string, Parameters<LlmClient.Service["embed"]>[0], string]>([
    ["no text", { input: [] }, "input"],
    ["an empty text", { input: ["a", ""] }, "input[1]"],
    ["dimensions of 0", { input: ["a"], dimensions: 0 }, "dimensions"],
    ["a bigint", { input: ["a"], providerOptions: { n: 1n } }, "providerOptions"]
  ])("for embeddings because of %s fails before anything is sent", ([, bad, param]) =>
    Effect.gen(function* () {
      const stub = HttpStub.make(() => json({}))
      const client = yield* HttpStub.openAi(stub)
      expect(yield* Effect.flip(client.embed(bad))).toMatchObject({ _tag: "InvalidRequest", param, attempts: 0 })
      expect(stub.sent).toEqual([])
    })
  )

  it.effect("for embeddings that the provider does not have is UnsupportedFeature", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(() => json({}))
      const client = yield* provider(stub, { wire: { ...wire, embeddings: undefined } })
      expect(yield* Effect.flip(client.embed({ input: ["a"] }))).toMatchObject({
        _tag: "UnsupportedFeature",
        feature: "embeddings",
        attempts: 0
      })
      expect(stub.sent).toEqual([])
    })
  )
})

describe("any request", () => {
  const awkward = fc.dictionary(
    fc.string(),
    fc.oneof(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
      fc.constant(() => 1)
    )
  )

  it.effect.prop(
    "either goes out as JSON or fails as an LlmError that made no attempt",
    {
      one: Arbitrary.make(ChatRequest.ChatRequest),
      providerOptions: fc.option(awkward, { nil: undefined }),
      streamed: fc.boolean()
    },
    ({ one, providerOptions, streamed }) =>
      Effect.gen(function* () {
        const stub = HttpStub.make(() =>
          streamed ? events(frames(chunk({ content: "a" }, "stop"), "[DONE]")) : json(HttpStub.answer())
        )
        const client = yield* HttpStub.openAi(stub)
        const chat: ChatRequest.ChatRequest = providerOptions === undefined ? one : { ...one, providerOptions }
        const outcome = yield* Effect.either(streamed ? StreamPart.collect(client.stream(chat)) : client.complete(chat))
        if (outcome._tag === "Right") {
          expect(stub.sent).toHaveLength(1)
          expect(JSON.parse(stub.sent[0]?.text ?? "")).toHaveProperty("messages")
          return
        }
        expect(LlmError.isLlmError(outcome.left)).toBe(true)
        expect(outcome.left.attempts).toBe(0)
        expect(stub.sent).toEqual([])
      }),
    { fastCheck: { numRuns: 200 } }
  )
})

describe("embeddings", () => {
  /** Answers each text with a vector of its own. */
  const embedding = (answer: (texts: ReadonlyArray<string>, count: number) => unknown): HttpStub.Stub =>
    HttpStub.make(({ text }, count) => {
      const body: unknown = JSON.parse(text)
      const input: unknown = Reflect.get(Object(body), "input")
      return json(answer(Array.isArray(input) ? input.map(String) : [], count), {
        headers: { "x-request-id": `req-${count}` }
      })
    })

  const vectorOf = (text: string): ReadonlyArray<number> => [text.length, text.codePointAt(0) ?? 0]

  it.effect("come one per text, in the order of the texts", () =>
    Effect.gen(function* () {
      const stub = embedding((texts) => ({
        model: "acme-embed-1",
        data: texts.map((text, index) => ({ index, embedding: vectorOf(text) })).sort((a, b) => b.index - a.index),
        usage: { prompt_tokens: 3, total_tokens: 3 }
      }))
      const answer = yield* Effect.flatMap(provider(stub), (client) => client.embed({ input: ["a", "bb", "c"] }))
      expect(answer).toMatchObject({
        vectors: ["a", "bb", "c"].map(vectorOf),
        model: "acme-embed-1",
        usage: { inputTokens: 3, totalTokens: 3 },
        requestId: "req-1",
        attempts: 1,
        cached: false
      })
    })
  )

  it.effect("of more texts than one request takes are asked for in several, and joined", () =>
    Effect.gen(function* () {
      const stub = embedding((texts) => ({
        data: texts.map((text, index) => ({ index, embedding: vectorOf(text) })),
        usage: { prompt_tokens: texts.length, total_tokens: texts.length }
      }))
      const texts = ["a", "bb", "ccc", "dddd", "eeeee", "f", "g"]
      const answer = yield* Effect.flatMap(provider(stub), (client) =>
        client.embed({ input: texts, providerOptions: { user: "u" } })
      )
      expect(answer.vectors).toEqual(texts.map(vectorOf))
      expect(answer).toMatchObject({ usage: { inputTokens: 7, totalTokens: 7 }, attempts: 3, requestId: "req-1" })
      expect(stub.sent.map((one) => Reflect.get(Object(JSON.parse(one.text)), "input"))).toEqual([
        ["a", "bb", "ccc"],
        ["dddd", "eeeee", "f"],
        ["g"]
      ])
      for (const one of stub.sent) expect(JSON.parse(one.text)).toMatchObject({ user: "u" })
    })
  )

  it.effect("that are fewer than the texts, or more, are none", () =>
    Effect.gen(function* () {
      for (const count of [1, 3]) {
        const stub = embedding(() => ({ data: Array.from({ length: count }, () => ({ embedding: [1] })) }))
        const error = yield* Effect.flatMap(provider(stub), (client) =>
          Effect.flip(client.embed({ input: ["a", "b"] }))
        )
        expect(error).toMatchObject({
          _tag: "MalformedResponse",
          message: `2 texts were sent, and ${count} vectors came back`,
          requestId: "req-1"
        })
      }
    })
  )

  it.effect("stop at the first request that fails", () =>
    Effect.gen(function* () {
      const stub = embedding((texts, count) =>
        count === 2
          ? { error: { message: "x", code: "rate_limit_exceeded" } }
          : { data: texts.map(() => ({ embedding: [1] })) }
      )
      const error = yield* Effect.flatMap(provider(stub), (client) =>
        Effect.flip(client.embed({ input: ["a", "b", "c", "d", "e", "f", "g"] }))
      )
      expect(error._tag).toBe("RateLimited")
      expect(stub.sent).toHaveLength(2)
    })
  )

  it.effect("name the model of the request, that for embeddings, or the client's", () =>
    Effect.gen(function* () {
      const stub = embedding(() => ({ data: [{ embedding: [1] }] }))
      yield* Effect.flatMap(provider(stub), (client) => client.embed({ input: ["a"] }))
      yield* Effect.flatMap(provider(stub, { embeddingModel: "embed-1" }), (client) =>
        Effect.zip(client.embed({ input: ["a"] }), client.embed({ input: ["a"], model: "embed-2" }))
      )
      expect(stub.sent.map((one) => one.url)).toEqual(
        ["acme-1", "embed-1", "embed-2"].map((model) => `https://acme.example/${model}/embed`)
      )
    })
  )
})

describe("headers", () => {
  const gatewayKey = "gateway-secret-5678"

  it.effect("that cannot be sent are a ConfigError that names them and shows no value", () =>
    Effect.gen(function* () {
      for (const headers of [
        { "x-gateway-key": `${gatewayKey}\n` },
        { "x gateway key": gatewayKey },
        { "x-gateway-key": "schlüssel" }
      ]) {
        const error = yield* HttpProvider.make({
          provider: "acme",
          model: "acme-1",
          wire,
          url: () => "https://acme.example",
          headers,
          secrets: []
        }).pipe(Effect.provideService(HttpClient.HttpClient, HttpStub.make(() => json({})).http), Effect.flip)
        expect(String(error)).toContain(`headers.${Object.keys(headers)[0]}`)
        expect(wordsOf(error)).not.toContain(gatewayKey)
        expect(wordsOf(error)).not.toContain("schlüssel")
      }
    })
  )

  it.effect("that an Effect gives and that cannot be sent are an InvalidRequest, and nothing is sent", () =>
    Effect.gen(function* () {
      const client = yield* provider(
        HttpStub.make(() => json({})),
        { headers: Effect.succeed({ "x-key": `${gatewayKey}\n` }) }
      )
      const error = yield* Effect.flip(client.complete(request))
      expect(error).toMatchObject({ _tag: "InvalidRequest", param: "headers.x-key", attempts: 0 })
      expect(wordsOf(error)).not.toContain(gatewayKey)
    })
  )

  it.effect("of the user's own are blotted out of an error that echoes them", () =>
    Effect.gen(function* () {
      const echo = HttpStub.make(() => json({ error: { message: `who is ${gatewayKey}?` } }, { status: 403 }))
      const client = yield* provider(echo, { headers: { "x-gateway-key": gatewayKey } })
      const error = yield* Effect.flip(client.complete(request))
      expect(error._tag).toBe("PermissionDenied")
      expect(wordsOf(error)).not.toContain(gatewayKey)
    })
  )
})

describe("an answer that is none", () => {
  it.effect.each([
    ["has no content and no finish reason", { message: {} }],
    ["has null for both", { message: { content: null }, finish_reason: null }],
    ["has content of no known type", { message: { content: 5 }, finish_reason: "stop" }]
  ] as const)("because it %s is no empty success", ([, choice]) =>
    Effect.gen(function* () {
      const client = yield* answering(() => json({ choices: [choice] }))
      expect((yield* Effect.flip(client.complete(request)))._tag).toBe("MalformedResponse")
    })
  )

  it.effect("is something else than an empty answer that says why", () =>
    Effect.gen(function* () {
      const client = yield* answering(() => json({ choices: [{ message: { content: "" }, finish_reason: "stop" }] }))
      expect((yield* client.complete(request)).finishReason.unified).toBe("stop")
    })
  )
})
