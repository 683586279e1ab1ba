/**
 * INI, as Python's configparser reads it: `name = value` or `name: value`, sections, comments in lines of their own that
 * begin with `#` or `;`, values that go on in lines which are indented more. Beyond it: names above the first section, a
 * value in quotes is what stands in them, and a dot in a section's name nests.
 *
 * Ours, because the package `ini` refuses nothing: a line that it cannot read becomes a setting, silently. Its latest
 * versions do not run on Node 20, either.
 */
import * as Either from "effect/Either"
import type { TextFault } from "./TextFault.js"

/** A value, and the names of its sections and its own. */
export type Entry = readonly [path: ReadonlyArray<string>, value: string]

/** All values in their order, or the first line that cannot be read. A name that stands twice in a section is a fault. */
export const parse = (text: string): Either.Either<ReadonlyArray<Entry>, TextFault> => {
  const entries: Array<Entry> = []
  const names = new Set<string>()
  let section: ReadonlyArray<string> = []
  /** How far the name is indented whose value may go on. */
  let indented: number | undefined

  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    const content = line.trim()
    const indent = line.length - line.trimStart().length
    const fault = (message: string): Either.Either<never, TextFault> =>
      Either.left({ line: index + 1, column: indent + 1, message })
    if (/^[#;]/.test(content)) continue
    if (content === "") {
      indented = undefined
      continue
    }
    if (indented !== undefined && indent > indented) {
      const [path, value] = entries.pop() ?? [section, ""]
      entries.push([path, value === "" ? content : `${value}\n${content}`])
      continue
    }
    indented = undefined
    if (content.startsWith("[")) {
      const name = /^\[([^[\]]*)\]\s*(?:[#;].*)?$/.exec(content)?.[1]
      if (name === undefined) return fault("a section must look like [name]")
      section = name.split(".").map((part) => part.trim())
      if (section.includes("")) return fault("the name of the section is empty, or has an empty part between dots")
      continue
    }
    const [, name = "", value = ""] = /^([^=:]*)[=:](.*)$/.exec(content) ?? []
    if (name.trim() === "") return fault("expected name = value, a [section] or a # comment")
    const path = [...section, name.trim()]
    // Case does not tell names apart.
    const id = JSON.stringify([...section, name.trim().toLowerCase()])
    if (names.has(id)) return fault("the name stands twice in its section")
    names.add(id)
    entries.push([path, unquoted(value.trim())])
    indented = indent
  }
  return Either.right(entries)
}

const unquoted = (value: string): string => /^(["'])(.*)\1$/.exec(value)?.[2] ?? value
