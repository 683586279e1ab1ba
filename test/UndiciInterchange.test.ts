import {
  Cookies,
  FetchHttpClient,
  Headers,
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  HttpClientResponse
} from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Schedule, Schema } from "effect"
import type * as Http from "node:http"
import { UndiciHttpClient } from "effect-llm/node"
import { echo, failureOf, serve } from "./LoopbackServer.js"

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
        return response.writeHead(304, { etag: '"1"' }).end()
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
    })
  )

  it.scopedLive("sends no fragment", () =>
    Effect.gen(function* () {
      const { url } = yield* serve(echo)
      const request = HttpClientRequest.setHash(HttpClientRequest.get(`${url}/a`), "part")
      const asked = yield* Effect.provide(
        Effect.flatMap(HttpClient.execute(request), (response) => response.json),
        UndiciHttpClient.layer
      )
      expect(asked).toMatchObject({ url: "/a" })
    })
  )
})

// What the platform builds on a client

describe("with the platform's combinators", () => {
  it.scopedLive("filters, retries and decodes", () =>
    Effect.gen(function* () {
      let calls = 0
      const { sockets, url } = yield* serve((_request, response) => {
        response.setHeader("content-type", "application/json")
        response.writeHead(++calls < 3 ? 503 : 200).end('{"n":3}')
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
    })
  )

  it.scopedLive("fails with StatusCode, and the body of the error can still be read", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((_request, response) => response.writeHead(429).end("slow down"))
      const client = HttpClient.filterStatusOk(yield* UndiciHttpClient.make())
      const error = yield* failureOf(client.get(url))
      expect(error).toMatchObject({ _tag: "ResponseError", reason: "StatusCode" })
      expect(error instanceof HttpClientError.ResponseError ? yield* error.response.text : "").toBe("slow down")
    })
  )

  it.scopedLive("is provided as a Layer", () =>
    Effect.gen(function* () {
      const { url } = yield* serve(echo)
      const context = yield* Layer.build(UndiciHttpClient.layer)
      const response = yield* Effect.provide(HttpClient.get(url), context)
      expect(response.status).toBe(200)
    })
  )
})
