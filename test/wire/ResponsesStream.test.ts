import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import type { StreamPart } from "../../src/index.js"
import {
  added,
  answerOf,
  call,
  called,
  decode,
  delta,
  done,
  end,
  type Events,
  type Json,
  message,
  Named,
  reasoning,
  refusal,
  response,
  start,
  text,
  thoughts
} from "./ResponsesEvents.js"

const tags = (parts: ReadonlyArray<StreamPart.StreamPart>): ReadonlyArray<string> => parts.map((part) => part._tag)

const hello = message("Hello")

/** Events without some of their fields. */
const without = (events: Events, ...fields: ReadonlyArray<string>): Events =>
  events.map((event) =>
    event instanceof Named
      ? event
      : Object.fromEntries(Object.entries(event).filter(([field]) => !fields.includes(field)))
  )

const without2 = (events: Events): Events =>
  without(events, "output_index", "item_id", "content_index").map((event): Named | Json =>
    event instanceof Named || !("item" in event)
      ? event
      : { ...event, item: { ...Object(event["item"]), id: undefined } }
  )

const kinds = (events: Events, ...kept: ReadonlyArray<string>): Events =>
  events.filter((event) => event instanceof Named || kept.some((kind) => String(event["type"]).endsWith(kind)))

describe("events", () => {
  it("become deltas as they come, and one Finish at the end", () => {
    const { completion, parts } = decode(...start, ...text(0, "Hel", "lo"), end([hello]))
    expect(tags(parts)).toEqual(["TextDelta", "TextDelta", "Finish"])
    expect(parts.at(-1)).toMatchObject({
      finishReason: { unified: "stop", raw: "completed" },
      model: "acme-1-0925",
      id: "resp_1",
      requestId: "req-1",
      attempts: 1,
      cached: false
    })
    expect(completion?.text).toBe("Hello")
    expect(completion?.usage).toEqual({
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 15,
      cachedInputTokens: 4,
      reasoningTokens: 2
    })
  })

  it.each<[string, Events]>([
    [
      "events of kinds that are unknown",
      [
        { type: "response.queued", response: {} },
        ...start,
        { type: "response.from_the_future", delta: "x", output_index: 0 },
        ...text(0, "Hello"),
        new Named("odd", "{}"),
        { type: "response.web_search_call.searching", output_index: 1 },
        { type: "response.mcp_call_arguments.delta", output_index: 1, delta: "{}" },
        end([hello])
      ]
    ],
    ["events that say nothing", [...start, new Named("message", ""), {}, ...text(0, "Hello"), end([hello])]],
    ["a type in the frame only", [new Named("response.output_text.delta", '{"delta":"Hello"}'), end([])]],
    ["no start", [...text(0, "Hello"), end([hello], { id: "resp_1" })]],
    ["no items", [...kinds(text(0, "Hel", "lo"), "text.delta"), end([hello])]],
    ["no deltas", [...kinds(text(0, "Hel", "lo"), "added", "done"), end([hello])]],
    ["nothing but the whole text", [...kinds(text(0, "Hel", "lo"), "output_text.done"), end([])]],
    ["nothing but the whole item", [...kinds(text(0, "Hel", "lo"), "output_item.done"), end([])]],
    ["nothing but the whole answer", [end([hello])]],
    ["an end that says no output", [...start, ...text(0, "Hel", "lo"), end([])]],
    ["an end that says nothing else", [...start, ...text(0, "Hello"), { type: "response.completed" }]],
    ["the item before its text", [done(0, hello), ...text(0, "Hel", "lo"), end([hello])]],
    [
      "deltas behind the whole",
      [...text(0, "Hello"), delta("output_text", 0, "lo", { content_index: 0 }), end([hello])]
    ],
    [
      "everything twice but the deltas",
      [...text(0, "Hello"), ...kinds(text(0, "Hello"), "added", "done"), end([hello])]
    ],
    ["no indices", [...start, ...without(text(0, "Hel", "lo"), "output_index", "content_index"), end([hello])]],
    ["no ids", [...start, ...without(text(0, "Hel", "lo"), "item_id"), end([{ ...hello, id: undefined }])]],
    ["neither indices nor ids", [...start, ...without2(text(0, "Hel", "lo")), end([{ ...hello, id: undefined }])]],
    ["neither, and no deltas", [...start, ...kinds(without2(text(0, "Hel", "lo")), "item.done"), end([hello])]],
    [
      "ids that change all the time",
      [
        ...start,
        ...text(0, "Hel", "lo").map((event, n): Json => ({ ...event, item_id: `id_${n}` })),
        end([{ ...hello, id: "id_x" }])
      ]
    ],
    ["an index that is hostile", [...text(-1, "Hel"), ...text(1e9, "lo"), end([])]],
    [
      "indices of other types",
      [
        ...text(0, "Hel", "lo").map((event): Json => ({ ...event, output_index: "__proto__", content_index: {} })),
        end([hello])
      ]
    ],
    [
      "fields of other types",
      [
        { type: "response.created", response: null },
        { type: "response.output_item.added", output_index: 0, item: 7 },
        { type: "response.output_item.done", output_index: 0 },
        delta("output_text", 0, null),
        delta("output_text", 0, "Hello"),
        end([hello], { usage: null, output: [null, 7, { type: 7 }] })
      ]
    ],
    [
      "items of the provider's own tools",
      [
        ...start,
        added(0, { id: "ws_1", type: "web_search_call", status: "in_progress" }),
        done(0, { id: "ws_1", type: "web_search_call", status: "completed" }),
        ...text(1, "Hello"),
        end([{ id: "ws_1", type: "web_search_call" }, hello])
      ]
    ]
  ])("with %s are read all the same", (_, events) => {
    const { completion, parts } = decode(...events)
    expect(completion).toMatchObject({ text: "Hello", finishReason: { unified: "stop", raw: "completed" } })
    expect(parts.filter((part) => part._tag === "Finish")).toHaveLength(1)
  })

  it("behind the end are not read", () => {
    expect(decode(...text(0, "Hello"), end([hello]), ...text(1, " again")).completion?.text).toBe("Hello")
    expect(decode(...text(0, "Hello"), end([hello]), new Named("message", "[DONE]")).completion?.text).toBe("Hello")
  })

  it("of several messages and parts come one after the other", () => {
    const first = { ...message("One. ", "Two. "), id: "msg_0" }
    const { completion } = decode(
      ...start,
      added(0, first),
      delta("output_text", 0, "One. ", { content_index: 0 }),
      delta("output_text", 0, "Two. ", { content_index: 1 }),
      done(0, first),
      ...text(1, "Three."),
      end([first, { ...message("Three."), id: "msg_2" }])
    )
    expect(completion?.text).toBe("One. Two. Three.")
    expect(
      decode(...text(0, "One. "), ...text(1, "Two."), end([message("One. "), message("Two.")])).completion?.text
    ).toBe("One. Two.")
    expect(
      decode(done(0, reasoning(["Hm."])), ...text(1, "Hello"), end([hello])).completion?.text,
      "an answer that leaves items out at its end"
    ).toBe("Hello")
    expect(decode(end([first, message("Three.")])).completion?.text).toBe("One. Two. Three.")
    expect(decode(...kinds([done(0, first), ...text(1, "Three.")], "item.done"), end([])).completion?.text).toBe(
      "One. Two. Three."
    )
  })

  it("that are no JSON objects are an error, also behind visible text", () => {
    expect(decode(...start, new Named("message", "{")).error).toMatchObject({ _tag: "MalformedResponse", body: "{" })
    expect(decode(...start, new Named("message", "[1]")).error?._tag).toBe("MalformedResponse")
    expect(decode(...start, delta("output_text", 0, "Hel"), new Named("message", "{")).error).toMatchObject({
      _tag: "StreamInterrupted",
      text: "Hel",
      cause: { _tag: "MalformedResponse" }
    })
  })
})

