/** The simulator behind a real socket: node:http on a loopback port. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import type { Socket } from "node:net"
import type { Answer, Core } from "./Core.js"
import { ListenFailed } from "./ListenFailed.js"
import * as OpenAiError from "./OpenAiError.js"

/** More than any prompt; what is larger gets 413. */
const largestBody = 64 * 1024 * 1024

/** Listens until the scope closes, then closes every connection. Gives the port. */
export const listen = (
  core: Core,
  options: { readonly host: string; readonly port: number; readonly flushEach: boolean }
): Effect.Effect<number, ListenFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    const server = Http.createServer((request, response) => {
      receive(request, response, (body) => {
        const fiber = run(answer(core, request, response, body, options.flushEach))
        response.once("close", () => fiber.unsafeInterruptAsFork(fiber.id()))
      })
    })
    // The simulator decides what is slow; Node's own limits would cut in.
    server.requestTimeout = 0
    server.headersTimeout = 0
    server.keepAliveTimeout = 0
    server.on("connection", (socket: Socket) => {
      core.ledger.connectionOpened()
      socket.once("close", core.ledger.connectionClosed)
      socket.on("error", () => socket.destroy())
    })
    server.on("clientError", (_error, socket) => {
      if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
      else socket.destroy()
    })

    yield* Effect.acquireRelease(
      Effect.async<void, ListenFailed>((resume) => {
        server.once("error", (cause) => resume(Effect.fail(new ListenFailed({ ...options, cause }))))
        server.listen(options.port, options.host, () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : options.port
  })

const receive = (request: Http.IncomingMessage, response: Http.ServerResponse, then: (body: string) => void): void => {
  const parts: Array<Buffer> = []
  let length = 0
  request.on("error", () => response.destroy())
  request.on("data", (part: Buffer) => {
    length += part.length
    if (length <= largestBody) parts.push(part)
    else if (!response.headersSent) {
      response.writeHead(413, { "content-type": "application/json", connection: "close" })
      response.end(OpenAiError.body(OpenAiError.tooLarge.error))
    }
  })
  request.on("end", () => {
    if (length <= largestBody) then(Buffer.concat(parts).toString("utf8"))
  })
}

const answer = (
  core: Core,
  request: Http.IncomingMessage,
  response: Http.ServerResponse,
  body: string,
  flushEach: boolean
): Effect.Effect<void> =>
  Effect.flatMap(
    core.handle({ method: request.method ?? "GET", path: request.url ?? "/", headers: flat(request.headers), body }),
    (given) => send(given, response, flushEach)
  )

const send = (given: Answer, response: Http.ServerResponse, flushEach: boolean): Effect.Effect<void> => {
  switch (given._tag) {
    case "Reset":
      return Effect.sync(() => response.socket?.resetAndDestroy())
    case "Whole":
      return Effect.sync(() => {
        response.writeHead(given.status, given.headers)
        response.end(given.body)
      })
    case "Streaming":
      return Effect.sync(() => {
        response.writeHead(given.status, given.headers)
        response.flushHeaders()
      }).pipe(
        Effect.zipRight(Stream.runForEach(given.body, (bytes) => write(response, bytes, flushEach))),
        Effect.matchEffect({
          onSuccess: () => Effect.sync(() => response.end()),
          onFailure: () => breakOff(response)
        })
      )
  }
}

/**
 * Closes the connection in the middle of the answer, behind what was written. Not at once, and in real time, as sockets
 * know no other: a client such as fetch throws away what it has received but not read when the connection breaks, and
 * would then not see the tokens that were sent.
 */
const breakOff = (response: Http.ServerResponse): Effect.Effect<void> =>
  Effect.sleep("10 millis").pipe(
    Effect.withClock(Clock.make()),
    Effect.zipRight(Effect.sync(() => response.socket?.destroySoon()))
  )

/** Waits while the client reads slower than we write; `alone` waits until the bytes have left the process. */
const write = (response: Http.ServerResponse, bytes: Uint8Array, alone: boolean): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const done = (): void => resume(Effect.void)
    if (alone) {
      response.write(bytes, () => setImmediate(done))
      return
    }
    if (response.write(bytes)) return done()
    response.once("drain", done)
    return Effect.sync(() => response.off("drain", done))
  })

const flat = (headers: Http.IncomingHttpHeaders): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")])
  )
