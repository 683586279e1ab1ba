/** A request with its URL and its body in one piece, as a tape needs them. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as Bytes from "./Bytes.js"
import * as JsonText from "./JsonText.js"
import type { Redaction } from "./Redaction.js"
import * as Tape from "./Tape.js"

export interface SentRequest {
  /** What goes out: the request itself, or a copy of it if its body was a stream. */
  readonly request: HttpClientRequest.HttpClientRequest
  readonly url: URL
  readonly body: Uint8Array
}

export const read = (
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<SentRequest, HttpClientError.RequestError> =>
  Effect.gen(function* () {
    const url = UrlParams.makeUrl(request.url, request.urlParams, request.hash)
    if (Either.isLeft(url)) {
      return yield* new HttpClientError.RequestError({ request, reason: "InvalidUrl", cause: url.left })
    }
    const body = yield* bodyOf(request)
    // A stream can be read once, and was.
    const again = request.body._tag === "Stream" ? withBody(request, request.body.contentType, body) : request
    return { request: again, url: url.right, body }
  })

const withBody = (
  request: HttpClientRequest.HttpClientRequest,
  contentType: string,
  body: Uint8Array
): HttpClientRequest.HttpClientRequest => HttpClientRequest.setBody(request, HttpBody.uint8Array(body, contentType))

const bodyOf = (
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Uint8Array, HttpClientError.RequestError> => {
  const refused = (cause: unknown): HttpClientError.RequestError =>
    new HttpClientError.RequestError({ request, reason: "Encode", cause })
  const { body } = request
  switch (body._tag) {
    case "Empty":
      return Effect.succeed(new Uint8Array())
    case "Uint8Array":
      return Effect.succeed(body.body)
    case "Stream":
      return Stream.runCollect(body.stream).pipe(
        Effect.mapBoth({ onSuccess: (parts) => Bytes.concat(Chunk.toReadonlyArray(parts)), onFailure: refused })
      )
    case "FormData":
      return Effect.map(
        Effect.promise(() => fieldsOf(body.formData)),
        (fields) => Bytes.fromText(JSON.stringify(fields))
      )
    case "Raw": {
      const bytes = rawBytes(body.body)
      return bytes === undefined
        ? Effect.fail(refused(new TypeError("a cassette takes texts, bytes, forms and streams of Effect as bodies")))
        : Effect.succeed(bytes)
    }
  }
}

const rawBytes = (body: unknown): Uint8Array | undefined => {
  if (typeof body === "string") return Bytes.fromText(body)
  if (body instanceof Uint8Array) return body
  if (body instanceof ArrayBuffer) return new Uint8Array(body)
  return body instanceof URLSearchParams ? Bytes.fromText(body.toString()) : undefined
}

/** The fields of a form, without the border between them, which is another one each time. */
const fieldsOf = (form: FormData): Promise<ReadonlyArray<unknown>> =>
  Promise.all(
    Array.from(form, async ([name, value]) => {
      if (typeof value === "string") return { name, value }
      const bytes = new Uint8Array(await value.arrayBuffer())
      const text = Bytes.toText(bytes)
      const content = text === undefined ? { base64: Bytes.toBase64(bytes) } : { text }
      return { name, file: value.name, type: value.type, ...content }
    })
  )

/** The request as it may be seen. */
export const toTape = ({ body, request, url }: SentRequest, redaction: Redaction): Tape.Request => {
  const seen = bodyToTape(body, redaction)
  return {
    method: request.method,
    url: redaction.url(url),
    headers: redaction.requestHeaders(request.headers),
    ...(seen === undefined ? {} : { body: seen })
  }
}

const bodyToTape = (bytes: Uint8Array, redaction: Redaction): Tape.RequestBody | undefined => {
  if (bytes.length === 0) return undefined
  const clean = redaction.body(bytes)
  const text = Bytes.toText(clean)
  if (text === undefined) return { base64: Bytes.toBase64(clean) }
  const json = JsonText.container(text)
  return json === undefined ? { text: Tape.fromText(text) } : { json }
}
