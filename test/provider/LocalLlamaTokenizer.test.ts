import { describe, expect, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Option } from "effect"
import { ChatRequest, LlmClient, Prompt, Tokenizer } from "effect-llm"
import { LocalLlama } from "effect-llm/local"
import { fileOf, isInstalled, note } from "../LocalEngine.js"
import * as TinyModel from "../TinyModel.js"

const model = fileOf("tokenizer.gguf", TinyModel.random())

const texts = [
  "",
  "hello world",
  "Ünïcödé, 漢字, кириллица and 🌊🌊",
  "<|eot_id|> is text here",
  "  white \n\n space\t",
  "a\u0000b"
]

const requests: Readonly<Record<string, ChatRequest.RequestInput>> = {
  "one message": { prompt: "Hello there" },
  "a conversation": {
    prompt: [Prompt.system("Be brief."), Prompt.user("Hi"), Prompt.assistant("Hello"), Prompt.user("Why?")]
  },
  "a call and its result": {
    prompt: [
      Prompt.user("What is a lamp?"),
      Prompt.assistant([{ _tag: "ToolCall", id: "1", name: "look_up", arguments: '{"word":"lamp"}' }]),
      Prompt.toolResult("1", '{"means":"light"}')
    ],
    tools: [{ name: "look_up", parameters: { type: "object", properties: { word: { type: "string" } } } }]
  },
  tools: {
    prompt: "What is a lamp?",
    tools: [{ name: "look_up", parameters: { type: "object", properties: { word: { type: "string" } } } }]
  }
}

describe.skipIf(!isInstalled)(`the tokenizer of a local model${note}`, () => {
  layer(LocalLlama.layerWithTokenizer({ model, gpu: false, threads: 1, defaults: { maxTokens: 1 } }), {
    excludeTestServices: true
  })("is the model's own", (it) => {
    it.effect.each(texts)("decodes what it encodes: %j", (text) =>
      Effect.gen(function* () {
        const ids = yield* Tokenizer.encode(text)
        expect(yield* Tokenizer.decode(ids)).toBe(text)
        expect(yield* Tokenizer.countDetailed(text)).toEqual({
          tokens: ids.length,
          approximate: false,
          encoding: "tokenizer"
        })
        expect(yield* Tokenizer.fits(text, ids.length)).toBe(true)
        expect(yield* Tokenizer.fits(text, ids.length - 1)).toBe(false)
      })
    )

    it.effect("says that it is an estimate for another model or encoding", () =>
      Effect.gen(function* () {
        const approximate = (options: Tokenizer.Options) =>
          Effect.map(Tokenizer.countDetailed("hello", options), (counted) => counted.approximate)
        expect(yield* approximate({ model: "tokenizer" })).toBe(false)
        expect(yield* approximate({ model: "gpt-4.1" })).toBe(true)
        expect(yield* approximate({ encoding: "o200k_base" })).toBe(true)
      })
    )

    it.effect("decodes a special token as its text, which is none when it is read", () =>
      Effect.gen(function* () {
        const last = Array.from({ length: 20 }, (_, n) => 285 + n)
        const texts = yield* Effect.forEach(last, (id) => Effect.option(Tokenizer.decode([id])))
        expect(texts).toContainEqual(Option.some("<|eot_id|>"))
        expect((yield* Tokenizer.encode("<|eot_id|>")).length).toBe(10)
      })
    )

    it.effect("refuses ids that it does not have, which would end the process in the engine", () =>
      Effect.gen(function* () {
        for (const id of [306, 99_999, -1, 0.5, Number.NaN]) {
          expect(yield* Effect.flip(Tokenizer.decode([1, id]))).toMatchObject({ reason: "UnknownToken" })
        }
      })
    )

    it.effect("cuts a text to a number of tokens, and no character in halves", () =>
      Effect.gen(function* () {
        for (const text of texts) {
          const length = (yield* Tokenizer.encode(text)).length
          for (let limit = 0; limit <= length; limit++) {
            const cut = yield* Tokenizer.truncate(text, limit)
            expect(text.startsWith(cut)).toBe(true)
            expect(cut).not.toMatch(/[\uD800-\uDBFF]$/)
            expect(yield* Tokenizer.count(cut)).toBeLessThanOrEqual(limit)
          }
          expect(yield* Tokenizer.truncate(text, length)).toBe(text)
        }
        // Four bytes a wave, each a token.
        expect(yield* Tokenizer.truncate("🌊🌊", 7)).toBe("🌊")
      })
    )

    it.effect.each(Object.entries(requests))("counts a request as the model reads it: %s", ([, request]) =>
      Effect.gen(function* () {
        const counted = yield* Tokenizer.countChatDetailed(request)
        const { usage } = yield* LlmClient.complete(request)
        expect(counted.tokens).toBe(usage.inputTokens)
        expect(counted).toMatchObject({ approximate: false, estimated: [], responseFormat: 0 })
        const sum = counted.messages.reduce((total, tokens) => total + tokens, 0)
        expect(sum + counted.tools + counted.reply).toBe(counted.tokens)
        expect(counted.tools > 0).toBe(request.tools !== undefined)
        expect(counted.messages[0]).toBeGreaterThan(0)
        // What the header of an answer is.
        if (request.tools === undefined) expect(counted.reply).toBe(5)
      })
    )

    it.effect("says that pictures are not counted", () =>
      Effect.gen(function* () {
        const picture = Prompt.imageUrl("https://example.com/a.png")
        const counted = yield* Tokenizer.countChatDetailed({ prompt: Prompt.user([Prompt.text("See"), picture]) })
        expect(counted).toMatchObject({ approximate: true, estimated: ["images"] })
        const alone = yield* Tokenizer.countChatDetailed({ prompt: "See" }, { model: "gpt-4.1" })
        expect(alone).toMatchObject({ tokens: counted.tokens, estimated: ["encoding"] })
      })
    )

    it.effect("fails where the request could not be sent", () =>
      Effect.gen(function* () {
        const prompt = [Prompt.user("Hi"), Prompt.toolResult("1", "{}")]
        expect(yield* Effect.flip(Tokenizer.countChat({ prompt }))).toMatchObject({
          _tag: "TokenizerError",
          reason: "Unavailable"
        })
      })
    )
  })

  it.effect("that outlives its model fails, and does nothing worse", () =>
    Effect.gen(function* () {
      const options = { model, gpu: false, threads: 1 } as const
      const tokenizer = yield* Effect.scoped(
        Effect.map(Layer.build(LocalLlama.layerWithTokenizer(options)), (built) =>
          Context.get(built, Tokenizer.Tokenizer)
        )
      )
      const uses: ReadonlyArray<Effect.Effect<unknown, Tokenizer.TokenizerError>> = [
        tokenizer.encode("Hello"),
        tokenizer.decode([1]),
        tokenizer.fits("Hello", 1),
        tokenizer.truncate("Hello", 1),
        tokenizer.countDetailed("Hello"),
        tokenizer.countChatDetailed(ChatRequest.make("Hello"))
      ]
      for (const use of uses) {
        expect(yield* Effect.flip(use)).toMatchObject({
          reason: "Unavailable",
          message: expect.stringContaining("disposed")
        })
      }
    })
  )
})
