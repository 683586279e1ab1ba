import {
  Cookies,
  FetchHttpClient,
  Headers,
  HttpBody,
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  HttpClientResponse,
  HttpIncomingMessage,
  UrlParams
} from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Either, Exit, Fiber, Layer, Option, Schedule, Schema, Scope, Stream, TestClock } from "effect"
import * as Http from "node:http"
import * as Net from "node:net"
import { Readable } from "node:stream"
import { inspect } from "node:util"
import { Agent, Dispatcher, MockAgent } from "undici"
import { UndiciHttpClient } from "effect-llm/node"

// A loopback server

interface Server {
  readonly url: string
  /** Sockets that were opened so far. */
  readonly sockets: () => number
  /** Sockets that are open now. */
  readonly open: () => number
}

const listen = (server: Net.Server): Effect.Effect<Server, never, Scope.Scope> => {
  const open = new Set<Net.Socket>()
  let opened = 0
  server.on("connection", (socket: Net.Socket) => {
    opened++
    open.add(socket)
    socket.on("error", () => undefined).on("close", () => open.delete(socket))
  })
  return Effect.acquireRelease(
    Effect.async<Server>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, sockets: () => opened, open: () => open.size }))
      })
    }),
    () =>
      Effect.async<void>((resume) => {
        for (const socket of open) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
}

const serve = (handler: Http.RequestListener): Effect.Effect<Server, never, Scope.Scope> =>
  listen(Http.createServer({ keepAliveTimeout: 60_000 }, handler))

/** A server that answers each request with these bytes, and then does what it is told with the socket. */
const serveBytes = (bytes: string, then: (socket: Net.Socket) => void): Effect.Effect<Server, never, Scope.Scope> =>
  listen(Net.createServer((socket) => socket.once("data", () => socket.write(bytes, () => then(socket)))))

const makeSignal = Effect.map(Deferred.make<void>(), (deferred) => ({
  wait: Deferred.await(deferred),
  done: () => Deferred.unsafeDone(deferred, Effect.void)
}))

/** One turn of the event loop. */
const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

const turnsUntil = (condition: () => boolean): Effect.Effect<void> =>
  Effect.repeat(turn, { until: condition })

const bodyOf = (request: Http.IncomingMessage): Promise<Buffer> => Readable.from(request).toArray().then(Buffer.concat)

/** Tells what it was asked. */
const echo: Http.RequestListener = async (request, response) => {
  const body = await bodyOf(request)
  const { "content-length": length, "content-type": type, "x-mine": mine } = request.headers
  response.setHeader("content-type", "application/json")
  response.end(JSON.stringify({ method: request.method, url: request.url, length, type, mine, body: body.toString() }))
}

const large = Buffer.alloc(8 * 1024 * 1024, "x")

const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, A, R> => Effect.flip(effect)

// The same request to the platform's clients and to ours

describe("beside the platform's clients", () => {
  const answering: Http.RequestListener = (request, response) => {
    switch (request.url?.split("?")[0]) {
      case "/cookies":
        response.setHeader("set-cookie", ["a=1; Path=/", "b=2; HttpOnly"])
        return response.end("cookies")
      case "/repeated":
        response.setHeader("X-Many", ["one", "two"])
        response.setHeader("X-Upper-Case", "Kept")
        return response.end("repeated")
      case "/no-content":
        return response.writeHead(204).end()
      case "/not-modified":
        return response.writeHead(304, { etag: "\"1\"" }).end()
      case "/missing":
        return response.writeHead(404, { "content-type": "text/plain" }).end("nothing here")
      case "/early-hints":
        response.writeEarlyHints({ link: "</a.css>; rel=preload" })
        return response.end("after the hints")
      case "/mark":
        return response.end("\uFEFFwith a byte order mark")
      default:
        return echo(request, response)
    }
  }
  const same: ReadonlyArray<readonly [string, (url: string) => HttpClientRequest.HttpClientRequest]> = [
    ["GET", (url) => HttpClientRequest.get(url)],
    ["GET without a path", (url) => HttpClientRequest.get(`${url}?a=b`)],
    ["a header", (url) => HttpClientRequest.get(`${url}/a`, { headers: { "X-Mine": "yes" } })],
    ["url params", (url) => HttpClientRequest.get(`${url}/a?x=1`, { urlParams: { q: "ä &", list: ["1", "2"] } })],
    ["a path to be escaped", (url) => HttpClientRequest.get(`${url}/ä b/../c?d=e f`)],
    ["POST of text", (url) => HttpClientRequest.bodyText(HttpClientRequest.post(url), "grüße")],
    ["PUT of JSON", (url) => HttpClientRequest.bodyUnsafeJson(HttpClientRequest.put(`${url}/a`), { a: [1, null] })],
    ["PATCH of bytes", (url) => HttpClientRequest.bodyUint8Array(HttpClientRequest.patch(url), new Uint8Array([65]))],
    ["POST of nothing", (url) => HttpClientRequest.post(url)],
    ["POST of url params", (url) => HttpClientRequest.bodyUrlParams(HttpClientRequest.post(url), { a: "1 2" })],
    ["DELETE", (url) => HttpClientRequest.del(`${url}/a`)],
    ["OPTIONS", (url) => HttpClientRequest.options(`${url}/a`)],
    ["HEAD", (url) => HttpClientRequest.head(`${url}/a`)],
    ["204", (url) => HttpClientRequest.get(`${url}/no-content`)],
    ["304", (url) => HttpClientRequest.get(`${url}/not-modified`)],
    ["404", (url) => HttpClientRequest.get(`${url}/missing`)],
    ["early hints", (url) => HttpClientRequest.get(`${url}/early-hints`)],
    ["a byte order mark", (url) => HttpClientRequest.get(`${url}/mark`)],
    ["cookies", (url) => HttpClientRequest.get(`${url}/cookies`)],
    ["a repeated header", (url) => HttpClientRequest.get(`${url}/repeated`)]
  ]
  // Of the connection, not of the answer, or (set-cookie) compared as cookies.
  const notCompared = ["date", "connection", "keep-alive", "set-cookie"]
  const answer = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.gen(function* () {
      const response = yield* HttpClient.execute(request)
      const text = yield* response.text
      return {
        status: response.status,
        headers: { ...Headers.remove(response.headers, notCompared) },
        cookies: Cookies.toCookieHeader(response.cookies),
        text
      }
    })

  it.scopedLive.each(same.map(([name, request]) => ({ name, request })))("answers $name as they do", ({ request }) =>
    Effect.gen(function* () {
      const { url } = yield* serve(answering)
      const ours = yield* Effect.provide(answer(request(url)), UndiciHttpClient.layer)
      expect(ours).toEqual(yield* Effect.provide(answer(request(url)), NodeHttpClient.layerUndici))
      expect(ours).toEqual(yield* Effect.provide(answer(request(url)), FetchHttpClient.layer))
    }))

  it.scopedLive("sends no fragment", () =>
    Effect.gen(function* () {
      const { url } = yield* serve(echo)
      const request = HttpClientRequest.setHash(HttpClientRequest.get(`${url}/a`), "part")
      const asked = yield* Effect.provide(
        Effect.flatMap(HttpClient.execute(request), (response) => response.json),
        UndiciHttpClient.layer
      )
      expect(asked).toMatchObject({ url: "/a" })
    }))
})

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
    }))

  it.scopedLive("sends URLSearchParams of a raw body", () =>
    Effect.gen(function* () {
      expect((yield* sent(HttpBody.raw(new URLSearchParams({ a: "1 2" })))).body).toBe("a=1+2")
    }))

  it.scopedLive.each([{ nothing: null }, { nothing: undefined }])("sends no body for a raw $nothing", ({ nothing }) =>
    Effect.gen(function* () {
      expect(yield* sent(HttpBody.raw(nothing))).toEqual({ body: "", length: "0" })
    }))

  it.scopedLive.each([{ body: 1 }, { body: {} }, { body: Symbol.iterator }])("refuses the raw body $body", ({ body }) =>
    Effect.gen(function* () {
      const error = yield* failureOf(sent(HttpBody.raw(body)))
      expect(error).toMatchObject({ _tag: "RequestError", reason: "Encode" })
    }))

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
    }))

  it.scopedLive.each([{ length: undefined }, { length: 200_000 }])("sends a stream of length $length", ({ length }) =>
    Effect.gen(function* () {
      const pieces = Stream.map(Stream.range(1, 100), () => Buffer.alloc(2000, "y"))
      const answer = yield* sent(HttpBody.stream(pieces, "text/plain", length))
      expect(answer).toEqual({
        body: "y".repeat(200_000),
        type: "text/plain",
        ...(length === undefined ? {} : { length: String(length) })
      })
    }))

  it.scopedLive("fails as an Encode error when the body's stream fails", () =>
    Effect.gen(function* () {
      const pieces = Stream.concat(Stream.make(bytes), Stream.fail("no more"))
      const error = yield* failureOf(sent(HttpBody.stream(pieces)))
      expect(error).toMatchObject({ _tag: "RequestError", reason: "Encode", cause: "no more" })
    }))

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
    }))
})

