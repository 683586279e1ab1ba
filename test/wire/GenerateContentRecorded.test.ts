/**
 * Answers of the real Gemini, through the whole provider, whole and cut everywhere.
 */
import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { ChatRequest, Completion, Gemini, type LlmClient, LlmError, StreamPart } from "effect-llm"
import { readFileSync } from "node:fs"
import * as HttpStub from "../provider/HttpStub.js"
import { at } from "../recorded/Payloads.js"

const read = (name: string): string => readFileSync(new URL(`../recorded/google/${name}`, import.meta.url), "utf8")

const payloadsOf = (name: string): ReadonlyArray<string> =>
  read(`${name}.chunks.txt`)
    .split("\n")
    .filter((line) => line !== "")

const request = ChatRequest.make("How many rs are in strawberry?")

const answering = (answer: HttpStub.Answer): Effect.Effect<LlmClient.Service> =>
  Gemini.make({ apiKey: Redacted.make("AIza-test-5b7c9d1e3f"), model: "gemini-3-pro-preview" }).pipe(
    Effect.provideService(HttpClient.HttpClient, HttpStub.make(answer).http),
    Effect.orDie
  )

const figures = (json: unknown): object => ({
  inputTokens: at(json, "usageMetadata", "promptTokenCount"),
  outputTokens:
    Number(at(json, "usageMetadata", "candidatesTokenCount")) + Number(at(json, "usageMetadata", "thoughtsTokenCount")),
  totalTokens: at(json, "usageMetadata", "totalTokenCount"),
  reasoningTokens: at(json, "usageMetadata", "thoughtsTokenCount")
})

/** What a recording holds, read by the letter. */
const contentOf = (json: unknown) => {
  const part = at(json, "candidates", 0, "content", "parts", 0)
  return {
    text: at(part, "text") ?? "",
    call: at(part, "functionCall"),
    signature: at(part, "thoughtSignature")
  }
}

const signatures = (parts: Completion.Completion["parts"]): ReadonlyArray<unknown> =>
  parts.flatMap((part) => (part._tag === "Reasoning" ? [part.signature] : []))

const callsOf = (completion: Completion.Completion): ReadonlyArray<unknown> =>
  completion.toolCalls.map((call) => ({ name: call.name, args: JSON.parse(call.arguments) }))

describe("a recorded answer of Gemini", () => {
  it.effect.each(["text", "tool-call"])("%s is its content, its signature, its usage, its model and its id", (name) =>
    Effect.gen(function* () {
      const json: unknown = JSON.parse(read(`${name}.json`))
      const { call, signature, text } = contentOf(json)
      const client = yield* answering(() => HttpStub.json(json))
      const completion = yield* client.complete(request)
      expect(completion.text).toBe(text)
      expect(callsOf(completion)).toEqual(call === undefined ? [] : [call])
      expect(signatures(completion.parts)).toEqual([signature])
      expect(completion.finishReason).toEqual({ unified: call === undefined ? "stop" : "tool-calls", raw: "STOP" })
      expect(completion.usage).toEqual(figures(json))
      expect([completion.model, completion.id]).toEqual([at(json, "modelVersion"), at(json, "responseId")])
      expect(completion.raw).toEqual(json)
    })
  )

  it.effect("goes back into the next request as it came", () =>
    Effect.gen(function* () {
      const json: unknown = JSON.parse(read("tool-call.json"))
      const client = yield* answering(() => HttpStub.json(json))
      const first = yield* client.complete(request)
      const stub = HttpStub.make(() => HttpStub.json(json))
      const again = yield* Gemini.make({
        apiKey: Redacted.make("AIza-test-5b7c9d1e3f"),
        model: "gemini-3-pro-preview"
      }).pipe(Effect.provideService(HttpClient.HttpClient, stub.http))
      const result = { _tag: "ToolResult", id: first.toolCalls[0]?.id ?? "", content: "sunny" } as const
      yield* again.complete({
        prompt: [...request.prompt, Completion.toMessage(first), { role: "tool", content: [result] }]
      })
      expect(at(JSON.parse(stub.sent[0]?.text ?? ""), "contents", 1)).toEqual(at(json, "candidates", 0, "content"))
      expect(at(JSON.parse(stub.sent[0]?.text ?? ""), "contents", 2, "parts", 0)).toEqual({
        functionResponse: { name: "weather", response: { output: "sunny" } }
      })
    })
  )

  it.effect("error-429-retry-info is RateLimited, and says how long to wait", () =>
    Effect.gen(function* () {
      const client = yield* answering(() => new Response(read("error-429-retry-info.json"), { status: 429 }))
      const error = yield* Effect.flip(client.complete(request))
      expect(error).toMatchObject({
        _tag: "RateLimited",
        message: "You exceeded your current quota, please check your plan."
      })
      expect(error._tag === "RateLimited" && error.retryAfter).toEqual(Duration.millis(34_400))
    })
  )
})

