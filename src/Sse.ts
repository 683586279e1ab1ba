/**
 * Server-Sent Events: bytes in, events out, as the WHATWG event-stream format has them.
 *
 * The decoder of `@effect/experimental` loses events behind a `retry:` field, tears CRLFs that are split over two reads
 * and is quadratic in the size of an event, so this one is ours: linear in bytes however they are cut, one text decode per
 * network read, and the same events for every cut.
 *
 * One difference from the format: a last event that lacks its blank line is given out, because providers forget it.
 * Whether the stream was whole is judged by the provider's own end marker.
 */
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** `event` is `"message"` where the server named none; `id` is the last one it sent. */
export interface Event {
  readonly event: string
  readonly data: string
  readonly id: string | undefined
}

/** An event grew beyond the bound. `maxEventBytes` is the bound in bytes. */
export class EventTooLarge extends Data.TaggedError("EventTooLarge")<{ readonly maxEventBytes: number }> {
  override get message(): string {
    return `an event of the stream is larger than ${this.maxEventBytes} bytes`
  }
}

export interface Options {
  /** The largest event that is held in memory, in bytes. Default: 64 MiB. */
  readonly maxEventBytes?: number
}

const defaultMaxEventBytes = 64 * 1024 * 1024

const maxForeign = 16 * 1024

const LF = 10
const CR = 13
const SPACE = 32
const BOM = "\uFEFF"

/**
 * A decoder as a plain object, for those who read bytes themselves: `push` every network read, then `end`.
 * Throws `EventTooLarge`.
 */
export class Decoder {
  private readonly maxEventBytes: number
  /** A byte order mark is stripped by hand, once, at the very start. */
  private readonly utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
  /** Reads that hold no line ending yet: joined only when one comes, so that cost stays linear. */
  private held: Array<Uint8Array> = []
  private heldBytes = 0
  /** How many of the held bytes stand before the end of the last line ending in them. */
  private lastLineEnding = 0
  /** What was decoded last ended in CR: an LF that follows belongs to the same line ending. */
  private skipLf = false
  private started = false
  private data: string | undefined
  private event = ""
  private id: string | undefined
  private foreignText = ""

  constructor(options?: Options) {
    this.maxEventBytes = options?.maxEventBytes ?? defaultMaxEventBytes
  }

  /**
   * The lines that are no part of the format, at most 16 KiB of them: a JSON error or an HTML page that came instead of
   * events, or behind them.
   */
  get foreign(): string {
    return this.foreignText
  }

  /** The events that became whole with these reads, which are what one wake-up brought: they are decoded at once. */
  push(reads: Iterable<Uint8Array>): Array<Event> {
    const events: Array<Event> = []
    for (const read of reads) if (read.length > 0) this.hold(read)
    if (this.lastLineEnding > 0) this.lines(this.take(this.lastLineEnding), events)
    return events
  }

  /** The event that was still open when the bytes ended, if it had any data. */
  end(): Array<Event> {
    const events: Array<Event> = []
    if (this.heldBytes > 0) this.lines(this.take(this.heldBytes) + "\n", events)
    if (this.data !== undefined) this.lines("\n", events)
    return events
  }

  /** Keeps a read until a line ending comes, and remembers where the last one is. */
  private hold(bytes: Uint8Array): void {
    // Cut behind the last line ending: no character is split there, and no CRLF, because `skipLf` minds that.
    const lf = bytes.lastIndexOf(LF)
    const cut = Math.max(lf, lf === bytes.length - 1 ? -1 : bytes.lastIndexOf(CR)) + 1
    if (cut > 0) this.lastLineEnding = this.heldBytes + cut
    this.held.push(bytes)
    this.heldBytes += bytes.length
    this.check(this.heldBytes - this.lastLineEnding)
  }

  private check(size: number): void {
    if (size > this.maxEventBytes) throw new EventTooLarge({ maxEventBytes: this.maxEventBytes })
  }

