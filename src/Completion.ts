/**
 * The whole answer to a chat request.
 */
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { Mutable } from "effect/Types"
import * as Prompt from "./Prompt.js"
import { Usage } from "./Usage.js"

/**
 * Why the model stopped: `unified` is the same word for every provider, `raw` is the provider's own.
 * `length`: it reached `maxTokens` or the context's end, so the text is not whole.
 */
export const FinishReason = Schema.Struct({
  unified: Schema.Literal("stop", "length", "tool-calls", "content-filter", "other"),
  raw: Schema.String
}).annotations({ identifier: "FinishReason" })

export interface FinishReason extends Schema.Schema.Type<typeof FinishReason> {}

/** A setting that was not sent as it stood, and why. */
export const Warning = Schema.Struct({
  setting: Schema.String,
  message: Schema.String
}).annotations({ identifier: "Warning" })

export interface Warning extends Schema.Schema.Type<typeof Warning> {}

/** What a model may answer with. */
export const OutputPart = Schema.Union(Prompt.TextPart, Prompt.ReasoningPart, Prompt.ToolCallPart)

export type OutputPart = typeof OutputPart.Type

/**
 * - `text`: all text parts joined; `""` when the model only called tools
 * - `parts`: text, reasoning and tool calls in the order they came
 * - `model`: the model that answered, as the provider names it; `id`: the provider's id of the answer
 * - `requestId`: the provider's id of the request, for its support
 * - `cached`: no call was made for this answer
 * - `attempts`: how many requests went out for it, failed ones included; 0 when it came from a cache
 * - `latency`: from the start of the successful attempt to the whole answer
 * - `raw`: the provider's answer as it came (`complete` only)
 */
export const Completion = Schema.Struct({
  text: Schema.String,
  parts: Schema.Array(OutputPart),
  toolCalls: Schema.Array(Prompt.ToolCallPart),
  reasoning: Schema.optional(Schema.String),
  finishReason: FinishReason,
  usage: Usage,
  model: Schema.String,
  id: Schema.String,
  requestId: Schema.optional(Schema.String),
  warnings: Schema.Array(Warning),
  cached: Schema.Boolean,
  attempts: Schema.Number,
  latency: Schema.DurationFromMillis,
  raw: Schema.optional(Schema.Unknown)
}).annotations({ identifier: "Completion" })

export interface Completion extends Schema.Schema.Type<typeof Completion> {}

/** What a completion is made of; `text`, `toolCalls` and `reasoning` follow from the parts. */
export interface Fields {
  readonly parts: ReadonlyArray<OutputPart>
  readonly finishReason: FinishReason
  readonly usage: Usage
  readonly model: string
  readonly id: string
  readonly requestId?: string | undefined
  readonly warnings: ReadonlyArray<Warning>
  readonly cached: boolean
  readonly attempts: number
  readonly latency: Duration.Duration
  readonly raw?: unknown
}

/** A completion from its parts. */
export const make = (fields: Fields): Completion => {
  let text = ""
  let reasoning: string | undefined
  const toolCalls: Array<Prompt.ToolCallPart> = []
  for (const part of fields.parts) {
    if (part._tag === "Text") text += part.text
    else if (part._tag === "ToolCall") toolCalls.push(part)
    // Reasoning may be a signature alone, which is nothing to read.
    else if (part.text !== "") reasoning = (reasoning ?? "") + part.text
  }
  // Each field by its name: an object that is spread first and added to costs V8 ten times as much, on every call.
  const { attempts, cached, finishReason, id, latency, model, parts, raw, requestId, usage, warnings } = fields
  const completion: Mutable<Completion> = {
    text,
    parts,
    toolCalls,
    finishReason,
    usage,
    model,
    id,
    warnings,
    cached,
    attempts,
    latency
  }
  if (reasoning !== undefined) completion.reasoning = reasoning
  if (requestId !== undefined) completion.requestId = requestId
  if (raw !== undefined) completion.raw = raw
  return completion
}

/** The answer as the assistant's message of a next prompt. */
export const toMessage = (completion: Completion): Prompt.Message => ({ role: "assistant", content: completion.parts })
