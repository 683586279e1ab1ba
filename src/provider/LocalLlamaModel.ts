/**
 * A model in memory: its weights, its tokenizer, its template, and the sequences that calls share. It lives as long as the
 * scope that it is loaded in.
 */
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as os from "node:os"
import * as Connection from "./Connection.js"
import * as LocalLlamaDownload from "./LocalLlamaDownload.js"
import * as LocalLlamaEngine from "./LocalLlamaEngine.js"
import * as LocalLlamaFile from "./LocalLlamaFile.js"
import { Line } from "./LocalLlamaLine.js"

/** What is in memory. Made by `load`; given to calls. */
export interface Loaded {
  /** What the model is called in answers and errors. */
  readonly name: string
  /** The most tokens of one call, prompt and answer together. */
  readonly contextSize: number
  readonly engine: LocalLlamaEngine.Engine
  readonly llama: LocalLlamaEngine.Llama
  readonly model: LocalLlamaEngine.Model
  /** The model's template. */
  readonly wrapper: LocalLlamaEngine.ChatWrapper
  readonly sequences: Line<LocalLlamaEngine.Sequence>
  /** Whether sequences keep what they have read. */
  readonly promptCache: boolean
  /** How much of a prompt is read at once: an interruption waits for no more. */
  readonly pieceSize: number
  /** The one place where texts become vectors; loaded at the first use. */
  readonly embedding: Effect.Effect<LocalLlamaEngine.EmbeddingContext, unknown>
  readonly embeddings: Line<undefined>
}

/** A model in memory that several layers may share: `LocalLlama.layerModel` loads it. */
export class LocalModel extends Context.Tag("effect-llm/LocalModel")<LocalModel, Loaded>() {}

export interface Options {
  readonly model: string
  readonly modelsDirectory?: string | undefined
  readonly token?: Redacted.Redacted | undefined
  readonly endpoint?: string | undefined
  readonly downloadTimeout: Duration.Duration
  readonly onProgress?: LocalLlamaDownload.OnProgress | undefined
  readonly contextSize?: number | undefined
  readonly gpu?: Gpu | undefined
  readonly threads?: number | undefined
  readonly sequences?: number | undefined
  readonly maxQueue?: number | undefined
  readonly chatTemplate?: string | undefined
  readonly promptCache?: boolean | undefined
  readonly engine?: LocalLlamaEngine.Import | undefined
}

/** What errors call the options. */
export interface Names {
  readonly model: string
  readonly contextSize: string
  readonly chatTemplate: string
}

type Gpu = LocalLlamaEngine.LlamaOptions["gpu"]

type Loading<A> = Effect.Effect<A, ConfigError.ConfigError, Scope.Scope>

const defaultContextSize = 4096

const defaultMaxQueue = 64

/** Lines of the engine that an error quotes. */
const mostSaid = 4

/** Of a prompt on the CPU, which reads some hundred tokens a second. */
const cpuPieceSize = 128

// -----------------------------------------------------------------------------
// Acquiring
// -----------------------------------------------------------------------------

/**
 * Holds what a promise gives until the scope ends. The promise is waited for there, should the loading be interrupted: what
 * it gives then is released as well.
 */
const held = <A>(
  start: (signal: AbortSignal) => Promise<A>,
  release: (value: A) => Promise<void>,
  onFailure: (cause: unknown) => ConfigError.ConfigError
): Loading<A> =>
  Effect.suspend(() => {
    const controller = new AbortController()
    let running: Promise<A> | undefined
    let isWhole = false
    const end = async (): Promise<void> => {
      if (!isWhole) controller.abort()
      await running?.then(release, () => {})
    }
    const started = Effect.tryPromise({
      try: () => {
        running = start(controller.signal)
        return running
      },
      catch: onFailure
    })
    return Effect.zipRight(
      Effect.addFinalizer(() => Effect.promise(end)),
      Effect.tap(started, () => Effect.sync(() => (isWhole = true)))
    )
  })

/** The engine's native part, and what it has said of its last failure. */
interface Started {
  readonly llama: LocalLlamaEngine.Llama
  readonly said: Array<string>
}

/**
 * Started once for a process and its settings, as a library is loaded once: every further start costs a third of a second,
 * and one that ends takes the log of the others along.
 */
const instances = new WeakMap<LocalLlamaEngine.Engine, Map<string, Promise<Started>>>()

const start = async (engine: LocalLlamaEngine.Engine, gpu: Gpu, maxThreads: number): Promise<Started> => {
  const said: Array<string> = []
  const llama = await engine.getLlama({
    // Without it the engine would begin to compile where it finds no binary.
    build: "never",
    gpu,
    maxThreads,
    logger: (level, message) => {
      if (level !== "error" && level !== "fatal") return
      said.push(message.trim())
      said.splice(0, said.length - mostSaid)
    }
  })
  return { llama, said }
}

const started = (
  engine: LocalLlamaEngine.Engine,
  options: Options,
  names: Names
): Effect.Effect<Started, ConfigError.ConfigError> =>
  Effect.tryPromise({
    try: async () => {
      const { gpu = "auto", threads = os.availableParallelism() } = options
      const known = instances.get(engine) ?? new Map<string, Promise<Started>>()
      instances.set(engine, known)
      const key = `${gpu} ${threads}`
      const instance = known.get(key) ?? start(engine, gpu, threads)
      known.set(key, instance)
      try {
        return await instance
      } catch (error) {
        known.delete(key)
        throw error
      }
    },
    catch: (cause) => LocalLlamaEngine.notStarted(names.model, cause)
  })

