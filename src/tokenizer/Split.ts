/**
 * How OpenAI's encodings cut a text into pieces, which are then encoded each by itself.
 *
 * The published patterns are regular expressions. They are written out here, because the engine's own matcher throws on
 * a run of some million letters, and reads JavaScript's `\s`. Every piece is found by a few steps forward, so the time is
 * linear in the text. A piece depends on what follows it, never on what is before it.
 */
import { capital, type CharacterClasses, letter, number, small, space, symbol, wordPrefix } from "./CharacterClass.js"
import { byteAt, isBoundary, width } from "./Utf8.js"

/** Where the piece ends that begins at `start`, both within a text of UTF-8. */
export type PieceEnd = (text: Uint8Array, start: number) => number

const apostrophe = 0x27

/** `'(?i:[sdmt]|ll|ve|re)`: the index after it, or that of the start where there is none. */
const endOfContraction = (text: Uint8Array, start: number): number => {
  if (byteAt(text, start) !== apostrophe) return start
  const first = byteAt(text, start + 1)
  switch (first | 0x20) {
    case 0x73: // s
    case 0x64: // d
    case 0x6d: // m
    case 0x74: // t
      return start + 2
    case 0x6c: // ll
      return (byteAt(text, start + 2) | 0x20) === 0x6c ? start + 3 : start
    case 0x72: // re
    case 0x76: // ve
      return (byteAt(text, start + 2) | 0x20) === 0x65 ? start + 3 : start
    default:
      // U+017F, the long s: the only letter outside of ASCII that is one of these but for its case.
      return first === 0xc5 && byteAt(text, start + 2) === 0xbf ? start + 3 : start
  }
}

const isNewline = (byte: number): boolean => byte === 0x0a || byte === 0x0d

/** The index after the character at an index within the text. */
const after = (text: Uint8Array, index: number): number => index + width(text[index] ?? 0)

/** What both patterns have in common: what begins with no word. */
const endOfOther = (
  classes: CharacterClasses,
  text: Uint8Array,
  start: number,
  first: number,
  slash?: number
): number => {
  // \p{N}{1,3}
  if ((first & number) !== 0) {
    let end = after(text, start)
    for (let more = 0; more < 2 && (classes.at(text, end) & number) !== 0; more++) end = after(text, end)
    return end
  }
  // ` ?[^\s\p{L}\p{N}]+[\r\n]*`, and slashes among the line ends in o200k_base
  const symbols = byteAt(text, start) === 0x20 ? start + 1 : start
  let end = classes.endOfRun(text, symbols, symbol)
  if (end > symbols) {
    for (let next = byteAt(text, end); isNewline(next) || next === slash; next = byteAt(text, ++end));
    return end
  }
  // `\s*[\r\n]+`: up to the last line end of the run
  end = classes.endOfRun(text, start, space)
  for (let last = end; last > start; last--) if (isNewline(byteAt(text, last - 1))) return last
  // `\s+(?!\S)|\s+`: the last space before something else is left to that
  if (end === text.length) return end
  let last = end - 1
  while (!isBoundary(text, last)) last--
  return last === start ? end : last
}

/** The pattern of `cl100k_base`. */
export const cl100k =
  (classes: CharacterClasses): PieceEnd =>
  (text, start) => {
    const contraction = endOfContraction(text, start)
    if (contraction > start) return contraction
    const first = classes.at(text, start)
    if ((first & letter) !== 0) return classes.endOfRun(text, start, letter)
    if ((first & wordPrefix) !== 0) {
      const letters = after(text, start)
      const end = classes.endOfRun(text, letters, letter)
      if (end > letters) return end
    }
    return endOfOther(classes, text, start, first)
  }

/**
 * The pattern of `o200k_base`. Its words end where small letters are followed by a capital; its first two alternatives
 * are tried here in the order of the pattern, each with and then without a prefix.
 */
export const o200k = (classes: CharacterClasses): PieceEnd => {
  /** `[capital]*[small]+|[capital]+[small]*`, the second only if `orCapitals`; the start where there is no word. */
  const endOfWord = (text: Uint8Array, start: number, orCapitals: boolean): number => {
    let at = start
    let caseless = start
    for (;;) {
      const each = classes.at(text, at)
      if ((each & capital) === 0) break
      at = after(text, at)
      if ((each & small) !== 0) caseless = at
    }
    const end = classes.endOfRun(text, at, small)
    if (end > at) return end
    // No small letter after the capitals: the last one that is both ends the word.
    if (caseless > start) return caseless
    return orCapitals ? at : start
  }

  return (text, start) => {
    const first = classes.at(text, start)
    let end = start
    if ((first & wordPrefix) !== 0) {
      const letters = after(text, start)
      end = endOfWord(text, letters, (first & capital) === 0)
      if (end === letters) {
        // A mark is a prefix, and a word of its own.
        end = (first & capital) === 0 ? start : endOfWord(text, start, true)
      }
    } else if ((first & letter) !== 0) {
      end = endOfWord(text, start, true)
    }
    return end > start ? endOfContraction(text, end) : endOfOther(classes, text, start, first, 0x2f)
  }
}
