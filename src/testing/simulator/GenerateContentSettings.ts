/** `generationConfig`, with Google's ranges and its rules for thinking. */
import * as Predicate from "effect/Predicate"
import { invalid, unknownField } from "./GenerateContentError.js"
import type { Format } from "./OpenAiTools.js"
import type { Refused } from "./Wire.js"

export interface Settings {
  readonly _tag: "Settings"
  readonly maxTokens: number | undefined
  readonly stop: ReadonlyArray<string>
  readonly format: Format
  readonly effort: string
  readonly includeThoughts: boolean
}

type Fields = Readonly<Record<string, unknown>>

const known = new Set([
  "temperature",
  "topP",
  "topK",
  "candidateCount",
  "maxOutputTokens",
  "stopSequences",
  "seed",
  "presencePenalty",
  "frequencyPenalty",
  "responseMimeType",
  "responseSchema",
  "responseJsonSchema",
  "responseModalities",
  "responseLogprobs",
  "logprobs",
  "mediaResolution",
  "speechConfig",
  "imageConfig",
  "thinkingConfig"
])

const ranges: ReadonlyArray<readonly [name: string, minimum: number, maximum: number]> = [
  ["temperature", 0, 2],
  ["topP", 0, 1],
  ["presencePenalty", -2, 2],
  ["frequencyPenalty", -2, 2],
  ["maxOutputTokens", 1, 2_147_483_647],
  ["seed", -2_147_483_648, 2_147_483_647]
]

export const checkSettings = (value: unknown, model: string): Settings | Refused => {
  const config: Fields = Predicate.isRecord(value) ? value : {}
  const stranger = Object.keys(config).find((name) => !known.has(name))
  if (stranger !== undefined) return unknownField(stranger, "generation_config")
  for (const [name, minimum, maximum] of ranges) {
    const setting = config[name]
    if (setting === undefined) continue
    if (typeof setting !== "number" || setting < minimum || setting > maximum) {
      return invalid(
        `* GenerateContentRequest.generation_config.${name}: must be in the range [${minimum}, ${maximum}].`
      )
    }
  }
  const stops = Array.isArray(config["stopSequences"]) ? config["stopSequences"] : []
  if (stops.length > 5) return invalid("The number of stop sequences must be at most 5.")
  const format = checkFormat(config)
  if (format._tag === "Refused") return format
  const thinking = checkThinking(config["thinkingConfig"], model)
  if (thinking._tag === "Refused") return thinking
  const limit = config["maxOutputTokens"]
  return {
    ...thinking,
    _tag: "Settings",
    maxTokens: typeof limit === "number" ? limit : undefined,
    stop: stops.filter((text) => typeof text === "string"),
    format
  }
}

const checkFormat = (config: Fields): Format | Refused => {
  const schema = config["responseJsonSchema"] ?? config["responseSchema"]
  if (config["responseMimeType"] === "application/json") {
    return schema === undefined ? { _tag: "JsonObject" } : { _tag: "JsonSchema", schema }
  }
  return schema === undefined
    ? { _tag: "Text" }
    : invalid("Response schema is only supported with the response mime type application/json.")
}

/** Whether a model thinks at all, and whether it is told so by a word. */
export const thinks = (model: string): boolean => !/gemini-(?:1\.|2\.0)|gemma/.test(model)

export const takesLevels = (model: string): boolean => /gemini-[3-9]/.test(model)

interface Thinking {
  readonly _tag: "Thinking"
  readonly effort: string
  readonly includeThoughts: boolean
}

const checkThinking = (value: unknown, model: string): Thinking | Refused => {
  if (!Predicate.isRecord(value)) return { _tag: "Thinking", effort: "medium", includeThoughts: false }
  if (!thinks(model)) return invalid(`Thinking is not enabled for models/${model}`)
  const { includeThoughts, thinkingBudget: budget, thinkingLevel: level, ...others } = value
  const stranger = Object.keys(others)[0]
  if (stranger !== undefined) return unknownField(stranger, "generation_config.thinking_config")
  if (budget !== undefined && level !== undefined) {
    return invalid("You can only set only one of thinking budget and thinking level.")
  }
  if (level !== undefined && !takesLevels(model)) return invalid("Thinking level is not supported for this model.")
  if (budget === 0 && model.includes("-pro"))
    return invalid("Budget 0 is invalid. This model only works in thinking mode.")
  if (level === "minimal" && model.includes("-pro"))
    return invalid("Thinking level MINIMAL is not supported for this model.")
  if (level === "medium" && /gemini-3-pro/.test(model))
    return invalid("Thinking level MEDIUM is not supported for this model. Please retry with other thinking level.")
  return {
    _tag: "Thinking",
    effort: typeof level === "string" ? level.toLowerCase() : typeof budget === "number" ? effortOf(budget) : "medium",
    includeThoughts: includeThoughts === true
  }
}

const effortOf = (budget: number): string =>
  budget === 0 ? "none" : budget < 0 ? "medium" : budget <= 1024 ? "low" : budget <= 8192 ? "medium" : "high"
