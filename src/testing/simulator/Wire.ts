/**
 * What a wire is to the simulator: its routes, and how its errors and answers look. Pure: a handler turns a request into
 * a plan of its answer; the core bills it, applies faults and sends it. To add a wire, add a file and list it in Core.
 */
import type { ErrorDetail, ErrorShape } from "./Fault.js"

/** A request as it arrived, on whichever front. Header names are in lower case. */
export interface SimulatorRequest {
  readonly method: string
  /** Path and query, without the host. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The same, with what the core found out about it. */
export interface Call {
  readonly method: string
  readonly path: string
  /** What stands behind the path's question mark. */
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown
}

/** A chat request as the `answer` option of the simulator sees it. */
export interface ChatSeen {
  readonly model: string
  readonly messages: ReadonlyArray<{ readonly role: string; readonly text: string }>
  readonly stream: boolean
  /** The whole body, for what is not above. */
  readonly body: Readonly<Record<string, unknown>>
}

/** What handlers know besides the request. */
export interface World {
  readonly seed: number
  readonly models: ReadonlyArray<string>
  readonly contextTokens: number
  readonly answer: ((request: ChatSeen) => string) | undefined
  /** How many of these prompt tokens an earlier request to the model began with. */
  readonly cachedTokens: (model: string, prompt: ReadonlyArray<string>) => number
}

/** Text of one event of a stream, ready to send, and the tokens that it gives out. */
export interface Frame {
  readonly text: string
  readonly tokens: number
}

export type Plan = Refused | Whole | Events

export interface Refused {
  readonly _tag: "Refused"
  readonly status: number
  readonly error: ErrorDetail
  readonly headers?: Readonly<Record<string, string>>
}

interface Answered {
  /** Empty when no model is at work, as for the list of models. */
  readonly model: string
  readonly inputTokens: number
  readonly outputTokens: number
}

export interface Whole extends Answered {
  readonly _tag: "Whole"
  readonly body: string
}

export interface Events extends Answered {
  readonly _tag: "Events"
  /** Sent with the headers. */
  readonly opening: ReadonlyArray<string>
  readonly tokens: ReadonlyArray<Frame>
  /** Sent with the last token: finish reason, usage. */
  readonly closing: ReadonlyArray<string>
  /** The end marker; empty on a wire that has none. */
  readonly terminator: string
}

export interface Route {
  readonly method: "GET" | "POST"
  readonly path: RegExp
  /** Which model is asked for, and whether for a stream; before anything is checked. */
  readonly peek: (call: Call) => { readonly model: string; readonly stream: boolean }
  readonly handle: (call: Call, world: World) => Plan
}

export interface Wire {
  readonly name: string
  readonly routes: ReadonlyArray<Route>
  /** Undefined when the key is good; `apiKey` undefined takes any key, but not none. `now` in epoch milliseconds. */
  readonly authenticate: (
    headers: Readonly<Record<string, string>>,
    apiKey: string | undefined,
    now: number
  ) => Refused | undefined
  readonly errorBody: (error: ErrorDetail) => string
  /** `before`: what the stream has sent, for a wire whose events go on from each other. */
  readonly errorFrame: (error: ErrorDetail, shape: ErrorShape, before: ReadonlyArray<string>) => string
  /** What this wire answers with a status, when nothing else is said. */
  readonly refusal: (status: number, model: string) => Refused
  readonly rateLimited: (limited: RateLimited) => Refused
  readonly unknownRoute: (method: string, path: string) => Refused
  readonly wrongMethod: (method: string, path: string) => Refused
  readonly headers: (facts: AnswerFacts) => Readonly<Record<string, string>>
  /** How answers tell what is left of the limits. Default: OpenAI's `x-ratelimit-*` */
  readonly limitHeaders?: (limits: ReadonlyArray<LimitState>, now: number) => Readonly<Record<string, string>>
}

export interface RateLimited {
  readonly model: string
  readonly kind: "requests" | "tokens"
  readonly limit: number
  readonly used: number
  readonly requested: number
  /** Undefined when the request is larger than the limit, and can never pass. */
  readonly waitMillis: number | undefined
}

/** What is left of a limit, and when it is whole again. */
export interface LimitState {
  readonly kind: "requests" | "tokens"
  readonly limit: number
  readonly remaining: number
  readonly resetMillis: number
}

export interface AnswerFacts {
  readonly requestId: string
  readonly model: string
  readonly processingMillis: number
}
