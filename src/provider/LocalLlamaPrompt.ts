/**
 * A request in the engine's words: its chat history, its functions, how it chooses tokens. Found here, before a call takes
 * its place in the line: what the engine cannot do, and which settings it does not take.
 */
import type { Either } from "effect/Either"
import type * as ChatRequest from "../ChatRequest.js"
import type { Warning } from "../Completion.js"
import type { LlmError } from "../LlmError.js"
import type * as Prompt from "../Prompt.js"
import type * as Tool from "../Tool.js"
import * as Json from "../wire/Json.js"
import * as Refusal from "../wire/Refusal.js"
import * as ToolParameters from "../wire/ToolParameters.js"
import type { Origin } from "../wire/Wire.js"
import type {
  ChatWrapper,
  Functions,
  HistoryItem,
  RepeatPenalty,
  ResponseItem,
  Sampling,
  Schema
} from "./LocalLlamaEngine.js"
import * as LocalLlamaSchema from "./LocalLlamaSchema.js"

export interface Prepared {
  readonly history: ReadonlyArray<HistoryItem>
  /** `undefined` where the model may call none. */
  readonly functions: Functions | undefined
  /** The model must call a function. */
  readonly isForced: boolean
  /** The most functions that may be called in one answer. */
  readonly maxCalls: number
  /** What the answer is held to: any JSON object, or this schema. */
  readonly grammar: "json" | Schema | undefined
  readonly sampling: Sampling
  readonly stop: ReadonlyArray<string> | undefined
  readonly maxTokens: number | undefined
  readonly warnings: ReadonlyArray<Warning>
}

/** A small model that has found a way to call a function may do it for ever. */
const mostCalls = 16

// -----------------------------------------------------------------------------
// History
// -----------------------------------------------------------------------------

const textOf = (part: Prompt.Part, place: string, origin: Origin): string => {
  switch (part._tag) {
    case "Text":
      return part.text
    case "Image":
      return Refusal.refuse(origin, "images", `${place} is an image: this engine reads text alone`)
    case "File":
      return Refusal.refuse(origin, "files", `${place} is a file: this engine reads text alone`)
    case "ToolCall":
    case "ToolResult":
    case "Reasoning":
      return Refusal.invalid(origin, place, `${place} is a ${part._tag}, which has no place in a message of this role`)
    default:
      return part satisfies never
  }
}

/** The results of tool calls, by the ids of the calls. */
const resultsOf = (prompt: Prompt.Prompt): ReadonlyMap<string, Prompt.ToolResultPart> =>
  new Map(
    prompt.flatMap((message) =>
      message.content.flatMap((part) => (part._tag === "ToolResult" ? [[part.id, part] as const] : []))
    )
  )

/** JSON as its value, so that the template prints it; what is none stays text. */
const valueOf = (text: string): unknown => Json.parse(text) ?? text

const responseItem = (
  part: Prompt.Part,
  place: string,
  results: ReadonlyMap<string, Prompt.ToolResultPart>,
  origin: Origin
): ResponseItem => {
  if (part._tag === "Reasoning") return { type: "segment", segmentType: "thought", text: part.text, ended: true }
  if (part._tag !== "ToolCall") return textOf(part, place, origin)
  const result = results.get(part.id)
  if (result === undefined) {
    return Refusal.invalid(origin, place, `${place} calls a tool, and no message has its result (id ${part.id})`)
  }
  const value = valueOf(result.content)
  return {
    type: "functionCall",
    name: part.name,
    params: valueOf(part.arguments),
    result: result.isError === true ? { error: value } : value
  }
}

