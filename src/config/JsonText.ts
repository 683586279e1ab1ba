/**
 * JSON, and where a text stops being it. The engines' own words will not do: some name no position, and all quote the text.
 */
import * as Either from "effect/Either"
import { at, type TextFault } from "./TextFault.js"

/** What a text says, or where it stops being JSON. */
export const parse = (text: string): Either.Either<unknown, TextFault> =>
  Either.mapLeft(
    Either.try((): unknown => JSON.parse(text)),
    () => {
      const { expected, offset } = firstFault(text)
      return at(text, offset, `this is not JSON: expected ${expected}`)
    }
  )

/** A mark, a string, a number or a word. */
const token =
  /([{}[\],:])|"(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*(")|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/uy

const words = {
  value: "a value",
  firstValue: "a value or ]",
  name: "a name in double quotes",
  firstName: "a name in double quotes or }",
  colon: "a colon",
  moreValues: "a comma or ]",
  moreNames: "a comma or }",
  end: "the end of the file"
} as const

type Expected = keyof typeof words

interface Fault {
  readonly offset: number
  readonly expected: string
}

/** Follows the grammar to the first token that does not fit. */
const firstFault = (text: string): Fault => {
  /** What is expected behind each object and array that is open. */
  const open: Array<Expected> = []
  let expected: Expected = "value"
  let offset = 0
  for (;;) {
    while (offset < text.length && " \t\r\n".includes(text.charAt(offset))) offset++
    token.lastIndex = offset
    const found = token.exec(text)
    // A mark, a quotation mark for a string, or nothing for a number or a word.
    const kind = found === null ? "none" : (found[1] ?? found[2] ?? "word")
    const next = follow(expected, kind, open)
    if (next === undefined) return { offset, expected: words[expected] }
    expected = next
    offset = token.lastIndex
  }
}

const behind = (open: ReadonlyArray<Expected>): Expected => open.at(-1) ?? "end"

const follow = (expected: Expected, kind: string, open: Array<Expected>): Expected | undefined => {
  const begin = (more: Expected, first: Expected): Expected => {
    open.push(more)
    return first
  }
  const close = (): Expected => {
    open.pop()
    return behind(open)
  }
  switch (expected) {
    case "value":
    case "firstValue":
      if (kind === "{") return begin("moreNames", "firstName")
      if (kind === "[") return begin("moreValues", "firstValue")
      if (kind === "]") return expected === "firstValue" ? close() : undefined
      return kind === '"' || kind === "word" ? behind(open) : undefined
    case "name":
    case "firstName":
      if (kind === "}") return expected === "firstName" ? close() : undefined
      return kind === '"' ? "colon" : undefined
    case "colon":
      return kind === ":" ? "value" : undefined
    case "moreValues":
      return kind === "," ? "value" : kind === "]" ? close() : undefined
    case "moreNames":
      return kind === "," ? "name" : kind === "}" ? close() : undefined
    case "end":
      return undefined
  }
}
