/**
 * OpenAI, and whatever stands at another base URL and behaves exactly like it.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as ChatRequest from "../ChatRequest.js"
import { LlmClient, type Service } from "../LlmClient.js"
import * as HttpProvider from "./HttpProvider.js"
import * as OpenAiApi from "./OpenAiApi.js"
import * as Settings from "./Settings.js"

/**
 * - `model`: for requests that name none
 * - `api`: the protocol of chats, `chat-completions` or `responses`. The newer one shows what a model thought where that is
 *   asked for, and gives it its thoughts back; it leaves nothing with OpenAI. Default: `chat-completions`
 * - `embeddingModel`: the same for embeddings. Default: `text-embedding-3-small`
 * - `baseUrl`: default `https://api.openai.com/v1`
 * - `organization`, `project`: sent as `OpenAI-Organization` and `OpenAI-Project`
 * - `headers`: sent with every request
 * - `defaults`: settings for every request that has none of its own
 */
export interface Options {
  readonly apiKey: Redacted.Redacted
  readonly model: string
  readonly api?: OpenAiApi.Api | undefined
  readonly embeddingModel?: string | undefined
  readonly baseUrl?: string | undefined
  readonly organization?: string | undefined
  readonly project?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly defaults?: ChatRequest.Settings | undefined
}

// --- Endpoint ----------------------------------------------------------------

const defaultBaseUrl = "https://api.openai.com/v1"

const defaultEmbeddingModel = "text-embedding-3-small"

// --- Quirks ------------------------------------------------------------------

/** The o-series and gpt-5 refuse `max_tokens` and sampling settings; gpt-5-chat is no reasoning model. */
const isReasoningModel = (model: string): boolean => /^(?:ft:)?(?:o[1-9](?:-|:|$)|gpt-5(?!-chat))/.test(model)

// --- Client and layers -------------------------------------------------------

const names = {
  apiKey: "apiKey",
  model: "model",
  api: "api",
  embeddingModel: "embeddingModel",
  baseUrl: "baseUrl",
  organization: "organization",
  project: "project"
}

/** The names that `layerConfig` reads. */
export const variables: Readonly<typeof names> = {
  apiKey: "OPENAI_API_KEY",
  model: "OPENAI_MODEL",
  api: "OPENAI_API",
  embeddingModel: "OPENAI_EMBEDDING_MODEL",
  baseUrl: "OPENAI_BASE_URL",
  organization: "OPENAI_ORGANIZATION",
  project: "OPENAI_PROJECT"
}

const makeNamed = (
  options: Omit<Options, "api"> & { readonly api?: string | undefined },
  named: typeof names
): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const apiKey = yield* Settings.key(named.apiKey, options.apiKey)
    const baseUrl = yield* Settings.apiBaseUrl(named.baseUrl, options.baseUrl ?? defaultBaseUrl)
    const model = yield* Settings.name(named.model, options.model)
    const { paths, wire } = yield* OpenAiApi.speak(named.api, options.api, { isReasoningModel, asksForUsage: true })
    const embeddingModel = yield* Settings.name(named.embeddingModel, options.embeddingModel ?? defaultEmbeddingModel)
    const headers: Record<string, string> = { ...options.headers, authorization: `Bearer ${Redacted.value(apiKey)}` }
    if (options.organization !== undefined) {
      headers["openai-organization"] = yield* Settings.name(named.organization, options.organization)
    }
    if (options.project !== undefined) headers["openai-project"] = yield* Settings.name(named.project, options.project)
    return yield* HttpProvider.make({
      provider: "openai",
      model,
      embeddingModel,
      wire,
      url: (operation) => `${baseUrl}/${paths[operation]}`,
      headers,
      secrets: [apiKey],
      defaults: options.defaults,
      idempotencyHeader: "Idempotency-Key"
    })
  })

/** A client from options. Fails with a `ConfigError` that names the wrong one. */
export const make = (options: Options): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  makeNamed(options, names)

/** `LlmClient` from options. Fails with a `ConfigError` that names the wrong one. */
export const layer = (options: Options): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(LlmClient, make(options))

/**
 * `LlmClient` from configuration: `OPENAI_API_KEY`, `OPENAI_MODEL`, and where they are set
 * `OPENAI_API` (`responses`, say), `OPENAI_EMBEDDING_MODEL`, `OPENAI_BASE_URL`, `OPENAI_ORGANIZATION` and
 * `OPENAI_PROJECT`. Options given here stand before the configuration's. Fails with a `ConfigError` that names the missing
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
          api: yield* Settings.optional<string>(options.api, Config.string(variables.api)),
          embeddingModel: yield* Settings.optional(options.embeddingModel, Config.string(variables.embeddingModel)),
          baseUrl: yield* Settings.optional(options.baseUrl, Config.string(variables.baseUrl)),
          organization: yield* Settings.optional(options.organization, Config.string(variables.organization)),
          project: yield* Settings.optional(options.project, Config.string(variables.project))
        },
        variables
      )
    })
  )
