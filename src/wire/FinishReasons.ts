/**
 * Why a model stopped, in every provider's words. Some of these words stand for failures: an answer that was withheld or
 * given up is no success, however much of it came.
 */
import type { FinishReason } from "../Completion.js"
import type { ContentCategory, LlmError } from "../LlmError.js"
import { ContentFiltered, MalformedResponse, ServerFailed } from "../LlmError.js"
import type { Usage } from "../Usage.js"

type Meaning = FinishReason["unified"] | "withheld" | "server-failed" | "malformed"

const meanings: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  // OpenAI and its family; Mistral's model_length; Hugging Face's eos_token
  ["stop", "stop"],
  ["eos", "stop"],
  ["eos_token", "stop"],
  ["length", "length"],
  ["model_length", "length"],
  ["tool_calls", "tool-calls"],
  ["function_call", "tool-calls"],
  ["content_filter", "withheld"],
  ["error", "server-failed"],
  // OpenAI's Responses: the status of an answer, or why it is incomplete
  ["completed", "stop"],
  ["max_output_tokens", "length"],
  ["failed", "server-failed"],
  ["cancelled", "server-failed"],
  // DeepSeek, Zhipu
  ["insufficient_system_resource", "server-failed"],
  ["sensitive", "withheld"],
  ["network_error", "server-failed"],
  // vLLM, SGLang
  ["abort", "server-failed"],
  // Anthropic
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_use", "tool-calls"],
  ["pause_turn", "other"],
  ["refusal", "withheld"],
  // Gemini
  ["STOP", "stop"],
  ["MAX_TOKENS", "length"],
  ["SAFETY", "withheld"],
  ["IMAGE_SAFETY", "withheld"],
  ["RECITATION", "withheld"],
  ["BLOCKLIST", "withheld"],
  ["PROHIBITED_CONTENT", "withheld"],
  ["SPII", "withheld"],
  ["LANGUAGE", "withheld"],
  ["IMAGE_PROHIBITED_CONTENT", "withheld"],
  ["IMAGE_RECITATION", "withheld"],
  ["MODEL_ARMOR", "withheld"],
  ["MALFORMED_FUNCTION_CALL", "malformed"],
  ["MALFORMED_RESPONSE", "malformed"],
  ["UNEXPECTED_TOOL_CALL", "malformed"],
  ["MISSING_THOUGHT_SIGNATURE", "malformed"],
  // node-llama-cpp
  ["eogToken", "stop"],
  ["stopGenerationTrigger", "stop"],
  ["customStopTrigger", "stop"],
  ["maxTokens", "length"],
  ["contextFull", "length"],
  ["functionCalls", "tool-calls"]
])

/** What came before the model stopped. */
export interface Context {
  readonly provider: string
  readonly model: string
  readonly requestId: string | undefined
  readonly text: string
  readonly usage: Usage
  /** What the provider's filters found. */
  readonly categories?: ReadonlyArray<ContentCategory> | undefined
  /** What the provider says of an answer that it withholds. */
  readonly explanation?: string | undefined
  readonly hasToolCalls: boolean
  /** Nothing came at all. */
  readonly isEmpty: boolean
}

/**
 * An answer without anything in it, whose reason does not explain that. Anthropic's `pause_turn` does: the provider's own
 * tools are at work.
 */
const isNothing = (raw: string, meaning: Meaning, { isEmpty }: Context): boolean =>
  isEmpty && (meaning === "tool-calls" || (meaning === "other" && raw !== "pause_turn"))

/** The unified reason, or the failure that the word stands for. */
export const read = (raw: string, context: Context): FinishReason | LlmError => {
  const { categories = [], explanation, provider, model, requestId, text, usage } = context
  const meaning = meanings.get(raw) ?? "other"
  switch (meaning) {
    case "withheld":
      return new ContentFiltered({
        outcome: "unknown",
        provider,
        model,
        requestId,
        text,
        usage,
        categories,
        message: `the provider withheld the answer (finish reason ${raw})${explanation === undefined ? "" : `: ${explanation}`}`
      })
    case "server-failed":
      return new ServerFailed({
        outcome: "unknown",
        provider,
        model,
        requestId,
        message: `the provider gave the answer up (finish reason ${raw})`
      })
    case "malformed":
      return new MalformedResponse({
        provider,
        model,
        requestId,
        message: `the model's answer was malformed (finish reason ${raw})`
      })
    default:
      if (isNothing(raw, meaning, context)) {
        return new MalformedResponse({
          provider,
          model,
          requestId,
          message: `the answer is empty (finish reason ${raw === "" ? "missing" : raw})`
        })
      }
      // Gemini and some of OpenAI's family say "stop" when the model calls tools.
      return { unified: context.hasToolCalls && meaning === "stop" ? "tool-calls" : meaning, raw }
  }
}