describe("the end", () => {
  it.each<[string, Events]>([
    ["nothing", []],
    ["its start", start],
    ["text", [...start, ...text(0, "Hello")]],
    ["[DONE]", [...start, ...text(0, "Hello"), new Named("message", "[DONE]")]],
    ["a whole call", [...start, ...called(0, "look_up", "call_1", "{}")]]
  ])("of a stream behind %s alone is a cut", (_, events) => {
    expect(decode(...events).error).toMatchObject({
      _tag: "StreamInterrupted",
      message: "the stream ended before the answer was whole"
    })
  })

  it("that is incomplete says why", () => {
    const incomplete = (details: unknown) =>
      decode(...text(0, "Hel"), end([message("Hel")], { status: "incomplete", incomplete_details: details })).completion
    expect(incomplete({ reason: "max_output_tokens" })).toMatchObject({
      text: "Hel",
      finishReason: { unified: "length", raw: "max_output_tokens" }
    })
    expect(incomplete({ reason: "from_the_future" })?.finishReason).toEqual({
      unified: "other",
      raw: "from_the_future"
    })
    expect(incomplete(null)?.finishReason).toEqual({ unified: "other", raw: "incomplete" })
  })

  it("amid a call keeps what came of it, as a call that grew too long", () => {
    const half = { ...call("look_up", '{"word":"la'), status: "incomplete" }
    const { completion } = decode(
      added(0, half),
      delta("function_call_arguments", 0, '{"word":"la'),
      done(0, half),
      end([half], { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } })
    )
    expect(completion?.toolCalls).toMatchObject([{ arguments: '{"word":"la' }])
    expect(completion?.finishReason.unified).toBe("length")
  })

  it("that a filter made is a failure with its text and its categories", () => {
    const filters = [
      { source_type: "prompt", content_filter_results: { jailbreak: { filtered: false, detected: false } } },
      { source_type: "completion", content_filter_results: { violence: { filtered: true, severity: "high" } } }
    ]
    const { error } = decode(
      ...text(0, "Hel"),
      end([], { status: "incomplete", incomplete_details: { reason: "content_filter" }, content_filters: filters })
    )
    expect(error).toMatchObject({
      _tag: "ContentFiltered",
      text: "Hel",
      usage: { outputTokens: 5 },
      categories: [{ name: "violence", filtered: true, severity: "high" }]
    })
  })

  it.each(["failed", "cancelled"])("that is %s without a reason is a ServerFailed", (status) => {
    expect(decode(...start, end([], { status })).error?._tag).toBe("ServerFailed")
    expect(decode(...text(0, "Hel"), end([], { status })).error).toMatchObject({
      _tag: "StreamInterrupted",
      text: "Hel",
      cause: { _tag: "ServerFailed" }
    })
  })
})

