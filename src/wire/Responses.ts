/**
 * OpenAI's Responses protocol. Nothing is left with the provider: each request holds the whole conversation, and thoughts
 * come and go encrypted.
 */
import * as Either from "effect/Either"
import type * as ChatRequest from "../ChatRequest.js"
import type * as Completion from "../Completion.js"
import { adapt } from "./ChatQuirks.js"
import * as ErrorBody from "./ErrorBody.js"
import * as ErrorClassification from "./ErrorClassification.js"
import * as Json from "./Json.js"
import { malformed } from "./Malformed.js"
import * as OpenAiEmbeddings from "./OpenAiEmbeddings.js"
import * as OpenAiSchemas from "./OpenAiSchemas.js"
import * as OpenAiUsage from "./OpenAiUsage.js"
import { encoding } from "./Refusal.js"
import * as ResponsesPrompt from "./ResponsesPrompt.js"
import { StreamAssembly } from "./StreamAssembly.js"
import * as TypedEvent from "./TypedEvent.js"
import * as WholeAnswer from "./WholeAnswer.js"
import type { Encoded, Origin, Received, Wire } from "./Wire.js"

// -----------------------------------------------------------------------------
// Quirks
// -----------------------------------------------------------------------------

export interface Quirks {
  /** Models that think: they refuse sampling settings, take a reasoning effort, and give their thoughts out encrypted. */
  readonly isReasoningModel: (model: string) => boolean
  /** False for models that refuse a prompt in which another has thought. Default: all take it */
  readonly takesReasoning?: ((model: string) => boolean) | undefined
  /** The most texts of one embedding request. */
  readonly maxEmbeddingInputs: number
}

/** What the protocol has no field for. */
const untaken = ["stop", "seed", "frequencyPenalty", "presencePenalty"] as const

/** The protocol's own lower bound. */
const leastMaxTokens = 16

// -----------------------------------------------------------------------------
// Request
// -----------------------------------------------------------------------------

type Body = Readonly<Record<string, unknown>>

const encodeTools = ({ toolChoice, tools = [] }: ChatRequest.ChatRequest, origin: Origin): OpenAiSchemas.Piece => {
  // Without tools there is nothing to choose from.
  if (tools.length === 0) return { body: {}, warnings: [] }
  const written = tools.map((tool, index) => OpenAiSchemas.tool(tool, index, origin))
  return {
    body: {
      tools: written.map(({ body }) => ({ type: "function", ...body })),
      tool_choice: typeof toolChoice === "object" ? { type: "function", name: toolChoice.tool } : toolChoice
    },
    warnings: written.flatMap(({ warnings }) => warnings)
  }
}

/** `body.format` is undefined where nothing is said. */
const encodeFormat = (format: ChatRequest.ResponseFormat | undefined, origin: Origin): OpenAiSchemas.Piece => {
  switch (format?._tag) {
    case undefined:
      return { body: {}, warnings: [] }
    case "Text":
      return { body: { format: { type: "text" } }, warnings: [] }
    case "Json":
      return { body: { format: { type: "json_object" } }, warnings: [] }
    case "JsonSchema": {
      const { body, warnings } = OpenAiSchemas.jsonSchema(format, origin)
      return { body: { format: { type: "json_schema", ...body } }, warnings }
    }
  }
}

/** What this library has a name for, beside what it has none for: neither must push out the other. */
const beside = (field: string, ours: unknown, theirs: unknown): Body | undefined => {
  const both = ours === undefined ? Json.record(theirs) : { [field]: ours, ...Json.record(theirs) }
  return both === undefined || Object.keys(both).length === 0 ? undefined : both
}

