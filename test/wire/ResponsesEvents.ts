/**
 * Reads events with the Responses wire alone: no HTTP, no framing.
 */
import { Either } from "effect"
import { ChatRequest, type LlmError } from "../../src/index.js"
import * as Responses from "../../src/wire/Responses.js"
import type { Encoded, Wire } from "../../src/wire/Wire.js"
import { type Decoded, decodeBy, type Events, origin, received } from "./MessagesEvents.js"

/** A model that does not think, and takes the thoughts of others. */
export const wireOf = (more: Partial<Responses.Quirks> = {}): Wire =>
  Responses.make({ isReasoningModel: () => false, maxEmbeddingInputs: 2048, ...more })

/** A model that thinks. */
export const thinking: Partial<Responses.Quirks> = { isReasoningModel: () => true }

export const encode = (
  input: ChatRequest.Input,
  more?: Partial<Responses.Quirks>,
  streamed = false
): Either.Either<Encoded, LlmError.LlmError> => wireOf(more).encodeChat(ChatRequest.make(input), origin, streamed)

export const bodyOf = (input: ChatRequest.Input, more?: Partial<Responses.Quirks>, streamed?: boolean): unknown =>
  JSON.parse(JSON.stringify(Either.getOrThrow(encode(input, more, streamed)).body))

export const warningsOf = (input: ChatRequest.Input, more?: Partial<Responses.Quirks>): ReadonlyArray<string> =>
  Either.getOrThrow(encode(input, more)).warnings.map((warning) => warning.setting)

export const refusalOf = (input: ChatRequest.Input): LlmError.LlmError => Either.getOrThrow(Either.flip(encode(input)))

export const answerOf = (json: unknown) => wireOf().decodeChat(json, received)

export type Json = Readonly<Record<string, unknown>>

/** A whole answer. */
export const response = (output: ReadonlyArray<Json>, more: Json = {}): Json => ({
  id: "resp_1",
  object: "response",
  status: "completed",
  error: null,
  incomplete_details: null,
  model: "acme-1-0925",
  output,
  usage: {
    input_tokens: 10,
    input_tokens_details: { cached_tokens: 4 },
    output_tokens: 5,
    output_tokens_details: { reasoning_tokens: 2 },
    total_tokens: 15
  },
  ...more
})

export const message = (...texts: ReadonlyArray<string>): Json => ({
  id: "msg_1",
  type: "message",
  status: "completed",
  role: "assistant",
  content: texts.map((text) => ({ type: "output_text", annotations: [], logprobs: [], text }))
})

export const refusal = (words: string): Json => ({ ...message(), content: [{ type: "refusal", refusal: words }] })

export const call = (name: unknown, text: unknown, id: unknown = "call_1"): Json => ({
  id: `fc_${String(id)}`,
  type: "function_call",
  status: "completed",
  call_id: id,
  name,
  arguments: text
})

export const reasoning = (
  summary: ReadonlyArray<string>,
  encrypted?: string,
  content: ReadonlyArray<string> = []
): Json => ({
  id: "rs_1",
  type: "reasoning",
  summary: summary.map((text) => ({ type: "summary_text", text })),
  ...(content.length === 0 ? {} : { content: content.map((text) => ({ type: "reasoning_text", text })) }),
  ...(encrypted === undefined ? {} : { encrypted_content: encrypted })
})

// --- Events ----------------------------------------------------------------------

export { Named, type Events } from "./MessagesEvents.js"

/** Decodes a stream of these events, which nothing but their payloads names; parts are taken after each. */
export const decode = (...events: Events): Decoded => decodeBy(wireOf(), events, () => "message")

const begun = response([], { status: "in_progress", usage: null })

export const start: Events = [
  { type: "response.created", response: begun },
  { type: "response.in_progress", response: begun }
]

export const added = (index: number, item: Json): Json => ({
  type: "response.output_item.added",
  output_index: index,
  item:
    item["type"] === "function_call"
      ? { ...item, arguments: "", status: "in_progress" }
      : { ...item, content: [], summary: [] }
})

export const done = (index: number, item: Json): Json => ({
  type: "response.output_item.done",
  output_index: index,
  item
})

const idOf = (item: Json): Json => ({ item_id: item["id"] })

export const delta = (kind: string, index: number, text: unknown, more: Json = {}): Json => ({
  type: `response.${kind}.delta`,
  output_index: index,
  delta: text,
  obfuscation: "xyz",
  ...more
})

/** A message whose only text comes in these pieces, as the provider streams it. */
export const text = (index: number, ...pieces: ReadonlyArray<string>): Events => {
  const item = message(pieces.join(""))
  const at = { ...idOf(item), output_index: index, content_index: 0 }
  const part = { type: "output_text", annotations: [], text: pieces.join("") }
  return [
    added(index, item),
    { type: "response.content_part.added", ...at, part: { ...part, text: "" } },
    ...pieces.map((piece) => delta("output_text", index, piece, at)),
    { type: "response.output_text.done", ...at, text: pieces.join("") },
    { type: "response.content_part.done", ...at, part },
    done(index, item)
  ]
}

/** A call whose arguments come in these pieces. */
export const called = (index: number, name: string, id: string, ...pieces: ReadonlyArray<string>): Events => {
  const item = call(name, pieces.join(""), id)
  return [
    added(index, item),
    ...pieces.map((piece) => delta("function_call_arguments", index, piece, idOf(item))),
    {
      type: "response.function_call_arguments.done",
      ...idOf(item),
      output_index: index,
      arguments: pieces.join("")
    },
    done(index, item)
  ]
}

/** Thoughts, each part in the pieces of its list. */
export const thoughts = (index: number, parts: ReadonlyArray<ReadonlyArray<string>>, encrypted?: string): Events => {
  const item = reasoning(
    parts.map((pieces) => pieces.join("")),
    encrypted
  )
  return [
    added(index, { ...item, ...(encrypted === undefined ? {} : { encrypted_content: "not yet all" }) }),
    ...parts.flatMap((pieces, part) => {
      const at = { ...idOf(item), output_index: index, summary_index: part }
      const whole = { type: "summary_text", text: pieces.join("") }
      return [
        { type: "response.reasoning_summary_part.added", ...at, part: { ...whole, text: "" } },
        ...pieces.map((piece) => delta("reasoning_summary_text", index, piece, at)),
        { type: "response.reasoning_summary_text.done", ...at, text: whole.text },
        { type: "response.reasoning_summary_part.done", ...at, part: whole }
      ]
    }),
    done(index, item)
  ]
}

/** The last event, with the whole answer in it. */
export const end = (output: ReadonlyArray<Json>, more: Json = {}): Json => {
  const whole = response(output, more)
  return { type: `response.${String(whole["status"])}`, response: whole }
}
