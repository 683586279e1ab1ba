/**
 * JSON Schemas as OpenAI takes them where it holds a model to them (`strict`): one object at the top, closed objects,
 * every property required. An optional property becomes one that may be `null`; bounds that have no word go into the
 * descriptions, for the model to read; what cannot be said at all is refused under its place.
 */
import * as Json from "./Json.js"
import { refuse } from "./Refusal.js"
import { definitionsOf, target } from "./ToolParameters.js"
import type { Origin } from "./Wire.js"

/**
 * - `loosened`: the keywords that the provider will not enforce
 * - `nullable`: the places of the optional properties, which the model answers with `null` where it leaves them out
 */
export interface Written {
  readonly schema: Json.JsonRecord
  readonly loosened: ReadonlyArray<string>
  readonly nullable: ReadonlyArray<string>
}

/** Sent as they are; all but `title` and `description` bind the answer. */
const kept: ReadonlySet<string> = new Set([
  "type",
  "title",
  "enum",
  "const",
  "pattern",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minItems",
  "maxItems"
])

const formats: ReadonlySet<unknown> = new Set([
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "uuid"
])

/** Told to the model in words: OpenAI refuses the keywords. */
const told: ReadonlySet<string> = new Set(["default", "examples", "example"])

/** Of no meaning to a model, or seen to apart. */
const passedOver: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "description",
  "required",
  "additionalProperties",
  "additionalItems",
  "deprecated",
  "readOnly",
  "writeOnly",
  "contentEncoding",
  "contentMediaType",
  "contentSchema"
])

/** Without these the schema would ask for something else. */
const inexpressible: ReadonlySet<string> = new Set([
  "not",
  "if",
  "then",
  "else",
  "patternProperties",
  "propertyNames",
  "dependentRequired",
  "dependentSchemas",
  "dependencies",
  "unevaluatedProperties",
  "prefixItems",
  "$dynamicRef",
  "$recursiveRef"
])

/** The name in `#/$defs/Name`, as it stands there. */
const referred = (reference: unknown): string | undefined =>
  /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(Json.string(reference) ?? "")?.[1]

const typesOf = (schema: Json.JsonRecord): ReadonlyArray<unknown> => [schema.type].flat()

const isObject = (schema: Json.JsonRecord): boolean =>
  schema.properties !== undefined || typesOf(schema).includes("object")

const typeOf = (value: unknown): string => (value === null ? "null" : typeof value)

/** OpenAI wants the type beside values that say it themselves. */
const typeOfValues = (schema: Json.JsonRecord): Json.JsonRecord => {
  if (schema.type !== undefined) return {}
  const values = "const" in schema ? [schema.const] : Json.array(schema.enum)
  const types = [...new Set(values.map(typeOf))]
  return types.length === 0 ? {} : { type: types.length === 1 ? types[0] : types }
}

const takesNull = (schema: Json.JsonRecord): boolean =>
  (typesOf(schema).includes("null") && schema.enum === undefined) ||
  Json.array(schema.enum).includes(null) ||
  Json.array(schema.anyOf).some((variant) => Json.isRecord(variant) && takesNull(variant))

/** The same schema, or `null` for a property that is left out. */
const orNull = (schema: Json.JsonRecord): Json.JsonRecord => {
  if (takesNull(schema)) return schema
  if (Array.isArray(schema.anyOf)) return { ...schema, anyOf: [...schema.anyOf, { type: "null" }] }
  if (schema.type !== undefined && schema.enum === undefined && schema.const === undefined && !isObject(schema)) {
    return { ...schema, type: [...typesOf(schema), "null"] }
  }
  const { description, ...rest } = schema
  return { anyOf: [rest, { type: "null" }], ...(description === undefined ? {} : { description }) }
}

/** One walk over one schema. */
class Writing {
  readonly loosened = new Set<string>()
  readonly nullable = new Set<string>()
  /** The names whose meaning is being written in place of the name. */
  private readonly opened: Array<string> = []

