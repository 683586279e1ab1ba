/**
 * The embeddings beside generateContent: `batchEmbedContents`, a list of requests in one.
 */
import * as Either from "effect/Either"
import type { EmbedRequest } from "../Embeddings.js"
import { excerpt, type LlmError, MalformedResponse } from "../LlmError.js"
import * as ErrorBody from "./ErrorBody.js"
import * as ErrorClassification from "./ErrorClassification.js"
import * as GenerateContentUsage from "./GenerateContentUsage.js"
import * as Json from "./Json.js"
import type { Embeddings, Encoded, Origin, Received, Vectors } from "./Wire.js"

/** Every text is a request of its own, and `providerOptions` (a `taskType`, a `title`) belong to each. */
const encode = (request: EmbedRequest, origin: Origin): Encoded => ({
  body: {
    requests: request.input.map((text) => ({
      model: `models/${origin.model.replace(/^models\//, "")}`,
      content: { parts: [{ text }] },
      outputDimensionality: request.dimensions,
      ...request.providerOptions
    }))
  },
  warnings: []
})

const readVector = (item: unknown): ReadonlyArray<number> | undefined => {
  const values = Json.record(item)?.values
  return Array.isArray(values) && values.length > 0 && values.every((n) => typeof n === "number") ? values : undefined
}

const decode = (json: unknown, received: Received): Either.Either<Vectors, LlmError> => {
  const { origin, requestId } = received
  if (ErrorClassification.isErrorPayload(json))
    return Either.left(ErrorClassification.classifyPayload(origin, json, received))
  const answer = Json.record(json)
  const items = Json.array(answer?.embeddings)
  const vectors = items.flatMap((item) => {
    const vector = readVector(item)
    return vector === undefined ? [] : [vector]
  })
  if (items.length === 0 || vectors.length !== items.length) {
    return Either.left(
      new MalformedResponse({
        ...origin,
        requestId,
        status: 200,
        message: "the answer has no embeddings[].values",
        body: excerpt(ErrorBody.print(json))
      })
    )
  }
  return Either.right({ vectors, model: origin.model, usage: GenerateContentUsage.read(answer?.usageMetadata) })
}

/** `maxInputs`: the most texts that the provider takes in one request. */
export const make = (maxInputs: number): Embeddings => ({ maxInputs, encode, decode })
