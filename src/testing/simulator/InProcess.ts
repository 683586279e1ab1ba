/** The simulator as an HttpClient, without a socket: for tests in virtual time. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { StreamedResponse } from "../StreamedResponse.js"
import type { Core } from "./Core.js"

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
      return new StreamedResponse(request, {
        status: answer.status,
        headers: answer.headers,
        body: (response) =>
          answer._tag === "Streaming"
            ? Stream.mapError(answer.body, (cut) => response.broken(cut))
            : answer.body.length === 0
              ? Stream.empty
              : Stream.make(answer.body)
      })
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
