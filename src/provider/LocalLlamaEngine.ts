/**
 * What is used of node-llama-cpp, an optional peer: the types of its functions as far as they are called, and the one
 * place that loads it. A test holds these types to those of the package, where it is installed.
 */
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Connection from "./Connection.js"

// -----------------------------------------------------------------------------
// The package
// -----------------------------------------------------------------------------

export interface Engine {
  getLlama(options: LlamaOptions): Promise<Llama>
  resolveChatWrapper(model: Model, options: ChatWrapperOptions): ChatWrapper
  resolveModelFile(uri: string, options: DownloadOptions): Promise<string>
  readonly JinjaTemplateChatWrapper: new (options: { template: string; tokenizer?: Tokenizer }) => ChatWrapper
  readonly LlamaChat: new (options: { contextSequence: Sequence; chatWrapper?: "auto" | ChatWrapper }) => Chat
}

export interface LlamaOptions {
  readonly build: "never"
  readonly gpu: "auto" | "metal" | "cuda" | "vulkan" | false
  readonly maxThreads: number
  readonly logger: (level: string, message: string) => void
}

export interface Llama {
  readonly gpu: string | false
  loadModel(options: {
    modelPath: string
    loadSignal: AbortSignal
    onLoadProgress: (fraction: number) => void
  }): Promise<Model>
  createGrammarForJsonSchema(schema: Schema): Promise<Grammar>
  getGrammarFor(type: "json"): Promise<Grammar>
}

export interface DownloadOptions {
  readonly cli: false
  readonly directory?: string | undefined
  readonly signal: AbortSignal
  readonly tokens?: { huggingFace?: string } | undefined
  readonly endpoints?: { huggingFace?: string } | undefined
  readonly onProgress: (status: { totalSize: number; downloadedSize: number }) => void
}

export interface ChatWrapperOptions {
  readonly warningLogs: false
  readonly fallbackToOtherWrappersOnJinjaError: false
}

export interface Model {
  readonly tokenizer: Tokenizer
  readonly fileInfo: { readonly metadata: { readonly tokenizer?: { readonly chat_template?: string } } }
  readonly trainContextSize: number
  readonly embeddingVectorSize: number
  tokenize(text: string): ReadonlyArray<number>
  detokenize(tokens: ReadonlyArray<number>, specialTokens?: boolean): string
  iterateAllTokens(): Iterable<number>
  createContext(options: { contextSize: number; sequences: number; createSignal: AbortSignal }): Promise<Context>
  createEmbeddingContext(options: { contextSize: number }): Promise<EmbeddingContext>
  dispose(): Promise<void>
}

/** Given back to the engine as it is. */
export interface Tokenizer {
  isSpecialToken(token: number): boolean
}

export interface Context {
  readonly contextSize: number
  readonly batchSize: number
  getSequence(): Sequence
  dispose(): Promise<void>
}

export interface Sequence {
  readonly tokenMeter: { readonly usedInputTokens: number; readonly usedOutputTokens: number }
  readonly nextTokenIndex: number
  compareContextTokens(tokens: ReadonlyArray<number>): { firstDifferentIndex: number }
  adaptStateToTokens(tokens: ReadonlyArray<number>, allowShift: false): Promise<void>
  evaluateWithoutGeneratingNewTokens(tokens: ReadonlyArray<number>): Promise<void>
  clearHistory(): Promise<void>
}

export interface EmbeddingContext {
  calculateInputLength(text: string): number
  getEmbeddingFor(text: string): Promise<{ readonly vector: ReadonlyArray<number> }>
  dispose(): Promise<void>
}

/** A JSON Schema in the engine's part of that language. */
export interface Schema {
  readonly [keyword: string]: unknown
}

/** Given back to the engine as it is. */
export interface Grammar {
  readonly grammar: string
}

export interface Functions {
  readonly [name: string]: { readonly description?: string | undefined; readonly params?: Schema | null | undefined }
}

export type HistoryItem =
  | { readonly type: "system"; readonly text: unknown }
  | { readonly type: "user"; readonly text: string }
  | { readonly type: "model"; readonly response: Array<ResponseItem> }

