/**
 * One error of every class, as data tables for tests; the types see to it that none is missing.
 */
import { Duration } from "effect"
import { LlmError } from "effect-llm"

const common = { provider: "mock", model: "mock-model", message: "as scripted" }

type Samples<E extends LlmError.LlmError> = { readonly [Tag in E["_tag"]]: Extract<E, { readonly _tag: Tag }> }

export const terminal: Samples<LlmError.TerminalError> = {
  InvalidRequest: new LlmError.InvalidRequest({ ...common, param: "temperature", code: "out_of_range" }),
  AuthenticationFailed: new LlmError.AuthenticationFailed({ ...common, status: 401 }),
  PermissionDenied: new LlmError.PermissionDenied({ ...common, status: 403 }),
  ModelNotFound: new LlmError.ModelNotFound({ ...common, status: 404 }),
  ContextLengthExceeded: new LlmError.ContextLengthExceeded({ ...common, status: 400 }),
  RequestTooLarge: new LlmError.RequestTooLarge({ ...common, status: 413 }),
  ContentFiltered: new LlmError.ContentFiltered({
    ...common,
    categories: [{ name: "violence", filtered: true, severity: "high" }],
    text: "so far"
  }),
  QuotaExhausted: new LlmError.QuotaExhausted({ ...common, status: 429 }),
  UnsupportedFeature: new LlmError.UnsupportedFeature({ ...common, feature: "embed", attempts: 0 }),
  InvalidOutput: new LlmError.InvalidOutput({ ...common, text: "{}", usage: { outputTokens: 1 } }),
  BudgetExceeded: new LlmError.BudgetExceeded({ ...common, attempts: 0 })
}

export const retryable: Samples<LlmError.RetryableError> = {
  RateLimited: new LlmError.RateLimited({ ...common, status: 429 }),
  Overloaded: new LlmError.Overloaded({ ...common, status: 503 }),
  ServerFailed: new LlmError.ServerFailed({ ...common, status: 500, requestId: "req_1", body: "{}" }),
  RequestTimeout: new LlmError.RequestTimeout({ ...common, limit: "server" }),
  ConnectionFailed: new LlmError.ConnectionFailed(common),
  MalformedResponse: new LlmError.MalformedResponse({ ...common, status: 200 }),
  StreamInterrupted: new LlmError.StreamInterrupted({
    ...common,
    text: "so far",
    usage: { inputTokens: 3 },
    cause: new LlmError.ConnectionFailed(common)
  }),
  CircuitOpen: new LlmError.CircuitOpen({ ...common, attempts: 0 })
}

export const terminalErrors: ReadonlyArray<LlmError.TerminalError> = Object.values(terminal)

export const retryableErrors: ReadonlyArray<LlmError.RetryableError> = Object.values(retryable)

/** A 429 that asks to wait so many milliseconds. */
export const rateLimited = (retryAfter: number): LlmError.RateLimited =>
  new LlmError.RateLimited({ ...common, status: 429, retryAfter: Duration.millis(retryAfter) })
