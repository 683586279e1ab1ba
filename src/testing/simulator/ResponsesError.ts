/** Errors amid a stream of the Responses API: an event of their own, then the response that failed. */
import type { ErrorDetail, ErrorShape } from "./Fault.js"
import * as OpenAiError from "./OpenAiError.js"
import { event, type Fields, record } from "./ResponsesEvent.js"

/** The response as the first event of a stream has it. */
const responseIn = (first: string): Fields => {
  const [, data = "null"] = /^data: (.*)$/m.exec(first) ?? []
  return record(record(JSON.parse(data))["response"])
}

/** The numbers go on from what was sent before. */
export const frame = (error: ErrorDetail, shape: ErrorShape, before: ReadonlyArray<string>): string => {
  if (shape === "string" || shape === "null") return OpenAiError.frame(error, shape)
  const number = before.join("").match(/^event: /gm)?.length ?? 0
  const { code, message, param, type } = OpenAiError.complete(error)
  const failed = {
    ...responseIn(before[0] ?? ""),
    status: "failed",
    error: { code: code ?? type, message }
  }
  return (
    event(
      shape === "flat"
        ? { type: "error", code, message, param }
        : { type: "error", error: { type, code, message, param } },
      number
    ) + event({ type: "response.failed", response: failed }, number + 1)
  )
}
