/**
 * The Mustache library, loaded when a template is first parsed: texts in, trees and renderers out. Nothing is escaped for
 * HTML, and partials nest to a bounded depth.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { TemplateSpans } from "mustache"
import { fromProblems, type Problem } from "./TemplateError.js"
import { problem, type TemplateSource } from "./TemplateSource.js"

/** What a template is made of, beside its text. `index` is where its tag begins. */
export type Node =
  | { readonly _tag: "Variable"; readonly name: string; readonly index: number }
  | {
      readonly _tag: "Section"
      readonly isInverted: boolean
      readonly name: string
      readonly index: number
      readonly nodes: ReadonlyArray<Node>
    }
  | { readonly _tag: "Partial"; readonly name: string; readonly index: number }

export interface Library {
  readonly parse: (source: TemplateSource) => Either.Either<ReadonlyArray<Node>, ReadonlyArray<Problem>>
  readonly renderer: (
    source: TemplateSource,
    partials: ReadonlyMap<string, TemplateSource>
  ) => (view: unknown) => string
}

/** How deep partials nest at most: only data that goes in a circle goes deeper. */
const maxDepth = 200

const nodesOf = (spans: TemplateSpans): ReadonlyArray<Node> => {
  const nodes: Array<Node> = []
  for (const [type, name, index, , inner] of spans) {
    switch (type) {
      case "name":
      case "&":
        nodes.push({ _tag: "Variable", name, index })
        break
      case "#":
      case "^":
        nodes.push({
          _tag: "Section",
          isInverted: type === "^",
          name,
          index,
          nodes: Array.isArray(inner) ? nodesOf(inner) : []
        })
        break
      case ">":
        nodes.push({ _tag: "Partial", name, index })
        break
      default: // text, comments, and other delimiters
    }
  }
  return nodes
}

export const library: Effect.Effect<Library> = Effect.map(
  Effect.promise(() => import("mustache")),
  ({ default: mustache }) => {
    class BoundedWriter extends mustache.Writer {
      private depth = 0

      constructor(private readonly source: TemplateSource) {
        super()
      }

      override renderPartial(...included: Parameters<InstanceType<typeof mustache.Writer>["renderPartial"]>): string {
        if (this.depth >= maxDepth) {
          const message = `partials nest deeper than ${maxDepth}, at {{> ${included[0][1] ?? ""}}}: the data goes in a circle`
          throw fromProblems(problem(this.source, "endless-partial", 0, message))
        }
        this.depth++
        try {
          return super.renderPartial(...included)
        } finally {
          this.depth--
        }
      }
    }
    return {
      parse: (source) => {
        const problems = imbalances(source)
        if (problems.length > 0) return Either.left(problems)
        return Either.try({
          try: () => {
            // A writer of its own: that of the library keeps every text it has ever parsed.
            const spans: TemplateSpans = new mustache.Writer().parse(source.text)
            return nodesOf(spans)
          },
          catch: (error) => [problem(source, "not-a-tag", 0, error instanceof Error ? error.message : String(error))]
        })
      },
      renderer: (source, partials) => {
        const writer = new BoundedWriter(source)
        return (view) =>
          writer.render(source.text, view, (name) => partials.get(name)?.text, { escape: (value) => String(value) })
      }
    }
  }
)

// -----------------------------------------------------------------------------
// What is wrong with a text that the library refuses
// -----------------------------------------------------------------------------

interface Section {
  readonly name: string
  readonly index: number
}

/** Every tag that is not closed and every section that is not in balance: the library stops at the first, and says less. */
const imbalances = (source: TemplateSource): ReadonlyArray<Problem> => {
  const { text } = source
  const problems: Array<Problem> = []
  const note = (kind: "unclosed-tag" | "unbalanced-section" | "not-a-tag", index: number, message: string): void =>
    void problems.push(problem(source, kind, index, message))
  const sections: Array<Section> = []
  let open = "{{"
  let close = "}}"
  let from = 0
  for (;;) {
    const index = text.indexOf(open, from)
    if (index < 0) break
    const body = index + open.length
    const mark = /^\s*([#^/>{&=!]?)/.exec(text.slice(body))
    const sigil = mark?.[1] ?? ""
    const ending = sigil === "{" ? `}${close}` : sigil === "=" ? `=${close}` : close
    const end = text.indexOf(ending, body + (mark?.[0].length ?? 0))
    if (end < 0) {
      note("unclosed-tag", index, `the tag is not closed: ${open}${sigil} needs its ${ending}`)
      break
    }
    const name = text.slice(body + (mark?.[0].length ?? 0), end).trim()
    from = end + ending.length
    if (sigil === "#" || sigil === "^") sections.push({ name, index })
    else if (sigil === "/") {
      const at = sections.map((section) => section.name).lastIndexOf(name)
      const inner = at < 0 ? [] : sections.splice(at).slice(1)
      for (const each of inner) note("unbalanced-section", each.index, notClosed(each.name))
      if (at < 0) note("unbalanced-section", index, `{{/${name}}} closes a section that is not open`)
    } else if (sigil === "=") {
      const [opening, closing, ...more] = name.split(/\s+/)
      if (opening === undefined || closing === undefined || closing === "" || more.length > 0) {
        note("not-a-tag", index, "other delimiters are two words, such as {{=<% %>=}}")
        break
      }
      open = opening
      close = closing
    }
  }
  for (const each of sections) note("unbalanced-section", each.index, notClosed(each.name))
  return problems
}

const notClosed = (name: string): string => `the section ${name} is not closed: it needs {{/${name}}}`
