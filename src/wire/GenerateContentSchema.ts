/**
 * A JSON Schema in the part of that language that generateContent reads. What it would pass over is written in other
 * words where there are any, and named where there are none; what cannot be left out without meaning something else is
 * refused.
 */
import type { JsonSchema } from "../Tool.js"
import * as Json from "./Json.js"
import * as Refusal from "./Refusal.js"
import { checkReferences } from "./ToolParameters.js"
import type { Origin } from "./Wire.js"

export interface Written {
  readonly schema: Json.JsonRecord
  /** The keywords that were left out, and bind the answer no more. */
  readonly dropped: ReadonlyArray<string>
}

/** Read as they stand. */
const known: ReadonlySet<string> = new Set([
  "$id",
  "$anchor",
  "type",
  "format",
  "title",
  "description",
  "minItems",
  "maxItems",
  "minimum",
  "maximum",
  "required",
  "propertyOrdering"
])

/** These say nothing of what fits. */
const annotations: ReadonlySet<string> = new Set([
  "$schema",
  "$comment",
  "default",
  "example",
  "examples",
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
  "dependentSchemas",
  "dependencies",
  "$dynamicRef",
  "$recursiveRef"
])

const deepest = 100

/** What is said to people and to the model, and binds nothing. */
const speaks: ReadonlySet<string> = new Set(["title", "description"])

const saysNothing = (schema: Json.JsonRecord): boolean => Object.keys(schema).every((key) => speaks.has(key))

/** One walk over one schema. */
class Writing {
  readonly dropped = new Set<string>()
  private readonly above = new Set<unknown>()

  constructor(private readonly origin: Origin) {}

  write(value: unknown, place: string): Json.JsonRecord {
    if (value === true) return {}
    const schema = Json.record(value)
    if (schema === undefined) return this.refuse(place, "is no schema that this provider takes")
    if (this.above.has(schema)) return Refusal.invalid(this.origin, place, "the schema holds itself: name it in $defs")
    if (this.above.size >= deepest) return this.refuse(place, "is nested too deep")
    this.above.add(schema)
    const written = schema.$ref === undefined ? this.keywords(schema, place) : this.reference(schema, place)
    this.above.delete(schema)
    return written
  }

