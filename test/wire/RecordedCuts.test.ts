/**
 * The large recorded streams, cut at every byte. Before each of its events a stream is read once, and its state is copied for every
 * cut within that event: so a hundred thousand cuts take seconds.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Chunk, Clock, Effect, Either } from "effect"
import { LlmError, type StreamPart } from "effect-llm"
import type { BodyReader } from "../../src/BodyReader.js"
import { StreamReading } from "../../src/provider/StreamReading.js"
import { StreamAssembly } from "../../src/wire/StreamAssembly.js"
import * as HttpStub from "../provider/HttpStub.js"
import { arrivals, streams } from "../recorded/Payloads.js"
import { origin, received, wire } from "./ChatStream.js"

/** A deep copy: the state of a stream is plain objects, lists, maps and sets. */
const copy = <A>(value: A): A => {
  const made: unknown =
    typeof value !== "object" || value === null
      ? value
      : Array.isArray(value)
        ? value.map(copy)
        : value instanceof Map
          ? new Map([...value].map(copy))
          : value instanceof Set
            ? new Set([...value].map(copy))
            : Object.assign(
                Object.create(Object.getPrototypeOf(value)),
                Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)]))
              )
  return made as A
}

const clock = Clock.make()

// Every cut is an error, and to trace its stack takes as long as all the rest.
const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

/** Reads bytes that end well into the state of a stream, as a provider does. */
const readOn = (assembly: StreamAssembly, bytes: Uint8Array) => {
  let isRead = false
  const body: BodyReader = {
    next: Effect.sync(() => {
      if (isRead) return undefined
      isRead = true
      return Chunk.of(bytes)
    }),
    finish: Effect.void,
    abandon: Effect.void
  }
  const span = { answered: () => {}, failed: () => {}, end: () => Effect.void }
  const clean = (error: LlmError.LlmError): LlmError.LlmError => error
  const reading = new StreamReading({ body, wire, assembly, received, status: 200, clock, started: 0, span, clean })
  const parts: Array<StreamPart.StreamPart> = []
  for (;;) {
    const next = Effect.runSync(Effect.either(reading.next))
    if (Either.isLeft(next)) return { parts, error: next.left }
    if (next.right === undefined) return { parts, error: undefined }
    parts.push(...next.right)
  }
}

describe("a recorded stream that is cut at any byte", () => {
  it.each(streams.filter(({ bytes }) => bytes.length > 10_000))(
    "$name is a success from its end marker on and no sooner, and keeps its text",
    (recorded) => {
      const arrived = arrivals(recorded)
      const assembly = new StreamAssembly({ ...origin, requestId: undefined, warnings: [] })
      const wrong: Array<string> = []
      let before = ""
      let start = 0
      let cuts = 0
      for (const payload of [...recorded.payloads, "[DONE]"]) {
        const end = start + new TextEncoder().encode(`data: ${payload}\n\n`).length
        for (let offset = start; offset <= end; offset++, cuts++) {
          const { error, parts } = readOn(copy(assembly), recorded.bytes.subarray(start, offset))
          const { isWhole, text: expected } = arrived(offset)
          const text = before + HttpStub.textOf(parts)
          const finishes = parts.filter((part) => part._tag === "Finish").length
          if (text !== expected) wrong.push(`${offset}: the text is ${JSON.stringify(text)}`)
          if (finishes !== (isWhole ? 1 : 0)) wrong.push(`${offset}: ${finishes} Finish`)
          if (isWhole !== (error === undefined)) wrong.push(`${offset}: ended with ${error?._tag}`)
          if (error === undefined) continue
          if (error._tag !== "StreamInterrupted" || error.text !== expected || error.cause !== undefined)
            wrong.push(`${offset}: ${error._tag}, ${error.message}`)
          if (!LlmError.isRetryable(error)) wrong.push(`${offset}: not retryable`)
        }
        wire.readEvent({ event: "message", data: payload, id: undefined }, assembly, received)
        for (const part of assembly.take()) if (part._tag === "TextDelta") before += part.text
        start = end
      }
      expect(wrong.slice(0, 5)).toEqual([])
      expect(cuts).toBeGreaterThan(recorded.bytes.length)
    },
    120_000
  )
})
