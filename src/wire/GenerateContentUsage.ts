/**
 * The usage figures of generateContent, which counts thoughts apart from the answer and the prompts of the provider's own
 * tools apart from the prompt.
 */
import type { Usage } from "../Usage.js"
import * as Json from "./Json.js"

const sum = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : a + b

/** What stands under `usageMetadata`. */
export const read = (value: unknown): Usage | undefined => {
  const usage = Json.record(value)
  if (usage === undefined) return undefined
  const thoughts = Json.number(usage.thoughtsTokenCount)
  return {
    inputTokens: sum(Json.number(usage.promptTokenCount), Json.number(usage.toolUsePromptTokenCount)),
    outputTokens: sum(Json.number(usage.candidatesTokenCount), thoughts),
    totalTokens: Json.number(usage.totalTokenCount),
    cachedInputTokens: Json.number(usage.cachedContentTokenCount),
    reasoningTokens: thoughts
  }
}
