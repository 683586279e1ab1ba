/**
 * JSON Schemas as the messages protocol takes them where it holds a model to them: closed objects, no bounds, no
 * recursion. Bounds go into the descriptions, for the model to read; what cannot be said at all is refused.
 */
import * as Json from "./Json.js"
import { refuse } from "./Refusal.js"
import { checkReferences, definitionsOf, rooted, target } from "./ToolParameters.js"
import type { Origin } from "./Wire.js"

/** A schema that can be sent, and the keywords that the provider will not enforce. */
export interface Adapted {
  readonly schema: Json.JsonRecord
  readonly loosened: ReadonlyArray<string>
}

interface Context {
  readonly origin: Origin
  readonly root: Json.JsonRecord
  readonly loosened: Set<string>
}

/** Sent as they are. */
const kept: ReadonlySet<string> = new Set(["type", "title", "enum", "const", "default", "required"])

/** Of no meaning to a model; `description` and `additionalProperties` are seen to apart. */
const passedOver: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "description",
  "additionalProperties"
])

/** One of these says what kind of value is meant. */
const kinds = ["type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"] as const

const formats: ReadonlySet<unknown> = new Set([
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "uri",
  "ipv4",
  "ipv6",
  "uuid"
])

const namesKind = (schema: Json.JsonRecord): boolean => kinds.some((kind) => schema[kind] !== undefined)

// -----------------------------------------------------------------------------
// References
// -----------------------------------------------------------------------------

const referencesIn = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value)
    ? value.flatMap(referencesIn)
    : Object.entries(Json.record(value) ?? {}).flatMap(([key, inner]) =>
        key === "$ref" && typeof inner === "string" ? [inner] : referencesIn(inner)
      )

/** The first reference that leads back to itself. */
const recursion = (value: unknown, root: Json.JsonRecord, path: ReadonlyArray<string> = []): string | undefined => {
  for (const reference of referencesIn(value)) {
    const found = path.includes(reference) ? reference : recursion(target(reference, root), root, [...path, reference])
    if (found !== undefined) return found
  }
  return undefined
}

// -----------------------------------------------------------------------------
// Keywords
// -----------------------------------------------------------------------------

const adaptEach = (schemas: unknown, at: string, context: Context): Json.JsonRecord =>
  Object.fromEntries(
    Object.entries(Json.record(schemas) ?? {}).map(([name, inner]) => [name, adaptAt(inner, `${at}.${name}`, context)])
  )

const checkObject = (schema: Json.JsonRecord, at: string, { origin }: Context): void => {
  const { additionalProperties, patternProperties, properties } = schema
  const isOpen =
    Json.isRecord(additionalProperties) ||
    patternProperties !== undefined ||
    (properties === undefined && additionalProperties !== false)
  if (isOpen) refuse(origin, at, `${at}: an object of any keys cannot be asked for; name its properties`)
}

const isObject = (schema: Json.JsonRecord): boolean =>
  schema["properties"] !== undefined || [schema["type"]].flat().includes("object")

const adaptAt = (value: unknown, at: string, context: Context): Json.JsonRecord => {
  const { origin, root } = context
  const schema = Json.record(value)
  if (schema === undefined || !namesKind(schema)) {
    return refuse(origin, at, `${at}: a value of any kind cannot be asked for; say its type`)
  }
  const { $ref, ...beside } = schema
  if ($ref !== undefined) {
    if (Object.keys(beside).length === 0) return { $ref }
    // Nothing may stand beside a reference.
    return adaptAt({ ...target($ref, root), ...beside }, at, context)
  }
  const out: Record<string, unknown> = {}
  const bounds: Array<string> = []
  const loosen = (keyword: string, bound: unknown): void => {
    context.loosened.add(keyword)
    bounds.push(`${keyword}: ${JSON.stringify(bound)}`)
  }
  for (const [keyword, inner] of Object.entries(schema)) {
    const inside = `${at}.${keyword}`
    if (kept.has(keyword)) out[keyword] = inner
    else if (keyword === "properties") out[keyword] = adaptEach(inner, inside, context)
    else if (keyword === "anyOf" || keyword === "oneOf") {
      out["anyOf"] = Json.array(inner).map((variant, index) => adaptAt(variant, `${inside}[${index}]`, context))
    } else if (keyword === "allOf") {
      const parts = Json.array(inner).filter(Json.isRecord)
      const whole = parts.filter(namesKind)
      if (whole.length > 0) out[keyword] = whole.map((part, index) => adaptAt(part, `${inside}[${index}]`, context))
      // Effect writes further bounds of the same value so.
      for (const part of parts)
        if (!namesKind(part)) Object.entries(part).forEach(([name, bound]) => loosen(name, bound))
    } else if (keyword === "items") {
      if (Array.isArray(inner))
        return refuse(origin, inside, `${inside}: a list with a type for each place cannot be asked for`)
      out[keyword] = adaptAt(inner, inside, context)
    } else if (keyword === "format" && formats.has(inner)) out[keyword] = inner
    else if (keyword === "minItems" && (inner === 0 || inner === 1)) out[keyword] = inner
    else if (!passedOver.has(keyword)) loosen(keyword, inner)
  }
  if (isObject(schema)) {
    checkObject(schema, at, context)
    out["additionalProperties"] = false
  }
  const description = [Json.nonEmptyString(schema["description"]) ?? "", bounds.join(", ")].filter(
    (text) => text !== ""
  )
  return description.length === 0 ? out : { ...out, description: description.join("\n") }
}

/**
 * A schema that a model can be held to. What cannot be expressed is refused under its place, such as
 * `responseFormat.schema.properties.tags`.
 */
export const adapt = (schema: Json.JsonRecord, at: string, origin: Origin): Adapted => {
  checkReferences(schema, at, origin)
  const root = rooted(schema)
  const found = recursion(root, root)
  if (found !== undefined)
    return refuse(origin, at, `${at}: ${found} refers to itself, which this provider does not take`)
  const context: Context = { origin, root, loosened: new Set() }
  const definitions = adaptEach(definitionsOf(root), `${at}.$defs`, context)
  const adapted = adaptAt(root, at, context)
  return {
    schema: Object.keys(definitions).length === 0 ? adapted : { ...adapted, $defs: definitions },
    loosened: [...context.loosened]
  }
}
