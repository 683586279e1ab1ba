/**
 * From an HTTP answer that is no success, or an error inside one that is, to the error of ours that it stands for.
 * Which one that is, `ErrorKind` decides; this file gathers the evidence and fills the error in.
 */
import type * as Duration from "effect/Duration"
import * as LlmError from "../LlmError.js"
import * as ErrorBody from "./ErrorBody.js"
import type { Kind } from "./ErrorKind.js"
import { kindOf } from "./ErrorKind.js"
import { retryAfter } from "./RetryAfter.js"

/** Who was asked. */
export interface Origin {
  readonly provider: string
  readonly model: string
}

/** An HTTP answer that stands for an error. The names of the headers are in lower case. */
export interface ErrorAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  /** epoch milliseconds */
  readonly now: number
}

// -----------------------------------------------------------------------------
// The error's fields
// -----------------------------------------------------------------------------

/** In characters; the whole body stands beside it. */
const maxMessage = 1000

const shorten = (text: string): string =>
  text.length <= maxMessage ? text : `${text.slice(0, maxMessage - 1).replace(/[\uD800-\uDBFF]$/, "")}…`

/** The shapes of well-known keys and of tokens: some providers repeat the key that they refuse. */
const secrets = [
  /\b(?:sk|pk|rk|gsk|csk|xai|nvapi|pplx)[-_][\w-]{12,}/gi,
  /\b(?:hf|r8|tgp|fw)_\w{12,}/gi,
  /\bAIza[\w-]{20,}/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/g,
  /\b[0-9a-f]{32}\.\w{16}\b/gi,
  /(?<=\bbearer )(?=\S*\d)\S{10,}/gi
]

const withoutSecrets = (text: string): string =>
  secrets.reduce((rest, shape) => rest.replace(shape, "<redacted>"), text)

/** A message from anywhere, as an error may show it. */
export const safeMessage = (text: string): string => withoutSecrets(shorten(text))

const phrases: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [402, "Payment Required"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [408, "Request Timeout"],
  [409, "Conflict"],
  [410, "Gone"],
  [413, "Payload Too Large"],
  [415, "Unsupported Media Type"],
  [422, "Unprocessable Entity"],
  [424, "Failed Dependency"],
  [429, "Too Many Requests"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
  [529, "Overloaded"]
])

const statusText = (status: number): string => {
  const phrase = phrases.get(status)
  return phrase === undefined ? `HTTP ${status}` : `HTTP ${status} ${phrase}`
}

const requestIdHeaders = [
  "x-request-id",
  "request-id",
  "apim-request-id",
  "x-ms-request-id",
  "x-goog-request-id",
  "x-amzn-requestid",
  "x-log-id",
  "cf-ray"
]

/** The id by which the provider knows the request, where a header tells it. */
export const requestId = (headers: ErrorAnswer["headers"]): string | undefined =>
  requestIdHeaders.map((name) => headers[name]).find((id) => id !== undefined && id !== "")

/** Everything that one of our errors may be made of. */
interface Facts {
  readonly common: {
    readonly provider: string
    readonly model: string
    readonly message: string
    readonly status: number
    readonly requestId: string | undefined
    readonly body: string
    readonly outcome: LlmError.Outcome
  }
  readonly error: ErrorBody.ErrorBody
  readonly retryAfter: Duration.Duration | undefined
}

const make: { readonly [K in Kind]: (facts: Facts) => Extract<LlmError.LlmError, { readonly _tag: K }> } = {
  InvalidRequest: ({ common, error: { code, param } }) => new LlmError.InvalidRequest({ ...common, param, code }),
  AuthenticationFailed: ({ common }) => new LlmError.AuthenticationFailed(common),
  PermissionDenied: ({ common }) => new LlmError.PermissionDenied(common),
  ModelNotFound: ({ common }) => new LlmError.ModelNotFound(common),
  ContextLengthExceeded: ({ common }) => new LlmError.ContextLengthExceeded(common),
  RequestTooLarge: ({ common }) => new LlmError.RequestTooLarge(common),
  ContentFiltered: ({ common, error }) => new LlmError.ContentFiltered({ ...common, categories: error.categories }),
  QuotaExhausted: ({ common }) => new LlmError.QuotaExhausted(common),
  RateLimited: ({ common, retryAfter }) => new LlmError.RateLimited({ ...common, retryAfter }),
  Overloaded: ({ common, retryAfter }) => new LlmError.Overloaded({ ...common, retryAfter }),
  ServerFailed: ({ common, retryAfter }) => new LlmError.ServerFailed({ ...common, retryAfter }),
  RequestTimeout: ({ common, retryAfter }) => new LlmError.RequestTimeout({ ...common, retryAfter, limit: "server" }),
  MalformedResponse: ({ common, retryAfter }) => new LlmError.MalformedResponse({ ...common, retryAfter })
}

// -----------------------------------------------------------------------------
// x-should-retry
// -----------------------------------------------------------------------------