const framed = (payloads: ReadonlyArray<string>): Uint8Array =>
  new TextEncoder().encode(payloads.map((payload) => `data: ${payload}\r\n\r\n`).join(""))

describe("a recorded stream of Gemini", () => {
  it.effect.each(["text", "tool-call"])(
    "%s is its content, its signature and its last usage, however its bytes are cut into reads",
    (name) =>
      Effect.gen(function* () {
        const payloads = payloadsOf(name)
        const chunks: ReadonlyArray<unknown> = payloads.map((payload) => JSON.parse(payload))
        const contents = chunks.map(contentOf)
        const bytes = framed(payloads)
        for (const size of [1, 7, 100, bytes.length]) {
          const reads = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
            bytes.subarray(n * size, (n + 1) * size)
          )
          const client = yield* answering(() => HttpStub.events(HttpStub.reads(reads)))
          const completion = yield* StreamPart.collect(client.stream(request))
          expect(completion.text).toBe(contents.map(({ text }) => text).join(""))
          expect(callsOf(completion)).toEqual(contents.flatMap(({ call }) => call ?? []))
          expect(signatures(completion.parts)).toEqual(contents.flatMap(({ signature }) => signature ?? []))
          expect(completion.usage).toEqual(figures(chunks.at(-1)))
          expect([completion.model, completion.id]).toEqual([
            at(chunks[0], "modelVersion"),
            at(chunks[0], "responseId")
          ])
        }
      })
  )

  for (const [ending, words, step] of [
    ["clean", "at every byte with a clean end", 1],
    ["error", "at many bytes with an error", 13]
  ] as const) {
    it.effect.each(["text", "tool-call"])(
      `%s, cut ${words}, is no success before its finish reason`,
      (name) =>
        Effect.gen(function* () {
          const payloads = payloadsOf(name)
          const bytes = framed(payloads)
          // The finish reason is in the last event, which counts from its last byte on.
          const whole = bytes.length - "\r\n\r\n".length
          const borders = payloads.map((_, n) => framed(payloads.slice(0, n + 1)).length - "\r\n\r\n".length)
          const texts = payloads.map((payload) => String(contentOf(JSON.parse(payload)).text))
          let cut = 0
          const client = yield* answering(({ request }) =>
            Effect.succeed(HttpStub.quickReads(request, [bytes.subarray(0, cut)], ending))
          )
          const wrong: Array<string> = []
          const offsets = Array.from({ length: bytes.length + 1 }, (_, offset) => offset).filter(
            (offset) => offset % step === 0 || borders.some((border) => Math.abs(border - offset) < 8)
          )
          for (const offset of offsets) {
            cut = offset
            const { error, parts } = yield* HttpStub.watch(client.stream(request))
            const expected = texts.filter((_, n) => cut >= (borders[n] ?? 0)).join("")
            const finishes = parts.filter((part) => part._tag === "Finish").length
            if (HttpStub.textOf(parts) !== expected) wrong.push(`${cut}: the text is ${HttpStub.textOf(parts)}`)
            if (finishes !== (cut >= whole ? 1 : 0)) wrong.push(`${cut}: ${finishes} Finish`)
            if ((error === undefined) !== cut >= whole) wrong.push(`${cut}: ended with ${error?._tag}`)
            if (error !== undefined && (error._tag !== "StreamInterrupted" || !LlmError.isRetryable(error)))
              wrong.push(`${cut}: ${error._tag}`)
          }
          expect(wrong.slice(0, 5)).toEqual([])
        }),
      30_000
    )
  }
})
