import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { LlmError, type StreamPart } from "../../src/index.js"
import { chunk, decode, finish } from "./GenerateContentStream.js"

const text = (words: string, more?: object): object => chunk([{ text: words }], {}, more)

const tags = (parts: ReadonlyArray<StreamPart.StreamPart>) => parts.map((part) => part._tag)

describe("chunks of generateContent", () => {
  it("become deltas as they come, and one Finish at the end", () => {
    const { parts } = decode(text("Hel"), text("lo"), finish())
    expect(tags(parts)).toEqual(["TextDelta", "TextDelta", "Finish"])
    expect(parts.at(-1)).toMatchObject({
      finishReason: { unified: "stop", raw: "STOP" },
      model: "acme-1-002",
      id: "resp-1",
      requestId: "req-1",
      attempts: 1,
      cached: false
    })
  })

  it.each<[string, ReadonlyArray<unknown>]>([
    ["several parts", [finish([{ text: "Hel" }, { text: "lo" }])]],
    ["a chunk of usage alone", [text("Hello"), { usageMetadata: { promptTokenCount: 3 } }, finish()]],
    ["a last candidate without content", [text("Hello"), { candidates: [{ finishReason: "STOP" }] }]],
    ["null fields", [text("Hello", { usageMetadata: null, promptFeedback: null, error: null }), finish()]],
    ["ratings of a prompt that passed", [text("Hello", { promptFeedback: { safetyRatings: [] } }), finish()]],
    [
      "unknown parts and keys",
      [chunk([{ text: "Hello" }, { executableCode: { code: "1" } }, null, 7], { groundingMetadata: {} }), finish()]
    ],
    ["events that say nothing", ["", text("Hello"), "", finish()]],
    [
      "the finish reason on every chunk",
      [chunk([{ text: "Hel" }], { finishReason: "STOP" }), finish([{ text: "lo" }])]
    ],
    [
      "a finish reason that says nothing before the real one",
      [chunk([{ text: "Hello" }], { finishReason: "FINISH_REASON_UNSPECIFIED" }), finish()]
    ],
    ["a gateway's end marker", [text("Hello"), finish(), "[DONE]"]]
  ])("with %s are read all the same", (_, payloads) => {
    expect(decode(...payloads).completion).toMatchObject({
      text: "Hello",
      finishReason: { unified: "stop", raw: "STOP" }
    })
  })
})

describe("usage of generateContent", () => {
  it.each<[string, object, object]>([
    [
      "prompt and answer",
      { promptTokenCount: 9, candidatesTokenCount: 5, totalTokenCount: 14 },
      { inputTokens: 9, outputTokens: 5, totalTokens: 14 }
    ],
    [
      "thoughts, which are counted apart",
      { promptTokenCount: 9, candidatesTokenCount: 5, thoughtsTokenCount: 185, totalTokenCount: 199 },
      { inputTokens: 9, outputTokens: 190, reasoningTokens: 185, totalTokens: 199 }
    ],
    [
      "thoughts alone",
      { promptTokenCount: 9, thoughtsTokenCount: 7 },
      { inputTokens: 9, outputTokens: 7, reasoningTokens: 7 }
    ],
    [
      "what was cached",
      { promptTokenCount: 2048, cachedContentTokenCount: 1024 },
      { inputTokens: 2048, cachedInputTokens: 1024 }
    ],
    ["the prompts of the provider's tools", { promptTokenCount: 9, toolUsePromptTokenCount: 90 }, { inputTokens: 99 }],
    ["other types than numbers", { promptTokenCount: "9", candidatesTokenCount: null }, {}]
  ])("has %s", (_, figures, usage) => {
    const { completion } = decode(text("a"), finish([], "STOP", { usageMetadata: figures }))
    expect(completion?.usage).toEqual(usage)
  })

  it("is cumulative: the last counts", () => {
    const at = (count: number) => ({
      usageMetadata: { promptTokenCount: 9, candidatesTokenCount: count, totalTokenCount: 9 + count }
    })
    expect(decode(text("a", at(1)), text("b", at(2)), finish([], "STOP", at(3))).completion?.usage).toMatchObject({
      outputTokens: 3,
      totalTokens: 12
    })
  })

  it("keeps the figures that a later chunk says nothing of", () => {
    const figures = { promptTokenCount: 9, candidatesTokenCount: 5, totalTokenCount: 14, cachedContentTokenCount: 4 }
    const { completion } = decode(
      text("a", { usageMetadata: figures }),
      finish([], "STOP", { usageMetadata: { trafficType: "ON_DEMAND" } })
    )
    expect(completion?.usage).toEqual({ inputTokens: 9, outputTokens: 5, totalTokens: 14, cachedInputTokens: 4 })
  })

  it("is nothing where nothing was reported, not 0", () => {
    expect(decode(text("a"), finish()).completion?.usage).toEqual({})
  })
})