// Reading a body

describe("reading a body", () => {
  const respond = (handler: Http.RequestListener) =>
    Effect.gen(function* () {
      const { url } = yield* serve(handler)
      const client = yield* UndiciHttpClient.make()
      return yield* client.get(url)
    })
  const json: Http.RequestListener = (_request, response) => {
    response.setHeader("content-type", "application/json")
    response.end("{\"a\":1}")
  }

  it.scopedLive("gives the same body again, in every form", () =>
    Effect.gen(function* () {
      const response = yield* respond(json)
      expect(yield* response.text).toBe("{\"a\":1}")
      expect(yield* response.json).toEqual({ a: 1 })
      expect(Buffer.from(yield* response.arrayBuffer).toString()).toBe("{\"a\":1}")
      expect(yield* Stream.mkString(Stream.decodeText(response.stream))).toBe("{\"a\":1}")
      expect(yield* response.text).toBe("{\"a\":1}")
    }))

  it.scopedLive("gives it to several fibers at once", () =>
    Effect.gen(function* () {
      const go = yield* makeSignal
      const response = yield* respond((_request, response) => {
        response.write("one ")
        Effect.runCallback(go.wait, { onExit: () => response.end("two") })
      })
      const fibers = yield* Effect.forkAll([response.text, response.text, Stream.mkString(Stream.decodeText(response.stream))])
      yield* turn
      go.done()
      expect(yield* Fiber.join(fibers)).toEqual(["one two", "one two", "one two"])
    }))

  it.scopedLive("reads a body of many megabytes", () =>
    Effect.gen(function* () {
      const response = yield* respond((_request, response) => response.end(large))
      expect(Buffer.from(yield* response.arrayBuffer).equals(large)).toBe(true)
    }))

  it.scopedLive("reads a form", () =>
    Effect.gen(function* () {
      const response = yield* respond((_request, response) => {
        response.setHeader("content-type", "application/x-www-form-urlencoded")
        response.end("a=1&b=2+3")
      })
      expect((yield* response.formData).get("b")).toBe("2 3")
      expect(yield* response.urlParamsBody).toEqual(UrlParams.fromInput({ a: "1", b: "2 3" }))
    }))

  it.scopedLive("fails as a Decode error on a form of no known type", () =>
    Effect.gen(function* () {
      const response = yield* respond((_request, response) => response.end("a=1"))
      expect(yield* failureOf(response.formData)).toMatchObject({ _tag: "ResponseError", reason: "Decode" })
    }))

  it.scopedLive("reads no body as null, an empty text and an empty stream", () =>
    Effect.gen(function* () {
      const response = yield* respond((_request, response) => response.writeHead(204).end())
      expect(yield* response.json).toBe(null)
      expect(yield* response.text).toBe("")
      expect(yield* Stream.runCollect(response.stream)).toEqual(Chunk.empty())
      const other = yield* respond((_request, response) => response.writeHead(204).end())
      expect(yield* Stream.runCollect(other.stream)).toEqual(Chunk.empty())
    }))

  it.scopedLive("fails as a Decode error on a body that is no JSON", () =>
    Effect.gen(function* () {
      const response = yield* respond((_request, response) => response.end("<html>"))
      const error = yield* failureOf(response.json)
      expect(error).toMatchObject({ _tag: "ResponseError", reason: "Decode", response: { status: 200 } })
      expect(error.cause).toBeInstanceOf(SyntaxError)
    }))

  it.scopedLive("fails when the body has been read as a stream", () =>
    Effect.gen(function* () {
      const response = yield* respond(json)
      yield* Stream.runDrain(response.stream)
      expect((yield* failureOf(response.text)).reason).toBe("Decode")
      expect((yield* failureOf(Stream.runDrain(response.stream))).reason).toBe("Decode")
    }))

  it.scopedLive("can be printed before, while and after it is read, without a disturbance", () =>
    Effect.gen(function* () {
      const go = yield* makeSignal
      const response = yield* respond((_request, response) => {
        response.setHeader("content-type", "application/json")
        response.write("[1")
        Effect.runCallback(go.wait, { onExit: () => response.end("]") })
      })
      expect(response.toJSON()).toMatchObject({ status: 200, headers: { "content-type": "application/json" } })
      expect(response.toJSON()).not.toHaveProperty("body")
      go.done()
      expect(yield* response.json).toEqual([1])
      expect(response.toJSON()).toMatchObject({ _id: "@effect/platform/HttpClientResponse", body: [1] })
      expect(inspect(response)).toContain("status: 200")
      expect(String(response)).toContain("\"status\": 200")
      expect(response.remoteAddress).toEqual(Option.none())
      expect(response[HttpClientResponse.TypeId]).toBe(HttpClientResponse.TypeId)
      expect(response[HttpIncomingMessage.TypeId]).toBe(HttpIncomingMessage.TypeId)
    }))
})

