/**
 * Whether what a template asks for is what a Schema has: every name, every section, every partial, with the fields of lists
 * and structs inside of their sections.
 */
import * as AST from "effect/SchemaAST"
import type { Node } from "./Mustache.js"
import type { Kind, Problem } from "./TemplateError.js"
import { problem, type TemplateSource } from "./TemplateSource.js"

/** A text and what it is made of. */
export interface Parsed {
  readonly source: TemplateSource
  readonly nodes: ReadonlyArray<Node>
}

export interface Checked {
  readonly problems: ReadonlyArray<Problem>
  /** The fields of the Schema itself that some tag uses. */
  readonly used: ReadonlySet<string>
}

// -----------------------------------------------------------------------------
// What a Schema says of a value
// -----------------------------------------------------------------------------

/** The types that a value may have, as the program sees them: without refinements, transformations and unions. */
const typesOf = (ast: AST.AST): ReadonlyArray<AST.AST> => {
  switch (ast._tag) {
    case "Refinement":
      return typesOf(ast.from)
    case "Transformation":
      return typesOf(ast.to)
    case "Suspend":
      return typesOf(ast.f())
    case "Union":
      return ast.types.flatMap(typesOf)
    case "Declaration": {
      // A class: what its instances have.
      const surrogate = AST.getSurrogateAnnotation(ast)
      return surrogate._tag === "Some" ? typesOf(surrogate.value) : [ast]
    }
    default:
      return [ast]
  }
}

const fieldOf = (types: ReadonlyArray<AST.AST>, name: string): ReadonlyArray<AST.AST> | undefined => {
  const found = types.flatMap((type) => {
    if (type._tag !== "TypeLiteral") return []
    const field = type.propertySignatures.find((signature) => signature.name === name)
    const record = type.indexSignatures.find(({ parameter }) => typesOf(parameter)[0]?._tag === "StringKeyword")
    return field === undefined ? (record === undefined ? [] : [record.type]) : [field.type]
  })
  return found.length === 0 ? undefined : found.flatMap(typesOf)
}

const isNothing = (type: AST.AST): boolean =>
  type._tag === "UndefinedKeyword" || (type._tag === "Literal" && type.literal === null)

const isText = (type: AST.AST): boolean => {
  switch (type._tag) {
    case "StringKeyword":
    case "NumberKeyword":
    case "BooleanKeyword":
    case "BigIntKeyword":
    case "TemplateLiteral":
    case "Enums":
      return true
    default:
      return type._tag === "Literal" && type.literal !== null
  }
}

const isSection = (type: AST.AST): boolean => isText(type) || type._tag === "TypeLiteral" || type._tag === "TupleType"

/** What `.` is inside of a section over a value of these types; empty where the section only tests. */
const inside = (types: ReadonlyArray<AST.AST>): ReadonlyArray<AST.AST> =>
  types.flatMap((type) => {
    if (type._tag === "TupleType") {
      return [...type.elements.map((element) => element.type), ...type.rest.map((rest) => rest.type)].flatMap(typesOf)
    }
    const isTest = isNothing(type) || type._tag === "BooleanKeyword" || type._tag === "BigIntKeyword"
    return isTest || (type._tag === "Literal" && typeof type.literal === "boolean") ? [] : [type]
  })

const namesOf = (types: ReadonlyArray<AST.AST>): ReadonlyArray<string> =>
  types.flatMap((type) =>
    type._tag === "TypeLiteral" ? type.propertySignatures.map((signature) => String(signature.name)) : []
  )

const kindOf = (types: ReadonlyArray<AST.AST>): string =>
  types.some((type) => type._tag === "TupleType")
    ? "a list"
    : types.some((type) => type._tag === "TypeLiteral")
      ? "a struct"
      : `a ${types.map(String).join(" | ")}`

// -----------------------------------------------------------------------------
// The check
// -----------------------------------------------------------------------------

/** What names mean at a place: those of the innermost section first, then of the ones around it. */
interface Scope {
  readonly types: ReadonlyArray<AST.AST>
  readonly around: Scope | undefined
  /** How many sections around this place went into a field of the section just around them: into smaller data. */
  readonly depth: number
}

interface Found {
  readonly types: ReadonlyArray<AST.AST>
  readonly scope: Scope
}

const lookUp = (name: string, scope: Scope): Found | undefined => {
  if (name === ".") return { types: scope.types, scope }
  const path = name.split(".")
  for (let each: Scope | undefined = scope; each !== undefined; each = each.around) {
    let types: ReadonlyArray<AST.AST> | undefined = each.types
    for (const part of path) types = types === undefined ? undefined : fieldOf(types, part)
    if (types !== undefined) return { types, scope: each }
  }
  return undefined
}