const encodeBody = (original: ChatRequest.ChatRequest, origin: Origin, streamed: boolean, quirks: Quirks): Encoded => {
  const { isReasoningModel, takesReasoning = () => true } = quirks
  const [request, dropped] = adapt(original, origin.model, { isReasoningModel, untaken })
  const prompt = ResponsesPrompt.encode(request.prompt, origin, takesReasoning(origin.model))
  const { reasoning, text, ...options } = request.providerOptions ?? {}
  const { maxTokens } = request
  const tools = encodeTools(request, origin)
  const format = encodeFormat(request.responseFormat, origin)
  const warnings: Array<Completion.Warning> = prompt.notes.map((message) => ({ setting: "prompt", message }))
  if (maxTokens !== undefined && maxTokens < leastMaxTokens) {
    const message = `this provider takes no less than ${leastMaxTokens}: ${leastMaxTokens} was sent`
    warnings.push({ setting: "maxTokens", message })
  }
  return {
    body: {
      model: origin.model,
      input: prompt.input,
      temperature: request.temperature,
      top_p: request.topP,
      max_output_tokens: maxTokens === undefined ? undefined : Math.max(maxTokens, leastMaxTokens),
      ...tools.body,
      reasoning: beside("effort", request.reasoningEffort, reasoning),
      text: beside("format", format.body.format, text),
      store: false,
      // Other models refuse to be asked for it.
      include: isReasoningModel(origin.model) ? ["reasoning.encrypted_content"] : undefined,
      ...options,
      stream: streamed ? true : undefined
    },
    warnings: [...dropped, ...warnings, ...tools.warnings, ...format.warnings]
  }
}

const encodeChat =
  (quirks: Quirks): Wire["encodeChat"] =>
  (request, origin, streamed) =>
    encoding(() => encodeBody(request, origin, streamed, quirks))

// -----------------------------------------------------------------------------
// Answer
// -----------------------------------------------------------------------------

/** With a status of these, an answer is over. */
const ends: ReadonlySet<string> = new Set(["completed", "incomplete", "failed", "cancelled"])

/** A response repeats its request, which no error may show. */
const withoutRequest = (json: unknown): unknown => {
  const response = Json.record(json)
  if (response === undefined || !("status" in response || "output" in response)) return json
  const { error, id, incomplete_details: details, object, output, status } = response
  return { id, object, status, error, incomplete_details: details, output }
}

/** A whole answer is a stream of its last event. */
const decodeChat: Wire["decodeChat"] = (whole, received) => {
  const { origin, requestId } = received
  const json = withoutRequest(whole)
  if (ErrorClassification.isErrorPayload(json))
    return Either.left(ErrorClassification.classifyPayload(origin, json, received))
  const answer = Json.record(whole)
  const status = Json.nonEmptyString(answer?.status)
  if (answer === undefined || (status === undefined && !Array.isArray(answer.output)))
    return Either.left(malformed(received, json, "the answer has neither output nor status"))
  if (status !== undefined && !ends.has(status))
    return Either.left(malformed(received, json, `the answer is not whole yet: its status is ${status}`))
  const assembly = new StreamAssembly({ ...origin, requestId, warnings: [] })
  readResponse(answer, assembly)
  if (status !== undefined) readEnd(status, answer, assembly)
  return WholeAnswer.fold(assembly, received, json, "the answer has neither output nor a reason to have none")
}

/** What is in the whole of an answer and has not come before. */
const readResponse = (response: Json.JsonRecord, assembly: StreamAssembly): void => {
  readStart(response, assembly)
  assembly.usage = OpenAiUsage.read(response) ?? assembly.usage
  for (const [position, entry] of Json.array(response.output).entries()) {
    const item = Json.record(entry)
    if (item === undefined) continue
    readItem(item, assembly.blocks.known(item.id, item.call_id) ?? position, assembly, true)
  }
}

const readStart = (response: Json.JsonRecord | undefined, assembly: StreamAssembly): void => {
  if (assembly.id === "") assembly.id = Json.string(response?.id) ?? ""
  if (assembly.model === "") assembly.model = Json.string(response?.model) ?? ""
}

const readEnd = (status: string, response: Json.JsonRecord | undefined, assembly: StreamAssembly): void => {
  const reason = Json.nonEmptyString(Json.record(response?.incomplete_details)?.reason)
  assembly.finishReason = status === "incomplete" ? (reason ?? status) : status
  if (response !== undefined) assembly.categories = ErrorBody.answerCategories(response)
  assembly.done = true
}

