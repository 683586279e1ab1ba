/**
 * A model on this machine, in this process: a GGUF file, run by llama.cpp through the optional package `node-llama-cpp`.
 * Needs no key and no `HttpClient`. The model is in memory as long as the layer; its calls share it.
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as ChatRequest from "../ChatRequest.js"
import { LlmClient, type Service } from "../LlmClient.js"
import { Tokenizer } from "../Tokenizer.js"
import * as LocalLlamaClient from "./LocalLlamaClient.js"
import { load, LocalModel } from "./LocalLlamaModel.js"
import type { ConfigOptions, Options } from "./LocalLlamaOptions.js"
import * as LocalLlamaTokenizer from "./LocalLlamaTokenizer.js"
import * as Settings from "./Settings.js"

export type { OnProgress, Progress } from "./LocalLlamaDownload.js"
export type { ConfigOptions, Options } from "./LocalLlamaOptions.js"
export { LocalModel } from "./LocalLlamaModel.js"

// --- Model -------------------------------------------------------------------

const names = {
  model: "model",
  modelsDirectory: "modelsDirectory",
  token: "token",
  endpoint: "endpoint",
  contextSize: "contextSize",
  gpu: "gpu",
  threads: "threads",
  sequences: "sequences",
  maxQueue: "maxQueue",
  chatTemplate: "chatTemplate"
}

const variables: typeof names = {
  ...names,
  model: "LOCAL_LLAMA_MODEL",
  modelsDirectory: "LOCAL_LLAMA_MODELS_DIRECTORY",
  token: "HF_TOKEN",
  endpoint: "HF_ENDPOINT",
  contextSize: "LOCAL_LLAMA_CONTEXT_SIZE",
  gpu: "LOCAL_LLAMA_GPU",
  threads: "LOCAL_LLAMA_THREADS",
  sequences: "LOCAL_LLAMA_SEQUENCES",
  maxQueue: "LOCAL_LLAMA_MAX_QUEUE"
}

type Loading<A> = Effect.Effect<A, ConfigError.ConfigError, Scope.Scope>

const wholeNumber = (
  name: string,
  value: number | undefined,
  least: number
): Effect.Effect<void, ConfigError.ConfigError> =>
  value === undefined || (Number.isInteger(value) && value >= least)
    ? Effect.void
    : Effect.fail(ConfigError.InvalidData([name], `this must be a whole number of at least ${least}, not ${value}`))

const loadNamed = (options: Options, named: typeof names): Loading<LocalModel["Type"]> =>
  Effect.gen(function* () {
    yield* Settings.name(named.model, options.model)
    const { endpoint, token } = options
    if (token !== undefined) yield* Settings.key(named.token, token)
    if (endpoint !== undefined) {
      yield* token === undefined
        ? Settings.baseUrl(named.endpoint, endpoint)
        : Settings.secureUrl(named.endpoint, endpoint)
    }
    yield* wholeNumber(named.contextSize, options.contextSize, 1)
    yield* wholeNumber(named.threads, options.threads, 1)
    yield* wholeNumber(named.sequences, options.sequences, 1)
    yield* wholeNumber(named.maxQueue, options.maxQueue, 0)
    const downloadTimeout = Duration.decode(options.downloadTimeout ?? "1 minute")
    return yield* load({ ...options, downloadTimeout }, named)
  })

const gpuOf = (word: "auto" | "metal" | "cuda" | "vulkan" | "false"): Options["gpu"] =>
  word === "false" ? false : word

const fromConfig = (options: ConfigOptions): Effect.Effect<Options, ConfigError.ConfigError> =>
  Effect.gen(function* () {
    const { optional } = Settings
    const gpu = Config.map(Config.literal("auto", "metal", "cuda", "vulkan", "false")(variables.gpu), gpuOf)
    return {
      ...options,
      model: options.model ?? (yield* Config.string(variables.model)),
      modelsDirectory: yield* optional(options.modelsDirectory, Config.string(variables.modelsDirectory)),
      token: yield* optional(options.token, Config.redacted(variables.token)),
      endpoint: yield* optional(options.endpoint, Config.string(variables.endpoint)),
      contextSize: yield* optional(options.contextSize, Config.integer(variables.contextSize)),
      gpu: yield* optional(options.gpu, gpu),
      threads: yield* optional(options.threads, Config.integer(variables.threads)),
      sequences: yield* optional(options.sequences, Config.integer(variables.sequences)),
      maxQueue: yield* optional(options.maxQueue, Config.integer(variables.maxQueue))
    }
  })

// --- Client and layers -------------------------------------------------------

const clientOf = (model: LocalModel["Type"], defaults: ChatRequest.Settings | undefined): Service =>
  LocalLlamaClient.make(model, defaults)

/** A client of a model that is in memory as long as the scope. Fails with a `ConfigError` that names the wrong option. */
export const make = (options: Options): Loading<Service> =>
  Effect.map(loadNamed(options, names), (model) => clientOf(model, options.defaults))

/**
 * `LlmClient` of a model in memory. Fails with a `ConfigError` that names the wrong option: `model` where there is no such
 * file, where it is cut or no GGUF file, and where the package is not installed, which says what to install.
 */
export const layer = (options: Options): Layer.Layer<LlmClient, ConfigError.ConfigError> =>
  Layer.scoped(LlmClient, make(options))

/**
 * `LlmClient` from configuration: `LOCAL_LLAMA_MODEL`, and where they are set `LOCAL_LLAMA_MODELS_DIRECTORY`,
 * `LOCAL_LLAMA_CONTEXT_SIZE`, `LOCAL_LLAMA_GPU`, `LOCAL_LLAMA_THREADS`, `LOCAL_LLAMA_SEQUENCES`, `LOCAL_LLAMA_MAX_QUEUE`,
 * `HF_TOKEN` and `HF_ENDPOINT`. Options given here stand before the configuration's. Fails with a `ConfigError` that names
 * the missing or malformed variable.
 */
export const layerConfig = (options: ConfigOptions = {}): Layer.Layer<LlmClient, ConfigError.ConfigError> =>
  Layer.scoped(
    LlmClient,
    Effect.flatMap(fromConfig(options), (resolved) =>
      Effect.map(loadNamed(resolved, variables), (model) => clientOf(model, resolved.defaults))
    )
  )

/** A model in memory, for `layerClient` and `layerTokenizer` to share. */
export const layerModel = (options: Options): Layer.Layer<LocalModel, ConfigError.ConfigError> =>
  Layer.scoped(LocalModel, loadNamed(options, names))

/** `LlmClient` of a model that is in memory already. */
export const layerClient = (options: Pick<Options, "defaults"> = {}): Layer.Layer<LlmClient, never, LocalModel> =>
  Layer.effect(
    LlmClient,
    Effect.map(LocalModel, (model) => clientOf(model, options.defaults))
  )

/** `Tokenizer` of a model that is in memory already: its counts are exact, template and tools included. */
export const layerTokenizer: Layer.Layer<Tokenizer, never, LocalModel> = Layer.effect(
  Tokenizer,
  Effect.map(LocalModel, (model) => LocalLlamaTokenizer.make(model, LocalLlamaClient.originOf(model)))
)

/** `LlmClient` and `Tokenizer` of one model in memory. */
export const layerWithTokenizer = (options: Options): Layer.Layer<LlmClient | Tokenizer, ConfigError.ConfigError> =>
  Layer.provide(Layer.merge(layerClient(options), layerTokenizer), layerModel(options))
