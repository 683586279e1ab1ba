/**
 * The error for an answer, or a piece of one, that does not hold what its protocol promises.
 */
import { excerpt, MalformedResponse } from "../LlmError.js"
import * as ErrorBody from "./ErrorBody.js"
import type { Received } from "./Wire.js"

/** `value`: what came, as text or as JSON; its beginning goes into the error. */
export const malformed = ({ origin, requestId }: Received, value: unknown, message: string): MalformedResponse =>
  new MalformedResponse({ ...origin, requestId, status: 200, message, body: excerpt(ErrorBody.print(value)) })
