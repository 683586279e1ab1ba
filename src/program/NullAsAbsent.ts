/**
 * A provider that holds a model to a schema may want every property there: what a schema calls optional is then asked
 * for as "or null", and `null` is what the model answers where it leaves one out.
 */
import type { JsonSchema } from "../Tool.js"
import { deepest } from "./PartialJson.js"

interface Fields {
  readonly [key: string]: unknown
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const list = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

const resolved = (schema: unknown, root: JsonSchema, hops = 0): Fields => {
  if (!isFields(schema)) return {}
  const { $ref, allOf, ...own } = schema
  const all = list(allOf)
  if (hops < 32 && typeof $ref === "string") {
    const name = $ref
      .replace(/^#\/(?:\$defs|definitions)\//, "")
      .replaceAll("~1", "/")
      .replaceAll("~0", "~")
    const definitions: Fields = { ...fieldsOf(root.definitions), ...fieldsOf(root.$defs) }
    return { ...resolved(definitions[name], root, hops + 1), ...own }
  }
  return all.length === 0 ? own : Object.assign({}, ...all.map((part) => resolved(part, root, hops + 1)), own)
}

const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {})

const variantsOf = (schema: Fields): ReadonlyArray<unknown> => [...list(schema.anyOf), ...list(schema.oneOf)]

const takesNull = (input: unknown, root: JsonSchema): boolean => {
  const schema = resolved(input, root)
  const types = [schema.type].flat()
  const says = schema.type ?? schema.anyOf ?? schema.oneOf ?? schema.enum ?? schema.const
  return (
    // A schema that says nothing takes anything.
    says === undefined ||
    types.includes("null") ||
    list(schema.enum).includes(null) ||
    variantsOf(schema).some((variant) => takesNull(variant, root))
  )
}

/** Whether a value is what this variant speaks of, at first sight. */
const isMeant = (value: unknown, input: unknown, root: JsonSchema): boolean => {
  const schema = resolved(input, root)
  const variants = variantsOf(schema)
  if (variants.length > 0) return variants.some((variant) => isMeant(value, variant, root))
  if (Array.isArray(value)) return schema.type === "array" || schema.items !== undefined
  if (!isFields(value)) return false
  if (schema.type !== "object" && schema.properties === undefined) return false
  const properties = fieldsOf(schema.properties)
  return (
    list(schema.required).every((name) => typeof name === "string" && Object.hasOwn(value, name)) &&
    Object.entries(properties).every(([name, property]) => {
      const options = list(resolved(property, root).enum)
      return (
        options.length === 0 || !Object.hasOwn(value, name) || value[name] === null || options.includes(value[name])
      )
    })
  )
}

const walk = (value: unknown, input: unknown, root: JsonSchema, depth: number): unknown => {
  if (typeof value !== "object" || value === null || depth > deepest) return value
  const schema = resolved(input, root)
  const variants = variantsOf(schema)
  if (variants.length > 0) {
    const meant = variants.find((variant) => isMeant(value, variant, root))
    return meant === undefined ? value : walk(value, meant, root, depth + 1)
  }
  if (Array.isArray(value)) {
    const { additionalItems, items, prefixItems } = schema
    const places = Array.isArray(items) ? items : list(prefixItems)
    const rest = Array.isArray(items) ? additionalItems : items
    return value.map((item, index): unknown => walk(item, places[index] ?? rest, root, depth + 1))
  }
  if (!isFields(value)) return value
  const properties = fieldsOf(schema.properties)
  const required = new Set(list(schema.required))
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => {
      const property = Object.hasOwn(properties, name) ? properties[name] : schema.additionalProperties
      const isAbsent =
        inner === null && Object.hasOwn(properties, name) && !required.has(name) && !takesNull(property, root)
      return isAbsent ? [] : [[name, walk(inner, property, root, depth + 1)] as const]
    })
  )
}

/** The value without the nulls that stand for optional properties which are left out, by the schema that was asked for. */
export const nullAsAbsent = (value: unknown, schema: JsonSchema): unknown => walk(value, schema, schema, 0)
