/** A response of an `HttpClient` that is made of a stream of bytes, without a platform behind it. */
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
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

type Bytes = Stream.Stream<Uint8Array, HttpClientError.ResponseError>

/** `body` is given the response, for its errors to name. */
export interface Options {
  readonly status: number
  readonly headers: Headers.Input
  readonly cookies?: Cookies.Cookies
  readonly remoteAddress?: Option.Option<string>
  readonly body: (response: StreamedResponse) => Bytes
}

/** A body that was read whole can be read again. */
export class StreamedResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly status: number
  readonly headers: Headers.Headers
  readonly remoteAddress: Option.Option<string>
  readonly cookies: Cookies.Cookies

  private readonly body: Bytes
  private whole: Uint8Array<ArrayBuffer> | undefined

  constructor(
    readonly request: HttpClientRequest.HttpClientRequest,
    options: Options
  ) {
    super()
    this.status = options.status
    this.headers = Headers.fromInput(options.headers)
    this.cookies = options.cookies ?? Cookies.empty
    this.remoteAddress = options.remoteAddress ?? Option.none()
    this.body = options.body(this)
  }

  get stream(): Bytes {
    return Stream.suspend(() => (this.whole === undefined ? this.body : Stream.make(this.whole)))
  }

  get text(): Effect.Effect<string, HttpClientError.ResponseError> {
    return Effect.map(this.bytes, (bytes) => new TextDecoder().decode(bytes))
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
    return Effect.map(this.bytes, (bytes) => bytes.slice().buffer)
  }

  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    return Effect.flatMap(this.bytes, (bytes) =>
      Effect.tryPromise({
        try: () => {
          const type = this.headers["content-type"]
          return new Response(bytes, type === undefined ? {} : { headers: { "content-type": type } }).formData()
        },
        catch: (cause) => this.broken(cause)
      })
    )
  }

  /** Shows no body: to print a response must not start or disturb a read. */
  toJSON(): unknown {
    return {
      _id: "@effect/platform/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status,
      headers: Inspectable.redact(this.headers),
      remoteAddress: this.remoteAddress.toJSON()
    }
  }

  /** The error of a body that cannot be read to its end. */
  broken(cause: unknown, reason: HttpClientError.ResponseError["reason"] = "Decode"): HttpClientError.ResponseError {
    return new HttpClientError.ResponseError({ request: this.request, response: this, reason, cause })
  }

  private get bytes(): Effect.Effect<Uint8Array<ArrayBuffer>, HttpClientError.ResponseError> {
    return Effect.suspend(() => {
      if (this.whole !== undefined) return Effect.succeed(this.whole)
      return Stream.runCollect(this.body).pipe(
        Effect.map((parts) => (this.whole = joined(parts))),
        // To have no body is an error of a stream; as a whole, it is empty.
        Effect.catchIf(
          (error) => error.reason === "EmptyBody",
          () => Effect.succeed(new Uint8Array())
        )
      )
    })
  }
}

const joined = (parts: Chunk.Chunk<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(Chunk.reduce(parts, 0, (length, part) => length + part.length))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