  constructor(
    private readonly root: Json.JsonRecord,
    private readonly origin: Origin
  ) {}

  write(place: string): Json.JsonRecord {
    const top = this.top(place)
    if (!isObject(top)) this.refuse(place, "must be one object, of properties that are named; put it into a property")
    const $defs = this.each(definitionsOf(this.root), `${place}.$defs`)
    const schema = this.schema({ ...top, $defs: undefined, definitions: undefined }, place)
    return Object.keys($defs).length === 0 ? schema : { ...schema, $defs }
  }

  /** A reference at the top is opened: what stands there must be an object at first sight. */
  private top(place: string): Json.JsonRecord {
    let top = this.root
    for (const seen = new Set<unknown>(); top.$ref !== undefined && !seen.has(top.$ref);) {
      const { $ref, ...beside } = top
      seen.add($ref)
      top = { ...this.target($ref, place), ...beside }
    }
    return top
  }

  private target(reference: unknown, place: string): Json.JsonRecord {
    return target(reference, this.root) ?? this.refuse(`${place}.$ref`, "must name one of the schema's own $defs")
  }

  private schema(value: unknown, place: string): Json.JsonRecord {
    const schema = Json.record(value)
    if (schema === undefined) return this.refuse(place, "is a value of any kind: say its type")
    if (schema.$ref !== undefined) return this.reference(schema, place)
    if (Array.isArray(schema.allOf)) return this.all(schema, place)
    return this.keywords(schema, place)
  }

  /** Nothing may stand beside a reference. */
  private reference({ $ref, ...beside }: Json.JsonRecord, place: string): Json.JsonRecord {
    const target = this.target($ref, place)
    const name = referred($ref) ?? ""
    if (Object.keys(beside).every((key) => passedOver.has(key) && key !== "description"))
      return { $ref: `#/$defs/${name}` }
    if (this.opened.includes(name)) {
      return { anyOf: [{ $ref: `#/$defs/${name}` }], description: this.description(beside, []) }
    }
    this.opened.push(name)
    const written = this.schema({ ...target, ...beside }, place)
    this.opened.pop()
    return written
  }

  /** Several schemas that must all fit become one, where they do not contradict each other. */
  private all({ allOf, ...own }: Json.JsonRecord, place: string): Json.JsonRecord {
    let merged: Json.JsonRecord = own
    const before = this.opened.length
    for (const part of Json.array(allOf)) {
      const other = Json.record(part) ?? this.refuse(`${place}.allOf`, "joins what is no schema")
      const { $ref, ...rest } = other
      const name = referred($ref)
      if (name !== undefined && this.opened.includes(name)) {
        this.opened.length = before
        return this.reference({ $ref, ...merged }, place)
      }
      if (name !== undefined) this.opened.push(name)
      merged = this.join(merged, $ref === undefined ? other : { ...this.target($ref, place), ...rest }, place)
    }
    const written = this.schema(merged, place)
    this.opened.length = before
    return written
  }

  private join(a: Json.JsonRecord, b: Json.JsonRecord, place: string): Json.JsonRecord {
    const out: Record<string, unknown> = { ...b, ...a }
    for (const [key, other] of Object.entries(b)) {
      const own = a[key]
      if (
        own === undefined ||
        key === "title" ||
        key === "description" ||
        JSON.stringify(own) === JSON.stringify(other)
      )
        continue
      if (key === "properties") out[key] = { ...Json.record(other), ...Json.record(own) }
      else if (key === "required") out[key] = [...new Set([...Json.array(other), ...Json.array(own)])]
      else if (typeof own === "number" && typeof other === "number" && /^(?:max|exclusiveMax)/.test(key))
        out[key] = Math.min(own, other)
      else if (typeof own === "number" && typeof other === "number" && /^(?:min|exclusiveMin)/.test(key))
        out[key] = Math.max(own, other)
      else if (key === "pattern") out[key] = `(?=${String(own)})(?=${String(other)})`
      else this.refuse(`${place}.allOf`, `says ${key} twice`)
    }
    return out
  }

