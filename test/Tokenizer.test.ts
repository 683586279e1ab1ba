import { describe, expect, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import { Prompt, Tokenizer } from "effect-llm"
import * as Encodings from "../src/tokenizer/Encodings.js"
import { corpora, randomTexts } from "./tokenizer/Corpora.js"

const exactly = Effect.provide(Tokenizer.layer)
const approximately = Effect.provide(Tokenizer.layerEstimate)
const gpt4o: Tokenizer.Options = { model: "gpt-4o" }
const gpt4: Tokenizer.Options = { model: "gpt-4" }

describe("Tokenizer.layer", () => {
  it.effect("counts, encodes and decodes in the encoding of the model", () =>
    Effect.gen(function* () {
      expect(yield* Tokenizer.count("tiktoken is great!", gpt4o)).toBe(6)
      expect(yield* Tokenizer.encode("tiktoken is great!", gpt4o)).toEqual([83, 8251, 2488, 382, 2212, 0])
      expect(yield* Tokenizer.encode("tiktoken is great!", gpt4)).toEqual([83, 1609, 5963, 374, 2294, 0])
      expect(yield* Tokenizer.decode([83, 1609, 5963, 374, 2294, 0], gpt4)).toBe("tiktoken is great!")
    }).pipe(exactly)
  )

  it.effect("says whether a count is an estimate, and what it was counted with", () =>
    Effect.gen(function* () {
      const of = (options?: Tokenizer.Options) => Tokenizer.countDetailed("お誕生日おめでとう", options)
      expect(yield* of(gpt4o)).toEqual({ tokens: 8, approximate: false, encoding: "o200k_base" })
      expect(yield* of(gpt4)).toEqual({ tokens: 9, approximate: false, encoding: "cl100k_base" })
      expect(yield* of({ model: "claude-sonnet-4-5" })).toEqual({
        tokens: 8,
        approximate: true,
        encoding: "o200k_base"
      })
      expect(yield* of()).toEqual({ tokens: 8, approximate: true, encoding: "o200k_base" })
    }).pipe(exactly)
  )

  it.effect("takes an encoding in place of a model, or before one", () =>
    Effect.gen(function* () {
      expect(yield* Tokenizer.countDetailed("お誕生日おめでとう", { model: "prod", encoding: "cl100k_base" })).toEqual({
        tokens: 9,
        approximate: false,
        encoding: "cl100k_base"
      })
    }).pipe(exactly)
  )

  it.effect("counts nothing as nothing, and special tokens as text", () =>
    Effect.gen(function* () {
      expect(yield* Tokenizer.count("", gpt4o)).toBe(0)
      expect(yield* Tokenizer.encode("", gpt4o)).toEqual([])
      expect(yield* Tokenizer.decode([], gpt4o)).toBe("")
      expect(yield* Tokenizer.fits("", 0, gpt4o)).toBe(true)
      expect(yield* Tokenizer.count("<|endoftext|>", gpt4o)).toBe(7)
      expect(yield* Tokenizer.decode(yield* Tokenizer.encode("a<|endoftext|>", gpt4o), gpt4o)).toBe("a<|endoftext|>")
    }).pipe(exactly)
  )

  it.effect("answers whether a text fits, and cuts one that does not", () =>
    Effect.gen(function* () {
      const text = "one two three four"
      expect(yield* Tokenizer.fits(text, 4, gpt4o)).toBe(true)
      expect(yield* Tokenizer.fits(text, 3, gpt4o)).toBe(false)
      expect(yield* Tokenizer.truncate(text, 4, gpt4o)).toBe(text)
      expect(yield* Tokenizer.truncate(text, 3, gpt4o)).toBe("one two three")
      expect(yield* Tokenizer.truncate("𓀀𓀀", 1, gpt4o)).toBe("")
    }).pipe(exactly)
  )

  it.effect.each([Number.NaN, Number.NEGATIVE_INFINITY, -1, 0, 0.9])("%d tokens are room for nothing", (limit) =>
    Effect.gen(function* () {
      expect(yield* Tokenizer.truncate("word", limit, gpt4o)).toBe("")
      expect(yield* Tokenizer.fits("word", limit, gpt4o)).toBe(false)
    }).pipe(exactly)
  )

  it.effect("has room for everything in infinitely many", () =>
    Effect.gen(function* () {
      expect(yield* Tokenizer.truncate("word", Number.POSITIVE_INFINITY, gpt4o)).toBe("word")
      expect(yield* Tokenizer.fits("word", Number.POSITIVE_INFINITY, gpt4o)).toBe(true)
    }).pipe(exactly)
  )

  it.effect("fails with UnknownToken for an id that the encoding does not have", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Tokenizer.decode([0, 150_000], gpt4))
      expect(error).toMatchObject({ _tag: "TokenizerError", reason: "UnknownToken" })
      expect(error.message).toContain("150000 is no token of cl100k_base")
      expect(Either.isRight(yield* Effect.either(Tokenizer.decode([0, 150_000], gpt4o)))).toBe(true)
    }).pipe(exactly)
  )

  it.effect("loads an encoding once, however many ask at once and however many layers there are", () =>
    Effect.gen(function* () {
      const loaded = yield* Effect.all(
        Array.from({ length: 20 }, () => Encodings.load("cl100k_base")),
        { concurrency: "unbounded" }
      )
      expect(new Set(loaded).size).toBe(1)
      expect(yield* Encodings.load("cl100k_base")).toBe(loaded[0])
    })
  )

  it.effect("fails with Unavailable where the data cannot be loaded, and works when it can", () =>
    Effect.gen(function* () {
      vi.resetModules()
      vi.doMock("js-tiktoken/ranks/o200k_base", () => Promise.reject(new Error("no such chunk")))
      const fresh = yield* Effect.promise(() => import("../src/Tokenizer.js"))
      const counted = fresh.count("tiktoken is great!", gpt4o).pipe(Effect.provide(fresh.layer))
      const error = yield* Effect.flip(counted)
      expect(error).toMatchObject({ _tag: "TokenizerError", reason: "Unavailable" })
      expect(error.message).toContain("the data of o200k_base could not be loaded")
      vi.doUnmock("js-tiktoken/ranks/o200k_base")
      vi.resetModules()
      const mended = yield* Effect.promise(() => import("../src/Tokenizer.js"))
      expect(yield* mended.count("tiktoken is great!", gpt4o).pipe(Effect.provide(mended.layer))).toBe(6)
    })
  )

  // It waits for real timers: under TestClock, whose time stands still, this would hang.
  it.effect("lets others run while it encodes a long text, and can be interrupted there", () =>
    Effect.gen(function* () {
      const text = `${corpora["English"]}\n`.repeat(2000)
      let turns = 0
      const ticking = yield* Effect.fork(
        Effect.forever(Effect.async<void>((resume) => void setImmediate(() => resume(Effect.sync(() => void turns++)))))
      )
      const tokens = yield* Tokenizer.count(text, gpt4o)
      expect(turns).toBeGreaterThan(2)
      yield* Fiber.interrupt(ticking)
      expect(tokens).toBeGreaterThan(200_000)

      const counting = yield* Effect.fork(Tokenizer.encode("a".repeat(20_000_000), gpt4o))
      yield* Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
      expect(Exit.isInterrupted(yield* Fiber.interrupt(counting))).toBe(true)
    }).pipe(exactly)
  )
})

