/**
 * The chat-completions protocol of OpenAI, which most providers speak in some dialect: what they do differently is data,
 * the `Quirks`.
 */
import * as Either from "effect/Either"
import type * as ChatRequest from "../ChatRequest.js"
import type * as Completion from "../Completion.js"
import { type LlmError, MalformedResponse } from "../LlmError.js"
import * as Prompt from "../Prompt.js"
import type { StreamPart } from "../StreamPart.js"
import * as ChatContent from "./ChatContent.js"
import { adapt, type Quirks } from "./ChatQuirks.js"
import * as ErrorBody from "./ErrorBody.js"
import * as ErrorClassification from "./ErrorClassification.js"
import * as FinishReasons from "./FinishReasons.js"
import * as Json from "./Json.js"
import { malformed } from "./Malformed.js"
import * as OpenAiEmbeddings from "./OpenAiEmbeddings.js"
import * as OpenAiParts from "./OpenAiParts.js"
import * as OpenAiSchemas from "./OpenAiSchemas.js"
import * as OpenAiUsage from "./OpenAiUsage.js"
import { encoding, refuse } from "./Refusal.js"
import { refused, type StreamAssembly } from "./StreamAssembly.js"
import { ToolCallAssembly } from "./ToolCallAssembly.js"
import * as ToolCallIds from "./ToolCallIds.js"
import type { Answer, Encoded, Origin, Received, Wire } from "./Wire.js"

// -----------------------------------------------------------------------------
// Quirks
// -----------------------------------------------------------------------------

export type { Quirks } from "./ChatQuirks.js"

// -----------------------------------------------------------------------------
// Request
// -----------------------------------------------------------------------------

type Body = Record<string, unknown>

const callId = (id: string, { toolCallId }: Quirks): string =>
  toolCallId === undefined ? id : ToolCallIds.fitting(id, toolCallId)

const encodeAssistant = (message: Prompt.Message, origin: Origin, quirks: Quirks): Body => {
  const calls: Array<Body> = []
  for (const part of message.content) {
    if (part._tag === "ToolCall") {
      calls.push({
        id: callId(part.id, quirks),
        type: "function",
        function: { name: part.name, arguments: part.arguments }
      })
    } else if (part._tag !== "Text" && part._tag !== "Reasoning") {
      return refuse(origin, `prompt.${part._tag}`, `an assistant message cannot hold a part of kind ${part._tag}`)
    }
  }
  const content = Prompt.textOf(message)
  const reasoning = quirks.reasoningField === undefined ? {} : encodeReasoning(message, quirks.reasoningField)
  return calls.length === 0
    ? { role: "assistant", content, ...reasoning }
    : { role: "assistant", content: content === "" ? null : content, ...reasoning, tool_calls: calls }
}

const encodeReasoning = (message: Prompt.Message, field: string): Body => {
  const thoughts = message.content.flatMap((part) => (part._tag === "Reasoning" ? [part.text] : []))
  return thoughts.length === 0 ? {} : { [field]: thoughts.join("") }
}

const encodeMessage = (message: Prompt.Message, origin: Origin, quirks: Quirks): ReadonlyArray<Body> => {
  const named = (body: Body): ReadonlyArray<Body> => [
    message.name === undefined ? body : { ...body, name: message.name }
  ]
  switch (message.role) {
    case "system":
      return named({ role: "system", content: OpenAiParts.onlyText(message, origin) })
    case "user":
      return named({
        role: "user",
        content: OpenAiParts.userContent(message, (part) => ChatContent.encodePart(part, origin, quirks.images))
      })
    case "assistant":
      return named(encodeAssistant(message, origin, quirks))
    case "tool":
      return OpenAiParts.toolResults(message, origin, ({ content, id }) => ({
        role: "tool",
        tool_call_id: callId(id, quirks),
        content
      }))
  }
}

