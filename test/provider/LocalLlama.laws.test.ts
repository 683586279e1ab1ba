import { describe } from "@effect/vitest"
import { Effect, Layer, Ref } from "effect"
import { LocalLlama } from "effect-llm/local"
import type {
  Chat,
  ContextState,
  ContextStateOptions,
  Engine,
  HistoryItem,
  Llama,
  Response,
  ResponseOptions
} from "../../src/provider/LocalLlamaEngine.js"
import { laws, type Scenario, type Subject, type World } from "../laws.js"
import { engine, fileOf, note } from "../LocalEngine.js"
import * as TinyModel from "../TinyModel.js"

const random = fileOf("laws.gguf", TinyModel.random())

const calling = fileOf(
  "calling.gguf",
  TinyModel.scripted([{ text: ["||call:", " look_up", "(", '{"word": "', "lamp", '"}', ")"] }])
)

type History = ReadonlyArray<HistoryItem>

/** Started once: the tests differ in what is around it. */
let started: Promise<Llama> | undefined

/** What the engine does instead of answering, and who hears of it. */
interface Watch {
  readonly scenario: Scenario
  readonly called: () => void
  readonly left: () => void
}

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => reject(new Error("aborted"))
    if (signal.aborted) end()
    else signal.addEventListener("abort", end, { once: true })
  })

/** The real engine, but for what goes wrong in a scenario. */
const watched = (real: Engine, { called, left, scenario }: Watch): Engine => ({
  ...real,
  getLlama: (options) => (started ??= real.getLlama(options)),
  LlamaChat: class implements Chat {
    private readonly chat: Chat

    constructor(options: ConstructorParameters<Engine["LlamaChat"]>[0]) {
      this.chat = new real.LlamaChat(options)
    }

    dispose(options: { disposeSequence: false }): void {
      this.chat.dispose(options)
    }

    async generateResponse(history: History, options: ResponseOptions): Promise<Response> {
      called()
      try {
        return await this.respond(history, options)
      } finally {
        if (options.signal.aborted) left()
      }
    }

    private async respond(history: History, options: ResponseOptions): Promise<Response> {
      if (scenario === "failing") throw new Error("out of memory")
      if (scenario === "silent") return untilAborted(options.signal)
      if (scenario !== "cut" && scenario !== "stall") return this.chat.generateResponse(history, options)
      await this.chat.generateResponse(history, { ...options, maxTokens: 3 })
      if (scenario === "cut") throw new Error("the graphics card is gone")
      return untilAborted(options.signal)
    }
  },
  JinjaTemplateChatWrapper: class extends real.JinjaTemplateChatWrapper {
    override generateContextState(options: ContextStateOptions): ContextState {
      // The engine asks for states of its own when it makes the wrapper.
      const isOurs = options.chatHistory.some((item) => item.type === "user" && item.text.includes("lighthouse"))
      if (scenario !== "refused" || !isOurs) return super.generateContextState(options)
      called()
      throw new Error("no lighthouses")
    }
  }
})

const subject = (name: string, options: Partial<LocalLlama.Options>): Subject => ({
  name: `${name}${note}`,
  build: (scenario) =>
    Effect.gen(function* () {
      const requests = yield* Ref.make(0)
      const abandoned = yield* Effect.makeLatch(false)
      const watch: Watch = {
        scenario,
        called: () => Effect.runSync(Ref.update(requests, (count) => count + 1)),
        left: () => abandoned.unsafeOpen()
      }
      const real = yield* Effect.fromNullable(engine)
      const layer = LocalLlama.layer({
        model: scenario === "tools" ? calling : random,
        gpu: false,
        threads: 1,
        defaults: { maxTokens: 24 },
        ...options,
        engine: () => Promise.resolve(watched(real, watch))
      })
      const world: World = {
        layer: Layer.orDie(layer),
        abandoned: abandoned.await,
        requests: Ref.get(requests)
      }
      return world
    })
})

describe.skipIf(engine === undefined)(`the laws, on the real engine${note}`, () => {
  laws(subject("LocalLlama", {}))
  laws(subject("LocalLlama with three sequences", { sequences: 3 }))
})