const historyOf = (
  prompt: Prompt.Prompt,
  origin: Origin,
  results: ReadonlyMap<string, Prompt.ToolResultPart>
): ReadonlyArray<HistoryItem> => {
  const called = new Set<string>()
  const history: Array<HistoryItem> = []
  for (const [at, message] of prompt.entries()) {
    const places = message.content.map((_, index) => `prompt[${at}].content[${index}]`)
    const text = (): string => message.content.map((part, index) => textOf(part, places[index] ?? "", origin)).join("")
    switch (message.role) {
      case "system":
      case "user":
        history.push({ type: message.role, text: text() })
        break
      case "assistant": {
        const response = message.content.flatMap((part, index) =>
          // A signature alone is nothing to read.
          part._tag === "Reasoning" && part.text === ""
            ? []
            : [responseItem(part, places[index] ?? "", results, origin)]
        )
        for (const part of message.content) if (part._tag === "ToolCall") called.add(part.id)
        // What a model says behind a tool's result goes on with its answer.
        const last = history.at(-1)
        if (last?.type === "model") history[history.length - 1] = { ...last, response: [...last.response, ...response] }
        else history.push({ type: "model", response })
        break
      }
      case "tool":
        // Its results stand with the calls.
        for (const [index, part] of message.content.entries()) {
          const isAnswer = part._tag === "ToolResult" && called.has(part.id)
          if (!isAnswer)
            Refusal.invalid(origin, places[index] ?? "", `${places[index]} is no result of a call before it`)
        }
        break
      default:
        message.role satisfies never
    }
  }
  return history
}

/** The history as it is behind each message of a prompt. Left: a message that has no place in it. */
export const histories = (
  prompt: Prompt.Prompt,
  origin: Origin
): Either<ReadonlyArray<ReadonlyArray<HistoryItem>>, LlmError> =>
  Refusal.encoding(() => {
    const results = resultsOf(prompt)
    return prompt.map((_, index) => historyOf(prompt.slice(0, index + 1), origin, results))
  })

// -----------------------------------------------------------------------------
// Tools and schemas
// -----------------------------------------------------------------------------

class Writing {
  readonly warnings: Array<Warning> = []

  constructor(
    private readonly request: ChatRequest.ChatRequest,
    private readonly origin: Origin
  ) {}

  /** The tools that may be called; where one is named, that one. */
  functions(): Functions | undefined {
    const { toolChoice, tools = [] } = this.request
    if (toolChoice === "none") return undefined
    const callable = typeof toolChoice === "object" ? tools.filter((tool) => tool.name === toolChoice.tool) : tools
    return callable.length === 0 ? undefined : Object.fromEntries(callable.map((tool) => this.function(tool)))
  }

  grammar(functions: Functions | undefined): "json" | Schema | undefined {
    const { responseFormat } = this.request
    if (responseFormat === undefined || responseFormat._tag === "Text") return undefined
    if (functions !== undefined) {
      const message =
        "tools and a responseFormat exclude each other in this engine: a grammar holds the answer or the calls"
      return Refusal.refuse(this.origin, "responseFormat with tools", message)
    }
    return responseFormat._tag === "Json" ? "json" : this.schema(responseFormat.schema, "responseFormat.schema")
  }

  warn(setting: string, message: string): void {
    this.warnings.push({ setting, message })
  }

  private function(tool: Tool.ToolDefinition): readonly [string, Functions[string]] {
    const { description, name, parameters } = tool
    // The engine ends a function's name at a blank.
    if (/\s/.test(name))
      Refusal.invalid(this.origin, "tools", `the name of a tool holds a blank: ${JSON.stringify(name)}`)
    const place = `tools.${name}.parameters`
    const params = this.schema(ToolParameters.encode(parameters, place, this.origin), place)
    return [name, description === undefined ? { params } : { description, params }]
  }

  private schema(schema: Tool.JsonSchema, place: string): Schema {
    const { dropped, schema: written } = LocalLlamaSchema.write(schema, this.origin, place)
    if (dropped.length > 0) this.warn(place, `no grammar holds an answer to these keywords: ${dropped.join(", ")}`)
    return written
  }
}

