/**
 * What is wrong with a text, and where. It never quotes the text: a configuration holds keys.
 */

/** `line` and `column` count from 1, columns in UTF-16 units, as editors do. */
export interface TextFault {
  readonly line: number
  readonly column: number
  readonly message: string
}

/** The fault at an offset of a text. */
export const at = (text: string, offset: number, message: string): TextFault => {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/)
  return { line: lines.length, column: (lines.at(-1) ?? "").length + 1, message }
}
