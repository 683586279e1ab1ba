import { describe, expect, it } from "@effect/vitest"
import * as FinishReasons from "../../src/wire/FinishReasons.js"

const context: FinishReasons.Context = {
  provider: "acme",
  model: "acme-1",
  requestId: "req-1",
  text: "He",
  usage: { outputTokens: 1 },
  hasToolCalls: false,
  isEmpty: false
}

describe("a finish reason", () => {
  it.each([
    ["stop", "stop"],
    ["eos", "stop"],
    ["eos_token", "stop"],
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["STOP", "stop"],
    ["length", "length"],
    ["model_length", "length"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["MAX_TOKENS", "length"],
    ["tool_calls", "tool-calls"],
    ["function_call", "tool-calls"],
    ["tool_use", "tool-calls"],
    ["pause_turn", "other"],
    ["OTHER", "other"],
    ["completed", "stop"],
    ["max_output_tokens", "length"],
    ["incomplete", "other"],
    ["", "other"],
    ["__proto__", "other"]
  ])("%j is %s", (raw, unified) => {
    expect(FinishReasons.read(raw, context)).toEqual({ unified, raw })
  })

  it.each([
    "content_filter",
    "sensitive",
    "refusal",
    "SAFETY",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
    "LANGUAGE",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII"
  ])("%s stands for an answer that was withheld", (raw) => {
    expect(FinishReasons.read(raw, context)).toMatchObject({
      _tag: "ContentFiltered",
      text: "He",
      usage: { outputTokens: 1 },
      requestId: "req-1",
      message: expect.stringContaining(raw)
    })
  })

  it("that withholds an answer says why, where the provider does", () => {
    const error = FinishReasons.read("refusal", {
      ...context,
      explanation: "This could do harm.",
      categories: [{ name: "bio", filtered: true }]
    })
    expect(error).toMatchObject({
      _tag: "ContentFiltered",
      message: expect.stringMatching(/\(finish reason refusal\): This could do harm\.$/),
      categories: [{ name: "bio", filtered: true }]
    })
  })

  it.each(["network_error", "insufficient_system_resource", "error"])(
    "%s stands for a failure of the server",
    (raw) => {
      expect(FinishReasons.read(raw, context)).toMatchObject({
        _tag: "ServerFailed",
        message: expect.stringContaining(raw)
      })
    }
  )

  it.each(["MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE"])(
    "%s stands for an answer that nobody can use",
    (raw) => {
      expect(FinishReasons.read(raw, context)).toMatchObject({ _tag: "MalformedResponse" })
    }
  )

  it.each(["OTHER", "tool_calls", "tool_use", "something_new", ""])(
    "%j is no reason for an answer with nothing in it",
    (raw) => {
      expect(FinishReasons.read(raw, { ...context, text: "", isEmpty: true })).toMatchObject({
        _tag: "MalformedResponse",
        message: expect.stringContaining("empty")
      })
      expect(FinishReasons.read(raw, context)).toMatchObject({ raw })
    }
  )

  it.each(["stop", "length", "end_turn", "STOP", "MAX_TOKENS", "pause_turn"])(
    "%s may be one for an answer with nothing in it",
    (raw) => {
      expect(FinishReasons.read(raw, { ...context, text: "", isEmpty: true })).toMatchObject({ raw })
    }
  )

  it("becomes tool-calls when tools were called, but only from stop", () => {
    expect(FinishReasons.read("STOP", { ...context, hasToolCalls: true })).toEqual({
      unified: "tool-calls",
      raw: "STOP"
    })
    expect(FinishReasons.read("length", { ...context, hasToolCalls: true })).toEqual({
      unified: "length",
      raw: "length"
    })
  })
})
