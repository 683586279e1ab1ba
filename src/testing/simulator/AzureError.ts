/** Azure's errors: its gateway's own, with a code and a message, and those of the model behind it, which are OpenAI's. */
import type { ErrorDetail } from "./Fault.js"
import type { RateLimited, Refused } from "./Wire.js"

export const body = ({ code, message, param, type }: ErrorDetail): string =>
  JSON.stringify({
    error: type === "" ? { code, message } : { message, type, param: param ?? null, code: code ?? null }
  })

const refused = (
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {}
): Refused => ({ _tag: "Refused", status, error: { message, type: "", code }, headers })

export const wrongKey: Refused = refused(
  401,
  "401",
  "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active " +
    "subscription and use a correct regional API endpoint for your resource."
)

export const wrongToken: Refused = refused(
  401,
  "401",
  "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired."
)

export const unknownDeployment: Refused = refused(
  404,
  "DeploymentNotFound",
  "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please " +
    "wait a moment and try again."
)

/** Also what a call without its `api-version` gets. */
export const notFound: Refused = refused(404, "404", "Resource not found")

export const wrongMethod: Refused = refused(405, "405", "Method not allowed")

const wait = (seconds: number): Readonly<Record<string, string>> => ({
  "retry-after": String(seconds),
  "retry-after-ms": String(seconds * 1000)
})

export const rateLimited = ({ kind, model, waitMillis }: RateLimited): Refused => {
  const exceeded = `Requests to ${model} have exceeded the ${kind === "requests" ? "call" : "token"} rate limit of your pricing tier.`
  if (waitMillis === undefined) return refused(429, "429", `${exceeded} This one alone is larger than the limit.`)
  const seconds = Math.ceil(waitMillis / 1000)
  return refused(429, "429", `${exceeded} Please retry after ${seconds} seconds.`, wait(seconds))
}

/** What Azure answers with this status when there is no more to say. */
export const ofStatus = (status: number): Refused => {
  switch (status) {
    case 400:
      return refused(400, "BadRequest", "The request is not valid.")
    case 401:
      return wrongKey
    case 403:
      return refused(403, "403", "Access denied due to Virtual Network/Firewall rules.")
    case 404:
      return unknownDeployment
    case 408:
      return refused(408, "Timeout", "The operation was timeout.")
    case 424:
      return refused(424, "FailedDependency", "An unexpected error occurred in scoring script.")
    case 429:
      return refused(429, "429", "Requests have exceeded the call rate limit. Please retry after 20 seconds.", wait(20))
    case 503:
      return refused(503, "ServiceUnavailable", "The service is temporarily unable to process your request.")
    default:
      return status >= 500
        ? refused(status, "InternalServerError", "The service had an internal error. Try again.")
        : refused(status, String(status), `Request failed with status ${status}.`)
  }
}
