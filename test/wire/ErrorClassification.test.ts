import { describe, expect, it } from "@effect/vitest"
import { Duration, FastCheck as fc, Schema } from "effect"
import { LlmError } from "../../src/index.js"
import * as ErrorClassification from "../../src/wire/ErrorClassification.js"

const origin = { provider: "acme", model: "acme-1" }
const now = Date.UTC(2026, 0, 15, 12, 0, 0)

const text = (body: unknown): string => (typeof body === "string" ? body : JSON.stringify(body))

const classify = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): LlmError.LlmError =>
  ErrorClassification.classify(origin, { status, headers, body: text(body), now })

const classifyPayload = (payload: unknown, headers: Readonly<Record<string, string>> = {}): LlmError.LlmError =>
  ErrorClassification.classifyPayload(origin, payload, { headers, now })

const waitOf = (error: LlmError.LlmError): number | undefined =>
  LlmError.isRetryable(error) && error.retryAfter !== undefined ? Duration.toMillis(error.retryAfter) : undefined

describe("the same error inside HTTP 200", () => {
  it("is the same whether the answer comes whole or its payload alone", () => {
    const payload = { error: { message: "Overloaded", type: "overloaded_error" } }
    const whole = classify(200, payload, { "x-request-id": "r" })
    expect(whole).toEqual(classifyPayload(payload, { "x-request-id": "r" }))
    expect(whole).toMatchObject({ _tag: "Overloaded", status: 200, requestId: "r", body: JSON.stringify(payload) })
  })

  it.each([
    [{ error: { message: "x", code: 429 } }, "RateLimited", 429],
    [{ error: { message: "x", code: "401" } }, "AuthenticationFailed", 401],
    [{ error: { message: "x", code: 502 } }, "ServerFailed", 502],
    [{ code: 503, message: "x", status: "UNAVAILABLE" }, "Overloaded", 503],
    [{ error: { message: "x", code: 404 } }, "ModelNotFound", 404]
  ])("%j has its status in itself", (payload, tag, status) => {
    expect(classifyPayload(payload)).toMatchObject({ _tag: tag, status })
  })

  it.each([
    [{ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }, "Overloaded"],
    [{ type: "error", error: { type: "rate_limit_error", message: "slow" } }, "RateLimited"],
    [{ type: "error", error: { type: "timeout_error", message: "slow" } }, "ServerFailed"],
    [{ type: "error", code: "rate_limit_exceeded", message: "slow", param: null, sequence_number: 3 }, "RateLimited"],
    [{ type: "error", code: "context_length_exceeded", message: "long", param: "input" }, "ContextLengthExceeded"],
    [
      { type: "response.failed", response: { status: "failed", error: { code: "server_error", message: "x" } } },
      "ServerFailed"
    ],
    [{ type: "response.failed", response: { error: { code: "rate_limit_exceeded", message: "x" } } }, "RateLimited"],
    [{ error: { message: "The server had an error", type: "server_error", param: null, code: null } }, "ServerFailed"],
    [{ error: "something" }, "ServerFailed"],
    ["something", "ServerFailed"],
    [null, "ServerFailed"]
  ])("%j: %s", (payload, tag) => {
    expect(classifyPayload(payload)._tag).toBe(tag)
  })

  it("keeps the words of a bare text", () => {
    expect(classifyPayload("upstream gone")).toMatchObject({ message: "upstream gone", body: "upstream gone" })
  })

  it("that is no error at all is a malformed response", () => {
    expect(classify(200, { choices: [] })._tag).toBe("MalformedResponse")
    expect(classify(200, "<html><title>Sign in</title></html>")).toMatchObject({
      _tag: "MalformedResponse",
      message: "HTTP 200: Sign in",
      body: "<html><title>Sign in</title></html>"
    })
  })
})

