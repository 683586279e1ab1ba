/**
 * Templates from files and other texts, written in Mustache and checked against a Schema before they are used.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import { library, type Library, type Node } from "./Mustache.js"
import { check, fieldsOf, type Parsed } from "./TemplateCheck.js"
import { fromProblems, type Problem, type TemplateError } from "./TemplateError.js"
import type { Template } from "./TemplateLiteral.js"
import * as TemplateSource from "./TemplateSource.js"

/** `partials`: the templates that `{{> name}}` puts in, by their names. */
export interface LoadOptions {
  readonly partials?: Readonly<Record<string, string>> | undefined
}

/** `file`: what errors call the text. Default: they name no file. */
export interface ParseOptions extends LoadOptions {
  readonly file?: string | undefined
}

/**
 * A template of a text in Mustache, checked against the Schema whose type its variables have: what the text asks for and
 * the Schema lacks is a `TemplateError` here, not a hole in a prompt later.
 *
 * Variables `{{name}}`, `{{user.name}}` and `{{.}}`, sections `{{#items}}…{{/items}}`, inverted ones `{{^items}}`, partials
 * `{{> name}}`, comments `{{! … }}`, other delimiters `{{=<% %>=}}`. Nothing is escaped for HTML, and there are no lambdas.
 * A field that no tag uses is a warning in the log.
 */
export const parse = <A, I, R>(
  schema: Schema.Schema<A, I, R>,
  text: string,
  options?: ParseOptions
): Effect.Effect<Template<A>, TemplateError> =>
  assemble(schema, TemplateSource.make(text, options?.file), (name) =>
    Effect.succeed(givenPartial(options, name, "no other partials were given"))
  )

/**
 * The same for a file. A partial that is not given is the file of its name beside this one, with the same extension.
 */
export const load = <A, I, R>(
  schema: Schema.Schema<A, I, R>,
  path: string,
  options?: LoadOptions
): Effect.Effect<Template<A>, TemplateError | PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const source = TemplateSource.make(yield* files.readFileString(path), path)
    return yield* assemble(schema, source, (name) =>
      Effect.gen(function* () {
        const file = besides(path, name)
        const given = givenPartial(
          options,
          name,
          file === undefined ? "its name is no file name" : `there is no ${file}`
        )
        if (given._tag === "Given" || file === undefined || !(yield* files.exists(file))) return given
        return { _tag: "Given", source: TemplateSource.makePartial(yield* files.readFileString(file), file) }
      })
    )
  })

// -----------------------------------------------------------------------------
// Partials
// -----------------------------------------------------------------------------

type Partial =
  | { readonly _tag: "Given"; readonly source: TemplateSource.TemplateSource }
  | { readonly _tag: "Unknown"; readonly reason: string }

const givenPartial = (options: LoadOptions | undefined, name: string, otherwise: string): Partial => {
  const partials = options?.partials ?? {}
  const text = Object.hasOwn(partials, name) ? partials[name] : undefined
  if (text !== undefined) return { _tag: "Given", source: TemplateSource.makePartial(text, name) }
  const known = Object.keys(partials)
  return {
    _tag: "Unknown",
    reason: [...(known.length === 0 ? [] : [`given are ${known.join(", ")}`]), otherwise].join("; ")
  }
}

/** The file of a partial; undefined for a name that would lead out of the folder. */
const besides = (path: string, name: string): string | undefined => {
  if (!/^[\w-][\w.-]*(?:\/[\w-][\w.-]*)*$/.test(name)) return undefined
  const [, folder = "", extension = ""] = /^(.*[/\\])?[^/\\]*?(\.[^./\\]*)?$/s.exec(path) ?? []
  return `${folder}${name}${extension}`
}

const partialsIn = (nodes: ReadonlyArray<Node>): ReadonlyArray<{ readonly name: string; readonly index: number }> =>
  nodes.flatMap((node) => (node._tag === "Partial" ? [node] : node._tag === "Section" ? partialsIn(node.nodes) : []))

// -----------------------------------------------------------------------------
// From texts to a template
// -----------------------------------------------------------------------------

const failed = (problems: ReadonlyArray<Problem>): Option.Option<TemplateError> => {
  const [first, ...rest] = problems
  return first === undefined ? Option.none() : Option.some(fromProblems(first, ...rest))
}

/** What a text is made of; where it is no template, nothing, and what is wrong with it. */
const read = (
  mustache: Library,
  source: TemplateSource.TemplateSource
): { readonly parsed: Parsed; readonly problems: ReadonlyArray<Problem> } =>
  Either.match(mustache.parse(source), {
    onLeft: (problems) => ({ parsed: { source, nodes: [] }, problems }),
    onRight: (nodes) => ({ parsed: { source, nodes }, problems: [] })
  })

const assemble = <A, I, R, E, R2>(
  schema: Schema.Schema<A, I, R>,
  source: TemplateSource.TemplateSource,
  partialOf: (name: string) => Effect.Effect<Partial, E, R2>
): Effect.Effect<Template<A>, TemplateError | E, R2> =>
  Effect.gen(function* () {
    const mustache = yield* library
    const { parsed, problems: wrong } = read(mustache, source)
    const problems = [...wrong]
    const partials = new Map<string, Parsed>()
    const texts = [parsed]
    for (const text of texts) {
      for (const { index, name } of partialsIn(text.nodes)) {
        if (partials.has(name)) continue
        const partial = yield* partialOf(name)
        if (partial._tag === "Unknown") {
          const message = `there is no partial ${name}: ${partial.reason}`
          problems.push(TemplateSource.problem(text.source, "unknown-partial", index, message))
          continue
        }
        const inner = read(mustache, partial.source)
        problems.push(...inner.problems)
        partials.set(name, inner.parsed)
        texts.push(inner.parsed)
      }
    }
    const checked = check(schema.ast, parsed, partials)
    const error = failed([...problems, ...checked.problems])
    if (Option.isSome(error)) return yield* error.value

    const unused = fieldsOf(schema.ast).filter((field) => !checked.used.has(field))
    if (unused.length > 0) {
      yield* Effect.logWarning(`no tag of the template ${source.file ?? ""} uses ${unused.join(", ")}`)
    }
    const sources = new Map([...partials].map(([name, partial]) => [name, partial.source]))
    const render = mustache.renderer(source, sources)
    const template: Template<A> = {
      source: source.text,
      names: [...checked.used],
      render: (...variables) => render(variables[0] ?? {})
    }
    return template
  })
