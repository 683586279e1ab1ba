/**
 * Zhipu (BigModel), the home of the GLM models.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as ChatRequest from "../ChatRequest.js"
import { LlmClient, type Service } from "../LlmClient.js"
import * as ChatCompletions from "../wire/ChatCompletions.js"
import * as HttpProvider from "./HttpProvider.js"
import * as Settings from "./Settings.js"
import * as ZhipuToken from "./ZhipuToken.js"

/**
 * - `apiKey`: `id.secret`, as the console shows it
 * - `auth`: `jwt` sends short-lived tokens that are signed with the secret, which itself never goes out; `key` sends the
 *   key. Default: `jwt`
 * - `tokenTimeToLive`: how long a token is good for. Default: 60 seconds
 * - `model`: for requests that name none
 * - `embeddingModel`: the same for embeddings. Default: `embedding-3`
 * - `baseUrl`: default `https://open.bigmodel.cn/api/paas/v4`
 * - `headers`: sent with every request
 * - `defaults`: settings for every request that has none of its own
 */
export interface Options {
  readonly apiKey: Redacted.Redacted
  readonly auth?: "jwt" | "key" | undefined
  readonly tokenTimeToLive?: Duration.DurationInput | undefined
  readonly model: string
  readonly embeddingModel?: string | undefined
  readonly baseUrl?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly defaults?: ChatRequest.Settings | undefined
}

// --- Endpoint ----------------------------------------------------------------

const defaultBaseUrl = "https://open.bigmodel.cn/api/paas/v4"

const defaultEmbeddingModel = "embedding-3"

const paths = { chat: "/chat/completions", stream: "/chat/completions", embed: "/embeddings" } as const

// --- Authentication ----------------------------------------------------------

const defaultTimeToLive = "60 seconds"

const bearer = (token: Redacted.Redacted): string => `Bearer ${Redacted.value(token)}`

// --- Quirks ------------------------------------------------------------------

const wire = ChatCompletions.make({
  maxTokensField: () => "max_tokens",
  isReasoningModel: undefined,
  // It comes unasked, on the last chunk.
  asksForUsage: false,
  maxEmbeddingInputs: 64,
  reasoningField: "reasoning_content",
  untaken: ["frequencyPenalty", "presencePenalty"],
  images: { types: ["image/png", "image/jpeg"] },
  takesJsonSchema: false
})

// --- Client and layers -------------------------------------------------------

const names = {
  apiKey: "apiKey",
  model: "model",
  embeddingModel: "embeddingModel",
  baseUrl: "baseUrl"
}

/** The names that `layerConfig` reads. */
export const variables: Readonly<typeof names> = {
  apiKey: "ZHIPUAI_API_KEY",
  model: "ZHIPU_MODEL",
  embeddingModel: "ZHIPU_EMBEDDING_MODEL",
  baseUrl: "ZHIPU_BASE_URL"
}

const makeNamed = (
  options: Options,
  named: typeof names
): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const apiKey = yield* Settings.key(named.apiKey, options.apiKey)
    const credentials = yield* ZhipuToken.credentials(named.apiKey, apiKey)
    const timeToLive = yield* ZhipuToken.timeToLive("tokenTimeToLive", options.tokenTimeToLive ?? defaultTimeToLive)
    const baseUrl = yield* Settings.apiBaseUrl(named.baseUrl, options.baseUrl ?? defaultBaseUrl)
    const model = yield* Settings.name(named.model, options.model)
    const embeddingModel = yield* Settings.name(named.embeddingModel, options.embeddingModel ?? defaultEmbeddingModel)
    const auth = yield* Settings.oneOf("auth", options.auth ?? "jwt", ["jwt", "key"])
    const headers = yield* Settings.headers(options.headers ?? {})
    const token = ZhipuToken.current(credentials, timeToLive)
    return yield* HttpProvider.make({
      provider: "zhipu",
      model,
      embeddingModel,
      wire,
      url: (operation) => baseUrl + paths[operation],
      headers:
        auth === "key"
          ? { ...headers, authorization: bearer(apiKey) }
          : Effect.map(token, (token) => ({ ...headers, authorization: bearer(token) })),
      secrets: [apiKey, credentials.secret],
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
 * `LlmClient` from configuration: `ZHIPUAI_API_KEY`, `ZHIPU_MODEL`, and where they are set `ZHIPU_EMBEDDING_MODEL` and
 * `ZHIPU_BASE_URL`. Options given here stand before the configuration's. Fails with a `ConfigError` that names the
 * missing or malformed variable.
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
