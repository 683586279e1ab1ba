/**
 * What OpenAI's split patterns tell apart: each code point's class as a set of bits, from the Unicode tables of the engine.
 * White space is that of Unicode, as in the patterns' own language, not JavaScript's `\s`: with U+0085, without U+FEFF.
 */
import * as Utf8 from "./Utf8.js"

/** May stand in the first part of a word: capitals, title case, letters without case, marks. */
export const capital = 1
/** May stand in the last part of a word: small letters, letters without case, marks. */
export const small = 2
export const letter = 4
export const number = 8
export const space = 16
/** Neither space, letter nor number. */
export const symbol = 32
/** May stand once before the letters of a word: neither letter, number, CR nor LF. */
export const wordPrefix = 64

// In a function, because an engine takes milliseconds to compile these, which no import should take.
const makeClassify = (): ((character: string) => number) => {
  const capitals = /[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]/u
  const smalls = /[\p{Ll}\p{Lm}\p{Lo}\p{M}]/u
  const letters = /\p{L}/u
  const numbers = /\p{N}/u
  const spaces = /\p{White_Space}/u
  const newlines = /[\r\n]/
  return (character) => {
    if (numbers.test(character)) return number
    const cases = (capitals.test(character) ? capital : 0) | (smalls.test(character) ? small : 0)
    if (letters.test(character)) return letter | cases
    if (newlines.test(character)) return space
    return wordPrefix | (spaces.test(character) ? space : symbol | cases)
  }
}

/** The classes of all code points, filled by blocks of 256 as they occur: no class is 0. */
export class CharacterClasses {
  readonly #classes = new Uint8Array(0x11_00_00)
  readonly #classify = makeClassify()

  #of(codePoint: number): number {
    const known = this.#classes[codePoint] ?? 0
    return known === 0 ? this.#fill(codePoint) : known
  }

  #fill(codePoint: number): number {
    const first = codePoint & ~0xff
    for (let each = first; each < first + 256; each++) this.#classes[each] = this.#classify(String.fromCodePoint(each))
    return this.#classes[codePoint] ?? 0
  }

  /** The class of the character at an index; 0 at the end of the text. */
  at(text: Uint8Array, index: number): number {
    return index < text.length ? this.#of(Utf8.codePointAt(text, index)) : 0
  }

  /** Where the run of characters of one of these classes ends that begins at an index. */
  endOfRun(text: Uint8Array, start: number, classes: number): number {
    let at = start
    while ((this.at(text, at) & classes) !== 0) at += Utf8.width(text[at] ?? 0)
    return at
  }
}
