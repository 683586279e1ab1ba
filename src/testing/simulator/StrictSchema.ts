/** OpenAI's rules for a schema with `strict: true`: one closed object, every property required, few keywords. */
import * as Predicate from "effect/Predicate"

type Schema = Readonly<Record<string, unknown>>

/** What the documentation lists as not supported, and what is refused without being listed. */
const refusedKeywords = [
  "oneOf",
  "allOf",
  "not",
  "if",
  "then",
  "else",
  "dependentRequired",
  "dependentSchemas",
  "patternProperties",
  "propertyNames",
  "minProperties",
  "maxProperties",
  "unevaluatedProperties",
  "prefixItems",
  "uniqueItems",
  "contains",
  "minContains",
  "maxContains",
  "unevaluatedItems",
  "minLength",
  "maxLength",
  "default"
]

const types = new Set(["string", "number", "integer", "boolean", "object", "array", "null"])

const where = (context: ReadonlyArray<string>): string =>
  `In context=(${context.map((name) => `'${name}'`).join(", ")})`

/** What is wrong with the schema in OpenAI's words; undefined when nothing is. */
export const strictFault = (schema: unknown): string | undefined => {
  const type = Predicate.isRecord(schema) ? schema["type"] : undefined
  return type === "object"
    ? faultAt(schema, [])
    : `schema must be a JSON Schema of 'type: "object"', got 'type: "${typeof type === "string" ? type : "None"}"'.`
}

const faultAt = (schema: unknown, context: ReadonlyArray<string>): string | undefined => {
  if (!Predicate.isRecord(schema)) return `${where(context)}, schema must be an object.`
  const refused = refusedKeywords.find((keyword) => schema[keyword] !== undefined)
  if (refused !== undefined) return `${where(context)}, '${refused}' is not permitted.`
  if (schema["$ref"] !== undefined) return referenceFault(schema, context)
  return typeFault(schema, context) ?? objectFault(schema, context) ?? faultInside(schema, context)
}

const referenceFault = (schema: Schema, context: ReadonlyArray<string>): string | undefined => {
  const beside = Object.keys(schema).filter((keyword) => keyword !== "$ref")
  return beside.length === 0
    ? undefined
    : `${where(context)}, $ref cannot have keywords {${beside.map((keyword) => `'${keyword}'`).join(", ")}}.`
}

const typeFault = (schema: Schema, context: ReadonlyArray<string>): string | undefined => {
  const type = schema["type"]
  if (type === undefined) {
    const says = schema["anyOf"] ?? schema["enum"] ?? schema["const"]
    return says === undefined ? `${where(context)}, schema must have a 'type' key.` : undefined
  }
  const unknown = [type].flat().find((name) => typeof name !== "string" || !types.has(name))
  if (unknown !== undefined) return `${where(context)}, '${String(unknown)}' is not a valid type.`
  return [type].flat().includes("array") && schema["items"] === undefined
    ? `${where(context)}, array schema missing items.`
    : undefined
}

const objectFault = (schema: Schema, context: ReadonlyArray<string>): string | undefined => {
  const properties = schema["properties"]
  if (schema["type"] !== "object" && properties === undefined) return undefined
  if (schema["additionalProperties"] !== false) {
    return `${where(context)}, 'additionalProperties' is required to be supplied and to be false.`
  }
  const required = Array.isArray(schema["required"]) ? schema["required"] : []
  const missing = Object.keys(Predicate.isRecord(properties) ? properties : {}).find((name) => !required.includes(name))
  return missing === undefined
    ? undefined
    : `${where(context)}, 'required' is required to be supplied and to be an array including every key in properties. ` +
        `Missing '${missing}'.`
}

const faultInside = (schema: Schema, context: ReadonlyArray<string>): string | undefined => {
  for (const keyword of ["properties", "$defs", "definitions"]) {
    const children = schema[keyword]
    if (!Predicate.isRecord(children)) continue
    for (const [name, child] of Object.entries(children)) {
      const fault = faultAt(child, [...context, keyword, name])
      if (fault !== undefined) return fault
    }
  }
  const variants = Array.isArray(schema["anyOf"]) ? schema["anyOf"] : []
  for (const [index, variant] of variants.entries()) {
    const fault = faultAt(variant, [...context, "anyOf", String(index)])
    if (fault !== undefined) return fault
  }
  return schema["items"] === undefined ? undefined : faultAt(schema["items"], [...context, "items"])
}
