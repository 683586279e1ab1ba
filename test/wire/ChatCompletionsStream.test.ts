import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { LlmError, type StreamPart } from "../../src/index.js"
import { chunk, decode, finish, Named, toolPiece } from "./ChatStream.js"

const text = (content: string, more?: object): object => chunk({ content }, more)

const withoutFinish = (parts: ReadonlyArray<StreamPart.StreamPart>) => parts.filter((part) => part._tag !== "Finish")

describe("chunks", () => {
  it("become deltas as they come, and one Finish at the end", () => {
    const { parts } = decode(chunk({ role: "assistant", content: "" }), text("Hel"), text("lo"), finish(), "[DONE]")
    expect(parts.map((part) => part._tag)).toEqual(["TextDelta", "TextDelta", "Finish"])
    expect(parts.at(-1)).toMatchObject({
      finishReason: { unified: "stop", raw: "stop" },
      model: "acme-1-0925",
      id: "chatcmpl-1",
      requestId: "req-1",
      attempts: 1,
      cached: false
    })
  })

  it.each<[string, ReadonlyArray<unknown>]>([
    [
      "a first chunk without choices, id and model",
      [{ choices: [], id: "", model: "", prompt_filter_results: [{ prompt_index: 0 }] }, text("Hello"), finish()]
    ],
    [
      "a last choice without a delta",
      [text("Hello"), finish(), { choices: [{ finish_reason: null, index: 0, content_filter_offsets: {} }] }]
    ],
    ["null fields", [text("Hello", { usage: null, error: null, system_fingerprint: null }), finish()]],
    ["a null delta", [{ choices: [{ index: 0, delta: null }] }, text("Hello"), finish()]],
    [
      "deltas full of nulls",
      [chunk({ role: null, content: null, tool_calls: null, refusal: null, reasoning: null }), text("Hello"), finish()]
    ],
    ["null choices", [{ id: "chatcmpl-1", choices: null }, text("Hello"), finish()]],
    [
      "unknown keys",
      [text("Hello", { obfuscation: "x7", service_tier: "flex", x_groq: { id: "r" }, citations: ["u"] }), finish()]
    ],
    ["events that say nothing", ["", text("Hello"), "", finish(), ""]],
    [
      "an empty finish reason before the real one",
      [chunk({ content: "Hello" }, { choices: [{ delta: { content: "Hello" }, finish_reason: "" }] }), finish()]
    ],
    [
      "the finish reason on the last piece of text",
      [{ choices: [{ delta: { content: "Hello" }, finish_reason: "stop" }] }]
    ]
  ])("with %s are read all the same", (_, payloads) => {
    const { completion } = decode(...payloads, "[DONE]")
    expect(completion).toMatchObject({ text: "Hello", finishReason: { unified: "stop", raw: "stop" } })
  })

  it("behind [DONE] are not read", () => {
    expect(decode(text("Hello"), finish(), "[DONE]", text(" again")).completion?.text).toBe("Hello")
  })

  it("may speak of [DONE]: only as the whole payload it is the end", () => {
    expect(decode(text("[DONE]"), text(" is no end"), finish(), "[DONE]").completion?.text).toBe("[DONE] is no end")
  })
})

describe("usage", () => {
  const figures = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
  const usage = { inputTokens: 10, outputTokens: 5, totalTokens: 15 }

  it.each<[string, ReadonlyArray<unknown>, object]>([
    ["on a chunk of its own behind the finish", [text("a"), finish(), { choices: [], usage: figures }], usage],
    ["on the finish chunk", [text("a"), finish("stop", { usage: figures })], usage],
    ["under x_groq", [text("a"), finish("stop", { x_groq: { id: "r", usage: figures } })], usage],
    [
      "under x_groq, with null at its usual place",
      [text("a"), finish("stop", { usage: null, x_groq: { usage: figures } })],
      usage
    ],
    [
      "on every chunk, cumulative: the last counts",
      [
        text("a", { usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 } }),
        text("b", { usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 } }),
        finish("stop", { usage: figures })
      ],
      usage
    ],
    ["followed by null", [text("a", { usage: figures }), finish("stop", { usage: null })], usage],
    [
      "with its details",
      [
        text("a"),
        finish("stop", {
          usage: {
            ...figures,
            prompt_tokens_details: { cached_tokens: 4 },
            completion_tokens_details: { reasoning_tokens: 2 }
          }
        })
      ],
      { ...usage, cachedInputTokens: 4, reasoningTokens: 2 }
    ],
    [
      "with null details",
      [
        text("a"),
        finish("stop", {
          usage: { ...figures, prompt_tokens_details: null, completion_tokens_details: null }
        })
      ],
      usage
    ],
    [
      "with reasoning tokens at the top",
      [text("a"), finish("stop", { usage: { ...figures, reasoning_tokens: 2 } })],
      { ...usage, reasoningTokens: 2 }
    ],
    [
      "with DeepSeek's word for what was cached",
      [text("a"), finish("stop", { usage: { ...figures, prompt_cache_hit_tokens: 4 } })],
      { ...usage, cachedInputTokens: 4 }
    ],
    [
      "with what was cached at the top, as Together and Moonshot say it",
      [text("a"), finish("stop", { usage: { ...figures, cached_tokens: 4 } })],
      { ...usage, cachedInputTokens: 4 }
    ],
    [
      "of other types than numbers",
      [text("a"), finish("stop", { usage: { ...figures, prompt_tokens: "10", total_tokens: null } })],
      { outputTokens: 5 }
    ]
  ])("is found %s", (_, payloads, expected) => {
    expect(decode(...payloads, "[DONE]").completion?.usage).toEqual(expected)
  })

  it("is nothing where nothing was reported, not 0", () => {
    expect(decode(text("a"), finish(), "[DONE]").completion?.usage).toEqual({})
  })
})

