/** Anthropic's errors, in its own words. */
import type { ErrorDetail, ErrorShape } from "./Fault.js"
import type { RateLimited, Refused } from "./Wire.js"

/** Faults speak in OpenAI's words. */
const typeOf = (error: ErrorDetail): string => (error.type === "server_error" ? "api_error" : error.type)

const complete = (error: ErrorDetail) => ({ type: "error", error: { type: typeOf(error), message: error.message } })

export const body = (error: ErrorDetail): string => JSON.stringify(complete(error))

export const frame = (error: ErrorDetail, shape: ErrorShape): string => {
  const payload = (): unknown => {
    switch (shape) {
      case "object":
        return complete(error)
      case "flat":
        return { type: typeOf(error), message: error.message }
      case "string":
        return error.message
      case "null":
        return null
    }
  }
  return `event: error\ndata: ${JSON.stringify(payload())}\n\n`
}

const refused = (
  status: number,
  type: string,
  message: string,
  headers: Readonly<Record<string, string>> = {}
): Refused => ({ _tag: "Refused", status, error: { message, type }, headers })

/** A 400 that says where. */
export const invalid = (message: string): Refused => refused(400, "invalid_request_error", message)

export const missingKey = refused(401, "authentication_error", "x-api-key header is required")

export const wrongKey = refused(401, "authentication_error", "invalid x-api-key")

export const missingVersion = invalid("anthropic-version: header is required")

export const unknownModel = (model: string): Refused => refused(404, "not_found_error", `model: ${model}`)

export const notFound: Refused = refused(404, "not_found_error", "Not Found")

export const wrongMethod: Refused = refused(405, "invalid_request_error", "Method Not Allowed")

export const contextTooLong = (limit: number, tokens: number): Refused =>
  invalid(`prompt is too long: ${tokens} tokens > ${limit} maximum`)

/** What Anthropic answers with this status when there is no more to say. */
export const ofStatus = (status: number, model: string): Refused => {
  switch (status) {
    case 401:
      return wrongKey
    case 402:
      return refused(402, "billing_error", "Your credit balance is too low to access the Anthropic API.")
    case 403:
      return refused(403, "permission_error", "Your API key does not have permission to use the specified resource.")
    case 404:
      return unknownModel(model)
    case 413:
      return refused(413, "request_too_large", "Request exceeds the maximum size")
    case 429:
      return refused(429, "rate_limit_error", limitMessage("requests", 50), { "retry-after": "20" })
    case 504:
      return refused(504, "timeout_error", "Request timed out.")
    case 503:
    case 529:
      return refused(status, "overloaded_error", "Overloaded")
    default:
      return status >= 500
        ? refused(status, "api_error", "Internal server error")
        : refused(status, "invalid_request_error", `Request failed with status ${status}.`)
  }
}

const limitMessage = (kind: string, limit: number): string =>
  `This request would exceed your organization's rate limit of ${limit} ${kind} per minute.`

export const rateLimited = ({ kind, limit, waitMillis }: RateLimited): Refused =>
  refused(
    429,
    "rate_limit_error",
    limitMessage(kind, limit),
    waitMillis === undefined ? {} : { "retry-after": String(Math.ceil(waitMillis / 1000)) }
  )