/** The same template, with the answer begun as a function call. */
export const forced = (wrapper: ChatWrapper): ChatWrapper => {
  const generateContextState: ChatWrapper["generateContextState"] = (options) => {
    const { contextText, stopGenerationTriggers } = wrapper.generateContextState(options)
    const functionCall = { initiallyEngaged: true, disengageInitiallyEngaged: [] }
    return { contextText, stopGenerationTriggers, functionCall }
  }
  // The engine asks a wrapper for more than is known of it here.
  const made: ChatWrapper = Object.create(wrapper, { generateContextState: { value: generateContextState } })
  return made
}

// -----------------------------------------------------------------------------
// Settings
// -----------------------------------------------------------------------------

/** What `providerOptions` may hold; the engine takes nothing else from outside. */
const ownOptions: Readonly<Record<string, string>> = {
  topK: "a whole number of at least 0",
  minP: "a number from 0 to 1",
  repeatPenalty: "a number above 0; 1 is none"
}

const isOwnOption = (name: string, value: unknown): value is number => {
  if (typeof value !== "number" || !Number.isFinite(value)) return false
  if (name === "topK") return Number.isInteger(value) && value >= 0
  return name === "minP" ? value >= 0 && value <= 1 : value > 0
}

const ownOption = (request: ChatRequest.ChatRequest, name: string, origin: Origin): number | undefined => {
  const value = request.providerOptions?.[name]
  if (value === undefined || isOwnOption(name, value)) return value
  return Refusal.invalid(origin, `providerOptions.${name}`, `${name} must be ${ownOptions[name]}`)
}

/** The engine itself would punish repetition; a model as it is does not. */
const repeatPenalty = (request: ChatRequest.ChatRequest, own: number | undefined): false | RepeatPenalty => {
  const { frequencyPenalty, presencePenalty } = request
  return own === undefined && frequencyPenalty === undefined && presencePenalty === undefined
    ? false
    : { penalty: own ?? 1, frequencyPenalty, presencePenalty }
}

/** The engine's seeds are 32 bits long, and the last of them asks for any other. */
const engineSeed = (seed: number): number => Math.min(seed >>> 0, 0xfffffffe)

const samplingOf = (request: ChatRequest.ChatRequest, seed: number, origin: Origin): Sampling => ({
  temperature: request.temperature ?? 0,
  topP: request.topP,
  topK: ownOption(request, "topK", origin),
  minP: ownOption(request, "minP", origin),
  seed: engineSeed(request.seed ?? seed),
  repeatPenalty: repeatPenalty(request, ownOption(request, "repeatPenalty", origin))
})

const warnOfSettings = (request: ChatRequest.ChatRequest, writing: Writing): void => {
  if (request.reasoningEffort !== undefined) {
    writing.warn("reasoningEffort", "a local model takes no reasoningEffort: it was left out")
  }
  if (request.prompt.some((message) => message.name !== undefined)) {
    writing.warn("prompt", "the names of messages are not in a model's template: they were left out")
  }
  for (const name of Object.keys(request.providerOptions ?? {})) {
    if (!Object.hasOwn(ownOptions, name)) {
      writing.warn(
        `providerOptions.${name}`,
        `a local model takes ${Object.keys(ownOptions).join(", ")}: it was left out`
      )
    }
  }
}

/** Writes a request; `seed` counts where it has none. Left: what it cannot be written for. */
export const prepare = (request: ChatRequest.ChatRequest, origin: Origin, seed: number): Either<Prepared, LlmError> =>
  Refusal.encoding(() => {
    const writing = new Writing(request, origin)
    const history = historyOf(request.prompt, origin, resultsOf(request.prompt))
    const functions = writing.functions()
    const grammar = writing.grammar(functions)
    const sampling = samplingOf(request, seed, origin)
    warnOfSettings(request, writing)
    const { maxTokens, stop, toolChoice } = request
    return {
      history,
      functions,
      isForced: functions !== undefined && (toolChoice === "required" || typeof toolChoice === "object"),
      maxCalls: typeof toolChoice === "object" ? 1 : mostCalls,
      grammar,
      sampling,
      stop: stop !== undefined && stop.length > 0 ? stop : undefined,
      maxTokens,
      warnings: writing.warnings
    }
  })