// Streaming

describe("streaming", () => {
  it.scopedLive("gives what came in one go as one chunk", () =>
    Effect.gen(function* () {
      // One write of the socket, three chunks of HTTP.
      const three = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"
      const { url } = yield* serveBytes(three, () => undefined)
      const client = yield* UndiciHttpClient.make()
      const chunks = yield* HttpClientResponse.stream(client.get(url)).pipe(Stream.chunks, Stream.runCollect)
      expect(Chunk.toReadonlyArray(chunks).map((chunk) => Chunk.join(Chunk.map(chunk, String), ","))).toEqual(["a,b,c"])
    }))

  it.scopedLive("gives each part as soon as it is there", () =>
    Effect.gen(function* () {
      const asked = new Set<() => void>()
      const { url } = yield* serve((_request, response) => {
        let part = 0
        const next = (): void => void (part < 3 ? response.write(`${part++}`) : response.end())
        asked.add(next)
        next()
      })
      const client = yield* UndiciHttpClient.make()
      const parts = yield* HttpClientResponse.stream(client.get(url)).pipe(
        Stream.decodeText(),
        // The server writes the next part only when this one has been seen.
        Stream.tap(() => Effect.sync(() => asked.forEach((next) => next()))),
        Stream.runCollect
      )
      expect(Chunk.toReadonlyArray(parts)).toEqual(["0", "1", "2"])
    }))

  it.scopedLive("never holds much more than maxHeldBytes for a slow reader", () =>
    Effect.gen(function* () {
      const maxHeldBytes = 100_000
      const { url } = yield* serve((_request, response) => response.end(large))
      const client = yield* UndiciHttpClient.make({ maxHeldBytes })
      const sizes = yield* HttpClientResponse.stream(client.get(url)).pipe(
        Stream.mapChunks((chunk) => Chunk.of(Chunk.reduce(chunk, 0, (sum, bytes) => sum + bytes.length))),
        Stream.tap(() => Effect.repeatN(turn, 20)),
        Stream.runCollect
      )
      // Above the limit by no more than one read of the socket.
      expect(Math.max(...sizes)).toBeLessThanOrEqual(maxHeldBytes + 64 * 1024)
      expect(Chunk.reduce(sizes, 0, (sum, size) => sum + size)).toBe(large.length)
    }))

  it.scopedLive("stops a server that writes faster than the reader reads", () =>
    Effect.gen(function* () {
      const stopped = yield* makeSignal
      const closed = yield* makeSignal
      let written = 0
      const { url } = yield* serve((_request, response) => {
        response.on("close", closed.done)
        const piece = large.subarray(0, 1024 * 1024)
        const write = (): void => {
          // 256 MiB, above all the kernel may hold for a socket.
          while (written < 256) {
            written++
            if (!response.write(piece)) return void response.once("drain", write)
          }
          stopped.done()
        }
        write()
      })
      const client = yield* UndiciHttpClient.make()
      yield* HttpClientResponse.stream(client.get(url)).pipe(
        Stream.take(1),
        Stream.runForEach(() => Effect.repeatN(turn, 1000))
      )
      yield* closed.wait
      expect(written).toBeLessThan(64)
    }))

  const endless = Effect.gen(function* () {
    const closed = yield* makeSignal
    const begun = yield* makeSignal
    const server = yield* serve((_request, response) => {
      response.on("close", closed.done)
      response.write("first")
      begun.done()
    })
    return { ...server, closed: closed.wait, begun: begun.wait }
  })

  it.scopedLive("closes the socket when the reader has enough", () =>
    Effect.gen(function* () {
      const { closed, url } = yield* endless
      const client = yield* UndiciHttpClient.make()
      const first = yield* Stream.runHead(Stream.decodeText(HttpClientResponse.stream(client.get(url))))
      expect(first).toEqual(Option.some("first"))
      yield* closed
    }))

  it.scopedLive("closes the socket when a stream is interrupted", () =>
    Effect.gen(function* () {
      const { closed, url } = yield* endless
      const seen = yield* makeSignal
      const client = yield* UndiciHttpClient.make()
      const fiber = yield* HttpClientResponse.stream(client.get(url)).pipe(
        Stream.runForEach(() => Effect.sync(seen.done)),
        Effect.fork
      )
      yield* seen.wait
      yield* Fiber.interrupt(fiber)
      yield* closed
    }))

  it.scopedLive("closes the socket when the read of a whole body is interrupted", () =>
    Effect.gen(function* () {
      const { closed, url } = yield* endless
      const client = yield* UndiciHttpClient.make()
      const response = yield* client.get(url)
      const other = yield* Effect.fork(failureOf(response.text))
      const fiber = yield* Effect.fork(response.text)
      yield* turn
      yield* Fiber.interrupt(fiber)
      yield* closed
      // Nobody else gets a part of the body as if it were the whole.
      expect((yield* Fiber.join(other)).reason).toBe("Decode")
    }))

  it.scopedLive("reuses one socket for calls and streams that are read to their end", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* serve((_request, response) => response.end(large.subarray(0, 1024 * 1024)))
      const client = yield* UndiciHttpClient.make({ connections: 1 })
      for (let round = 0; round < 5; round++) {
        yield* Stream.runDrain(HttpClientResponse.stream(client.get(url)))
        yield* Effect.flatMap(client.get(url), (response) => response.text)
      }
      expect(sockets()).toBe(1)
    }))

  it.scopedLive("keeps the socket when the reader has enough but the server has finished", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* serve((_request, response) => response.end("short"))
      const client = yield* UndiciHttpClient.make({ connections: 1 })
      for (let round = 0; round < 5; round++) {
        const response = yield* client.get(url)
        yield* turn
        yield* Stream.runHead(response.stream)
      }
      expect(sockets()).toBe(1)
    }))
})