describe("tool calls", () => {
  it("come in pieces, and are whole at the end", () => {
    const { completion, parts } = decode(...start, ...called(0, "look_up", "call_1", '{"word"', ':"lamp"}'), end([]))
    expect(tags(parts)).toEqual(["ToolCallStart", "ToolCallDelta", "ToolCallDelta", "ToolCallEnd", "Finish"])
    expect(completion?.toolCalls).toEqual([
      { _tag: "ToolCall", id: "call_1", name: "look_up", arguments: '{"word":"lamp"}' }
    ])
    expect(completion?.finishReason).toEqual({ unified: "tool-calls", raw: "completed" })
  })

  const whole = call("look_up", '{"word":"lamp"}')
  const pieces = called(0, "look_up", "call_1", '{"word"', ':"lamp"}')

  it.each<[string, Events]>([
    ["whole, in their item alone", [done(0, whole), end([])]],
    ["whole, without deltas", [...kinds(pieces, "added", "done"), end([whole])]],
    ["whole, in the answer alone", [end([whole])]],
    ["without their item's start", [...kinds(pieces, "delta", "done"), end([whole])]],
    ["without their item's end", [...kinds(pieces, "added", "delta"), end([whole])]],
    ["with a name and an id that come last", [...kinds(pieces, "delta"), end([whole])]],
    ["with a start that comes late", [...kinds(pieces, "delta"), ...kinds(pieces, "added", "done"), end([whole])]],
    ["without indices", [...without(pieces, "output_index"), end([whole])]],
    ["without ids of their items", [...without(pieces, "item_id"), end([{ ...whole, id: undefined }])]],
    ["with everything said twice", [...pieces, ...kinds(pieces, "added", "done"), end([whole])]],
    ["with deltas behind the whole", [...pieces, ...kinds(pieces, "delta"), end([whole])]],
    [
      "under an id that changes",
      [...pieces.map((event): Json => ({ ...event, item_id: "x" })), end([{ ...whole, id: "y", call_id: "call_2" }])]
    ],
    ["with arguments that are an object", [done(0, call("look_up", { word: "lamp" })), end([])]]
  ])("%s are one call", (_, events) => {
    const calls = decode(...events).completion?.toolCalls
    expect(calls).toHaveLength(1)
    expect(calls?.[0]).toMatchObject({ name: "look_up", arguments: '{"word":"lamp"}' })
  })

  it("at the same time are told apart by their index, or by their id", () => {
    const a = called(0, "a", "call_a", '{"n"', ":1}")
    const b = called(1, "b", "call_b", '{"n"', ":2}")
    const mixed = a.flatMap((event, n) => [event, b[n] ?? {}])
    const both = [
      { _tag: "ToolCall", id: "call_a", name: "a", arguments: '{"n":1}' },
      { _tag: "ToolCall", id: "call_b", name: "b", arguments: '{"n":2}' }
    ]
    const output = [call("a", '{"n":1}', "call_a"), call("b", '{"n":2}', "call_b")]
    expect(decode(...mixed, end(output)).completion?.toolCalls).toEqual(both)
    expect(decode(...without(mixed, "output_index"), end(output)).completion?.toolCalls).toEqual(both)
    expect(decode(...kinds(mixed, "item.done"), end([])).completion?.toolCalls).toEqual(both)
  })

  it.each([undefined, null, "", "{}", " null "])("with arguments %j have none", (nothing) => {
    expect(decode(done(0, call("now", nothing)), end([])).completion?.toolCalls).toMatchObject([
      { name: "now", arguments: expect.stringMatching(/^\{\}$/) }
    ])
  })

  it("without an id get one, without a name are an error", () => {
    expect(decode(done(0, { ...call("now", "{}"), call_id: null }), end([])).completion?.toolCalls[0]?.id).not.toBe("")
    expect(decode(done(0, call(null, "{}")), end([])).error?._tag).toBe("MalformedResponse")
    expect(decode(delta("function_call_arguments", 0, "{}"), end([])).error?._tag).toBe("MalformedResponse")
  })

  it("stand where they began among what else was said", () => {
    const { completion } = decode(
      ...thoughts(0, [["Hm."]], "gAAA"),
      ...text(1, "Let me see."),
      ...called(2, "look_up", "call_1", "{}"),
      end([])
    )
    expect(completion?.parts.map((part) => part._tag)).toEqual(["Reasoning", "Text", "ToolCall"])
  })
})

