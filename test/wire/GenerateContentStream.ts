/**
 * Reads events with the generateContent wire alone: no HTTP, no framing.
 */
import { Chunk, Duration } from "effect"
import { type Completion, type LlmError, StreamPart } from "../../src/index.js"
import * as GenerateContent from "../../src/wire/GenerateContent.js"
import { StreamAssembly } from "../../src/wire/StreamAssembly.js"
import type { Received, Wire } from "../../src/wire/Wire.js"

export const origin = { provider: "acme", model: "acme-1" }

export const received: Received = { origin, headers: {}, requestId: "req-1", now: 0 }

export const wire: Wire = GenerateContent.make({
  thinking: (model, effort) =>
    model === "acme-1"
      ? undefined
      : model.startsWith("word")
        ? { thinkingLevel: effort === "none" ? "low" : effort }
        : { thinkingBudget: 512 },
  wantsSignatures: (model) => model.startsWith("word"),
  maxEmbeddingInputs: 3
})

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
  for (const payload of payloads) {
    if (assembly.done) break
    const data = typeof payload === "string" ? payload : JSON.stringify(payload)
    wire.readEvent({ event: "message", data, id: undefined }, assembly, received)
    parts.push(...assembly.take())
  }
  const end = assembly.end(Duration.zero)
  if (!Chunk.isChunk(end)) return { parts, completion: undefined, error: end }
  parts.push(...end)
  const collector = new StreamPart.Collector()
  for (const part of parts) collector.push(part)
  return { parts, completion: collector.completion(), error: undefined }
}

export const chunk = (parts: ReadonlyArray<unknown>, candidate: object = {}, more: object = {}): object => ({
  candidates: [{ content: { parts, role: "model" }, index: 0, ...candidate }],
  modelVersion: "acme-1-002",
  responseId: "resp-1",
  ...more
})

/** The chunk that ends an answer; a whole answer is one such chunk. */
export const finish = (parts: ReadonlyArray<unknown> = [{ text: "" }], reason = "STOP", more: object = {}): object =>
  chunk(parts, { finishReason: reason }, more)
