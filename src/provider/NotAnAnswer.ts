/**
 * A success by its status whose body is none: a page, an error or nothing.
 */
import { excerpt, type LlmError, MalformedResponse } from "../LlmError.js"
import * as ErrorClassification from "../wire/ErrorClassification.js"
import * as Json from "../wire/Json.js"
import type { Received } from "../wire/Wire.js"

export const notAnAnswer = (received: Received, status: number, text: string): LlmError => {
  const json = Json.parse(text)
  if (ErrorClassification.isErrorPayload(json))
    return ErrorClassification.classifyPayload(received.origin, json, received)
  return new MalformedResponse({
    ...received.origin,
    requestId: received.requestId,
    status,
    message: text.trim() === "" ? "the answer is empty" : "the answer is not what this provider sends (see its body)",
    body: excerpt(text)
  })
}
