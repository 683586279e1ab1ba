import { FetchHttpClient, HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import { ChatRequest, LlmError, OpenAi } from "effect-llm"
import { UndiciHttpClient } from "effect-llm/node"
import * as Connection from "../../src/provider/Connection.js"
import * as HttpProvider from "../../src/provider/HttpProvider.js"
import { serve, serveBytes } from "../LoopbackServer.js"
import { wire } from "../wire/ChatStream.js"
import * as HttpStub from "./HttpStub.js"

const origin = { provider: "acme", model: "acme-1" }

const request = ChatRequest.make("Hi")

const httpClients = {
  fetch: FetchHttpClient.layer,
  "node undici": NodeHttpClient.layerUndici,
  "effect-llm/node": UndiciHttpClient.layer
}

/** A port on which nobody listens any more. */
const closedPort = Effect.map(Effect.scoped(serve((_, response) => response.end())), (server) => server.url)

for (const [name, http] of Object.entries(httpClients)) {
  describe(`over ${name}`, () => {
    it.live("a port on which nobody listens is ConnectionFailed, which names the host and the cause", () =>
      Effect.gen(function* () {
        const url = yield* closedPort
        const client = yield* OpenAi.make({
          apiKey: Redacted.make(HttpStub.key),
          model: "gpt-4.1-mini",
          baseUrl: `${url}/v1/path`
        })
        for (const call of [
          client.complete(request),
          Stream.runDrain(client.stream(request)),
          client.embed({ input: ["a"] })
        ]) {
          const error = yield* Effect.flip(call)
          expect(error).toMatchObject({ _tag: "ConnectionFailed", outcome: "not-sent" })
          expect(LlmError.isRetryable(error)).toBe(true)
          expect(error.message).toContain(url.replace("http://", ""))
          expect(error.message).toContain("ECONNREFUSED")
          expect(error.message).not.toContain("/v1/path")
          expect(error.message).not.toContain(HttpStub.key)
        }
      }).pipe(Effect.provide(http))
    )

    it.live("a user and a password in a URL are in no message", () =>
      Effect.gen(function* () {
        const url = (yield* closedPort).replace("http://", "http://anna:hunter2@")
        const client = yield* HttpProvider.make({ ...origin, wire, url: () => url, headers: {}, secrets: [] })
        const error = yield* Effect.flip(client.complete(request))
        expect(JSON.stringify(error) + String(error) + error.stack).not.toMatch(/anna|hunter2/)
      }).pipe(Effect.provide(http))
    )

    it.scopedLive("a socket that closes before the answer is whole is ConnectionFailed", () =>
      Effect.gen(function* () {
        const server = yield* serveBytes(
          'HTTP/1.1 200 OK\r\nx-request-id: req-7\r\ncontent-length: 100\r\n\r\n{"choices":',
          (socket) => socket.destroy()
        )
        const client = yield* OpenAi.make({
          apiKey: Redacted.make(HttpStub.key),
          model: "gpt-4.1-mini",
          baseUrl: server.url
        })
        const error = yield* Effect.flip(client.complete(request))
        expect(error).toMatchObject({ _tag: "ConnectionFailed" })
        expect(error.message).toContain(server.url.replace("http://", ""))
      }).pipe(Effect.provide(http))
    )
  })
}

describe("the words of a connection's failure", () => {
  const to = HttpClientRequest.post("https://anna:hunter2@host.example:8443/v1?key=K3Y")

  const failing = (reason: "Transport" | "Encode" | "InvalidUrl", cause?: unknown): LlmError.LlmError =>
    Connection.notAnswered(origin, new HttpClientError.RequestError({ request: to, reason, cause }))

  const coded = (message: string, code: string): Error => Object.assign(new Error(message), { code })

  it.each<[string, unknown, string]>([
    ["an error", new Error("socket hang up"), "socket hang up"],
    ["an error with a code", coded("getaddrinfo failed", "ENOTFOUND"), "getaddrinfo failed (ENOTFOUND)"],
    [
      "an error whose message has the code",
      coded("connect ECONNREFUSED 1.2.3.4:5", "ECONNREFUSED"),
      "connect ECONNREFUSED 1.2.3.4:5"
    ],
    ["an error that has a code only", coded("", "ECONNREFUSED"), "ECONNREFUSED"],
    [
      "an error behind another",
      new Error("fetch failed", { cause: coded("self-signed certificate", "DEPTH_ZERO_SELF_SIGNED_CERT") }),
      "fetch failed: self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT)"
    ],
    ["a text", "gone", "gone"],
    ["nothing", undefined, "unknown"],
    ["an empty error", new Error(""), "unknown"],
    [
      "a URL with a password",
      new Error("https://anna:hunter2@host.example is no good"),
      "https://host.example is no good"
    ]
  ])("are those of %s, behind the host", (_, cause, words) => {
    expect(failing("Transport", cause)).toMatchObject({
      _tag: "ConnectionFailed",
      message: `no connection to host.example:8443: ${words}`
    })
  })

  it("end, though the causes do not", () => {
    const first = new Error("a")
    first.cause = new Error("b", { cause: first })
    expect(failing("Transport", first).message.length).toBeLessThan(200)
  })

  it("say nothing of the URL but its host, whatever the URL looks like", () => {
    for (const url of [
      "https://anna:hun@ter2@host.example/v1",
      "not a URL hunter2",
      "https://anna:hunter2@[::1]:8080/"
    ]) {
      const error = new HttpClientError.RequestError({
        request: HttpClientRequest.post(url),
        reason: "Transport",
        cause: new Error("x")
      })
      expect(Connection.notAnswered(origin, error).message).not.toMatch(/anna|hun|ter2/)
    }
  })

  it("are InvalidRequest, and no attempt, where the request could not be made", () => {
    expect(failing("InvalidUrl", new Error("Invalid URL"))).toMatchObject({
      _tag: "InvalidRequest",
      param: "baseUrl",
      attempts: 0
    })
    expect(failing("Encode", new Error("x"))).toMatchObject({ _tag: "InvalidRequest", param: "body", attempts: 0 })
  })

  it("keep the provider's id of the request where an answer had begun", () => {
    const response = HttpClientResponse.fromWeb(to, new Response("", { headers: { "x-request-id": "req-7" } }))
    const error = new HttpClientError.ResponseError({
      request: to,
      response,
      reason: "Decode",
      cause: new Error("terminated")
    })
    expect(Connection.broken(origin, error)).toMatchObject({
      _tag: "ConnectionFailed",
      requestId: "req-7",
      message: "the connection to host.example:8443 broke before the answer was whole: terminated"
    })
  })

  it.effect("of an HttpClient that fails are the call's", () =>
    Effect.gen(function* () {
      const http = HttpClient.make((request) =>
        Effect.fail(
          new HttpClientError.RequestError({ request, reason: "Transport", cause: coded("reset", "ECONNRESET") })
        )
      )
      const client = yield* HttpStub.openAi({ http, sent: [] })
      expect((yield* Effect.flip(client.complete(request))).message).toBe(
        "no connection to api.openai.com: reset (ECONNRESET)"
      )
    })
  )
})
