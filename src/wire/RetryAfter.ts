/**
 * How long a provider asks to wait before the next attempt. There are eight ways of saying so, and every provider has
 * its own mix; they are tried from the most exact to the vaguest. What makes no sense is passed over.
 */
import * as Duration from "effect/Duration"
import * as ErrorBody from "./ErrorBody.js"
import * as Json from "./Json.js"

/** The headers of an answer; their names in lower case. */
export interface Headers {
  readonly [name: string]: string | undefined
}

const second = 1000
const year = 365 * 24 * 3600 * second

/** A wait in milliseconds, where it is one that can be meant. */
const sane = (millis: number | undefined): number | undefined =>
  millis !== undefined && millis >= 0 && millis <= year ? millis : undefined

const decimal = (text: string | undefined): number | undefined =>
  text !== undefined && /^\s*\d{1,15}(\.\d{1,15})?\s*$/.test(text) ? Number(text) : undefined

const seconds = (text: string | undefined): number | undefined => {
  const value = decimal(text)
  return value === undefined ? undefined : value * second
}

// -----------------------------------------------------------------------------
// Durations in words, and moments
// -----------------------------------------------------------------------------

const millisOf = (unit: string): number => {
  if (unit === "ms" || unit.startsWith("mil") || unit.startsWith("mse")) return 1
  switch (unit[0]) {
    case "s":
      return second
    case "m":
      return 60 * second
    case "h":
      return 3600 * second
    default:
      return 24 * 3600 * second
  }
}

const amount = "(\\d{1,15}(?:\\.\\d{1,15})?)"
const unit = "(ms|msecs?|millis|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])"
const part = new RegExp(`${amount}\\s?${unit}`, "gi")
const wholeDuration = new RegExp(`^(?:${amount}\\s?${unit}\\s?){1,5}$`, "i")

/** "1s", "6m0s", "12ms", "1h2m3.5s", "34.4s", "26 seconds", "1 minute". */
const durationInWords = (text: string): number | undefined =>
  wholeDuration.test(text)
    ? Array.from(text.matchAll(part), ([, many, word = ""]) => Number(many) * millisOf(word.toLowerCase())).reduce(
        (sum, millis) => sum + millis,
        0
      )
    : undefined

/** HTTP dates, in their three forms, and RFC 3339. `Date.parse` alone would also take "Monday 1". */
const moment = (text: string): number | undefined => {
  const isHttpDate = /^[a-z]{3,9},? .*\d\d:\d\d:\d\d/i.test(text)
  if (!isHttpDate && !/^\d{4}-\d\d-\d\dT\d\d:\d\d/i.test(text)) return undefined
  // The oldest form of an HTTP date names no zone, and means GMT.
  const millis = Date.parse(isHttpDate && !/gmt|utc|[+-]\d{4}\s*$/i.test(text) ? `${text} GMT` : text)
  return Number.isNaN(millis) ? undefined : millis
}

/** From now until then; a moment that is over is no wait at all. */
const until = (text: string | undefined, now: number): number | undefined => {
  const then = text === undefined ? undefined : moment(text.trim())
  return then === undefined ? undefined : Math.max(0, then - now)
}

// -----------------------------------------------------------------------------
// The ways of saying it
// -----------------------------------------------------------------------------

/** Gemini's `google.rpc.RetryInfo` among the details of an error: "34.4s". */
const retryInfo = (body: unknown): number | undefined => {
  for (const detail of ErrorBody.details(body)) {
    const delay = Json.string(detail["retryDelay"])
    const wait = delay === undefined ? undefined : sane(durationInWords(delay.trim()))
    if (wait !== undefined) return wait
  }
  return undefined
}

const announcement = new RegExp(`(?:try again|retry|wait)(?: in| after| for)? ((?:${amount}\\s?${unit} ?){1,5})`, "i")

/** "Please try again in 634ms", "Try again in 26 seconds", "retry after 3 seconds", "try again in 7m54.336s". */
const inMessage = (message: string): number | undefined => {
  const found = announcement.exec(message)?.[1]
  return found === undefined ? undefined : durationInWords(found.trim())
}

