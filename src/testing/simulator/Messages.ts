/** The wire of Anthropic: `/v1/messages`. */
import * as Predicate from "effect/Predicate"
import { messages } from "./MessagesAnswer.js"
import * as MessagesError from "./MessagesError.js"
import type { LimitState, Route, Wire } from "./Wire.js"

const peek: Route["peek"] = ({ json }) =>
  Predicate.isRecord(json)
    ? { model: typeof json["model"] === "string" ? json["model"] : "", stream: json["stream"] === true }
    : { model: "", stream: false }

const limitHeaders = (limits: ReadonlyArray<LimitState>, now: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    limits.flatMap(({ kind, limit, remaining, resetMillis }) => [
      [`anthropic-ratelimit-${kind}-limit`, String(limit)],
      [`anthropic-ratelimit-${kind}-remaining`, String(remaining)],
      [`anthropic-ratelimit-${kind}-reset`, new Date(now + resetMillis).toISOString()]
    ])
  )

export const anthropic: Wire = {
  name: "anthropic",
  routes: [{ method: "POST", path: /^\/v1\/messages$/, peek, handle: messages }],
  authenticate: (headers, apiKey) => {
    const key = headers["x-api-key"] ?? ""
    if (key === "") return MessagesError.missingKey
    return apiKey === undefined || key === apiKey ? undefined : MessagesError.wrongKey
  },
  errorBody: MessagesError.body,
  errorFrame: MessagesError.frame,
  refusal: MessagesError.ofStatus,
  rateLimited: MessagesError.rateLimited,
  unknownRoute: () => MessagesError.notFound,
  wrongMethod: () => MessagesError.wrongMethod,
  headers: ({ requestId }) => ({ "request-id": requestId, "anthropic-organization-id": "org-simulated" }),
  limitHeaders
}
