/**
 * A body as it came over the network, and as it stands on a tape: the same bytes in the same reads, as readable as they
 * can be. Whatever would not come back exactly is written down more plainly: JSON as text, text as base64.
 */
import * as Bytes from "./Bytes.js"
import * as JsonText from "./JsonText.js"
import * as Tape from "./Tape.js"

/** What one read of the network brought, and when: in milliseconds since the request was made. */
export interface Read {
  readonly ms: number
  readonly bytes: Uint8Array
}

// -----------------------------------------------------------------------------
// To the tape
// -----------------------------------------------------------------------------

/** `undefined` for a body without a single read. */
export const toTape = (reads: ReadonlyArray<Read>): Tape.Body | undefined => {
  const [first] = reads
  if (first === undefined) return undefined
  const text = Bytes.toText(Bytes.concat(reads.map(({ bytes }) => bytes)))
  const json = text === undefined ? undefined : JsonText.read(text)
  if (json === undefined) return { chunks: reads.map(toChunk) }
  if (reads.length === 1) return { ms: first.ms, ...json }
  return { reads: reads.map(({ bytes, ms }) => ({ ms, bytes: bytes.length })), ...json }
}

const toChunk = ({ bytes, ms }: Read): Tape.Chunk => {
  const text = Bytes.toText(bytes)
  if (text === undefined) return { ms, base64: Bytes.toBase64(bytes) }
  const events = toEvents(text)
  return events === undefined ? { ms, text: Tape.fromText(text) } : { ms, events }
}

type Event = typeof Tape.Event.Type

/** Whole events, each a `data` line with perhaps an `event` line before it; `undefined` for any other text. */
const toEvents = (text: string): ReadonlyArray<Event> | undefined => {
  if (!text.endsWith("\n\n")) return undefined
  const events = text
    .slice(0, -2)
    .split("\n\n")
    .map((block): Event | undefined => {
      const [, event, data] = /^(?:event: (.*)\n)?data: (.*)$/.exec(block) ?? []
      if (data === undefined) return undefined
      const json = JsonText.container(data)
      const isExact = json !== undefined && JSON.stringify(json) === data
      return { ...(event === undefined ? {} : { event }), data: isExact ? json : data }
    })
  const whole = events.filter((event) => event !== undefined)
  return fromEvents(whole) === text ? whole : undefined
}

const fromEvents = (events: ReadonlyArray<Event>): string =>
  events
    .map(({ data, event }) => {
      const payload = typeof data === "string" ? data : JSON.stringify(data)
      return `${event === undefined ? "" : `event: ${event}\n`}data: ${payload}\n\n`
    })
    .join("")

// -----------------------------------------------------------------------------
// From the tape
// -----------------------------------------------------------------------------

/** The reads of a body. */
export const fromTape = (body: Tape.Body | undefined): ReadonlyArray<Read> => {
  if (body === undefined) return []
  if ("chunks" in body) return body.chunks.map((chunk) => ({ ms: chunk.ms, bytes: bytesOf(chunk) }))
  const bytes = Bytes.fromText(JsonText.print(body))
  if ("ms" in body) return [{ ms: body.ms, bytes }]
  let at = 0
  return body.reads.map((read, index) => {
    const start = at
    at = index === body.reads.length - 1 ? bytes.length : at + read.bytes
    return { ms: read.ms, bytes: bytes.subarray(start, at) }
  })
}

const bytesOf = (chunk: Tape.Chunk): Uint8Array => {
  if ("base64" in chunk) return Bytes.fromBase64(chunk.base64)
  return Bytes.fromText("events" in chunk ? fromEvents(chunk.events) : Tape.toText(chunk.text))
}
