/** The Zhipu wire: `/api/paas/v4/chat/completions` and `/api/paas/v4/embeddings`. */
import * as Predicate from "effect/Predicate"
import * as Dialect from "./Dialect.js"
import { routesAt } from "./Vendors.js"
import type { Call, Plan, Route, Wire, World } from "./Wire.js"
import * as ZhipuAuth from "./ZhipuAuth.js"
import * as ZhipuError from "./ZhipuError.js"

const models = ["glm-4.6", "glm-4.5-air", "embedding-3"]

const largestBatch = 64
const dimensions = new Set<unknown>([undefined, 256, 512, 1024, 2048])

const [chat, embed] = routesAt(
  "/api/paas/v4",
  {
    ...Dialect.plain,
    usage: "finish chunk",
    reasoning: "reasoning_content",
    toolCalls: "whole"
  },
  models
)

/** Zhipu's own limits, then what all have in common. */
const embeddings =
  (route: Route) =>
  (call: Call, world: World): Plan => {
    const body = Predicate.isRecord(call.json) ? call.json : {}
    const input = body["input"]
    if (Array.isArray(input) && input.length > largestBatch) {
      return ZhipuError.refused(400, "1214", `The parameter input is illegal: at most ${largestBatch} texts.`)
    }
    if (!dimensions.has(body["dimensions"])) {
      return ZhipuError.refused(400, "1214", "The parameter dimensions is illegal: 256, 512, 1024 or 2048.")
    }
    return route.handle(call, world)
  }

export const zhipu: Wire = {
  name: "zhipu",
  routes: [chat, { ...embed, handle: embeddings(embed) }],
  authenticate: (headers, apiKey, now) => ZhipuAuth.check(headers["authorization"], apiKey, now),
  errorBody: ZhipuError.body,
  errorFrame: ZhipuError.frame,
  refusal: ZhipuError.ofStatus,
  rateLimited: ZhipuError.rateLimited,
  unknownRoute: ZhipuError.unknownRoute,
  wrongMethod: ZhipuError.wrongMethod,
  headers: ({ requestId }) => ({ "x-log-id": requestId })
}
