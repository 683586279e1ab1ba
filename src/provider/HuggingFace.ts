/**
 * Hugging Face: its router to many providers of inference, and by `baseUrl` a server of one's own, which speaks the same
 * protocol (text-generation-inference, text-embeddings-inference, an inference endpoint).
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as ConfigError from "effect/ConfigError"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LlmClient, type Service } from "../LlmClient.js"
import * as BearerClient from "./BearerClient.js"

/**
 * - `apiKey`: an access token (`hf_…`); a server of one's own may need none
 * - `model`: for requests that name none; the router takes `owner/model`, and `owner/model:provider`
 * - `embeddingModel`: the same for embeddings, which the router does not offer. Default: `model`
 * - `baseUrl`: default `https://router.huggingface.co/v1`; a server's own ends in `/v1`
 * - `headers`: sent with every request
 * - `defaults`: settings for every request that has none of its own
 */
export interface Options extends BearerClient.Options {}

// --- Endpoint ----------------------------------------------------------------

const router = "https://router.huggingface.co/v1"

const sheet: BearerClient.DataSheet = {
  provider: "huggingface",
  baseUrl: router,
  needsKey: (baseUrl) => baseUrl === router,
  // The router has none; 32 are what text-embeddings-inference takes unless it is told otherwise.
  quirks: (baseUrl) => ({ maxEmbeddingInputs: baseUrl === router ? 0 : 32 })
}

// --- Client and layers -------------------------------------------------------

const names: BearerClient.Names = {
  apiKey: "apiKey",
  model: "model",
  embeddingModel: "embeddingModel",
  baseUrl: "baseUrl"
}

/** The names that `layerConfig` reads. */
export const variables: BearerClient.Names = {
  apiKey: "HF_TOKEN",
  model: "HF_MODEL",
  embeddingModel: "HF_EMBEDDING_MODEL",
  baseUrl: "HF_BASE_URL"
}

/** A client from options. Fails with a `ConfigError` that names the missing or malformed one. */
export const make = (options: Options): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  BearerClient.make(sheet, options, names)

/** `LlmClient` from options. Fails with a `ConfigError` that names the missing or malformed one. */
export const layer = (options: Options): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(LlmClient, make(options))

/**
 * `LlmClient` from configuration: `HF_TOKEN` (needed for the router), `HF_MODEL`, and where they are set
 * `HF_EMBEDDING_MODEL` and `HF_BASE_URL`. Options given here stand before the configuration's. Fails with a
 * `ConfigError` that names the missing or malformed variable.
 */
export const layerConfig = (
  options: Partial<Options> = {}
): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(LlmClient, BearerClient.fromConfig(sheet, options, variables))
