/**
 * The text of a whole answer, within a bound: a server that never stops sending must not take all memory.
 */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as BodyReader from "../BodyReader.js"
import { type LlmError, MalformedResponse } from "../LlmError.js"
import { requestId } from "../wire/ErrorClassification.js"
import type { Origin } from "../wire/Wire.js"
import * as Connection from "./Connection.js"

/** In bytes. The largest that there are, 2,048 vectors of 3,072 numbers in text, take half of it. */
export const maxBytes: number = 256 * 1024 * 1024

/** Fails with `ConnectionFailed` where the body breaks off, and with `MalformedResponse` where it is larger than `most`. */
export const read = (
  origin: Origin,
  response: HttpClientResponse.HttpClientResponse,
  most: number = maxBytes
): Effect.Effect<string, LlmError> => {
  const failed = (error: HttpClientError.ResponseError): Effect.Effect<string, LlmError> =>
    error.reason === "EmptyBody" ? Effect.succeed("") : Effect.fail(Connection.broken(origin, error))
  const { "content-encoding": encoding, "content-length": length } = response.headers
  const announced = length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined
  // What is said of its length holds, unless it is that of a compressed body: then there is nothing to count.
  if (announced !== undefined && announced <= most && encoding === undefined) {
    return Effect.catchAll(response.text, failed)
  }
  const tooLarge = (): LlmError =>
    new MalformedResponse({
      ...origin,
      requestId: requestId(response.headers),
      status: response.status,
      message: `the answer is larger than ${most} bytes`
    })
  return Effect.acquireUseRelease(
    BodyReader.fromResponse(response),
    ({ next }) => collect(next, announced !== undefined && announced > most ? 0 : most, tooLarge, failed),
    (reader) => reader.abandon
  )
}

const collect = (
  read: BodyReader.BodyReader["next"],
  most: number,
  tooLarge: () => LlmError,
  failed: (error: HttpClientError.ResponseError) => Effect.Effect<string, LlmError>
): Effect.Effect<string, LlmError> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let text = ""
    let size = 0
    const next: Effect.Effect<string, LlmError> = Effect.matchEffect(read, {
      onFailure: failed,
      onSuccess: (reads) => {
        if (reads === undefined) return Effect.succeed(text + decoder.decode())
        for (const bytes of reads) {
          size += bytes.length
          if (size > most) return Effect.fail(tooLarge())
          text += decoder.decode(bytes, { stream: true })
        }
        return next
      }
    })
    return next
  })
