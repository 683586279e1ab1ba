/** The wire of Google's models: `/v1beta/models/{model}:generateContent` and its kin, and `/v1beta/models`. */
import { generate } from "./GenerateContentAnswer.js"
import { batchEmbed } from "./GenerateContentEmbeddings.js"
import * as GoogleError from "./GenerateContentError.js"
import { modelsOf } from "./GenerateContentRequest.js"
import type { Call, Plan, Route, Wire, World } from "./Wire.js"

const address = /^\/v1(?:alpha|beta)\/models\/([^/:]+):(\w+)$/

/** The model of an address, which is one escaped segment of it. */
const modelOf = (path: string): string => {
  const name = address.exec(path)?.[1] ?? ""
  // A foreign boundary: a client may send what is no escape.
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

const method = (name: string, handle: (call: Call, model: string, world: World) => Plan): Route => ({
  method: "POST",
  path: new RegExp(`${address.source.replace("(\\w+)$", name)}$`),
  peek: ({ path, query }) => ({ model: modelOf(path), stream: name.startsWith("stream") && asksForEvents(query) }),
  handle: (call, world) => handle(call, modelOf(call.path), world)
})

const asksForEvents = (query: string): boolean => new URLSearchParams(query).get("alt") === "sse"

/** Without `alt=sse` a stream is one JSON list of its chunks. */
const stream = (call: Call, model: string, world: World): Plan => {
  const plan = generate(call, model, asksForEvents(call.query), world)
  return asksForEvents(call.query) || plan._tag !== "Whole" ? plan : { ...plan, body: `[${plan.body}\n]` }
}

const list = (world: World): Plan => ({
  _tag: "Whole",
  model: "",
  inputTokens: 0,
  outputTokens: 0,
  body: JSON.stringify({
    models: modelsOf(world).map((id) => ({
      name: `models/${id}`,
      displayName: id,
      supportedGenerationMethods: id.includes("embed") ? ["embedContent"] : ["generateContent", "countTokens"]
    }))
  })
})

export const generateContent: Wire = {
  name: "generate-content",
  routes: [
    method("generateContent", (call, model, world) => generate(call, model, false, world)),
    method("streamGenerateContent", stream),
    method("batchEmbedContents", batchEmbed),
    {
      method: "GET",
      path: /^\/v1(?:alpha|beta)\/models$/,
      peek: () => ({ model: "", stream: false }),
      handle: (_call, world) => list(world)
    }
  ],
  authenticate: (headers, apiKey) => {
    const key = headers["x-goog-api-key"] ?? ""
    if (key === "") return GoogleError.missingKey
    return apiKey === undefined || key === apiKey ? undefined : GoogleError.wrongKey
  },
  errorBody: GoogleError.body,
  errorFrame: GoogleError.frame,
  refusal: GoogleError.ofStatus,
  rateLimited: GoogleError.rateLimited,
  unknownRoute: GoogleError.notFound,
  wrongMethod: GoogleError.notFound,
  headers: ({ processingMillis }) => ({ "server-timing": `gfet4t7; dur=${Math.round(processingMillis)}` }),
  limitHeaders: () => ({})
}
