import { describe, expect, it } from "@effect/vitest"
import { RateLimitHeaders } from "effect-llm/wire"

const origin = { provider: "openai", model: "gpt-4.1-mini" }
const read = (headers: Readonly<Record<string, string>>) => RateLimitHeaders.read(origin, headers, 7)

const limit = (limit: number | undefined, remaining: number | undefined) => ({ limit, remaining })

const cases = [
  {
    name: "OpenAI, Azure, Groq",
    headers: {
      "x-ratelimit-limit-requests": "500",
      "x-ratelimit-remaining-requests": "499",
      "x-ratelimit-reset-requests": "120ms",
      "x-ratelimit-limit-tokens": "200000",
      "x-ratelimit-remaining-tokens": "199985"
    },
    requests: limit(500, 499),
    tokens: limit(200_000, 199_985)
  },
  {
    name: "Anthropic, whose tokens are those of the limit that is nearest",
    headers: {
      "anthropic-ratelimit-requests-limit": "50",
      "anthropic-ratelimit-requests-remaining": "49",
      "anthropic-ratelimit-tokens-limit": "48000",
      "anthropic-ratelimit-tokens-remaining": "47000",
      "anthropic-ratelimit-input-tokens-limit": "40000",
      "anthropic-ratelimit-input-tokens-remaining": "39000"
    },
    requests: limit(50, 49),
    tokens: limit(48_000, 47_000)
  },
  {
    name: "Anthropic, with tokens of both ways only",
    headers: {
      "anthropic-ratelimit-input-tokens-limit": "40000",
      "anthropic-ratelimit-input-tokens-remaining": "39000",
      "anthropic-ratelimit-output-tokens-limit": "8000",
      "anthropic-ratelimit-output-tokens-remaining": "0"
    },
    requests: undefined,
    tokens: limit(48_000, 39_000)
  },
  {
    name: "a rest without a limit",
    headers: { "x-ratelimit-remaining-requests": "3" },
    requests: limit(undefined, 3),
    tokens: undefined
  }
]

describe("RateLimitHeaders.read", () => {
  for (const { headers, name, requests, tokens } of cases) {
    it(`reads ${name}`, () => expect(read(headers)).toEqual({ ...origin, requests, tokens, at: 7 }))
  }

  for (const text of ["", "-1", "1e3", "NaN", "unlimited", "1.5", "99999999999999999999"]) {
    it(`passes over ${JSON.stringify(text)}`, () => {
      expect(read({ "x-ratelimit-limit-requests": text, "x-ratelimit-remaining-tokens": text })).toBeUndefined()
    })
  }

  it("finds nothing where nothing is named", () => expect(read({ "content-type": "text/plain" })).toBeUndefined())
})