/** The file, checked: one that is here before the engine is asked for, one from elsewhere when it has come. */
const located = (
  options: Options,
  names: Names,
  report: (progress: LocalLlamaDownload.Progress) => void
): Effect.Effect<readonly [LocalLlamaEngine.Engine, string], ConfigError.ConfigError> =>
  Effect.gen(function* () {
    const { model } = options
    const isUri = LocalLlamaFile.isUri(model)
    if (!isUri) yield* LocalLlamaFile.check(names.model, LocalLlamaFile.pathOf(model))
    const engine = yield* LocalLlamaEngine.load(names.model, options.engine)
    if (!isUri) return [engine, LocalLlamaFile.pathOf(model)]
    const path = yield* LocalLlamaDownload.download(
      engine,
      {
        option: names.model,
        uri: model,
        directory: options.modelsDirectory,
        token: options.token,
        endpoint: options.endpoint,
        timeout: options.downloadTimeout
      },
      report
    )
    yield* LocalLlamaFile.check(names.model, path)
    return [engine, path]
  })

/** Loads a model. Fails with a `ConfigError` that names the option which is at fault. */
export const load = (options: Options, names: Names): Loading<Loaded> =>
  LocalLlamaDownload.reporting(
    options.onProgress ?? LocalLlamaDownload.logged(options.model),
    (report): Loading<Loaded> =>
      Effect.gen(function* () {
        const [engine, modelPath] = yield* located(options, names, report)
        const { llama, said } = yield* started(engine, options, names)
        const notLoaded =
          (name: string) =>
          (cause: unknown): ConfigError.ConfigError => {
            const words = [Connection.wordsOf(cause), ...said.splice(0)].join("; ")
            return ConfigError.InvalidData([name], `the engine does not load ${options.model}: ${words}`)
          }
        const model = yield* held(
          (loadSignal) =>
            llama.loadModel({
              modelPath,
              loadSignal,
              onLoadProgress: (fraction) => report({ _tag: "Load", fraction })
            }),
          (it) => it.dispose(),
          notLoaded(names.model)
        )
        const wrapper = yield* templateOf(engine, model, options.chatTemplate, names)
        const sequences = options.sequences ?? 1
        const { trainContextSize } = model
        const contextSize = options.contextSize ?? Math.min(defaultContextSize, trainContextSize)
        if (contextSize > trainContextSize) {
          // The engine would reserve memory for it, and end the process where there is none.
          const message = `${options.model} was trained with ${trainContextSize} tokens: more than that cannot be used`
          return yield* Effect.fail(ConfigError.InvalidData([names.contextSize], message))
        }
        const context = yield* held(
          (createSignal) => model.createContext({ contextSize, sequences, createSignal }),
          (it) => it.dispose(),
          notLoaded(names.contextSize)
        )
        const maxQueue = options.maxQueue ?? defaultMaxQueue
        const loaded: Loaded = {
          name: LocalLlamaFile.nameOf(options.model),
          contextSize: context.contextSize,
          engine,
          llama,
          model,
          wrapper,
          sequences: new Line(
            Array.from({ length: sequences }, () => context.getSequence()),
            maxQueue
          ),
          promptCache: options.promptCache ?? false,
          pieceSize: llama.gpu === false ? cpuPieceSize : context.batchSize,
          embedding: yield* lazily(() => model.createEmbeddingContext({ contextSize: context.contextSize })),
          embeddings: new Line([undefined], maxQueue)
        }
        return loaded
      })
  )

/** Made at the first use, once for all; disposed of with the scope. A failure is not kept. */
const lazily = <A extends { dispose(): Promise<void> }>(
  start: () => Promise<A>
): Effect.Effect<Effect.Effect<A, unknown>, never, Scope.Scope> =>
  Effect.suspend(() => {
    let running: Promise<A> | undefined
    const once = async (): Promise<A> => {
      running ??= start()
      try {
        return await running
      } catch (error) {
        running = undefined
        throw error
      }
    }
    const dispose = async (): Promise<void> => {
      await running?.then((it) => it.dispose())
    }
    return Effect.as(
      Effect.addFinalizer(() => Effect.ignore(Effect.tryPromise(dispose))),
      Effect.tryPromise({ try: once, catch: (cause) => cause })
    )
  })

/**
 * The template that was given, or the one in the file. Where there is none, the engine's own for the family of the model:
 * which it would use for some others too, and add a system message of its own.
 */
const templateOf = (
  engine: LocalLlamaEngine.Engine,
  model: LocalLlamaEngine.Model,
  given: string | undefined,
  names: Names
): Effect.Effect<LocalLlamaEngine.ChatWrapper, ConfigError.ConfigError> =>
  Effect.try({
    try: () => {
      const template = given ?? model.fileInfo.metadata.tokenizer?.chat_template ?? ""
      return given === "auto" || template.trim() === ""
        ? engine.resolveChatWrapper(model, { warningLogs: false, fallbackToOtherWrappersOnJinjaError: false })
        : new engine.JinjaTemplateChatWrapper({ template, tokenizer: model.tokenizer })
    },
    catch: (cause) =>
      ConfigError.InvalidData(
        [names.chatTemplate],
        `the model's chat template cannot be used, give another one: ${Connection.wordsOf(cause)}`
      )
  })