  private keywords(schema: Json.JsonRecord, place: string): Json.JsonRecord {
    const out: Record<string, unknown> = { ...typeOfValues(schema) }
    const words: Array<string> = []
    for (const [keyword, value] of Object.entries(schema)) {
      if (value === undefined || passedOver.has(keyword) || keyword.startsWith("x-")) continue
      const inside = `${place}.${keyword}`
      if (inexpressible.has(keyword)) this.refuse(inside, "cannot be asked for in this provider's strict mode")
      else if (kept.has(keyword) || (keyword === "format" && formats.has(value))) out[keyword] = value
      else if (keyword === "properties") Object.assign(out, this.properties(schema, inside))
      else if (keyword === "anyOf" || keyword === "oneOf") out.anyOf = this.variants(value, inside)
      else if (keyword === "items") out.items = this.items(value, inside)
      else {
        if (!told.has(keyword)) this.loosened.add(keyword)
        words.push(`${keyword}: ${JSON.stringify(value)}`)
      }
    }
    if (out.type === undefined && out.anyOf === undefined) this.refuse(place, "is a value of any kind: say its type")
    if (typesOf(out).includes("array") && out.items === undefined) {
      this.refuse(place, "is a list without the type of its items: say it")
    }
    if (isObject(out)) this.close(schema, out, place)
    const description = this.description(schema, words)
    return description === undefined ? out : { ...out, description }
  }

  private description(schema: Json.JsonRecord, words: ReadonlyArray<string>): string | undefined {
    const parts = [Json.nonEmptyString(schema.description) ?? "", words.join(", ")].filter((text) => text !== "")
    return parts.length === 0 ? undefined : parts.join("\n")
  }

  private close(schema: Json.JsonRecord, out: Record<string, unknown>, place: string): void {
    const { additionalProperties } = schema
    const isOpen =
      Json.isRecord(additionalProperties) || (schema.properties === undefined && additionalProperties !== false)
    if (isOpen) this.refuse(place, "is an object of any keys: name its properties")
    out.type ??= "object"
    out.properties ??= {}
    out.required = Object.keys(Json.record(out.properties) ?? {})
    out.additionalProperties = false
  }

  private properties(schema: Json.JsonRecord, place: string): Json.JsonRecord {
    const required = new Set(Json.array(schema.required))
    const properties = Object.entries(this.each(schema.properties, place)).map(([name, property]) => {
      if (required.has(name) || !Json.isRecord(property)) return [name, property] as const
      const nullable = orNull(property)
      if (nullable !== property) this.nullable.add(`${place}.${name}`)
      return [name, nullable] as const
    })
    return { properties: Object.fromEntries(properties) }
  }

  private each(schemas: unknown, place: string): Json.JsonRecord {
    const entries = Object.entries(Json.record(schemas) ?? {})
    return Object.fromEntries(entries.map(([name, schema]) => [name, this.schema(schema, `${place}.${name}`)]))
  }

  private variants(schemas: unknown, place: string): ReadonlyArray<Json.JsonRecord> {
    return Json.array(schemas).map((schema, index) => this.schema(schema, `${place}[${index}]`))
  }

  private items(value: unknown, place: string): Json.JsonRecord {
    return Array.isArray(value) || typeof value === "boolean"
      ? this.refuse(place, "is a list with a type for each place: make it an object")
      : this.schema(value, place)
  }

  private refuse(place: string, message: string): never {
    return refuse(this.origin, place, `${place} ${message}`)
  }
}

/** Writes a schema. `place` is its name in errors, such as `responseFormat.schema`. */
export const write = (schema: Json.JsonRecord, place: string, origin: Origin): Written => {
  const writing = new Writing(schema, origin)
  const written = writing.write(place)
  return { schema: written, loosened: [...writing.loosened], nullable: [...writing.nullable] }
}