describe("reasoning", () => {
  it.each<[string, ReadonlyArray<unknown>]>([
    ["reasoning_content", [chunk({ reasoning_content: "I " }), chunk({ content: null, reasoning_content: "think." })]],
    ["reasoning", [chunk({ reasoning: "I " }), chunk({ content: "", reasoning: "think." })]],
    ["both names in one delta, which say the same", [chunk({ reasoning: "I think.", reasoning_content: "I think." })]],
    [
      "lists of thinking",
      [
        chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "I " }] }] }),
        chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "think." }] }] })
      ]
    ],
    ["thinking as a text", [chunk({ content: [{ type: "thinking", thinking: "I think." }] })]]
  ])("comes as %s, apart from the text", (_, payloads) => {
    const { completion } = decode(
      ...payloads,
      chunk({ content: [{ type: "text", text: "Hel" }] }),
      text("lo"),
      finish(),
      "[DONE]"
    )
    expect(completion).toMatchObject({ reasoning: "I think.", text: "Hello" })
    expect(completion?.parts.map((part) => part._tag)).toEqual(["Reasoning", "Text"])
  })
})

describe("finish reasons", () => {
  it.each([
    ["stop", "stop"],
    ["length", "length"],
    ["model_length", "length"],
    ["tool_calls", "tool-calls"],
    ["function_call", "tool-calls"],
    ["eos_token", "stop"],
    ["something_new", "other"]
  ])("%s is %s, and is kept beside it", (raw, unified) => {
    expect(decode(text("a"), finish(raw), "[DONE]").completion?.finishReason).toEqual({ unified, raw })
  })

  it("is tool-calls when tools were called, though the word be stop", () => {
    const called = toolPiece({ index: 0, id: "a", function: { name: "f", arguments: "{}" } })
    expect(decode(called, finish("stop"), "[DONE]").completion?.finishReason).toEqual({
      unified: "tool-calls",
      raw: "stop"
    })
  })

  it.each(["content_filter", "sensitive"])(
    "%s withholds the answer: no success, and the error keeps text and usage",
    (raw) => {
      const { error } = decode(text("He"), finish(raw, { usage: { prompt_tokens: 3 } }), "[DONE]")
      expect(error).toMatchObject({ _tag: "ContentFiltered", text: "He", usage: { inputTokens: 3 } })
    }
  )

  it("withheld by Azure keeps what its filters found, in the last chunk or behind it", () => {
    const content_filter_results = { violence: { filtered: true, severity: "high" } }
    const categories = [{ name: "violence", filtered: true, severity: "high" }]
    const inside = chunk(
      {},
      { choices: [{ index: 0, delta: {}, finish_reason: "content_filter", content_filter_results }] }
    )
    const behind = chunk({}, { choices: [{ index: 0, finish_reason: null, content_filter_results }] })
    for (const payloads of [[inside], [finish("content_filter"), behind]]) {
      expect(decode(text("He"), ...payloads, "[DONE]").error).toMatchObject({
        _tag: "ContentFiltered",
        text: "He",
        categories
      })
    }
  })

  it.each(["network_error", "insufficient_system_resource", "error", "abort"])(
    "%s is a failure of the server",
    (raw) => {
      expect(decode(finish(raw), "[DONE]").error).toMatchObject({ _tag: "ServerFailed" })
      expect(decode(text("He"), finish(raw), "[DONE]").error).toMatchObject({
        _tag: "StreamInterrupted",
        text: "He",
        cause: { _tag: "ServerFailed" }
      })
    }
  )
})

