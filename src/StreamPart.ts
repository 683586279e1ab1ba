/**
 * A streamed answer, piece by piece. A stream of parts ends in exactly one `Finish`, or in an error: never in silence.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Completion from "./Completion.js"
import { type LlmError, isRetryable, StreamInterrupted } from "./LlmError.js"
import type { ToolCallPart } from "./Prompt.js"
import { Usage } from "./Usage.js"

export const TextDelta = Schema.TaggedStruct("TextDelta", { text: Schema.String })

export interface TextDelta extends Schema.Schema.Type<typeof TextDelta> {}

/**
 * `signature` comes with the last piece of a block of reasoning, from the providers that sign it; `signedBy` is the name of
 * the one that did.
 */
export const ReasoningDelta = Schema.TaggedStruct("ReasoningDelta", {
  text: Schema.String,
  signature: Schema.optional(Schema.String),
  signedBy: Schema.optional(Schema.String)
})

export interface ReasoningDelta extends Schema.Schema.Type<typeof ReasoningDelta> {}

/** A tool call begins; its arguments follow in pieces. Calls may be interleaved: tell them apart by `id`. */
export const ToolCallStart = Schema.TaggedStruct("ToolCallStart", { id: Schema.String, name: Schema.String })

export interface ToolCallStart extends Schema.Schema.Type<typeof ToolCallStart> {}

/** A piece of the JSON text of a call's arguments. */
export const ToolCallDelta = Schema.TaggedStruct("ToolCallDelta", { id: Schema.String, arguments: Schema.String })

export interface ToolCallDelta extends Schema.Schema.Type<typeof ToolCallDelta> {}

/** The call is whole; `arguments` is its whole JSON text, `{}` where the model wrote nothing. */
export const ToolCallEnd = Schema.TaggedStruct("ToolCallEnd", {
  id: Schema.String,
  name: Schema.String,
  arguments: Schema.String
})

export interface ToolCallEnd extends Schema.Schema.Type<typeof ToolCallEnd> {}

/** Always last, exactly once: everything of a `Completion` that is not in the parts before. */
export const Finish = Schema.TaggedStruct("Finish", {
  finishReason: Completion.FinishReason,
  usage: Usage,
  model: Schema.String,
  id: Schema.String,
  requestId: Schema.optional(Schema.String),
  warnings: Schema.Array(Completion.Warning),
  cached: Schema.Boolean,
  attempts: Schema.Number,
  latency: Schema.DurationFromMillis
})

export interface Finish extends Schema.Schema.Type<typeof Finish> {}

export const StreamPart = Schema.Union(
  TextDelta,
  ReasoningDelta,
  ToolCallStart,
  ToolCallDelta,
  ToolCallEnd,
  Finish
).annotations({ identifier: "StreamPart" })

export type StreamPart = typeof StreamPart.Type

/** Whether a consumer can have shown something of this part: once it has, the stream cannot be silently repeated. */
export const isVisible = (part: StreamPart): boolean => part._tag !== "Finish"

// -----------------------------------------------------------------------------
// Folding
// -----------------------------------------------------------------------------

/** Who signed a thought, and how. */
type Signature = Pick<ReasoningDelta, "signature" | "signedBy">

const signatureOf = ({ signature, signedBy }: Signature): Signature => ({
  ...(signature === undefined ? {} : { signature }),
  ...(signedBy === undefined ? {} : { signedBy })
})

/** Folds parts into a `Completion` as they come. Owned by one consumer. */
export class Collector {
  private readonly parts: Array<Completion.OutputPart> = []
  /** Where in `parts` a tool call's place was taken, by its id. */
  private readonly places = new Map<string, number>()
  private finish: Finish | undefined
  private block: "Text" | "Reasoning" | undefined
  private blockText = ""
  private signature: Signature = {}

  push(part: StreamPart): void {
    switch (part._tag) {
      case "TextDelta":
        this.open("Text")
        this.blockText += part.text
        return
      case "ReasoningDelta":
        this.open("Reasoning")
        this.blockText += part.text
        this.signature = signatureOf(part)
        // A signature ends its block: what follows may be signed on its own.
        if (part.signature !== undefined) this.close()
        return
      case "ToolCallStart":
        this.close()
        this.places.set(part.id, this.parts.length)
        this.parts.push({ _tag: "ToolCall", id: part.id, name: part.name, arguments: "{}" })
        return
      case "ToolCallDelta":
        return
      case "ToolCallEnd": {
        const call: ToolCallPart = { _tag: "ToolCall", id: part.id, name: part.name, arguments: part.arguments }
        const place = this.places.get(part.id)
        if (place === undefined) {
          this.close()
          this.parts.push(call)
        } else this.parts[place] = call
        return
      }
      case "Finish":
        this.close()
        this.finish = part
        return
      default:
        return part satisfies never
    }
  }

  /** The whole answer, or `undefined` before its `Finish`. */
  completion(): Completion.Completion | undefined {
    if (this.finish === undefined) return undefined
    const { _tag, ...rest } = this.finish
    return Completion.make({ ...rest, parts: this.parts })
  }

  private open(block: "Text" | "Reasoning"): void {
    if (this.block === block) return
    this.close()
    this.block = block
  }

