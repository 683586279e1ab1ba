/**
 * A client of the chat-completions family: one base URL, and a key that goes out as it is, as a bearer. What is left to
 * say of such a provider is a `DataSheet`.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as ChatRequest from "../ChatRequest.js"
import type { Service } from "../LlmClient.js"
import * as ChatCompletions from "../wire/ChatCompletions.js"
import * as HttpProvider from "./HttpProvider.js"
import * as Settings from "./Settings.js"

/** What is to know of a provider. */
export interface DataSheet {
  readonly provider: string
  /** `undefined`: the options must say it. */
  readonly baseUrl: string | undefined
  /** Whether the server at a base URL asks for a key. */
  readonly needsKey: (baseUrl: string) => boolean
  /** What the server at a base URL does differently. */
  readonly quirks: (baseUrl: string) => Partial<ChatCompletions.Quirks>
}

export interface Options {
  readonly apiKey?: Redacted.Redacted | undefined
  readonly model: string
  readonly embeddingModel?: string | undefined
  readonly baseUrl?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly defaults?: ChatRequest.Settings | undefined
}

/** What a wrong setting is called: the option, or the variable that it was read from. */
export interface Names {
  readonly apiKey: string
  readonly model: string
  readonly embeddingModel: string
  readonly baseUrl: string
}

const paths = { chat: "/chat/completions", stream: "/chat/completions", embed: "/embeddings" } as const

/** Where a data sheet says nothing else. */
const commonQuirks: ChatCompletions.Quirks = {
  maxTokensField: () => "max_tokens",
  isReasoningModel: undefined,
  asksForUsage: true,
  maxEmbeddingInputs: 256
}

const missing = (name: string, message: string): Effect.Effect<never, ConfigError.ConfigError> =>
  Effect.fail(ConfigError.MissingData([name], message))

export const make = (
  sheet: DataSheet,
  options: Options,
  names: Names
): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const base = options.baseUrl ?? sheet.baseUrl
    if (base === undefined) return yield* missing(names.baseUrl, "there is no base URL")
    const baseUrl = yield* Settings.apiBaseUrl(names.baseUrl, base)
    if (options.apiKey === undefined && sheet.needsKey(baseUrl)) return yield* missing(names.apiKey, "there is no key")
    const apiKey = options.apiKey === undefined ? undefined : yield* Settings.key(names.apiKey, options.apiKey)
    const model = yield* Settings.name(names.model, options.model)
    const embeddingModel = yield* Settings.name(names.embeddingModel, options.embeddingModel ?? model)
    const bearer = apiKey === undefined ? {} : { authorization: `Bearer ${Redacted.value(apiKey)}` }
    return yield* HttpProvider.make({
      provider: sheet.provider,
      model,
      embeddingModel,
      wire: ChatCompletions.make({ ...commonQuirks, ...sheet.quirks(baseUrl) }),
      url: (operation) => baseUrl + paths[operation],
      headers: { ...options.headers, ...bearer },
      secrets: apiKey === undefined ? [] : [apiKey],
      defaults: options.defaults
    })
  })

/** The options that are given, and the others from the variables. */
export const fromConfig = (
  sheet: DataSheet,
  options: Partial<Options>,
  variables: Names
): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    return yield* make(
      sheet,
      {
        ...options,
        apiKey: yield* Settings.optional(options.apiKey, Config.redacted(variables.apiKey)),
        model: options.model ?? (yield* Settings.required(variables.model, Config.string(variables.model))),
        embeddingModel: yield* Settings.optional(options.embeddingModel, Config.string(variables.embeddingModel)),
        baseUrl: yield* Settings.optional(options.baseUrl, Config.string(variables.baseUrl))
      },
      variables
    )
  })
