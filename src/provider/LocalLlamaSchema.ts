/**
 * A JSON Schema in the part of that language that the engine's grammars know. A grammar holds an answer to its structure;
 * keywords that it cannot hold (bounds of numbers, patterns) are named, and what it has no words for is refused.
 */
import type { JsonSchema } from "../Tool.js"
import * as Json from "../wire/Json.js"
import * as Refusal from "../wire/Refusal.js"
import type { Origin } from "../wire/Wire.js"
import type { Schema } from "./LocalLlamaEngine.js"

export interface Written {
  readonly schema: Schema
  /** The keywords that the grammar does not hold. */
  readonly dropped: ReadonlyArray<string>
}

/** These say nothing of what fits. `required` neither: the grammar asks for all properties that are named. */
const silent: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "example",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "contentEncoding",
  "contentMediaType",
  "required"
])

/** Without these the schema would ask for something else. */
const inexpressible: ReadonlySet<string> = new Set([
  "not",
  "if",
  "then",
  "else",
  "patternProperties",
  "dependentSchemas"
])

const formats: ReadonlySet<unknown> = new Set(["date-time", "time", "date"])

const deepest = 100

const scalars: ReadonlySet<string> = new Set(["string", "number", "integer", "boolean", "null"])

/** Any JSON value; the engine has no word for it. */
const anything: Schema = {
  oneOf: [
    { type: "object", additionalProperties: true },
    { type: "array" },
    { type: ["string", "number", "boolean", "null"] }
  ]
}

/** The keywords of a kind of value, as they are written; all others are dropped. */
const kept: Readonly<Record<string, ReadonlyArray<string>>> = {
  object: ["properties", "additionalProperties", "minProperties", "maxProperties"],
  array: ["items", "prefixItems", "additionalItems", "minItems", "maxItems"],
  string: ["minLength", "maxLength", "format"]
}

/** One walk over one schema. */
class Writing {
  readonly dropped = new Set<string>()
  private depth = 0

  constructor(
    private readonly origin: Origin,
    private readonly root: JsonSchema
  ) {}

  write(value: unknown, place: string): Schema {
    if (value === true) return anything
    const schema = Json.record(value)
    if (schema === undefined) return this.refuse(place, "is no schema that a grammar can be made of")
    if (this.depth >= deepest) return this.refuse(place, "is nested too deep")
    this.depth++
    const written = this.described(schema, this.keywords(schema, place))
    this.depth--
    return written
  }

  /** The definitions of the root, which references point to. */
  definitions(): Schema {
    const all = { ...Json.record(this.root["definitions"]), ...Json.record(this.root["$defs"]) }
    return this.map(all, "$defs")
  }

  /** What a tool's parameters are for is told to the model. */
  private described(schema: Json.JsonRecord, written: Schema): Schema {
    return typeof schema["description"] === "string" ? { ...written, description: schema["description"] } : written
  }

  private keywords(schema: Json.JsonRecord, place: string): Schema {
    for (const key of Object.keys(schema)) {
      if (inexpressible.has(key)) return this.refuse(`${place}.${key}`, "has no counterpart in a grammar")
    }
    if (schema["$ref"] !== undefined) return this.reference(schema, place)
    if (schema["const"] !== undefined) return this.literals([schema["const"]], schema, `${place}.const`)
    if (schema["enum"] !== undefined) return this.literals(Json.array(schema["enum"]), schema, `${place}.enum`)
    for (const key of ["anyOf", "oneOf"]) {
      if (schema[key] !== undefined) return this.union(schema, key, place)
    }
    if (schema["allOf"] !== undefined) return this.all(schema, place)
    return this.typed(schema, place)
  }

  private reference(schema: Json.JsonRecord, place: string): Schema {
    const { $ref, ...others } = schema
    const name = typeof $ref === "string" ? /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec($ref)?.[1] : undefined
    const known = { ...Json.record(this.root["definitions"]), ...Json.record(this.root["$defs"]) }
    const key = name?.replaceAll("~1", "/").replaceAll("~0", "~")
    if (key === undefined || !Object.hasOwn(known, key)) {
      return this.refuse(`${place}.$ref`, "must name a definition in $defs of the schema itself")
    }
    this.drop(others, [])
    return { $ref: `#/$defs/${key}` }
  }

  private literals(values: ReadonlyArray<unknown>, schema: Json.JsonRecord, place: string): Schema {
    if (values.length === 0) return this.refuse(place, "has no value in it")
    for (const value of values) {
      if (typeof value === "object" && value !== null)
        return this.refuse(place, "may hold texts, numbers, booleans and null")
    }
    this.drop(schema, ["enum", "const", "type"])
    return { enum: values }
  }

  private union(schema: Json.JsonRecord, key: string, place: string): Schema {
    const structure = ["properties", "items", "allOf", key === "anyOf" ? "oneOf" : "anyOf"]
    const beside = structure.find((other) => schema[other] !== undefined)
    if (beside !== undefined) return this.refuse(`${place}.${beside}`, `cannot stand beside ${key} in a grammar`)
    const options = Json.array(schema[key])
    if (options.length === 0) return this.refuse(`${place}.${key}`, "has no schema in it")
    this.drop(schema, [key, "type"])
    return { oneOf: options.map((option, index) => this.write(option, `${place}.${key}[${index}]`)) }
  }

