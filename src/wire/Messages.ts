/**
 * The messages protocol of Anthropic. What its models take differs from one generation to the next: that is data, the
 * `Quirks`.
 */
import * as Either from "effect/Either"
import type * as ChatRequest from "../ChatRequest.js"
import type * as Completion from "../Completion.js"
import type { ContentCategory } from "../LlmError.js"
import type { StreamPart } from "../StreamPart.js"
import * as ErrorClassification from "./ErrorClassification.js"
import * as FinishReasons from "./FinishReasons.js"
import * as Json from "./Json.js"
import { malformed } from "./Malformed.js"
import * as MessagesPrompt from "./MessagesPrompt.js"
import * as MessagesSettings from "./MessagesSettings.js"
import * as MessagesTools from "./MessagesTools.js"
import * as MessagesUsage from "./MessagesUsage.js"
import * as Refusal from "./Refusal.js"
import type { StreamAssembly } from "./StreamAssembly.js"
import { ToolCallAssembly } from "./ToolCallAssembly.js"
import * as TypedEvent from "./TypedEvent.js"
import type { Answer, Encoded, Origin, Received, Wire } from "./Wire.js"

// -----------------------------------------------------------------------------
// Quirks
// -----------------------------------------------------------------------------

export type { ModelTraits } from "./MessagesSettings.js"

export interface Quirks {
  readonly traitsOf: (model: string) => MessagesSettings.ModelTraits
}

// -----------------------------------------------------------------------------
// Request
// -----------------------------------------------------------------------------

type Body = Readonly<Record<string, unknown>>

const encodeOutput = (effort: string | undefined, format: Body | undefined): Body | undefined =>
  effort === undefined && format === undefined ? undefined : { effort, format }

const encodeSystem = (...texts: ReadonlyArray<string | undefined>): string | undefined => {
  const said = texts.filter((text) => text !== undefined && text !== "")
  return said.length === 0 ? undefined : said.join("\n\n")
}

const encodeBody = (request: ChatRequest.ChatRequest, origin: Origin, streamed: boolean, quirks: Quirks): Encoded => {
  const traits = quirks.traitsOf(origin.model)
  const { continuesWithoutThought, messages, notes, system } = MessagesPrompt.encode(request.prompt, origin)
  const settings = MessagesSettings.encode(request, origin.model, traits, continuesWithoutThought)
  const tools = MessagesTools.encodeTools(request, traits, origin)
  const { format, instruction, warnings } = MessagesTools.encodeFormat(request.responseFormat, traits, origin)
  return {
    body: {
      model: origin.model,
      system: encodeSystem(system, instruction),
      messages,
      ...settings.body,
      ...tools.body,
      output_config: encodeOutput(settings.effort, format),
      ...request.providerOptions,
      stream: streamed ? true : undefined
    },
    warnings: [
      ...settings.warnings,
      ...tools.warnings,
      ...warnings,
      ...notes.map((message) => ({ setting: "prompt", message }))
    ]
  }
}

const encodeChat =
  (quirks: Quirks): Wire["encodeChat"] =>
  (request, origin, streamed) =>
    Refusal.encoding(() => encodeBody(request, origin, streamed, quirks))

// -----------------------------------------------------------------------------
// Answer
// -----------------------------------------------------------------------------

/** Text and thoughts that follow each other are one part, as they are in a stream; a signature ends its thoughts. */
const append = (parts: Array<Completion.OutputPart>, part: Completion.OutputPart): void => {
  const last = parts.at(-1)
  if (part._tag === "Text" && last?._tag === "Text") {
    parts[parts.length - 1] = { _tag: "Text", text: last.text + part.text }
  } else if (part._tag === "Reasoning" && last?._tag === "Reasoning" && last.signature === undefined) {
    parts[parts.length - 1] = { ...part, text: last.text + part.text }
  } else parts.push(part)
}

const appendReasoning = (
  parts: Array<Completion.OutputPart>,
  text: string,
  signature: string | undefined,
  signedBy: string
): void => {
  if (signature !== undefined) append(parts, { _tag: "Reasoning", text, signature, signedBy })
  else if (text !== "") append(parts, { _tag: "Reasoning", text })
}

/** The parts of an answer. Blocks of the provider's own tools are not among them. */
const readContent = (
  content: ReadonlyArray<unknown>,
  id: string,
  { provider }: Origin
): ReadonlyArray<Completion.OutputPart> | undefined => {
  const parts: Array<Completion.OutputPart> = []
  const calls = new ToolCallAssembly()
  const ignored: Array<StreamPart> = []
  const places: Array<number> = []
  for (const [index, item] of content.entries()) {
    const block = Json.record(item)
    switch (block?.type) {
      case "text": {
        const text = Json.string(block.text) ?? ""
        if (text !== "") append(parts, { _tag: "Text", text })
        break
      }
      case "thinking":
        appendReasoning(parts, Json.string(block.thinking) ?? "", Json.nonEmptyString(block.signature), provider)
        break
      case "redacted_thinking":
        appendReasoning(parts, "", MessagesPrompt.redactedSignature(Json.string(block.data) ?? ""), provider)
        break
      case "tool_use":
        calls.add({ index, id: block.id, name: block.name, arguments: block.input }, id, ignored)
        places.push(parts.length)
        parts.push({ _tag: "ToolCall", id: "", name: "", arguments: "" })
    }
  }
  const whole = calls.whole()
  if (whole === undefined) return undefined
  for (const [index, call] of whole.entries()) parts[places[index] ?? parts.length] = call
  return parts
}

