/** The settings of a request in the messages protocol, with Anthropic's ranges and its refusals of what does not go together. */
import * as Predicate from "effect/Predicate"
import { invalid } from "./MessagesError.js"
import type { Format, Tool } from "./OpenAiTools.js"
import * as Token from "./Token.js"
import type { Refused } from "./Wire.js"

type Fields = Readonly<Record<string, unknown>>

export interface Settings {
  readonly _tag: "Settings"
  readonly maxTokens: number
  readonly stop: ReadonlyArray<string>
  readonly isThinking: boolean
  /** Whether its thoughts are shown, or only their signature. */
  readonly showsThoughts: boolean
  readonly effort: string
  readonly format: Format
  readonly tools: ReadonlyArray<Tool>
  readonly toolChoice: "auto" | "none" | "required" | { readonly name: string }
  readonly toolTokens: number
}

const known = new Set([
  "model",
  "messages",
  "system",
  "max_tokens",
  "temperature",
  "top_p",
  "top_k",
  "stop_sequences",
  "stream",
  "thinking",
  "tools",
  "tool_choice",
  "output_config",
  "metadata",
  "service_tier",
  "cache_control"
])

/** Models that take no sampling settings, and no budget to think within. */
const isNewest = (model: string): boolean => /claude-(?:opus-4-[7-9]|[a-z]+-[5-9])/.test(model)

const isAdaptive = (model: string): boolean => isNewest(model) || /claude-(?:opus|sonnet)-4-6/.test(model)

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

const checkNumbers = (body: Fields): Refused | undefined => {
  const maxTokens = body["max_tokens"]
  if (maxTokens === undefined) return invalid("max_tokens: Field required")
  if (typeof maxTokens !== "number" || !Number.isInteger(maxTokens) || maxTokens < 1) {
    return invalid("max_tokens: Input should be greater than or equal to 1")
  }
  for (const name of ["temperature", "top_p"]) {
    const value = body[name]
    if (!isGiven(value)) continue
    if (typeof value !== "number") return invalid(`${name}: Input should be a valid number`)
    if (value < 0 || value > 1) return invalid(`${name}: range: 0..1`)
  }
  return undefined
}

