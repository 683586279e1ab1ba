import { HttpBody, HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, Schema, Scope, Stream, TestClock } from "effect"
import { Readable } from "node:stream"
import { Agent, Dispatcher, MockAgent } from "undici"
import { UndiciHttpClient } from "effect-llm/node"
import { echo, failureOf, large, makeSignal, serve, serveBytes, turn, turnsUntil } from "./LoopbackServer.js"

// Request bodies

describe("request bodies", () => {
  const sent = (body: HttpBody.HttpBody) =>
    Effect.gen(function* () {
      const { url } = yield* serve(echo)
      const client = yield* UndiciHttpClient.make()
      const response = yield* client.execute(HttpClientRequest.setBody(HttpClientRequest.post(url), body))
      return yield* HttpClientResponse.schemaBodyJson(
        Schema.Struct({
          body: Schema.String,
          type: Schema.optional(Schema.String),
          length: Schema.optional(Schema.String)
        })
      )(response)
    })
  const bytes = new TextEncoder().encode("a body")
  const raw: ReadonlyArray<readonly [string, () => unknown]> = [
    ["a string", () => "a body"],
    ["bytes", () => bytes],
    ["a view", () => new DataView(bytes.buffer)],
    ["an ArrayBuffer", () => bytes.buffer],
    ["a Blob", () => new Blob(["a ", "body"])],
    ["a Node stream", () => Readable.from(["a ", "body"], { objectMode: false })],
    ["a web stream", () => new Blob(["a body"]).stream()]
  ]

  it.scopedLive.each(raw.map(([name, body]) => ({ name, body })))("sends $name of a raw body", ({ body }) =>
    Effect.gen(function* () {
      expect((yield* sent(HttpBody.raw(body()))).body).toBe("a body")
    })
  )

  it.scopedLive("sends URLSearchParams of a raw body", () =>
    Effect.gen(function* () {
      expect((yield* sent(HttpBody.raw(new URLSearchParams({ a: "1 2" })))).body).toBe("a=1+2")
    })
  )

  it.scopedLive.each([{ nothing: null }, { nothing: undefined }])("sends no body for a raw $nothing", ({ nothing }) =>
    Effect.gen(function* () {
      expect(yield* sent(HttpBody.raw(nothing))).toEqual({ body: "", length: "0" })
    })
  )

  it.scopedLive.each([{ body: 1 }, { body: {} }, { body: Symbol.iterator }])("refuses the raw body $body", ({ body }) =>
    Effect.gen(function* () {
      const error = yield* failureOf(sent(HttpBody.raw(body)))
      expect(error).toMatchObject({ _tag: "RequestError", reason: "Encode" })
    })
  )

  it.scopedLive.each([{ wrap: HttpBody.formData }, { wrap: HttpBody.raw }])("sends a form with a file", ({ wrap }) =>
    Effect.gen(function* () {
      const form = new FormData()
      form.append("field", "value")
      form.append("file", new File(["of a file"], "name.txt", { type: "text/plain" }))
      const { body, length, type } = yield* sent(wrap(form))
      expect(type).toMatch(/^multipart\/form-data; boundary=/)
      expect(Number(length)).toBe(Buffer.byteLength(body))
      const received = yield* Effect.promise(() =>
        new Response(body, { headers: { "content-type": String(type) } }).formData()
      )
      const file = received.get("file")
      expect(received.get("field")).toBe("value")
      expect(file).toMatchObject({ name: "name.txt", type: "text/plain" })
      expect(file instanceof File ? yield* Effect.promise(() => file.text()) : undefined).toBe("of a file")
    })
  )

  it.scopedLive.each([{ length: undefined }, { length: 200_000 }])("sends a stream of length $length", ({ length }) =>
    Effect.gen(function* () {
      const pieces = Stream.map(Stream.range(1, 100), () => Buffer.alloc(2000, "y"))
      const answer = yield* sent(HttpBody.stream(pieces, "text/plain", length))
      expect(answer).toEqual({
        body: "y".repeat(200_000),
        type: "text/plain",
        ...(length === undefined ? {} : { length: String(length) })
      })
    })
  )

  it.scopedLive("fails as an Encode error when the body's stream fails", () =>
    Effect.gen(function* () {
      const pieces = Stream.concat(Stream.make(bytes), Stream.fail("no more"))
      const error = yield* failureOf(sent(HttpBody.stream(pieces)))
      expect(error).toMatchObject({ _tag: "RequestError", reason: "Encode", cause: "no more" })
    })
  )

  it.scopedLive("ends the body's stream when the call is interrupted", () =>
    Effect.gen(function* () {
      const ended = yield* makeSignal
      const begun = yield* makeSignal
      const pieces = Stream.make(bytes).pipe(Stream.concat(Stream.never), Stream.ensuring(Effect.sync(ended.done)))
      const { url } = yield* serve((request) => void request.once("data", begun.done))
      const client = yield* UndiciHttpClient.make()
      const fiber = yield* Effect.fork(client.post(url, { body: HttpBody.stream(pieces) }))
      yield* begun.wait
      yield* Fiber.interrupt(fiber)
      yield* ended.wait
    })
  )
})

