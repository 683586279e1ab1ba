/** A Responses request read and judged as OpenAI judges it: a task to answer, or a refusal that names the parameter. */
import * as Predicate from "effect/Predicate"
import * as Model from "./Model.js"
import type { ChatTask, Fields } from "./OpenAiChatRequest.js"
import * as OpenAiError from "./OpenAiError.js"
import { type Message, unknownValue } from "./OpenAiMessages.js"
import { outOfRange, type Range } from "./OpenAiSettings.js"
import { checkFormat, checkTools, type Format, type Tools } from "./OpenAiTools.js"
import { record } from "./ResponsesEvent.js"
import * as ResponsesInput from "./ResponsesInput.js"
import type { Call, Refused, World } from "./Wire.js"

export interface Task {
  readonly _tag: "Task"
  readonly chat: ChatTask
  /** How its thoughts are to be told; undefined: not at all. */
  readonly summary: string | undefined
  /** Whether its thoughts are given out encrypted. */
  readonly encrypts: boolean
}

// --- Parameters ------------------------------------------------------------------

const known = new Set([
  "background",
  "conversation",
  "include",
  "input",
  "instructions",
  "max_output_tokens",
  "max_tool_calls",
  "metadata",
  "model",
  "parallel_tool_calls",
  "previous_response_id",
  "prompt",
  "prompt_cache_key",
  "prompt_cache_retention",
  "reasoning",
  "safety_identifier",
  "service_tier",
  "store",
  "stream",
  "stream_options",
  "temperature",
  "text",
  "tool_choice",
  "tools",
  "top_logprobs",
  "top_p",
  "truncation",
  "user"
])

/** What chat completions call by another name. */
const moved: ReadonlyMap<string, string> = new Map([
  ["messages", "input"],
  ["max_tokens", "max_output_tokens"],
  ["max_completion_tokens", "max_output_tokens"],
  ["response_format", "text.format"],
  ["reasoning_effort", "reasoning.effort"]
])

const unknownParameter = (body: Fields): Refused | undefined => {
  const name = Object.keys(body).find((field) => !known.has(field))
  if (name === undefined) return undefined
  const place = moved.get(name)
  return place === undefined
    ? OpenAiError.invalid(`Unknown parameter: '${name}'.`, name, "unknown_parameter")
    : OpenAiError.invalid(
        `Unsupported parameter: '${name}'. In the Responses API, this parameter has moved to '${place}'. Try again with ` +
          "the new parameter.",
        name,
        "unsupported_parameter"
      )
}

// --- Settings --------------------------------------------------------------------

const ranges: ReadonlyArray<Range> = [
  { name: "temperature", kind: "decimal", minimum: 0, maximum: 2 },
  { name: "top_p", kind: "decimal", minimum: 0, maximum: 1 },
  { name: "max_output_tokens", kind: "integer", minimum: 16, maximum: Infinity }
]

const efforts = ["none", "minimal", "low", "medium", "high", "xhigh"]
const summaries = ["concise", "detailed", "auto"]
const includable = ["reasoning.encrypted_content", "message.output_text.logprobs", "web_search_call.action.sources"]

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

const refusedByModel = (param: string, code: string | null): Refused =>
  OpenAiError.invalid(`Unsupported parameter: '${param}' is not supported with this model.`, param, code)

const checkReasoning = (body: Fields, model: Model.Model): Refused | undefined => {
  const { effort, summary } = record(body["reasoning"])
  for (const [param, value, allowed] of [
    ["reasoning.effort", effort, efforts],
    ["reasoning.summary", summary, summaries]
  ] as const) {
    if (!isGiven(value)) continue
    if (!model.reasoning) return refusedByModel(param, "unsupported_parameter")
    if (typeof value !== "string" || !allowed.includes(value)) return unknownValue(value, allowed, param)
  }
  const sampling = ["temperature", "top_p"].find((name) => isGiven(body[name]) && body[name] !== 1)
  return model.reasoning && sampling !== undefined ? refusedByModel(sampling, null) : undefined
}

const checkInclude = (include: unknown, model: Model.Model): Refused | undefined => {
  const list: ReadonlyArray<unknown> = Array.isArray(include) ? include : []
  const index = list.findIndex((name) => typeof name !== "string" || !includable.includes(name))
  if (index >= 0) return unknownValue(list[index], includable, `include[${index}]`)
  return !model.reasoning && list.includes("reasoning.encrypted_content")
    ? OpenAiError.invalid("Encrypted content is not supported with this model.", "include")
    : undefined
}

// --- Tools and formats -----------------------------------------------------------

