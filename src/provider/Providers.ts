/**
 * The providers by name, as data: for programs, commands and servers that are told by a configuration whom to call. More of
 * them, of your own, are more data.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { LlmClient } from "../LlmClient.js"
import { all, type Name, type Options, type Provider } from "./ProviderTable.js"
import * as Settings from "./Settings.js"

export { all, type Name, type Options, type Provider, type Variables } from "./ProviderTable.js"

/** Providers by their names. */
export type Registry<E = unknown, R = unknown> = Readonly<Record<string, Provider<E, R>>>

/** What else some of them are called. */
const aliases: Readonly<Record<string, Name>> = {
  azure: "azure-openai",
  huggingface: "hugging-face"
}

type AnyProvider = Provider<unknown, unknown>

/** How the layers of one's own providers fail, beside the `ConfigError`s of all. */
export type ErrorOf<P extends Registry> =
  ReturnType<P[keyof P]["layerConfig"]> extends infer L
    ? L extends Layer.Layer<LlmClient, infer E, unknown>
      ? E
      : never
    : never

/** What the layers of one's own providers need, beside an `HttpClient`. */
export type NeedsOf<P extends Registry> =
  ReturnType<P[keyof P]["layerConfig"]> extends infer L
    ? L extends Layer.Layer<LlmClient, unknown, infer R>
      ? R
      : never
    : never

/**
 * The provider of a name, in upper or lower case, and its name as the registry has it. Fails with a `ConfigError` at `path`
 * that lists all names.
 */
export const find = (
  path: ReadonlyArray<string>,
  name: string,
  more: Registry = {}
): Effect.Effect<readonly [name: string, provider: AnyProvider], ConfigError.ConfigError> => {
  const registry: Registry = { ...all, ...more }
  const plain = name.trim().toLowerCase().replaceAll("_", "-")
  const found = [name, plain, aliases[plain] ?? ""].find((each) => Object.hasOwn(registry, each))
  const provider = found === undefined ? undefined : registry[found]
  return found === undefined || provider === undefined
    ? Effect.fail(
        ConfigError.InvalidData(
          [...path],
          // Without the name itself: what was pasted there might be a key.
          `there is no such provider; there are ${Object.keys(registry).sort().join(", ")}`
        )
      )
    : Effect.succeed([found, provider])
}

const withKey = ({ apiKeyVariable, ...options }: Options): Effect.Effect<Options, ConfigError.ConfigError> =>
  apiKeyVariable === undefined || options.apiKey !== undefined
    ? Effect.succeed(options)
    : Settings.required(apiKeyVariable, Config.redacted(apiKeyVariable)).pipe(
        Effect.flatMap((key) => Settings.key(apiKeyVariable, key)),
        Effect.map((apiKey) => ({ ...options, apiKey }))
      )

/** A provider calls what is wrong by its variable; where it was an option, that is what there is to mend. */
const byOption =
  (options: Options, variables: AnyProvider["variables"] = {}) =>
  (error: unknown): unknown => {
    if (!ConfigError.isConfigError(error) || error._op !== "InvalidData") return error
    const [wrong, ...rest] = error.path
    const option = optionNames.find((each) => options[each] !== undefined && variables[each] === wrong)
    const given = option ?? (variables.apiKey === wrong ? options.apiKeyVariable : undefined)
    return given === undefined ? error : ConfigError.InvalidData([given, ...rest], error.message)
  }

const optionNames = ["apiKey", "model", "embeddingModel", "baseUrl", "apiVersion"] as const

/** The layer of a provider that was found. Fails with a `ConfigError` that names an option which it does not take. */
export const layerOf = (
  name: string,
  { layerConfig, variables }: AnyProvider,
  options: Options
): Layer.Layer<LlmClient, unknown, unknown> => {
  const untaken =
    variables && optionNames.find((option) => options[option] !== undefined && variables[option] === undefined)
  return untaken === undefined
    ? Layer.unwrapEffect(Effect.map(withKey(options), layerConfig)).pipe(Layer.mapError(byOption(options, variables)))
    : Layer.fail(ConfigError.InvalidData([untaken], `${name} takes no ${untaken}`))
}

/**
 * `LlmClient` of the provider of this name; `more` are providers of your own, which stand before those of the same name.
 * Fails with a `ConfigError` that lists the names, or names the missing or malformed option or variable.
 */
export function layer(
  name: Name,
  options?: Options
): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>
export function layer<P extends Registry>(
  name: Name | (keyof NoInfer<P> & string),
  options: Options,
  more: P
): Layer.Layer<LlmClient, ConfigError.ConfigError | ErrorOf<P>, HttpClient.HttpClient | NeedsOf<P>>
export function layer(
  name: string,
  options: Options = {},
  more: Registry = {}
): Layer.Layer<LlmClient, unknown, unknown> {
  return Layer.unwrapEffect(
    Effect.map(find(["provider"], name, more), ([found, provider]) => layerOf(found, provider, options))
  )
}