const checkThinking = (body: Fields, model: string, thinking: Fields, isForced: boolean): Refused | undefined => {
  const { temperature, top_p: topP } = body
  const isOn = thinking["type"] === "enabled" || thinking["type"] === "adaptive"
  if (isNewest(model) && ((isGiven(temperature) && temperature !== 1) || (typeof topP === "number" && topP < 0.99))) {
    return invalid("`temperature` and `top_p` are not supported by this model.")
  }
  if (/-4-[156]/.test(model) && isGiven(temperature) && isGiven(topP)) {
    return invalid("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
  }
  if (!isOn) return undefined
  if (thinking["type"] === "adaptive" && !isAdaptive(model))
    return invalid("adaptive thinking is not supported on this model")
  if (thinking["type"] === "enabled") {
    const budget = thinking["budget_tokens"]
    if (isNewest(model)) return invalid('thinking.type: "enabled" is not supported for this model. Use "adaptive".')
    if (typeof budget !== "number" || budget < 1024) {
      return invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    }
    if (budget >= Number(body["max_tokens"]))
      return invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
  }
  if (isGiven(temperature) && temperature !== 1) {
    return invalid("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.")
  }
  if (typeof topP === "number" && topP < 0.95) {
    return invalid("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
  }
  return isForced ? invalid("Thinking may not be enabled when tool_choice forces tool use.") : undefined
}

// --- Schemas -------------------------------------------------------------------

const unsupported = [
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "maxItems",
  "oneOf"
]

/** What is wrong with a schema that the model is to be held to, in Anthropic's words. */
const schemaFault = (schema: unknown): string | undefined => {
  if (Array.isArray(schema)) return schema.map(schemaFault).find((fault) => fault !== undefined)
  if (!Predicate.isRecord(schema)) return undefined
  const keyword = unsupported.find((name) => schema[name] !== undefined && typeof schema["type"] === "string")
  if (keyword !== undefined) return `For '${String(schema["type"])}' type, property '${keyword}' is not supported`
  if (schema["type"] === "object" && schema["additionalProperties"] !== false) {
    return "For 'object' type, 'additionalProperties' must be explicitly set to false"
  }
  return Object.values(schema)
    .map(schemaFault)
    .find((fault) => fault !== undefined)
}

const checkFormat = (format: unknown): Format | Refused => {
  if (!isGiven(format)) return { _tag: "Text" }
  if (!Predicate.isRecord(format) || format["type"] !== "json_schema" || !Predicate.isRecord(format["schema"])) {
    return invalid("output_config.format.schema: Field required")
  }
  const fault = schemaFault(format["schema"])
  return fault === undefined
    ? { _tag: "JsonSchema", schema: format["schema"] }
    : invalid(`output_config.format.schema: ${fault}`)
}

// --- Tools ---------------------------------------------------------------------

const checkTool = (tool: unknown, at: string): Tool | Refused => {
  const schema = Predicate.isRecord(tool) ? tool["input_schema"] : undefined
  if (!Predicate.isRecord(tool) || typeof tool["name"] !== "string" || !/^[a-zA-Z0-9_-]{1,128}$/.test(tool["name"])) {
    return invalid(`${at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`)
  }
  if (!Predicate.isRecord(schema) || schema["type"] !== "object")
    return invalid(`${at}.custom.input_schema.type: Field required`)
  if (["oneOf", "allOf", "anyOf"].some((keyword) => schema[keyword] !== undefined)) {
    return invalid(`${at}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level`)
  }
  const fault = tool["strict"] === true ? schemaFault(schema) : undefined
  return fault === undefined ? { name: tool["name"], parameters: schema } : invalid(`${at}.custom: ${fault}`)
}

const choiceOf = (choice: Fields): Settings["toolChoice"] => {
  switch (choice["type"]) {
    case "none":
      return "none"
    case "any":
      return "required"
    case "tool":
      return { name: String(choice["name"]) }
    default:
      return "auto"
  }
}

const checkTools = (body: Fields): Pick<Settings, "tools" | "toolChoice" | "toolTokens"> | Refused => {
  const { tool_choice: choice, tools } = body
  if (!Array.isArray(tools) || tools.length === 0) {
    return isGiven(choice)
      ? invalid("tool_choice may only be specified while providing tools.")
      : { tools: [], toolChoice: "none", toolTokens: 0 }
  }
  const list: Array<Tool> = []
  for (const [index, tool] of tools.entries()) {
    const read = checkTool(tool, `tools.${index}`)
    if ("_tag" in read) return read
    list.push(read)
  }
  const toolChoice = Predicate.isRecord(choice) ? choiceOf(choice) : "auto"
  if (typeof toolChoice === "object" && list.every((tool) => tool.name !== toolChoice.name)) {
    return invalid(`Tool '${toolChoice.name}' not found in provided tools`)
  }
  return { tools: list, toolChoice, toolTokens: Token.count(JSON.stringify(tools)) }
}

// --- All of them ---------------------------------------------------------------

const effortOf = (thinking: Fields, effort: unknown): string => {
  const budget = thinking["budget_tokens"]
  if (typeof budget === "number") return budget < 4096 ? "low" : budget < 16_384 ? "medium" : "high"
  return typeof effort === "string" && effort !== "max" && effort !== "xhigh" ? effort : "high"
}

export const check = (body: Fields, model: string): Settings | Refused => {
  const unknown = Object.keys(body).find((name) => !known.has(name))
  if (unknown !== undefined) return invalid(`${unknown}: Extra inputs are not permitted`)
  const tools = checkTools(body)
  if ("_tag" in tools) return tools
  const thinking = Predicate.isRecord(body["thinking"]) ? body["thinking"] : {}
  const isForced = typeof tools.toolChoice === "object" || tools.toolChoice === "required"
  const fault = checkNumbers(body) ?? checkThinking(body, model, thinking, isForced)
  if (fault !== undefined) return fault
  const output = Predicate.isRecord(body["output_config"]) ? body["output_config"] : {}
  const format = checkFormat(output["format"])
  if (format._tag === "Refused") return format
  const stop = Array.isArray(body["stop_sequences"]) ? body["stop_sequences"].filter(Predicate.isString) : []
  if (stop.some((text) => text.trim() === ""))
    return invalid("stop_sequences: each stop sequence must contain non-whitespace")
  return {
    _tag: "Settings",
    maxTokens: Number(body["max_tokens"]),
    stop,
    isThinking: thinking["type"] === "enabled" || thinking["type"] === "adaptive",
    // The newest models keep their thoughts to themselves unless they are asked for them.
    showsThoughts: isNewest(model) ? thinking["display"] === "summarized" : thinking["display"] !== "omitted",
    effort: effortOf(thinking, output["effort"]),
    format,
    ...tools
  }
}