  /** The first `length` bytes of what is held, as text; the others stay. */
  private take(length: number): string {
    const bytes = this.takeBytes(length)
    const from = this.skipLf && bytes[0] === LF ? 1 : 0
    this.skipLf = bytes[length - 1] === CR
    const text = this.utf8.decode(from === 0 ? bytes : bytes.subarray(from))
    if (this.started) return text
    this.started = true
    return text.startsWith(BOM) ? text.slice(1) : text
  }

  private takeBytes(length: number): Uint8Array {
    const held = this.held
    this.heldBytes -= length
    this.lastLineEnding = 0
    const first = held[0]
    if (held.length === 1 && first !== undefined) {
      this.held = this.heldBytes === 0 ? [] : [first.subarray(length)]
      return this.heldBytes === 0 ? first : first.subarray(0, length)
    }
    this.held = []
    const joined = new Uint8Array(length)
    let at = 0
    for (const piece of held) {
      const wanted = Math.min(piece.length, length - at)
      joined.set(wanted === piece.length ? piece : piece.subarray(0, wanted), at)
      if (wanted < piece.length) this.held.push(wanted === 0 ? piece : piece.subarray(wanted))
      at += wanted
    }
    return joined
  }

  /** Text of whole lines: every line in it has its ending. */
  private lines(text: string, events: Array<Event>): void {
    // Decided before the loop: asked in it, V8 may search the whole text again at every line.
    if (text.includes("\r")) return this.crLines(text, events)
    let from = 0
    while (from < text.length) {
      let to = text.indexOf("\n", from)
      if (to < 0) to = text.length
      this.line(text, from, to, events)
      from = to + 1
    }
  }

  /** The same where CRs or CRLFs end lines too. */
  private crLines(text: string, events: Array<Event>): void {
    for (const line of text.split(/\r\n|[\r\n]/).slice(0, -1)) this.line(line, 0, line.length, events)
  }

  private line(text: string, from: number, to: number, events: Array<Event>): void {
    if (from === to) {
      if (this.data !== undefined)
        events.push({ event: this.event === "" ? "message" : this.event, data: this.data, id: this.id })
      this.data = undefined
      this.event = ""
      return
    }
    // Nearly every line of a model's stream is a data line.
    if (text.startsWith("data:", from)) {
      const value = text.slice(text.charCodeAt(from + 5) === SPACE ? from + 6 : from + 5, to)
      this.data = this.data === undefined ? value : `${this.data}\n${value}`
      this.check(this.data.length)
      return
    }
    const line = text.slice(from, to)
    const colon = line.indexOf(":")
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? "" : line.slice(line.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1)
    if (field === "data") this.data = this.data === undefined ? value : `${this.data}\n${value}`
    else if (field === "event") this.event = value
    else if (field === "id") this.id = value.includes("\0") ? this.id : value
    // `retry` is skipped: nobody reconnects to the answer of a POST. A line that starts with a colon is a comment.
    else if (field !== "retry" && colon !== 0 && this.foreignText.length < maxForeign) {
      this.foreignText += `${line}\n`.slice(0, maxForeign - this.foreignText.length)
    }
  }
}

/**
 * Decodes a stream of bytes. All events of one network read come as one Chunk. Fails with `EventTooLarge` when an event
 * grows beyond `maxEventBytes` (default 64 MiB).
 */
export const decode = <E, R>(
  bytes: Stream.Stream<Uint8Array, E, R>,
  options?: Options
): Stream.Stream<Event, E | EventTooLarge, R> =>
  Stream.suspend(() => {
    const decoder = new Decoder(options)
    const attempt = (step: () => Array<Event>): Effect.Effect<Chunk.Chunk<Event>, EventTooLarge> =>
      Effect.try({
        try: () => Chunk.unsafeFromArray(step()),
        catch: () => new EventTooLarge({ maxEventBytes: options?.maxEventBytes ?? defaultMaxEventBytes })
      })
    return bytes.pipe(
      Stream.mapChunksEffect((reads) => attempt(() => decoder.push(reads))),
      Stream.concat(
        Stream.unwrap(
          Effect.map(
            attempt(() => decoder.end()),
            Stream.fromChunk
          )
        )
      )
    )
  })
