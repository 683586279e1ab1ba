/**
 * Answers of real providers, through the whole provider, whole and cut everywhere.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { type LlmClient, LlmError, StreamPart } from "effect-llm"
import * as HttpStub from "../provider/HttpStub.js"
import { answers, arrivals, at, body, contentOf, type RecordedStream, streams } from "../recorded/Payloads.js"

const request = { prompt: [{ role: "user", content: [{ _tag: "Text", text: "Invent a holiday." }] }] } as const

const figures = (usage: unknown) => ({
  inputTokens: at(usage, "prompt_tokens"),
  outputTokens: at(usage, "completion_tokens"),
  totalTokens: at(usage, "total_tokens"),
  cachedInputTokens: at(usage, "prompt_tokens_details", "cached_tokens"),
  reasoningTokens: at(usage, "completion_tokens_details", "reasoning_tokens")
})

const answering = (answer: HttpStub.Answer): Effect.Effect<LlmClient.Service> =>
  Effect.orDie(HttpStub.openAi(HttpStub.make(answer)))

describe("a recorded answer", () => {
  it.effect.each([...answers])("%s is its text, its finish reason, its usage, its model and its id", (name) =>
    Effect.gen(function* () {
      const text = body(name)
      const json: unknown = JSON.parse(text)
      const client = yield* answering(() => new Response(text))
      const completion = yield* client.complete(request)
      expect(completion.text).toBe(at(json, "choices", 0, "message", "content"))
      expect(completion.text.length).toBeGreaterThan(1000)
      expect(completion.parts).toHaveLength(1)
      expect(completion.finishReason.raw).toBe(at(json, "choices", 0, "finish_reason"))
      expect(completion.usage).toEqual(figures(at(json, "usage")))
      expect(completion.model).toBe(at(json, "model"))
      expect(completion.id).toBe(at(json, "id"))
      expect(completion.raw).toEqual(json)
    })
  )

  it.effect("openai/embedding is its vectors and its usage", () =>
    Effect.gen(function* () {
      const text = body("openai/embedding")
      const json: unknown = JSON.parse(text)
      const client = yield* answering(() => new Response(text))
      const embeddings = yield* client.embed({ input: ["a", "b"] })
      expect(embeddings.vectors).toEqual([at(json, "data", 0, "embedding"), at(json, "data", 1, "embedding")])
      expect(embeddings.usage).toEqual({ inputTokens: 12, totalTokens: 12 })
      expect(embeddings.model).toBe("text-embedding-3-small")
    })
  )

  it.effect("openai/error-legacy-parameter is an InvalidRequest that names the parameter", () =>
    Effect.gen(function* () {
      const client = yield* answering(() => new Response(body("openai/error-legacy-parameter"), { status: 400 }))
      const error = yield* Effect.flip(client.complete(request))
      expect(error).toMatchObject({
        _tag: "InvalidRequest",
        param: "max_tokens",
        code: "unsupported_parameter",
        status: 400
      })
    })
  )
})

describe("a recorded stream", () => {
  it.effect.each([...streams])("$name is its text, its finish reason and its usage", (recorded) =>
    Effect.gen(function* () {
      const content = contentOf(recorded.payloads)
      const client = yield* answering(() => HttpStub.events(HttpStub.reads([recorded.bytes])))
      const completion = yield* StreamPart.collect(client.stream(request))
      expect(completion.text).toBe(content.text)
      expect(completion.text).not.toBe("")
      expect(completion.finishReason.raw).toBe(content.finishReason)
      expect(completion.usage).toEqual(content.usage === undefined ? {} : figures(content.usage))
      expect(completion.model).toBe(at(JSON.parse(recorded.payloads.at(-1) ?? ""), "model"))
    })
  )

  it.effect.each([...streams])(
    "$name gives every delta once and in its order, however its bytes are cut into reads",
    (recorded) =>
      Effect.gen(function* () {
        const deltas = recorded.payloads
          .map((payload) => at(JSON.parse(payload), "choices", 0, "delta", "content"))
          .filter((content) => typeof content === "string" && content !== "")
        const sizes = fc.sample(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 }), {
          numRuns: 8,
          seed: 7
        })
        for (const [first, ...rest] of [[1 << 20], ...(recorded.bytes.length < 10_000 ? [[1]] : []), ...sizes]) {
          const cycle = [first ?? 1, ...rest]
          const pieces: Array<Uint8Array> = []
          for (let from = 0, n = 0; from < recorded.bytes.length; from += cycle[n++ % cycle.length] ?? 1) {
            pieces.push(recorded.bytes.subarray(from, from + (cycle[n % cycle.length] ?? 1)))
          }
          const client = yield* answering(() => HttpStub.events(HttpStub.reads(pieces)))
          const { error, parts } = yield* HttpStub.watch(client.stream(request))
          expect(error).toBeUndefined()
          expect(parts.flatMap((part) => (part._tag === "TextDelta" ? [part.text] : []))).toEqual(deltas)
          expect(parts.filter((part) => part._tag === "Finish")).toHaveLength(1)
        }
      })
  )
})

// -----------------------------------------------------------------------------
// Cuts
// -----------------------------------------------------------------------------

/**
 * Where a recording is cut. With a clean end at every offset of a small one, where the loss of a byte could pass for an
 * end; else around every line ending, where events end, and at some offsets between; of a large recording, so at its end,
 * where the end markers are, and at a few places before: RecordedCuts.test.ts cuts these everywhere.
 */
