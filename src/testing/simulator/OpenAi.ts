/** The OpenAI wire: `/v1/chat/completions`, `/v1/embeddings`, `/v1/models`. */
import * as Predicate from "effect/Predicate"
import * as Model from "./Model.js"
import { chatCompletions } from "./OpenAiChat.js"
import { embeddings } from "./OpenAiEmbeddings.js"
import * as OpenAiError from "./OpenAiError.js"
import type { Call, Route, Wire } from "./Wire.js"

const peek: Route["peek"] = ({ json }: Call) =>
  Predicate.isRecord(json)
    ? { model: typeof json["model"] === "string" ? json["model"] : "", stream: json["stream"] === true }
    : { model: "", stream: false }

const nothing: Route["peek"] = () => ({ model: "", stream: false })

const described = (id: string) => ({ id, object: "model", created: 1_715_367_049, owned_by: "simulator" })

const free = (body: unknown) =>
  ({ _tag: "Whole", model: "", inputTokens: 0, outputTokens: 0, body: JSON.stringify(body) }) as const

const routes: ReadonlyArray<Route> = [
  { method: "POST", path: /^\/v1\/chat\/completions$/, peek, handle: chatCompletions },
  { method: "POST", path: /^\/v1\/embeddings$/, peek, handle: embeddings },
  {
    method: "GET",
    path: /^\/v1\/models$/,
    peek: nothing,
    handle: (_call, world) => free({ object: "list", data: world.models.map(described) })
  },
  {
    method: "GET",
    path: /^\/v1\/models\/[^/]+$/,
    peek: nothing,
    handle: ({ path }, world) => {
      const name = path.slice(path.lastIndexOf("/") + 1)
      const model = Model.find(world.models, name)
      return model === undefined ? OpenAiError.unknownModel(name) : free(described(model.id))
    }
  }
]

export const openAi: Wire = {
  name: "openai",
  routes,
  authenticate: (headers, apiKey) => {
    const [scheme, key] = (headers["authorization"] ?? "").split(/\s+/, 2)
    if (scheme?.toLowerCase() !== "bearer" || key === undefined || key === "") return OpenAiError.missingKey
    return apiKey === undefined || key === apiKey ? undefined : OpenAiError.wrongKey
  },
  errorBody: OpenAiError.body,
  errorFrame: OpenAiError.frame,
  refusal: OpenAiError.ofStatus,
  rateLimited: OpenAiError.rateLimited,
  unknownRoute: OpenAiError.unknownRoute,
  wrongMethod: OpenAiError.wrongMethod,
  headers: ({ model, processingMillis, requestId }) => ({
    "x-request-id": requestId,
    "openai-processing-ms": String(Math.round(processingMillis)),
    "openai-version": "2020-10-01",
    "openai-organization": "org-simulated",
    ...(model === "" ? {} : { "openai-model": headerSafe(Model.describe(model).snapshot) })
  })
}

// A model's name comes from the client; a line ending in it must not reach a header.
const headerSafe = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?")
