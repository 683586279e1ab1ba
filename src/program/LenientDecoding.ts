/**
 * What can be said of a value that is not whole: those of its parts that decode already, without the filters that only
 * the whole can pass. What does not decode yet is left out.
 */
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import type { DeepPartial } from "./DeepPartial.js"
import type { Snapshot } from "./PartialJson.js"

interface Fields {
  readonly [key: string]: unknown
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The part of a value that is still being written: the keys that lead there, from this value on; `undefined` elsewhere. */
type Open = ReadonlyArray<string | number> | undefined

const below = (open: Open, key: string | number): Open => (open?.[0] === key ? open.slice(1) : undefined)

/** What the value of an encoded side looks like, where that can be told at first sight. */
const shapeOf = (ast: AST.AST): AST.AST => {
  switch (ast._tag) {
    case "Suspend":
      return shapeOf(ast.f())
    case "Refinement":
    case "Transformation":
      return shapeOf(ast.from)
    default:
      return ast
  }
}

/** Whether an object can become one of this kind: nothing in it says otherwise. */
const mayBecome = (ast: AST.AST, value: Fields, open: Open): boolean => {
  const shape = shapeOf(ast)
  if (shape._tag === "Union") return shape.types.some((member) => mayBecome(member, value, open))
  if (shape._tag !== "TypeLiteral") return false
  return shape.propertySignatures.every(({ name, type }) => {
    const text = typeof name === "string" && Object.hasOwn(value, name) ? value[name] : undefined
    if (text === undefined || type._tag !== "Literal" || typeof name !== "string") return true
    return below(open, name) === undefined
      ? type.literal === text
      : typeof text === "string" && String(type.literal).startsWith(text)
  })
}

/** Whether a schema makes something of a text. */
const readsText = (ast: AST.AST): boolean => {
  switch (ast._tag) {
    case "Suspend":
      return readsText(ast.f())
    case "Refinement":
      return readsText(ast.from)
    case "Union":
      return ast.types.some(readsText)
    case "Transformation":
      return isText(shapeOf(ast))
    default:
      return false
  }
}

const isText = (shape: AST.AST): boolean => {
  switch (shape._tag) {
    case "StringKeyword":
    case "TemplateLiteral":
    case "Enums":
      return true
    case "Union":
      return shape.types.some((type) => isText(shapeOf(type)))
    default:
      return shape._tag === "Literal" && typeof shape.literal === "string"
  }
}

const knows = (ast: AST.AST, value: Fields): boolean => {
  const shape = shapeOf(ast)
  return (
    shape._tag === "TypeLiteral" &&
    (shape.indexSignatures.length > 0 ||
      Object.keys(value).every((key) => shape.propertySignatures.some(({ name }) => name === key)))
  )
}

/** By construction: every part of it was decoded by the part of the Schema that stands for it. */
const isPartial = <A>(_value: unknown): _value is DeepPartial<A> => true

/** Reads one value as it grows. What is whole is decoded once. Owned by one reader. */
export class LenientDecoder<A> {
  private readonly decoders = new Map<AST.AST, (value: unknown) => Option.Option<unknown>>()
  private readonly whole = new WeakMap<object, Map<AST.AST, Option.Option<unknown>>>()

  constructor(private readonly ast: AST.AST) {}

  /** None: nothing of it can be said yet. */
  decode({ isOpen, open, value }: Snapshot): Option.Option<DeepPartial<A>> {
    return Option.filter(this.read(this.ast, value, isOpen ? open : undefined), isPartial<A>)
  }

  private read(ast: AST.AST, value: unknown, open: Open): Option.Option<unknown> {
    // Most of what there is, and free.
    if (ast._tag === "StringKeyword" && typeof value === "string") return Option.some(value)
    if (open !== undefined) return this.leniently(ast, value, open)
    if (typeof value !== "object" || value === null) {
      return Option.orElse(this.strictly(ast, value), () => this.leniently(ast, value, open))
    }
    const known = this.whole.get(value) ?? new Map<AST.AST, Option.Option<unknown>>()
    this.whole.set(value, known)
    const before = known.get(ast)
    if (before !== undefined) return before
    const decoded = Option.orElse(this.strictly(ast, value), () => this.leniently(ast, value, open))
    known.set(ast, decoded)
    return decoded
  }

