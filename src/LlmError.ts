/**
 * Everything that can go wrong with a call, in two unions that the compiler keeps apart: repeating the same request
 * cannot mend a `TerminalError`, and may mend a `RetryableError`.
 *
 * All are `Schema.TaggedError`s: they can be caught by tag, and cross processes, caches and journals.
 * None holds a key, a request header or the request.
 */
import type * as Duration from "effect/Duration"
import * as Match from "effect/Match"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { add as addUsage, Usage } from "./Usage.js"

/**
 * What became of the last request of a call: it never went out (`not-sent`), the provider turned it down (`rejected`), or
 * it went out and nobody knows (`unknown`): then it may have been answered, and billed.
 */
export const Outcome = Schema.Literal("not-sent", "rejected", "unknown")

export type Outcome = typeof Outcome.Type

/**
 * - `message`: the provider's own words where it has any
 * - `status`: the HTTP status, where there was an answer
 * - `requestId`: the provider's id of the request, for its support
 * - `body`: the answer's text, at most 4 KiB of it
 * - `attempts`: how many requests went out for the call; 0 when it ended before the first
 * - `outcome`: what became of the last of them; each tag has its usual one as the default
 */
const common = (outcome: Outcome) => ({
  provider: Schema.String,
  model: Schema.String,
  message: Schema.String,
  status: Schema.optional(Schema.Number),
  requestId: Schema.optional(Schema.String),
  body: Schema.optional(Schema.String),
  attempts: Schema.Number.pipe(
    Schema.propertySignature,
    Schema.withConstructorDefault(() => 1)
  ),
  outcome: Schema.optionalWith(Outcome, { default: () => outcome })
})

const retryable = (outcome: Outcome) => ({
  ...common(outcome),
  /** How long the provider asked to wait before the next attempt. */
  retryAfter: Schema.optional(Schema.DurationFromMillis)
})

/** The fields of an error that ends a call before anything was sent. */
export const notSent = { attempts: 0, outcome: "not-sent" } as const

// -----------------------------------------------------------------------------
// Terminal
// -----------------------------------------------------------------------------

/** The request is wrong as it stands. `param` names the setting, `code` is the provider's word for the fault. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>("effect-llm/InvalidRequest")("InvalidRequest", {
  ...common("rejected"),
  param: Schema.optional(Schema.String),
  code: Schema.optional(Schema.String)
}) {}

/** The key or token is missing, wrong or expired. */
export class AuthenticationFailed extends Schema.TaggedError<AuthenticationFailed>("effect-llm/AuthenticationFailed")(
  "AuthenticationFailed",
  common("rejected")
) {}

/** The key is good, but may not do this. */
export class PermissionDenied extends Schema.TaggedError<PermissionDenied>("effect-llm/PermissionDenied")(
  "PermissionDenied",
  common("rejected")
) {}

/** No model, deployment or route of this name. */
export class ModelNotFound extends Schema.TaggedError<ModelNotFound>("effect-llm/ModelNotFound")(
  "ModelNotFound",
  common("rejected")
) {}

/** Prompt and answer together are longer than the model's context. */
export class ContextLengthExceeded extends Schema.TaggedError<ContextLengthExceeded>(
  "effect-llm/ContextLengthExceeded"
)("ContextLengthExceeded", common("rejected")) {}

/** The request has more bytes than the provider takes. */
export class RequestTooLarge extends Schema.TaggedError<RequestTooLarge>("effect-llm/RequestTooLarge")(
  "RequestTooLarge",
  common("rejected")
) {}

/** One kind of content that a filter looked for, and what it found. */
export const ContentCategory = Schema.Struct({
  name: Schema.String,
  filtered: Schema.Boolean,
  severity: Schema.optional(Schema.String)
})

export interface ContentCategory extends Schema.Schema.Type<typeof ContentCategory> {}

/** The provider refused the prompt, or withheld the answer. `text`: what it had given out before it did. */
export class ContentFiltered extends Schema.TaggedError<ContentFiltered>("effect-llm/ContentFiltered")(
  "ContentFiltered",
  {
    ...common("rejected"),
    categories: Schema.Array(ContentCategory).pipe(
      Schema.propertySignature,
      Schema.withConstructorDefault(() => [])
    ),
    text: Schema.optional(Schema.String),
    usage: Schema.optional(Usage)
  }
) {}

/** The account has no credit left: waiting does not help. */
export class QuotaExhausted extends Schema.TaggedError<QuotaExhausted>("effect-llm/QuotaExhausted")(
  "QuotaExhausted",
  common("rejected")
) {}

/** The provider or model cannot do what was asked; found before anything was sent. `feature` names it. */
export class UnsupportedFeature extends Schema.TaggedError<UnsupportedFeature>("effect-llm/UnsupportedFeature")(
  "UnsupportedFeature",
  { ...common("not-sent"), feature: Schema.String }
) {}