describe("thoughts", () => {
  it("are reasoning, apart from the text", () => {
    const { completion } = decode(
      chunk([{ text: "I ", thought: true }]),
      chunk([{ text: "think.", thought: true }]),
      text("Hello"),
      finish()
    )
    expect(completion).toMatchObject({ reasoning: "I think.", text: "Hello" })
    expect(completion?.parts).toEqual([
      { _tag: "Reasoning", text: "I think." },
      { _tag: "Text", text: "Hello" }
    ])
  })

  it("keep their signature wherever it stands", () => {
    expect(
      decode(chunk([{ text: "Hm.", thought: true, thoughtSignature: "s1" }]), finish([{ text: "Hi" }])).completion
        ?.parts
    ).toEqual([
      { _tag: "Reasoning", text: "Hm.", signature: "s1", signedBy: "acme" },
      { _tag: "Text", text: "Hi" }
    ])
    expect(decode(text("Hi"), finish([{ text: "", thoughtSignature: "s2" }])).completion?.parts).toEqual([
      { _tag: "Text", text: "Hi" },
      { _tag: "Reasoning", text: "", signature: "s2", signedBy: "acme" }
    ])
    expect(
      decode(finish([{ functionCall: { name: "f", args: {} }, thoughtSignature: "s3" }])).completion?.parts
    ).toMatchObject([
      { _tag: "Reasoning", text: "", signature: "s3", signedBy: "acme" },
      { _tag: "ToolCall", name: "f" }
    ])
  })

  it("that are a signature alone are no reasoning to read", () => {
    expect(decode(finish([{ text: "Hi", thoughtSignature: "s" }])).completion).not.toHaveProperty("reasoning")
  })
})

describe("tool calls of generateContent", () => {
  const call = (functionCall: object): object => ({ functionCall })

  it.each<[string, ReadonlyArray<unknown>, ReadonlyArray<readonly [string, string, string]>]>([
    ["whole, with an id", [finish([call({ id: "a", name: "f", args: { x: 1 } })])], [["a", "f", '{"x":1}']]],
    ["without an id", [finish([call({ name: "f", args: { x: 1 } })])], [["call_resp-1_0", "f", '{"x":1}']]],
    ["without arguments", [finish([call({ name: "f" })])], [["call_resp-1_0", "f", "{}"]]],
    ["with null arguments", [finish([call({ name: "f", args: null })])], [["call_resp-1_0", "f", "{}"]]],
    [
      "twice the same function at once",
      [finish([call({ name: "f", args: { x: 1 } }), call({ name: "f", args: { x: 2 } })])],
      [
        ["call_resp-1_0", "f", '{"x":1}'],
        ["call_resp-1_1", "f", '{"x":2}']
      ]
    ],
    [
      "twice under the same id, each whole",
      [chunk([call({ id: "c", name: "f", args: { x: 1 } })]), finish([call({ id: "c", name: "f", args: { x: 2 } })])],
      [
        ["c", "f", '{"x":1}'],
        ["call_resp-1_1", "f", '{"x":2}']
      ]
    ],
    [
      "in chunks of their own",
      [chunk([call({ name: "f", args: {} })]), chunk([call({ name: "g", args: {} })]), finish()],
      [
        ["call_resp-1_0", "f", "{}"],
        ["call_resp-1_1", "g", "{}"]
      ]
    ]
  ])("come %s", (_, payloads, calls) => {
    const { completion, parts } = decode(...payloads)
    expect(completion?.toolCalls).toEqual(
      calls.map(([id, name, args]) => ({ _tag: "ToolCall", id, name, arguments: args }))
    )
    expect(completion?.finishReason).toEqual({ unified: "tool-calls", raw: "STOP" })
    expect(parts.filter((part) => part._tag === "ToolCallStart")).toHaveLength(calls.length)
  })

  it("without a name are no answer", () => {
    expect(decode(finish([call({ args: {} })])).error).toMatchObject({ _tag: "MalformedResponse" })
  })
})

