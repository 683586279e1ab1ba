/**
 * Anthropic's real answers, through the whole provider, whole and cut everywhere.
 */
import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Redacted } from "effect"
import { Anthropic, type LlmClient, LlmError, StreamPart } from "effect-llm"
import { readFileSync } from "node:fs"
import * as HttpStub from "../provider/HttpStub.js"
import { at } from "../recorded/Payloads.js"

const request = { prompt: [{ role: "user", content: [{ _tag: "Text", text: "Hello" }] }] } as const

const read = (name: string): string => readFileSync(new URL(`../recorded/anthropic/${name}`, import.meta.url), "utf8")

const answering = (answer: HttpStub.Answer): Effect.Effect<LlmClient.Service> =>
  Effect.orDie(
    Anthropic.make({ apiKey: Redacted.make(HttpStub.key), model: "claude-sonnet-4-5" }).pipe(
      Effect.provideService(HttpClient.HttpClient, HttpStub.make(answer).http)
    )
  )

const figures = (usage: unknown) => {
  const [input, output] = [at(usage, "input_tokens"), at(usage, "output_tokens")]
  return {
    inputTokens: input,
    outputTokens: output,
    totalTokens: Number(input) + Number(output),
    cachedInputTokens: 0,
    cacheWriteTokens: 0
  }
}

describe("a recorded answer", () => {
  it.effect.each(["text", "tool-no-args"])(
    "%s is its content, its stop reason, its usage, its model and its id",
    (name) =>
      Effect.gen(function* () {
        const json: unknown = JSON.parse(read(`${name}.json`))
        const client = yield* answering(() => HttpStub.json(json))
        const completion = yield* client.complete(request)
        expect(completion.text).toBe(at(json, "content", 0, "text"))
        expect(completion.toolCalls).toEqual(
          name === "text"
            ? []
            : [{ _tag: "ToolCall", id: at(json, "content", 1, "id"), name: "updateIssueList", arguments: "{}" }]
        )
        expect(completion.finishReason.raw).toBe(at(json, "stop_reason"))
        expect(completion.usage).toEqual(figures(at(json, "usage")))
        expect([completion.model, completion.id]).toEqual([at(json, "model"), at(json, "id")])
        expect(completion.raw).toEqual(json)
      })
  )
})

// -----------------------------------------------------------------------------
// Streams
// -----------------------------------------------------------------------------

interface Recorded {
  readonly name: string
  readonly events: ReadonlyArray<unknown>
  readonly bytes: Uint8Array
  /** How many bytes are there when an event is whole: its line ending tells nothing more. */
  readonly ends: ReadonlyArray<number>
}

const streams: ReadonlyArray<Recorded> = ["text", "tool-no-args"].map((name) => {
  const events: ReadonlyArray<unknown> = read(`${name}.chunks.txt`)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
  const ends: Array<number> = []
  let sent = ""
  for (const event of events) {
    sent += `event: ${String(at(event, "type"))}\ndata: ${JSON.stringify(event)}`
    ends.push(new TextEncoder().encode(sent).length)
    sent += "\n\n"
  }
  return { name, events, bytes: new TextEncoder().encode(sent), ends }
})

const textOf = (events: ReadonlyArray<unknown>): string =>
  events
    .map((event) => (at(event, "delta", "type") === "text_delta" ? String(at(event, "delta", "text")) : ""))
    .join("")

describe("a recorded stream", () => {
  it.effect.each([...streams])(
    "$name is its text, its calls, its stop reason and its usage, however its bytes are cut into reads",
    ({ bytes, events }) =>
      Effect.gen(function* () {
        const last = events.at(-2)
        const started = at(events[0], "message")
        const called = events
          .map((event) => at(event, "content_block"))
          .filter((block) => at(block, "type") === "tool_use")
        for (const size of [1 << 20, 1, ...fc.sample(fc.integer({ min: 2, max: 400 }), { numRuns: 8, seed: 7 })]) {
          const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
            bytes.subarray(n * size, (n + 1) * size)
          )
          const client = yield* answering(() => HttpStub.events(HttpStub.reads(pieces)))
          const completion = yield* StreamPart.collect(client.stream(request))
          expect(completion.text).toBe(textOf(events))
          expect(completion.text).not.toBe("")
          expect(completion.toolCalls).toEqual(
            called.map((block) => ({ _tag: "ToolCall", id: at(block, "id"), name: at(block, "name"), arguments: "{}" }))
          )
          expect(completion.finishReason.raw).toBe(at(last, "delta", "stop_reason"))
          expect(completion.usage).toEqual(figures(at(last, "usage")))
          expect([completion.model, completion.id]).toEqual([at(started, "model"), at(started, "id")])
        }
      })
  )

  for (const ending of ["clean", "error"] as const) {
    it.effect.each([...streams])(
      `$name, cut at any byte with ${ending === "clean" ? "a clean end" : "an error"}, is a success only with its end marker, and keeps its text`,
      ({ bytes, ends, events }) =>
        Effect.gen(function* () {
          let cut = 0
          const client = yield* answering(({ request }) =>
            Effect.succeed(HttpStub.quickReads(request, [bytes.subarray(0, cut)], ending))
          )
          const wrong: Array<string> = []
          const nearEnd = (offset: number): boolean => ends.some((end) => Math.abs(end - offset) < 4)
          for (cut = 0; cut <= bytes.length; cut++) {
            if (ending === "error" && cut % 13 > 0 && !nearEnd(cut)) continue
            const arrived = ends.filter((end) => end <= cut).length
            const isWhole = arrived === events.length
            const { error, parts } = yield* HttpStub.watch(client.stream(request))
            const expected = textOf(events.slice(0, arrived))
            if (HttpStub.textOf(parts) !== expected)
              wrong.push(`${cut}: the text is ${JSON.stringify(HttpStub.textOf(parts))}`)
            if (parts.filter((part) => part._tag === "Finish").length !== (isWhole ? 1 : 0))
              wrong.push(`${cut}: Finish`)
            if (isWhole !== (error === undefined)) wrong.push(`${cut}: ended with ${error?._tag}`)
            if (error === undefined) continue
            if (error._tag !== "StreamInterrupted" || error.text !== expected)
              wrong.push(`${cut}: ${error._tag}, ${error.message}`)
            const cause = error._tag === "StreamInterrupted" ? error.cause?._tag : undefined
            if (cause !== (ending === "clean" ? undefined : "ConnectionFailed"))
              wrong.push(`${cut}: because of ${cause}`)
            if (!LlmError.isRetryable(error)) wrong.push(`${cut}: not retryable`)
          }
          expect(wrong.slice(0, 5)).toEqual([])
        }),
      60_000
    )
  }
})
