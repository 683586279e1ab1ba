/**
 * What a broken or impossible connection becomes. The platform's errors hold the whole request, headers and key included:
 * only their words go on.
 */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import { ConnectionFailed, InvalidRequest, type LlmError, notSent } from "../LlmError.js"
import { requestId } from "../wire/ErrorClassification.js"
import { isRecord } from "../wire/Json.js"
import type { Origin } from "../wire/Wire.js"

/** No answer came: the request could not be made, or there was no connection. */
export const notAnswered = (origin: Origin, error: HttpClientError.HttpClientError): LlmError => {
  if (error._tag === "ResponseError") return broken(origin, error)
  if (error.reason === "Transport") {
    return new ConnectionFailed({
      ...origin,
      outcome: isBeforeRequest(error.cause, 0) ? "not-sent" : "unknown",
      message: `no connection to ${hostOf(error.request.url)}: ${wordsOf(error.cause)}`
    })
  }
  return new InvalidRequest({
    ...origin,
    ...notSent,
    param: error.reason === "InvalidUrl" ? "baseUrl" : "body",
    message: `the request could not be made (${error.reason}): ${wordsOf(error.cause)}`
  })
}

/** The answer began, but did not end. */
export const broken = (origin: Origin, error: HttpClientError.ResponseError): ConnectionFailed =>
  new ConnectionFailed({
    ...origin,
    requestId: requestId(error.response.headers),
    message: `the connection to ${hostOf(error.request.url)} broke before the answer was whole: ${wordsOf(error.cause)}`
  })

/** Host and port alone: the rest of a URL may hold a user, a password or a key. */
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : "the provider")

/** The words of an error and of what caused it, without the user and the password of a URL that they quote. */
export const wordsOf = (cause: unknown): string => chainOf(cause, 0).replaceAll(/\/\/[^/\s]*@/g, "//")

/** What fails while a connection is made: the name of the host, its port, TLS. Nothing of the request is out by then. */
const beforeRequest =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EAI_FAIL|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_.*|ERR_SSL_.*|CERT_.*|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*)$/

const isBeforeRequest = (cause: unknown, depth: number): boolean => {
  if (depth > 4 || (!isRecord(cause) && !(cause instanceof Error))) return false
  const { cause: inner, code } = fieldsOf(cause)
  // A host with several addresses has an error for each.
  const each = "errors" in cause && Array.isArray(cause.errors) ? cause.errors : []
  return (
    beforeRequest.test(code) ||
    (each.length > 0 && each.every((one) => isBeforeRequest(one, depth + 1))) ||
    isBeforeRequest(inner, depth + 1)
  )
}

/** "fetch failed" says nothing, "connect ECONNREFUSED" behind it does. */
const chainOf = (cause: unknown, depth: number): string => {
  if (!isRecord(cause) && !(cause instanceof Error)) return cause === undefined ? "unknown" : String(cause)
  const { message, code, cause: inner } = fieldsOf(cause)
  const own = message === "" ? code : code === "" || message.includes(code) ? message : `${message} (${code})`
  return inner === undefined || depth > 3 ? own || "unknown" : `${own}: ${chainOf(inner, depth + 1)}`
}

const fieldsOf = (cause: object): { readonly message: string; readonly code: string; readonly cause: unknown } => ({
  message: "message" in cause ? String(cause.message) : "",
  code: "code" in cause && typeof cause.code === "string" ? cause.code : "",
  cause: "cause" in cause ? cause.cause : undefined
})
