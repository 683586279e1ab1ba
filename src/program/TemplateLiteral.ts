/**
 * Templates of literals: their variables are read from the type.
 */
import { fromProblems, type Kind, type TemplateError } from "./TemplateError.js"
import type { Arguments, Checked, Names, Value } from "./TemplateNames.js"
import * as TemplateSource from "./TemplateSource.js"

/**
 * - `source`: the text it was made from, without the indentation of the source code
 * - `names`: its variables, each once, in the order of the text
 * - `render`: pure; takes one value per variable
 */
export interface Template<Variables> {
  readonly source: string
  readonly names: ReadonlyArray<string>
  readonly render: (...variables: Arguments<Variables>) => string
}

/**
 * A template of a literal with variables such as `{{name}}`, at any place and any number of times:
 *
 * ```ts
 * const letter = Template.make("Dear {{name}}, you are {{age}}.")
 * letter.render({ name: "Ada", age: 36 }) // "Dear Ada, you are 36."
 * ```
 *
 * The indentation of the source code is taken away (see `dedent`). Lists and conditions need a template that is checked
 * against a Schema: `parse`, `load`.
 */
export const make = <const Source extends string>(
  source: Checked<Source>
): Template<{ readonly [Name in Names<Source>]: Value }> => compile(source)

/**
 * The same for a text that the compiler does not know: for functions that check the type themselves, with `Checked` and
 * `Names`. Never for a text from outside. Throws a `TemplateError` where the text is no template, and `render` throws one
 * where a value is missing.
 */
export const unsafeMake = (source: string): Template<{ readonly [name: string]: Value }> => compile(source)

// -----------------------------------------------------------------------------
// Compiling: texts and names by turns
// -----------------------------------------------------------------------------

const space = /^[ \t\r\n]+|[ \t\r\n]+$/g

/** What `TemplateNames` calls forbidden. */
const forbidden = /[ \t\r\n{}.#^/>!&=]/

const compile = (text: string): Template<{ readonly [name: string]: Value }> => {
  const source = TemplateSource.make(text, undefined)
  const problem = (kind: Kind, index: number, message: string): TemplateError =>
    fromProblems(TemplateSource.problem(source, kind, index, message))
  const texts: Array<string> = []
  const names: Array<string> = []
  const places: Array<number> = []
  let from = 0
  for (;;) {
    const open = source.text.indexOf("{{", from)
    if (open < 0) break
    const close = source.text.indexOf("}}", open + 2)
    if (close < 0) throw problem("unclosed-tag", open, "the tag is not closed: {{ needs its }}")
    const tag = source.text.slice(open + 2, close)
    const name = tag.replace(space, "")
    if (name === "" || forbidden.test(name)) {
      throw problem("not-a-tag", open, `{{${tag}}} is no variable such as {{name}}`)
    }
    texts.push(source.text.slice(from, open))
    names.push(name)
    places.push(open)
    from = close + 2
  }
  const end = source.text.slice(from)
  const render = (variables: { readonly [name: string]: unknown } = {}): string => {
    let out = ""
    for (const [index, name] of names.entries()) {
      const value = variables[name]
      if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
        const given = value === null || value === undefined ? "no value" : `a value of type ${typeof value}`
        throw problem(
          "missing-value",
          places[index] ?? 0,
          `{{${name}}} has ${given}: it takes text, numbers and booleans`
        )
      }
      out += texts[index] + String(value)
    }
    return out + end
  }
  return { source: source.text, names: [...new Set(names)], render }
}
