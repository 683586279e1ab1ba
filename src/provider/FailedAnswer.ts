/**
 * An answer of another status than 2xx, and the error that it stands for.
 */
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { LlmError } from "../LlmError.js"
import * as ErrorClassification from "../wire/ErrorClassification.js"
import type { Origin } from "../wire/Wire.js"

/** The most of an error's body that is read. */
const maxErrorBytes = 64 * 1024

/** Reads the error of such an answer. */
export const failed = (origin: Origin, response: HttpClientResponse.HttpClientResponse): Effect.Effect<LlmError> =>
  Effect.zipWith(readExcerpt(response), Clock.currentTimeMillis, (body, now) =>
    ErrorClassification.classify(origin, { status: response.status, headers: response.headers, body, now })
  )

/** The beginning of an error's body. What breaks while it is read does not hide the error itself. */
const readExcerpt = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string> =>
  response.stream.pipe(
    Stream.mapAccum(0, (size, bytes) => [size + bytes.length, { bytes, before: size }]),
    Stream.takeWhile(({ before }) => before < maxErrorBytes),
    Stream.map(({ bytes }) => bytes),
    Stream.decodeText(),
    Stream.catchAll(() => Stream.empty),
    Stream.mkString
  )
