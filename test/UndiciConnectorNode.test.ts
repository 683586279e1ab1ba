import { describe, expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import type * as Net from "node:net"
import { UndiciHttpClient } from "effect-llm/node"
import { serveBytes, turn, turnsUntil } from "./LoopbackServer.js"

describe("a body that is paused for a slow reader", () => {
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

  it.scopedLive.each(framings)(
    "survives that a paused body ($framing) is ended by the server",
    ({ body, framing, isWhole }) =>
      Effect.gen(function* () {
        const response = yield* paused(framing, body, (socket) => socket.end())
        const read = yield* Effect.either(response.text)
        expect(Either.isRight(read) ? read.right.length : read.left.reason).toBe(isWhole ? 10_000 : "Decode")
      })
  )

  it.scopedLive.each(framings)("survives that a paused body ($framing) is reset by the server", ({ body, framing }) =>
    Effect.gen(function* () {
      const response = yield* paused(framing, body, (socket) => socket.resetAndDestroy())
      const read = yield* Effect.either(response.text)
      expect(Either.isLeft(read) ? read.left : read.right.length).toMatchObject({
        reason: "Decode",
        cause: { code: "ECONNRESET" }
      })
    })
  )
})