/** How long Hugging Face expects a model to load, in seconds. */
const estimatedTime = (body: unknown): number | undefined => {
  const estimate = Json.number(Json.record(body)?.["estimated_time"])
  return estimate === undefined ? undefined : estimate * second
}

interface Reset {
  readonly wait: number
  readonly remaining: number | undefined
}

/** The limit that was hit has nothing left. Where none says what it has left, it may be the one that lasts longest. */
const longestReset = (resets: ReadonlyArray<Reset>): number | undefined => {
  const candidates = resets.some((reset) => reset.remaining !== undefined)
    ? resets.filter((reset) => reset.remaining === 0)
    : resets
  return candidates.length === 0 ? undefined : Math.max(...candidates.map((reset) => reset.wait))
}

const resetsOf = (
  headers: Headers,
  prefix: string,
  limits: ReadonlyArray<string>,
  names: (limit: string) => { readonly reset: string; readonly remaining: string },
  read: (text: string) => number | undefined
): ReadonlyArray<Reset> =>
  limits.flatMap((limit) => {
    const { remaining, reset } = names(limit)
    const text = headers[prefix + reset]
    const wait = text === undefined ? undefined : sane(read(text))
    return wait === undefined ? [] : [{ wait, remaining: decimal(headers[prefix + remaining]) }]
  })

/** OpenAI, Azure, Groq: durations as Go prints them. */
const durationResets = (headers: Headers): number | undefined =>
  longestReset(
    resetsOf(
      headers,
      "x-ratelimit-",
      ["requests", "tokens"],
      (limit) => ({ reset: `reset-${limit}`, remaining: `remaining-${limit}` }),
      (text) => seconds(text) ?? durationInWords(text.trim())
    )
  )

/**
 * One number for all limits: seconds to wait with Together, a moment in epoch milliseconds with OpenRouter, which also
 * repeats it in the body. Other servers tell the moment in seconds.
 */
const plainReset = (headers: Headers, body: unknown, now: number): number | undefined => {
  const metadata = Json.record(Json.record(Json.record(body)?.["error"])?.["metadata"])
  const repeated = Json.string(Json.record(metadata?.["headers"])?.["X-RateLimit-Reset"])
  const value = decimal(headers["x-ratelimit-reset"] ?? repeated)
  if (value === undefined) return undefined
  // No wait is as long as three years, and no clock as late as the year 5000.
  if (value > 1e11) return sane(Math.max(0, value - now))
  return sane(value > 1e8 ? Math.max(0, value * second - now) : value * second)
}

/** Anthropic: moments. */
const momentResets = (headers: Headers, now: number): number | undefined =>
  longestReset(
    resetsOf(
      headers,
      "anthropic-ratelimit-",
      ["requests", "tokens", "input-tokens", "output-tokens"],
      (limit) => ({ reset: `${limit}-reset`, remaining: `${limit}-remaining` }),
      (text) => until(text, now)
    )
  )

/**
 * The wait that an answer asks for, or `undefined` where it asks for none.
 *
 * - `body`: the parsed JSON of the answer, if it is any
 * - `message`: the error's text
 * - `now`: epoch milliseconds
 * - `isRateLimit`: whether the headers that tell when limits are reset count; they come with every answer, and explain
 *   only that a limit was hit. Default: true.
 */
export const retryAfter = (
  headers: Headers,
  body: unknown,
  message: string,
  now: number,
  isRateLimit = true
): Duration.Duration | undefined => {
  const millis =
    sane(decimal(headers["retry-after-ms"])) ??
    sane(seconds(headers["retry-after"]) ?? until(headers["retry-after"], now)) ??
    retryInfo(body) ??
    sane(inMessage(message)) ??
    sane(estimatedTime(body)) ??
    (isRateLimit
      ? (durationResets(headers) ?? momentResets(headers, now) ?? plainReset(headers, body, now))
      : undefined)
  // Decimal seconds are no exact binary numbers: 1.1 s would be 1,100.0000000000002 ms.
  return millis === undefined ? undefined : Duration.millis(Math.round(millis * 1000) / 1000)
}