describe("a status alone", () => {
  const table: ReadonlyArray<readonly [number, LlmError.Tag]> = [
    [400, "InvalidRequest"],
    [401, "AuthenticationFailed"],
    [402, "QuotaExhausted"],
    [403, "PermissionDenied"],
    [404, "ModelNotFound"],
    [405, "InvalidRequest"],
    [408, "RequestTimeout"],
    [409, "ServerFailed"],
    [410, "ModelNotFound"],
    [413, "RequestTooLarge"],
    [415, "InvalidRequest"],
    [422, "InvalidRequest"],
    [424, "ServerFailed"],
    [429, "RateLimited"],
    [500, "ServerFailed"],
    [501, "ServerFailed"],
    [502, "ServerFailed"],
    [503, "Overloaded"],
    [504, "ServerFailed"],
    [520, "ServerFailed"],
    [529, "Overloaded"],
    [599, "ServerFailed"],
    [100, "ServerFailed"],
    [0, "ServerFailed"],
    [999, "ServerFailed"],
    [204, "MalformedResponse"]
  ]
  it.each(table)("%d is %s", (status, tag) => {
    for (const body of ["", "{}", "null", "[]", '{"error":null}']) {
      const error = classify(status, body)
      expect(error._tag).toBe(tag)
      expect(error.message).toMatch(new RegExp(`^HTTP ${status}`))
    }
  })

  it("408 is the server's limit", () => {
    expect(classify(408, "")).toMatchObject({ limit: "server" })
  })

  it.each([301, 302, 307, 308])("%d tells where the base URL redirects to", (status) => {
    const error = classify(status, "", { location: "https://user:word@example.com/v1/chat/completions?key=k#f" })
    expect(error).toMatchObject({ _tag: "InvalidRequest", status })
    expect(error.message).toBe(`HTTP ${status}: the base URL redirects to https://example.com/v1/chat/completions`)
  })
})

describe("a body that is no JSON", () => {
  it("that is empty leaves the status text", () => {
    expect(classify(503, "").message).toBe("HTTP 503 Service Unavailable")
    expect(classify(599, " \n ").message).toBe("HTTP 599")
  })

  it("that is HTML adds its title to the status text", () => {
    const page =
      "<!DOCTYPE html>\n<html><head><title>acme.test |\n 502: Bad gateway</title></head><body>…</body></html>"
    expect(classify(502, page)).toMatchObject({
      _tag: "ServerFailed",
      message: "HTTP 502 Bad Gateway: acme.test | 502: Bad gateway",
      body: page
    })
    expect(classify(502, "<html><body>no title</body></html>").message).toBe("HTTP 502 Bad Gateway")
  })

  it("that is text is the message", () => {
    expect(classify(503, "upstream connect error").message).toBe("upstream connect error")
  })
})

