/**
 * One call of a model in memory: a prompt is read, an answer comes token by token, and stops where it ends, or where
 * nobody wants it any more.
 */
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import {
  ContextLengthExceeded,
  InvalidRequest,
  type LlmError,
  notSent,
  Overloaded,
  ServerFailed,
  UnsupportedFeature
} from "../LlmError.js"
import type { StreamPart } from "../StreamPart.js"
import type { StreamAssembly } from "../wire/StreamAssembly.js"
import type { Origin } from "../wire/Wire.js"
import * as Connection from "./Connection.js"
import type { ChatWrapper, Functions, Grammar, HistoryItem, Response, Sequence } from "./LocalLlamaEngine.js"
import type { Loaded } from "./LocalLlamaModel.js"
import { forced, type Prepared } from "./LocalLlamaPrompt.js"

/** A prepared request as the model will read it. */
export interface Rendered extends Prepared {
  readonly wrapper: ChatWrapper
  /** The tokens of the prompt. */
  readonly tokens: ReadonlyArray<number>
}

// -----------------------------------------------------------------------------
// The prompt in tokens
// -----------------------------------------------------------------------------

/** An answer needs a token to begin with, and the engine keeps one free. */
const reserved = 2

/** The history with the answer that begins behind it, as the engine itself adds it. */
const withAnswer = (history: ReadonlyArray<HistoryItem>): ReadonlyArray<HistoryItem> =>
  history.at(-1)?.type === "model" ? history : [...history, { type: "model", response: [] }]

/** A chat in tokens, as the template writes it. Left: the template refuses it. */
export const tokensOf = (
  loaded: Loaded,
  wrapper: ChatWrapper,
  chatHistory: ReadonlyArray<HistoryItem>,
  functions: Functions | undefined,
  origin: Origin
): Either.Either<ReadonlyArray<number>, LlmError> =>
  Either.try({
    try: () =>
      wrapper
        .generateContextState({ chatHistory, availableFunctions: functions, documentFunctionParams: true })
        .contextText.tokenize(loaded.model.tokenizer),
    catch: (cause) =>
      new InvalidRequest({
        ...origin,
        ...notSent,
        param: "prompt",
        message: `the model's chat template refuses the prompt: ${Connection.wordsOf(cause)}`
      })
  })

/** Writes the prompt as the template says, whatever its length. */
export const renderAny = (loaded: Loaded, prepared: Prepared, origin: Origin): Either.Either<Rendered, LlmError> => {
  const wrapper = prepared.isForced ? forced(loaded.wrapper) : loaded.wrapper
  return Either.map(
    tokensOf(loaded, wrapper, withAnswer(prepared.history), prepared.functions, origin),
    (tokens): Rendered => ({ ...prepared, wrapper, tokens })
  )
}

/** The same. Left: the template refuses the messages, or they are too long for the context. */
export const render = (loaded: Loaded, prepared: Prepared, origin: Origin): Either.Either<Rendered, LlmError> =>
  Either.filterOrLeft(
    renderAny(loaded, prepared, origin),
    ({ tokens }) => tokens.length + reserved <= loaded.contextSize,
    ({ tokens }) =>
      new ContextLengthExceeded({
        ...origin,
        ...notSent,
        message: `the prompt has ${tokens.length} tokens, and the context ${loaded.contextSize}, the answer included: shorten it, or load the model with a greater contextSize`
      })
  )

// -----------------------------------------------------------------------------
// The answer
// -----------------------------------------------------------------------------

/** Thrown into the engine where it would drop the beginning of the prompt to go on. */
class ContextFull extends Error {}

/**
 * Runs a call to its end and hands out its parts as they come, the last ones with the `Finish`. Interruption stops the
 * engine, and waits until it has: at most a piece of the prompt or a token.
 */
export const answer = (
  loaded: Loaded,
  rendered: Rendered,
  assembly: StreamAssembly,
  emit: (parts: Chunk.Chunk<StreamPart>) => void
): Effect.Effect<void, LlmError> =>
  Effect.clockWith((clock) => {
    const started = clock.unsafeCurrentTimeMillis()
    const origin = originOf(assembly)
    return Effect.flatMap(grammarOf(loaded, rendered, origin), (grammar) =>
      loaded.sequences.use(
        (sequence) =>
          Effect.ensuring(
            generated(loaded, rendered, grammar, sequence, assembly, emit),
            loaded.promptCache ? Effect.void : forget(sequence)
          ),
        (waiting) => queueFull(origin, waiting),
        (idle) => (loaded.promptCache ? mostRead(idle, rendered.tokens) : 0)
      )
    ).pipe(
      Effect.flatMap(() => {
        const end = assembly.end(Duration.millis(Math.max(0, clock.unsafeCurrentTimeMillis() - started)))
        return Chunk.isChunk(end) ? Effect.sync(() => emit(end)) : Effect.fail(end)
      })
    )
  })

/** Where that fails, the model is gone: the next call finds out. */
const forget = (sequence: Sequence): Effect.Effect<void> =>
  Effect.ignore(Effect.tryPromise(() => sequence.clearHistory()))

export const queueFull = (origin: Origin, waiting: number): LlmError =>
  new Overloaded({
    ...origin,
    ...notSent,
    message: `${waiting} calls wait for the model already, which is as many as maxQueue lets wait`
  })

const originOf = ({ options: { model, provider } }: StreamAssembly): Origin => ({ provider, model })

/** The idle sequence that has read most of a prompt already. */
const mostRead = (idle: ReadonlyArray<Sequence>, tokens: ReadonlyArray<number>): number => {
  const read = idle.map((sequence) => sequence.compareContextTokens(tokens).firstDifferentIndex)
  return Math.max(0, read.indexOf(Math.max(...read)))
}