describe("Tokenizer.layerEstimate", () => {
  it.effect("counts about as many as there are, and says so", () =>
    Effect.gen(function* () {
      const detailed = yield* Tokenizer.countDetailed(corpora["English"] ?? "", gpt4o)
      expect(detailed).toMatchObject({ approximate: true, encoding: "estimate" })
      const real = yield* exactly(Tokenizer.count(corpora["English"] ?? "", gpt4o))
      expect(Math.abs(detailed.tokens / real - 1)).toBeLessThan(0.1)
      expect(yield* Tokenizer.count("")).toBe(0)
    }).pipe(approximately)
  )

  it.effect("has no ids", () =>
    Effect.gen(function* () {
      const errors = [yield* Effect.flip(Tokenizer.encode("text")), yield* Effect.flip(Tokenizer.decode([1]))]
      expect(errors.map(({ reason }) => reason)).toEqual(["NoIds", "NoIds"])
      for (const { message } of errors) expect(message).toContain("provide Tokenizer.layer")
    }).pipe(approximately)
  )

  it.effect("counts chats", () =>
    Effect.gen(function* () {
      const chat = yield* Tokenizer.countChatDetailed({ prompt: "Hello", model: "gpt-4o" })
      expect(chat).toMatchObject({ approximate: true, encoding: "estimate", estimated: ["encoding", "framing"] })
      expect(chat.tokens).toBe(8)
    }).pipe(approximately)
  )

  it.effect("reads little more of a long text than it keeps", () =>
    Effect.gen(function* () {
      const lengths: Array<number> = []
      const counting = Tokenizer.make({
        name: "letters",
        encode: () => Effect.succeed([]),
        decode: () => Effect.succeed(""),
        count: (text) => Effect.sync(() => lengths.push(text.length) && text.length)
      })
      const cut = yield* counting.truncate("x".repeat(1_000_000), 100)
      expect(cut).toBe("x".repeat(100))
      expect(Math.max(...lengths)).toBeLessThan(1000)
    })
  )

  it("truncates to what fits by its own count", () =>
    fc.assert(
      fc.asyncProperty(fc.constantFrom(...randomTexts(5, 300)), fc.integer({ min: -1, max: 30 }), (text, maxTokens) =>
        Effect.gen(function* () {
          const beginning = yield* Tokenizer.truncate(text, maxTokens)
          expect(text.startsWith(beginning)).toBe(true)
          expect(yield* Tokenizer.count(beginning)).toBeLessThanOrEqual(Math.max(0, maxTokens))
          if (yield* Tokenizer.fits(text, maxTokens)) expect(beginning).toBe(text)
          const cut = beginning.length
          if (cut > 0 && cut < text.length) expect(text.codePointAt(cut - 1) ?? 0).toBeLessThan(0x1_00_00)
        }).pipe(approximately, Effect.runPromise)
      ),
      { numRuns: 500 }
    ))
})