const encodeTools = ({ toolChoice, tools = [] }: ChatRequest.ChatRequest, origin: Origin): OpenAiSchemas.Piece => {
  const written = tools.map((tool, index) => OpenAiSchemas.tool(tool, index, origin))
  return {
    body: {
      tools: written.length === 0 ? undefined : written.map(({ body }) => ({ type: "function", function: body })),
      tool_choice:
        typeof toolChoice === "object" ? { type: "function", function: { name: toolChoice.tool } } : toolChoice
    },
    warnings: written.flatMap(({ warnings }) => warnings)
  }
}

const encodeResponseFormat = (
  format: ChatRequest.ResponseFormat | undefined,
  origin: Origin,
  quirks: Quirks
): OpenAiSchemas.Piece => {
  switch (format?._tag) {
    case undefined:
      return { body: {}, warnings: [] }
    case "Text":
      return { body: { response_format: { type: "text" } }, warnings: [] }
    case "Json":
      return { body: { response_format: { type: "json_object" } }, warnings: [] }
    case "JsonSchema": {
      if (quirks.takesJsonSchema === false) {
        return refuse(
          origin,
          "json-schema",
          "this provider binds answers to no schema: ask for Json and say the schema in the prompt"
        )
      }
      const { body, warnings } = OpenAiSchemas.jsonSchema(format, origin)
      return { body: { response_format: { type: "json_schema", json_schema: body } }, warnings }
    }
  }
}

const encodeMessages = (prompt: Prompt.Prompt, origin: Origin, quirks: Quirks): ReadonlyArray<Body> => {
  const messages = prompt.flatMap((message) => encodeMessage(message, origin, quirks))
  const last = messages.at(-1)
  return last?.["role"] === "assistant" && quirks.prefillField !== undefined
    ? [...messages.slice(0, -1), { ...last, [quirks.prefillField]: true }]
    : messages
}

const hasReasoning = (prompt: Prompt.Prompt): boolean =>
  prompt.some((message) => message.content.some((part) => part._tag === "Reasoning"))

const encodeBody = (original: ChatRequest.ChatRequest, origin: Origin, streamed: boolean, quirks: Quirks): Encoded => {
  const [request, dropped] = adapt(original, origin.model, quirks)
  const tools = encodeTools(request, origin)
  const format = encodeResponseFormat(request.responseFormat, origin, quirks)
  const body: Body = {
    model: origin.model,
    messages: encodeMessages(request.prompt, origin, quirks),
    temperature: request.temperature,
    top_p: request.topP,
    [quirks.maxTokensField(origin.model)]: request.maxTokens,
    stop: request.stop === undefined || request.stop.length === 0 ? undefined : request.stop,
    [quirks.seedField ?? "seed"]: request.seed,
    frequency_penalty: request.frequencyPenalty,
    presence_penalty: request.presencePenalty,
    reasoning_effort: request.reasoningEffort,
    ...tools.body,
    ...format.body,
    stream_options: streamed && quirks.asksForUsage ? { include_usage: true } : undefined,
    ...request.providerOptions,
    stream: streamed ? true : undefined
  }
  const warnings = [...dropped, ...tools.warnings, ...format.warnings]
  if (quirks.reasoningField === undefined && hasReasoning(request.prompt)) {
    warnings.push({ setting: "prompt", message: "reasoning of earlier answers is not sent back to this provider" })
  }
  return { body, warnings }
}

const encodeChat =
  (quirks: Quirks): Wire["encodeChat"] =>
  (request, origin, streamed) =>
    encoding(() => encodeBody(request, origin, streamed, quirks))

// -----------------------------------------------------------------------------
// Answer
// -----------------------------------------------------------------------------

/** What a message or a delta says: `content` is text or, with Mistral's reasoning models, a list of typed pieces. */
const readContent = (content: unknown, onText: (text: string) => void, onReasoning: (text: string) => void): void => {
  if (typeof content === "string") return onText(content)
  for (const item of Json.array(content)) {
    const piece = Json.record(item)
    if (piece?.type === "text") onText(Json.string(piece.text) ?? "")
    else if (piece?.type === "thinking") {
      const { thinking } = piece
      if (typeof thinking === "string") onReasoning(thinking)
      else for (const thought of Json.array(thinking)) onReasoning(Json.string(Json.record(thought)?.text) ?? "")
    }
  }
}

