/**
 * The JSON Schema of a tool's arguments, which must be an object at first sight for every provider: not a reference, not a
 * choice, and not what Effect writes for a Struct without fields.
 */
import type { JsonSchema } from "../Tool.js"
import * as Json from "./Json.js"
import { refuse } from "./Refusal.js"
import type { Origin } from "./Wire.js"

// -----------------------------------------------------------------------------
// References
// -----------------------------------------------------------------------------

export const definitionsOf = (root: Json.JsonRecord): Json.JsonRecord => ({
  ...Json.record(root["definitions"]),
  ...Json.record(root["$defs"])
})

/** The name in `#/$defs/Name`; a JSON pointer writes some of its characters otherwise. */
const nameIn = (reference: unknown): string | undefined =>
  /^#\/(?:\$defs|definitions)\/([^/]+)$/
    .exec(Json.string(reference) ?? "")?.[1]
    ?.replaceAll("~1", "/")
    .replaceAll("~0", "~")

/** What `#/$defs/Name` refers to. */
export const target = (reference: unknown, root: Json.JsonRecord): Json.JsonRecord | undefined => {
  const name = nameIn(reference)
  return name === undefined ? undefined : Json.record(definitionsOf(root)[name])
}

/** Refuses a schema that refers to a definition which it does not have. `at`: its name in the refusal. */
export const checkReferences = (root: Json.JsonRecord, at: string, origin: Origin): void => {
  const known = definitionsOf(root)
  // A list of what is still to see: a schema may be nested deeper than the stack, or hold itself.
  const seen = new Set<unknown>([root])
  for (const value of seen) {
    if (typeof value !== "object" || value === null) continue
    const name = "$ref" in value ? nameIn(value.$ref) : undefined
    if (name !== undefined && !Object.hasOwn(known, name))
      refuse(origin, at, `${at}: the schema has no definition ${JSON.stringify(name)} in its $defs`)
    for (const inner of Object.values(value)) seen.add(inner)
  }
}

/** The schema with a reference at its top resolved. */
export const rooted = (schema: Json.JsonRecord): Json.JsonRecord => {
  const { $ref, ...rest } = schema
  const resolved = target($ref, schema)
  return resolved === undefined || resolved["$ref"] === $ref ? schema : rooted({ ...resolved, ...rest })
}

// -----------------------------------------------------------------------------
// Parameters
// -----------------------------------------------------------------------------

const noArguments: Json.JsonRecord = { type: "object", properties: {} }

/** What Effect makes of `Schema.Struct({})`, and what others leave empty. */
export const isEmpty = (schema: Json.JsonRecord): boolean =>
  schema["$id"] === "/schemas/%7B%7D" || Object.keys(schema).length === 0

/** The schema as it can be sent. `at`: its name in the refusal of one that cannot, such as `tools[0].parameters`. */
export const encode = (parameters: JsonSchema, at: string, origin: Origin): Json.JsonRecord => {
  if (isEmpty(parameters)) return noArguments
  checkReferences(parameters, at, origin)
  const schema = rooted(parameters)
  const choice = ["anyOf", "oneOf", "allOf"].find((keyword) => schema[keyword] !== undefined)
  if (choice !== undefined)
    return refuse(origin, at, `${at}: the arguments of a tool cannot be a choice (${choice}): make them one object`)
  if (schema["type"] === "object") return schema
  return schema["type"] === undefined && schema["properties"] !== undefined
    ? { ...schema, type: "object" }
    : refuse(origin, at, `${at}: the arguments of a tool must be an object`)
}
