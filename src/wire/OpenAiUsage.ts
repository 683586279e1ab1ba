/**
 * The usage figures of OpenAI's wires and of their dialects: the newer of the wires has other names for the same.
 */
import type { Usage } from "../Usage.js"
import * as Json from "./Json.js"

const readFigures = (value: unknown): Usage | undefined => {
  const usage = Json.record(value)
  if (usage === undefined) return undefined
  const input = Json.record(usage.prompt_tokens_details ?? usage.input_tokens_details)
  const output = Json.record(usage.completion_tokens_details ?? usage.output_tokens_details)
  return {
    inputTokens: Json.number(usage.prompt_tokens ?? usage.input_tokens),
    outputTokens: Json.number(usage.completion_tokens ?? usage.output_tokens),
    totalTokens: Json.number(usage.total_tokens),
    // DeepSeek has its own name beside the usual one; Together and Moonshot, and for reasoning Perplexity and xAI, put it at
    // the top level.
    cachedInputTokens:
      Json.number(input?.cached_tokens) ??
      Json.number(usage.prompt_cache_hit_tokens) ??
      Json.number(usage.cached_tokens),
    cacheWriteTokens: Json.number(input?.cache_write_tokens),
    reasoningTokens: Json.number(output?.reasoning_tokens) ?? Json.number(usage.reasoning_tokens)
  }
}

/** The usage of an answer or a chunk: at the top, or under Groq's own key. */
export const read = (json: Json.JsonRecord): Usage | undefined =>
  readFigures(json.usage) ?? (json.x_groq === undefined ? undefined : readFigures(Json.record(json.x_groq)?.usage))
