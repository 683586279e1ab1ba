/**
 * What the headers of an answer say of the provider's limits: `x-ratelimit-*` of OpenAI, Azure and Groq,
 * `anthropic-ratelimit-*` of Anthropic. When a limit is whole again is `RetryAfter`'s to read.
 */
import type { Limit, Limits } from "../Limits.js"
import type { Headers } from "./RetryAfter.js"
import type { Origin } from "./Wire.js"

/** Plain whole numbers; a limit without end or a word is passed over. */
const amount = (text: string | undefined): number | undefined =>
  text !== undefined && /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : undefined

const limitOf = (limit: number | undefined, remaining: number | undefined): Limit | undefined =>
  limit === undefined && remaining === undefined ? undefined : { limit, remaining }

const openAi = (headers: Headers, kind: string): Limit | undefined =>
  limitOf(amount(headers[`x-ratelimit-limit-${kind}`]), amount(headers[`x-ratelimit-remaining-${kind}`]))

const anthropic = (headers: Headers, kind: string): Limit | undefined =>
  limitOf(
    amount(headers[`anthropic-ratelimit-${kind}-limit`]),
    amount(headers[`anthropic-ratelimit-${kind}-remaining`])
  )

const sum = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a + b

/** Anthropic may count what is read and what is written apart: no call can use more than both together. */
const bothWays = (headers: Headers): Limit | undefined => {
  const input = anthropic(headers, "input-tokens")
  const output = anthropic(headers, "output-tokens")
  return limitOf(sum(input?.limit, output?.limit), sum(input?.remaining, output?.remaining))
}

/** The limits of an answer, or `undefined` where its headers (names in lower case) name none. `now`: epoch milliseconds */
export const read = (origin: Origin, headers: Headers, now: number): Limits | undefined => {
  const requests = openAi(headers, "requests") ?? anthropic(headers, "requests")
  const tokens = openAi(headers, "tokens") ?? anthropic(headers, "tokens") ?? bothWays(headers)
  return requests === undefined && tokens === undefined
    ? undefined
    : { provider: origin.provider, model: origin.model, requests, tokens, at: now }
}
