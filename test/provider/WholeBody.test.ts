import { HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { ChatRequest } from "effect-llm"
import * as WholeBody from "../../src/provider/WholeBody.js"
import * as HttpStub from "./HttpStub.js"

const origin = { provider: "acme", model: "acme-1" }

const response = (body: BodyInit | null, headers: Readonly<Record<string, string>> = {}) =>
  HttpClientResponse.fromWeb(HttpClientRequest.post("https://llm.test/v1"), new Response(body, { headers }))

describe("the body of a whole answer", () => {
  it.effect.each<readonly [string, ReadonlyArray<string | Uint8Array>, string]>([
    ["in one piece", ["naïve 再び"], "naïve 再び"],
    [
      "in pieces that tear its characters",
      [...new TextEncoder().encode("ï再😀")].map((byte) => Uint8Array.of(byte)),
      "ï再😀"
    ],
    ["behind a byte order mark", [Uint8Array.of(0xef, 0xbb, 0xbf), "x"], "x"],
    ["that is as large as it may be", ["x".repeat(30)], "x".repeat(30)],
    ["that is empty", [], ""]
  ])("%s is its text", ([, pieces, text]) =>
    Effect.gen(function* () {
      expect(yield* WholeBody.read(origin, response(HttpStub.reads(pieces)), 30)).toBe(text)
    })
  )

  it.effect("that is none at all is an empty text", () =>
    Effect.gen(function* () {
      expect(yield* WholeBody.read(origin, response(null))).toBe("")
    })
  )

  it.effect.each<readonly [string, Readonly<Record<string, string>>]>([
    ["without saying so", {}],
    ["and says so", { "content-length": "31" }],
    ["than it was before it was unpacked", { "content-length": "3", "content-encoding": "gzip" }]
  ])("that is larger than the bound, %s, is a MalformedResponse, and its connection is closed", ([, headers]) =>
    Effect.gen(function* () {
      let isLeft = false
      const body = HttpStub.reads(["x".repeat(20), "x".repeat(11)], "open", () => (isLeft = true))
      const error = yield* Effect.flip(WholeBody.read(origin, response(body, { ...headers, "x-request-id": "r1" }), 30))
      expect(error).toMatchObject({
        _tag: "MalformedResponse",
        ...origin,
        status: 200,
        requestId: "r1",
        message: "the answer is larger than 30 bytes"
      })
      expect(isLeft).toBe(true)
    })
  )

  it.effect("that breaks off is a ConnectionFailed", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(WholeBody.read(origin, response(HttpStub.reads(["x"], "error"))))
      expect(error).toMatchObject({ _tag: "ConnectionFailed", ...origin })
    })
  )

  it.effect("is left when its reader is", () =>
    Effect.gen(function* () {
      const left = yield* Effect.makeLatch()
      const body = HttpStub.reads(["x"], "open", () => Effect.runSync(left.open))
      const reading = yield* Effect.fork(WholeBody.read(origin, response(body)))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(reading)
      yield* left.await
    })
  )
})

it.effect("a whole answer of a provider has at most 256 MiB", () =>
  Effect.gen(function* () {
    const headers = { "content-length": String(256 * 1024 * 1024 + 1) }
    const client = yield* HttpStub.openAi(HttpStub.make(() => new Response(HttpStub.reads(["{"], "open"), { headers })))
    expect(yield* Effect.flip(client.complete(ChatRequest.make("Hi")))).toMatchObject({
      _tag: "MalformedResponse",
      provider: "openai",
      message: "the answer is larger than 268435456 bytes"
    })
  })
)
