import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { LlmError, type StreamPart } from "../../src/index.js"
import { block, blockStop, decode, delta, end, type Events, Named, start, stop, text } from "./MessagesEvents.js"

const withoutFinish = (parts: ReadonlyArray<StreamPart.StreamPart>) => parts.filter((part) => part._tag !== "Finish")

const ping = { type: "ping" }

const tool = (index: number, id: string, name: string, ...pieces: ReadonlyArray<string>) => [
  block(index, { type: "tool_use", id, name, input: {} }),
  ...pieces.map((partial) => delta(index, { type: "input_json_delta", partial_json: partial })),
  blockStop(index)
]

const failed = (type: string, message = "x") =>
  new Named("error", JSON.stringify({ type: "error", error: { type, message } }))

describe("events", () => {
  it("become deltas as they come, and one Finish at the end", () => {
    const { parts } = decode(start(), ...text("Hel", "lo"), end(), stop)
    expect(parts.map((part) => part._tag)).toEqual(["TextDelta", "TextDelta", "Finish"])
    expect(parts.at(-1)).toMatchObject({
      finishReason: { unified: "stop", raw: "end_turn" },
      model: "acme-1-0925",
      id: "msg_1",
      requestId: "req-1",
      attempts: 1,
      cached: false
    })
  })

  it.each<[string, Events]>([
    [
      "pings everywhere",
      [ping, start(), ping, ...text("Hel", "lo").flatMap((event) => [event, ping]), end(), ping, stop]
    ],
    [
      "events of kinds that are unknown",
      [start(), { type: "from_the_future", x: 1 }, ...text("Hello"), new Named("odd", "{}"), end(), stop]
    ],
    ["events that say nothing", [start(), new Named("message", ""), ...text("Hello"), end(), stop]],
    [
      "text at the start of its block",
      [start(), block(0, { type: "text", text: "Hel" }), delta(0, { type: "text_delta", text: "lo" }), end(), stop]
    ],
    [
      "deltas of kinds that are unknown",
      [start(), ...text("Hello"), delta(0, { type: "citations_delta", citation: {} }), end(), stop]
    ],
    [
      "null fields",
      [
        start({ usage: null, stop_sequence: null }),
        ...text("Hello"),
        { type: "content_block_delta", index: 0, delta: null },
        end(),
        stop
      ]
    ],
    ["the same start twice", [start(), start({ usage: { input_tokens: 99 } }), ...text("Hello"), start(), end(), stop]],
    ["a start without its message", [{ type: "message_start" }, ...text("Hello"), end(), stop]],
    ["blocks within the start", [start({ content: [{ type: "text", text: "Hello" }] }), end(), stop]],
    ["a message_delta that says nothing before the one that does", [start(), ...text("Hello"), end(null), end(), stop]]
  ])("with %s are read all the same", (_, events) => {
    expect(decode(...events).completion).toMatchObject({
      text: "Hello",
      finishReason: { unified: "stop", raw: "end_turn" }
    })
  })

  it("behind message_stop are not read", () => {
    expect(decode(start(), ...text("Hello"), end(), stop, ...text(" again")).completion?.text).toBe("Hello")
  })

  it("of another answer are an error, also behind visible text", () => {
    expect(decode(start(), start({ id: "msg_2" })).error).toMatchObject({
      _tag: "MalformedResponse",
      body: expect.stringContaining("msg_2")
    })
    expect(decode(start(), ...text("Hel"), start({ id: "msg_2" }), ...text("lo"), end(), stop).error).toMatchObject({
      _tag: "StreamInterrupted",
      text: "Hel",
      cause: { _tag: "MalformedResponse" }
    })
  })
})

