/** What cannot be brought about on the real engine at will: these run on a model of plain objects. */
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Either, Exit, Fiber } from "effect"
import { ChatRequest, type LlmError, type StreamPart } from "effect-llm"
import * as LocalLlamaAnswer from "../../src/provider/LocalLlamaAnswer.js"
import type { ChatWrapper, ResponseOptions, Sequence } from "../../src/provider/LocalLlamaEngine.js"
import { Line } from "../../src/provider/LocalLlamaLine.js"
import type { Loaded } from "../../src/provider/LocalLlamaModel.js"
import * as LocalLlamaPrompt from "../../src/provider/LocalLlamaPrompt.js"
import { StreamAssembly } from "../../src/wire/StreamAssembly.js"

const origin = { provider: "local-llama", model: "plain" }

const unused = (): never => {
  throw new Error("not asked for in these tests")
}

interface Plain {
  /** How the engine answers. */
  readonly respond?: (options: ResponseOptions) => Promise<string>
  /** Called for each piece of a prompt that is read. */
  readonly read?: (tokens: ReadonlyArray<number>) => Promise<void>
  readonly promptTokens?: number
}

const loadedOf = ({ promptTokens = 3, read = () => Promise.resolve(), respond = unused }: Plain): Loaded => {
  const state = { contextText: { tokenize: () => Array.from({ length: promptTokens }, (_, id) => id) } }
  const wrapper: ChatWrapper = { generateContextState: () => ({ ...state, stopGenerationTriggers: [] }) }
  const sequence: Sequence = {
    tokenMeter: { usedInputTokens: 0, usedOutputTokens: 0 },
    nextTokenIndex: 0,
    compareContextTokens: () => ({ firstDifferentIndex: 0 }),
    adaptStateToTokens: () => Promise.resolve(),
    evaluateWithoutGeneratingNewTokens: read,
    clearHistory: () => Promise.resolve()
  }
  return {
    name: "plain",
    contextSize: 4096,
    engine: {
      getLlama: unused,
      resolveChatWrapper: unused,
      resolveModelFile: unused,
      JinjaTemplateChatWrapper: class {
        generateContextState = unused
      },
      LlamaChat: class {
        async generateResponse(_history: unknown, options: ResponseOptions) {
          return { metadata: { stopReason: await respond(options) } }
        }
        dispose(): void {}
      }
    },
    llama: {
      gpu: false,
      loadModel: unused,
      createGrammarForJsonSchema: () => Promise.reject(new Error("no such rule")),
      getGrammarFor: unused
    },
    model: {
      tokenizer: { isSpecialToken: () => false },
      fileInfo: { metadata: {} },
      trainContextSize: 4096,
      embeddingVectorSize: 1,
      tokenize: unused,
      detokenize: unused,
      iterateAllTokens: unused,
      createContext: unused,
      createEmbeddingContext: unused,
      dispose: unused
    },
    wrapper,
    sequences: new Line([sequence], 0),
    promptCache: false,
    pieceSize: 100,
    embedding: Effect.fail("not asked for"),
    embeddings: new Line([undefined], 0)
  }
}

/** The parts that came, and how it ended. */
const answered = (
  plain: Plain,
  input: ChatRequest.Input = "Hello"
): Effect.Effect<{
  readonly parts: ReadonlyArray<StreamPart.StreamPart>
  readonly end: Either.Either<void, LlmError.LlmError>
}> =>
  Effect.gen(function* () {
    const loaded = loadedOf(plain)
    const parts: Array<StreamPart.StreamPart> = []
    const assembly = new StreamAssembly({ ...origin, requestId: undefined, warnings: [] })
    const end = yield* LocalLlamaPrompt.prepare(ChatRequest.make(input), origin, 1).pipe(
      Either.flatMap((prepared) => LocalLlamaAnswer.render(loaded, prepared, origin)),
      Effect.flatMap((rendered) =>
        LocalLlamaAnswer.answer(loaded, rendered, assembly, (chunk) => parts.push(...Chunk.toReadonlyArray(chunk)))
      ),
      Effect.either
    )
    return { parts, end }
  })