describe("reasoning", () => {
  it("comes apart from the text, its parts as paragraphs, and its encrypted content last", () => {
    const { completion, parts } = decode(
      ...start,
      ...thoughts(0, [["**One", "**"], ["Two"]], "gAAAAAB"),
      ...text(1, "Hello"),
      end([reasoning(["**One**", "Two"], "gAAAAAB"), hello])
    )
    expect(parts.slice(0, 4)).toEqual([
      { _tag: "ReasoningDelta", text: "**One" },
      { _tag: "ReasoningDelta", text: "**" },
      { _tag: "ReasoningDelta", text: "\n\nTwo" },
      { _tag: "ReasoningDelta", text: "", signature: "gAAAAAB", signedBy: "acme" }
    ])
    expect(completion?.parts).toEqual([
      { _tag: "Reasoning", text: "**One**\n\nTwo", signature: "gAAAAAB", signedBy: "acme" },
      { _tag: "Text", text: "Hello" }
    ])
  })

  it.each<[string, Events]>([
    ["in its item", [done(0, reasoning(["One", "Two"], "gAAA"))]],
    ["in the texts of its parts", kinds(thoughts(0, [["One"], ["Two"]], "gAAA"), "text.done", "item.done")],
    ["in the answer", []],
    ["twice", [done(0, reasoning(["One", "Two"], "gAAA")), done(0, reasoning(["One", "Two"], "gAAA"))]]
  ])("that comes whole, %s, is the same", (_, events) => {
    const { completion } = decode(...events, end([reasoning(["One", "Two"], "gAAA"), hello]))
    expect(completion?.parts).toEqual([
      { _tag: "Reasoning", text: "One\n\nTwo", signature: "gAAA", signedBy: "acme" },
      { _tag: "Text", text: "Hello" }
    ])
  })

  it("without a summary is its encrypted content alone, and without both nothing", () => {
    expect(decode(...thoughts(0, [], "gAAA"), ...text(1, "Hello"), end([])).completion?.parts).toEqual([
      { _tag: "Reasoning", text: "", signature: "gAAA", signedBy: "acme" },
      { _tag: "Text", text: "Hello" }
    ])
    expect(decode(...thoughts(0, []), ...text(1, "Hello"), end([])).completion?.parts).toEqual([
      { _tag: "Text", text: "Hello" }
    ])
    expect(
      decode(done(0, { ...reasoning([]), encrypted_content: null }), ...text(1, "Hello"), end([])).completion?.parts
    ).toHaveLength(1)
  })

  it("that is shown as it is is read too", () => {
    const at = { content_index: 0 }
    const item = reasoning([], undefined, ["Hm, so."])
    const { completion } = decode(
      delta("reasoning_text", 0, "Hm, ", at),
      delta("reasoning_text", 0, "so.", at),
      { type: "response.reasoning_text.done", output_index: 0, ...at, text: "Hm, so." },
      done(0, item),
      ...text(1, "Hello"),
      end([item, hello])
    )
    expect(completion?.reasoning).toBe("Hm, so.")
    expect(decode(end([item, hello])).completion?.reasoning).toBe("Hm, so.")
  })
})

