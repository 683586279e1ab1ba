import { describe, expect, it } from "@effect/vitest"
import cl100k from "js-tiktoken/ranks/cl100k_base"
import o200k from "js-tiktoken/ranks/o200k_base"
import { CharacterClasses } from "../../src/tokenizer/CharacterClass.js"
import * as Split from "../../src/tokenizer/Split.js"
import * as Utf8 from "../../src/tokenizer/Utf8.js"
import { corpora, randomTexts } from "./Corpora.js"

/** The published pattern as one of JavaScript: with Unicode's white space, and the long s. */
const published = (pattern: string): RegExp =>
  new RegExp(
    pattern
      .replaceAll("('s|", "('ſ|'s|")
      .replaceAll(/\[\^\\s/g, "[^\\p{White_Space}")
      .replaceAll("\\s", "\\p{White_Space}")
      .replaceAll("\\S", "\\P{White_Space}"),
    "gu"
  )

const pieces = (pieceEnd: Split.PieceEnd, text: string): ReadonlyArray<string> => {
  const bytes = Utf8.encode(text)
  const found: Array<string> = []
  for (let at = 0; at < bytes.length;) {
    const end = pieceEnd(bytes, at)
    found.push(Utf8.decode(bytes.subarray(at, end)))
    at = end
  }
  return found
}

describe.each([
  ["o200k_base", o200k.pat_str, Split.o200k(new CharacterClasses())],
  ["cl100k_base", cl100k.pat_str, Split.cl100k(new CharacterClasses())]
] as const)("the pieces of %s", (_, pattern, pieceEnd) => {
  const expected = (text: string): ReadonlyArray<string> =>
    text.replaceAll(/\p{Cs}/gu, "\ufffd").match(published(pattern)) ?? []

  it.each(Object.keys(corpora))("of %s are those of the published pattern", (corpus) => {
    const text = corpora[corpus] ?? ""
    expect(pieces(pieceEnd, text)).toEqual(expected(text))
  })

  it("of random texts are those of the published pattern", () => {
    for (const text of randomTexts(11, 20_000))
      expect(pieces(pieceEnd, text), JSON.stringify(text)).toEqual(expected(text))
  })

  // The engine's own patterns throw a RangeError from 4.2 million on.
  it.each(["a", "A", "字", "!", " ", "\u0301"])("of 5,000,000 times %j are few", (character) => {
    expect(pieces(pieceEnd, `${character.repeat(5_000_000)}1`).length).toBeLessThanOrEqual(3)
  })

  it("of every character, alone and among others, are those of the published pattern", () => {
    const planes = [0, 0x1_00_00, 0x2_00_00, 0xe_00_00]
    const blocks = planes.flatMap((plane) => Array.from({ length: 0x40 }, (_, block) => plane + block * 0x400))
    const wrong = blocks.filter((first) => {
      const text = Array.from({ length: 0x400 }, (_, each) => {
        const character = String.fromCodePoint(first + each)
        return `a${character}B${character}1 ${character} \n`
      }).join("")
      return pieces(pieceEnd, text).join("|") !== expected(text).join("|")
    })
    expect(wrong.map((first) => first.toString(16))).toEqual([])
  })
})
