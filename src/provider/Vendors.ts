/**
 * The vendors that `OpenAiCompatible` knows by name. A new one is a row: where it is, which variable holds its key, and
 * what it does differently from OpenAI's chat completions.
 */
import type { Quirks } from "../wire/ChatQuirks.js"

/**
 * - `keyVariable`: the environment's name of the key. `<VENDOR>_BASE_URL`, `<VENDOR>_MODEL` and
 *   `<VENDOR>_EMBEDDING_MODEL` follow from the vendor's own name
 * - `isKeyOptional`: the server usually asks for none. Default: false
 * - `quirks`: default none
 */
export interface Row {
  readonly baseUrl: string
  readonly keyVariable: string
  readonly isKeyOptional?: boolean
  readonly quirks?: Partial<Quirks>
}

const noImages = { types: [] } as const

const webImages = { types: ["image/png", "image/jpeg", "image/gif", "image/webp"] } as const

/** Thoughts go back where they came from. */
const thinking = { reasoningField: "reasoning_content", maxEmbeddingInputs: 0 } as const

const ofMistral = { toolCallId: /^[a-zA-Z0-9]{9}$/, prefillField: "prefix" } as const

export const vendors = {
  cerebras: {
    baseUrl: "https://api.cerebras.ai/v1",
    keyVariable: "CEREBRAS_API_KEY",
    quirks: {
      maxTokensField: () => "max_completion_tokens",
      maxEmbeddingInputs: 0,
      untaken: ["frequencyPenalty", "presencePenalty"],
      images: noImages
    }
  },
  deepseek: {
    baseUrl: "https://api.deepseek.com/v1",
    keyVariable: "DEEPSEEK_API_KEY",
    // A turn that called tools is refused without the reasoning that led to it.
    quirks: { ...thinking, prefillField: "prefix", takesJsonSchema: false, images: noImages }
  },
  fireworks: { baseUrl: "https://api.fireworks.ai/inference/v1", keyVariable: "FIREWORKS_API_KEY" },
  groq: {
    baseUrl: "https://api.groq.com/openai/v1",
    keyVariable: "GROQ_API_KEY",
    quirks: { maxTokensField: () => "max_completion_tokens", maxEmbeddingInputs: 0 }
  },
  "llama-cpp": { baseUrl: "http://127.0.0.1:8080/v1", keyVariable: "LLAMA_CPP_API_KEY", isKeyOptional: true },
  "lm-studio": {
    baseUrl: "http://127.0.0.1:1234/v1",
    keyVariable: "LM_STUDIO_API_KEY",
    isKeyOptional: true,
    quirks: { images: { urls: "none" } }
  },
  mistral: {
    baseUrl: "https://api.mistral.ai/v1",
    keyVariable: "MISTRAL_API_KEY",
    // It refuses fields that it does not know, and reports the usage of a stream unasked.
    quirks: { ...ofMistral, asksForUsage: false, seedField: "random_seed", images: webImages }
  },
  moonshot: {
    baseUrl: "https://api.moonshot.ai/v1",
    keyVariable: "MOONSHOT_API_KEY",
    quirks: { ...thinking, prefillField: "partial", images: { ...webImages, urls: "none" } }
  },
  ollama: {
    baseUrl: "http://127.0.0.1:11434/v1",
    keyVariable: "OLLAMA_API_KEY",
    isKeyOptional: true,
    quirks: { images: { urls: "none" } }
  },
  openrouter: {
    baseUrl: "https://openrouter.ai/api/v1",
    keyVariable: "OPENROUTER_API_KEY",
    quirks: { reasoningField: "reasoning" }
  },
  qwen: {
    baseUrl: "https://dashscope.aliyuncs.com/compatible-mode/v1",
    keyVariable: "DASHSCOPE_API_KEY",
    quirks: { maxEmbeddingInputs: 10 }
  },
  together: { baseUrl: "https://api.together.xyz/v1", keyVariable: "TOGETHER_API_KEY" },
  vllm: { baseUrl: "http://127.0.0.1:8000/v1", keyVariable: "VLLM_API_KEY", isKeyOptional: true },
  xai: {
    baseUrl: "https://api.x.ai/v1",
    keyVariable: "XAI_API_KEY",
    quirks: { maxTokensField: () => "max_completion_tokens", images: { types: ["image/png", "image/jpeg"] } }
  }
} as const satisfies Readonly<Record<string, Row>>

/** The name of a vendor in the table. */
export type Vendor = keyof typeof vendors

/** The vendors that cannot be asked without a key. */
export type VendorWithKey = {
  readonly [V in Vendor]: (typeof vendors)[V] extends { readonly isKeyOptional: true } ? never : V
}[Vendor]