const reasoningOf = (message: Json.JsonRecord): string =>
  Json.nonEmptyString(message.reasoning_content) ?? Json.string(message.reasoning) ?? ""

const toolCallPieces = (
  message: Json.JsonRecord,
  onPiece: (piece: Parameters<ToolCallAssembly["add"]>[0]) => void
): void => {
  // Older servers of Hugging Face stream one call, where others have a list.
  for (const item of [message.tool_calls].flat()) {
    const call = Json.record(item)
    if (call === undefined) continue
    const called = Json.record(call.function)
    onPiece({ index: call.index, id: call.id, name: called?.name, arguments: called?.arguments })
  }
  // What calls were before there were tools; some servers have kept to it.
  const called = Json.record(message.function_call)
  if (called !== undefined) onPiece({ name: called.name, arguments: called.arguments })
}

/** Of any other type it is no content at all. */
const isContent = (content: unknown): boolean =>
  content === undefined || content === null || typeof content === "string" || Array.isArray(content)

/** OpenRouter tells in the choice of an upstream that failed after the answer began. */
const faultOf = ({ error }: Json.JsonRecord, received: Received): LlmError | undefined =>
  error !== undefined && ErrorClassification.isErrorPayload({ error })
    ? ErrorClassification.classifyPayload(received.origin, { error }, received)
    : undefined

const decodeChat: Wire["decodeChat"] = (json, received) => {
  const { origin, requestId } = received
  if (ErrorClassification.isErrorPayload(json))
    return Either.left(ErrorClassification.classifyPayload(origin, json, received))
  const answer = Json.record(json)
  const choice = Json.record(Json.array(answer?.choices)[0])
  const fault = choice && faultOf(choice, received)
  if (fault !== undefined) return Either.left(fault)
  const reason = Json.string(choice?.finish_reason) ?? ""
  // Azure leaves the message of an answer that it withholds away.
  const message = Json.record(choice?.message) ?? (reason === "content_filter" ? {} : undefined)
  if (answer === undefined || choice === undefined || message === undefined) {
    return Either.left(malformed(received, json, "the answer has no choices[0].message"))
  }
  const id = Json.string(answer.id) ?? ""
  const usage = OpenAiUsage.read(answer) ?? {}
  let text = ""
  let reasoning = reasoningOf(message)
  readContent(
    message.content,
    (piece) => (text += piece),
    (piece) => (reasoning += piece)
  )
  const refusal = Json.nonEmptyString(message.refusal)
  if (refusal !== undefined && text === "") return Either.left(refused({ ...origin, requestId }, refusal, usage))
  const assembly = new ToolCallAssembly()
  const ignored: Array<StreamPart> = []
  // Whole calls: their place in the list tells them apart, whatever index they bear.
  let place = 0
  toolCallPieces(message, (piece) => assembly.add({ ...piece, index: place++ }, id, ignored))
  const calls = assembly.whole()
  if (calls === undefined) {
    return Either.left(
      new MalformedResponse({ ...origin, requestId, status: 200, message: "the model called a tool without naming it" })
    )
  }
  if (text === "" && reasoning === "" && calls.length === 0 && (reason === "" || !isContent(message.content))) {
    return Either.left(malformed(received, json, "the answer has neither content nor a reason to have none"))
  }
  const finishReason = FinishReasons.read(reason, {
    provider: origin.provider,
    model: origin.model,
    requestId,
    text,
    usage,
    categories: ErrorBody.answerCategories(answer),
    hasToolCalls: calls.length > 0,
    isEmpty: text === "" && reasoning === "" && calls.length === 0
  })
  if ("_tag" in finishReason) return Either.left(finishReason)
  const parts: Array<Completion.OutputPart> = []
  if (reasoning !== "") parts.push({ _tag: "Reasoning", text: reasoning })
  if (text !== "") parts.push({ _tag: "Text", text })
  parts.push(...calls)
  const decoded: Answer = { parts, finishReason, usage, model: Json.nonEmptyString(answer.model) ?? origin.model, id }
  return Either.right(decoded)
}