const isRetryable: { readonly [K in Kind]: boolean } = {
  InvalidRequest: false,
  AuthenticationFailed: false,
  PermissionDenied: false,
  ModelNotFound: false,
  ContextLengthExceeded: false,
  RequestTooLarge: false,
  ContentFiltered: false,
  QuotaExhausted: false,
  RateLimited: true,
  Overloaded: true,
  ServerFailed: true,
  RequestTimeout: true,
  MalformedResponse: true
}

/** The server knows best: its word moves an error to the other side, and there to its nearest kin. */
const overrule = (kind: Kind, shouldRetry: string | undefined): Kind => {
  if (shouldRetry === "true" && !isRetryable[kind]) return kind === "QuotaExhausted" ? "RateLimited" : "ServerFailed"
  if (shouldRetry === "false" && isRetryable[kind]) return kind === "RateLimited" ? "QuotaExhausted" : "InvalidRequest"
  return kind
}

// -----------------------------------------------------------------------------
// From evidence to error
// -----------------------------------------------------------------------------

interface Case {
  readonly kind: Kind
  readonly status: number
  readonly json: unknown
  readonly error: ErrorBody.ErrorBody
  readonly message: string
  readonly body: string
}

const finish = (origin: Origin, answer: Omit<ErrorAnswer, "status" | "body">, found: Case): LlmError.LlmError => {
  const { headers, now } = answer
  const kind = overrule(found.kind, headers["x-should-retry"]?.trim().toLowerCase())
  const isForbidden = kind === "InvalidRequest" && found.kind !== kind
  const message = isForbidden ? `${found.message} (the server forbids a retry)` : found.message
  return make[kind]({
    common: {
      provider: origin.provider,
      model: origin.model,
      message: withoutSecrets(message),
      status: found.status,
      requestId: requestId(headers) ?? found.error.requestId,
      body: withoutSecrets(LlmError.excerpt(found.body)),
      outcome: kind === "MalformedResponse" || isGateway(found.status) ? "unknown" : "rejected"
    },
    error: found.error,
    retryAfter: isRetryable[kind]
      ? retryAfter(headers, found.json, found.message, now, kind === "RateLimited")
      : undefined
  })
}

/** A gateway lost sight of the server behind it, which may have gone on. */
const isGateway = (status: number): boolean => status === 502 || status === 504 || (status >= 520 && status <= 524)

const isRedirect = (status: number): boolean => status >= 300 && status < 400

const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** A URL may carry secrets before its host and behind its path. */
const redirect = (status: number, location: string | undefined): string => {
  const place = location?.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//")
  return `${statusText(status)}: the base URL redirects to ${place ?? "another place"}`
}

/** Of a page only the title is for people to read; any other text speaks for itself. */
const messageWithoutJson = (status: number, body: string): string => {
  const text = body.slice(0, 4 * LlmError.maxBodyBytes).trim()
  if (text === "") return statusText(status)
  if (!text.startsWith("<")) return text
  const title = ErrorBody.titleOf(text)
  return title === undefined ? statusText(status) : `${statusText(status)}: ${title}`
}

/** Azure ML answers 424 for whatever its model's server answers, and tells of that beside it. */
const statusOf = ({ headers, status }: ErrorAnswer): number => {
  const model = status === 424 ? headers["ms-azureml-model-error-statuscode"] : undefined
  return model !== undefined && /^[45]\d\d$/.test(model) ? Number(model) : status
}

/** The error that an HTTP answer stands for. Takes any answer, and never throws. */
export const classify = (origin: Origin, answer: ErrorAnswer): LlmError.LlmError => {
  const { body, headers, status } = answer
  const json = ErrorBody.parse(body)
  if (isSuccess(status) && isErrorPayload(json)) return classifyPayload(origin, json, answer)
  const error = ErrorBody.read(json)
  const found = { status, json, error, body }
  if (isRedirect(status)) {
    const message = shorten(redirect(status, headers["location"]))
    return finish(origin, answer, { ...found, kind: "InvalidRequest", message })
  }
  const message = shorten(json === undefined ? messageWithoutJson(status, body) : (error.message ?? statusText(status)))
  const kind = isSuccess(status)
    ? "MalformedResponse"
    : kindOf({ status: statusOf(answer), words: error.words, message })
  return finish(origin, answer, { ...found, kind, message })
}

/**
 * Whether a JSON value is an error, as providers send it inside HTTP 200 in place of an answer or amid a stream. A
 * normal chunk that says `error: null` is none.
 */
export const isErrorPayload: (value: unknown) => boolean = ErrorBody.isError

/**
 * The error that a payload inside HTTP 200 stands for: the same as the HTTP status would have given. Takes any value,
 * and never throws.
 */
export const classifyPayload = (
  origin: Origin,
  payload: unknown,
  answer: Omit<ErrorAnswer, "status" | "body">
): LlmError.LlmError => {
  const error = ErrorBody.read(payload)
  const message = shorten(error.message ?? "the provider sent an error in place of an answer")
  return finish(origin, answer, {
    kind: kindOf({ status: error.status, words: error.words, message }),
    status: error.status ?? 200,
    json: payload,
    error,
    message,
    body: ErrorBody.print(payload)
  })
}