// Failures

describe("failures", () => {
  const get = (url: string, options?: UndiciHttpClient.Options) =>
    Effect.flatMap(UndiciHttpClient.make(options), (client) => client.get(url))

  it.scopedLive.each([{ url: "no url" }, { url: "/relative" }, { url: "ftp://127.0.0.1/" }, { url: "http://" }])(
    "takes $url for no URL",
    ({ url }) =>
      Effect.gen(function* () {
        expect(yield* failureOf(get(url))).toMatchObject({ _tag: "RequestError", reason: "InvalidUrl", request: { url } })
      })
  )

  it.scopedLive("says that the connection was refused", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(serve(echo))
      const error = yield* failureOf(get(url))
      expect(error).toMatchObject({ _tag: "RequestError", reason: "Transport", cause: { code: "ECONNREFUSED" } })
    }))

  it.scopedLive.each([{ name: "x-bad", value: "a\nb" }, { name: "bad name", value: "a" }, { name: "expect", value: "x" }])(
    "fails on the header $name that cannot be sent, and not as a defect",
    ({ name, value }) =>
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
    }))

  it.scopedLive("fails when the server does not speak HTTP", () =>
    Effect.gen(function* () {
      const { url } = yield* serveBytes("SSH-2.0-OpenSSH\r\n", () => undefined)
      expect(yield* failureOf(get(url))).toMatchObject({ _tag: "RequestError", reason: "Transport" })
    }))

  const cut: ReadonlyArray<{ readonly name: string; readonly bytes: string; readonly then: (socket: Net.Socket) => void }> = [
    {
      name: "is reset in a chunked body",
      bytes: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
      then: (socket) => setImmediate(() => socket.resetAndDestroy())
    },
    {
      name: "ends in a chunked body",
      bytes: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
      then: (socket) => socket.end()
    },
    {
      name: "ends in a chunked body of a connection that closes",
      bytes: "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
      then: (socket) => socket.end()
    },
    {
      name: "ends before the content length",
      bytes: "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
      then: (socket) => socket.end()
    },
    {
      name: "ends before the content length of a connection that closes",
      bytes: "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nabc",
      then: (socket) => socket.end()
    }
  ]

  it.scopedLive.each(cut)("fails a stream, a text and a JSON when the server $name", ({ bytes, then }) =>
    Effect.gen(function* () {
      const { url } = yield* serveBytes(bytes, then)
      const client = yield* UndiciHttpClient.make()
      const seen: Array<string> = []
      const streaming = HttpClientResponse.stream(client.get(url)).pipe(
        Stream.decodeText(),
        Stream.runForEach((text) => Effect.sync(() => seen.push(text)))
      )
      const failed = { _tag: "ResponseError", reason: "Decode" }
      expect(yield* failureOf(streaming)).toMatchObject(failed)
      expect(seen).toEqual(["abc"])
      expect(yield* failureOf(Effect.flatMap(client.get(url), (response) => response.text))).toMatchObject(failed)
      expect(yield* failureOf(Effect.flatMap(client.get(url), (response) => response.json))).toMatchObject(failed)
      expect((yield* client.get(url)).toJSON()).not.toHaveProperty("body")
    }))

  it.scopedLive("fails the read of a body that was cut before anybody read it", () =>
    Effect.gen(function* () {
      const { open, url } = yield* serveBytes("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", (socket) => socket.end())
      const client = yield* UndiciHttpClient.make()
      const response = yield* client.get(url)
      yield* turnsUntil(() => open() === 0)
      expect((yield* failureOf(response.text)).reason).toBe("Decode")
    }))

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
    }))

  it.scopedLive("closes the socket of a body that falls silent and whose reader leaves", () =>
    Effect.gen(function* () {
      const closed = yield* makeSignal
      const { url } = yield* serve((_request, response) => {
        response.on("close", closed.done)
        response.flushHeaders()
      })
      const client = yield* UndiciHttpClient.make()
      const response = yield* client.get(url)
      expect(response.status).toBe(200)
      const left = yield* Effect.race(response.text, Effect.as(Effect.repeatN(turn, 5), "left"))
      expect(left).toBe("left")
      yield* closed.wait
    }))

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
    }))

  it.scopedLive("follows no redirect", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((_request, response) => response.writeHead(302, { location: "/other" }).end())
      const response = yield* get(url)
      expect(response.status).toBe(302)
      expect(response.headers["location"]).toBe("/other")
    }))
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
    }))

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
    }))

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
    }))

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
    }))

  it.scopedLive("receives and forgets a small body that nobody reads", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* serve((_request, response) => response.end("x".repeat(100_000)))
      const client = yield* UndiciHttpClient.make({ connections: 1 })
      yield* Effect.repeatN(client.get(url), 9)
      expect(sockets()).toBe(1)
    }))

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
    }))

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
    }))

  it.scopedLive("lets a paused body be read whole later", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((_request, response) => response.end(large))
      const client = yield* UndiciHttpClient.make({ maxHeldBytes: 1000 })
      const response = yield* client.get(url)
      yield* Effect.repeatN(turn, 50)
      expect((yield* response.text).length).toBe(large.length)
    }))

  const framings: ReadonlyArray<{ readonly framing: string; readonly body: string; readonly isWhole: boolean }> = [
    { framing: "content-length: 10000", body: "x".repeat(10_000), isWhole: true },
    { framing: "content-length: 20000", body: "x".repeat(10_000), isWhole: false },
    { framing: "transfer-encoding: chunked", body: `2710\r\n${"x".repeat(10_000)}\r\n`, isWhole: false },
    { framing: "x-until: the end", body: "x".repeat(10_000), isWhole: true }
  ]
  /** A response whose body is paused in the middle, and what the server does next. */
  const paused = (framing: string, body: string, next: (socket: Net.Socket) => void) =>
    Effect.gen(function* () {
      const sockets: Array<Net.Socket> = []
      const head = `HTTP/1.1 200 OK\r\nconnection: close\r\n${framing}\r\n\r\n`
      const { url } = yield* serveBytes(head + body, (socket) => sockets.push(socket))
      const client = yield* UndiciHttpClient.make({ maxHeldBytes: 1000 })
      const response = yield* client.get(url)
      yield* turnsUntil(() => sockets.length === 1)
      sockets.forEach(next)
      yield* Effect.repeatN(turn, 100)
      return response
    })

  it.scopedLive.each(framings)("survives that a paused body ($framing) is ended by the server", ({ body, framing, isWhole }) =>
    Effect.gen(function* () {
      const response = yield* paused(framing, body, (socket) => socket.end())
      const read = yield* Effect.either(response.text)
      expect(Either.isRight(read) ? read.right.length : read.left.reason).toBe(isWhole ? 10_000 : "Decode")
    }))

  it.scopedLive.each(framings)("survives that a paused body ($framing) is reset by the server", ({ body, framing }) =>
    Effect.gen(function* () {
      const response = yield* paused(framing, body, (socket) => socket.resetAndDestroy())
      const read = yield* Effect.either(response.text)
      expect(Either.isLeft(read) ? read.left : read.right.length).toMatchObject({
        reason: "Decode",
        cause: { code: "ECONNRESET" }
      })
    }))

  it.scopedLive("uses a dispatcher that it is given, and leaves it open", () =>
    Effect.gen(function* () {
      const { url } = yield* serve(echo)
      const agent = yield* Effect.acquireRelease(Effect.sync(() => new Agent()), (agent) =>
        Effect.promise(() => agent.destroy()))
      const text = Effect.flatMap(HttpClient.get(url), (response) => response.text)
      yield* Effect.provide(text, UndiciHttpClient.layerWith({ dispatcher: agent }))
      expect(agent.destroyed).toBe(false)
    }))

  it.scopedLive("works over undici's mock", () =>
    Effect.gen(function* () {
      const mock = new MockAgent()
      mock.disableNetConnect()
      mock.get("http://mocked.test").intercept({ path: "/a", method: "POST", body: "asked" }).reply(201, "mocked")
      const client = yield* UndiciHttpClient.make({ dispatcher: mock })
      const response = yield* client.post("http://mocked.test/a", { body: HttpBody.raw("asked") })
      expect(response.status).toBe(201)
      expect(yield* response.text).toBe("mocked")
    }))

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
    }))
})

