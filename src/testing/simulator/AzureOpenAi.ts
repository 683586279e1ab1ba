/**
 * The Azure OpenAI wire, on both of its surfaces: `/openai/deployments/NAME/…?api-version=…`, and `/openai/v1/…` with the
 * deployment as the body's `model`. What is said is OpenAI's; Azure adds what its content filters found.
 */
import * as Predicate from "effect/Predicate"
import * as AzureError from "./AzureError.js"
import * as Model from "./Model.js"
import { chatCompletions } from "./OpenAiChat.js"
import { embeddings } from "./OpenAiEmbeddings.js"
import * as OpenAiError from "./OpenAiError.js"
import type { Call, Events, Plan, Route, Whole, Wire, World } from "./Wire.js"

// --- Routes ------------------------------------------------------------------

type Fields = Readonly<Record<string, unknown>>

const record = (value: unknown): Fields => (Predicate.isRecord(value) ? value : {})

type Handle = (call: Call, world: World) => Plan

/** Checks what is Azure's own, and gives the rest to OpenAI's handler, with the deployment as its model. */
export const at = (
  path: RegExp,
  deploymentOf: (call: Call) => string | undefined,
  isVersioned: boolean,
  handle: Handle
): Route => ({
  method: "POST",
  path,
  peek: (call) => ({ model: deploymentOf(call) ?? "", stream: record(call.json)["stream"] === true }),
  handle: (call, world) => {
    const version = new URLSearchParams(call.query).get("api-version")
    const deployment = deploymentOf(call)
    if (isVersioned && !/^\d{4}-\d\d-\d\d(?:-preview)?$/.test(version ?? "")) return AzureError.notFound
    if (deployment === undefined || Model.find(world.models, deployment) === undefined)
      return AzureError.unknownDeployment
    return handle(Predicate.isRecord(call.json) ? { ...call, json: { ...call.json, model: deployment } } : call, world)
  }
})

const inPath = ({ path }: Call): string | undefined => {
  const [, segment = ""] = /^\/openai\/deployments\/([^/]+)\//.exec(path) ?? []
  // A foreign boundary: a client may send any path, also one with a torn escape.
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

export const inBody = ({ json }: Call): string | undefined => {
  const model = record(json)["model"]
  return typeof model === "string" ? model : undefined
}

// --- Content filters ---------------------------------------------------------

const safe = { filtered: false, severity: "safe" }
const filterResults = { hate: safe, self_harm: safe, sexual: safe, violence: safe }
const promptResults = [
  {
    prompt_index: 0,
    content_filter_results: { ...filterResults, jailbreak: { filtered: false, detected: false } }
  }
]

const chat: Handle = (call, world) => {
  const plan = chatCompletions(call, world)
  return plan._tag === "Refused" ? plan : plan._tag === "Whole" ? filteredWhole(plan) : filteredEvents(plan)
}

const filteredWhole = (plan: Whole): Whole => {
  const answer = record(JSON.parse(plan.body))
  const choices = Array.isArray(answer["choices"]) ? answer["choices"].map(record) : []
  return {
    ...plan,
    body: JSON.stringify({
      ...answer,
      choices: choices.map((choice) => ({ ...choice, content_filter_results: filterResults })),
      prompt_filter_results: promptResults
    })
  }
}

const firstFrame = `data: ${JSON.stringify({
  choices: [],
  created: 0,
  id: "",
  model: "",
  object: "",
  prompt_filter_results: promptResults
})}\n\n`

const inChoice = `"choices":[{"content_filter_results":${JSON.stringify(filterResults)},`

const filteredEvents = (plan: Events): Events => ({
  ...plan,
  opening: [firstFrame, ...plan.opening],
  tokens: plan.tokens.map((token) => ({ ...token, text: token.text.replace('"choices":[{', () => inChoice) }))
})

// --- The wire ----------------------------------------------------------------

export const azureOpenAi: Wire = {
  name: "azure-openai",
  routes: [
    at(/^\/openai\/deployments\/[^/]+\/chat\/completions$/, inPath, true, chat),
    at(/^\/openai\/deployments\/[^/]+\/embeddings$/, inPath, true, embeddings),
    at(/^\/openai\/v1\/chat\/completions$/, inBody, false, chat),
    at(/^\/openai\/v1\/embeddings$/, inBody, false, embeddings)
  ],
  authenticate: (headers, apiKey) => {
    const key = headers["api-key"]
    const [scheme, token] = (headers["authorization"] ?? "").split(/\s+/, 2)
    const given = key ?? (scheme?.toLowerCase() === "bearer" ? token : undefined)
    if (given !== undefined && given !== "" && (apiKey === undefined || given === apiKey)) return undefined
    return key === undefined ? AzureError.wrongToken : AzureError.wrongKey
  },
  errorBody: AzureError.body,
  errorFrame: OpenAiError.frame,
  refusal: AzureError.ofStatus,
  rateLimited: AzureError.rateLimited,
  unknownRoute: () => AzureError.notFound,
  wrongMethod: () => AzureError.wrongMethod,
  headers: ({ requestId }) => ({ "apim-request-id": requestId, "x-ms-region": "Simulated Region" })
}
