/**
 * A Llama model of Meta's behind an online endpoint of Azure Machine Learning.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as ChatRequest from "../ChatRequest.js"
import { LlmClient, type Service } from "../LlmClient.js"
import { InvalidRequest, type LlmError, notSent } from "../LlmError.js"
import * as AzureMlScore from "../wire/AzureMlScore.js"
import type { Origin } from "../wire/Wire.js"
import * as HttpProvider from "./HttpProvider.js"
import * as Settings from "./Settings.js"

/**
 * - `endpoint`: the scoring URL, whole, such as `https://NAME.REGION.inference.ml.azure.com/score`; https, unless it is on
 *   this machine
 * - `model`: the deployment behind the endpoint, for requests that name none
 * - `headers`: sent with every request
 * - `defaults`: settings for every request that has none of its own
 */
export interface Options {
  readonly endpoint: string
  readonly apiKey: Redacted.Redacted
  readonly model: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly defaults?: ChatRequest.Settings | undefined
}

// --- Authentication ----------------------------------------------------------

const fitsHeader = (model: string): boolean => /^[\x20-\x7e]+$/.test(model)

/** One URL serves all deployments: a header tells them apart. */
const headersWith =
  (apiKey: Redacted.Redacted, headers: Options["headers"]) =>
  (origin: Origin): Effect.Effect<HttpProvider.Headers, LlmError> =>
    fitsHeader(origin.model)
      ? Effect.succeed({
          ...headers,
          authorization: `Bearer ${Redacted.value(apiKey)}`,
          "azureml-model-deployment": origin.model
        })
      : Effect.fail(
          new InvalidRequest({
            ...origin,
            ...notSent,
            param: "model",
            message: "the model's name fits into no header"
          })
        )

// --- Client and layers -------------------------------------------------------

/** What the settings are called in errors, and where they are read from. */
export interface Names {
  readonly endpoint: string
  readonly apiKey: string
  readonly model: string
}

const names: Names = { endpoint: "endpoint", apiKey: "apiKey", model: "model" }

/** The names that `layerConfig` reads, unless it is given others. */
export const variables: Names = { endpoint: "LLAMA_ENDPOINT", apiKey: "LLAMA_API_KEY", model: "LLAMA_MODEL" }

const makeNamed = (
  { defaults, headers, ...options }: Options,
  named: Names
): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const apiKey = yield* Settings.key(named.apiKey, options.apiKey)
    // As it was given: a slash at its end may belong to it.
    const endpoint = yield* Effect.map(
      Settings.secureUrl(named.endpoint, options.endpoint),
      () => new URL(options.endpoint).href
    )
    const model = yield* Settings.name(named.model, options.model)
    if (!fitsHeader(model)) {
      return yield* Effect.fail(
        ConfigError.InvalidData([named.model], "the model's name goes into a header: ASCII only")
      )
    }
    return yield* HttpProvider.make({
      provider: "azure-meta-llama",
      model,
      wire: AzureMlScore.wire,
      url: () => endpoint,
      headers: headersWith(apiKey, yield* Settings.headers(headers ?? {})),
      secrets: [apiKey],
      defaults
    })
  })

/** A client from options. Fails with a `ConfigError` that names the wrong one. */
export const make = (options: Options): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  makeNamed(options, names)

/**
 * `LlmClient` from options. Fails with a `ConfigError` that names the wrong one. A stream gives the whole text as one
 * delta, as the endpoint does not stream; embeddings, tools and images are an `UnsupportedFeature`; `usage` is not known;
 * `providerOptions` stand among the settings of the call.
 */
export const layer = (options: Options): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(LlmClient, make(options))

/**
 * `LlmClient` from configuration: `LLAMA_ENDPOINT`, `LLAMA_API_KEY` and `LLAMA_MODEL`, or the names given as `variables`.
 * Options given here stand before the configuration's. Fails with a `ConfigError` that names the missing or malformed
 * variable.
 */
export const layerConfig = (
  options: Partial<Options> & { readonly variables?: Partial<Names> | undefined } = {}
): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(
    LlmClient,
    Effect.gen(function* () {
      const named = { ...variables, ...options.variables }
      return yield* makeNamed(
        {
          ...options,
          endpoint: options.endpoint ?? (yield* Settings.required(named.endpoint, Config.string(named.endpoint))),
          apiKey: options.apiKey ?? (yield* Settings.required(named.apiKey, Config.redacted(named.apiKey))),
          model: options.model ?? (yield* Settings.required(named.model, Config.string(named.model)))
        },
        named
      )
    })
  )
