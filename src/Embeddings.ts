/**
 * Texts in, vectors out.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { CacheControl, modelProblem, type Problem } from "./ChatRequest.js"
import { Usage } from "./Usage.js"

/**
 * - `input`: the texts, each a vector in the answer, in the same order
 * - `dimensions`: the length of the vectors, for models that can shorten them
 * - `providerOptions`, `metadata`, `cacheControl`: as in `ChatRequest`
 */
export const EmbedRequest = Schema.Struct({
  input: Schema.Array(Schema.String),
  model: Schema.optional(Schema.String),
  dimensions: Schema.optional(Schema.Number),
  providerOptions: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
  metadata: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
  cacheControl: Schema.optional(CacheControl)
}).annotations({ identifier: "EmbedRequest" })

export interface EmbedRequest extends Schema.Schema.Type<typeof EmbedRequest> {}

/** One text, texts, or a whole request. */
export type Input = string | ReadonlyArray<string> | EmbedRequest

const isTexts = (input: ReadonlyArray<string> | EmbedRequest): input is ReadonlyArray<string> => Array.isArray(input)

/** A request from one text, texts, or a request as it stands. */
export const makeRequest = (input: Input): EmbedRequest =>
  typeof input === "string" ? { input: [input] } : isTexts(input) ? { input } : input

/** The first thing in a request that no provider could take, if any. */
export const validateRequest = (request: EmbedRequest): Option.Option<Problem> => {
  if (request.input.length === 0) return Option.some({ param: "input", message: "there is no text to embed" })
  const empty = request.input.indexOf("")
  if (empty >= 0) return Option.some({ param: `input[${empty}]`, message: `text ${empty} to embed is empty` })
  const model = modelProblem(request.model)
  if (Option.isSome(model)) return model
  const dimensions = request.dimensions
  return dimensions === undefined || (Number.isInteger(dimensions) && dimensions > 0)
    ? Option.none()
    : Option.some({ param: "dimensions", message: `dimensions must be a positive whole number, not ${dimensions}` })
}

/**
 * - `vectors`: one per text of the request, in its order
 * - `cached`: no call was made for this answer
 * - `attempts`: how many requests went out for it
 */
export const Embeddings = Schema.Struct({
  vectors: Schema.Array(Schema.Array(Schema.Number)),
  model: Schema.String,
  usage: Usage,
  requestId: Schema.optional(Schema.String),
  cached: Schema.Boolean,
  attempts: Schema.Number,
  latency: Schema.DurationFromMillis
}).annotations({ identifier: "Embeddings" })

export interface Embeddings extends Schema.Schema.Type<typeof Embeddings> {}
