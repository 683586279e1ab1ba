import { afterAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { get_encoding, type Tiktoken } from "tiktoken"
import type { BytePairEncoding } from "../../src/tokenizer/BytePairEncoding.js"
import { load } from "../../src/tokenizer/Encodings.js"
import type { Encoding } from "../../src/tokenizer/ModelEncodings.js"
import { corpora, randomFrom, randomTexts } from "./Corpora.js"

/** Runs without pauses; the value, and in how many steps. */
const drained = <A>(work: Generator<void, A>): { readonly value: A; readonly steps: number } => {
  for (let steps = 1; ; steps++) {
    const step = work.next()
    if (step.done === true) return { value: step.value, steps }
  }
}
const all = <A>(work: Generator<void, A>): A => drained(work).value

const names: ReadonlyArray<Encoding> = ["o200k_base", "cl100k_base"]
const ours: Record<string, BytePairEncoding> = {}
const oracle: Record<string, Tiktoken> = {}
for (const name of names) {
  ours[name] = await Effect.runPromise(load(name))
  oracle[name] = get_encoding(name)
}
afterAll(() => {
  for (const name of names) oracle[name]?.free()
})

const expected = (name: Encoding, text: string): ReadonlyArray<number> => [
  ...(oracle[name]?.encode_ordinary(text) ?? [])
]

describe.each(names)("%s", (name) => {
  const encoding = (): BytePairEncoding => ours[name] ?? expect.unreachable()

  describe("gives the ids of the reference", () => {
    it.each(Object.keys(corpora))("for %s", (corpus) => {
      const text = corpora[corpus] ?? ""
      expect(all(encoding().encode(text))).toEqual(expected(name, text))
    })

    it("for all of them in one text", () => {
      const text = Object.values(corpora).join("\n\n")
      expect(all(encoding().encode(text))).toEqual(expected(name, text))
    })

    it("for 10,000 random texts", () => {
      const wrong = randomTexts(1, 10_000).filter(
        (text) => all(encoding().encode(text)).join() !== expected(name, text).join()
      )
      expect(wrong).toEqual([])
    })

    // The reference takes time by the square of the length.
    it.each([
      ["a", 10_000],
      ["字", 5000],
      ["A", 3000],
      ["я", 3000],
      ["é", 3000],
      ["क", 3000],
      [" ", 10_000],
      ["\n", 10_000],
      ["!", 3000],
      ["7", 10_000],
      ["😀", 2000],
      ["\ud800", 2000],
      ["aA", 3000],
      ["字A", 3000],
      ["e\u0301", 3000]
    ] as const)("for %j, %d times", (unit, times) => {
      const text = unit.repeat(times)
      expect(all(encoding().encode(text))).toEqual(expected(name, text))
    })

    it("for texts around the length from which pieces are merged by a heap", () => {
      const random = randomFrom(7)
      for (let length = 88; length < 104; length++) {
        for (const letters of ["abcdefgh", "étude", "ab"]) {
          const text = Array.from({ length }, () => letters[random(letters.length)]).join("")
          expect(all(encoding().encode(text)), text).toEqual(expected(name, text))
        }
      }
    })
  })

  describe("takes time linear in the text", () => {
    it("of one letter: as many steps for each further 100,000, and the tokens of a shorter run", () => {
      const [short, ...more] = all(encoding().encode("a".repeat(80)))
      const steps = [1, 2, 4, 10].map((times) => {
        const { steps, value } = drained(encoding().encode("a".repeat(times * 100_000)))
        expect(new Set(value)).toEqual(new Set([short, ...more]))
        expect(all(encoding().encode("a".repeat(8)))).toEqual([value[0]])
        expect(value.length).toBe((times * 100_000) / 8)
        return steps / times
      })
      expect(Math.max(...steps)).toBeLessThan(2 * Math.min(...steps))
    })

    it("of 500,000 characters of one word", () => {
      const text = "字".repeat(500_000)
      const ids = all(encoding().encode(text))
      expect(encoding().decode(ids) === text).toBe(true)
      const few = all(encoding().encode("字".repeat(500)))
      expect(ids.length).toBe(1000 * few.length)
    })

    it("of a long text, and pauses in between", () => {
      const text = `${corpora["English"]}\n`.repeat(1000)
      const { steps, value } = drained(encoding().encode(text))
      expect(steps).toBeGreaterThan(text.length / 200_000)
      expect(value.length).toBe(all(encoding().count(text)))
      expect(value.slice(0, 100)).toEqual(expected(name, text.slice(0, 1000)).slice(0, 100))
    })
  })

  describe("laws", () => {
    const texts = fc.oneof(fc.fullUnicodeString({ maxLength: 60 }), fc.constantFrom(...randomTexts(3, 500)))
    const runs = { numRuns: 500 }

    it("decode gives back what encode was given, a lone surrogate as U+FFFD", () => {
      fc.assert(
        fc.property(texts, (text) => {
          expect(encoding().decode(all(encoding().encode(text)))).toBe(
            new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text))
          )
        }),
        runs
      )
    })

    it("count is how many ids encode gives", () => {
      fc.assert(
        fc.property(texts, (text) => {
          expect(all(encoding().count(text))).toBe(all(encoding().encode(text)).length)
        }),
        runs
      )
    })

    it("fits is whether count is at most the limit", () => {
      fc.assert(
        fc.property(texts, fc.integer({ min: -1, max: 80 }), (text, limit) => {
          expect(all(encoding().fits(text, limit))).toBe(all(encoding().count(text)) <= limit)
        }),
        runs
      )
    })

    it("truncate gives a beginning of whole characters that fits, and all of what fits", () => {
      fc.assert(
        fc.property(texts, fc.integer({ min: -1, max: 40 }), (text, maxTokens) => {
          const beginning = all(encoding().truncate(text, maxTokens))
          expect(text.startsWith(beginning)).toBe(true)
          expect(all(encoding().count(beginning))).toBeLessThanOrEqual(Math.max(0, maxTokens))
          if (all(encoding().count(text)) <= maxTokens) expect(beginning).toBe(text)
          const cut = beginning.length
          if (cut > 0 && cut < text.length) expect(text.codePointAt(cut - 1) ?? 0).toBeLessThan(0x1_00_00)
        }),
        { ...runs, numRuns: 2000 }
      )
    })
  })

  it("truncate wastes no tokens on plain text", () => {
    const text = `${corpora["English"]}\n`.repeat(10)
    for (const maxTokens of [1, 2, 3, 10, 100, 500, 1000]) {
      expect(all(encoding().count(all(encoding().truncate(text, maxTokens))))).toBe(maxTokens)
    }
  })

  it("truncate needs not read a long text to its end", () => {
    const { steps, value } = drained(encoding().truncate("a".repeat(3_000_000), 10))
    expect(value).toBe("a".repeat(80))
    expect(steps).toBe(1)
  })

  it("fits does not encode what cannot fit, nor what must", () => {
    const text = "word ".repeat(1_000_000)
    expect(drained(encoding().fits(text, 1000))).toEqual({ value: false, steps: 1 })
    expect(drained(encoding().fits(text, 1e9))).toEqual({ value: true, steps: 1 })
  })

  it("counts special tokens as text, and decodes them", () => {
    expect(all(encoding().count("<|endoftext|>"))).toBeGreaterThan(3)
    const id = name === "o200k_base" ? 199_999 : 100_257
    expect(encoding().decode([id])).toBe("<|endoftext|>")
  })

  it("decodes half a character as U+FFFD, and both halves as it", () => {
    const ids = all(encoding().encode("𓀀"))
    expect(ids.length).toBeGreaterThan(1)
    expect(encoding().decode(ids.slice(0, 1))).toBe("\ufffd")
    expect(encoding().decode(ids)).toBe("𓀀")
  })

  it.each([-1, 0.5, 300_000, Number.NaN, Number.POSITIVE_INFINITY])("knows no token %d", (id) => {
    expect(encoding().decode([0, id, -7])).toEqual({ unknown: id })
  })
})