  /** Schemas that hold all together are written as one, where no keyword is in two of them. */
  private all(schema: Json.JsonRecord, place: string): Schema {
    const { allOf, ...own } = schema
    const merged: Record<string, unknown> = own
    for (const [index, part] of Json.array(allOf).entries()) {
      for (const [key, value] of Object.entries(Json.record(part) ?? {})) {
        const isFree = merged[key] === undefined || silent.has(key) || merged[key] === value
        if (!isFree) return this.refuse(`${place}.allOf[${index}].${key}`, "stands twice, which no grammar can hold")
        merged[key] = value
      }
    }
    return this.keywords(merged, place)
  }

  private typed(schema: Json.JsonRecord, place: string): Schema {
    const given = [schema["type"] ?? this.impliedType(schema)].flat()
    const types = given.filter((type): type is string => typeof type === "string")
    if (types.length === 0) {
      this.drop(schema, [])
      return anything
    }
    const alternatives = types.map((type) => this.ofType(type, schema, place))
    this.drop(schema, ["type", ...types.flatMap((type) => kept[type] ?? [])])
    const [only] = alternatives
    return alternatives.length === 1 && only !== undefined ? only : { oneOf: alternatives }
  }

  private impliedType(schema: Json.JsonRecord): string | undefined {
    return Object.keys(kept).find((type) => kept[type]?.some((key) => key !== "format" && schema[key] !== undefined))
  }

  private ofType(type: string, schema: Json.JsonRecord, place: string): Schema {
    if (type === "object") return this.object(schema, place)
    if (type === "array") return this.array(schema, place)
    if (type === "string") return this.text(schema)
    return scalars.has(type) ? { type } : this.refuse(`${place}.type`, `names no type: ${JSON.stringify(type)}`)
  }

  private object(schema: Json.JsonRecord, place: string): Schema {
    const { additionalProperties, maxProperties, minProperties, properties } = schema
    const out: Record<string, unknown> = { type: "object", ...bounds({ minProperties, maxProperties }) }
    if (properties !== undefined) out["properties"] = this.map(properties, `${place}.properties`)
    // An object of which nothing is said may have any keys; one whose keys are named has those.
    const open = additionalProperties ?? properties === undefined
    out["additionalProperties"] = typeof open === "boolean" ? open : this.write(open, `${place}.additionalProperties`)
    return out
  }

  private array(schema: Json.JsonRecord, place: string): Schema {
    const { items, maxItems, minItems } = schema
    // A list under `items` is the older way to write `prefixItems`, with the rest under `additionalItems`.
    const first = Array.isArray(items) ? items : schema["prefixItems"]
    const rest = Array.isArray(items) ? schema["additionalItems"] : items
    const out: Record<string, unknown> = { type: "array", ...bounds({ minItems, maxItems }) }
    if (first !== undefined) {
      out["prefixItems"] = Json.array(first).map((item, index) => this.write(item, `${place}.prefixItems[${index}]`))
    }
    if (rest === false) out["maxItems"] = Json.array(first).length
    else if (rest !== undefined && rest !== true) out["items"] = this.write(rest, `${place}.items`)
    return out
  }

  private text(schema: Json.JsonRecord): Schema {
    const { format, maxLength, minLength } = schema
    if (!formats.has(format)) {
      if (format !== undefined) this.dropped.add("format")
      return { type: "string", ...bounds({ minLength, maxLength }) }
    }
    this.drop({ minLength, maxLength }, [])
    return { type: "string", format }
  }

  private map(value: unknown, place: string): Schema {
    const schemas = Object.entries(Json.record(value) ?? {})
    return Object.fromEntries(schemas.map(([name, schema]) => [name, this.write(schema, `${place}.${name}`)]))
  }

  private drop(schema: Json.JsonRecord, written: ReadonlyArray<string>): void {
    for (const [key, value] of Object.entries(schema)) {
      const isSaid = silent.has(key) || written.includes(key) || key.startsWith("x-") || value === undefined
      if (!isSaid) this.dropped.add(key)
    }
  }

  private refuse(place: string, why: string): never {
    return Refusal.refuse(this.origin, place, `${place} ${why}`)
  }
}

const bounds = (given: Readonly<Record<string, unknown>>): Schema =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => typeof value === "number"))

/**
 * Writes a schema for a grammar. Refuses, within `Refusal.encoding`, what it has no words for; `place` is what the
 * request calls the schema.
 */
export const write = (schema: JsonSchema, origin: Origin, place: string): Written => {
  const writing = new Writing(origin, schema)
  const written = writing.write(schema, place)
  const definitions = writing.definitions()
  return {
    schema: Object.keys(definitions).length === 0 ? written : { ...written, $defs: definitions },
    dropped: [...writing.dropped]
  }
}
