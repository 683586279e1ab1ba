/** What becomes of a model's memory: on an engine of plain objects that notes what is held and let go. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { LocalLlama } from "effect-llm/local"
import type { Context, EmbeddingContext, Engine, Llama, Model } from "../../src/provider/LocalLlamaEngine.js"
import { fileOf } from "../LocalEngine.js"
import * as TinyModel from "../TinyModel.js"

const model = fileOf("held.gguf", TinyModel.random())

const unused = (): never => {
  throw new Error("not asked for in these tests")
}

interface Noting {
  readonly engine: Engine
  readonly noted: ReadonlyArray<string>
}

/** `loads`: what the model's weights wait for. */
const noting = (loads: (signal: AbortSignal) => Promise<void> = () => Promise.resolve()): Noting => {
  const noted: Array<string> = []
  const holds = (name: string) => ({
    dispose: async () => {
      noted.push(`${name} let go`)
    }
  })
  const embedding: EmbeddingContext = {
    ...holds("embedding"),
    calculateInputLength: (text) => text.length,
    getEmbeddingFor: async () => ({ vector: [3, 4] })
  }
  const context: Context = {
    ...holds("context"),
    contextSize: 512,
    batchSize: 512,
    getSequence: () => ({
      tokenMeter: { usedInputTokens: 0, usedOutputTokens: 0 },
      nextTokenIndex: 0,
      compareContextTokens: unused,
      adaptStateToTokens: unused,
      evaluateWithoutGeneratingNewTokens: unused,
      clearHistory: unused
    })
  }
  const weights: Model = {
    ...holds("model"),
    tokenizer: { isSpecialToken: () => false },
    fileInfo: { metadata: {} },
    trainContextSize: 8192,
    embeddingVectorSize: 2,
    tokenize: unused,
    detokenize: unused,
    iterateAllTokens: unused,
    createContext: async ({ contextSize, sequences }) => {
      noted.push(`context of ${contextSize} for ${sequences}`)
      return context
    },
    createEmbeddingContext: async () => {
      noted.push("embedding")
      return embedding
    }
  }
  const llama: Llama = {
    gpu: false,
    loadModel: async ({ loadSignal }) => {
      noted.push("loading")
      await loads(loadSignal)
      noted.push("model")
      return weights
    },
    createGrammarForJsonSchema: unused,
    getGrammarFor: unused
  }
  return {
    noted,
    engine: {
      getLlama: async () => {
        noted.push("started")
        return llama
      },
      resolveChatWrapper: () => ({ generateContextState: unused }),
      resolveModelFile: unused,
      JinjaTemplateChatWrapper: class {
        generateContextState = unused
      },
      LlamaChat: class {
        generateResponse = unused
        dispose = unused
      }
    }
  }
}

const options = (engine: Engine): LocalLlama.Options => ({ model, engine: () => Promise.resolve(engine) })

describe("a model in memory", () => {
  it.effect("is let go with its scope, the last that was held first", () =>
    Effect.gen(function* () {
      const { engine, noted } = noting()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* LocalLlama.make({ ...options(engine), sequences: 3 })
          expect(noted).toEqual(["started", "loading", "model", "context of 4096 for 3"])
          expect((yield* client.embed({ input: ["a", "b"] })).vectors).toEqual([
            [0.6, 0.8],
            [0.6, 0.8]
          ])
          yield* client.embed({ input: ["c"] })
        })
      )
      expect(noted.slice(4)).toEqual(["embedding", "embedding let go", "context let go", "model let go"])
    })
  )

  it.effect("has the native part started once for all layers of the same settings", () =>
    Effect.gen(function* () {
      const { engine, noted } = noting()
      const starts = () => noted.filter((note) => note === "started").length
      yield* Effect.scoped(Effect.zip(LocalLlama.make(options(engine)), LocalLlama.make(options(engine))))
      expect(starts()).toBe(1)
      yield* Effect.scoped(LocalLlama.make({ ...options(engine), threads: 3 }))
      expect(starts()).toBe(2)
    })
  )

  it.effect("is let go when it comes after the loading was interrupted", () =>
    Effect.gen(function* () {
      let signal: AbortSignal | undefined
      let come: () => void = () => {}
      const { engine, noted } = noting((loadSignal) => {
        signal = loadSignal
        return new Promise((resolve) => (come = resolve))
      })
      const scope = yield* Scope.make()
      const fiber = yield* Effect.fork(Scope.extend(LocalLlama.make(options(engine)), scope))
      while (!noted.includes("loading")) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      const closed = yield* Deferred.make<void>()
      yield* Effect.fork(Effect.zipRight(Scope.close(scope, Exit.void), Deferred.succeed(closed, undefined)))
      yield* Effect.yieldNow()
      expect(signal?.aborted).toBe(true)
      expect(yield* Deferred.isDone(closed)).toBe(false)
      come()
      yield* Deferred.await(closed)
      expect(noted).toEqual(["started", "loading", "model", "model let go"])
    })
  )

  it.effect("that does not load says why, and leaves nothing", () =>
    Effect.gen(function* () {
      const { engine, noted } = noting(() => Promise.reject(new Error("no memory left")))
      const error = yield* Effect.flip(Effect.scoped(LocalLlama.make(options(engine))))
      expect(String(error)).toBe(`(Invalid data at model: "the engine does not load ${model}: no memory left")`)
      expect(noted).toEqual(["started", "loading"])
    })
  )
})