/** What a provider that declines says of it. */
const readRefusal = (
  details: unknown
): { readonly explanation: string | undefined; readonly categories: ReadonlyArray<ContentCategory> } => {
  const refusal = Json.record(details)
  const category = Json.nonEmptyString(refusal?.category)
  return {
    explanation: Json.nonEmptyString(refusal?.explanation),
    categories: category === undefined ? [] : [{ name: category, filtered: true }]
  }
}

const decodeChat: Wire["decodeChat"] = (json, received) => {
  const { origin, requestId } = received
  if (ErrorClassification.isErrorPayload(json))
    return Either.left(ErrorClassification.classifyPayload(origin, json, received))
  const answer = Json.record(json)
  if (answer === undefined || !Array.isArray(answer.content))
    return Either.left(malformed(received, json, "the answer has no content"))
  const id = Json.string(answer.id) ?? ""
  const usage = MessagesUsage.read(answer.usage, {})
  const parts = readContent(answer.content, id, origin)
  if (parts === undefined) return Either.left(malformed(received, json, "the model called a tool without naming it"))
  const finishReason = FinishReasons.read(Json.string(answer.stop_reason) ?? "", {
    ...origin,
    requestId,
    text: parts.map((part) => (part._tag === "Text" ? part.text : "")).join(""),
    usage,
    ...readRefusal(answer.stop_details),
    hasToolCalls: parts.some((part) => part._tag === "ToolCall"),
    isEmpty: parts.length === 0
  })
  if ("_tag" in finishReason) return Either.left(finishReason)
  const decoded: Answer = { parts, finishReason, usage, model: Json.nonEmptyString(answer.model) ?? origin.model, id }
  return Either.right(decoded)
}

// -----------------------------------------------------------------------------
// Stream
// -----------------------------------------------------------------------------

const readEvent: Wire["readEvent"] = (event, assembly, received) => {
  const message = TypedEvent.read(event, assembly, received)
  if (message === undefined) return
  // Events of other kinds are to be passed over: the protocol promises more of them.
  switch (message.type) {
    case "content_block_delta":
      return readDelta(message.index, Json.record(message.delta), assembly)
    case "content_block_start":
      return readBlock(message.index, Json.record(message.content_block), assembly)
    case "message_start":
      return readStart(Json.record(message.message), assembly, received, event.data)
    case "message_delta":
      return readEnd(message, assembly)
    case "message_stop":
      assembly.finishReason = assembly.announcedReason
      assembly.done = true
  }
}

/** Some gateways send the start of the same answer twice; that of another would mix two answers. */
const readStart = (
  message: Json.JsonRecord | undefined,
  assembly: StreamAssembly,
  received: Received,
  data: string
): void => {
  const id = Json.string(message?.id) ?? ""
  if (assembly.id !== "") {
    if (id !== assembly.id)
      assembly.fail(malformed(received, data, "another answer begins in the middle of the stream"))
    return
  }
  assembly.id = id
  assembly.model = Json.string(message?.model) ?? ""
  assembly.usage = MessagesUsage.read(message?.usage, assembly.usage)
  // No index here: the blocks that follow have theirs.
  for (const block of Json.array(message?.content)) readBlock(undefined, Json.record(block), assembly)
}

const readBlock = (index: unknown, block: Json.JsonRecord | undefined, assembly: StreamAssembly): void => {
  switch (block?.type) {
    case "text":
      return assembly.text(Json.string(block.text) ?? "")
    case "thinking":
      return assembly.reasoning(Json.string(block.thinking) ?? "", Json.nonEmptyString(block.signature))
    case "redacted_thinking":
      return assembly.reasoning("", MessagesPrompt.redactedSignature(Json.string(block.data) ?? ""))
    case "tool_use": {
      // An empty object stands for arguments that are still to come.
      const input = Json.record(block.input)
      const isToCome = input === undefined || Object.keys(input).length === 0
      return assembly.toolCall({ index, id: block.id, name: block.name, arguments: isToCome ? "" : input })
    }
  }
}

const readDelta = (index: unknown, delta: Json.JsonRecord | undefined, assembly: StreamAssembly): void => {
  switch (delta?.type) {
    case "text_delta":
      return assembly.text(Json.string(delta.text) ?? "")
    case "input_json_delta":
      // The provider's own tools have arguments too.
      if (assembly.hasToolCall(index)) assembly.toolCall({ index, arguments: delta.partial_json })
      return
    case "thinking_delta":
      return assembly.reasoning(Json.string(delta.thinking) ?? "")
    case "signature_delta":
      return assembly.reasoning("", Json.nonEmptyString(delta.signature))
  }
}

const readEnd = (message: Json.JsonRecord, assembly: StreamAssembly): void => {
  const delta = Json.record(message.delta)
  assembly.usage = MessagesUsage.read(message.usage, assembly.usage)
  const reason = Json.nonEmptyString(delta?.stop_reason)
  if (reason === undefined) return
  assembly.announcedReason = reason
  const { categories, explanation } = readRefusal(delta?.stop_details)
  assembly.categories = categories
  assembly.explanation = explanation
}

// -----------------------------------------------------------------------------
// The wire
// -----------------------------------------------------------------------------

export const make = (quirks: Quirks): Wire => ({
  name: "messages",
  encodeChat: encodeChat(quirks),
  decodeChat,
  readEvent,
  embeddings: undefined
})
