/** The sampling settings of a chat request, with OpenAI's ranges and its refusals for reasoning models. */
import type { Model } from "./Model.js"
import { invalid } from "./OpenAiError.js"
import { article } from "./OpenAiMessages.js"
import type { Refused } from "./Wire.js"

export interface Settings {
  readonly _tag: "Settings"
  readonly maxTokens: number | undefined
  readonly stop: ReadonlyArray<string>
}

type Fields = Readonly<Record<string, unknown>>

export interface Range {
  readonly name: string
  readonly kind: "decimal" | "integer"
  readonly minimum: number
  readonly maximum: number
}

const ranges: ReadonlyArray<Range> = [
  { name: "temperature", kind: "decimal", minimum: 0, maximum: 2 },
  { name: "top_p", kind: "decimal", minimum: 0, maximum: 1 },
  { name: "frequency_penalty", kind: "decimal", minimum: -2, maximum: 2 },
  { name: "presence_penalty", kind: "decimal", minimum: -2, maximum: 2 },
  { name: "max_tokens", kind: "integer", minimum: 1, maximum: Infinity },
  { name: "max_completion_tokens", kind: "integer", minimum: 1, maximum: Infinity },
  { name: "seed", kind: "integer", minimum: -Infinity, maximum: Infinity }
]

// What reasoning models take, which is only what they would do anyway.
const onlyDefaults = { temperature: 1, top_p: 1, frequency_penalty: 0, presence_penalty: 0 } as const

export const checkSettings = (body: Fields, model: Model): Settings | Refused => {
  const refused = (model.reasoning ? refusedByReasoning(body) : undefined) ?? outOfRange(body, ranges)
  if (refused !== undefined) return refused
  const stop = checkStop(body["stop"])
  if ("_tag" in stop) return stop
  return {
    _tag: "Settings",
    maxTokens: numberOf(body["max_completion_tokens"]) ?? numberOf(body["max_tokens"]),
    stop: stop.texts
  }
}

const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined)

const refusedByReasoning = (body: Fields): Refused | undefined => {
  if (isGiven(body["max_tokens"])) {
    return invalid(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      "max_tokens",
      "unsupported_parameter"
    )
  }
  for (const [name, standard] of Object.entries(onlyDefaults)) {
    const value = body[name]
    if (!isGiven(value) || value === standard) continue
    return name === "temperature"
      ? invalid(
          `Unsupported value: 'temperature' does not support ${String(value)} with this model. ` +
            "Only the default (1) value is supported.",
          name,
          "unsupported_value"
        )
      : invalid(`Unsupported parameter: '${name}' is not supported with this model.`, name, "unsupported_parameter")
  }
  return undefined
}

export const outOfRange = (body: Fields, ranges: ReadonlyArray<Range>): Refused | undefined => {
  for (const { kind, maximum, minimum, name } of ranges) {
    const value = body[name]
    if (!isGiven(value)) continue
    if (typeof value !== "number" || (kind === "integer" && !Number.isInteger(value))) {
      return invalid(
        `Invalid type for '${name}': expected ${kind === "integer" ? "an integer" : "a decimal"}, ` +
          `but got ${article(value)} instead.`,
        name,
        "invalid_type"
      )
    }
    if (value < minimum) {
      return invalid(
        `Invalid '${name}': ${kind} below minimum value. Expected a value >= ${minimum}, but got ${value} instead.`,
        name,
        `${kind}_below_min_value`
      )
    }
    if (value > maximum) {
      return invalid(
        `Invalid '${name}': ${kind} above maximum value. Expected a value <= ${maximum}, but got ${value} instead.`,
        name,
        `${kind}_above_max_value`
      )
    }
  }
  return undefined
}

const checkStop = (value: unknown): { readonly texts: ReadonlyArray<string> } | Refused => {
  if (!isGiven(value)) return { texts: [] }
  const texts = Array.isArray(value) ? value : [value]
  if (!texts.every((text): text is string => typeof text === "string")) {
    return invalid(
      `Invalid type for 'stop': expected one of a string or array of strings, but got ${article(value)} instead.`,
      "stop",
      "invalid_type"
    )
  }
  if (texts.length > 4) {
    return invalid(
      "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length " +
        `${texts.length} instead.`,
      "stop",
      "array_above_max_length"
    )
  }
  return { texts: texts.filter((text) => text !== "") }
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null
