/**
 * Reads events with the chat-completions wire alone: no HTTP, no framing.
 */
import { Chunk, Duration } from "effect"
import { type Completion, type LlmError, StreamPart } from "../../src/index.js"
import * as ChatCompletions from "../../src/wire/ChatCompletions.js"
import { StreamAssembly } from "../../src/wire/StreamAssembly.js"
import type { Received, Wire } from "../../src/wire/Wire.js"

export const origin = { provider: "acme", model: "acme-1" }

export const received: Received = { origin, headers: {}, requestId: "req-1", now: 0 }

export const wire: Wire = ChatCompletions.make({
  maxTokensField: () => "max_tokens",
  isReasoningModel: undefined,
  asksForUsage: true,
  maxEmbeddingInputs: 3
})

/** An event with a name of its own. */
export class Named {
  constructor(
    readonly event: string,
    readonly payload: unknown
  ) {}
}

export interface Decoded {
  readonly parts: ReadonlyArray<StreamPart.StreamPart>
  /** What the parts fold to, where the stream ended well. */
  readonly completion: Completion.Completion | undefined
  readonly error: LlmError.LlmError | undefined
}

/** Decodes a stream of these payloads: values become JSON, strings stay as they are. Parts are taken after each event. */
export const decode = (...payloads: ReadonlyArray<unknown>): Decoded => {
  const assembly = new StreamAssembly({ ...origin, requestId: "req-1", warnings: [] })
  const parts: Array<StreamPart.StreamPart> = []
  for (const one of payloads) {
    if (assembly.done) break
    const payload = one instanceof Named ? one.payload : one
    wire.readEvent(
      {
        event: one instanceof Named ? one.event : "message",
        data: typeof payload === "string" ? payload : JSON.stringify(payload),
        id: undefined
      },
      assembly,
      received
    )
    parts.push(...assembly.take())
  }
  const end = assembly.end(Duration.zero)
  if (!Chunk.isChunk(end)) return { parts, completion: undefined, error: end }
  parts.push(...end)
  const collector = new StreamPart.Collector()
  for (const part of parts) collector.push(part)
  return { parts, completion: collector.completion(), error: undefined }
}

export const chunk = (delta: unknown, more: object = {}): object => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  model: "acme-1-0925",
  choices: [{ index: 0, delta, finish_reason: null }],
  ...more
})

/** The chunk that ends an answer. */
export const finish = (reason = "stop", more: object = {}): object =>
  chunk({}, { choices: [{ index: 0, delta: {}, finish_reason: reason }], ...more })

export const toolPiece = (...calls: ReadonlyArray<unknown>): object => chunk({ tool_calls: calls })

/** A whole answer with this message. */
export const answer = (message: unknown, more: object = {}): object => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "acme-1-0925",
  choices: [{ index: 0, message, finish_reason: "stop" }],
  ...more
})
