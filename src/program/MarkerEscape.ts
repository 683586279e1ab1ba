/**
 * Keeps texts that mean something in a prompt out of what people say in it: a backslash behind the first character of a
 * marker breaks it, for the model and for whoever reads the prompt back.
 *
 * Markers are looked for as if the text had no backslashes, and every such place gets one backslash more; so the way back,
 * one backslash less, finds the same places.
 */

/**
 * - `text`: two characters or more, none of them a backslash
 * - `from`: whether it counts anywhere, or only where a line or a word begins
 */
export interface Marker {
  readonly text: string
  readonly from: "anywhere" | "line" | "word"
}

const begins = (from: Marker["from"], before: string | undefined): boolean =>
  from === "anywhere" || before === undefined || (from === "line" ? before === "\n" : /\s/.test(before))

/** A text as characters, each with the number of backslashes behind it; the first is what stands before any character. */
interface Split {
  readonly characters: ReadonlyArray<string>
  readonly backslashes: ReadonlyArray<number>
  readonly bare: string
}

const split = (text: string): Split => {
  const characters: Array<string> = []
  const backslashes = [0]
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index)
    if (character === "\\") backslashes[characters.length] = (backslashes[characters.length] ?? 0) + 1
    else {
      characters.push(character)
      backslashes.push(0)
    }
  }
  return { characters, backslashes, bare: characters.join("") }
}

/** Where a marker begins in a text without backslashes that goes on with `rest`. */
const places = (bare: string, rest: string, markers: ReadonlyArray<Marker>): ReadonlySet<number> => {
  const whole = bare + rest
  const found = new Set<number>()
  for (const marker of markers) {
    let index = whole.indexOf(marker.text)
    while (index >= 0 && index < bare.length) {
      if (begins(marker.from, whole[index - 1])) found.add(index)
      index = whole.indexOf(marker.text, index + 1)
    }
  }
  return found
}

const shifted = (text: string, rest: string, markers: ReadonlyArray<Marker>, by: 1 | -1): string => {
  const { backslashes, bare, characters } = split(text)
  const found = places(bare, rest, markers)
  if (found.size === 0) return text
  const out = ["\\".repeat(backslashes[0] ?? 0)]
  for (const [index, character] of characters.entries()) {
    const count = (backslashes[index + 1] ?? 0) + (found.has(index) ? by : 0)
    out.push(character, "\\".repeat(Math.max(count, 0)))
  }
  return out.join("")
}

/** The text without any marker; `rest` is what will follow it, with which it must not make one. */
export const escape = (text: string, rest: string, markers: ReadonlyArray<Marker>): string =>
  shifted(text, rest, markers, 1)

/** What `escape` was given. */
export const unescape = (text: string, rest: string, markers: ReadonlyArray<Marker>): string =>
  shifted(text, rest, markers, -1)

/** Whether a text has a marker, or makes one with what follows. */
export const has = (text: string, rest: string, markers: ReadonlyArray<Marker>): boolean =>
  places(split(text).bare, rest, markers).size > 0