describe("the fields of an error", () => {
  it("name who was asked, the status, the request and one attempt", () => {
    expect(classify(500, { error: { message: "oh" } }, { "request-id": "req_1" })).toMatchObject({
      provider: "acme",
      model: "acme-1",
      status: 500,
      requestId: "req_1",
      attempts: 1,
      message: "oh",
      body: '{"error":{"message":"oh"}}'
    })
  })

  it.each(["x-request-id", "request-id", "apim-request-id", "x-ms-request-id", "x-goog-request-id"])(
    "take the request's id from %s",
    (header) => {
      expect(classify(500, "", { [header]: "id-1" }).requestId).toBe("id-1")
    }
  )

  it("take the first of several ids, and the body's where no header has one", () => {
    expect(classify(500, "", { "apim-request-id": "b", "x-request-id": "a" }).requestId).toBe("a")
    expect(classify(500, { type: "error", request_id: "c", error: { message: "x" } }).requestId).toBe("c")
  })

  it("keep the categories that Azure's filter looked for", () => {
    const result = {
      hate: { filtered: true, severity: "high" },
      jailbreak: { filtered: true, detected: true },
      profanity: { detected: false },
      violence: { filtered: false, severity: "safe" },
      custom_blocklists: []
    }
    const categories = [
      { name: "hate", filtered: true, severity: "high" },
      { name: "jailbreak", filtered: true },
      { name: "profanity", filtered: false },
      { name: "violence", filtered: false, severity: "safe" }
    ]
    const error = { code: "content_filter", message: "filtered" }
    const bodies = [
      { error: { ...error, innererror: { code: "ResponsibleAIPolicyViolation", content_filter_result: result } } },
      { error: { ...error, inner_error: { code: "ResponsibleAIPolicyViolation", content_filter_results: result } } },
      { error: { ...error, content_filters: [{ source_type: "prompt", content_filter_results: result }] } },
      { error, prompt_filter_results: [{ prompt_index: 0, content_filter_results: result }] },
      { error, choices: [{ index: 0, content_filter_results: result }] }
    ]
    for (const body of bodies) expect(classify(400, body)).toMatchObject({ _tag: "ContentFiltered", categories })
  })

  it("keep what Zhipu and OpenRouter say of the content", () => {
    expect(
      classify(400, { contentFilter: [{ level: 1, role: "user" }], error: { code: "1301", message: "x" } })
    ).toMatchObject({
      _tag: "ContentFiltered",
      categories: [{ name: "user", filtered: true, severity: "level 1" }]
    })
    expect(
      classify(403, { error: { code: 403, message: "x requires moderation", metadata: { reasons: ["violence"] } } })
    ).toMatchObject({
      _tag: "ContentFiltered",
      categories: [{ name: "violence", filtered: true }]
    })
  })

  it("hold a message of at most 1,000 characters and 4 KiB of the body, with no character cut", () => {
    const error = classify(400, { error: { message: "😀".repeat(5000) } })
    expect(error.message.length).toBeLessThanOrEqual(1000)
    expect(error.message.endsWith("😀…")).toBe(true)
    expect(new TextEncoder().encode(error.body).length).toBeLessThanOrEqual(4096)
    expect(error.body).not.toContain("\uFFFD")
  })

  it.each([
    "sk-proj-abcdefghijklmnop1234",
    "gsk_abcdefghijklmnop1234",
    "hf_abcdefghijklmnopqrst",
    "AIzaSyA-abcdefghijklmnopqrstuvwxyz01234",
    "eyJhbGciOiJIUzI1NiJ9.eyJhcGlfa2V5IjoiMSJ9.c2lnbmF0dXJlLW9m",
    "0123456789abcdef0123456789abcdef.AbCdEfGhIjKlMnOp"
  ])("do not repeat the key %s", (key) => {
    const error = classify(401, { error: { message: `Incorrect API key provided: ${key}. Check it.` } })
    expect(error.message).toBe("Incorrect API key provided: <redacted>. Check it.")
    expect(JSON.stringify(error)).not.toContain(key)
  })

  it("do not take long names for keys", () => {
    const message = "the model acme-risk-assessment-large-2026 wants bearer authentication, not api-key-authentication"
    expect(classify(400, { error: { message } }).message).toBe(message)
  })
})

describe("x-should-retry", () => {
  it.each([
    ["true", 400, "", "ServerFailed"],
    ["true", 401, "", "ServerFailed"],
    ["true", 402, "", "RateLimited"],
    ["true", 503, "", "Overloaded"],
    ["false", 429, "", "QuotaExhausted"],
    ["false", 500, "", "InvalidRequest"],
    ["false", 503, "", "InvalidRequest"],
    ["false", 401, "", "AuthenticationFailed"],
    ["maybe", 500, "", "ServerFailed"]
  ])("%s with %d%s: %s", (header, status, body, tag) => {
    expect(classify(status, body, { "x-should-retry": header })._tag).toBe(tag)
  })

  it("false says so in the message, and keeps the code", () => {
    const body = { error: { message: "broken", code: "deadlock" } }
    expect(classify(500, body, { "x-should-retry": "false" })).toMatchObject({
      message: "broken (the server forbids a retry)",
      code: "deadlock",
      status: 500
    })
  })

  it("true with a wait keeps the wait", () => {
    expect(waitOf(classify(400, "", { "x-should-retry": "true", "retry-after": "2" }))).toBe(2000)
  })

  it("holds for payloads inside HTTP 200 too", () => {
    expect(classifyPayload({ error: { type: "overloaded_error" } }, { "x-should-retry": "false" })._tag).toBe(
      "InvalidRequest"
    )
  })
})

describe("waits", () => {
  it("headers of limits count for rate limits only", () => {
    const headers = { "x-ratelimit-reset-requests": "9s" }
    expect(waitOf(classify(429, "", headers))).toBe(9000)
    expect(waitOf(classify(500, "", headers))).toBeUndefined()
  })

  it("retry-after counts for every error that may go away", () => {
    for (const status of [408, 409, 429, 500, 503, 529]) {
      expect(waitOf(classify(status, "", { "retry-after": "3" }))).toBe(3000)
    }
  })
})

