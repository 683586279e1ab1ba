/** `batchEmbedContents`: a list of requests, each with one text, and the vectors in their order. */
import * as Predicate from "effect/Predicate"
import * as GoogleError from "./GenerateContentError.js"
import { modelsOf } from "./GenerateContentRequest.js"
import * as Model from "./Model.js"
import { embeddings } from "./OpenAiEmbeddings.js"
import type { Call, Plan, World } from "./Wire.js"

const largestBatch = 100

const fields = new Set(["model", "content", "taskType", "title", "outputDimensionality"])

export const batchEmbed = (call: Call, name: string, world: World): Plan => {
  const requests = Predicate.isRecord(call.json) && Array.isArray(call.json["requests"]) ? call.json["requests"] : []
  const models = modelsOf(world)
  const model = Model.find(models, name)
  if (model === undefined || model.kind !== "embedding") return GoogleError.unknownModel(name)
  if (requests.length === 0)
    return GoogleError.invalid("* BatchEmbedContentsRequest.requests: requests is not specified\n")
  if (requests.length > largestBatch) {
    return GoogleError.invalid(
      `* BatchEmbedContentsRequest.requests: at most ${largestBatch} requests can be in one batch\n`
    )
  }
  const texts: Array<string> = []
  let dimensions: unknown
  for (const [index, item] of requests.entries()) {
    const request: Readonly<Record<string, unknown>> = Predicate.isRecord(item) ? item : {}
    const at = `requests[${index}]`
    const stranger = Object.keys(request).find((field) => !fields.has(field))
    if (stranger !== undefined) return GoogleError.unknownField(stranger, at)
    if (request["model"] !== `models/${name}`) {
      return GoogleError.invalid(`* BatchEmbedContentsRequest.${at}.model: the model must be models/${name}\n`)
    }
    const text = textOf(request["content"])
    if (text === "")
      return GoogleError.invalid(`* BatchEmbedContentsRequest.${at}.content: contents is not specified\n`)
    dimensions ??= request["outputDimensionality"]
    texts.push(text)
  }
  if (
    dimensions !== undefined &&
    !(typeof dimensions === "number" && dimensions >= 1 && dimensions <= model.dimensions)
  ) {
    return GoogleError.invalid(`output_dimensionality must be between 1 and ${model.dimensions}.`)
  }
  const plan = embeddings({ ...call, json: { model: name, input: texts, dimensions } }, { ...world, models })
  return plan._tag === "Whole"
    ? { ...plan, body: JSON.stringify({ embeddings: valuesOf(JSON.parse(plan.body)) }) }
    : plan
}

const textOf = (content: unknown): string => {
  const parts = Predicate.isRecord(content) && Array.isArray(content["parts"]) ? content["parts"] : []
  return parts
    .map((part) => (Predicate.isRecord(part) && typeof part["text"] === "string" ? part["text"] : ""))
    .join("")
}

const valuesOf = (answer: unknown): ReadonlyArray<unknown> => {
  const data = Predicate.isRecord(answer) && Array.isArray(answer["data"]) ? answer["data"] : []
  return data.map((item) => ({ values: Predicate.isRecord(item) ? item["embedding"] : [] }))
}
