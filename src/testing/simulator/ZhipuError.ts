/** Zhipu's errors: a number as text, and a message. */
import type { ErrorDetail, ErrorShape } from "./Fault.js"
import type { RateLimited, Refused } from "./Wire.js"

export const body = (error: ErrorDetail): string => JSON.stringify({ error: worded(error) })

export const frame = (error: ErrorDetail, shape: ErrorShape): string => {
  switch (shape) {
    case "object":
      return `data: ${body(error)}\n\n`
    case "flat":
      return `event: error\ndata: ${JSON.stringify(worded(error))}\n\n`
    case "string":
      return `event: error\ndata: ${JSON.stringify(error.message)}\n\n`
    case "null":
      return "event: error\ndata: null\n\n"
  }
}

export const refused = (status: number, code: string, message: string): Refused => ({
  _tag: "Refused",
  status,
  error: { message, type: "zhipu", code }
})

/** What Zhipu answers with this status when there is no more to say. */
export const ofStatus = (status: number, model: string): Refused => {
  switch (status) {
    case 400:
      return refused(400, "1210", "The parameters of the call are incorrect. Please check the documentation.")
    case 401:
      return refused(401, "1000", "Authentication failed.")
    case 402:
      return refused(402, "1113", "Your account is in arrears. Please recharge and try again.")
    case 403:
      return refused(403, "1220", "You do not have permission to access this API.")
    case 404:
      return refused(404, "1211", `The model ${model} does not exist. Please check the model code.`)
    case 429:
      return refused(
        429,
        "1302",
        "The concurrency of this API is too high. Please reduce it, or ask for a higher limit."
      )
    case 500:
      return refused(500, "500", "Internal error.")
    default:
      return refused(status, String(status), `The request failed with status ${status}.`)
  }
}

export const rateLimited = ({ kind, limit }: RateLimited): Refused =>
  kind === "requests"
    ? refused(429, "1303", `The frequency of this API is too high: ${limit} requests a minute are allowed.`)
    : refused(429, "1305", `This API has too many requests: ${limit} tokens a minute are allowed.`)

export const unknownRoute = (method: string, path: string): Refused =>
  refused(404, "404", `There is nothing at ${method} ${path}.`)

export const wrongMethod = (method: string, path: string): Refused =>
  refused(405, "405", `${path} cannot be asked with ${method}.`)

const worded = (error: ErrorDetail): { readonly code: string; readonly message: string } => ({
  code: codeOf(error),
  message: error.message
})

/** Zhipu's number for a fault that has a name of OpenAI's. */
const codeOf = ({ code, param, type }: ErrorDetail): string => {
  const text = String(code ?? "")
  if (/^\d+$/.test(text)) return text
  if (text === "model_not_found") return "1211"
  if (text === "context_length_exceeded") return "1261"
  if (type === "server_error") return "500"
  return text === "missing_required_parameter" || param === null || param === undefined ? "1213" : "1214"
}
