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

const bareOf = (text: string): string => (text.includes("\\") ? text.replaceAll("\\", "") : text)

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

/** The text with so many backslashes more behind the first character of each marker. */
const shifted = (text: string, rest: string, markers: ReadonlyArray<Marker>, by: 1 | -1): string => {
  const found = places(bareOf(text), rest, markers)
  if (found.size === 0) return text
  const out: Array<string> = []
  /** How many characters are out that are no backslashes, and where the run of backslashes behind the last one begins. */
  let characters = 0
  let run = 0
  const close = (end: number): void => {
    const count = end - run + (found.has(characters - 1) ? by : 0)
    if (count > 0) out.push("\\".repeat(count))
  }
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "\\") continue
    close(index)
    out.push(text.charAt(index))
    characters++
    run = index + 1
  }
  close(text.length)
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
  places(bareOf(text), rest, markers).size > 0
