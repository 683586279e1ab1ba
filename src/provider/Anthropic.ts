/**
 * Anthropic, and whatever speaks its messages protocol at another base URL.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as ChatRequest from "../ChatRequest.js"
import { LlmClient, type Service } from "../LlmClient.js"
import type * as Messages from "../wire/Messages.js"
import * as HttpProvider from "./HttpProvider.js"
import * as Settings from "./Settings.js"

/**
 * - `model`: for requests that name none
 * - `baseUrl`: with or without its `/v1`. Default `https://api.anthropic.com`
 * - `headers`: sent with every request, such as `anthropic-beta`
 * - `defaults`: settings for every request that has none of its own
 *
 * Anthropic demands a limit of generated tokens. A request without `maxTokens` is sent with 4096, or 16,384 to the models
 * that think by themselves, and what its `reasoningEffort` may take on top. There are no embeddings.
 */
export interface Options {
  readonly apiKey: Redacted.Redacted
  readonly model: string
  readonly baseUrl?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly defaults?: ChatRequest.Settings | undefined
}

// --- Endpoint ----------------------------------------------------------------

const defaultBaseUrl = "https://api.anthropic.com"

const version = "2023-06-01"

// --- Quirks ------------------------------------------------------------------

const newest: Messages.ModelTraits = {
  thinking: "adaptive",
  greatestEffort: "xhigh",
  sampling: "none",
  takesSchemas: true,
  defaultMaxTokens: 16_384
}

const oldest: Messages.ModelTraits = {
  thinking: "none",
  greatestEffort: "max",
  sampling: "both",
  takesSchemas: false,
  defaultMaxTokens: 4096
}

/** By the first pattern that fits: the generations that are known, then all later ones, then other makers' models. */
const generations: ReadonlyArray<readonly [RegExp, Messages.ModelTraits]> = [
  [/claude-3-7/, { ...oldest, thinking: "budget" }],
  [/claude-(?:3|2|v2|instant)(?:[-.:]|$)/, oldest],
  [/claude-(?:opus|sonnet)-4-6/, { ...newest, greatestEffort: "max", sampling: "one" }],
  [
    /claude-(?:opus|sonnet|haiku)-4-5|claude-opus-4-1/,
    { ...oldest, thinking: "budget", sampling: "one", takesSchemas: true }
  ],
  [/claude-(?:opus|sonnet)-4(?:-0|-\d{8}|[@:]|$)/, { ...oldest, thinking: "budget" }],
  [/claude-/, newest],
  [/(?:)/, { ...oldest, thinking: "budget" }]
]

/** Loaded when a layer is built: an import of effect-llm alone does not pay for it. */
const loadWire = Effect.map(
  Effect.promise(() => import("../wire/Messages.js")),
  ({ make: makeWire }) =>
    makeWire({ traitsOf: (model) => generations.find(([pattern]) => pattern.test(model))?.[1] ?? newest })
)

// --- Client and layers -------------------------------------------------------

const names = { apiKey: "apiKey", model: "model", baseUrl: "baseUrl" }

/** The names that `layerConfig` reads. */
export const variables: Readonly<typeof names> = {
  apiKey: "ANTHROPIC_API_KEY",
  model: "ANTHROPIC_MODEL",
  baseUrl: "ANTHROPIC_BASE_URL"
}

const makeNamed = (
  options: Options,
  named: typeof names
): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const apiKey = yield* Settings.key(named.apiKey, options.apiKey)
    const baseUrl = yield* Settings.baseUrl(named.baseUrl, options.baseUrl ?? defaultBaseUrl)
    const model = yield* Settings.name(named.model, options.model)
    const url = `${baseUrl.replace(/\/v1$/, "")}/v1/messages`
    return yield* HttpProvider.make({
      provider: "anthropic",
      model,
      wire: yield* loadWire,
      url: () => url,
      headers: { "anthropic-version": version, ...options.headers, "x-api-key": Redacted.value(apiKey) },
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
 * `LlmClient` from configuration: `ANTHROPIC_API_KEY`, `ANTHROPIC_MODEL`, and `ANTHROPIC_BASE_URL` where it is set.
 * Options given here stand before the configuration's. Fails with a `ConfigError` that names the missing or malformed
 * variable.
 */
export const layerConfig = (
  options: Partial<Options> = {}
): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(
    LlmClient,
    Effect.gen(function* () {
      const baseUrl = Config.option(Config.string(variables.baseUrl))
      return yield* makeNamed(
        {
          ...options,
          apiKey: options.apiKey ?? (yield* Settings.required(variables.apiKey, Config.redacted(variables.apiKey))),
          model: options.model ?? (yield* Settings.required(variables.model, Config.string(variables.model))),
          baseUrl: options.baseUrl ?? Option.getOrUndefined(yield* baseUrl)
        },
        variables
      )
    })
  )
