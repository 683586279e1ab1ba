/**
 * What can go wrong between a client and a model, as values.
 *
 * `afterTokens` counts the tokens of the answer that go out before the fault. Applied to an answer that is not
 * streamed, a fault does the nearest thing: it hits half-way through the body.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Seed from "./Seed.js"

export type Fault = Data.TaggedEnum<{
  None: {}
  Status: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body?: string }
  ResetBeforeHeaders: {}
  NoAnswer: {}
  SlowHeaders: { readonly delay: Duration.Duration }
  SlowFirstToken: { readonly delay: Duration.Duration }
  Cut: { readonly afterTokens: number; readonly ending: "abrupt" | "clean" }
  Stall: { readonly afterTokens: number; readonly comments?: Duration.Duration }
  MalformedChunk: { readonly afterTokens: number }
  MissingDone: {}
  ErrorEvent: { readonly afterTokens: number; readonly error: ErrorDetail; readonly shape: ErrorShape }
  HtmlPage: {}
  EmptyBody: {}
  OversizedEvent: { readonly bytes: number }
  JsonError200: {}
}>

export type Tag = Fault["_tag"]

/** The fields of an error in OpenAI's words; each wire puts them into its own shape. */
export interface ErrorDetail {
  readonly message: string
  readonly type: string
  readonly code?: string | number | null
  readonly param?: string | null
}

/**
 * How an error stands inside a stream: `object` is `data: {"error":{…}}`, `flat` is `event: error` with the fields at
 * the top, `string` is `event: error` with a bare text, `null` is `event: error` with `null`.
 */
export type ErrorShape = "object" | "flat" | "string" | "null"

/** What happens to each request in turn; or a function of it. */
export type Faults = ReadonlyArray<Fault> | ((attempt: Attempt) => Fault)

export interface Attempt {
  /** Requests that came before this one. */
  readonly index: number
  /** As the request names it; empty if it names none. */
  readonly model: string
  readonly stream: boolean
}

const Constructors = Data.taggedEnum<Fault>()

/** Distinguishes the kinds of fault exhaustively. */
export const match = Constructors.$match

/** The request is answered as it should be. */
export const none: Fault = Constructors.None()

/**
 * An answer of that status. The body defaults to what OpenAI would send, and a 429 then also has its `retry-after`.
 * Bills nothing.
 */
export const status = (
  code: number,
  options: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {}
): Fault =>
  Constructors.Status({
    status: code,
    headers: options.headers ?? {},
    ...(options.body === undefined ? {} : { body: options.body })
  })

/** The connection is reset before anything is answered. Bills nothing. */
export const resetBeforeHeaders: Fault = Constructors.ResetBeforeHeaders()

/**
 * Silence until the client leaves. The prompt **and the whole answer** are billed: the model did the work, and only
 * its answer was lost. A client that tries again pays twice, and cannot know it.
 */
export const noAnswer: Fault = Constructors.NoAnswer()

/** The headers come that much later. */
export const slowHeaders = (delay: Duration.DurationInput): Fault =>
  Constructors.SlowHeaders({ delay: Duration.decode(delay) })

/** Headers (and the opening event of a stream) at once, the first token that much later. */
export const slowFirstToken = (delay: Duration.DurationInput): Fault =>
  Constructors.SlowFirstToken({ delay: Duration.decode(delay) })

/**
 * The answer ends too early: `abrupt` closes the connection inside the body, `clean` ends the body as if it were whole,
 * but before its finish event. An answer with a content-length can only be cut abruptly.
 */
export const cut = (options: { readonly afterTokens: number; readonly ending: "abrupt" | "clean" }): Fault =>
  Constructors.Cut(options)

/** Tokens, then silence until the client leaves; `comments` sends a keep-alive comment at that interval meanwhile. */
export const stall = (options: { readonly afterTokens: number; readonly comments?: Duration.DurationInput }): Fault =>
  Constructors.Stall({
    afterTokens: options.afterTokens,
    ...(options.comments === undefined ? {} : { comments: Duration.decode(options.comments) })
  })

/** The event after that many tokens is torn in its JSON; the ones after it are whole. */
export const malformedChunk = (options: { readonly afterTokens: number }): Fault => Constructors.MalformedChunk(options)

/** A whole stream, but for its end marker. */
export const missingDone: Fault = Constructors.MissingDone()