// Failures

describe("failures", () => {
  const get = (url: string, options?: UndiciHttpClient.Options) =>
    Effect.flatMap(UndiciHttpClient.make(options), (client) => client.get(url))

  it.scopedLive.each([{ url: "no url" }, { url: "/relative" }, { url: "ftp://127.0.0.1/" }, { url: "http://" }])(
    "takes $url for no URL",
    ({ url }) =>
      Effect.gen(function* () {
        expect(yield* failureOf(get(url))).toMatchObject({
          _tag: "RequestError",
          reason: "InvalidUrl",
          request: { url }
        })
      })
  )

  it.scopedLive("says that the connection was refused", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(serve(echo))
      const error = yield* failureOf(get(url))
      expect(error).toMatchObject({ _tag: "RequestError", reason: "Transport", cause: { code: "ECONNREFUSED" } })
    })
  )

  it.scopedLive.each([
    { name: "x-bad", value: "a\nb" },
    { name: "bad name", value: "a" },
    { name: "expect", value: "x" }
  ])("fails on the header $name that cannot be sent, and not as a defect", ({ name, value }) =>
    Effect.gen(function* () {
      const { url } = yield* serve(echo)
      const client = yield* UndiciHttpClient.make()
      const error = yield* failureOf(client.get(url, { headers: { [name]: value } }))
      expect(error).toMatchObject({ _tag: "RequestError", reason: "Transport" })
    })
  )

  it.scopedLive("fails when the server closes before it answers", () =>
    Effect.gen(function* () {
      const { url } = yield* serveBytes("", (socket) => socket.resetAndDestroy())
      const error = yield* failureOf(get(url))
      expect(error).toMatchObject({ _tag: "RequestError", reason: "Transport", cause: { code: "ECONNRESET" } })
    })
  )

  it.scopedLive("fails when the server does not speak HTTP", () =>
    Effect.gen(function* () {
      const { url } = yield* serveBytes("SSH-2.0-OpenSSH\r\n", () => undefined)
      expect(yield* failureOf(get(url))).toMatchObject({ _tag: "RequestError", reason: "Transport" })
    })
  )

  it.scopedLive("closes the socket of a call that is interrupted before the headers", () =>
    Effect.gen(function* () {
      const asked = yield* makeSignal
      const closed = yield* makeSignal
      const { url } = yield* serve((_request, response) => {
        response.on("close", closed.done)
        asked.done()
      })
      const client = yield* UndiciHttpClient.make()
      const fiber = yield* Effect.fork(client.get(url))
      yield* asked.wait
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      yield* closed.wait
    })
  )

  it.scopedLive("takes an interrupted call out of the queue, unsent and without a loss of the connection", () =>
    Effect.gen(function* () {
      const urls: Array<string | undefined> = []
      const go = yield* makeSignal
      const { sockets, url } = yield* serve((request, response) => {
        urls.push(request.url)
        Effect.runCallback(go.wait, { onExit: () => response.end("done") })
      })
      const client = yield* UndiciHttpClient.make({ connections: 1 })
      const text = (path: string) => Effect.flatMap(client.get(url + path), (response) => response.text)
      const first = yield* Effect.fork(text("/first"))
      yield* turnsUntil(() => urls.length === 1)
      const body = Readable.from(["never sent"])
      const queued = yield* Effect.fork(client.post(`${url}/queued`, { body: HttpBody.raw(body) }))
      yield* turn
      const last = yield* Effect.fork(text("/last"))
      yield* turn
      yield* Fiber.interrupt(queued)
      expect(body.destroyed).toBe(true)
      go.done()
      expect(yield* Fiber.join(first)).toBe("done")
      expect(yield* Fiber.join(last)).toBe("done")
      expect(urls).toEqual(["/first", "/last"])
      expect(sockets()).toBe(1)
    })
  )

  it.scopedLive("follows no redirect", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((_request, response) => response.writeHead(302, { location: "/other" }).end())
      const response = yield* get(url)
      expect(response.status).toBe(302)
      expect(response.headers["location"]).toBe("/other")
    })
  )
})

