import { describe, expect, it } from "@effect/vitest"
import { Duration, FastCheck as fc } from "effect"
import { retryAfter } from "../../src/wire/RetryAfter.js"

const now = Date.UTC(2026, 0, 15, 12, 0, 0)

interface Given {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly message?: string
  readonly isRateLimit?: boolean
}

const wait = (given: Given): number | undefined => {
  const duration = retryAfter(given.headers ?? {}, given.body, given.message ?? "", now, given.isRateLimit)
  return duration === undefined ? undefined : Duration.toMillis(duration)
}

const retryInfo = (retryDelay: unknown) => ({
  error: {
    code: 429,
    status: "RESOURCE_EXHAUSTED",
    details: [
      { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [] },
      { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay }
    ]
  }
})

describe("the header retry-after-ms", () => {
  it.each([
    ["1500", 1500],
    ["1500.5", 1500.5],
    ["0", 0],
    [" 20 ", 20]
  ])("says %j: %d ms", (text, millis) => {
    expect(wait({ headers: { "retry-after-ms": text } })).toBe(millis)
  })
})

describe("the header retry-after", () => {
  it.each([
    ["whole seconds", "20", 20_000],
    ["decimal seconds", "1.5", 1500],
    ["seconds that are no exact binary number", "1.1", 1100],
    ["no wait", "0", 0],
    ["an HTTP date", "Thu, 15 Jan 2026 12:00:30 GMT", 30_000],
    ["an HTTP date in RFC 850 form", "Thursday, 15-Jan-26 12:01:00 GMT", 60_000],
    ["an HTTP date in the form of asctime, which means GMT", "Thu Jan 15 12:00:05 2026", 5000],
    ["a date that is over", "Thu, 15 Jan 2026 11:00:00 GMT", 0]
  ])("may hold %s", (_, text, millis) => {
    expect(wait({ headers: { "retry-after": text } })).toBe(millis)
  })
})

describe("Gemini's RetryInfo", () => {
  it("tells the delay among the details of the error", () => {
    expect(wait({ body: retryInfo("34.4s") })).toBe(34_400)
    expect(wait({ body: retryInfo("34.074824224s") })).toBe(34_074.824)
  })

  it("is found in an error that came as an array", () => {
    expect(wait({ body: [retryInfo("7s")] })).toBe(7000)
  })
})

describe("the text of the message", () => {
  it.each([
    ["Rate limit reached for gpt-4.1 in organization org-x on tokens per min (TPM). Please try again in 634ms.", 634],
    ["Rate limit reached. Please try again in 1.2s. Visit https://platform.openai.com", 1200],
    ["Limit 200, Used 200, Requested 1. Please try again in 7m12s. Contact us", 432_000],
    ["Limit 100000, Used 99336, Requested 821. Please try again in 2m15.648s.", 135_648],
    ["on requests per day (RPD): Limit 200. Please try again in 1h12m0s.", 4_320_000],
    ["Try again in 26 seconds", 26_000],
    [
      "have exceeded token rate limit of your current pricing tier. Please retry after 26 seconds. Please go here:",
      26_000
    ],
    ["Requests have exceeded call rate limit. Please retry after 1 second.", 1000],
    ["Please retry in 34.074824224s.", 34_074.824],
    ["please wait 5 seconds", 5000],
    ["Please wait for 2 minutes before the next call", 120_000],
    ["Retry after 1 day", 86_400_000],
    ["Please try again in 3 hours", 10_800_000],
    ["Please try again in 250 milliseconds", 250]
  ])("%j", (message, millis) => {
    expect(wait({ message })).toBe(millis)
  })

  it.each([
    "Please try again later.",
    "Please try again in a moment",
    "try again in 3 months",
    "You retried 3 times",
    "try again in 99999999999999 hours",
    "Rate limit is 3 per 1 minute"
  ])("%j says nothing", (message) => {
    expect(wait({ message })).toBeUndefined()
  })
})

describe("Hugging Face's estimated_time", () => {
  it("is the time in seconds until the model is loaded", () => {
    expect(wait({ body: { error: "Model x is currently loading", estimated_time: 20.5 } })).toBe(20_500)
  })
})