const grammarOf = (
  { llama }: Loaded,
  { grammar }: Rendered,
  origin: Origin
): Effect.Effect<Grammar | undefined, LlmError> =>
  grammar === undefined
    ? Effect.succeed(undefined)
    : Effect.tryPromise({
        try: () => (grammar === "json" ? llama.getGrammarFor("json") : llama.createGrammarForJsonSchema(grammar)),
        catch: (cause) =>
          new UnsupportedFeature({
            ...origin,
            ...notSent,
            feature: "responseFormat.schema",
            message: `no grammar can be made of responseFormat.schema: ${Connection.wordsOf(cause)}`
          })
      })

/** Runs the engine in a sequence. */
const generated = (
  loaded: Loaded,
  rendered: Rendered,
  grammar: Grammar | undefined,
  sequence: Sequence,
  assembly: StreamAssembly,
  emit: (parts: Chunk.Chunk<StreamPart>) => void
): Effect.Effect<void, LlmError> =>
  Effect.async<void, LlmError>((resume) => {
    const controller = new AbortController()
    const run = async (): Promise<void> => {
      try {
        await generate(loaded, rendered, grammar, sequence, assembly, emit, controller.signal)
        resume(Effect.void)
      } catch (cause) {
        const message = `the engine failed: ${Connection.wordsOf(cause)}`
        resume(Effect.fail(new ServerFailed({ ...originOf(assembly), message })))
      }
    }
    const running = run()
    return Effect.promise(() => {
      controller.abort()
      return running
    })
  })

const generate = async (
  loaded: Loaded,
  rendered: Rendered,
  grammar: Grammar | undefined,
  sequence: Sequence,
  assembly: StreamAssembly,
  emit: (parts: Chunk.Chunk<StreamPart>) => void,
  signal: AbortSignal
): Promise<void> => {
  const { engine } = loaded
  const { functions, history, maxCalls, maxTokens, sampling, stop, tokens, wrapper } = rendered
  const { usedInputTokens, usedOutputTokens } = sequence.tokenMeter
  const push = (): void => {
    const parts = assembly.take()
    if (Chunk.isNonEmpty(parts) && !signal.aborted) emit(parts)
  }
  const calls = new CallText(assembly)
  await readPieces(sequence, tokens, loaded.pieceSize, signal)
  const chat = new engine.LlamaChat({ contextSequence: sequence, chatWrapper: wrapper })
  try {
    const response = await chat.generateResponse(history, {
      ...sampling,
      signal,
      maxTokens: Math.min(maxTokens ?? Infinity, loaded.contextSize - tokens.length - 1),
      customStopTriggers: stop,
      contextShift: {
        size: () => {
          throw new ContextFull("the context is full")
        }
      },
      ...(functions === undefined
        ? { grammar }
        : {
            functions,
            documentFunctionParams: true,
            maxParallelFunctionCalls: maxCalls,
            onFunctionCallParamsChunk: (chunk) => {
              calls.add(chunk.callIndex, chunk.functionName, chunk.paramsChunk)
              push()
            }
          }),
      onResponseChunk: ({ text, type }) => {
        if (type === "segment") assembly.reasoning(text)
        else assembly.text(text)
        push()
      }
    })
    assembly.finishReason = stopReasonOf(response)
  } catch (error) {
    if (error instanceof ContextFull) assembly.finishReason = "contextFull"
    else if (isOffSchema(error)) assembly.finishReason = "functionCalls"
    else throw error
  } finally {
    chat.dispose({ disposeSequence: false })
    // The meter counts the last token of the prompt with the first of the answer.
    const read = sequence.tokenMeter.usedInputTokens - usedInputTokens + 1
    const outputTokens = sequence.tokenMeter.usedOutputTokens - usedOutputTokens
    assembly.usage = {
      inputTokens: tokens.length,
      outputTokens,
      totalTokens: tokens.length + outputTokens,
      ...(loaded.promptCache ? { cachedInputTokens: Math.max(0, tokens.length - read) } : {})
    }
  }
}

/**
 * What the engine says of a whole call whose arguments the grammar let pass, and its check of the schema does not, such as
 * 5e-1 for an integer. They are given out as they are: a caller decodes them anyway, and can tell the model.
 */
const isOffSchema = (error: unknown): boolean =>
  error instanceof Error && error.constructor.name === "LlamaJsonSchemaValidationError"

const stopReasonOf = ({ metadata }: Response): string => metadata.stopReason

/**
 * Has a long prompt read piece by piece, but for its last: the engine reads it in one go otherwise, and hears no signal
 * until it has.
 */
const readPieces = async (
  sequence: Sequence,
  tokens: ReadonlyArray<number>,
  size: number,
  signal: AbortSignal
): Promise<void> => {
  if (tokens.length <= size) return
  await sequence.adaptStateToTokens(tokens.slice(0, -1), false)
  const readFrom = async (start: number): Promise<void> => {
    signal.throwIfAborted()
    if (tokens.length - start <= size) return
    await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(start, start + size))
    await readFrom(start + size)
  }
  await readFrom(sequence.nextTokenIndex)
}

/** The arguments of calls as they come. The engine ends each with line breaks, which are no part of it. */
class CallText {
  private index = -1
  private blank = ""

  constructor(private readonly assembly: StreamAssembly) {}

  add(index: number, name: string, piece: string): void {
    if (index !== this.index) this.blank = ""
    this.index = index
    const text = this.blank + piece
    const whole = text.trimEnd()
    this.blank = text.slice(whole.length)
    this.assembly.toolCall({ index, name, arguments: whole })
  }
}
