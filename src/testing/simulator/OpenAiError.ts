/** OpenAI's errors, in its own words. */
import type { ErrorDetail, ErrorShape } from "./Fault.js"
import { formatWait } from "./RateLimit.js"
import type { RateLimited, Refused } from "./Wire.js"

export const body = (error: ErrorDetail): string => JSON.stringify({ error: complete(error) }, null, 2)

export const frame = (error: ErrorDetail, shape: ErrorShape): string => {
  switch (shape) {
    case "object":
      return `data: ${JSON.stringify({ error: complete(error) })}\n\n`
    case "flat":
      return `event: error\ndata: ${JSON.stringify(complete(error))}\n\n`
    case "string":
      return `event: error\ndata: ${JSON.stringify(error.message)}\n\n`
    case "null":
      return "event: error\ndata: null\n\n"
  }
}

/** A 400 that names the parameter. */
export const invalid = (message: string, param: string | null = null, code: string | null = null): Refused => ({
  _tag: "Refused",
  status: 400,
  error: { message, type: "invalid_request_error", param, code }
})

const refused = (
  status: number,
  type: string,
  code: string | null,
  message: string,
  headers: Readonly<Record<string, string>> = {}
): Refused => ({ _tag: "Refused", status, error: { message, type, param: null, code }, headers })

/** What OpenAI answers with this status when there is no more to say. */
export const ofStatus = (status: number, model: string): Refused => {
  switch (status) {
    case 400:
      return refused(400, "invalid_request_error", null, "Bad request.")
    case 401:
      return wrongKey
    case 402:
      return refused(402, "insufficient_quota", "insufficient_quota", quota)
    case 403:
      return refused(
        403,
        "invalid_request_error",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported"
      )
    case 404:
      return unknownModel(model)
    case 408:
      return refused(408, "server_error", "request_timeout", "Request timed out.")
    case 409:
      return refused(409, "server_error", "conflict", "The resource was updated by another request. Please try again.")
    case 413:
      return tooLarge
    case 429:
      return refused(
        429,
        "requests",
        "rate_limit_exceeded",
        `Rate limit reached for ${model} in organization org-simulated on requests per min (RPM): ` +
          "Limit 3, Used 3, Requested 1. Please try again in 20s.",
        { "retry-after": "20", "retry-after-ms": "20000" }
      )
    case 502:
      return refused(502, "server_error", null, "Bad gateway.")
    case 503:
      return refused(
        503,
        "server_error",
        "server_is_overloaded",
        "The engine is currently overloaded, please try again later."
      )
    case 504:
      return refused(504, "server_error", null, "Gateway timeout.")
    default:
      return status >= 500
        ? refused(
            status,
            "server_error",
            null,
            "The server had an error while processing your request. Sorry about that!"
          )
        : refused(status, "invalid_request_error", null, `Request failed with status ${status}.`)
  }
}

const quota = "You exceeded your current quota, please check your plan and billing details."

export const wrongKey: Refused = refused(
  401,
  "invalid_request_error",
  "invalid_api_key",
  "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys."
)

export const missingKey: Refused = refused(
  401,
  "invalid_request_error",
  null,
  "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth " +
    "(i.e. Authorization: Bearer YOUR_KEY)."
)

export const tooLarge: Refused = refused(
  413,
  "invalid_request_error",
  "request_too_large",
  "The request is larger than the maximum size allowed."
)

export const unknownModel = (model: string): Refused =>
  refused(
    404,
    "invalid_request_error",
    "model_not_found",
    `The model \`${model}\` does not exist or you do not have access to it.`
  )

export const unknownRoute = (method: string, path: string): Refused =>
  refused(
    404,
    "invalid_request_error",
    "unknown_url",
    `Unknown request URL: ${method} ${path}. Please check the URL for typos, or see the docs at ` +
      "https://platform.openai.com/docs/api-reference/."
  )

export const wrongMethod = (method: string, path: string): Refused =>
  refused(
    405,
    "invalid_request_error",
    "method_not_supported",
    `Not allowed to ${method} on ${path}. (HINT: Perhaps you meant to use a different HTTP method?)`
  )

export const notJson: Refused = invalid(
  "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library " +
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
)

export const contextTooLong = (limit: number, tokens: number): Refused =>
  invalid(
    `This model's maximum context length is ${limit} tokens. However, your messages resulted in ${tokens} tokens. ` +
      "Please reduce the length of the messages.",
    "messages",
    "context_length_exceeded"
  )

export const rateLimited = ({ kind, limit, model, requested, used, waitMillis }: RateLimited): Refused => {
  const unit = kind === "requests" ? "requests per min (RPM)" : "tokens per min (TPM)"
  if (waitMillis === undefined) {
    return refused(
      429,
      kind,
      "rate_limit_exceeded",
      `Request too large for ${model} in organization org-simulated on ${unit}: Limit ${limit}, Requested ` +
        `${requested}. The input or output tokens must be reduced in order to run successfully.`
    )
  }
  return refused(
    429,
    kind,
    "rate_limit_exceeded",
    `Rate limit reached for ${model} in organization org-simulated on ${unit}: Limit ${limit}, Used ${used}, ` +
      `Requested ${requested}. Please try again in ${formatWait(waitMillis)}.`,
    { "retry-after": String(Math.ceil(waitMillis / 1000)), "retry-after-ms": String(waitMillis) }
  )
}

/** All fields that an error has. */
export const complete = (error: ErrorDetail): Required<ErrorDetail> => ({
  message: error.message,
  type: error.type,
  param: error.param ?? null,
  code: error.code ?? null
})
