/**
 * What spans of calls have in common: OpenTelemetry's names for generative AI, and whether anyone traces at all.
 */
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import type { LlmError } from "./LlmError.js"
import type { Usage } from "./Usage.js"

/** The tracer that everyone has who asked for none. */
const builtIn = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** Whether a span would be seen: one that nobody exports costs as much as the rest of a call. */
export const isTraced = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => fiber.currentTracer !== builtIn

/** What is known before a call. */
export const asked = (
  operation: string,
  { model, provider }: { readonly provider: string; readonly model: string }
): Readonly<Record<string, string>> => ({
  "gen_ai.operation.name": operation,
  "gen_ai.provider.name": provider,
  "gen_ai.request.model": model
})

/** What a span says of an answer. */
export interface Answer {
  readonly model: string
  readonly usage: Usage
  readonly id?: string
  readonly finishReason?: { readonly unified: string }
}

export const answered = (span: Tracer.Span, { finishReason, id, model, usage }: Answer): void => {
  const attributes: ReadonlyArray<readonly [string, unknown]> = [
    ["gen_ai.response.model", model],
    ["gen_ai.response.id", id],
    ["gen_ai.response.finish_reasons", finishReason === undefined ? undefined : [finishReason.unified]],
    ["gen_ai.usage.input_tokens", usage.inputTokens],
    ["gen_ai.usage.output_tokens", usage.outputTokens],
    ["gen_ai.usage.cache_read.input_tokens", usage.cachedInputTokens]
  ]
  for (const [name, value] of attributes) if (value !== undefined) span.attribute(name, value)
}

export const failed = (span: Tracer.Span, error: LlmError): void => {
  span.attribute("error.type", error._tag)
  if (error.status !== undefined) span.attribute("http.response.status_code", error.status)
}
