import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { type ChatRequest, History, Prompt, Tokenizer, TokenWindow } from "effect-llm"
import { characters } from "./CharacterTokenizer.js"

const fit = (options: TokenWindow.Options, input: ChatRequest.Input, fitOptions?: TokenWindow.FitOptions) =>
  TokenWindow.make(options).pipe(
    Effect.flatMap((window) => window.fit(input, fitOptions)),
    Effect.provide(characters)
  )

const system = Prompt.system("12345")
const turn = (text: string): ReadonlyArray<Prompt.Message> => [Prompt.user(text), Prompt.assistant(text)]
const call = (id: string): Prompt.Message => Prompt.assistant([{ _tag: "ToolCall", id, name: "f", arguments: "{}" }])

describe("a token window", () => {
  it.effect("keeps everything that fits", () =>
    Effect.gen(function* () {
      const prompt = [system, ...turn("abc"), Prompt.user("now")]
      // 6 + 2 × 4 + 4 + 3
      expect(yield* fit({ contextLength: 21, reserve: 0 }, prompt)).toEqual({ prompt, dropped: [], tokens: 21 })
    })
  )

  it.effect("keeps the system message and the newest turns, and drops whole turns", () =>
    Effect.gen(function* () {
      const prompt = [system, ...turn("abc"), ...turn("def"), Prompt.user("now")]
      const fitted = yield* fit({ contextLength: 28, reserve: 0 }, prompt)
      expect(fitted).toEqual({ prompt: [system, ...turn("def"), Prompt.user("now")], dropped: turn("abc"), tokens: 21 })
      const smaller = yield* fit({ contextLength: 20, reserve: 0 }, prompt)
      expect(smaller.prompt).toEqual([system, Prompt.user("now")])
    })
  )

  it.effect("does not skip a turn that is too long to keep a shorter one before it", () =>
    Effect.gen(function* () {
      const fitted = yield* fit({ contextLength: 30, reserve: 0 }, [
        ...turn("a"),
        ...turn("0123456789"),
        Prompt.user("b")
      ])
      expect(fitted.prompt).toEqual([...turn("0123456789"), Prompt.user("b")])
      const smaller = yield* fit({ contextLength: 20, reserve: 0 }, [
        ...turn("a"),
        ...turn("0123456789"),
        Prompt.user("b")
      ])
      expect(smaller.prompt).toEqual([Prompt.user("b")])
    })
  )

  it.effect("never parts a result from its call, nor begins with either", () =>
    Effect.gen(function* () {
      const old = [Prompt.user("a"), call("1"), Prompt.toolResult("1", "one"), Prompt.assistant("b")]
      const newest = [Prompt.user("c"), call("2"), Prompt.toolResult("2", "two")]
      for (let contextLength = 12; contextLength < 40; contextLength++) {
        const fitted = yield* fit({ contextLength, reserve: 0 }, [...old, ...newest])
        expect([newest, [...old, ...newest]]).toContainEqual(fitted.prompt)
      }
      // Some put results into a message of the user.
      const said = [Prompt.user("c"), call("2"), Prompt.user([{ _tag: "ToolResult", id: "2", content: "two" }])]
      expect((yield* fit({ contextLength: 22, reserve: 0 }, [...old, ...said])).prompt).toEqual(said)
    })
  )

  it.effect("counts as the model that it is told, then as that of the request, then as that of the client", () =>
    Effect.gen(function* () {
      const tokens = (options: Partial<TokenWindow.Options>, request: Partial<ChatRequest.ChatRequest>) =>
        TokenWindow.make({ contextLength: 1000, ...options }).pipe(
          Effect.flatMap((window) =>
            window.fit({ prompt: [Prompt.user("お誕生日おめでとう")], ...request }, { model: "gpt-4o" })
          ),
          Effect.map((fitted) => fitted.tokens),
          Effect.provide(Tokenizer.layer)
        )
      const [cl100k, o200k] = [16, 15]
      expect(yield* tokens({}, {})).toBe(o200k)
      expect(yield* tokens({}, { model: "gpt-4" })).toBe(cl100k)
      expect(yield* tokens({ model: "gpt-4" }, { model: "gpt-4o" })).toBe(cl100k)
      expect(yield* tokens({ encoding: "cl100k_base" }, { model: "deployment" })).toBe(cl100k)
    })
  )

  it.effect("drops what stands before the first user's message first", () =>
    Effect.gen(function* () {
      const prompt = [Prompt.assistant("Welcome"), Prompt.user("a")]
      expect((yield* fit({ contextLength: 13, reserve: 0 }, prompt)).prompt).toEqual(prompt)
      expect((yield* fit({ contextLength: 12, reserve: 0 }, prompt)).prompt).toEqual([Prompt.user("a")])
    })
  )

  it.effect("keeps room for the answer: as told, or maxTokens, or a quarter", () =>
    Effect.gen(function* () {
      const prompt = [...turn("abc"), Prompt.user("now")]
      const dropped = (options: TokenWindow.Options, input: ChatRequest.Input) =>
        Effect.map(fit(options, input), (fitted) => fitted.dropped.length)
      expect(yield* dropped({ contextLength: 20 }, prompt)).toBe(0)
      expect(yield* dropped({ contextLength: 18 }, prompt)).toBe(2)
      expect(yield* dropped({ contextLength: 20 }, { prompt, maxTokens: 6 })).toBe(2)
      expect(yield* dropped({ contextLength: 20, reserve: 5 }, { prompt, maxTokens: 10 })).toBe(0)
    })
  )

  it.effect("counts tools", () =>
    Effect.gen(function* () {
      const tools = [{ name: "f", parameters: {} }]
      const prompt = [...turn("abc"), Prompt.user("now")]
      expect((yield* fit({ contextLength: 24, reserve: 0 }, { prompt, tools })).prompt).toEqual([Prompt.user("now")])
      expect((yield* fit({ contextLength: 25, reserve: 0 }, { prompt, tools })).tokens).toBe(25)
    })
  )

  it.effect("fails, with the figures, if the newest turn does not fit", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        fit({ contextLength: 50, reserve: 10 }, [system, ...turn("a"), Prompt.user("x".repeat(40))], {
          provider: "mock",
          model: "mock-model"
        })
      )
      expect(error).toMatchObject({ _tag: "ContextLengthExceeded", provider: "mock", model: "mock-model", attempts: 0 })
      expect(error.message).toBe(
        "the newest turn has 41 tokens, the system messages 6, what is around them 3: with 10 kept for the answer, this is more than the context of 50"
      )
      const onlySystem = yield* Effect.flip(fit({ contextLength: 5 }, [system]))
      expect(onlySystem._tag).toBe("ContextLengthExceeded")
    })
  )

  it.effect.each([
    [{ contextLength: 0 }, "contextLength"],
    [{ contextLength: 1.5 }, "contextLength"],
    [{ contextLength: 100, reserve: 100 }, "reserve"],
    [{ contextLength: 100, reserve: -1 }, "reserve"]
  ] as const)("a wrong option is a ConfigError that names it: %j", ([options, name]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.provide(TokenWindow.make(options), characters))
      expect(error).toMatchObject({ _op: "InvalidData", path: [name] })
    })
  )

  const message = fc.oneof(
    fc.nat(30).map((n) => Prompt.user("u".repeat(n))),
    fc.nat(30).map((n) => Prompt.assistant("a".repeat(n)))
  )

  it.effect.prop(
    "sends the longest end of the conversation that fits and begins with a user",
    [fc.array(message, { maxLength: 12 }), fc.integer({ min: 1, max: 200 })],
    ([messages, contextLength]) =>
      Effect.gen(function* () {
        const prompt = [system, ...messages, Prompt.user("now")]
        const size = (of: ReadonlyArray<Prompt.Message>) =>
          of.reduce((sum, each) => sum + Prompt.textOf(each).length + 1, 3)
        const result = yield* Effect.either(fit({ contextLength, reserve: 0 }, prompt))
        const ends = History.turnsOf(prompt.slice(1)).map((_, index, turns) => [system, ...turns.slice(index).flat()])
        const best = ends.find((end) => size(end) <= contextLength)
        if (best === undefined) expect(result).toMatchObject({ left: { _tag: "ContextLengthExceeded" } })
        else {
          expect(result).toMatchObject({ right: { prompt: best, tokens: size(best) } })
          expect(result).toMatchObject({ right: { dropped: prompt.slice(1, prompt.length - best.length + 1) } })
        }
      })
  )
})