describe("the end of a stream of generateContent", () => {
  it.each([
    ["STOP", "stop"],
    ["MAX_TOKENS", "length"],
    ["OTHER", "other"],
    ["SOMETHING_NEW", "other"]
  ])("%s is %s", (raw, unified) => {
    expect(decode(text("a"), finish([], raw)).completion?.finishReason).toEqual({ unified, raw })
  })

  it.each(["SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"])(
    "%s withholds the answer: the error keeps text, usage and categories",
    (raw) => {
      const safetyRatings = [
        { category: "HARM_CATEGORY_DANGEROUS_CONTENT", probability: "HIGH", blocked: true },
        { category: "HARM_CATEGORY_HARASSMENT", probability: "LOW" },
        { category: "HARM_CATEGORY_CIVIC_INTEGRITY" },
        null
      ]
      const { error } = decode(
        text("He"),
        chunk(
          [],
          { finishReason: raw, safetyRatings, finishMessage: "No." },
          { usageMetadata: { promptTokenCount: 3 } }
        )
      )
      expect(error).toMatchObject({
        _tag: "ContentFiltered",
        text: "He",
        usage: { inputTokens: 3 },
        message: expect.stringContaining(raw),
        categories: [
          { name: "HARM_CATEGORY_DANGEROUS_CONTENT", filtered: true, severity: "HIGH" },
          { name: "HARM_CATEGORY_HARASSMENT", filtered: false, severity: "LOW" },
          { name: "HARM_CATEGORY_CIVIC_INTEGRITY", filtered: false }
        ]
      })
    }
  )

  it.each(["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"])(
    "%s is an answer that nobody can use",
    (raw) => {
      expect(decode(finish([], raw)).error).toMatchObject({
        _tag: "MalformedResponse",
        message: expect.stringContaining(raw)
      })
      expect(decode(text("He"), finish([], raw)).error).toMatchObject({
        _tag: "StreamInterrupted",
        text: "He",
        cause: { _tag: "MalformedResponse" }
      })
    }
  )

  it.each([
    ["nothing", []],
    ["[DONE]", ["[DONE]"]]
  ])("without a finish reason, but with %s, is a cut: text and usage are kept", (_, more) => {
    const { error, parts } = decode(text("Hel", { usageMetadata: { promptTokenCount: 3 } }), text("lo"), ...more)
    expect(error).toMatchObject({
      _tag: "StreamInterrupted",
      text: "Hello",
      usage: { inputTokens: 3 },
      requestId: "req-1"
    })
    expect(error?._tag === "StreamInterrupted" && error.cause).toBeUndefined()
    expect(parts).toHaveLength(2)
  })

  it("before anything came is a cut too", () => {
    expect(decode().error).toMatchObject({ _tag: "StreamInterrupted", text: "" })
  })

  it("is a refusal where the prompt was blocked", () => {
    const blocked = {
      promptFeedback: {
        blockReason: "SAFETY",
        blockReasonMessage: "Not this.",
        safetyRatings: [{ category: "C", probability: "HIGH", blocked: true }]
      }
    }
    expect(decode(blocked).error).toMatchObject({
      _tag: "ContentFiltered",
      message: "the provider blocked the prompt (SAFETY): Not this.",
      categories: [{ name: "C", filtered: true, severity: "HIGH" }]
    })
  })
})

describe("errors among the chunks of generateContent", () => {
  const error = (code: number, status: string): object => ({ error: { code, status, message: "as it happens" } })

  it.each<[object, LlmError.Tag]>([
    [error(503, "UNAVAILABLE"), "Overloaded"],
    [error(429, "RESOURCE_EXHAUSTED"), "RateLimited"],
    [error(500, "INTERNAL"), "ServerFailed"],
    [error(400, "INVALID_ARGUMENT"), "InvalidRequest"],
    [{ code: 503, status: "UNAVAILABLE", message: "bare" }, "Overloaded"],
    [[error(503, "UNAVAILABLE")], "Overloaded"]
  ])("%j first is the error that the HTTP status would have given", (payload, tag) => {
    expect(decode(payload).error?._tag).toBe(tag)
  })

  it.each<[string, unknown, LlmError.Tag]>([
    ["an overloaded server", error(503, "UNAVAILABLE"), "Overloaded"],
    ["a chunk that is no JSON", '{"candidates":[{', "MalformedResponse"],
    ["a chunk that is no object", "[1]", "MalformedResponse"],
    ["a chunk that is a text", '"hello"', "MalformedResponse"]
  ])("%s behind visible text is StreamInterrupted with its cause and the text", (_, payload, tag) => {
    const { error, parts } = decode(text("Hel"), text("lo"), payload, text("!"), finish())
    expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "Hello", cause: { _tag: tag } })
    expect(parts).toHaveLength(2)
  })

  it("that are terminal keep their tag behind visible text", () => {
    const tooLong = {
      error: {
        code: 400,
        status: "INVALID_ARGUMENT",
        message: "The input token count (9) exceeds the maximum number of tokens allowed (8)."
      }
    }
    expect(decode(text("Hello"), tooLong).error?._tag).toBe("ContextLengthExceeded")
  })
})

describe("any stream of generateContent", () => {
  it("ends in one Finish or in an LlmError, whatever JSON it is made of; nothing is thrown", () => {
    const part = fc.oneof(
      fc.jsonValue(),
      fc.record(
        { text: fc.jsonValue(), thought: fc.jsonValue(), thoughtSignature: fc.jsonValue() },
        { requiredKeys: [] }
      ),
      fc.record({
        functionCall: fc.oneof(
          fc.jsonValue(),
          fc.record({ id: fc.jsonValue(), name: fc.jsonValue(), args: fc.jsonValue() })
        )
      })
    )
    const event = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          candidates: fc.array(
            fc.record({
              content: fc.record({ parts: fc.array(part) }),
              finishReason: fc.jsonValue(),
              safetyRatings: fc.jsonValue()
            })
          ),
          usageMetadata: fc.jsonValue(),
          promptFeedback: fc.jsonValue()
        },
        { requiredKeys: [] }
      )
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 6 }), (events) => {
        const { error, parts } = decode(...events)
        expect(parts.filter((part) => part._tag === "Finish")).toHaveLength(error === undefined ? 1 : 0)
        if (error !== undefined) expect(LlmError.isLlmError(error)).toBe(true)
      }),
      { numRuns: 300 }
    )
  })
})