describe("the end of a stream", () => {
  it("is a success with a finish reason, though [DONE] be missing", () => {
    expect(decode(text("Hello"), finish()).completion).toMatchObject({
      text: "Hello",
      finishReason: { unified: "stop" }
    })
  })

  it("is a success with [DONE], though the finish reason be missing", () => {
    expect(decode(text("Hello"), "[DONE]").completion).toMatchObject({
      text: "Hello",
      finishReason: { unified: "other", raw: "" }
    })
  })

  it("without either is a cut, with the text and the usage so far and without a cause", () => {
    const { error, parts } = decode(text("Hel", { usage: { prompt_tokens: 3 } }), text("lo"))
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

  it("is no success when [DONE] is all that came", () => {
    expect(decode("[DONE]").error).toMatchObject({ _tag: "MalformedResponse" })
  })
})

describe("errors among the chunks", () => {
  const overloaded = { error: { message: "Overloaded", type: "overloaded_error" } }

  it.each<[string, unknown, LlmError.Tag]>([
    ["an overloaded server", overloaded, "Overloaded"],
    ["a rate limit", { error: { message: "slow down", type: "requests", code: "rate_limit_exceeded" } }, "RateLimited"],
    ["a code that is a number", { error: { message: "x", code: 429 } }, "RateLimited"],
    [
      "a code that is null",
      { error: { message: "The server had an error", type: "server_error", code: null } },
      "ServerFailed"
    ],
    ["a wrong key", { error: { message: "x", code: "invalid_api_key" } }, "AuthenticationFailed"],
    [
      "a prompt that is too long",
      { error: { message: "x", code: "context_length_exceeded" } },
      "ContextLengthExceeded"
    ],
    ["Zhipu's number", { error: { code: "1302", message: "x" } }, "RateLimited"],
    ["xAI's flat shape", { code: "Some resource has been exhausted", error: "Too many requests" }, "RateLimited"],
    ["an error beside an empty choice", { choices: [], ...overloaded }, "Overloaded"],
    [
      "a named event with a flat payload",
      new Named("error", { message: "Rate limit reached", code: "rate_limit_exceeded" }),
      "RateLimited"
    ],
    ["a named event with a text", new Named("error", '"the engine stopped"'), "ServerFailed"],
    ["a named event with bare words", new Named("error", "the engine stopped"), "ServerFailed"],
    ["a named event with null", new Named("error", null), "ServerFailed"],
    ["a named event with nothing", new Named("error", ""), "ServerFailed"]
  ])("%s first is the error that the HTTP status would have given", (_, payload, tag) => {
    expect(decode(payload, "[DONE]").error?._tag).toBe(tag)
    expect(decode(payload).error?._tag).toBe(tag)
  })

  it("keep the words of the provider", () => {
    expect(decode(new Named("error", "the engine stopped")).error?.message).toBe("the engine stopped")
    expect(decode(new Named("error", null)).error?.message).not.toBe("null")
  })

  it.each<[string, unknown, LlmError.Tag]>([
    ["an overloaded server", overloaded, "Overloaded"],
    ["a named event", new Named("error", { message: "x", code: "rate_limit_exceeded" }), "RateLimited"],
    ["Groq's own place", chunk({}, { choices: [], x_groq: { id: "req_1", error: "over capacity" } }), "Overloaded"],
    [
      "OpenRouter's choice",
      { choices: [{ delta: { content: "" }, finish_reason: "error", error: { code: 429, message: "Rate limited" } }] },
      "RateLimited"
    ],
    ["a chunk that is no JSON", '{"choices":[{', "MalformedResponse"],
    ["a chunk that is no object", "[1]", "MalformedResponse"],
    ["a chunk that is a text", '"hello"', "MalformedResponse"]
  ])("%s behind visible text is StreamInterrupted with its cause and the text", (_, payload, tag) => {
    const { error, parts } = decode(text("Hel"), text("lo"), payload, text("!"), "[DONE]")
    expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "Hello", cause: { _tag: tag } })
    expect(parts).toHaveLength(2)
  })

  it("that are terminal keep their tag behind visible text", () => {
    const { error } = decode(text("Hello"), { error: { message: "too long", code: "context_length_exceeded" } })
    expect(error).toMatchObject({ _tag: "ContextLengthExceeded", message: "too long" })
  })

  it("are malformed chunks where nothing was visible yet: the error keeps them", () => {
    expect(decode("<html>").error).toMatchObject({ _tag: "MalformedResponse", body: "<html>" })
  })

  it("are no errors where they are null or empty", () => {
    expect(decode(text("Hello", { error: null }), finish("stop", { error: {} }), "[DONE]").completion?.text).toBe(
      "Hello"
    )
  })
})

describe("a refusal", () => {
  const pieces = [chunk({ refusal: "I " }), chunk({ refusal: "cannot." })]

  it("is no answer", () => {
    expect(decode(...pieces, finish(), "[DONE]").error).toMatchObject({
      _tag: "ContentFiltered",
      message: "the model refused: I cannot."
    })
    expect(decode(...pieces, "[DONE]").error).toMatchObject({ _tag: "ContentFiltered" })
  })

  it("is no answer behind reasoning either", () => {
    expect(decode(chunk({ reasoning: "Hm." }), ...pieces, finish(), "[DONE]").error).toMatchObject({
      _tag: "ContentFiltered"
    })
  })
})