const allowed = (scope: Scope): string => {
  const names: Array<string> = []
  for (let each: Scope | undefined = scope; each !== undefined; each = each.around) names.push(...namesOf(each.types))
  const known = [...new Set(names)]
  return known.length === 0 ? "it has no fields" : `it has ${known.join(", ")}`
}

/** A partial that is being checked. */
interface Inclusion {
  readonly name: string
  readonly types: ReadonlyArray<AST.AST>
  readonly depth: number
}

const isSame = (a: ReadonlyArray<AST.AST>, b: ReadonlyArray<AST.AST>): boolean =>
  a.length === b.length && a.every((type, index) => type === b[index])

/** Data of more levels than this has a Schema that is made anew at each of them; what is wrong shows before. */
const maxInclusions = 50

export const check = (ast: AST.AST, main: Parsed, partials: ReadonlyMap<string, Parsed>): Checked => {
  const problems = new Map<string, Problem>()
  const used = new Set<string>()
  const root: Scope = { types: typesOf(ast), around: undefined, depth: 0 }
  /** A partial that is included many times in the same place of the data is checked once. */
  const seen = new Map<string, Set<Scope>>()

  const note = (source: TemplateSource, kind: Kind, index: number, message: string): void => {
    const found = problem(source, kind, index, message)
    problems.set(JSON.stringify(found), found)
  }

  const find = (source: TemplateSource, kind: Kind, name: string, index: number, scope: Scope): Found | undefined => {
    const found = lookUp(name, scope)
    if (found?.scope === root) used.add(name.split(".")[0] ?? name)
    if (found === undefined) note(source, kind, index, `the Schema has no ${name} here: ${allowed(scope)}`)
    return found
  }

  const visit = ({ nodes, source }: Parsed, scope: Scope, inclusions: ReadonlyArray<Inclusion>): void => {
    for (const node of nodes) {
      switch (node._tag) {
        case "Variable": {
          const found = find(source, "unknown-variable", node.name, node.index, scope)
          if (found !== undefined && !found.types.every((type) => isText(type) || isNothing(type))) {
            const hint =
              kindOf(found.types) === "a list"
                ? `go through it with {{#${node.name}}}`
                : "name a text in it, or make it a text"
            note(source, "not-text", node.index, `${node.name} is ${kindOf(found.types)}, not a text: ${hint}`)
          }
          break
        }
        case "Section": {
          const found = find(source, "unknown-section", node.name, node.index, scope)
          if (found === undefined) break
          if (!found.types.every((type) => isSection(type) || isNothing(type))) {
            const message = `${node.name} is ${kindOf(found.types)}: a section takes a list, a struct, a text, a number or a boolean`
            note(source, "not-a-section", node.index, message)
            break
          }
          const types = node.isInverted ? [] : inside(found.types)
          const isSmaller = node.name !== "." || found.types.some((type) => type._tag === "TupleType")
          const depth = scope.depth + (found.scope === scope && isSmaller ? 1 : 0)
          visit({ source, nodes: node.nodes }, types.length === 0 ? scope : { types, around: scope, depth }, inclusions)
          break
        }
        case "Partial":
          include(source, node.name, node.index, scope, inclusions)
          break
        default:
          node satisfies never
      }
    }
  }

  const include = (
    source: TemplateSource,
    name: string,
    index: number,
    scope: Scope,
    inclusions: ReadonlyArray<Inclusion>
  ): void => {
    const partial = partials.get(name)
    // One that is unknown was reported when the partials were looked for.
    if (partial === undefined) return
    const outer = inclusions.find((each) => each.name === name && isSame(each.types, scope.types))
    if (outer !== undefined || inclusions.length >= maxInclusions) {
      if (outer === undefined || outer.depth === scope.depth) {
        note(
          source,
          "endless-partial",
          index,
          `{{> ${name}}} includes itself for ever: put it into a section over a field`
        )
      }
      return
    }
    const scopes = seen.get(name) ?? new Set()
    if (scopes.has(scope)) return
    seen.set(name, scopes.add(scope))
    visit(partial, scope, [...inclusions, { name, types: scope.types, depth: scope.depth }])
  }

  visit(main, root, [])
  return { problems: [...problems.values()], used }
}

/** The names of the fields of a Schema, if it is one of a struct. */
export const fieldsOf = (ast: AST.AST): ReadonlyArray<string> => namesOf(typesOf(ast))