describe("headers that tell when a limit is reset", () => {
  it.each([
    ["1s", 1000],
    ["6m0s", 360_000],
    ["12ms", 12],
    ["1h2m3.5s", 3_723_500],
    ["59.70s", 59_700],
    ["30", 30_000]
  ])("count %s in the way of Go", (text, millis) => {
    expect(wait({ headers: { "x-ratelimit-reset-requests": text } })).toBe(millis)
  })

  it("the limit that has nothing left counts", () => {
    expect(
      wait({
        headers: {
          "x-ratelimit-reset-requests": "6m0s",
          "x-ratelimit-remaining-requests": "17",
          "x-ratelimit-reset-tokens": "2s",
          "x-ratelimit-remaining-tokens": "0"
        }
      })
    ).toBe(2000)
  })

  it("of two limits that have nothing left, the longer one counts", () => {
    expect(
      wait({
        headers: {
          "x-ratelimit-reset-requests": "6s",
          "x-ratelimit-remaining-requests": "0",
          "x-ratelimit-reset-tokens": "2s",
          "x-ratelimit-remaining-tokens": "0"
        }
      })
    ).toBe(6000)
  })

  it("where none says what is left, the longer one counts", () => {
    expect(wait({ headers: { "x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s" } })).toBe(360_000)
  })

  it("where all have something left, none explains the refusal", () => {
    expect(
      wait({
        headers: { "x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-requests": "3" }
      })
    ).toBeUndefined()
  })

  it("are moments with Anthropic", () => {
    expect(
      wait({
        headers: {
          "anthropic-ratelimit-requests-remaining": "49",
          "anthropic-ratelimit-requests-reset": "2026-01-15T13:00:00Z",
          "anthropic-ratelimit-input-tokens-remaining": "0",
          "anthropic-ratelimit-input-tokens-reset": "2026-01-15T12:00:42Z",
          "anthropic-ratelimit-output-tokens-remaining": "0",
          "anthropic-ratelimit-output-tokens-reset": "2026-01-15T12:00:09Z"
        }
      })
    ).toBe(42_000)
  })

  it("a moment that is over is no wait", () => {
    expect(wait({ headers: { "anthropic-ratelimit-tokens-reset": "2026-01-15T11:59:00Z" } })).toBe(0)
  })

  it("count only when a limit was hit", () => {
    const headers = { "x-ratelimit-reset-requests": "6s", "anthropic-ratelimit-tokens-reset": "2026-01-15T12:01:00Z" }
    expect(wait({ headers, isRateLimit: false })).toBeUndefined()
  })
})

describe("the order", () => {
  const forms: ReadonlyArray<readonly [Given, number]> = [
    [{ headers: { "retry-after-ms": "1000" } }, 1000],
    [{ headers: { "retry-after": "2" } }, 2000],
    [{ body: retryInfo("3s") }, 3000],
    [{ message: "try again in 4s" }, 4000],
    [{ headers: { "x-ratelimit-reset-tokens": "6s" } }, 6000],
    [{ headers: { "anthropic-ratelimit-tokens-reset": "2026-01-15T12:00:07Z" } }, 7000]
  ]
  const merged = (given: ReadonlyArray<Given>): Given => ({
    headers: Object.assign({}, ...given.map((one) => one.headers ?? {})),
    body: given.find((one) => one.body !== undefined)?.body,
    message: given.find((one) => one.message !== undefined)?.message ?? ""
  })

  it.each(forms.map((form, place) => [place, form[1]] as const))(
    "form %d goes before all that follow",
    (place, millis) => {
      expect(wait(merged(forms.slice(place).map(([given]) => given)))).toBe(millis)
    }
  )

  it("the text goes before the estimate, and the estimate before the headers of limits", () => {
    const body = { error: "loading", estimated_time: 5 }
    expect(wait({ body, message: "try again in 4s", headers: { "x-ratelimit-reset-tokens": "6s" } })).toBe(4000)
    expect(wait({ body, headers: { "x-ratelimit-reset-tokens": "6s" } })).toBe(5000)
  })
})

describe("what makes no sense", () => {
  const nonsense = [
    "",
    "soon",
    "-1",
    "NaN",
    "Infinity",
    "1e3",
    "0x10",
    "1,5",
    "99999999999",
    "Monday 1",
    "3 3",
    "Fri, 99 Foo 2026 99:99:99 GMT"
  ]

  it.each(nonsense)("retry-after %j is passed over, and the next form tried", (text) => {
    expect(wait({ headers: { "retry-after": text }, message: "try again in 4s" })).toBe(4000)
  })

  it.each(nonsense)("retry-after-ms %j is passed over, and the next form tried", (text) => {
    expect(wait({ headers: { "retry-after-ms": text, "retry-after": "2" } })).toBe(2000)
  })

  it.each(["2030-01-15T12:00:00Z", "yesterday", "15 Jan"])("a reset at %j is passed over", (text) => {
    expect(wait({ headers: { "anthropic-ratelimit-tokens-reset": text } })).toBeUndefined()
  })

  it.each(
    [
      undefined,
      null,
      5,
      "x",
      [],
      {},
      retryInfo("soon"),
      retryInfo(-3),
      retryInfo({}),
      { estimated_time: -1 },
      {
        estimated_time: "20"
      },
      { error: { details: "x" } }
    ].map((body) => [body])
  )("the body %j says nothing", (body) => {
    expect(wait({ body })).toBeUndefined()
  })

  it("whatever comes, the wait is none, or from zero to a year", () => {
    fc.assert(
      fc.property(fc.string(), fc.anything(), fc.string(), fc.string(), (header, body, message, reset) => {
        const millis = wait({
          headers: { "retry-after": header, "retry-after-ms": message, "x-ratelimit-reset-tokens": reset },
          body,
          message
        })
        expect(millis === undefined || (millis >= 0 && millis <= 365 * 86_400_000)).toBe(true)
      })
    )
  })
})
