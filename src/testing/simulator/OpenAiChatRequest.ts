/** A chat request read and judged as OpenAI judges it: a task to answer, or a refusal that names the parameter. */
import * as Predicate from "effect/Predicate"
import * as Model from "./Model.js"
import { checkMessages, type Message } from "./OpenAiMessages.js"
import * as OpenAiError from "./OpenAiError.js"
import { checkSettings } from "./OpenAiSettings.js"
import { checkFormat, checkTools, type Format, type Tool } from "./OpenAiTools.js"
import type { Call, Refused, World } from "./Wire.js"

export type Fields = Readonly<Record<string, unknown>>

export interface ChatTask {
  readonly _tag: "ChatTask"
  readonly model: Model.Model
  readonly body: Fields
  readonly messages: ReadonlyArray<Message>
  /** The tokens of the prompt that are text; images and the like only count. */
  readonly prompt: ReadonlyArray<string>
  readonly promptTokens: number
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly includeObfuscation: boolean
  /** Reasoning included. */
  readonly maxTokens: number | undefined
  readonly stop: ReadonlyArray<string>
  readonly tools: ReadonlyArray<Tool>
  readonly toolChoice: "auto" | "none" | "required" | { readonly name: string }
  readonly parallelToolCalls: boolean
  readonly format: Format
  readonly reasoningEffort: string
}

export const read = ({ json }: Call, world: World): ChatTask | Refused => {
  if (!Predicate.isRecord(json)) return OpenAiError.notJson
  const body: Fields = json
  const name = body["model"]
  if (typeof name !== "string" || name === "") return OpenAiError.invalid("you must provide a model parameter")
  const model = Model.find(world.models, name)
  if (model === undefined) return OpenAiError.unknownModel(name)
  if (model.kind !== "chat") return notChat

  const messages = checkMessages(body["messages"])
  if ("_tag" in messages) return messages
  const settings = checkSettings(body, model)
  if (settings._tag === "Refused") return settings
  const tools = checkTools(body)
  if (tools._tag === "Refused") return tools
  const format = checkFormat(body["response_format"], messages.list)
  if (format._tag === "Refused") return format

  const promptTokens = messages.tokens + tools.tokens
  if (promptTokens > world.contextTokens) return OpenAiError.contextTooLong(world.contextTokens, promptTokens)
  const streamOptions = Predicate.isRecord(body["stream_options"]) ? body["stream_options"] : {}
  return {
    _tag: "ChatTask",
    model,
    body,
    messages: messages.list,
    prompt: messages.pieces,
    promptTokens,
    stream: body["stream"] === true,
    includeUsage: streamOptions["include_usage"] === true,
    includeObfuscation: streamOptions["include_obfuscation"] !== false,
    maxTokens: settings.maxTokens,
    stop: settings.stop,
    tools: tools.list,
    toolChoice: tools.choice,
    parallelToolCalls: body["parallel_tool_calls"] !== false,
    format,
    reasoningEffort: typeof body["reasoning_effort"] === "string" ? body["reasoning_effort"] : "medium"
  }
}

const notChat: Refused = {
  _tag: "Refused",
  status: 404,
  error: {
    message:
      "This is not a chat model and thus not supported in the v1/chat/completions endpoint. " +
      "Did you mean to use v1/completions?",
    type: "invalid_request_error",
    param: "model",
    code: null
  }
}
