/**
 * The embeddings protocol of OpenAI, which its whole family speaks.
 */
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import type { EmbedRequest } from "../Embeddings.js"
import { excerpt, type LlmError, MalformedResponse } from "../LlmError.js"
import * as ErrorBody from "./ErrorBody.js"
import * as ErrorClassification from "./ErrorClassification.js"
import * as Json from "./Json.js"
import * as OpenAiUsage from "./OpenAiUsage.js"
import type { Embeddings, Encoded, Origin, Received, Vectors } from "./Wire.js"

const encode = (request: EmbedRequest, origin: Origin): Encoded => ({
  body: {
    model: origin.model,
    input: request.input,
    dimensions: request.dimensions,
    encoding_format: "float",
    ...request.providerOptions
  },
  warnings: []
})

/** Floats as they are, or as base64 of little-endian float32, whichever the provider sends. */
const readVector = (value: unknown): ReadonlyArray<number> | undefined => {
  if (Array.isArray(value)) return value.every((n) => typeof n === "number") ? value : undefined
  const bytes = typeof value === "string" ? Either.getOrUndefined(Encoding.decodeBase64(value)) : undefined
  if (bytes === undefined || bytes.length % 4 !== 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true))
}

const decode = (json: unknown, received: Received): Either.Either<Vectors, LlmError> => {
  const { origin, requestId } = received
  if (ErrorClassification.isErrorPayload(json))
    return Either.left(ErrorClassification.classifyPayload(origin, json, received))
  const answer = Json.record(json)
  const items = Json.array(answer?.data).map(Json.record)
  // Each says which text it belongs to; the order is not promised.
  const sorted = items
    .map((item, place) => ({ index: Json.number(item?.index) ?? place, vector: readVector(item?.embedding) }))
    .sort((a, b) => a.index - b.index)
  const vectors: Array<ReadonlyArray<number>> = []
  for (const { vector = [] } of sorted) if (vector.length > 0) vectors.push(vector)
  if (items.length === 0 || vectors.length !== items.length) {
    return Either.left(
      new MalformedResponse({
        ...origin,
        requestId,
        status: 200,
        message: "the answer has no data[].embedding",
        body: excerpt(ErrorBody.print(json))
      })
    )
  }
  return Either.right({
    vectors,
    model: Json.nonEmptyString(answer?.model) ?? origin.model,
    usage: (answer === undefined ? undefined : OpenAiUsage.read(answer)) ?? {}
  })
}

/** `maxInputs`: the most texts that the provider takes in one request. */
export const make = (maxInputs: number): Embeddings => ({ maxInputs, encode, decode })