describe("usage", () => {
  it("is the input of the start and the output of the end", () => {
    expect(decode(start(), ...text("a"), end("end_turn", { output_tokens: 5 }), stop).completion?.usage).toEqual({
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 15
    })
  })

  it("counts what the cache read and wrote among the input", () => {
    const usage = { input_tokens: 10, cache_read_input_tokens: 200, cache_creation_input_tokens: 30, output_tokens: 1 }
    expect(decode(start({ usage }), ...text("a"), end(), stop).completion?.usage).toEqual({
      inputTokens: 240,
      outputTokens: 5,
      totalTokens: 245,
      cachedInputTokens: 200,
      cacheWriteTokens: 30
    })
  })

  it("is revised by the end, each figure for itself", () => {
    const usage = { input_tokens: 10, cache_read_input_tokens: 200, cache_creation_input_tokens: 30, output_tokens: 1 }
    const revised = (last: object) =>
      decode(start({ usage }), ...text("a"), end("end_turn", last), stop).completion?.usage
    expect(revised({ input_tokens: 50, output_tokens: 5 })).toMatchObject({
      inputTokens: 280,
      cachedInputTokens: 200,
      totalTokens: 285
    })
    expect(revised({ cache_read_input_tokens: 0, output_tokens: 5 })).toMatchObject({
      inputTokens: 40,
      cachedInputTokens: 0
    })
    expect(revised({ input_tokens: null, cache_creation_input_tokens: null, output_tokens: 5 })).toMatchObject({
      inputTokens: 240
    })
    expect(revised({ output_tokens: 5, output_tokens_details: { thinking_tokens: 4 } })).toMatchObject({
      reasoningTokens: 4
    })
  })

  it("is nothing where nothing was reported, not 0", () => {
    expect(
      decode(
        start({ usage: undefined }),
        ...text("a"),
        { type: "message_delta", delta: { stop_reason: "end_turn" } },
        stop
      ).completion?.usage
    ).toEqual({})
  })
})

describe("reasoning", () => {
  const thinking = (index: number, pieces: ReadonlyArray<string>, signature?: string) => [
    block(index, { type: "thinking", thinking: "", signature: "" }),
    ...pieces.map((piece) => delta(index, { type: "thinking_delta", thinking: piece })),
    ...(signature === undefined ? [] : [delta(index, { type: "signature_delta", signature })]),
    blockStop(index)
  ]

  it("comes apart from the text, and its signature at its end", () => {
    const { completion, parts } = decode(
      start(),
      ...thinking(0, ["I ", "think."], "c2ln"),
      ...text("Hello"),
      end(),
      stop
    )
    expect(withoutFinish(parts)).toEqual([
      { _tag: "ReasoningDelta", text: "I " },
      { _tag: "ReasoningDelta", text: "think." },
      { _tag: "ReasoningDelta", text: "", signature: "c2ln", signedBy: "acme" },
      { _tag: "TextDelta", text: "Hello" }
    ])
    expect(completion?.parts).toEqual([
      { _tag: "Reasoning", text: "I think.", signature: "c2ln", signedBy: "acme" },
      { _tag: "Text", text: "Hello" }
    ])
  })

  it("of several blocks keeps each with its signature, though the thoughts be left out", () => {
    expect(
      decode(start(), ...thinking(0, ["a"], "c2ln"), ...thinking(1, [], "b3RoZXI="), ...text("Hi"), end(), stop)
        .completion?.parts
    ).toEqual([
      { _tag: "Reasoning", text: "a", signature: "c2ln", signedBy: "acme" },
      { _tag: "Reasoning", text: "", signature: "b3RoZXI=", signedBy: "acme" },
      { _tag: "Text", text: "Hi" }
    ])
  })

  it("that is redacted is kept as a signature", () => {
    const redacted = block(0, { type: "redacted_thinking", data: "b3BhcXVl" })
    expect(decode(start(), redacted, blockStop(0), ...text("Hi"), end(), stop).completion?.parts).toEqual([
      { _tag: "Reasoning", text: "", signature: "redacted_thinking:b3BhcXVl", signedBy: "acme" },
      { _tag: "Text", text: "Hi" }
    ])
  })
})