describe("an answer of the engine", () => {
  it.effect("that runs into the end of the context is not whole, and says so", () =>
    Effect.gen(function* () {
      const { end, parts } = yield* answered({
        respond: async ({ contextShift, onResponseChunk }) => {
          onResponseChunk({ type: undefined, text: "Once upon" })
          // The engine would drop the beginning of the prompt now.
          contextShift.size()
          return "eogToken"
        }
      })
      expect(end._tag).toBe("Right")
      expect(parts).toMatchObject([
        { _tag: "TextDelta", text: "Once upon" },
        { _tag: "Finish", finishReason: { unified: "length", raw: "contextFull" } }
      ])
    })
  )

  it.effect("has thoughts apart from its text", () =>
    Effect.gen(function* () {
      const { parts } = yield* answered({
        respond: async ({ onResponseChunk }) => {
          onResponseChunk({ type: "segment", text: "Hm." })
          onResponseChunk({ type: "segment", text: "" })
          onResponseChunk({ type: undefined, text: "Yes." })
          return "stopGenerationTrigger"
        }
      })
      expect(parts.map(({ _tag }) => _tag)).toEqual(["ReasoningDelta", "TextDelta", "Finish"])
    })
  )

  it.effect("has several calls, each with its own arguments", () =>
    Effect.gen(function* () {
      const { parts } = yield* answered(
        {
          respond: async ({ onFunctionCallParamsChunk }) => {
            const add = (callIndex: number, paramsChunk: string): void =>
              onFunctionCallParamsChunk?.({ callIndex, functionName: "f", paramsChunk })
            for (const piece of ['{"a": ', "1}", "\n\n"]) add(0, piece)
            for (const piece of ["{", "\n", "}", "\n"]) add(1, piece)
            return "functionCalls"
          }
        },
        { prompt: "Hello", tools: [{ name: "f", parameters: { type: "object" } }] }
      )
      const whole = parts.flatMap((part) => (part._tag === "ToolCallEnd" ? [part.arguments] : []))
      expect(whole).toEqual(['{"a": 1}', "{\n}"])
      expect(new Set(parts.flatMap((part) => (part._tag === "ToolCallEnd" ? [part.id] : []))).size).toBe(2)
    })
  )

  it.effect("has a call whose arguments only the engine's check of their schema refuses", () =>
    Effect.gen(function* () {
      class LlamaJsonSchemaValidationError extends Error {}
      const { parts } = yield* answered(
        {
          respond: ({ onFunctionCallParamsChunk }) => {
            onFunctionCallParamsChunk?.({ callIndex: 0, functionName: "f", paramsChunk: '{"n": 5e-1}\n\n' })
            return Promise.reject(new LlamaJsonSchemaValidationError('Expected type "integer" but got "number"'))
          }
        },
        { prompt: "Hello", tools: [{ name: "f", parameters: { type: "object" } }] }
      )
      expect(parts.slice(-2)).toMatchObject([
        { _tag: "ToolCallEnd", name: "f", arguments: '{"n": 5e-1}' },
        { _tag: "Finish", finishReason: { unified: "tool-calls" } }
      ])
    })
  )

  it.effect("that fails is a ServerFailed with the engine's words", () =>
    Effect.gen(function* () {
      const { end } = yield* answered({ respond: () => Promise.reject(new Error("Failed to sample next token")) })
      expect(end).toMatchObject({
        left: { _tag: "ServerFailed", message: "the engine failed: Failed to sample next token", attempts: 1 }
      })
    })
  )

  it.effect("is not begun where no grammar can be made", () =>
    Effect.gen(function* () {
      const responseFormat = { _tag: "JsonSchema", name: "a", schema: { type: "object" } } as const
      const { end } = yield* answered({}, { prompt: "Hello", responseFormat })
      expect(end).toMatchObject({
        left: { _tag: "UnsupportedFeature", feature: "responseFormat.schema", attempts: 0 }
      })
    })
  )

  it.effect("is not begun where the prompt leaves no room for a token of it", () =>
    Effect.gen(function* () {
      const { end } = yield* answered({ promptTokens: 4095 })
      expect(end).toMatchObject({ left: { _tag: "ContextLengthExceeded" } })
      const fitting = yield* answered({
        promptTokens: 4094,
        respond: async ({ maxTokens, onResponseChunk }) => {
          onResponseChunk({ type: undefined, text: `room for ${maxTokens}` })
          return "maxTokens"
        }
      })
      expect(fitting.parts[0]).toEqual({ _tag: "TextDelta", text: "room for 1" })
    })
  )
})

describe("a long prompt", () => {
  it.effect("is read in pieces, but for the last of it, which the engine reads itself", () =>
    Effect.gen(function* () {
      const sizes: Array<number> = []
      yield* answered({
        promptTokens: 350,
        read: async (tokens) => void sizes.push(tokens.length),
        respond: () => Promise.resolve("eogToken")
      })
      expect(sizes).toEqual([100, 100, 100])
    })
  )

  it.effect("is read no further when nobody wants the answer any more", () =>
    Effect.gen(function* () {
      let pieces = 0
      const begun = yield* Effect.makeLatch(false)
      let go: () => void = () => {}
      const fiber = yield* Effect.fork(
        answered({
          promptTokens: 1000,
          read: () => {
            pieces++
            begun.unsafeOpen()
            return new Promise((resolve) => (go = resolve))
          }
        })
      )
      yield* begun.await
      const interrupted = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.yieldNow()
      // It waits for the piece that is being read, so that the sequence is free behind it.
      expect(yield* Fiber.poll(interrupted)).toMatchObject({ _tag: "None" })
      go()
      expect(Exit.isInterrupted(yield* Fiber.join(interrupted))).toBe(true)
      expect(pieces).toBe(1)
    })
  )
})