export type ResponseItem =
  | string
  | { readonly type: "functionCall"; readonly name: string; readonly params: unknown; readonly result: unknown }
  | {
      readonly type: "segment"
      readonly segmentType: "thought" | "comment"
      readonly text: string
      readonly ended: boolean
    }

export interface ContextStateOptions {
  readonly chatHistory: ReadonlyArray<HistoryItem>
  readonly availableFunctions?: Functions | undefined
  readonly documentFunctionParams?: boolean | undefined
}

export interface ContextState {
  readonly contextText: { tokenize(tokenizer: Tokenizer): ReadonlyArray<number> }
  readonly stopGenerationTriggers: ReadonlyArray<unknown>
}

/** Writes a chat as the model's template says, and reads the answer's tool calls and thoughts. */
export interface ChatWrapper {
  generateContextState(options: ContextStateOptions): ContextState
}

export interface Chat {
  generateResponse(history: ReadonlyArray<HistoryItem>, options: ResponseOptions): Promise<Response>
  dispose(options: { disposeSequence: false }): void
}

/** How tokens are chosen. */
export interface Sampling {
  readonly temperature?: number | undefined
  readonly topP?: number | undefined
  readonly topK?: number | undefined
  readonly minP?: number | undefined
  readonly seed?: number | undefined
  readonly repeatPenalty: false | RepeatPenalty
}

export interface RepeatPenalty {
  readonly penalty?: number | undefined
  readonly lastTokens?: number | undefined
  readonly frequencyPenalty?: number | undefined
  readonly presencePenalty?: number | undefined
}

export interface ResponseOptions extends Sampling {
  readonly signal: AbortSignal
  readonly maxTokens: number
  readonly customStopTriggers?: ReadonlyArray<string> | undefined
  readonly contextShift: { readonly size: () => number }
  readonly grammar?: Grammar | undefined
  readonly functions?: Functions | undefined
  readonly documentFunctionParams?: boolean | undefined
  readonly maxParallelFunctionCalls?: number | undefined
  readonly onResponseChunk: (chunk: { readonly type: "segment" | undefined; readonly text: string }) => void
  readonly onFunctionCallParamsChunk?: ((chunk: FunctionCallChunk) => void) | undefined
}

export interface FunctionCallChunk {
  readonly callIndex: number
  readonly functionName: string
  readonly paramsChunk: string
}

export interface Response {
  readonly metadata: { readonly stopReason: string }
}

// -----------------------------------------------------------------------------
// Loading it
// -----------------------------------------------------------------------------

/** Gives the package. Another one can stand in for it in tests. */
export type Import = () => Promise<Engine>

const name = "node-llama-cpp"

/** The package, by its name alone: nothing but the call of this needs it. */
export const importPackage: Import = (): Promise<Engine> => import(/* @vite-ignore */ name)

/** Node says so by a code, bundlers in words alone. */
const isMissing = (cause: unknown): boolean =>
  cause instanceof Error &&
  (("code" in cause && /^(?:ERR_)?MODULE_NOT_FOUND$/.test(String(cause.code))) ||
    /^(?:could not resolve|cannot find)\b.*node-llama-cpp/i.test(cause.message))

/** The engine, loaded. Fails with a `ConfigError` that says what to install. */
export const load = (
  option: string,
  importEngine: Import = importPackage
): Effect.Effect<Engine, ConfigError.ConfigError> =>
  Effect.tryPromise({
    try: importEngine,
    catch: (cause) =>
      ConfigError.Unsupported(
        [option],
        isMissing(cause)
          ? `a local model needs the package ${name}, which is not installed: npm install ${name}@3`
          : `the package ${name} does not load: ${Connection.wordsOf(cause)}`
      )
  })

/** Its class has no name of its own in `name`. */
const isWithoutBinary = (cause: unknown): boolean =>
  cause instanceof Error && cause.constructor.name === "NoBinaryFoundError"

/** What is wrong where the engine's native part does not start. */
export const notStarted = (option: string, cause: unknown): ConfigError.ConfigError =>
  ConfigError.Unsupported(
    [option],
    isWithoutBinary(cause)
      ? `${name} has no binary for this machine: install that of your platform, such as @${name}/linux-x64`
      : `${name} does not start: ${Connection.wordsOf(cause)}`
  )
