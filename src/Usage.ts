/**
 * How many tokens a call took, as the provider reported them. A figure that was not reported is `undefined`, never 0.
 */
import * as Schema from "effect/Schema"

const TokenCount = Schema.optional(Schema.Number)

/**
 * - `inputTokens`: all tokens of the prompt, those read from or written to the provider's cache included
 * - `outputTokens`: all generated tokens, reasoning included
 * - `totalTokens`: their sum as reported
 * - `cachedInputTokens`: the part of `inputTokens` that was read from the provider's prompt cache
 * - `cacheWriteTokens`: the part of `inputTokens` that was written to it
 * - `reasoningTokens`: the part of `outputTokens` that was spent on reasoning
 */
export const Usage = Schema.Struct({
  inputTokens: TokenCount,
  outputTokens: TokenCount,
  totalTokens: TokenCount,
  cachedInputTokens: TokenCount,
  cacheWriteTokens: TokenCount,
  reasoningTokens: TokenCount
}).annotations({ identifier: "Usage" })

export interface Usage extends Schema.Schema.Type<typeof Usage> {}

/** A call whose provider reported nothing. */
export const unknown: Usage = {}

const addCounts = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : a + b

/** The sum of two usages, figure by figure; what neither reported stays `undefined`. */
export const add = (a: Usage, b: Usage): Usage => ({
  inputTokens: addCounts(a.inputTokens, b.inputTokens),
  outputTokens: addCounts(a.outputTokens, b.outputTokens),
  totalTokens: addCounts(a.totalTokens, b.totalTokens),
  cachedInputTokens: addCounts(a.cachedInputTokens, b.cachedInputTokens),
  cacheWriteTokens: addCounts(a.cacheWriteTokens, b.cacheWriteTokens),
  reasoningTokens: addCounts(a.reasoningTokens, b.reasoningTokens)
})
