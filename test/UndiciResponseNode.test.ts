import { HttpClientResponse, HttpIncomingMessage, UrlParams } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Option, Stream } from "effect"
import type * as Http from "node:http"
import type * as Net from "node:net"
import { inspect } from "node:util"
import { UndiciHttpClient } from "effect-llm/node"
import * as BodyReader from "../src/BodyReader.js"
import { failureOf, large, makeSignal, serve, serveBytes, turn, turnsUntil } from "./LoopbackServer.js"

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
    response.end('{"a":1}')
  }

  it.scopedLive("gives the same body again, in every form", () =>
    Effect.gen(function* () {
      const response = yield* respond(json)
      expect(yield* response.text).toBe('{"a":1}')
      expect(yield* response.json).toEqual({ a: 1 })
      expect(Buffer.from(yield* response.arrayBuffer).toString()).toBe('{"a":1}')
      expect(yield* Stream.mkString(Stream.decodeText(response.stream))).toBe('{"a":1}')
      expect(yield* response.text).toBe('{"a":1}')
    })
  )

  it.scopedLive("gives it to several fibers at once", () =>
    Effect.gen(function* () {
      const go = yield* makeSignal
      const response = yield* respond((_request, response) => {
        response.write("one ")
        Effect.runCallback(go.wait, { onExit: () => response.end("two") })
      })
      const fibers = yield* Effect.forkAll([
        response.text,
        response.text,
        Stream.mkString(Stream.decodeText(response.stream))
      ])
      yield* turn
      go.done()
      expect(yield* Fiber.join(fibers)).toEqual(["one two", "one two", "one two"])
    })
  )

  it.scopedLive("reads a body of many megabytes", () =>
    Effect.gen(function* () {
      const response = yield* respond((_request, response) => response.end(large))
      expect(Buffer.from(yield* response.arrayBuffer).equals(large)).toBe(true)
    })
  )

  it.scopedLive("reads a form", () =>
    Effect.gen(function* () {
      const response = yield* respond((_request, response) => {
        response.setHeader("content-type", "application/x-www-form-urlencoded")
        response.end("a=1&b=2+3")
      })
      expect((yield* response.formData).get("b")).toBe("2 3")
      expect(yield* response.urlParamsBody).toEqual(UrlParams.fromInput({ a: "1", b: "2 3" }))
    })
  )

  it.scopedLive("fails as a Decode error on a form of no known type", () =>
    Effect.gen(function* () {
      const response = yield* respond((_request, response) => response.end("a=1"))
      expect(yield* failureOf(response.formData)).toMatchObject({ _tag: "ResponseError", reason: "Decode" })
    })
  )

  it.scopedLive("reads no body as null, an empty text and an empty stream", () =>
    Effect.gen(function* () {
      const response = yield* respond((_request, response) => response.writeHead(204).end())
      expect(yield* response.json).toBe(null)
      expect(yield* response.text).toBe("")
      expect(yield* Stream.runCollect(response.stream)).toEqual(Chunk.empty())
      const other = yield* respond((_request, response) => response.writeHead(204).end())
      expect(yield* Stream.runCollect(other.stream)).toEqual(Chunk.empty())
    })
  )

  it.scopedLive("fails as a Decode error on a body that is no JSON", () =>
    Effect.gen(function* () {
      const response = yield* respond((_request, response) => response.end("<html>"))
      const error = yield* failureOf(response.json)
      expect(error).toMatchObject({ _tag: "ResponseError", reason: "Decode", response: { status: 200 } })
      expect(error.cause).toBeInstanceOf(SyntaxError)
    })
  )

  it.scopedLive("fails when the body has been read as a stream", () =>
    Effect.gen(function* () {
      const response = yield* respond(json)
      yield* Stream.runDrain(response.stream)
      expect((yield* failureOf(response.text)).reason).toBe("Decode")
      expect((yield* failureOf(Stream.runDrain(response.stream))).reason).toBe("Decode")
    })
  )

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
      expect(String(response)).toContain('"status": 200')
      expect(response.remoteAddress).toEqual(Option.none())
      expect(response[HttpClientResponse.TypeId]).toBe(HttpClientResponse.TypeId)
      expect(response[HttpIncomingMessage.TypeId]).toBe(HttpIncomingMessage.TypeId)
    })
  )
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
    })
  )

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
    })
  )

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
    })
  )

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
    })
  )

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
    })
  )

  it.scopedLive(
    "closes the socket of a body that is finished with and that the server does not end, after a moment of grace",
    () =>
      Effect.gen(function* () {
        const { closed, url } = yield* endless
        const client = yield* UndiciHttpClient.make()
        const reader = yield* BodyReader.fromResponse(yield* client.get(url))
        yield* reader.next
        yield* reader.finish
        yield* closed
      })
  )

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
    })
  )

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
    })
  )

  it.scopedLive("reuses one socket for calls and streams that are read to their end", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* serve((_request, response) => response.end(large.subarray(0, 1024 * 1024)))
      const client = yield* UndiciHttpClient.make({ connections: 1 })
      for (let round = 0; round < 5; round++) {
        yield* Stream.runDrain(HttpClientResponse.stream(client.get(url)))
        yield* Effect.flatMap(client.get(url), (response) => response.text)
      }
      expect(sockets()).toBe(1)
    })
  )

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
    })
  )

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
    })
  )
})

// Bodies that are cut

describe("a body that is cut", () => {
  const cut: ReadonlyArray<{
    readonly name: string
    readonly bytes: string
    readonly next: (socket: Net.Socket) => void
  }> = [
    {
      name: "is reset in a chunked body",
      bytes: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
      next: (socket) => setImmediate(() => socket.resetAndDestroy())
    },
    {
      name: "ends in a chunked body",
      bytes: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
      next: (socket) => socket.end()
    },
    {
      name: "ends in a chunked body of a connection that closes",
      bytes: "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
      next: (socket) => socket.end()
    },
    {
      name: "ends before the content length",
      bytes: "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
      next: (socket) => socket.end()
    },
    {
      name: "ends before the content length of a connection that closes",
      bytes: "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nabc",
      next: (socket) => socket.end()
    }
  ]

  it.scopedLive.each(cut)("fails a stream, a text and a JSON when the server $name", ({ bytes, next }) =>
    Effect.gen(function* () {
      const { url } = yield* serveBytes(bytes, next)
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
    })
  )

  it.scopedLive("fails the read of a body that was cut before anybody read it", () =>
    Effect.gen(function* () {
      const { open, url } = yield* serveBytes("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", (socket) =>
        socket.end()
      )
      const client = yield* UndiciHttpClient.make()
      const response = yield* client.get(url)
      yield* turnsUntil(() => open() === 0)
      expect((yield* failureOf(response.text)).reason).toBe("Decode")
    })
  )
})
