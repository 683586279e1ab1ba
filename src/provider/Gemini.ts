/**
 * Gemini, by Google's own API.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as ChatRequest from "../ChatRequest.js"
import { LlmClient, type Service } from "../LlmClient.js"
import type * as GenerateContent from "../wire/GenerateContent.js"
import * as HttpProvider from "./HttpProvider.js"
import * as Settings from "./Settings.js"

/**
 * - `model`: for requests that name none, such as `gemini-2.5-flash`
 * - `embeddingModel`: the same for embeddings. Default: `gemini-embedding-001`
 * - `baseUrl`: default `https://generativelanguage.googleapis.com`; the version of the API, `/v1beta`, is added unless the
 *   URL ends in one
 * - `headers`: sent with every request
 * - `defaults`: settings for every request that has none of its own
 */
export interface Options {
  readonly apiKey: Redacted.Redacted
  readonly model: string
  readonly embeddingModel?: string | undefined
  readonly baseUrl?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly defaults?: ChatRequest.Settings | undefined
}

// --- Endpoint ----------------------------------------------------------------

const defaultBaseUrl = "https://generativelanguage.googleapis.com"

const defaultEmbeddingModel = "gemini-embedding-001"

const methods = {
  chat: "generateContent",
  stream: "streamGenerateContent?alt=sse",
  embed: "batchEmbedContents"
} as const

/** Google's own lists of models name them with their path. */
const urlAt = (baseUrl: string): HttpProvider.Options["url"] => {
  const versioned = /\/v1(?:alpha|beta)?$/.test(baseUrl) ? baseUrl : `${baseUrl}/v1beta`
  return (operation, model) =>
    `${versioned}/models/${encodeURIComponent(model.replace(/^models\//, ""))}:${methods[operation]}`
}

// --- Quirks ------------------------------------------------------------------

const isGemini3 = (model: string): boolean => /gemini-(?:[3-9]|\d{2})/.test(model)

const neverThinks = (model: string): boolean => /gemini-(?:1\.|2\.0)|gemma|-image/.test(model)

const budgets = { none: 0, minimal: 512, low: 1024, medium: 8192, high: 24_576, xhigh: 24_576 } as const

const levels = {
  none: "minimal",
  minimal: "minimal",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "high"
} as const

/** From Gemini 3 on by a word, before by a budget. The pro models think a little at least; 3.0 knows that and much. */
const thinking: GenerateContent.Quirks["thinking"] = (model, effort) => {
  if (neverThinks(model)) return undefined
  const isPro = /-pro/.test(model)
  if (isGemini3(model)) {
    const level = /gemini-3(?:\.0)?-pro/.test(model) && effort === "medium" ? "high" : levels[effort]
    return { thinkingLevel: isPro && level === "minimal" ? "low" : level }
  }
  return { thinkingBudget: isPro && effort === "none" ? 128 : budgets[effort] }
}

/** Loaded when a layer is built: an import of effect-llm alone does not pay for it. */
const loadWire = Effect.map(
  Effect.promise(() => import("../wire/GenerateContent.js")),
  ({ make: makeWire }) => makeWire({ thinking, wantsSignatures: isGemini3, maxEmbeddingInputs: 100 })
)

// --- Client and layers -------------------------------------------------------

const names = {
  apiKey: "apiKey",
  model: "model",
  embeddingModel: "embeddingModel",
  baseUrl: "baseUrl"
}

/** The names that `layerConfig` reads. */
export const variables: Readonly<typeof names> = {
  apiKey: "GEMINI_API_KEY",
  model: "GEMINI_MODEL",
  embeddingModel: "GEMINI_EMBEDDING_MODEL",
  baseUrl: "GEMINI_BASE_URL"
}

const makeNamed = (
  options: Options,
  named: typeof names
): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const apiKey = yield* Settings.key(named.apiKey, options.apiKey)
    const baseUrl = yield* Settings.baseUrl(named.baseUrl, options.baseUrl ?? defaultBaseUrl)
    return yield* HttpProvider.make({
      provider: "gemini",
      model: yield* Settings.name(named.model, options.model),
      embeddingModel: yield* Settings.name(named.embeddingModel, options.embeddingModel ?? defaultEmbeddingModel),
      wire: yield* loadWire,
      url: urlAt(baseUrl),
      headers: { ...options.headers, "x-goog-api-key": Redacted.value(apiKey) },
      secrets: [apiKey],
      defaults: options.defaults
    })
  })

/** A client from options. Fails with a `ConfigError` that names the wrong one. */
export const make = (options: Options): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  makeNamed(options, names)

/** `LlmClient` from options. Fails with a `ConfigError` that names the wrong one. */
export const layer = (options: Options): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(LlmClient, make(options))

/**
 * `LlmClient` from configuration: `GEMINI_API_KEY`, `GEMINI_MODEL`, and where they are set `GEMINI_EMBEDDING_MODEL` and
 * `GEMINI_BASE_URL`. Options given here stand before the configuration's. Fails with a `ConfigError` that names the missing
 * or malformed variable.
 */
export const layerConfig = (
  options: Partial<Options> = {}
): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(
    LlmClient,
    Effect.gen(function* () {
      return yield* makeNamed(
        {
          ...options,
          apiKey: options.apiKey ?? (yield* Settings.required(variables.apiKey, Config.redacted(variables.apiKey))),
          model: options.model ?? (yield* Settings.required(variables.model, Config.string(variables.model))),
          embeddingModel: yield* Settings.optional(options.embeddingModel, Config.string(variables.embeddingModel)),
          baseUrl: yield* Settings.optional(options.baseUrl, Config.string(variables.baseUrl))
        },
        variables
      )
    })
  )