  private strictly(ast: AST.AST, value: unknown): Option.Option<unknown> {
    const decoder = this.decoders.get(ast) ?? ParseResult.decodeUnknownOption(Schema.make<unknown, unknown>(ast))
    this.decoders.set(ast, decoder)
    return decoder(value)
  }

  private leniently(ast: AST.AST, value: unknown, open: Open): Option.Option<unknown> {
    switch (ast._tag) {
      case "Suspend":
        return this.read(ast.f(), value, open)
      case "Refinement":
        // A filter of what is made of a text, such as that of valid dates, has seen all of it.
        return open === undefined && readsText(ast) ? Option.none() : this.read(ast.from, value, open)
      case "Transformation":
        return this.transformed(ast, value, open)
      case "Union":
        return this.member(ast, value, open)
      case "TypeLiteral":
        return isFields(value) ? Option.some(this.fields(ast, value, open)) : Option.none()
      case "TupleType":
        return Array.isArray(value) ? Option.some(this.items(ast, value, open)) : Option.none()
      case "Literal":
      case "Enums":
        // It may become a longer one.
        return open === undefined ? this.strictly(ast, value) : Option.none()
      default:
        return this.strictly(ast, value)
    }
  }

  private fields(ast: AST.TypeLiteral, value: Fields, open: Open): Fields {
    const out: Record<string, unknown> = {}
    const put = (type: AST.AST, key: string): void => {
      const decoded = this.read(type, value[key], below(open, key))
      if (Option.isSome(decoded)) out[key] = decoded.value
    }
    for (const { name, type } of ast.propertySignatures) {
      if (typeof name === "string" && Object.hasOwn(value, name)) put(type, name)
    }
    if (ast.indexSignatures.length > 0) {
      const named = new Set<PropertyKey>(ast.propertySignatures.map(({ name }) => name))
      for (const key of Object.keys(value)) {
        const signature = named.has(key)
          ? undefined
          : ast.indexSignatures.find(({ parameter }) =>
              Option.isSome(this.read(AST.encodedAST(parameter), key, undefined))
            )
        if (signature !== undefined) put(signature.type, key)
      }
    }
    return out
  }

  private items(ast: AST.TupleType, value: ReadonlyArray<unknown>, open: Open): ReadonlyArray<unknown> {
    const out: Array<unknown> = []
    for (const [index, item] of value.entries()) {
      const type = ast.elements[index]?.type ?? ast.rest[0]?.type
      const decoded = type === undefined ? Option.none() : this.read(type, item, below(open, index))
      // What stands behind it would move into its place.
      if (Option.isNone(decoded)) break
      out.push(decoded.value)
    }
    return out
  }

  private member(ast: AST.Union, value: unknown, open: Open): Option.Option<unknown> {
    const members = isFields(value)
      ? ast.types
          .filter((member) => mayBecome(member, value, open))
          .sort((a, b) => Number(knows(b, value)) - Number(knows(a, value)))
      : ast.types
    // A text that is still coming may be what another member makes something else of.
    if (typeof value === "string" && open !== undefined && members.some(readsText)) return Option.none()
    for (const member of members) {
      const decoded = this.read(member, value, open)
      if (Option.isSome(decoded)) return decoded
    }
    return Option.none()
  }

  private transformed(ast: AST.Transformation, value: unknown, open: Open): Option.Option<unknown> {
    const { transformation } = ast
    if (transformation._tag === "TypeLiteralTransformation") {
      return Option.map(this.read(ast.from, value, open), (fields) => {
        if (!isFields(fields)) return fields
        const out = new Map<PropertyKey, unknown>(Object.entries(fields))
        for (const { decode, from, to } of transformation.propertySignatureTransformations) {
          // A default stands for what is left out, and what has not come yet is not left out.
          if (!out.has(from)) continue
          const decoded = Option.flatten(Option.liftThrowable(decode)(Option.some(out.get(from))))
          out.delete(from)
          if (Option.isSome(decoded)) out.set(to, decoded.value)
        }
        return Object.fromEntries(out)
      })
    }
    // A class says of its fields what a struct would; anything else is made of the whole.
    return AST.isDeclaration(ast.to) && Option.isSome(AST.getSurrogateAnnotation(ast.to))
      ? this.read(ast.from, value, open)
      : Option.none()
  }
}
