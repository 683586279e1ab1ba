/** Google's errors, in its own words: a status by number and by name, and details that say more. */
import type { ErrorDetail, ErrorShape } from "./Fault.js"
import type { RateLimited, Refused } from "./Wire.js"

/** `type` is Google's name of the status. */
interface GoogleError extends ErrorDetail {
  readonly details?: ReadonlyArray<Readonly<Record<string, unknown>>>
}

const statuses: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ABORTED: 409,
  RESOURCE_EXHAUSTED: 429,
  CANCELLED: 499,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504
}

const complete = ({ code, details, message, type }: GoogleError) => ({
  error: {
    code: typeof code === "number" ? code : (statuses[type] ?? 500),
    message,
    status: type,
    ...(details === undefined ? {} : { details })
  }
})

export const body = (error: ErrorDetail): string => `${JSON.stringify(complete(error), null, 2)}\n`

/** As an event, or bare behind the events, which is Google's own manner. */
export const frame = (error: ErrorDetail, shape: ErrorShape): string =>
  shape === "object" ? `data: ${JSON.stringify(complete(error))}\r\n\r\n` : body(error)

const refused = (status: number, type: string, message: string, details?: GoogleError["details"]): Refused => {
  const error: GoogleError =
    details === undefined ? { message, type, code: status } : { message, type, code: status, details }
  return { _tag: "Refused", status, error }
}

/** A 400 that may name the field. */
export const invalid = (message: string, field?: string): Refused =>
  refused(
    400,
    "INVALID_ARGUMENT",
    message,
    field === undefined
      ? undefined
      : [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field, description: message }] }]
  )

export const unknownField = (name: string, at: string): Refused =>
  invalid(
    `Invalid JSON payload received. Unknown name "${name}"${at === "" ? "" : ` at '${at}'`}: Cannot find field.`,
    at
  )

export const missingKey: Refused = refused(
  403,
  "PERMISSION_DENIED",
  "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of " +
    "API consumer identity to call this API."
)

export const wrongKey: Refused = refused(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [
  {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    reason: "API_KEY_INVALID",
    domain: "googleapis.com",
    metadata: { service: "generativelanguage.googleapis.com" }
  }
])

export const unknownModel = (model: string): Refused =>
  refused(
    404,
    "NOT_FOUND",
    `models/${model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see ` +
      "the list of available models and their supported methods."
  )

export const notFound = (): Refused => refused(404, "NOT_FOUND", "Requested entity was not found.")

/** What Google answers with this status when there is no more to say. */
export const ofStatus = (status: number, model: string): Refused => {
  switch (status) {
    case 400:
      return invalid("Request contains an invalid argument.")
    case 401:
      return refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    case 403:
      return missingKey
    case 404:
      return unknownModel(model)
    case 429:
      return rateLimited({ model, kind: "requests", limit: 3, used: 3, requested: 1, waitMillis: 20_000 })
    case 503:
      return refused(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
    case 504:
      return refused(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")
    default:
      return status >= 500
        ? refused(status, "INTERNAL", "An internal error has occurred. Please retry or report in the issue tracker.")
        : refused(status, "FAILED_PRECONDITION", `Request failed with status ${status}.`)
  }
}

export const contextTooLong = (limit: number, tokens: number): Refused =>
  invalid(`The input token count (${tokens}) exceeds the maximum number of tokens allowed (${limit}).`)

export const rateLimited = ({ kind, limit, model, waitMillis }: RateLimited): Refused => {
  const metric = `generativelanguage.googleapis.com/generate_content_${kind === "requests" ? "requests" : "input_token_count"}`
  const retry = waitMillis === undefined ? "" : `\nPlease retry in ${waitMillis / 1000}s.`
  return refused(
    429,
    "RESOURCE_EXHAUSTED",
    "You exceeded your current quota, please check your plan and billing details.\n" +
      `* Quota exceeded for metric: ${metric}, limit: ${limit}, model: ${model}${retry}`,
    [
      {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        violations: [{ quotaMetric: metric, quotaDimensions: { model, location: "global" }, quotaValue: String(limit) }]
      },
      ...(waitMillis === undefined
        ? []
        : [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${waitMillis / 1000}s` }])
    ]
  )
}
