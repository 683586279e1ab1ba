/**
 * Reads a streamed answer: bytes in, parts out, all parts of one network read together. It ends in a `Finish` or in an
 * error, whatever happens to the bytes.
 */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { BodyReader } from "../BodyReader.js"
import { type LlmError, MalformedResponse } from "../LlmError.js"
import * as Sse from "../Sse.js"
import type { StreamPart } from "../StreamPart.js"
import * as Json from "../wire/Json.js"
import type { StreamAssembly } from "../wire/StreamAssembly.js"
import type { Received, Wire } from "../wire/Wire.js"
import type { StreamSpan } from "./AttemptSpan.js"
import * as Connection from "./Connection.js"
import { notAnAnswer } from "./NotAnAnswer.js"

export interface Options {
  readonly body: BodyReader
  readonly wire: Wire
  readonly assembly: StreamAssembly
  readonly received: Received
  readonly status: number
  readonly clock: Clock.Clock
  /** When the request went out, by the clock. */
  readonly started: number
  readonly span: StreamSpan
  /** Blots secrets out of an error. */
  readonly clean: (error: LlmError) => LlmError
}

type Parts = Chunk.Chunk<StreamPart>

/** The state of one run of one stream. */
export class StreamReading {
  private readonly decoder = new Sse.Decoder()
  /** The answer is whole: its `Finish` has been given out. */
  private isFinished = false

  constructor(private readonly options: Options) {}

  /** The parts of the next network read that holds any, the last ones with the `Finish`; then `undefined`. */
  readonly next: Effect.Effect<Parts | undefined, LlmError> = Effect.suspend(() => {
    if (this.isFinished) return Effect.succeed(undefined)
    if (this.options.assembly.failure !== undefined) return this.finish(Chunk.empty())
    return Effect.matchEffect(this.options.body.next, {
      onFailure: (error) => this.bytesEnded(Option.some(error)),
      onSuccess: (reads) => {
        if (reads === undefined) return this.bytesEnded(Option.none())
        this.read(() => this.decoder.push(reads))
        const parts = this.options.assembly.take()
        return this.options.assembly.done
          ? this.finish(parts)
          : Chunk.isEmpty(parts)
            ? this.next
            : Effect.succeed(parts)
      }
    })
  })

  /** Lets go of the connection: at once when the answer was left before it was whole. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const { body, span } = this.options
    return Effect.zipRight(span.end(exit), this.isFinished ? body.finish : body.abandon)
  }

  private read(events: () => ReadonlyArray<Sse.Event>): void {
    const { assembly, received, wire } = this.options
    try {
      for (const event of events()) {
        wire.readEvent(event, assembly, received)
        if (assembly.done) return
      }
    } catch (error) {
      if (!(error instanceof Sse.EventTooLarge)) throw error
      assembly.fail(
        new MalformedResponse({ ...received.origin, requestId: received.requestId, message: error.message })
      )
    }
  }

  /** Judges the end; parts that came in the same read go out before a failure. */
  private finish(parts: Parts): Effect.Effect<Parts, LlmError> {
    const { assembly, clean, clock, span, started } = this.options
    const end = assembly.end(Duration.millis(Math.max(0, clock.unsafeCurrentTimeMillis() - started)))
    if (Chunk.isChunk(end)) {
      this.isFinished = true
      span.answered(end)
      return Effect.succeed(Chunk.appendAll(parts, end))
    }
    if (Chunk.isNonEmpty(parts)) {
      assembly.fail(end)
      return Effect.succeed(parts)
    }
    const error = clean(end)
    span.failed(error)
    return Effect.fail(error)
  }

  /** The bytes ended, by themselves or by an error, with no end marker. */
  private bytesEnded(error: Option.Option<HttpClientError.ResponseError>): Effect.Effect<Parts, LlmError> {
    const { assembly, received, status } = this.options
    const before = assembly.failure
    const open = this.decoder.end()
    // An event that the cut tore is no fault of the provider: it shows as the missing end marker.
    if (open.every((event) => event.data === "[DONE]" || Json.parse(event.data) !== undefined)) this.read(() => open)
    const parts = assembly.take()
    if (
      before === undefined &&
      assembly.failure === undefined &&
      assembly.finishReason === undefined &&
      !assembly.done
    ) {
      // No body at all is an answer that ended, not a connection that broke.
      if (Option.isSome(error) && error.value.reason !== "EmptyBody")
        assembly.fail(cut(assembly, received, error.value))
      else if (isForeign(this.decoder.foreign)) assembly.fail(notAnAnswer(received, status, this.decoder.foreign))
    }
    return this.finish(parts)
  }
}

const cut = (assembly: StreamAssembly, received: Received, error: HttpClientError.ResponseError): LlmError => {
  const cause = Connection.broken(received.origin, error)
  const seen = assembly.seen(cause)
  return seen === cause ? assembly.interrupted(cause.message, cause) : seen
}

/** Whether text outside of events says something: the torn beginning of a field says only that the stream was cut. */
const isForeign = (text: string): boolean =>
  !["data:", "event:", "id:", "retry:"].some((field) => field.startsWith(text.trimEnd()))