describe("tool calls", () => {
  const calls = (...events: Events) =>
    decode(start(), ...events, end("tool_use"), stop).completion?.toolCalls.map((call) => [
      call.id,
      call.name,
      call.arguments
    ])

  it("begin, come in pieces and end, whole, when the answer does", () => {
    const { completion, parts } = decode(start(), ...tool(1, "t1", "f", "", '{"x"', ":1}"), end("tool_use"), stop)
    expect(withoutFinish(parts)).toEqual([
      { _tag: "ToolCallStart", id: "t1", name: "f" },
      { _tag: "ToolCallDelta", id: "t1", arguments: '{"x"' },
      { _tag: "ToolCallDelta", id: "t1", arguments: ":1}" },
      { _tag: "ToolCallEnd", id: "t1", name: "f", arguments: '{"x":1}' }
    ])
    expect(completion?.finishReason).toEqual({ unified: "tool-calls", raw: "tool_use" })
  })

  it.each<[string, Events, unknown]>([
    [
      "behind text, several",
      [...text("Let me see."), ...tool(1, "t1", "f", "{}"), ...tool(2, "t2", "f", '{"x":1}')],
      [
        ["t1", "f", "{}"],
        ["t2", "f", '{"x":1}']
      ]
    ],
    ["with empty arguments", tool(0, "t1", "f", ""), [["t1", "f", "{}"]]],
    ["with no arguments at all", tool(0, "t1", "f"), [["t1", "f", "{}"]]],
    [
      "whole at their start",
      [block(0, { type: "tool_use", id: "t1", name: "f", input: { x: 1 } }), blockStop(0)],
      [["t1", "f", '{"x":1}']]
    ],
    ["without an id", tool(0, "", "f", "{}"), [["call_msg_1_0", "f", "{}"]]],
    [
      "with an index that is none",
      [
        block(-1, { type: "tool_use", id: "t1", name: "f" }),
        delta(-1, { type: "input_json_delta", partial_json: "{}" })
      ],
      [["t1", "f", "{}"]]
    ]
  ])("are read %s", (_, events, expected) => {
    expect(calls(...events)).toEqual(expected)
  })

  it("may stand whole in the start of the answer, before others", () => {
    const begun = start({ content: [{ type: "tool_use", id: "t0", name: "e", input: { y: 2 } }] })
    expect(decode(begun, ...tool(0, "t1", "f", "{}"), end("tool_use"), stop).completion?.toolCalls).toMatchObject([
      { id: "t0", name: "e", arguments: '{"y":2}' },
      { id: "t1", name: "f", arguments: "{}" }
    ])
  })

  it("are not the provider's own", () => {
    expect(
      decode(
        start(),
        block(0, { type: "server_tool_use", id: "s1", name: "web_search", input: {} }),
        delta(0, { type: "input_json_delta", partial_json: '{"query":"x"}' }),
        blockStop(0),
        block(1, { type: "web_search_tool_result", tool_use_id: "s1", content: [] }),
        blockStop(1),
        ...text("Found."),
        end(),
        stop
      ).completion
    ).toMatchObject({ text: "Found.", toolCalls: [], finishReason: { unified: "stop" } })
  })

  it("without a name are no answer", () => {
    expect(decode(start(), ...tool(0, "t1", "", "{}"), end("tool_use"), stop).error?._tag).toBe("MalformedResponse")
  })

  it("of a cut stream never end", () => {
    const { error, parts } = decode(start(), ...tool(0, "t1", "f", "{}"), end("tool_use"))
    expect(error?._tag).toBe("StreamInterrupted")
    expect(parts.map((part) => part._tag)).toEqual(["ToolCallStart", "ToolCallDelta"])
  })
})

describe("the end of a stream", () => {
  it("is message_stop alone: a reason to stop before it is no end", () => {
    const { error, parts } = decode(start(), ...text("Hel", "lo"), end())
    expect(error).toMatchObject({
      _tag: "StreamInterrupted",
      text: "Hello",
      usage: { inputTokens: 10, outputTokens: 5 },
      requestId: "req-1"
    })
    expect(error?._tag === "StreamInterrupted" && error.cause).toBeUndefined()
    expect(parts).toHaveLength(2)
  })

  it("is no end before anything came, and no success when it is all that came", () => {
    expect(decode().error).toMatchObject({ _tag: "StreamInterrupted", text: "" })
    expect(decode(stop).error).toMatchObject({ _tag: "MalformedResponse" })
  })

  it("is a success without a reason, and an empty answer where the reason is all there is", () => {
    expect(decode(start(), ...text("Hello"), stop).completion).toMatchObject({
      text: "Hello",
      finishReason: { unified: "other", raw: "" }
    })
    expect(decode(start(), end(), stop).completion).toMatchObject({
      text: "",
      parts: [],
      finishReason: { unified: "stop" }
    })
  })

  it("is ContentFiltered where the model declined, with the text, the usage and what it says of it", () => {
    const details = { stop_details: { type: "refusal", category: "bio", explanation: "This could do harm." } }
    expect(decode(start(), ...text("He"), end("refusal", { output_tokens: 5 }, details), stop).error).toMatchObject({
      _tag: "ContentFiltered",
      text: "He",
      usage: { inputTokens: 10, outputTokens: 5 },
      categories: [{ name: "bio", filtered: true }],
      message: expect.stringContaining("This could do harm.")
    })
    expect(decode(start(), end("refusal"), stop).error).toMatchObject({ _tag: "ContentFiltered", categories: [] })
  })
})