/** An error in the middle of a stream that began with status 200; it then ends cleanly, without its end marker. */
export const errorEvent = (options: {
  readonly afterTokens: number
  readonly error?: ErrorDetail
  readonly shape?: ErrorShape
}): Fault =>
  Constructors.ErrorEvent({
    afterTokens: options.afterTokens,
    error: options.error ?? {
      message: "The server had an error while processing your request. Sorry about that!",
      type: "server_error",
      code: null,
      param: null
    },
    shape: options.shape ?? "object"
  })

/** Status 200 and a page of HTML, as proxies send. Bills nothing. */
export const htmlPage: Fault = Constructors.HtmlPage()

/** Status 200 and nothing. Bills nothing. */
export const emptyBody: Fault = Constructors.EmptyBody()

/** One event (or body) is that many bytes longer, in a field that means nothing. */
export const oversizedEvent = (options: { readonly bytes: number }): Fault => Constructors.OversizedEvent(options)

/** Status 200 and a JSON error. Bills nothing. */
export const jsonError200: Fault = Constructors.JsonError200()

/** The kinds that {@link random} draws from; a number is a status. */
export type RateName =
  | "rateLimited"
  | "serverError"
  | "overloaded"
  | "reset"
  | "noAnswer"
  | "slowHeaders"
  | "slowFirstToken"
  | "cut"
  | "cutClean"
  | "stall"
  | "malformedChunk"
  | "missingDone"
  | "errorEvent"
  | "htmlPage"
  | "emptyBody"
  | "oversizedEvent"
  | "jsonError200"
  | `${number}`

const drawn: Readonly<Record<Exclude<RateName, `${number}`>, (draw: Draw) => Fault>> = {
  rateLimited: () => status(429),
  serverError: () => status(500),
  overloaded: () => status(503),
  reset: () => resetBeforeHeaders,
  noAnswer: () => noAnswer,
  slowHeaders: ({ delay }) => slowHeaders(delay),
  slowFirstToken: ({ delay }) => slowFirstToken(delay),
  cut: ({ afterTokens }) => cut({ afterTokens, ending: "abrupt" }),
  cutClean: ({ afterTokens }) => cut({ afterTokens, ending: "clean" }),
  stall: ({ afterTokens }) => stall({ afterTokens }),
  malformedChunk: ({ afterTokens }) => malformedChunk({ afterTokens }),
  missingDone: () => missingDone,
  errorEvent: ({ afterTokens }) => errorEvent({ afterTokens }),
  htmlPage: () => htmlPage,
  emptyBody: () => emptyBody,
  oversizedEvent: ({ bytes }) => oversizedEvent({ bytes }),
  jsonError200: () => jsonError200
}

interface Draw {
  readonly afterTokens: number
  readonly delay: Duration.DurationInput
  readonly bytes: number
}

/** The names that {@link random} takes, besides statuses. */
export const rateNames: ReadonlyArray<string> = Object.keys(drawn)

const isNamed = (name: string): name is keyof typeof drawn => Object.hasOwn(drawn, name)

/** Whether {@link random} takes this name: a kind of fault, or a status from 400 to 599. */
export const isRateName = (name: string): name is RateName => isNamed(name) || /^[45]\d\d$/.test(name)

/**
 * Faults at random, the same for the same seed and attempt. Rates are shares of all requests and should add up to at
 * most 1; what lies beyond is not drawn.
 *
 * `delay` is what the slow kinds wait (5 seconds), `afterTokens` is the most that goes out before a fault (20), `bytes`
 * the size of an oversized event (1 MiB).
 */
export const random = (options: {
  readonly seed?: number
  readonly rates: Readonly<Partial<Record<RateName, number>>>
  readonly delay?: Duration.DurationInput
  readonly afterTokens?: number
  readonly bytes?: number
}): ((attempt: Attempt) => Fault) => {
  const rates = Object.entries(options.rates)
  return ({ index }) => {
    const choose = Seed.choices("fault", options.seed ?? 0, index)
    const draw: Draw = {
      afterTokens: choose.integer(0, options.afterTokens ?? 20),
      delay: options.delay ?? "5 seconds",
      bytes: options.bytes ?? 1024 * 1024
    }
    let left = choose.next()
    for (const [name, rate] of rates) {
      left -= rate ?? 0
      if (left < 0) return isNamed(name) ? drawn[name](draw) : status(Number(name))
    }
    return none
  }
}
