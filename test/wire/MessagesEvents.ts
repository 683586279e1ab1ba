/**
 * Reads events with the messages wire alone: no HTTP, no framing.
 */
import { Chunk, Duration, Either } from "effect"
import { ChatRequest, type Completion, type LlmError, StreamPart } from "../../src/index.js"
import * as Messages from "../../src/wire/Messages.js"
import { StreamAssembly } from "../../src/wire/StreamAssembly.js"
import type { Encoded, Received, Wire } from "../../src/wire/Wire.js"

export const origin = { provider: "acme", model: "acme-1" }

export const received: Received = { origin, headers: {}, requestId: "req-1", now: 0 }

/** A model that takes everything. */
export const traits: Messages.ModelTraits = {
  thinking: "budget",
  greatestEffort: "xhigh",
  sampling: "both",
  takesSchemas: true,
  defaultMaxTokens: 4096
}

export const wireOf = (more: Partial<Messages.ModelTraits> = {}): Wire =>
  Messages.make({ traitsOf: () => ({ ...traits, ...more }) })

export const encode = (
  input: ChatRequest.Input,
  more?: Partial<Messages.ModelTraits>,
  streamed = false
): Either.Either<Encoded, LlmError.LlmError> => wireOf(more).encodeChat(ChatRequest.make(input), origin, streamed)

export const bodyOf = (input: ChatRequest.Input, more?: Partial<Messages.ModelTraits>): unknown =>
  JSON.parse(JSON.stringify(Either.getOrThrow(encode(input, more)).body))

export const warningsOf = (input: ChatRequest.Input, more?: Partial<Messages.ModelTraits>): ReadonlyArray<string> =>
  Either.getOrThrow(encode(input, more)).warnings.map((warning) => warning.setting)

export const refusalOf = (input: ChatRequest.Input, more?: Partial<Messages.ModelTraits>): LlmError.LlmError =>
  Either.getOrThrow(Either.flip(encode(input, more)))

export const answerOf = (json: unknown) => wireOf().decodeChat(json, received)

/** An event under a name of its own, or with a text that is no JSON. */
export class Named {
  constructor(
    readonly event: string,
    readonly data: string
  ) {}
}

export type Events = ReadonlyArray<Named | Readonly<Record<string, unknown>>>

export interface Decoded {
  readonly parts: ReadonlyArray<StreamPart.StreamPart>
  /** What the parts fold to, where the stream ended well. */
  readonly completion: Completion.Completion | undefined
  readonly error: LlmError.LlmError | undefined
}

/** Decodes a stream of these events; parts are taken after each. `nameOf`: what an event's frame calls it. */
export const decodeBy = (wire: Wire, events: Events, nameOf: (type: unknown) => string = String): Decoded => {
  const assembly = new StreamAssembly({ ...origin, requestId: "req-1", warnings: [] })
  const parts: Array<StreamPart.StreamPart> = []
  for (const one of events) {
    if (assembly.done) break
    const event = one instanceof Named ? one : new Named(nameOf(one["type"]), JSON.stringify(one))
    wire.readEvent({ ...event, id: undefined }, assembly, received)
    parts.push(...assembly.take())
  }
  const end = assembly.end(Duration.zero)
  if (!Chunk.isChunk(end)) return { parts, completion: undefined, error: end }
  parts.push(...end)
  const collector = new StreamPart.Collector()
  for (const part of parts) collector.push(part)
  return { parts, completion: collector.completion(), error: undefined }
}

export const decode = (...events: Events): Decoded => decodeBy(wireOf(), events)

export const start = (message: object = {}) => ({
  type: "message_start",
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "acme-1-0925",
    content: [],
    stop_reason: null,
    usage: { input_tokens: 10, output_tokens: 1 },
    ...message
  }
})

export const block = (index: number, content: object) => ({
  type: "content_block_start",
  index,
  content_block: content
})

export const delta = (index: number, change: object) => ({ type: "content_block_delta", index, delta: change })

export const blockStop = (index: number) => ({ type: "content_block_stop", index })

export const text = (...pieces: ReadonlyArray<string>) => [
  block(0, { type: "text", text: "" }),
  ...pieces.map((piece) => delta(0, { type: "text_delta", text: piece })),
  blockStop(0)
]

export const end = (reason: string | null = "end_turn", usage: object = { output_tokens: 5 }, more: object = {}) => ({
  type: "message_delta",
  delta: { stop_reason: reason, stop_sequence: null, ...more },
  usage
})

export const stop = { type: "message_stop" }