describe("hostile bodies", () => {
  const keys = [
    "error",
    "message",
    "type",
    "code",
    "param",
    "detail",
    "details",
    "status",
    "errors",
    "response",
    "metadata",
    "raw",
    "innererror",
    "content_filter_result",
    "reasons",
    "__proto__",
    "constructor",
    "toString",
    "toJSON",
    "hasOwnProperty"
  ]
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom(null, true, false, "", "error", "{", '{"error":{"message":"x"}}'),
      fc.double(),
      fc.string(),
      fc.array(tie("value"), { maxLength: 4 }),
      fc
        .array(fc.tuple(fc.constantFrom(...keys), tie("value")), { maxLength: 6 })
        .map((entries) => Object.fromEntries(entries))
    )
  })).value
  const statuses = fc.oneof(
    fc.integer({ min: 0, max: 999 }),
    fc.constantFrom(200, 400, 429, 500, 503, Number.NaN, -1, 0.5)
  )
  const headers = fc.dictionary(
    fc.constantFrom(
      "retry-after",
      "retry-after-ms",
      "x-should-retry",
      "x-request-id",
      "location",
      "x-ratelimit-reset-tokens"
    ),
    fc.string()
  )
  const isSound = (error: LlmError.LlmError): boolean =>
    Schema.is(LlmError.LlmError)(error) &&
    error.message.length > 0 &&
    error.message.length <= 1050 &&
    new TextEncoder().encode(error.body ?? "").length <= 4096

  it("any JSON becomes an error, and never a defect", () => {
    fc.assert(
      fc.property(statuses, json, headers, (status, body, given) => {
        expect(
          isSound(
            ErrorClassification.classify(origin, { status, headers: given, body: JSON.stringify(body) ?? "", now })
          )
        ).toBe(true)
        expect(isSound(ErrorClassification.classifyPayload(origin, body, { headers: given, now }))).toBe(true)
        ErrorClassification.isErrorPayload(body)
      }),
      { numRuns: 500 }
    )
  })

  it("any text becomes an error, and never a defect", () => {
    fc.assert(
      fc.property(statuses, fc.oneof(fc.fullUnicodeString(), fc.string16bits()), (status, body) => {
        expect(isSound(ErrorClassification.classify(origin, { status, headers: {}, body, now }))).toBe(true)
      })
    )
  })

  it("any value at all is a payload, cyclic ones too", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withMap: true, withNullPrototype: true }), (payload) => {
        expect(isSound(classifyPayload(payload))).toBe(true)
      })
    )
    const cyclic: Record<string, unknown> = { message: "round" }
    cyclic["error"] = cyclic
    expect(classifyPayload(cyclic)).toMatchObject({ message: "round" })
  })

  it.each([
    ["arrays", "[".repeat(20_000) + "]".repeat(20_000)],
    ["errors", '{"error":'.repeat(20_000) + "1" + "}".repeat(20_000)],
    ["messages", '{"error":' + '{"message":'.repeat(20_000) + "1" + "}".repeat(20_001)]
  ])("%s may be nested deeper than the stack", (_, body) => {
    expect(classify(400, body)._tag).toBe("InvalidRequest")
    expect(isSound(classifyPayload(JSON.parse(body)))).toBe(true)
  })

  it("an error inside an error inside an error is read no deeper than need be", () => {
    let body = '{"error":{"message":"core"}}'
    for (let depth = 0; depth < 8; depth++) body = JSON.stringify({ error: { message: body } })
    expect(isSound(classify(400, body))).toBe(true)
  })

  it.each([
    ["one long word", "a".repeat(3_000_000)],
    ["blanks", " ".repeat(3_000_000)],
    ["digits", "try again in " + "1".repeat(3_000_000)],
    ["an unclosed title", "<title" + " ".repeat(3_000_000)],
    ["half a JSON", '{"error":"' + "x".repeat(3_000_000)],
    ["a long JSON", JSON.stringify({ error: { message: "model ".repeat(500_000), code: "c".repeat(500_000) } })]
  ])("%s of megabytes is cut short", (_, body) => {
    expect(isSound(classify(400, body))).toBe(true)
  })

  it("names like __proto__ are but names", () => {
    const body =
      '{"__proto__":{"error":{"code":"insufficient_quota"}},"error":{"__proto__":{"type":"overloaded_error"},"message":"x"}}'
    expect(classify(400, body)).toMatchObject({ _tag: "InvalidRequest", message: "x" })
    expect(classify(400, { error: { code: "constructor", type: "toString", message: "x" } })._tag).toBe(
      "InvalidRequest"
    )
  })
})
