/**
 * What each provider can do, as data: `Capabilities.test.ts` asks the provider itself, over the Simulator, and compares
 * the README's tables with it.
 */
import type { HttpClient } from "@effect/platform"
import { type ConfigError, type Layer, Redacted } from "effect"
import {
  Anthropic,
  AzureMetaLlama,
  AzureOpenAi,
  type ChatRequest,
  Gemini,
  HuggingFace,
  type LlmClient,
  OpenAi,
  OpenAiCompatible,
  Zhipu
} from "effect-llm"

export interface Capabilities {
  /** `pieces`: as it is generated; `whole`: one delta. */
  readonly streaming: "pieces" | "whole"
  readonly tools: boolean
  readonly images: boolean
  readonly jsonSchema: boolean
  /** The most texts of one request; 0: no embeddings. */
  readonly embeddings: number
  /** Whether a reasoning model is told its effort, and whether its thoughts are parts of the answer. */
  readonly reasoning: "no" | "effort" | "effort and thoughts"
}

export interface Subject extends Capabilities {
  /** As the README calls it. */
  readonly provider: string
  /** Of `OpenAiCompatible`. */
  readonly vendor?: OpenAiCompatible.Vendor
  readonly layer: Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>
  /** One that thinks. */
  readonly reasoningModel: string
  /** What asks for its thoughts, where an effort alone does not. */
  readonly reasoningOptions?: ChatRequest.ChatRequest["providerOptions"]
  /** The same provider where it has that model, if that is elsewhere. */
  readonly reasoningLayer?: Subject["layer"]
}

const apiKey = Redacted.make("id.secret")

const simulator = "http://simulator.invalid"

/** Where the Simulator has a path for a vendor, with the models that are there; the others are at OpenAI's. */
const places: Readonly<Record<string, { readonly path: string; readonly model: string; readonly thinks: string }>> = {
  deepseek: { path: "/deepseek/v1", model: "deepseek-chat", thinks: "deepseek-reasoner" },
  groq: { path: "/groq/openai/v1", model: "llama-3.3-70b-versatile", thinks: "openai/gpt-oss-20b" },
  mistral: { path: "/mistral/v1", model: "mistral-small-latest", thinks: "magistral-small-latest" },
  moonshot: { path: "/moonshot/v1", model: "kimi-k2-thinking", thinks: "kimi-k2-thinking" }
}

const thinker = { path: "/deepseek/v1", thinks: "deepseek-reasoner" }

const embeddingModels: Readonly<Record<string, string>> = { mistral: "mistral-embed" }

const everything: Capabilities = {
  streaming: "pieces",
  tools: true,
  images: true,
  jsonSchema: true,
  embeddings: 256,
  reasoning: "effort and thoughts"
}

const compatible = (vendor: OpenAiCompatible.Vendor, limits: Partial<Capabilities> = {}): Subject => {
  const place = places[vendor] ?? { path: "/v1", model: "gpt-4.1-mini", thinks: thinker.thinks }
  return {
    provider: "OpenAiCompatible",
    vendor,
    layer: OpenAiCompatible.layer({
      vendor,
      apiKey,
      model: place.model,
      embeddingModel: embeddingModels[vendor] ?? "text-embedding-3-small",
      baseUrl: simulator + place.path
    }),
    reasoningModel: place.thinks,
    // OpenAI's models, which stand for those of the vendors without a path of their own, keep their thoughts.
    reasoningLayer: OpenAiCompatible.layer({
      vendor,
      apiKey,
      model: place.thinks,
      baseUrl: simulator + (vendor in places ? place : thinker).path
    }),
    ...everything,
    ...limits
  }
}

export const subjects: ReadonlyArray<Subject> = [
  {
    provider: "OpenAi",
    layer: OpenAi.layer({ apiKey, model: "gpt-4.1-mini" }),
    reasoningModel: "o3-mini",
    ...everything,
    embeddings: 2048,
    reasoning: "effort"
  },
  {
    provider: 'OpenAi with api: "responses"',
    layer: OpenAi.layer({ apiKey, model: "gpt-4.1-mini", api: "responses" }),
    reasoningModel: "o3-mini",
    reasoningOptions: { reasoning: { summary: "auto" } },
    ...everything,
    embeddings: 2048
  },
  {
    provider: "AzureOpenAi",
    layer: AzureOpenAi.layer({
      apiKey,
      endpoint: "https://acme.openai.azure.com",
      deployment: "gpt-4.1-mini",
      embeddingDeployment: "text-embedding-3-small"
    }),
    reasoningModel: "o3-mini",
    ...everything,
    embeddings: 2048,
    reasoning: "effort"
  },
  {
    provider: "AzureMetaLlama",
    layer: AzureMetaLlama.layer({
      apiKey,
      endpoint: "https://acme.inference.ml.azure.com/score",
      model: "Meta-Llama-3.1-70B-Instruct"
    }),
    reasoningModel: "Meta-Llama-3.1-70B-Instruct",
    streaming: "whole",
    tools: false,
    images: false,
    jsonSchema: false,
    embeddings: 0,
    reasoning: "no"
  },
  {
    provider: "Anthropic",
    layer: Anthropic.layer({ apiKey, model: "claude-sonnet-4-5" }),
    reasoningModel: "claude-sonnet-4-5",
    ...everything,
    embeddings: 0
  },
  {
    provider: "Gemini",
    layer: Gemini.layer({ apiKey, model: "gemini-2.5-flash" }),
    reasoningModel: "gemini-2.5-flash",
    ...everything,
    embeddings: 100
  },
  {
    provider: "Zhipu",
    layer: Zhipu.layer({ apiKey, model: "glm-4.6" }),
    reasoningModel: "glm-4.6",
    ...everything,
    jsonSchema: false,
    embeddings: 64
  },
  {
    provider: "HuggingFace",
    layer: HuggingFace.layer({
      apiKey,
      baseUrl: `${simulator}/huggingface/v1`,
      model: "meta-llama/Llama-3.3-70B-Instruct",
      embeddingModel: "BAAI/bge-embed"
    }),
    reasoningModel: thinker.thinks,
    reasoningLayer: HuggingFace.layer({ apiKey, baseUrl: simulator + thinker.path, model: thinker.thinks }),
    ...everything,
    embeddings: 32
  },
  compatible("cerebras", { images: false, embeddings: 0 }),
  compatible("deepseek", { images: false, jsonSchema: false, embeddings: 0 }),
  compatible("fireworks"),
  compatible("groq", { embeddings: 0 }),
  compatible("llama-cpp"),
  compatible("lm-studio"),
  compatible("mistral"),
  compatible("moonshot", { embeddings: 0 }),
  compatible("ollama"),
  compatible("openrouter"),
  compatible("qwen", { embeddings: 10 }),
  compatible("together"),
  compatible("vllm"),
  compatible("xai")
]

/** The name of a subject in a test. */
export const nameOf = ({ provider, vendor }: Subject): string =>
  vendor === undefined ? provider : `${provider} ${vendor}`
