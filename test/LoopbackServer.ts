// A server on loopback for tests of an HTTP client, which counts its sockets.
import { Deferred, Effect } from "effect"
import type { Scope } from "effect"
import * as Http from "node:http"
import * as Net from "node:net"
import { Readable } from "node:stream"

export interface Server {
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

export const serve = (handler: Http.RequestListener): Effect.Effect<Server, never, Scope.Scope> =>
  listen(Http.createServer({ keepAliveTimeout: 60_000 }, handler))

/** A server that answers each request with these bytes, and then does what it is told with the socket. */
export const serveBytes = (
  bytes: string,
  then: (socket: Net.Socket) => void
): Effect.Effect<Server, never, Scope.Scope> =>
  listen(Net.createServer((socket) => socket.once("data", () => socket.write(bytes, () => then(socket)))))

export const makeSignal = Effect.map(Deferred.make<void>(), (deferred) => ({
  wait: Deferred.await(deferred),
  done: () => Deferred.unsafeDone(deferred, Effect.void)
}))

/** One turn of the event loop. */
export const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

export const turnsUntil = (condition: () => boolean): Effect.Effect<void> => Effect.repeat(turn, { until: condition })

export const bodyOf = (request: Http.IncomingMessage): Promise<Buffer> =>
  Readable.from(request).toArray().then(Buffer.concat)

/** Tells what it was asked. */
export const echo: Http.RequestListener = async (request, response) => {
  const body = await bodyOf(request)
  const { "content-length": length, "content-type": type, "x-mine": mine } = request.headers
  response.setHeader("content-type", "application/json")
  response.end(JSON.stringify({ method: request.method, url: request.url, length, type, mine, body: body.toString() }))
}

export const large: Buffer = Buffer.alloc(8 * 1024 * 1024, "x")

export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, A, R> => Effect.flip(effect)