describe("Tokenizer.estimate", () => {
  const sure = [
    "English",
    "code",
    "JSON",
    "Russian",
    "Slovak",
    "Chinese",
    "Japanese",
    "Korean",
    "Arabic",
    "Hindi",
    "Thai"
  ]
  it.effect.each(sure)("is within three tenths for %s", (corpus) =>
    Effect.gen(function* () {
      const text = corpora[corpus] ?? ""
      const real = yield* Tokenizer.count(text, gpt4o)
      expect(Math.abs(Tokenizer.estimate(text) / real - 1), `${Tokenizer.estimate(text)} of ${real}`).toBeLessThan(0.3)
    }).pipe(exactly)
  )
})

describe("Tokenizer.make", () => {
  /** A token per word. */
  const words = Tokenizer.make({
    name: "words",
    encode: (text) => Effect.succeed((text.match(/\S+\s*/g) ?? []).map((word) => word.length)),
    decode: (ids) => Effect.succeed(ids.map((id) => "x".repeat(id)).join(""))
  })
  const inWords = Effect.provide(Layer.succeed(Tokenizer.Tokenizer, words))

  it.effect("makes a tokenizer of what encodes and decodes", () =>
    Effect.gen(function* () {
      expect(yield* Tokenizer.countDetailed("a few words")).toEqual({
        tokens: 3,
        approximate: false,
        encoding: "words"
      })
      expect(yield* Tokenizer.encode("a few words")).toEqual([2, 4, 5])
      expect(yield* Tokenizer.decode([2, 1])).toBe("xxx")
      expect(yield* Tokenizer.fits("a few words", 3)).toBe(true)
      expect(yield* Tokenizer.fits("a few words", 2)).toBe(false)
      expect(yield* Tokenizer.truncate("a few words", 2)).toBe("a few ")
    }).pipe(inWords)
  )

  it.effect("says that it does not know how its model frames messages", () =>
    Effect.gen(function* () {
      const chat = yield* Tokenizer.countChatDetailed([Prompt.user("a few words")], { model: "llama" })
      expect(chat).toMatchObject({ encoding: "words", estimated: ["framing"], approximate: true, tokens: 10 })
    }).pipe(inWords)
  )
})