describe("tool calls", () => {
  const calls = (...payloads: ReadonlyArray<unknown>) =>
    decode(...payloads, finish("tool_calls"), "[DONE]").completion?.toolCalls.map((call) => [
      call.id,
      call.name,
      call.arguments
    ])

  it("begin, come in pieces and end, whole, when the answer does", () => {
    const { parts } = decode(
      toolPiece({ index: 0, id: "a", type: "function", function: { name: "f", arguments: "" } }),
      toolPiece({ index: 0, function: { arguments: '{"x"' } }),
      toolPiece({ index: 0, function: { arguments: ":1}" } }),
      finish("tool_calls"),
      "[DONE]"
    )
    expect(withoutFinish(parts)).toEqual([
      { _tag: "ToolCallStart", id: "a", name: "f" },
      { _tag: "ToolCallDelta", id: "a", arguments: '{"x"' },
      { _tag: "ToolCallDelta", id: "a", arguments: ":1}" },
      { _tag: "ToolCallEnd", id: "a", name: "f", arguments: '{"x":1}' }
    ])
  })

  it("may stand where others have a list of them", () => {
    const piece = (name: string | null, text: string): object =>
      chunk({ tool_calls: { index: 0, id: "", type: "function", function: { name, arguments: text } } })
    expect(calls(piece("f", '{"x"'), piece(null, ":1}"))).toEqual([["call_chatcmpl-1_0", "f", '{"x":1}']])
  })

  it("are told apart in one chunk, and behind text", () => {
    expect(
      calls(
        text("Let me see."),
        toolPiece(
          { index: 0, id: "a", function: { name: "f", arguments: "{}" } },
          { index: 1, id: "b", function: { name: "g", arguments: "{}" } }
        )
      )
    ).toEqual([
      ["a", "f", "{}"],
      ["b", "g", "{}"]
    ])
  })

  it("may be calls of functions, as they were before there were tools", () => {
    expect(
      calls(
        chunk({ function_call: { name: "f", arguments: "" } }),
        chunk({ function_call: { arguments: '{"x"' } }),
        chunk({ function_call: { arguments: ":1}" } }),
        finish("function_call")
      )
    ).toEqual([["call_chatcmpl-1_0", "f", '{"x":1}']])
  })

  it("without a name are no answer", () => {
    const { error } = decode(
      toolPiece({ index: 0, id: "a", function: { arguments: "{}" } }),
      finish("tool_calls"),
      "[DONE]"
    )
    expect(error?._tag).toBe("MalformedResponse")
  })

  it.each([-1, 1e9, 1.5, null, "0", "__proto__", {}, []])("survive the index %j", (index) => {
    expect(
      calls(
        toolPiece({ index, id: "a", function: { name: "f", arguments: '{"x"' } }),
        toolPiece({ index, function: { arguments: ":1}" } })
      )
    ).toEqual([["a", "f", '{"x":1}']])
    expect(Reflect.get(Object.prototype, "name")).toBeUndefined()
  })

  it("of a cut stream never end", () => {
    const { error, parts } = decode(toolPiece({ index: 0, id: "a", function: { name: "f", arguments: "{}" } }))
    expect(error?._tag).toBe("StreamInterrupted")
    expect(parts.map((part) => part._tag)).toEqual(["ToolCallStart", "ToolCallDelta"])
  })
})

describe("any payloads", () => {
  const delta = fc.record(
    { content: fc.jsonValue(), tool_calls: fc.jsonValue(), reasoning: fc.jsonValue(), refusal: fc.jsonValue() },
    { requiredKeys: [] }
  )

  const payload = fc.oneof(
    fc.jsonValue(),
    fc.string(),
    delta.map((one) => chunk(one)),
    fc.jsonValue().map((one) => chunk(one)),
    fc.array(fc.jsonValue()).map((pieces) => toolPiece(...pieces)),
    fc.jsonValue().map((usage) => finish("stop", { usage }))
  )

  it("end in one Finish, or in an LlmError; they never throw", () => {
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 6 }), fc.boolean(), (payloads, done) => {
        const { error, parts } = decode(...payloads, ...(done ? ["[DONE]"] : []))
        const finishes = parts.filter((part) => part._tag === "Finish")
        expect(finishes).toHaveLength(error === undefined ? 1 : 0)
        if (error === undefined) expect(parts.at(-1)?._tag).toBe("Finish")
        else expect(LlmError.isLlmError(error)).toBe(true)
      }),
      { numRuns: 500 }
    )
  })
})