// -----------------------------------------------------------------------------
// Stream
// -----------------------------------------------------------------------------

const readEvent: Wire["readEvent"] = (event, assembly, received) => {
  const data = event.data
  if (data === "[DONE]" || (data.length < 16 && data.trim() === "[DONE]")) {
    assembly.done = true
    return
  }
  // Some keep the connection alive with events that say nothing.
  if (data === "" && event.event !== "error") return
  const json = Json.parse(data)
  const chunk = Json.record(json)
  if (
    event.event === "error" ||
    ((chunk === undefined || "error" in chunk || chunk.choices === undefined) &&
      ErrorClassification.isErrorPayload(json))
  ) {
    assembly.fail(ErrorClassification.classifyPayload(received.origin, json === undefined ? data : json, received))
    return
  }
  if (chunk === undefined) return assembly.fail(malformed(received, data, "a chunk of the stream is no JSON object"))
  // Groq's own place for it.
  const stopped = chunk.x_groq === undefined ? undefined : Json.nonEmptyString(Json.record(chunk.x_groq)?.error)
  if (stopped !== undefined) {
    return assembly.fail(ErrorClassification.classifyPayload(received.origin, { error: stopped }, received))
  }
  readChunk(chunk, assembly, received)
}

const readChunk = (chunk: Json.JsonRecord, assembly: StreamAssembly, received: Received): void => {
  if (assembly.id === "") assembly.id = Json.string(chunk.id) ?? ""
  if (assembly.model === "") assembly.model = Json.string(chunk.model) ?? ""
  const usage = OpenAiUsage.read(chunk)
  if (usage !== undefined) assembly.usage = usage
  // Only the first choice: `n` is not offered. Azure's first chunk has none, its last one no delta.
  const choice = Json.record(Json.array(chunk.choices)[0])
  if (choice === undefined) return
  const fault = faultOf(choice, received)
  if (fault !== undefined) return assembly.fail(fault)
  // Moonshot's place for it.
  if (choice.usage !== undefined) assembly.usage = OpenAiUsage.read(choice) ?? assembly.usage
  const delta = Json.record(choice.delta)
  if (delta !== undefined) readDelta(delta, assembly)
  const reason = Json.nonEmptyString(choice.finish_reason)
  if (reason !== undefined) assembly.finishReason = reason
  // Azure's filters may speak after the end, in a choice without a delta.
  if (reason !== undefined || delta === undefined) {
    const categories = ErrorBody.answerCategories(chunk)
    if (categories.length > 0) assembly.categories = categories
  }
}

const readDelta = (delta: Json.JsonRecord, assembly: StreamAssembly): void => {
  const reasoning = reasoningOf(delta)
  if (reasoning !== "") assembly.reasoning(reasoning)
  const content = delta.content
  if (typeof content === "string") assembly.text(content)
  else if (content !== null && content !== undefined) {
    readContent(
      content,
      (text) => assembly.text(text),
      (text) => assembly.reasoning(text)
    )
  }
  if (delta.tool_calls !== undefined || delta.function_call !== undefined)
    toolCallPieces(delta, (piece) => assembly.toolCall(piece))
  assembly.refusal += Json.string(delta.refusal) ?? ""
}

// -----------------------------------------------------------------------------
// The wire
// -----------------------------------------------------------------------------

export const make = (quirks: Quirks): Wire => ({
  name: "chat-completions",
  encodeChat: encodeChat(quirks),
  decodeChat,
  readEvent,
  embeddings: quirks.maxEmbeddingInputs === 0 ? undefined : OpenAiEmbeddings.make(quirks.maxEmbeddingInputs)
})
