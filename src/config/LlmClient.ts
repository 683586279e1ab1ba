/**
 * The service as users see it: `../LlmClient.js`, and the layer that a configuration chooses. That one needs all providers
 * and policies, which stand above the service: so it is here, above both.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as ChatRequest from "../ChatRequest.js"
import type { LlmClient } from "../LlmClient.js"
import * as Providers from "../provider/Providers.js"
import * as NamedPolicies from "./NamedPolicies.js"
import type * as NamedSettings from "./NamedSettings.js"

export * from "../LlmClient.js"

/**
 * What stands before the configuration, as `Providers.Options` say, and
 * - `section`: where the file has the settings; a dot nests, and `""` is the top. Default: `OpenAI`
 * - `providers`: more of them, of your own; they stand before those of the same name
 */
export interface ConfigOptions<P extends Providers.Registry = Providers.Registry<never, never>>
  extends Providers.Options {
  readonly section?: string | undefined
  readonly providers?: P | undefined
}

/**
 * `LlmClient` of the provider that `LLM_PROVIDER` names (default: `openai`), by that provider's own variables. Where the
 * configuration has a section `[OpenAI]`, in a file or elsewhere, its names count too, as TinyTroupe has them:
 * - `API_TYPE`: the provider, where `LLM_PROVIDER` is not set
 * - `MODEL`, `EMBEDDING_MODEL`, `AZURE_API_VERSION`: of that provider, where its own variables are not set
 * - `MAX_TOKENS`, `TEMPERATURE`, `TOP_P`, `FREQ_PENALTY`, `PRESENCE_PENALTY`, `REASONING_EFFORT`: settings of all requests
 * - `TIMEOUT`: of each attempt, in seconds
 * - `MAX_CONCURRENT_MODEL_CALLS`: calls at a time
 * - `WAITING_TIME`: seconds between the starts of two calls, and before the first retry
 * - `MAX_ATTEMPTS`, `EXPONENTIAL_BACKOFF_FACTOR`: of retries. One of the three is enough for retries; default: 5 attempts,
 *   0 seconds (the first wait is 2 then), factor 5
 * - `CACHE_API_CALLS`: a cache in memory. `CACHE_FILE_NAME` gets a warning: there is no cache in a file yet
 *
 * Fails with a `ConfigError` that names the wrong or missing one, and says what is allowed.
 */
export function layerFromConfig<P extends Providers.Registry = Providers.Registry<never, never>>(
  options?: ConfigOptions<P>
): Layer.Layer<LlmClient, ConfigError.ConfigError | Providers.ErrorOf<P>, HttpClient.HttpClient | Providers.NeedsOf<P>>
export function layerFromConfig(
  options: ConfigOptions<Providers.Registry> = {}
): Layer.Layer<LlmClient, unknown, unknown> {
  return Layer.unwrapEffect(
    Effect.gen(function* () {
      const { providers, section = "OpenAI", ...given } = options
      // Loaded when a layer is built: an import of effect-llm alone does not pay for it.
      const { read } = yield* Effect.promise(() => import("./NamedSettings.js"))
      const { pathOf, settings } = yield* read(section === "" ? [] : section.split("."))
      const own = yield* Providers.find(pathOf("API_TYPE"), settings.API_TYPE ?? "openai", providers)
      const chosen = yield* Config.option(Config.string("LLM_PROVIDER"))
      const [name, provider] = Option.isSome(chosen)
        ? yield* Providers.find(["LLM_PROVIDER"], chosen.value, providers)
        : own
      // Another provider has other models.
      const said = name === own[0] ? settings : {}
      const choose = (option: "model" | "embeddingModel" | "apiVersion", value: string | undefined) =>
        firstOf(given[option], provider.variables, option, value)
      yield* warnOfFile(settings, pathOf)
      return Providers.layerOf(name, provider, {
        ...given,
        model: yield* choose("model", said.MODEL),
        embeddingModel: yield* choose("embeddingModel", said.EMBEDDING_MODEL),
        apiVersion: yield* choose("apiVersion", said.AZURE_API_VERSION),
        defaults: { ...defaultsOf(settings), ...given.defaults }
      }).pipe(NamedPolicies.around(settings))
    })
  )
}

/**
 * What was given, or what the section says. Nothing, where the provider does not take the option, or will read it from a
 * variable of its own.
 */
const firstOf = (
  given: string | undefined,
  variables: Providers.Variables | undefined,
  option: keyof Providers.Variables,
  said: string | undefined
): Effect.Effect<string | undefined, ConfigError.ConfigError> => {
  if (given !== undefined || said === undefined || variables === undefined) return Effect.succeed(given ?? said)
  const variable = variables[option]
  return variable === undefined
    ? Effect.succeed(undefined)
    : Effect.map(Config.option(Config.string(variable)), (own) => (Option.isSome(own) ? undefined : said))
}

const defaultsOf = (said: NamedSettings.NamedSettings): ChatRequest.Settings => {
  const settings: ChatRequest.Settings = {
    maxTokens: said.MAX_TOKENS ?? said.MAX_COMPLETION_TOKENS,
    temperature: said.TEMPERATURE,
    topP: said.TOP_P,
    frequencyPenalty: said.FREQ_PENALTY,
    presencePenalty: said.PRESENCE_PENALTY,
    reasoningEffort: said.REASONING_EFFORT
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

const warnOfFile = (
  { CACHE_API_CALLS: caches, CACHE_FILE_NAME: file }: NamedSettings.NamedSettings,
  pathOf: NamedSettings.Said["pathOf"]
): Effect.Effect<void> =>
  caches === true && file !== undefined
    ? Effect.logWarning(
        `${pathOf("CACHE_FILE_NAME").join(".")} has no effect: answers are kept in memory, as long as the layer lives; there is no cache in a file yet`
      )
    : Effect.void
