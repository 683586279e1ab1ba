/**
 * The JSON Schema of a Schema as models are asked with it: of the encoded side, with an object at the top.
 */
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import * as Tool from "../Tool.js"

/** The property that holds a value which is no object. */
export const wrapper = "value"

const isRecord = (value: unknown): value is Tool.JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** What Effect says only in words of texts that become something else, in the keywords that a provider can hold to. */
const keywords: Readonly<Record<string, Tool.JsonSchema>> = {
  "a string to be decoded into a Date": { format: "date-time" },
  "a string to be decoded into a DateTime.Utc": { format: "date-time" },
  "a string to be decoded into a number": { pattern: "^-?\\d+(\\.\\d+)?$" },
  "a string to be decoded into a bigint": { pattern: "^-?\\d+$" }
}

const withKeywords = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withKeywords)
  if (!isRecord(value)) return value
  const out = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withKeywords(inner)]))
  return value.type === "string" && typeof value.description === "string" && value.format === undefined
    ? { ...out, ...keywords[value.description] }
    : out
}

/** Descriptions that Effect's JSON Schemas lose: those of what is transformed, such as `Schema.Date.annotations(…)`. */
const withDescriptions = (value: unknown, ast: AST.AST): unknown => {
  if (!isRecord(value)) return value
  const description = Option.getOrUndefined(AST.getDescriptionAnnotation(ast))
  const out = inside(value, ast)
  return description === undefined || "description" in out || out.allOf !== undefined
    ? out
    : out.$ref === undefined
      ? { ...out, description }
      : Option.isSome(AST.getIdentifierAnnotation(ast))
        ? out
        : { allOf: [out], description }
}

const inside = (schema: Tool.JsonSchema, ast: AST.AST): Tool.JsonSchema => {
  switch (ast._tag) {
    case "Refinement":
    case "Transformation":
      return inside(schema, ast.from)
    case "TypeLiteral": {
      const { properties } = schema
      if (!isRecord(properties)) return schema
      const described = ast.propertySignatures.flatMap(({ name, type }) =>
        typeof name === "string" && Object.hasOwn(properties, name)
          ? [[name, withDescriptions(properties[name], type)] as const]
          : []
      )
      return { ...schema, properties: { ...properties, ...Object.fromEntries(described) } }
    }
    case "TupleType": {
      const [rest] = ast.rest
      return rest === undefined || !isRecord(schema.items)
        ? schema
        : { ...schema, items: withDescriptions(schema.items, rest.type) }
    }
    case "Union": {
      const { anyOf } = schema
      return Array.isArray(anyOf) && anyOf.length === ast.types.length
        ? { ...schema, anyOf: ast.types.map((type, index) => withDescriptions(anyOf[index], type)) }
        : schema
    }
    default:
      return schema
  }
}

/** Throws where a part of the Schema has no JSON Schema, with a message that names it. */
export const make = (source: Schema.Schema.All): Tool.JsonSchema => {
  const { $schema: _$schema, ...schema } = Tool.jsonSchema(source)
  const worded = withKeywords(withDescriptions(schema, source.ast))
  return isRecord(worded) ? worded : schema
}

const plainName = (name: string): string => name.replaceAll("~1", "/").replaceAll("~0", "~")

/** A reference at the top is opened, for the providers that want to see an object there. */
export const opened = (schema: Tool.JsonSchema): Tool.JsonSchema => {
  const { $ref, ...beside } = schema
  const name = typeof $ref === "string" ? plainName($ref.replace("#/$defs/", "")) : undefined
  const target = name === undefined || !isRecord(schema.$defs) ? undefined : schema.$defs[name]
  return isRecord(target) ? { ...target, ...beside } : schema
}

export const isObject = (schema: Tool.JsonSchema): boolean => schema.type === "object" && schema.anyOf === undefined

/** An object that holds the value in its one property. */
export const wrap = ({ $defs, ...schema }: Tool.JsonSchema): Tool.JsonSchema => ({
  type: "object",
  properties: { [wrapper]: schema },
  required: [wrapper],
  additionalProperties: false,
  ...($defs === undefined ? {} : { $defs })
})