// What the platform builds on a client

describe("with the platform's combinators", () => {
  it.scopedLive("filters, retries and decodes", () =>
    Effect.gen(function* () {
      let calls = 0
      const { sockets, url } = yield* serve((_request, response) => {
        response.setHeader("content-type", "application/json")
        response.writeHead(++calls < 3 ? 503 : 200).end("{\"n\":3}")
      })
      const program = Effect.gen(function* () {
        const client = (yield* HttpClient.HttpClient).pipe(
          HttpClient.mapRequest(HttpClientRequest.prependUrl(url)),
          HttpClient.filterStatusOk,
          HttpClient.retry({ times: 5, schedule: Schedule.forever })
        )
        return yield* Effect.flatMap(
          client.get("/path"),
          HttpClientResponse.schemaBodyJson(Schema.Struct({ n: Schema.Number }))
        )
      })
      const decoded = yield* Effect.provide(program, UndiciHttpClient.layerWith({ connections: 1 }))
      expect(decoded).toEqual({ n: 3 })
      expect(calls).toBe(3)
      expect(sockets()).toBe(1)
    }))

  it.scopedLive("fails with StatusCode, and the body of the error can still be read", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((_request, response) => response.writeHead(429).end("slow down"))
      const client = HttpClient.filterStatusOk(yield* UndiciHttpClient.make())
      const error = yield* failureOf(client.get(url))
      expect(error).toMatchObject({ _tag: "ResponseError", reason: "StatusCode" })
      expect(error instanceof HttpClientError.ResponseError ? yield* error.response.text : "").toBe("slow down")
    }))

  it.scopedLive("is provided as a Layer", () =>
    Effect.gen(function* () {
      const { url } = yield* serve(echo)
      const context = yield* Layer.build(UndiciHttpClient.layer)
      const response = yield* Effect.provide(HttpClient.get(url), context)
      expect(response.status).toBe(200)
    }))
})