  private close(): void {
    if (this.block !== undefined && (this.blockText !== "" || this.signature.signature !== undefined)) {
      this.parts.push(
        this.block === "Text"
          ? { _tag: "Text", text: this.blockText }
          : { _tag: "Reasoning", text: this.blockText, ...this.signature }
      )
    }
    this.block = undefined
    this.blockText = ""
    this.signature = {}
  }
}

// -----------------------------------------------------------------------------
// Running
// -----------------------------------------------------------------------------

/**
 * Runs a stream and calls `f` with the parts of each network read. It does what `Stream.runForEachChunk` does, in the
 * fiber that calls it: the runners of `Stream` start a fiber and scopes of their own, which takes 0.1 to 0.4 ms a stream.
 */
export const forEachChunk =
  <E2, R2>(f: (parts: Chunk.Chunk<StreamPart>) => Effect.Effect<unknown, E2, R2>) =>
  <E, R>(stream: Stream.Stream<StreamPart, E, R>): Effect.Effect<void, E | E2, R | R2> =>
    Effect.scoped(
      Effect.flatMap(Stream.toPull(stream), (pull) => {
        const step: Effect.Effect<void, E | E2, R | R2> = Effect.matchEffect(pull, {
          onFailure: (end) => (Option.isNone(end) ? Effect.void : Effect.fail(end.value)),
          onSuccess: (parts) => Effect.zipRight(f(parts), step)
        })
        return step
      })
    )

/**
 * Runs a stream and folds its parts into the `Completion` that `complete` would have given. A stream without a `Finish`,
 * one that was shortened with `Stream.take` for example, fails with `StreamInterrupted`.
 */
export const collect = <E, R>(
  stream: Stream.Stream<StreamPart, E, R>
): Effect.Effect<Completion.Completion, E | StreamInterrupted, R> =>
  Effect.suspend(() => {
    const collector = new Collector()
    let text = ""
    return stream.pipe(
      forEachChunk((parts) =>
        Effect.sync(() => {
          for (const part of parts) {
            collector.push(part)
            if (part._tag === "TextDelta") text += part.text
          }
        })
      ),
      Effect.flatMap(() => {
        const completion = collector.completion()
        return completion === undefined
          ? Effect.fail(
              new StreamInterrupted({
                provider: "",
                model: "",
                message: "the stream ended without its Finish part",
                text
              })
            )
          : Effect.succeed(completion)
      })
    )
  })

/** The parts that a whole answer would have come in: each part as one delta, then its `Finish`. */
export const fromCompletion = (completion: Completion.Completion): Chunk.Chunk<StreamPart> => {
  const out: Array<StreamPart> = []
  for (const part of completion.parts) {
    switch (part._tag) {
      case "Text":
        out.push({ _tag: "TextDelta", text: part.text })
        break
      case "Reasoning":
        out.push({ _tag: "ReasoningDelta", text: part.text, ...signatureOf(part) })
        break
      case "ToolCall":
        out.push({ _tag: "ToolCallStart", id: part.id, name: part.name })
        out.push({ _tag: "ToolCallDelta", id: part.id, arguments: part.arguments })
        out.push({ _tag: "ToolCallEnd", id: part.id, name: part.name, arguments: part.arguments })
        break
      default:
        part satisfies never
    }
  }
  const { attempts, cached, finishReason, id, latency, model, requestId, usage, warnings } = completion
  out.push({
    _tag: "Finish",
    finishReason,
    usage,
    model,
    id,
    ...(requestId === undefined ? {} : { requestId }),
    warnings,
    cached,
    attempts,
    latency
  })
  return Chunk.unsafeFromArray(out)
}

/** Only the text of a stream, one string per network read; empty ones are left out. */
export const text = <E, R>(stream: Stream.Stream<StreamPart, E, R>): Stream.Stream<string, E, R> =>
  Stream.mapChunks(stream, (chunk) => {
    let out = ""
    for (const part of chunk) if (part._tag === "TextDelta") out += part.text
    return out === "" ? Chunk.empty() : Chunk.of(out)
  })

// -----------------------------------------------------------------------------
// What has been given out
// -----------------------------------------------------------------------------

/**
 * Remembers what a stream has given out, so that whoever fails it can say so: a retryable failure behind the first
 * visible part is a `StreamInterrupted` that keeps the text and the cause. Owned by one run of one stream.
 */
export class Given {
  visible = false
  text = ""

  note(chunk: Chunk.Chunk<StreamPart>): void {
    // The texts of one read are joined first: a string that grows by single deltas is a chain that slows the collector.
    const texts: Array<string> = []
    for (const part of chunk) {
      if (part._tag === "TextDelta") texts.push(part.text)
      if (isVisible(part)) this.visible = true
    }
    this.text += texts.join("")
  }

  /** `usage`: what the stream had reported of it before. */
  failure(error: LlmError, usage?: Usage): LlmError {
    if (!this.visible || !isRetryable(error) || error._tag === "StreamInterrupted") return error
    const { provider, model, status, requestId, body, attempts, retryAfter, message } = error
    return new StreamInterrupted({
      provider,
      model,
      status,
      requestId,
      body,
      attempts,
      retryAfter,
      message: `the stream broke: ${message}`,
      text: this.text,
      usage,
      cause: error
    })
  }
}