describe("a refusal", () => {
  it.each<[string, Events]>([
    [
      "in pieces",
      [
        ...start,
        delta("refusal", 0, "I can", { content_index: 0 }),
        delta("refusal", 0, "not.", { content_index: 0 }),
        { type: "response.refusal.done", output_index: 0, content_index: 0, refusal: "I cannot." },
        done(0, refusal("I cannot.")),
        end([refusal("I cannot.")])
      ]
    ],
    ["whole", [...start, done(0, refusal("I cannot.")), end([refusal("I cannot.")])]],
    ["in the answer alone", [end([refusal("I cannot.")])]]
  ])("that comes %s is a failure with the model's words", (_, events) => {
    expect(decode(...events).error).toMatchObject({
      _tag: "ContentFiltered",
      message: "the model refused: I cannot.",
      usage: { outputTokens: 5 }
    })
  })
})

describe("errors within a stream", () => {
  const flat = (code: unknown, words = "x"): Json => ({
    type: "error",
    code,
    message: words,
    param: null,
    sequence_number: 2
  })
  const inside = (type: string, code: unknown, words = "x"): Json => ({
    type: "error",
    error: { type, code, message: words, param: null },
    sequence_number: 2
  })
  const failed = (code: string, words = "x"): Json => end([], { status: "failed", error: { code, message: words } })

  it.each<[string, Events, string]>([
    ["an error with its code", [flat("server_error")], "ServerFailed"],
    ["an error of the usual shape", [inside("insufficient_quota", "insufficient_quota")], "QuotaExhausted"],
    ["an error without a code", [inside("server_error", null)], "ServerFailed"],
    ["an error without any word", [{ type: "error" }], "ServerFailed"],
    ["a response that failed", [failed("rate_limit_exceeded")], "RateLimited"],
    ["one that is too large", [failed("rate_limit_exceeded", "Request too large for acme-1")], "RequestTooLarge"],
    ["a prompt that is refused", [failed("invalid_prompt")], "InvalidRequest"],
    ["an image that is no image", [failed("invalid_base64_image")], "InvalidRequest"],
    ["an image that is refused", [failed("image_content_policy_violation")], "ContentFiltered"],
    ["a prompt that is too long", [flat("context_length_exceeded")], "ContextLengthExceeded"],
    [
      "both, of which the first counts",
      [inside("insufficient_quota", "insufficient_quota"), failed("server_error")],
      "QuotaExhausted"
    ],
    [
      "an error that only its frame names",
      [new Named("error", '{"code":"rate_limit_exceeded","message":"x"}')],
      "RateLimited"
    ],
    ["an error that is a text", [new Named("error", '"The server had an error"')], "ServerFailed"],
    ["an error that is null", [new Named("error", "null")], "ServerFailed"],
    ["an error that is empty", [new Named("error", "")], "ServerFailed"],
    ["an error of chat completions", [{ error: { message: "x", type: "server_error", code: null } }], "ServerFailed"],
    ["a response that failed without saying so", [{ type: "response.failed" }], "ServerFailed"],
    [
      "a whole answer with an error in it",
      [end([hello], { error: { code: "server_error", message: "x" } })],
      "ServerFailed"
    ]
  ])("%s is what the status would have said, first and amid the answer", (_, events, tag) => {
    expect(decode(...events).error?._tag).toBe(tag)
    expect(decode(...start, ...events, end([hello])).error?._tag).toBe(tag)
    const late = decode(...start, ...kinds(text(0, "Hel", "lo"), "delta"), ...events).error
    if (["ServerFailed", "RateLimited"].includes(tag)) {
      expect(late).toMatchObject({ _tag: "StreamInterrupted", text: "Hello", cause: { _tag: tag } })
    } else expect(late?._tag).toBe(tag)
  })

  it("amid the answer keep the usage that comes with them", () => {
    const { error } = decode(...start, ...kinds(text(0, "Hel", "lo"), "delta"), failed("server_error"))
    expect(error).toMatchObject({ _tag: "StreamInterrupted", usage: { inputTokens: 10, outputTokens: 5 } })
  })

  it("do not show the request that a response repeats", () => {
    const { error } = decode(
      end([], {
        status: "failed",
        error: { code: "server_error", message: "x" },
        instructions: "S3CRET",
        tools: ["S3CRET"]
      })
    )
    expect(error).toMatchObject({ _tag: "ServerFailed", message: "x", body: expect.stringContaining("server_error") })
    expect(JSON.stringify(error)).not.toContain("S3CRET")
  })

  it("keep their words and their parameter", () => {
    const error = {
      type: "invalid_request_error",
      code: "unsupported_value",
      message: "No such effort.",
      param: "reasoning.effort"
    }
    expect(decode({ type: "error", error }).error).toMatchObject({
      _tag: "InvalidRequest",
      message: "No such effort.",
      param: "reasoning.effort"
    })
  })
})