/** One thing that is wrong with an answer, and where in it. */
export const OutputIssue = Schema.Struct({
  path: Schema.Array(Schema.Union(Schema.String, Schema.Number)),
  message: Schema.String
})

export interface OutputIssue extends Schema.Schema.Type<typeof OutputIssue> {}

/**
 * The answer came, and was paid for, but does not fit the schema. `text` is the last answer, `usage` that of all answers,
 * `issues` what is wrong with the last one, at most 100 of them; the message says it as a tree.
 */
export class InvalidOutput extends Schema.TaggedError<InvalidOutput>("effect-llm/InvalidOutput")("InvalidOutput", {
  ...common("unknown"),
  text: Schema.String,
  usage: Schema.optional(Usage),
  issues: Schema.optional(Schema.Array(OutputIssue))
}) {}

/** The call would cost more than its budget has left; it was not made. */
export class BudgetExceeded extends Schema.TaggedError<BudgetExceeded>("effect-llm/BudgetExceeded")(
  "BudgetExceeded",
  common("not-sent")
) {}

// -----------------------------------------------------------------------------
// Retryable
// -----------------------------------------------------------------------------

/** Too many requests or tokens for now. */
export class RateLimited extends Schema.TaggedError<RateLimited>("effect-llm/RateLimited")(
  "RateLimited",
  retryable("rejected")
) {}

/** The provider has more work than it can do. */
export class Overloaded extends Schema.TaggedError<Overloaded>("effect-llm/Overloaded")(
  "Overloaded",
  retryable("rejected")
) {}

/** The provider failed. */
export class ServerFailed extends Schema.TaggedError<ServerFailed>("effect-llm/ServerFailed")(
  "ServerFailed",
  retryable("rejected")
) {}

/** A deadline passed: the provider's (`limit: "server"`) or one of ours. */
export class RequestTimeout extends Schema.TaggedError<RequestTimeout>("effect-llm/RequestTimeout")("RequestTimeout", {
  ...retryable("unknown"),
  limit: Schema.Literal("server", "attempt", "total", "first-part", "idle")
}) {}

/** No connection, or one that broke before the answer was whole. */
export class ConnectionFailed extends Schema.TaggedError<ConnectionFailed>("effect-llm/ConnectionFailed")(
  "ConnectionFailed",
  retryable("unknown")
) {}

/** A success by its status whose body is not an answer. */
export class MalformedResponse extends Schema.TaggedError<MalformedResponse>("effect-llm/MalformedResponse")(
  "MalformedResponse",
  retryable("unknown")
) {}

/** The breaker is open: the call was not made. */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>("effect-llm/CircuitOpen")(
  "CircuitOpen",
  retryable("not-sent")
) {}

/** What can break a stream. */
export const StreamCause = Schema.Union(
  RateLimited,
  Overloaded,
  ServerFailed,
  RequestTimeout,
  ConnectionFailed,
  MalformedResponse,
  CircuitOpen
)

export type StreamCause = typeof StreamCause.Type

/**
 * A streamed answer ended before it was whole. `text` is all text that had been given out, and `cause` what broke the
 * stream, where that is known: a stream that ends cleanly, but without its end marker, has none.
 */
export class StreamInterrupted extends Schema.TaggedError<StreamInterrupted>("effect-llm/StreamInterrupted")(
  "StreamInterrupted",
  { ...retryable("unknown"), text: Schema.String, usage: Schema.optional(Usage), cause: Schema.optional(StreamCause) }
) {}

// -----------------------------------------------------------------------------
// The unions
// -----------------------------------------------------------------------------

/** Repeating the request as it is cannot help. */
export const TerminalError = Schema.Union(
  InvalidRequest,
  AuthenticationFailed,
  PermissionDenied,
  ModelNotFound,
  ContextLengthExceeded,
  RequestTooLarge,
  ContentFiltered,
  QuotaExhausted,
  UnsupportedFeature,
  InvalidOutput,
  BudgetExceeded
)

export type TerminalError = typeof TerminalError.Type

/** Repeating the request may help. */
export const RetryableError = Schema.Union(
  RateLimited,
  Overloaded,
  ServerFailed,
  RequestTimeout,
  ConnectionFailed,
  MalformedResponse,
  StreamInterrupted,
  CircuitOpen
)

export type RetryableError = typeof RetryableError.Type

export const LlmError = Schema.Union(TerminalError, RetryableError)

export type LlmError = TerminalError | RetryableError

/** The name of an error, as in `Effect.catchTag`. */
export type Tag = LlmError["_tag"]

const retryableTags: ReadonlySet<string> = new Set(RetryableError.members.map((member) => member._tag))