// Connections and their life

describe("connections", () => {
  it.scopedLive("answers 1,000 calls at once over at most 32 sockets", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* serve(echo)
      const client = yield* UndiciHttpClient.make({ connections: 32 })
      const answers = yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, index) => `/${index}`),
        (path) => Effect.flatMap(client.get(url + path), (response) => response.json),
        { concurrency: "unbounded" }
      )
      expect(answers).toEqual(Array.from({ length: 1000 }, (_, index) => expect.objectContaining({ url: `/${index}` })))
      expect(sockets()).toBeLessThanOrEqual(32)
    })
  )

  it.scopedLive("keeps working when a program calls more URLs than are remembered", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((request, response) => response.end(request.url))
      const client = yield* UndiciHttpClient.make({ connections: 8 })
      const paths = Array.from({ length: 1100 }, (_, index) => `/${index}`)
      const answers = yield* Effect.forEach(
        [...paths, "/0"],
        (path) => Effect.flatMap(client.get(url + path), (response) => response.text),
        { concurrency: 16 }
      )
      expect(answers).toEqual([...paths, "/0"])
    })
  )

  it.scopedLive("closes its sockets with the Scope, and fails calls in flight and later ones", () =>
    Effect.gen(function* () {
      const asked = yield* makeSignal
      const server = yield* serve(asked.done)
      const other = yield* serve(echo)
      const scope = yield* Scope.make()
      const client = yield* Scope.extend(UndiciHttpClient.make(), scope)
      const inFlight = yield* Effect.fork(failureOf(client.get(server.url)))
      yield* asked.wait
      yield* Scope.close(scope, Exit.void)
      const failed = { _tag: "RequestError", reason: "Transport" }
      expect(yield* Fiber.join(inFlight)).toMatchObject(failed)
      yield* turnsUntil(() => server.open() === 0)
      expect(yield* failureOf(client.get(server.url))).toMatchObject(failed)
      expect(yield* failureOf(client.get(other.url))).toMatchObject(failed)
      expect(other.sockets()).toBe(0)
    })
  )

  it.scopedLive("closes a socket that is idle for longer than keepAliveTimeout", () =>
    Effect.gen(function* () {
      const { open, url } = yield* serveBytes("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", () => undefined)
      const client = yield* UndiciHttpClient.make({ keepAliveTimeout: "5 millis" })
      yield* client.get(url)
      yield* turnsUntil(() => open() === 0)
    })
  )

  it.scopedLive("gives up a connection that does not open within connectTimeout", () =>
    Effect.gen(function* () {
      // A server that never answers the TLS handshake.
      const { url } = yield* serveBytes("", () => undefined)
      const client = yield* UndiciHttpClient.make({ connectTimeout: "5 millis" })
      const error = yield* failureOf(client.get(url.replace("http:", "https:")))
      expect(error).toMatchObject({ reason: "Transport", cause: { code: "UND_ERR_CONNECT_TIMEOUT" } })
    })
  )

  it.scopedLive("ends a call with the Scope of HttpClient.withScope", () =>
    Effect.gen(function* () {
      const closed = yield* makeSignal
      const { url } = yield* serve((_request, response) => {
        response.on("close", closed.done)
        response.write("first")
      })
      const client = HttpClient.withScope(yield* UndiciHttpClient.make())
      yield* Effect.scoped(Effect.asVoid(client.get(url)))
      yield* closed.wait
    })
  )

  it.scopedLive("receives and forgets a small body that nobody reads", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* serve((_request, response) => response.end("x".repeat(100_000)))
      const client = yield* UndiciHttpClient.make({ connections: 1 })
      yield* Effect.repeatN(client.get(url), 9)
      expect(sockets()).toBe(1)
    })
  )

  it.scoped("gives up a large body that nobody reads", () =>
    Effect.gen(function* () {
      const closed = yield* makeSignal
      const { url } = yield* serve((_request, response) => {
        response.on("close", closed.done)
        response.end(large)
      })
      const client = yield* UndiciHttpClient.make({ unreadTimeout: "30 seconds" })
      const response = yield* client.get(url)
      yield* Effect.race(closed.wait, Effect.forever(Effect.zipRight(turn, TestClock.adjust("1 second"))))
      expect(String((yield* failureOf(response.text)).cause)).toContain("nobody read the body within 30s")
    })
  )

  it.scoped("does not give up a large body that somebody reads, however slowly", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((_request, response) => response.end(large))
      const client = yield* UndiciHttpClient.make()
      const response = yield* client.get(url)
      yield* Effect.repeatN(turn, 50)
      const size = yield* response.stream.pipe(
        Stream.chunks,
        Stream.tap(() => TestClock.adjust("1 minute")),
        Stream.runFold(0, (sum, chunk) => Chunk.reduce(chunk, sum, (total, bytes) => total + bytes.length))
      )
      expect(size).toBe(large.length)
    })
  )

  it.scopedLive("lets a paused body be read whole later", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((_request, response) => response.end(large))
      const client = yield* UndiciHttpClient.make({ maxHeldBytes: 1000 })
      const response = yield* client.get(url)
      yield* Effect.repeatN(turn, 50)
      expect((yield* response.text).length).toBe(large.length)
    })
  )

  it.scopedLive("uses a dispatcher that it is given, and leaves it open", () =>
    Effect.gen(function* () {
      const { url } = yield* serve(echo)
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() => new Agent()),
        (agent) => Effect.promise(() => agent.destroy())
      )
      const text = Effect.flatMap(HttpClient.get(url), (response) => response.text)
      yield* Effect.provide(text, UndiciHttpClient.layerWith({ dispatcher: agent }))
      expect(agent.destroyed).toBe(false)
    })
  )

  it.scopedLive("works over undici's mock", () =>
    Effect.gen(function* () {
      const mock = new MockAgent()
      mock.disableNetConnect()
      mock.get("http://mocked.test").intercept({ path: "/a", method: "POST", body: "asked" }).reply(201, "mocked")
      const client = yield* UndiciHttpClient.make({ dispatcher: mock })
      const response = yield* client.post("http://mocked.test/a", { body: HttpBody.raw("asked") })
      expect(response.status).toBe(201)
      expect(yield* response.text).toBe("mocked")
    })
  )

  it.scopedLive("turns what a dispatcher throws into an error", () =>
    Effect.gen(function* () {
      class Broken extends Dispatcher {
        override dispatch(): boolean {
          throw new Error("broken")
        }
      }
      const client = yield* UndiciHttpClient.make({ dispatcher: new Broken() })
      const error = yield* failureOf(client.get("http://127.0.0.1/"))
      expect(error).toMatchObject({ _tag: "RequestError", reason: "Transport", cause: { message: "broken" } })
    })
  )
})
