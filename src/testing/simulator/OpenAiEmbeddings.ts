/** Embeddings: unit vectors that follow from the text, so equal texts have equal vectors. */
import * as Encoding from "effect/Encoding"
import * as Predicate from "effect/Predicate"
import * as Model from "./Model.js"
import * as OpenAiError from "./OpenAiError.js"
import * as Seed from "./Seed.js"
import * as Token from "./Token.js"
import type { Call, Plan, World } from "./Wire.js"

const largestBatch = 2048
const longestInput = 8192

export const embeddings = ({ json }: Call, world: World): Plan => {
  if (!Predicate.isRecord(json)) return OpenAiError.notJson
  const name = json["model"]
  if (typeof name !== "string" || name === "") return OpenAiError.invalid("you must provide a model parameter")
  const model = Model.find(world.models, name)
  if (model === undefined) return OpenAiError.unknownModel(name)
  if (model.kind !== "embedding") {
    return OpenAiError.invalid(`The model \`${name}\` is not an embedding model.`, "model", "invalid_model")
  }
  const inputs = inputsOf(json["input"])
  if (inputs === undefined) {
    return OpenAiError.invalid("'$.input' is invalid. Please check the API reference.", "input")
  }
  if (inputs.length === 0 || inputs.includes("")) {
    return OpenAiError.invalid("'$.input' is invalid. Input must not be empty.", "input")
  }
  if (inputs.length > largestBatch) {
    return OpenAiError.invalid(
      `Invalid 'input': array too long. Expected an array with maximum length ${largestBatch}, but got an array with ` +
        `length ${inputs.length} instead.`,
      "input",
      "array_above_max_length"
    )
  }
  const dimensions = json["dimensions"] ?? model.dimensions
  if (typeof dimensions !== "number" || !Number.isInteger(dimensions) || dimensions < 1) {
    return OpenAiError.invalid(
      "Invalid 'dimensions': expected an integer >= 1.",
      "dimensions",
      "integer_below_min_value"
    )
  }
  if (dimensions > model.dimensions) {
    return OpenAiError.invalid(
      `Invalid value for 'dimensions' = ${dimensions}. Must be less than or equal to ${model.dimensions}.`,
      "dimensions"
    )
  }
  let tokens = 0
  for (const input of inputs) {
    const count = Token.count(input)
    if (count > longestInput) {
      return OpenAiError.invalid(
        `This model's maximum context length is ${longestInput} tokens, however you requested ${count} tokens ` +
          `(${count} in your prompt; 0 for the completion). Please reduce your prompt; or completion length.`,
        "input",
        "context_length_exceeded"
      )
    }
    tokens += count
  }
  const base64 = json["encoding_format"] === "base64"
  return {
    _tag: "Whole",
    model: model.id,
    inputTokens: tokens,
    outputTokens: 0,
    body: JSON.stringify({
      object: "list",
      data: inputs.map((input, index) => {
        const vector = unitVector(Seed.choices("embedding", world.seed, model.id, input), dimensions)
        return { object: "embedding", index, embedding: base64 ? toBase64(vector) : Array.from(vector) }
      }),
      model: model.id,
      usage: { prompt_tokens: tokens, total_tokens: tokens }
    })
  }
}

/** One text, several, or (lists of) token numbers, which are taken for texts of their own. */
const inputsOf = (input: unknown): ReadonlyArray<string> | undefined => {
  if (typeof input === "string") return [input]
  if (!Array.isArray(input)) return undefined
  if (input.length > 0 && input.every((item) => typeof item === "number")) return [input.join(" ")]
  const texts: Array<string> = []
  for (const item of input) {
    if (typeof item === "string") texts.push(item)
    else if (Array.isArray(item) && item.every((token) => typeof token === "number")) texts.push(item.join(" "))
    else return undefined
  }
  return texts
}

const unitVector = (choose: Seed.Choices, dimensions: number): Float32Array => {
  const vector = new Float32Array(dimensions)
  let squares = 0
  for (let i = 0; i < dimensions; i++) {
    const value = choose.next() * 2 - 1
    vector[i] = value
    squares += value * value
  }
  const length = Math.sqrt(squares) || 1
  return vector.map((value) => value / length)
}

// OpenAI sends the little-endian bytes of 32-bit floats, whatever the order of this machine.
const toBase64 = (vector: Float32Array): string => {
  const bytes = new Uint8Array(vector.length * 4)
  const view = new DataView(bytes.buffer)
  vector.forEach((value, index) => view.setFloat32(index * 4, value, true))
  return Encoding.encodeBase64(bytes)
}