/** Chat completions have the same rules for the same things, one level deeper. */
const lifted = <A>(checked: A | Refused, from: RegExp, to: string): A | Refused =>
  isRefused(checked)
    ? {
        ...checked,
        error: {
          ...checked.error,
          message: checked.error.message.replace(from, to),
          param: checked.error.param?.replace(from, to) ?? null
        }
      }
    : checked

const isRefused = (value: unknown): value is Refused => Predicate.isTagged(value, "Refused")

const nested = (tool: unknown): unknown =>
  Predicate.isRecord(tool) && tool["type"] === "function" ? { type: "function", function: tool } : tool

const checkAllTools = ({ tool_choice: choice, tools }: Fields): Tools | Refused => {
  const list: ReadonlyArray<unknown> = Array.isArray(tools) ? tools : []
  const odd = list.findIndex((tool) => record(tool)["type"] !== "function")
  if (odd >= 0) return unknownValue(record(list[odd])["type"], ["function"], `tools[${odd}].type`)
  if (list.length === 0) {
    return choice === "required" || Predicate.isRecord(choice)
      ? OpenAiError.invalid("Tool choice must be 'none' or 'auto' where no 'tools' are specified.", "tool_choice")
      : { _tag: "Tools", list: [], choice: "none", tokens: 0 }
  }
  return lifted(checkTools({ tools: list.map(nested), tool_choice: nested(choice) }), /\.function/, "")
}

const checkTextFormat = (format: unknown, messages: ReadonlyArray<Message>): Format | Refused => {
  const type = record(format)["type"]
  const words = {
    "'messages' must": "Response input messages must",
    "^messages$": "input",
    response_format: "text.format"
  }
  const checked = checkFormat(type === "json_schema" ? { type, json_schema: format } : format, messages)
  return Object.entries(words).reduce(
    (result: Format | Refused, [from, to]) => lifted(result, new RegExp(from), to),
    lifted(checked, /\.json_schema/, "")
  )
}

// --- All of it -------------------------------------------------------------------

export const read = ({ json }: Call, world: World): Task | Refused => {
  if (!Predicate.isRecord(json)) return OpenAiError.notJson
  const body: Fields = json
  const unknown = unknownParameter(body)
  if (unknown !== undefined) return unknown
  const name = body["model"]
  if (typeof name !== "string" || name === "") {
    return OpenAiError.invalid("Missing required parameter: 'model'.", "model", "missing_required_parameter")
  }
  const model = Model.find(world.models, name)
  if (model === undefined) return OpenAiError.unknownModel(name)
  if (model.kind !== "chat") {
    return OpenAiError.invalid(
      `The requested model '${name}' cannot be used with the Responses API.`,
      "model",
      "unsupported_model"
    )
  }
  const previous = body["previous_response_id"]
  if (isGiven(previous)) {
    return OpenAiError.invalid(
      `Previous response with id '${String(previous)}' not found.`,
      "previous_response_id",
      "previous_response_not_found"
    )
  }
  const settings = outOfRange(body, ranges) ?? checkReasoning(body, model) ?? checkInclude(body["include"], model)
  if (settings !== undefined) return settings
  const input = ResponsesInput.check(body["input"], body["instructions"], model.reasoning)
  if ("_tag" in input) return input
  const tools = checkAllTools(body)
  if (tools._tag === "Refused") return tools
  const format = checkTextFormat(record(body["text"])["format"], input.list)
  if (format._tag === "Refused") return format
  const promptTokens = input.tokens + tools.tokens
  if (promptTokens > world.contextTokens) {
    return OpenAiError.invalid(
      "Your input exceeds the context window of this model. Please adjust your input and try again.",
      "input",
      "context_length_exceeded"
    )
  }
  const { effort, summary } = record(body["reasoning"])
  const include = body["include"]
  return {
    _tag: "Task",
    summary: typeof summary === "string" ? summary : undefined,
    encrypts: Array.isArray(include) && include.includes("reasoning.encrypted_content"),
    chat: {
      _tag: "ChatTask",
      model,
      body,
      messages: input.list,
      prompt: input.pieces,
      promptTokens,
      stream: body["stream"] === true,
      includeUsage: true,
      includeObfuscation: record(body["stream_options"])["include_obfuscation"] !== false,
      maxTokens: typeof body["max_output_tokens"] === "number" ? body["max_output_tokens"] : undefined,
      stop: [],
      tools: tools.list,
      toolChoice: tools.choice,
      parallelToolCalls: body["parallel_tool_calls"] !== false,
      format,
      reasoningEffort: typeof effort === "string" ? effort : "medium"
    }
  }
}