// -----------------------------------------------------------------------------
// Items and their blocks
// -----------------------------------------------------------------------------

type Kind = "text" | "refusal" | "summary" | "thought" | "call"

/** Passes on what is new of a block. The parts of a model's thoughts are paragraphs. */
const give = (
  kind: Kind,
  said: unknown,
  place: number | undefined,
  isParagraph: boolean,
  assembly: StreamAssembly
): void => {
  if (kind === "call") return assembly.toolCall({ index: place, arguments: said })
  const text = Json.string(said) ?? ""
  if (kind === "text") assembly.text(text)
  else if (kind === "refusal") assembly.refusal += text
  else assembly.reasoning(isParagraph && text !== "" ? `\n\n${text}` : text)
}

const beginsParagraph = (
  kind: Kind,
  place: number | undefined,
  index: number | undefined,
  blocks: StreamAssembly["blocks"]
): boolean =>
  (kind === "summary" || kind === "thought") &&
  index !== undefined &&
  blocks.has(kind, place) &&
  !blocks.has(kind, place, index)

const readPiece = (
  kind: Kind,
  text: unknown,
  place: number | undefined,
  index: number | undefined,
  assembly: StreamAssembly
): void => {
  const isParagraph = beginsParagraph(kind, place, index, assembly.blocks)
  if (assembly.blocks.piece(kind, place, index)) give(kind, text, place, isParagraph, assembly)
}

const readWhole = (
  kind: Kind,
  text: unknown,
  place: number | undefined,
  index: number | undefined,
  assembly: StreamAssembly,
  last: boolean
): void => {
  const isParagraph = beginsParagraph(kind, place, index, assembly.blocks)
  if (assembly.blocks.whole(kind, place, index, last)) give(kind, text, place, isParagraph, assembly)
}

/** An item that is whole. Those of the provider's own tools are not among the parts of an answer. */
const readItem = (item: Json.JsonRecord, place: number | undefined, assembly: StreamAssembly, last: boolean): void => {
  const read = (kind: Kind, text: unknown, index: number): void => readWhole(kind, text, place, index, assembly, last)
  switch (item.type) {
    case "message":
      for (const [index, entry] of Json.array(item.content).entries()) {
        const content = Json.record(entry)
        if (content?.type === "output_text") read("text", content.text, index)
        else if (content?.type === "refusal") read("refusal", content.refusal, index)
      }
      return
    case "reasoning": {
      for (const [index, entry] of Json.array(item.summary).entries()) read("summary", Json.record(entry)?.text, index)
      for (const [index, entry] of Json.array(item.content).entries()) read("thought", Json.record(entry)?.text, index)
      const signature = Json.nonEmptyString(item.encrypted_content)
      if (signature !== undefined && assembly.blocks.whole("signature", place, undefined, last))
        assembly.reasoning("", signature)
      return
    }
    case "function_call":
      return readCall(item, place, assembly, last)
  }
}

/** A call is named once: an id that changes on the way would make it another. */
const nameOf = (item: Json.JsonRecord, place: number | undefined, assembly: StreamAssembly, last: boolean): Body =>
  Json.nonEmptyString(item.name) !== undefined && assembly.blocks.whole("name", place, undefined, last)
    ? { id: item.call_id, name: item.name }
    : {}

const readCall = (item: Json.JsonRecord, place: number | undefined, assembly: StreamAssembly, last: boolean): void => {
  const named = { ...nameOf(item, place, assembly, last), index: place }
  if (assembly.blocks.whole("call", place, undefined, last))
    return assembly.toolCall({ ...named, arguments: item.arguments })
  // Its arguments have come; its name may not have.
  if (assembly.hasToolCall(place)) assembly.toolCall(named)
}

// -----------------------------------------------------------------------------
// Stream
// -----------------------------------------------------------------------------

