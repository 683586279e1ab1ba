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

/** What `#/$defs/Name` refers to; a JSON pointer writes some characters of the name otherwise. */
export const target = (reference: unknown, root: Json.JsonRecord): Json.JsonRecord | undefined => {
  const name = typeof reference === "string" ? /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(reference)?.[1] : undefined
  return name === undefined
    ? undefined
    : Json.record(definitionsOf(root)[name.replaceAll("~1", "/").replaceAll("~0", "~")])
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
  const schema = rooted(parameters)
  const choice = ["anyOf", "oneOf", "allOf"].find((keyword) => schema[keyword] !== undefined)
  if (choice !== undefined)
    return refuse(origin, at, `${at}: the arguments of a tool cannot be a choice (${choice}): make them one object`)
  if (schema["type"] === "object") return schema
  return schema["type"] === undefined && schema["properties"] !== undefined
    ? { ...schema, type: "object" }
    : refuse(origin, at, `${at}: the arguments of a tool must be an object`)
}