describe("errors among the events", () => {
  it.each<[string, LlmError.Tag]>([
    ["overloaded_error", "Overloaded"],
    ["rate_limit_error", "RateLimited"],
    ["api_error", "ServerFailed"],
    ["timeout_error", "ServerFailed"],
    ["invalid_request_error", "InvalidRequest"],
    ["authentication_error", "AuthenticationFailed"],
    ["permission_error", "PermissionDenied"],
    ["not_found_error", "ModelNotFound"],
    ["request_too_large", "RequestTooLarge"],
    ["billing_error", "QuotaExhausted"]
  ])("%s first is %s, as its HTTP status would have been", (type, tag) => {
    expect(decode(failed(type)).error?._tag).toBe(tag)
    expect(decode(start(), ping, failed(type), stop).error?._tag).toBe(tag)
  })

  it.each<[string, Named, LlmError.Tag]>([
    ["an error event", failed("overloaded_error", "Overloaded"), "Overloaded"],
    [
      "an error under the name of another event",
      new Named("message", '{"type":"error","error":{"type":"overloaded_error"}}'),
      "Overloaded"
    ],
    [
      "an error without a type",
      new Named("message", '{"error":{"type":"overloaded_error","message":"x"}}'),
      "Overloaded"
    ],
    ["an error event with a text", new Named("error", '"the engine stopped"'), "ServerFailed"],
    ["an error event with nothing", new Named("error", ""), "ServerFailed"],
    ["an event that is no JSON", new Named("content_block_delta", '{"type":'), "MalformedResponse"],
    ["an event that is no object", new Named("content_block_delta", "[1]"), "MalformedResponse"]
  ])("%s behind visible text is StreamInterrupted with its cause and the text", (_, event, tag) => {
    const { error, parts } = decode(start(), ...text("Hel", "lo"), event, end(), stop)
    expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "Hello", cause: { _tag: tag } })
    expect(parts).toHaveLength(2)
  })

  it("that are terminal keep their tag behind visible text", () => {
    expect(
      decode(start(), ...text("Hello"), failed("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"))
        .error?._tag
    ).toBe("ContextLengthExceeded")
  })
})

describe("any events", () => {
  const types = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "ping"
  ]
  const event = fc.record(
    {
      type: fc.constantFrom(...types),
      index: fc.jsonValue(),
      message: fc.jsonValue(),
      content_block: fc.oneof(
        fc.jsonValue(),
        fc.record({
          type: fc.constantFrom("text", "thinking", "tool_use"),
          text: fc.jsonValue(),
          id: fc.jsonValue(),
          name: fc.jsonValue(),
          input: fc.jsonValue()
        })
      ),
      delta: fc.oneof(
        fc.jsonValue(),
        fc.record({
          type: fc.constantFrom("text_delta", "input_json_delta", "thinking_delta"),
          text: fc.jsonValue(),
          partial_json: fc.jsonValue()
        })
      ),
      usage: fc.jsonValue()
    },
    { requiredKeys: ["type"] }
  )

  it("end in one Finish or in an error of ours, and never throw", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        const { completion, error, parts } = decode(...events)
        expect(parts.filter((part) => part._tag === "Finish")).toHaveLength(error === undefined ? 1 : 0)
        expect(error === undefined ? completion !== undefined : LlmError.isLlmError(error)).toBe(true)
        if (error === undefined) expect(events.some(({ type }) => type === "message_stop")).toBe(true)
      }),
      { numRuns: 500 }
    )
  })
})
