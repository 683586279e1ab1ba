import { describe, expect, it } from "@effect/vitest"
import * as ErrorBody from "../../src/wire/ErrorBody.js"
import * as ErrorClassification from "../../src/wire/ErrorClassification.js"

describe("an error payload", () => {
  it.each([
    [{ error: { message: "x" } }],
    [{ error: { message: null, code: 1302 } }],
    [{ error: "x" }],
    [{ error: ["x"] }],
    [{ error: true, message: "x" }],
    [{ type: "error", error: { type: "overloaded_error", message: "x" } }],
    [{ type: "error", code: null, message: "x" }],
    [{ type: "response.failed", response: { error: { code: "server_error" } } }],
    [{ code: "The service is currently unavailable", error: "x" }],
    [{ error: { code: "1302", message: "x" } }],
    [{ code: 1302, msg: "x", success: false }],
    [{ code: 503, message: "x", status: "UNAVAILABLE" }],
    [{ object: "error", message: "x", code: 400 }],
    [[{ error: { code: 429, message: "x" } }]],
    [[{ candidates: [] }, { error: { code: 503, message: "x" } }]],
    [
      {
        id: "gen-1",
        choices: [{ delta: { content: "" }, finish_reason: "error" }],
        error: { code: "server_error", message: "x" }
      }
    ]
  ])("is %j", (payload) => {
    expect(ErrorClassification.isErrorPayload(payload)).toBe(true)
  })

  it.each([
    [{ id: "1", choices: [{ delta: { content: "x" } }], error: null }],
    [{ id: "1", object: "chat.completion", choices: [{ message: { content: "error" } }], code: 200, message: "ok" }],
    [{ type: "message", content: [] }],
    [{ type: "response.completed", response: { error: null } }],
    [{ candidates: [], promptFeedback: { blockReason: "SAFETY" } }],
    [{ error: "" }],
    [{ error: {} }],
    [{ error: [] }],
    [{ error: false }],
    [{ output: "text" }],
    [{}],
    [[]],
    [[{ generated_text: "x" }]],
    [[[{ error: "x" }]]],
    ["error"],
    [429],
    [null],
    [undefined]
  ])("is not %j", (payload) => {
    expect(ErrorClassification.isErrorPayload(payload)).toBe(false)
  })
})

describe("the words of an error", () => {
  const words = (body: unknown): ReadonlyArray<string> => ErrorBody.read(body).words

  it("go from the most telling to the vaguest", () => {
    expect(words({ error: { code: "insufficient_quota", type: "requests" } })).toEqual([
      "insufficient_quota",
      "requests"
    ])
    expect(
      words({ error: { code: 400, status: "INVALID_ARGUMENT", details: [{ reason: "API_KEY_INVALID" }] } })
    ).toEqual(["400", "API_KEY_INVALID", "INVALID_ARGUMENT"])
    expect(words({ error: { code: "content_filter", innererror: { code: "ResponsibleAIPolicyViolation" } } })).toEqual([
      "content_filter",
      "ResponsibleAIPolicyViolation"
    ])
  })

  it("are those of the error inside first, where there is one", () => {
    const raw = JSON.stringify({ error: { type: "overloaded_error", message: "Overloaded" } })
    expect(words({ error: { message: "Provider returned error", code: 502, metadata: { raw } } })).toEqual([
      "overloaded_error",
      "502"
    ])
  })

  it("hold numbers in Zhipu's manner only", () => {
    expect(words({ error: { code: "1300", message: "x" } })).toEqual(["1300"])
    expect(words({ code: 1302, msg: "x", success: false })).toEqual(["1302"])
    expect(words({ object: "error", code: "1300", type: "rate_limited", message: "x" })).toEqual(["rate_limited"])
    expect(words({ success: false, errors: [{ code: 1000, message: "x" }] })).toEqual([])
  })

  it("hold no essays", () => {
    expect(words({ error: { code: "x".repeat(101) } })).toEqual([])
  })
})

describe("the JSON of a body", () => {
  it.each([
    ['{"a":1}', { a: 1 }],
    [" \n[1]", [1]],
    ['data: {"a":1}\n\n', { a: 1 }],
    ['event: error\r\ndata:{"a":1}\r\n\r\n', { a: 1 }],
    [': ping\n\ndata: {"a":1}', { a: 1 }],
    ["<html></html>", undefined],
    ["data: x", undefined],
    ["", undefined]
  ])("%j", (body, value) => {
    expect(ErrorBody.parse(body)).toEqual(value)
  })

  it("is printed as it came, and as nothing where it cannot be", () => {
    const cyclic: Record<string, unknown> = {}
    cyclic["self"] = cyclic
    expect(ErrorBody.print({ a: [1] })).toBe('{"a":[1]}')
    expect(ErrorBody.print("text")).toBe("text")
    expect(ErrorBody.print(undefined)).toBe("")
    expect(ErrorBody.print(cyclic)).toBe("")
  })
})