  /** Beside a reference nothing is read but what begins with `$`. */
  private reference(schema: Json.JsonRecord, place: string): Json.JsonRecord {
    const { $defs, $ref, definitions, ...others } = schema
    if (typeof $ref !== "string" || !$ref.startsWith("#")) {
      return this.refuse(`${place}.$ref`, "must point into the schema itself")
    }
    for (const key of Object.keys(others)) {
      if (!annotations.has(key) && !speaks.has(key) && !key.startsWith("$")) this.dropped.add(key)
    }
    return { $ref: $ref.replace(/^#\/definitions\//, "#/$defs/"), ...this.definitions($defs, definitions, place) }
  }

  private keywords(schema: Json.JsonRecord, place: string): Json.JsonRecord {
    const { $defs, additionalItems, allOf, const: only, definitions, enum: values, items, ...others } = schema
    const out: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(others)) {
      if (value === undefined || annotations.has(key) || key.startsWith("x-")) continue
      if (inexpressible.has(key)) return this.refuse(`${place}.${key}`, "has no counterpart with this provider")
      if (known.has(key)) out[key] = value
      else Object.assign(out, this.keyword(key, value, schema, `${place}.${key}`))
    }
    Object.assign(out, this.definitions($defs, definitions, place), this.items(items, additionalItems, place))
    const options = only === undefined ? values : [only]
    if (Array.isArray(options)) Object.assign(out, this.options(options))
    return Array.isArray(allOf) ? this.all(out, allOf, `${place}.allOf`) : out
  }

  private keyword(key: string, value: unknown, schema: Json.JsonRecord, place: string): Json.JsonRecord {
    switch (key) {
      case "properties":
        return { properties: this.map(value, place) }
      case "anyOf":
      case "oneOf":
      case "prefixItems":
        return { [key]: this.list(value, place) }
      case "additionalProperties":
        return { additionalProperties: typeof value === "boolean" ? value : this.write(value, place) }
      case "exclusiveMinimum":
        if (schema.type === "integer" && typeof value === "number") return { minimum: Math.floor(value) + 1 }
        break
      case "exclusiveMaximum":
        if (schema.type === "integer" && typeof value === "number") return { maximum: Math.ceil(value) - 1 }
        break
    }
    this.dropped.add(key)
    return {}
  }

  private map(value: unknown, place: string): Json.JsonRecord {
    const schemas = Object.entries(Json.record(value) ?? {})
    return Object.fromEntries(schemas.map(([name, schema]) => [name, this.write(schema, `${place}.${name}`)]))
  }

  private list(value: unknown, place: string): ReadonlyArray<Json.JsonRecord> {
    return Json.array(value).map((schema, index) => this.write(schema, `${place}[${index}]`))
  }

  private definitions($defs: unknown, definitions: unknown, place: string): Json.JsonRecord {
    if ($defs === undefined && definitions === undefined) return {}
    return { $defs: { ...this.map(definitions, `${place}.definitions`), ...this.map($defs, `${place}.$defs`) } }
  }

  /** A list under `items` is the older way to write `prefixItems`, with the rest under `additionalItems`. */
  private items(items: unknown, rest: unknown, place: string): Json.JsonRecord {
    if (items === undefined || items === false) return {}
    if (!Array.isArray(items)) return { items: this.write(items, `${place}.items`) }
    const prefixItems = this.list(items, `${place}.items`)
    return rest === undefined || typeof rest === "boolean"
      ? { prefixItems, ...(rest === false ? { maxItems: prefixItems.length } : {}) }
      : { prefixItems, items: this.write(rest, `${place}.additionalItems`) }
  }

  /** Only texts and numbers can be enumerated; `null` has a type of its own. */
  private options(values: ReadonlyArray<unknown>): Json.JsonRecord {
    const variants: Array<Json.JsonRecord> = []
    const texts = values.filter((value) => typeof value === "string")
    const numbers = values.filter((value) => typeof value === "number")
    if (texts.length > 0) variants.push({ type: "string", enum: texts })
    if (numbers.length > 0)
      variants.push({ type: numbers.every(Number.isInteger) ? "integer" : "number", enum: numbers })
    if (values.includes(null)) variants.push({ type: "null" })
    const truths = new Set(values.filter((value) => typeof value === "boolean"))
    if (truths.size > 0) variants.push({ type: "boolean" })
    if (truths.size === 1 || values.some((value) => typeof value === "object" && value !== null))
      this.dropped.add("enum")
    const [first, ...more] = variants
    return more.length === 0 ? (first ?? {}) : { anyOf: variants }
  }

  /** Several schemas that must all fit become one, where they speak of different things. */
  private all(own: Json.JsonRecord, parts: ReadonlyArray<unknown>, place: string): Json.JsonRecord {
    let merged = own
    for (const [index, part] of parts.entries())
      merged = this.join(merged, this.write(part, `${place}[${index}]`), place)
    return merged
  }

  private join(a: Json.JsonRecord, b: Json.JsonRecord, place: string): Json.JsonRecord {
    if (saysNothing(b)) return a
    if (saysNothing(a)) return "$ref" in b ? b : { ...a, ...b }
    if ("$ref" in a || "$ref" in b) return this.refuse(place, "joins a reference with something else")
    const out: Record<string, unknown> = { ...a }
    for (const [key, value] of Object.entries(b)) {
      const before = a[key]
      if (before === undefined || JSON.stringify(before) === JSON.stringify(value)) out[key] = value
      else if (key === "properties") out[key] = { ...Json.record(before), ...Json.record(value) }
      else if (key === "required") out[key] = [...new Set([...Json.array(before), ...Json.array(value)])]
      else if (!speaks.has(key)) return this.refuse(place, `says ${key} twice`)
    }
    return out
  }

  private refuse(place: string, message: string): never {
    return Refusal.refuse(this.origin, place, `${place} ${message}`)
  }
}

/** A reference at the very top is opened: what is read there must be an object's schema itself. */
const opened = (schema: Json.JsonRecord): Json.JsonRecord => {
  const name = /^#\/\$defs\/([^/]+)$/.exec(Json.string(schema.$ref) ?? "")?.[1]
  if (name === undefined) return schema
  const target = Json.record(Json.record(schema.$defs)?.[decodeName(name)])
  return target === undefined || "$ref" in target ? schema : { ...target, $defs: schema.$defs }
}

const decodeName = (name: string): string => name.replaceAll("~1", "/").replaceAll("~0", "~")

/** Writes a schema. `place` is its name in errors, such as `responseFormat.schema`. */
export const write = (schema: JsonSchema, place: string, origin: Origin): Written => {
  const writing = new Writing(origin)
  const written = opened(writing.write(schema, place))
  checkReferences(schema, place, origin)
  return { schema: written, dropped: [...writing.dropped] }
}