/** Narrows to the errors that may go away when the same request is repeated. */
export const isRetryable = (error: LlmError): error is RetryableError => retryableTags.has(error._tag)

/** Narrows to the errors that stay however often the same request is repeated. */
export const isTerminal = (error: LlmError): error is TerminalError => !isRetryable(error)

/** Narrows any value to an error of this module. */
export const isLlmError: (u: unknown) => u is LlmError = Schema.is(LlmError)

/** How long the provider asked to wait before the next attempt, if it did. */
export const retryAfter = (error: LlmError): Option.Option<Duration.Duration> =>
  isRetryable(error) ? Option.fromNullable(error.retryAfter) : Option.none()

/** One function per tag; the compiler sees to it that none is left out: `LlmError.match({ RateLimited: (e) => …, … })`. */
export const match = Match.typeTags<LlmError>()

/** The same error with another count of attempts. */
export const withAttempts = <E extends LlmError>(error: E, attempts: number): E =>
  error.attempts === attempts ? error : copyWith(error, { attempts })

/** The same error with what was used before it, where an error of its kind tells of usage. */
export const withEarlierUsage = <E extends LlmError>(error: E, earlier: Usage): E => {
  switch (error._tag) {
    case "ContentFiltered":
    case "InvalidOutput":
    case "StreamInterrupted":
      return copyWith(error, { usage: error.usage === undefined ? earlier : addUsage(earlier, error.usage) })
    default:
      return error
  }
}

/** The same error with another word on what became of the request. */
export const withOutcome = <E extends LlmError>(error: E, outcome: Outcome): E =>
  error.outcome === outcome ? error : copyWith(error, { outcome })

/** The same error, as an object of its own. */
export const copy = <E extends LlmError>(error: E): E => copyWith(error, {})

/** The same error with these texts blotted out wherever it has words: some providers echo the key they refuse. */
export const redact = <E extends LlmError>(error: E, secrets: ReadonlyArray<string>): E => {
  const blot = (text: string): string =>
    secrets.reduce((words, secret) => blotEnd(words.replaceAll(secret, "<redacted>"), secret), text)
  const changes: Record<string, unknown> = {}
  for (const key of Object.getOwnPropertyNames(error)) {
    const value: unknown = Reflect.get(error, key)
    const blotted =
      typeof value === "string"
        ? // A stack begins with the message: what is cut at the end of the one is in the middle of the other.
          blot(key === "stack" ? value.replace(error.message, () => blot(error.message)) : value)
        : isLlmError(value)
          ? redact(value, secrets)
          : value
    if (blotted !== value) changes[key] = blotted
  }
  return Object.keys(changes).length === 0 ? error : copyWith(error, changes)
}

/** How much of a secret may stand at the end of a text that was cut there: no one can use so little. */
const harmlessLength = 7

/** The same for a text that was cut, to fit an error, in the middle of the secret. */
const blotEnd = (text: string, secret: string): string => {
  const words = text.endsWith("…") ? text.slice(0, -1) : text
  for (let length = secret.length - 1; length > harmlessLength; length--) {
    if (words.endsWith(secret.slice(0, length))) return `${words.slice(0, -length)}<redacted>`
  }
  return text
}

const constructorArguments = Symbol.for("effect/Data/Error/plainArgs")

/**
 * A copy that keeps its class and its stack. Errors are never mutated: one may be shared by all callers that waited for
 * the same call.
 */
const copyWith = <E extends LlmError>(error: E, changes: Readonly<Record<string, unknown>>): E => {
  const properties: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(error)
  for (const [key, value] of Object.entries(changes)) {
    properties[key] = { enumerable: true, ...properties[key], value }
  }
  // Effect's errors remember what they were made of, and print that.
  const made: unknown = Reflect.get(error, constructorArguments)
  if (typeof made === "object" && made !== null) {
    const known = Object.entries(changes).filter(([key]) => key in made)
    properties[constructorArguments] = { value: { ...made, ...Object.fromEntries(known) } }
  }
  return Object.create(Object.getPrototypeOf(error), properties)
}

/** The most of an answer's text that an error keeps, in bytes. */
export const maxBodyBytes = 4096

/** The beginning of a text, at most 4 KiB of it, with no character cut. */
export const excerpt = (text: string): string => {
  if (text.length * 3 <= maxBodyBytes) return text
  const bytes = new TextEncoder().encode(text.slice(0, maxBodyBytes))
  if (bytes.length <= maxBodyBytes) return text.slice(0, maxBodyBytes)
  // A multi-byte character goes on while the byte behind the cut is a continuation byte (10xxxxxx).
  let end = maxBodyBytes
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return new TextDecoder().decode(bytes.subarray(0, end))
}
