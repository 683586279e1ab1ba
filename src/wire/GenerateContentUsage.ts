/**
 * The usage figures of generateContent, which counts thoughts apart from the answer and the prompts of the provider's own
 * tools apart from the prompt.
 */
import type { Usage } from "../Usage.js"
import * as Json from "./Json.js"

const sum = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : a + b

/** What stands under `usageMetadata`. Figures are cumulative: those that are missing stand as they were `before`. */
export const read = (value: unknown, before: Usage = {}): Usage => {
  const usage = Json.record(value)
  if (usage === undefined) return before
  const thoughts = Json.number(usage.thoughtsTokenCount)
  return {
    inputTokens:
      sum(Json.number(usage.promptTokenCount), Json.number(usage.toolUsePromptTokenCount)) ?? before.inputTokens,
    outputTokens: sum(Json.number(usage.candidatesTokenCount), thoughts) ?? before.outputTokens,
    totalTokens: Json.number(usage.totalTokenCount) ?? before.totalTokens,
    cachedInputTokens: Json.number(usage.cachedContentTokenCount) ?? before.cachedInputTokens,
    reasoningTokens: thoughts ?? before.reasoningTokens
  }
}