const offsets = ({ bytes }: RecordedStream, ending: "clean" | "error"): ReadonlyArray<number> => {
  const isSmall = bytes.length < 10_000
  return Array.from({ length: bytes.length + 1 }, (_, offset) => offset).filter((offset) => {
    if (isSmall && ending === "clean") return true
    if (!isSmall && offset < bytes.length - 800) return offset % 2999 === 0
    return offset % 13 === 0 || bytes.subarray(Math.max(0, offset - 12), offset + 12).includes(newline)
  })
}

const newline = 10

describe("a recorded stream that is cut", () => {
  for (const ending of ["clean", "error"] as const) {
    it.effect.each([...streams])(
      `$name: no cut with ${ending === "clean" ? "a clean end" : "an error"} is a success before its end marker, and no part is lost or comes twice`,
      (recorded) =>
        Effect.gen(function* () {
          let cut = 0
          let two = false
          const client = yield* answering(({ request }) => {
            const bytes = recorded.bytes.subarray(0, cut)
            const middle = Math.max(0, cut - 7)
            return Effect.succeed(
              HttpStub.quickReads(request, two ? [bytes.subarray(0, middle), bytes.subarray(middle)] : [bytes], ending)
            )
          })
          const arrived = arrivals(recorded)
          const wrong: Array<string> = []
          for (const offset of offsets(recorded, ending)) {
            cut = offset
            two = offset % 2 === 1
            const { isWhole, text: expected } = arrived(offset)
            const { error, parts } = yield* HttpStub.watch(client.stream(request))
            const text = HttpStub.textOf(parts)
            const finishes = parts.filter((part) => part._tag === "Finish").length
            if (text !== expected) wrong.push(`${offset}: the text is ${JSON.stringify(text)}`)
            if (finishes !== (isWhole ? 1 : 0)) wrong.push(`${offset}: ${finishes} Finish`)
            if (isWhole !== (error === undefined)) wrong.push(`${offset}: ended with ${error?._tag}`)
            if (error === undefined) continue
            const cause = error._tag === "StreamInterrupted" ? error.cause?._tag : undefined
            if (error._tag !== "StreamInterrupted" || error.text !== expected)
              wrong.push(`${offset}: ${error._tag}, ${error.message}`)
            if (cause !== (ending === "clean" ? undefined : "ConnectionFailed"))
              wrong.push(`${offset}: because of ${cause}`)
            if (!LlmError.isRetryable(error)) wrong.push(`${offset}: not retryable`)
          }
          expect(wrong.slice(0, 5)).toEqual([])
        }),
      30_000
    )
  }
})
