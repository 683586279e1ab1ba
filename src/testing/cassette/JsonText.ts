/** JSON texts that can be taken apart and printed again to the last character. */
import { isRecord, parse } from "../../wire/Json.js"

/** - `indent`: spaces. Default: none, all on one line. `newline`: a line break at the end. Default: none */
export interface JsonText {
  readonly json: unknown
  readonly indent?: number | undefined
  readonly newline?: boolean | undefined
}

export const print = ({ indent, json, newline }: JsonText): string =>
  JSON.stringify(json, null, indent ?? 0) + (newline === true ? "\n" : "")

/** An object or a list, in its layout; `undefined` for all that would not come out again as it is. */
export const read = (text: string): JsonText | undefined => {
  const json = container(text)
  if (json === undefined) return undefined
  for (const indent of [0, 2, 4]) {
    for (const newline of [false, true]) {
      const layout = { json, ...(indent === 0 ? {} : { indent }), ...(newline ? { newline } : {}) }
      if (print(layout) === text) return layout
    }
  }
  return undefined
}

/** The JSON object or list of a text, if it is one. */
export const container = (text: string): unknown => {
  const value = /^\s*[[{]/.test(text) ? parse(text) : undefined
  return isRecord(value) || Array.isArray(value) ? value : undefined
}
