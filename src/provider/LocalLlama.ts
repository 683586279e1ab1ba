/**
 * A model on this machine, in this process: a GGUF file, run by llama.cpp through the optional package `node-llama-cpp`.
 * Needs no key and no `HttpClient`. The model is in memory as long as the layer; its calls share it.
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as ChatRequest from "../ChatRequest.js"
import { LlmClient, type Service } from "../LlmClient.js"
import { Tokenizer } from "../Tokenizer.js"
import * as LocalLlamaClient from "./LocalLlamaClient.js"
import type { OnProgress } from "./LocalLlamaDownload.js"
import type { Import } from "./LocalLlamaEngine.js"
import { load, LocalModel } from "./LocalLlamaModel.js"
import * as LocalLlamaTokenizer from "./LocalLlamaTokenizer.js"
import * as Settings from "./Settings.js"

export type { OnProgress, Progress } from "./LocalLlamaDownload.js"
export { LocalModel } from "./LocalLlamaModel.js"

/**
 * - `model`: a GGUF file, or `hf:owner/model:Q4_K_M`, `hf:owner/model/file.gguf` or the URL of one, which is downloaded
 *   once. Requests that name a model must name its file without `.gguf`, or the URI
 * - `modelsDirectory`: where downloads are kept. Default: `.node-llama-cpp/models` in the home folder
 * - `token`: of Hugging Face, for models that need one
 * - `endpoint`: a mirror of Hugging Face. Default: `https://huggingface.co`
 * - `downloadTimeout`: how long a download may stand still. Default: 1 minute
 * - `onProgress`: hears how far the loading is. Default: a line in the log at every tenth of a download
 * - `contextSize`: the most tokens of one call, prompt and answer together; the engine rounds it up to a multiple of 256.
 *   Default: 4096, or what the model was trained with, if that is less
 * - `gpu`: default `auto`, the best there is; `false` is the CPU alone
 * - `threads`: default: one for each core
 * - `sequences`: how many calls are answered at a time; each has a context of its own. Default: 1
 * - `maxQueue`: how many more may wait; beyond that, calls fail as `Overloaded`. Default: 64
 * - `chatTemplate`: a Jinja template in place of the model's own; `auto` leaves it to the engine, which knows some families
 *   better than their templates say (gpt-oss), and adds a system message to others
 * - `promptCache`: keep what was read, so that a conversation that goes on is not read again; answers to equal requests
 *   may then differ where two tokens are as good as equal. Default: false
 * - `defaults`: settings for every request that has none of its own
 * - `engine`: gives the package `node-llama-cpp`, where it cannot be imported by its name. Default: imports it
 */
export interface Options {
  readonly model: string
  readonly modelsDirectory?: string | undefined
  readonly token?: Redacted.Redacted | undefined
  readonly endpoint?: string | undefined
  readonly downloadTimeout?: Duration.DurationInput | undefined
  readonly onProgress?: OnProgress | undefined
  readonly contextSize?: number | undefined
  readonly gpu?: "auto" | "metal" | "cuda" | "vulkan" | false | undefined
  readonly threads?: number | undefined
  readonly sequences?: number | undefined
  readonly maxQueue?: number | undefined
  readonly chatTemplate?: string | undefined
  readonly promptCache?: boolean | undefined
  readonly defaults?: ChatRequest.Settings | undefined
  readonly engine?: Import | undefined
}

/** The same where configuration has the rest. */
export type ConfigOptions = { readonly [Name in keyof Options]?: Options[Name] | undefined }

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