describe("a stream", () => {
  const pieces = fc.array(fc.string({ minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 })

  it("folds to what the whole answer gives, whichever of its events are missing", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("text", "call", "thought"), pieces), { minLength: 1, maxLength: 5 }),
        fc.array(fc.constantFrom("delta", "item.added", "text.done", "nothing"), { minLength: 5, maxLength: 5 }),
        fc.boolean(),
        (items, missing, isEndAlone) => {
          const output = items.map(([kind, said], index): Json => {
            const whole = said.join("")
            const id = { id: `item_${index}` }
            if (kind === "text") return { ...message(whole), ...id }
            if (kind === "call") return { ...call("f", whole, `call_${index}`), ...id }
            return { ...reasoning(said, `gAAA${index}`), ...id }
          })
          const events = items.flatMap(([kind, said], index): Events =>
            kind === "text"
              ? text(index, ...said)
              : kind === "call"
                ? called(index, "f", `call_${index}`, ...said)
                : thoughts(
                    index,
                    said.map((one) => [one]),
                    `gAAA${index}`
                  )
          )
          const kept = isEndAlone
            ? []
            : events.filter(
                (event) =>
                  event instanceof Named ||
                  !String(event["type"]).endsWith(missing[Number(event["output_index"])] ?? "nothing")
              )
          const whole = Either.getOrThrow(answerOf(response(output)))
          expect(decode(...start, ...kept, end(output)).completion?.parts).toEqual(whole.parts)
        }
      )
    )
  })
})
