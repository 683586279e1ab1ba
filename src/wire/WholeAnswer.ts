/**
 * A whole answer read as a stream of one piece: what the assembly made of it, folded into what `decodeChat` returns.
 */
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import type { LlmError } from "../LlmError.js"
import { Collector } from "../StreamPart.js"
import { malformed } from "./Malformed.js"
import type { StreamAssembly } from "./StreamAssembly.js"
import type { Answer, Received } from "./Wire.js"

/** Left: what is wrong with the answer. Parts without a finish reason are an answer; `missing` says what one without either lacks. */
export const fold = (
  assembly: StreamAssembly,
  received: Received,
  json: unknown,
  missing: string
): Either.Either<Answer, LlmError> => {
  const parts = assembly.take()
  if (Chunk.isNonEmpty(parts) || assembly.refusal !== "") assembly.finishReason ??= ""
  const end = assembly.end(Duration.zero)
  if (!Chunk.isChunk(end)) {
    // What would have broken a stream is itself what is wrong with the answer.
    return Either.left(end._tag === "StreamInterrupted" ? (end.cause ?? malformed(received, json, missing)) : end)
  }
  const collector = new Collector()
  for (const part of Chunk.appendAll(parts, end)) collector.push(part)
  const completion = collector.completion()
  if (completion === undefined) return Either.left(malformed(received, json, missing))
  return Either.right({
    parts: completion.parts,
    finishReason: completion.finishReason,
    usage: completion.usage,
    model: completion.model,
    id: completion.id
  })
}
