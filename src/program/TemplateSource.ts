/**
 * The text of a template, and where in it something is.
 */
import { type Dedented, dedented } from "./Dedent.js"
import type { Kind, Problem } from "./TemplateError.js"

/** `file` is undefined for a text that has no name; positions are those of the text before its indentation was taken away. */
export interface TemplateSource extends Dedented {
  readonly file: string | undefined
}

export const make = (text: string, file: string | undefined): TemplateSource => ({
  ...dedented(text.replace(/^\uFEFF/, "")),
  file
})

/** The text of a partial stays as it is: whether it ends in a line break matters where it is put. */
export const makePartial = (text: string, file: string): TemplateSource => ({
  text: text.replace(/^\uFEFF/, ""),
  lines: 0,
  columns: 0,
  file
})

/** A mistake at a place in the text. */
export const problem = (source: TemplateSource, kind: Kind, index: number, message: string): Problem => {
  const before = source.text.slice(0, index)
  return {
    kind,
    ...(source.file === undefined ? {} : { file: source.file }),
    line: before.split("\n").length + source.lines,
    column: index - before.lastIndexOf("\n") + source.columns,
    message
  }
}
