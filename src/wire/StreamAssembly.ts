/**
 * The state of one streamed answer, the same for every wire. A wire reads events and tells the assembly what is in them;
 * the assembly makes the parts, judges how the stream ended and gives out exactly one `Finish`, or a failure.
 */
import * as Chunk from "effect/Chunk"
import type * as Duration from "effect/Duration"
import type { FinishReason, Warning } from "../Completion.js"
import {
  type ContentCategory,
  ContentFiltered,
  type LlmError,
  MalformedResponse,
  type StreamCause,
  StreamInterrupted
} from "../LlmError.js"
import type { StreamPart } from "../StreamPart.js"
import { Given } from "../StreamPart.js"
import type { Usage } from "../Usage.js"
import { Blocks } from "./Blocks.js"
import * as FinishReasons from "./FinishReasons.js"
import { type Piece, ToolCallAssembly } from "./ToolCallAssembly.js"

export interface Options {
  readonly provider: string
  readonly model: string
  readonly requestId: string | undefined
  readonly warnings: ReadonlyArray<Warning>
}

/** A model that declines has given no answer: that is a failure, whatever the status says. */
export const refused = (
  from: { readonly provider: string; readonly model: string; readonly requestId: string | undefined },
  refusal: string,
  usage: Usage
): ContentFiltered =>
  new ContentFiltered({ ...from, outcome: "unknown", message: `the model refused: ${refusal}`, usage })

export class StreamAssembly {
  /** What the provider calls its answer and its model; the first that is not empty counts. */
  id = ""
  model = ""
  /** The last one counts: some providers send it on every chunk, cumulative. */
  usage: Usage = {}
  /** The provider's own word; its arrival makes the answer whole. */
  finishReason: string | undefined
  /** The same, from a provider that sends its end marker after it: the marker makes it the finish reason. */
  announcedReason: string | undefined
  /** What the provider says of an answer that it withholds. */
  explanation: string | undefined
  /** What the provider's filters found in the answer, for the error that a withheld one becomes. */
  categories: ReadonlyArray<ContentCategory> = []
  /** The model's own words where it declines to answer. */
  refusal = ""
  /** The end marker has come: nothing behind it is read. */
  done = false
  failure: LlmError | undefined

  /** Which blocks have come, for a wire that says the whole of a block behind its pieces. */
  readonly blocks = new Blocks()

  private out: Array<StreamPart> = []
  private readonly given = new Given()
  private readonly calls = new ToolCallAssembly()
  private wholeCalls = 0

  constructor(readonly options: Options) {}

  text(delta: string): void {
    if (delta !== "") this.out.push({ _tag: "TextDelta", text: delta })
  }

  reasoning(delta: string, signature?: string): void {
    if (delta !== "" || signature !== undefined) {
      this.out.push(
        signature === undefined
          ? { _tag: "ReasoningDelta", text: delta }
          : { _tag: "ReasoningDelta", text: delta, signature, signedBy: this.options.provider }
      )
    }
  }

  toolCall(piece: Piece): void {
    this.calls.add(piece, this.id, this.out)
  }

  /** A call that comes in one piece: the next one is another, though it may have the same id. */
  wholeToolCall(piece: Omit<Piece, "index">): void {
    this.calls.add({ ...piece, index: this.wholeCalls++ }, this.id, this.out)
  }

  /** Whether a tool call has begun under this index, where other things than calls have indices too. */
  hasToolCall(index: unknown): boolean {
    return this.calls.has(index)
  }

  /** Ends the stream with this error; the first one counts. */
  fail(error: LlmError): void {
    this.failure ??= error
    this.done = true
  }

  /** What came since the last time. */
  take(): Chunk.Chunk<StreamPart> {
    const out = Chunk.unsafeFromArray(this.out)
    this.out = []
    this.given.note(out)
    return out
  }

  /** A failure as the consumer must see it: behind the first visible part it is a `StreamInterrupted` with the usage so far. */
  seen(error: LlmError): LlmError {
    return this.given.failure(error, this.usage)
  }

  /** The bytes have ended, or the end marker has come. Call once, when all was taken. */
  end(latency: Duration.Duration): Chunk.Chunk<StreamPart> | LlmError {
    const { provider, model, requestId, warnings } = this.options
    if (this.failure !== undefined) return this.seen(this.failure)
    if (this.finishReason === undefined && (!this.done || !this.hasAnswer)) {
      return this.done
        ? new MalformedResponse({ provider, model, requestId, message: "the stream ended without an answer in it" })
        : this.interrupted("the stream ended before the answer was whole")
    }
    if (this.refusal !== "" && this.given.text === "") {
      return refused({ provider, model, requestId }, this.refusal, this.usage)
    }
    const calls = this.calls.whole()
    if (calls === undefined) {
      return this.seen(
        new MalformedResponse({ provider, model, requestId, message: "the model called a tool without naming it" })
      )
    }
    const reason = this.reason()
    if ("_tag" in reason) return this.seen(reason)
    return Chunk.unsafeFromArray<StreamPart>([
      ...calls.map(({ id, name, arguments: text }): StreamPart => ({ _tag: "ToolCallEnd", id, name, arguments: text })),
      {
        _tag: "Finish",
        finishReason: reason,
        usage: this.usage,
        model: this.model === "" ? model : this.model,
        id: this.id,
        requestId,
        warnings,
        cached: false,
        attempts: 1,
        latency
      }
    ])
  }

  private get hasAnswer(): boolean {
    return this.given.visible || this.refusal !== ""
  }

  interrupted(message: string, cause?: StreamCause): StreamInterrupted {
    const { provider, model, requestId } = this.options
    return new StreamInterrupted({
      provider,
      model,
      requestId,
      message,
      text: this.given.text,
      usage: this.usage,
      cause
    })
  }

  private reason(): FinishReason | LlmError {
    const { provider, model, requestId } = this.options
    return FinishReasons.read(this.finishReason ?? "", {
      provider,
      model,
      requestId,
      text: this.given.text,
      usage: this.usage,
      categories: this.categories,
      explanation: this.explanation,
      hasToolCalls: !this.calls.isEmpty,
      isEmpty: !this.hasAnswer
    })
  }
}