interface Block {
  readonly kind: Kind
  /** Where it says which part of its item it is. */
  readonly index: "content_index" | "summary_index" | undefined
  /** Where its whole text stands; `undefined` for a piece of it. */
  readonly whole: "text" | "refusal" | "arguments" | undefined
}

const blocks: ReadonlyMap<string, Block> = new Map<string, Block>([
  ["response.output_text.delta", { kind: "text", index: "content_index", whole: undefined }],
  ["response.output_text.done", { kind: "text", index: "content_index", whole: "text" }],
  ["response.refusal.delta", { kind: "refusal", index: "content_index", whole: undefined }],
  ["response.refusal.done", { kind: "refusal", index: "content_index", whole: "refusal" }],
  ["response.reasoning_summary_text.delta", { kind: "summary", index: "summary_index", whole: undefined }],
  ["response.reasoning_summary_text.done", { kind: "summary", index: "summary_index", whole: "text" }],
  ["response.reasoning_text.delta", { kind: "thought", index: "content_index", whole: undefined }],
  ["response.reasoning_text.done", { kind: "thought", index: "content_index", whole: "text" }],
  ["response.function_call_arguments.delta", { kind: "call", index: undefined, whole: undefined }],
  ["response.function_call_arguments.done", { kind: "call", index: undefined, whole: "arguments" }]
])

const readEvent: Wire["readEvent"] = (event, assembly, received) => {
  // The protocol has no end marker of its own, but gateways add that of chat completions: it does not make an answer whole.
  if (event.data === "[DONE]") return
  const message = TypedEvent.read(event, assembly, received)
  if (message === undefined) return
  const type = Json.string(message.type) ?? event.event
  const block = blocks.get(type)
  if (block !== undefined) return readBlock(block, message, assembly)
  // Events of other kinds are to be passed over: the protocol has many, and promises more of them.
  switch (type) {
    case "response.output_item.added":
    case "response.output_item.done": {
      const item = Json.record(message.item)
      if (item === undefined) return
      const place = assembly.blocks.place(message.output_index, item.id, item.call_id)
      if (type === "response.output_item.done") return readItem(item, place, assembly, false)
      if (item.type === "function_call") assembly.toolCall({ ...nameOf(item, place, assembly, false), index: place })
      return
    }
    case "response.created":
    case "response.in_progress":
      return readStart(Json.record(message.response), assembly)
    case "response.completed":
    case "response.incomplete":
    case "response.cancelled":
    case "response.failed":
      return readLast(type.slice("response.".length), message, assembly, received)
  }
}

const readBlock = ({ index: field, kind, whole }: Block, message: Json.JsonRecord, assembly: StreamAssembly): void => {
  const { output_index: at } = message
  const place = typeof at === "number" ? at : assembly.blocks.place(undefined, message.item_id)
  const index = field === undefined ? undefined : Json.number(message[field])
  if (whole === undefined) return readPiece(kind, message.delta, place, index, assembly)
  // Which block it is the whole of can be told from its item only.
  if (place !== undefined) readWhole(kind, message[whole], place, index, assembly, false)
}

const readLast = (status: string, message: Json.JsonRecord, assembly: StreamAssembly, received: Received): void => {
  const response = Json.record(message.response)
  if (ErrorClassification.isErrorPayload(response) || (status === "failed" && response === undefined)) {
    if (response !== undefined) assembly.usage = OpenAiUsage.read(response) ?? assembly.usage
    const said = { type: message.type, response: withoutRequest(response) }
    return assembly.fail(ErrorClassification.classifyPayload(received.origin, said, received))
  }
  if (response !== undefined) readResponse(response, assembly)
  readEnd(status, response, assembly)
}

// -----------------------------------------------------------------------------
// The wire
// -----------------------------------------------------------------------------

export const make = (quirks: Quirks): Wire => ({
  name: "responses",
  encodeChat: encodeChat(quirks),
  decodeChat,
  readEvent,
  embeddings: OpenAiEmbeddings.make(quirks.maxEmbeddingInputs)
})
