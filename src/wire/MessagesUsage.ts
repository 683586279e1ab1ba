/**
 * The usage figures of the messages protocol. Its input tokens leave out what the prompt cache read and wrote; ours are
 * all tokens of the prompt.
 */
import type { Usage } from "../Usage.js"
import * as Json from "./Json.js"

const sum = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a + b

const withoutCache = ({ cachedInputTokens = 0, cacheWriteTokens = 0, inputTokens }: Usage): number | undefined =>
  inputTokens === undefined ? undefined : inputTokens - cachedInputTokens - cacheWriteTokens

/** Figures are cumulative: those that are missing or null stand as they were `before`. The total is our sum. */
export const read = (value: unknown, before: Usage): Usage => {
  const usage = Json.record(value)
  if (usage === undefined) return before
  const details = Json.record(usage.output_tokens_details)
  const uncached = Json.number(usage.input_tokens) ?? withoutCache(before)
  const cachedInputTokens = Json.number(usage.cache_read_input_tokens) ?? before.cachedInputTokens
  const cacheWriteTokens = Json.number(usage.cache_creation_input_tokens) ?? before.cacheWriteTokens
  const inputTokens = sum(uncached, (cachedInputTokens ?? 0) + (cacheWriteTokens ?? 0))
  const outputTokens = Json.number(usage.output_tokens) ?? before.outputTokens
  return {
    inputTokens,
    outputTokens,
    totalTokens: sum(inputTokens, outputTokens),
    cachedInputTokens,
    cacheWriteTokens,
    reasoningTokens: Json.number(details?.thinking_tokens) ?? before.reasoningTokens
  }
}
