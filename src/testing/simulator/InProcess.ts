/** The simulator as an HttpClient, without a socket: for tests in virtual time. */
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Answer, Core } from "./Core.js"

/** Whatever the host of the URL, the request goes to the simulator. */
export const make = (core: Core): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal) =>
    Effect.gen(function* () {
      const body = yield* bodyText(request)
      const answer = yield* core.handle({
        method: request.method,
        path: `${url.pathname}${url.search}`,
        headers: request.headers,
        body
      })
      if (answer._tag === "Reset") {
        return yield* new HttpClientError.RequestError({
          request,
          reason: "Transport",
          description: "connection reset",
          cause: new Error("ECONNRESET")
        })
      }
      // Aborted when the client drops the response, also without having read it.
      if (answer._tag === "Streaming") signal.addEventListener("abort", answer.abandon, { once: true })
      return new Response(request, answer)
    })
  )

const bodyText = (
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<string, HttpClientError.RequestError> => {
  const refused = (cause: unknown): HttpClientError.RequestError =>
    new HttpClientError.RequestError({ request, reason: "Encode", cause })
  switch (request.body._tag) {
    case "Empty":
      return Effect.succeed("")
    case "Uint8Array":
      return Effect.succeed(new TextDecoder().decode(request.body.body))
    case "Stream":
      return request.body.stream.pipe(Stream.decodeText(), Stream.mkString, Effect.mapError(refused))
    case "Raw":
      return typeof request.body.body === "string"
        ? Effect.succeed(request.body.body)
        : Effect.fail(refused(new TypeError("the simulator takes text, bytes and streams")))
    case "FormData":
      return Effect.fail(refused(new TypeError("the simulator takes no forms")))
  }
}

class Response extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly status: number
  readonly headers: Headers.Headers
  readonly remoteAddress: Option.Option<string> = Option.none()
  readonly cookies: Cookies.Cookies = Cookies.empty
  readonly stream: Stream.Stream<Uint8Array, HttpClientError.ResponseError>

  constructor(
    readonly request: HttpClientRequest.HttpClientRequest,
    answer: Exclude<Answer, { readonly _tag: "Reset" }>
  ) {
    super()
    this.status = answer.status
    this.headers = Headers.fromInput(answer.headers)
    this.stream =
      answer._tag === "Whole"
        ? answer.body.length === 0
          ? Stream.empty
          : Stream.make(answer.body)
        : Stream.mapError(answer.body, (cut) => this.broken(cut))
  }

  get text(): Effect.Effect<string, HttpClientError.ResponseError> {
    return this.stream.pipe(Stream.decodeText(), Stream.mkString)
  }

  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return Effect.flatMap(this.text, (text) =>
      Effect.try({
        try: (): unknown => (text === "" ? null : JSON.parse(text)),
        catch: (cause) => this.broken(cause)
      })
    )
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError.ResponseError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError.ResponseError> {
    return Effect.map(Stream.runCollect(this.stream), (parts) => {
      const joined = new Uint8Array(Chunk.reduce(parts, 0, (length, part) => length + part.length))
      let at = 0
      for (const part of parts) {
        joined.set(part, at)
        at += part.length
      }
      return joined.buffer
    })
  }

  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    return Effect.fail(this.broken(new TypeError("the simulator sends no forms")))
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "@effect/platform/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }

  private broken(cause: unknown): HttpClientError.ResponseError {
    return new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
  }
}
