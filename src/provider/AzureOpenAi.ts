/**
 * Azure OpenAI: OpenAI's protocol, with deployments of one's own in the place of models.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as ChatRequest from "../ChatRequest.js"
import { LlmClient, type Service } from "../LlmClient.js"
import * as AccessToken from "./AccessToken.js"
import * as Surface from "./AzureOpenAiSurface.js"
import * as HttpProvider from "./HttpProvider.js"
import * as OpenAiApi from "./OpenAiApi.js"
import * as Settings from "./Settings.js"

/**
 * - `endpoint`: of the resource, such as `https://NAME.openai.azure.com`; https, unless it is on this machine
 * - `deployment`: for requests that name none; a `model` that a request names is its deployment
 * - `api`: the protocol of chats, `chat-completions` or `responses`, which is on the v1 surface only. Default:
 *   `chat-completions`
 * - `embeddingDeployment`: the same for embeddings. Default: `deployment`
 * - `apiVersion`: such as `2024-10-21`. Left out, calls go to the v1 surface, which has no dates; `preview` is there, too
 * - `apiKey` or `token`, one of them. The token, such as Entra ID's, is run at every attempt; its failure is an
 *   `AuthenticationFailed`, unless it is an `LlmError` already
 * - `isReasoningModel`: whether a deployment is of a model that refuses `max_tokens` and sampling settings. Default: when
 *   its name says so, as `gpt-5-mini` or `my-o3` do
 * - `headers`: sent with every request
 * - `defaults`: settings for every request that has none of its own
 */
export interface Options {
  readonly endpoint: string
  readonly deployment: string
  readonly api?: OpenAiApi.Api | undefined
  readonly embeddingDeployment?: string | undefined
  readonly apiVersion?: string | undefined
  readonly apiKey?: Redacted.Redacted | undefined
  readonly token?: AccessToken.AccessToken | undefined
  readonly isReasoningModel?: ((deployment: string) => boolean) | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly defaults?: ChatRequest.Settings | undefined
}

// --- Authentication ----------------------------------------------------------

const authentication = (
  options: Pick<Options, "apiKey" | "token" | "headers">,
  named: typeof names
): ReturnType<typeof AccessToken.orKey> => AccessToken.orKey(options, named, (key) => ({ "api-key": key }))

// --- Client and layers -------------------------------------------------------

const names = {
  endpoint: "endpoint",
  deployment: "deployment",
  api: "api",
  embeddingDeployment: "embeddingDeployment",
  apiVersion: "apiVersion",
  apiKey: "apiKey",
  token: "token"
}

/** The names that `layerConfig` reads. */
export const variables: Readonly<typeof names> = {
  endpoint: "AZURE_OPENAI_ENDPOINT",
  deployment: "AZURE_DEPLOYMENT_NAME",
  api: "AZURE_OPENAI_API",
  embeddingDeployment: "AZURE_EMBEDDING_DEPLOYMENT_NAME",
  apiVersion: "OPENAI_API_VERSION",
  apiKey: "AZURE_OPENAI_API_KEY",
  token: "AZURE_OPENAI_AD_TOKEN"
}

const makeNamed = (
  options: Omit<Options, "api"> & { readonly api?: string | undefined },
  named: typeof names
): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const { api, apiVersion, defaults, deployment, embeddingDeployment = deployment } = options
    const endpoint = Surface.resourceOf(yield* Settings.secureUrl(named.endpoint, options.endpoint))
    if (Surface.isTarget(endpoint)) {
      const message = "the URL must end before /openai/: the deployment and the API version have settings of their own"
      return yield* Effect.fail(ConfigError.InvalidData([named.endpoint], message))
    }
    if (apiVersion !== undefined) yield* Settings.name(named.apiVersion, apiVersion)
    const quirks = Surface.quirksOf(apiVersion, options.isReasoningModel)
    const { paths, wire } = yield* OpenAiApi.speak(named.api, api, quirks)
    if (api === "responses" && !Surface.isNewer(apiVersion)) {
      const message = `responses is on the v1 surface only: leave ${named.apiVersion} out`
      return yield* Effect.fail(ConfigError.InvalidData([named.api], message))
    }
    return yield* HttpProvider.make({
      provider: "azure-openai",
      model: yield* Settings.name(named.deployment, deployment),
      embeddingModel: yield* Settings.name(named.embeddingDeployment, embeddingDeployment),
      wire,
      url: Surface.urlAt(endpoint, apiVersion, paths),
      ...(yield* authentication(options, named)),
      defaults
    })
  })

/** A client from options. Fails with a `ConfigError` that names the wrong one. */
export const make = (options: Options): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  makeNamed(options, names)

/** `LlmClient` from options. Fails with a `ConfigError` that names the wrong one. */
export const layer = (options: Options): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(LlmClient, make(options))

/**
 * `LlmClient` from configuration: `AZURE_OPENAI_ENDPOINT`, `AZURE_DEPLOYMENT_NAME`, `AZURE_OPENAI_API_KEY` or
 * `AZURE_OPENAI_AD_TOKEN`, and where they are set `AZURE_OPENAI_API` (`responses`, say), `OPENAI_API_VERSION` and
 * `AZURE_EMBEDDING_DEPLOYMENT_NAME`. Options given here stand before the configuration's. Fails with a `ConfigError` that
 * names the missing or malformed variable.
 */
export const layerConfig = (
  options: Partial<Options> = {}
): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(
    LlmClient,
    Effect.gen(function* () {
      const isAuthenticated = options.apiKey !== undefined || options.token !== undefined
      const read = (variable: string): Config.Config<Redacted.Redacted | undefined> =>
        isAuthenticated ? Config.succeed(undefined) : Settings.optional(undefined, Config.redacted(variable))
      const token = yield* read(variables.token)
      return yield* makeNamed(
        {
          ...options,
          endpoint:
            options.endpoint ?? (yield* Settings.required(variables.endpoint, Config.string(variables.endpoint))),
          deployment:
            options.deployment ?? (yield* Settings.required(variables.deployment, Config.string(variables.deployment))),
          api: yield* Settings.optional<string>(options.api, Config.string(variables.api)),
          embeddingDeployment: yield* Settings.optional(
            options.embeddingDeployment,
            Config.string(variables.embeddingDeployment)
          ),
          apiVersion: yield* Settings.optional(options.apiVersion, Config.string(variables.apiVersion)),
          apiKey: options.apiKey ?? (yield* read(variables.apiKey)),
          token: token === undefined ? options.token : Effect.succeed(yield* Settings.key(variables.token, token))
        },
        variables
      )
    })
  )
