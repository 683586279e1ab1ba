/**
 * What is to know of each provider, to choose it by name: a row each.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as ConfigError from "effect/ConfigError"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as ChatRequest from "../ChatRequest.js"
import { LlmClient } from "../LlmClient.js"
import * as Anthropic from "./Anthropic.js"
import * as AzureMetaLlama from "./AzureMetaLlama.js"
import * as AzureOpenAi from "./AzureOpenAi.js"
import * as BearerClient from "./BearerClient.js"
import * as Gemini from "./Gemini.js"
import * as HuggingFace from "./HuggingFace.js"
import * as OpenAi from "./OpenAi.js"
import * as OpenAiCompatible from "./OpenAiCompatible.js"
import * as Zhipu from "./Zhipu.js"

/**
 * What any provider may be given, in words that all share. What is left out comes from the provider's own variables.
 * - `apiKey`, or `apiKeyVariable`: the name of the variable that holds it, where that is not the provider's own
 * - `model`, `embeddingModel`: of requests that name none; for Azure OpenAI the deployments
 * - `baseUrl`: for Azure the endpoint
 * - `apiVersion`: of Azure OpenAI
 * - `headers`: sent with every request
 * - `defaults`: settings for every request that has none of its own
 */
export interface Options {
  readonly apiKey?: Redacted.Redacted | undefined
  readonly apiKeyVariable?: string | undefined
  readonly model?: string | undefined
  readonly embeddingModel?: string | undefined
  readonly baseUrl?: string | undefined
  readonly apiVersion?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly defaults?: ChatRequest.Settings | undefined
}

/** The variable of each option that a provider reads; one that is not here, it does not take. */
export interface Variables {
  readonly apiKey?: string
  readonly model?: string
  readonly embeddingModel?: string
  readonly baseUrl?: string
  readonly apiVersion?: string
}

/** - `variables`: left out, the provider is given whatever options there are */
export interface Provider<E = ConfigError.ConfigError, R = HttpClient.HttpClient> {
  readonly variables?: Variables
  readonly layerConfig: (options: Options) => Layer.Layer<LlmClient, E, R>
}

/** Without what is `undefined`, where the providers' options must be there or not. */
const given = ({ apiKey, model, ...rest }: Options): Omit<Options, "apiKey" | "model"> & Given => ({
  ...rest,
  ...(apiKey !== undefined && { apiKey }),
  ...(model !== undefined && { model })
})

interface Given {
  readonly apiKey?: Redacted.Redacted
  readonly model?: string
}

const ofVendor = (vendor: OpenAiCompatible.Vendor): Provider => ({
  variables: OpenAiCompatible.variablesOf(vendor),
  layerConfig: (options) => OpenAiCompatible.layerConfig(vendor, given(options))
})

const anyServer: BearerClient.DataSheet = {
  provider: "openai-compatible",
  baseUrl: undefined,
  needsKey: () => false,
  quirks: () => ({})
}

const variablesOfAnyServer: BearerClient.Names = {
  apiKey: "OPENAI_COMPATIBLE_API_KEY",
  model: "OPENAI_COMPATIBLE_MODEL",
  embeddingModel: "OPENAI_COMPATIBLE_EMBEDDING_MODEL",
  baseUrl: "OPENAI_COMPATIBLE_BASE_URL"
}

const own = {
  openai: { variables: OpenAi.variables, layerConfig: (options) => OpenAi.layerConfig(given(options)) },
  "azure-openai": {
    variables: {
      apiKey: AzureOpenAi.variables.apiKey,
      model: AzureOpenAi.variables.deployment,
      embeddingModel: AzureOpenAi.variables.embeddingDeployment,
      baseUrl: AzureOpenAi.variables.endpoint,
      apiVersion: AzureOpenAi.variables.apiVersion
    },
    layerConfig: ({ apiKey, apiVersion, baseUrl, defaults, embeddingModel, headers, model }) =>
      AzureOpenAi.layerConfig({
        ...(model !== undefined && { deployment: model }),
        ...(baseUrl !== undefined && { endpoint: baseUrl }),
        embeddingDeployment: embeddingModel,
        apiKey,
        apiVersion,
        headers,
        defaults
      })
  },
  "azure-meta-llama": {
    variables: {
      apiKey: AzureMetaLlama.variables.apiKey,
      model: AzureMetaLlama.variables.model,
      baseUrl: AzureMetaLlama.variables.endpoint
    },
    layerConfig: ({ baseUrl, ...options }) =>
      AzureMetaLlama.layerConfig({ ...given(options), ...(baseUrl !== undefined && { endpoint: baseUrl }) })
  },
  anthropic: { variables: Anthropic.variables, layerConfig: (options) => Anthropic.layerConfig(given(options)) },
  gemini: { variables: Gemini.variables, layerConfig: (options) => Gemini.layerConfig(given(options)) },
  zhipu: { variables: Zhipu.variables, layerConfig: (options) => Zhipu.layerConfig(given(options)) },
  "hugging-face": {
    variables: HuggingFace.variables,
    layerConfig: (options) => HuggingFace.layerConfig(given(options))
  },
  "openai-compatible": {
    variables: variablesOfAnyServer,
    layerConfig: (options) =>
      Layer.effect(LlmClient, BearerClient.fromConfig(anyServer, given(options), variablesOfAnyServer))
  }
} as const satisfies Readonly<Record<string, Provider>>

/** The name of a provider that comes with this package. */
export type Name = keyof typeof own | OpenAiCompatible.Vendor

/** All providers of this package: those with a module of their own, and the vendors of `OpenAiCompatible`. */
export const all: Readonly<Record<string, Provider>> = {
  ...own,
  ...Object.fromEntries(OpenAiCompatible.vendorNames.map((vendor) => [vendor, ofVendor(vendor)]))
}
