/** A value that satisfies a JSON Schema, chosen by the seed: for structured answers and the arguments of tools. */
import * as Arr from "effect/Array"
import * as Predicate from "effect/Predicate"
import * as Prose from "./Prose.js"
import type { Choices } from "./Seed.js"

type Schema = Readonly<Record<string, unknown>>

/** Beyond this depth, recursive schemas get the shortest value they allow. */
const deep = 6
/** A schema that cannot end (a required property of its own type) still gets an end. */
const tooDeep = 24

/** `schema` may be anything; what is no schema allows anything and gets a phrase. */
export const generate = (schema: unknown, choose: Choices): unknown => value(schema, { root: schema, choose, depth: 0 })

interface Context {
  readonly root: unknown
  readonly choose: Choices
  readonly depth: number
}

const value = (input: unknown, context: Context): unknown => {
  if (context.depth > tooDeep) return null
  const schema = resolve(input, context.root)
  const { choose } = context
  if (schema === undefined) return Prose.phrase(choose)
  if ("const" in schema) return schema["const"]
  const options = schema["enum"]
  if (Array.isArray(options) && Arr.isNonEmptyReadonlyArray(options)) return choose.pick(options)
  const variants = schema["anyOf"] ?? schema["oneOf"]
  if (Array.isArray(variants) && Arr.isNonEmptyReadonlyArray(variants)) {
    const { anyOf: _anyOf, oneOf: _oneOf, ...shared } = schema
    return value(merge(shared, resolve(pickVariant(variants, context), context.root) ?? {}), deeper(context))
  }
  switch (typeOf(schema, context)) {
    case "object":
      return object(schema, context)
    case "array":
      return array(schema, context)
    case "integer":
      return number(schema, choose, true)
    case "number":
      return number(schema, choose, false)
    case "boolean":
      return choose.next() < 0.5
    case "null":
      return null
    default:
      return string(schema, choose)
  }
}

const deeper = (context: Context): Context => ({ ...context, depth: context.depth + 1 })

/** References followed, with what stands beside them, and `allOf` merged; undefined for what allows anything. */
const resolve = (input: unknown, root: unknown): Schema | undefined => {
  if (!Predicate.isRecord(input)) return undefined
  let found: Schema = {}
  let next: unknown = input
  for (let hops = 0; hops < 32 && Predicate.isRecord(next); hops++) {
    const { $ref: reference, ...own } = next
    found = merge(own, found)
    if (typeof reference !== "string") break
    next = lookUp(root, reference)
  }
  const { allOf: all, ...own } = found
  return Array.isArray(all)
    ? all.reduce<Schema>((merged, part) => merge(merged, resolve(part, root) ?? {}), own)
    : found
}

const lookUp = (root: unknown, reference: string): unknown =>
  reference
    .replace(/^#\/?/, "")
    .split("/")
    .filter((step) => step !== "")
    .reduce<unknown>((at, step) => {
      const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")
      return Predicate.isRecord(at) ? at[name] : Array.isArray(at) ? at[Number(name)] : undefined
    }, root)

const merge = (a: Schema, b: Schema): Schema => ({
  ...a,
  ...b,
  ...(Predicate.isRecord(a["properties"]) && Predicate.isRecord(b["properties"])
    ? { properties: { ...a["properties"], ...b["properties"] } }
    : {}),
  ...(Array.isArray(a["required"]) && Array.isArray(b["required"])
    ? { required: [...a["required"], ...b["required"]] }
    : {})
})

// A recursive schema ends in its simplest variant: what is no reference and holds nothing.
const pickVariant = (variants: Arr.NonEmptyReadonlyArray<unknown>, context: Context): unknown => {
  if (context.depth < deep) return context.choose.pick(variants)
  const simple = variants.find((variant) => {
    const schema = resolve(variant, context.root)
    return (
      schema !== undefined &&
      schema["properties"] === undefined &&
      schema["items"] === undefined &&
      schema["anyOf"] === undefined
    )
  })
  return simple ?? variants[0]
}

const typeOf = (schema: Schema, { choose, depth }: Context): string => {
  const type = schema["type"]
  if (typeof type === "string") return type
  if (Array.isArray(type)) {
    const names = type.filter((name): name is string => typeof name === "string")
    if (depth >= deep && names.includes("null")) return "null"
    if (Arr.isNonEmptyReadonlyArray(names)) return choose.pick(names)
  }
  if (schema["properties"] !== undefined || schema["additionalProperties"] !== undefined) return "object"
  if (schema["items"] !== undefined || schema["prefixItems"] !== undefined) return "array"
  if (numberOf(schema["minimum"]) !== undefined || numberOf(schema["maximum"]) !== undefined) return "number"
  return "string"
}

const object = (schema: Schema, context: Context): unknown => {
  const properties = Predicate.isRecord(schema["properties"]) ? schema["properties"] : {}
  const required = Array.isArray(schema["required"]) ? schema["required"] : []
  const least = numberOf(schema["minProperties"]) ?? 0
  const entries: Array<readonly [string, unknown]> = []
  for (const [name, property] of Object.entries(properties)) {
    const optional = !required.includes(name)
    if (optional && (context.depth >= deep || context.choose.next() < 0.3)) continue
    entries.push([name, value(property, deeper(context))])
  }
  for (const name of required) {
    if (typeof name === "string" && !Object.hasOwn(properties, name)) entries.push([name, Prose.phrase(context.choose)])
  }
  for (const [name, property] of Object.entries(properties)) {
    if (entries.length >= least) break
    if (!entries.some(([taken]) => taken === name)) entries.push([name, value(property, deeper(context))])
  }
  const additional = schema["additionalProperties"]
  if (Predicate.isRecord(additional) || (additional !== false && entries.length < least)) {
    const wanted = Math.max(least, Object.keys(properties).length > 0 || context.depth >= deep ? 0 : 2)
    for (let i = 1; entries.length < wanted; i++) entries.push([`key_${i}`, value(additional, deeper(context))])
  }
  return Object.fromEntries(entries)
}

const array = (schema: Schema, context: Context): ReadonlyArray<unknown> => {
  const prefix = Array.isArray(schema["prefixItems"])
    ? schema["prefixItems"]
    : Array.isArray(schema["items"])
      ? schema["items"]
      : []
  const items = Array.isArray(schema["items"]) ? schema["additionalItems"] : schema["items"]
  const least = Math.max(numberOf(schema["minItems"]) ?? 0, 0)
  const most = numberOf(schema["maxItems"]) ?? Math.max(least, 3)
  const open = items !== false && (items !== undefined || prefix.length === 0)
  const length =
    context.depth >= deep
      ? least
      : context.choose.integer(Math.max(least, Math.min(1, most)), Math.min(most, least + 2))
  const values: Array<unknown> = prefix.slice(0, most).map((item) => value(item, deeper(context)))
  if (!open) return values
  const seen = new Set(values.map((item) => JSON.stringify(item)))
  // Bounded, as a small enum may not have as many different values as are asked for.
  for (let tries = 0; values.length < length && tries < length * 20; tries++) {
    const next = value(items, deeper(context))
    const text = JSON.stringify(next)
    if (schema["uniqueItems"] === true && seen.has(text)) continue
    seen.add(text)
    values.push(next)
  }
  return values
}

const number = (schema: Schema, choose: Choices, integer: boolean): number => {
  const step = numberOf(schema["multipleOf"]) ?? (integer ? 1 : 0.01)
  const above = numberOf(schema["exclusiveMinimum"])
  const below = numberOf(schema["exclusiveMaximum"])
  const minimum = numberOf(schema["minimum"])
  const maximum = numberOf(schema["maximum"])
  const least = Math.max(
    minimum === undefined ? -Infinity : Math.ceil(minimum / step),
    above === undefined ? -Infinity : Math.floor(above / step) + 1
  )
  const most = Math.min(
    maximum === undefined ? Infinity : Math.floor(maximum / step),
    below === undefined ? Infinity : Math.ceil(below / step) - 1
  )
  const low = Number.isFinite(least) ? least : Math.min(0, Number.isFinite(most) ? most : 0)
  const high = Number.isFinite(most) ? Math.min(most, low + 10_000) : low + (integer ? 100 : 10_000)
  // Bounds closer than a step leave only what lies between them.
  if (high < low) return ((minimum ?? above ?? 0) + (maximum ?? below ?? 0)) / 2
  const chosen = choose.integer(low, high) * step
  return integer ? Math.round(chosen) : Number(chosen.toFixed(10))
}

const formats: Readonly<Record<string, (choose: Choices) => string>> = {
  "date-time": (choose) => `${date(choose)}T${time(choose)}Z`,
  date: (choose) => date(choose),
  time: (choose) => `${time(choose)}Z`,
  duration: (choose) => `PT${choose.integer(1, 59)}M`,
  email: (choose) => `${choose.text(6, lower)}@example.com`,
  hostname: (choose) => `${choose.text(6, lower)}.example.com`,
  uri: (choose) => `https://example.com/${choose.text(6, lower)}`,
  url: (choose) => `https://example.com/${choose.text(6, lower)}`,
  ipv4: (choose) => `192.0.2.${choose.integer(1, 254)}`,
  ipv6: (choose) => `2001:db8::${choose.text(3, hexadecimal)}`,
  uuid: (choose) =>
    `${choose.text(8, hexadecimal)}-${choose.text(4, hexadecimal)}-4${choose.text(3, hexadecimal)}-a${choose.text(
      3,
      hexadecimal
    )}-${choose.text(12, hexadecimal)}`
}

const lower = "abcdefghijklmnopqrstuvwxyz"
const digits = "0123456789"
const hexadecimal = "0123456789abcdef"

const twoDigits = (choose: Choices, least: number, most: number): string =>
  String(choose.integer(least, most)).padStart(2, "0")
const date = (choose: Choices): string =>
  `20${twoDigits(choose, 10, 29)}-${twoDigits(choose, 1, 12)}-${twoDigits(choose, 1, 28)}`
const time = (choose: Choices): string =>
  `${twoDigits(choose, 0, 23)}:${twoDigits(choose, 0, 59)}:${twoDigits(choose, 0, 59)}`

const string = (schema: Schema, choose: Choices): string => {
  const format = schema["format"]
  const formatted = typeof format === "string" ? formats[format] : undefined
  if (formatted !== undefined) return formatted(choose)
  const least = numberOf(schema["minLength"]) ?? 0
  const most = numberOf(schema["maxLength"]) ?? Infinity
  const fit = (text: string): string => {
    let long = text
    while (long.length < least) long += ` ${text}`
    // Cut in mid-word is allowed; a space at the end is not, as a trimmed string would refuse it.
    return long.slice(0, most).replace(/ $/, "s")
  }
  const phrase = fit(Prose.phrase(choose))
  const pattern = schema["pattern"]
  return typeof pattern === "string" ? matching(pattern, phrase, fit, choose) : phrase
}

/** A phrase or one of a few common shapes, the first that the pattern takes; the phrase when it takes none. */
const matching = (pattern: string, phrase: string, fit: (text: string) => string, choose: Choices): string => {
  const expression = expressionOf(pattern)
  if (expression === undefined || expression.test(phrase)) return phrase
  const shapes = [
    fit(phrase.replaceAll(" ", "")),
    fit(phrase.toUpperCase()),
    phrase.charAt(0).toUpperCase() + phrase.slice(1),
    ...Object.values(formats).map((format) => format(choose)),
    ...Array.from({ length: 16 }, (_, length) => [
      choose.text(length + 1, digits),
      choose.text(length + 1, lower),
      choose.text(length + 1, lower).toUpperCase(),
      choose.text(length + 1, hexadecimal)
    ]).flat(),
    `${choose.integer(1, 9)}.${choose.integer(1, 9)}.${choose.integer(0, 9)}`,
    `#${choose.text(6, hexadecimal)}`,
    `${choose.text(3, lower).toUpperCase()}-${choose.text(4, digits)}`,
    `+1${choose.text(10, digits)}`
  ]
  return shapes.find((shape) => expression.test(shape)) ?? phrase
}

const expressionOf = (pattern: string): RegExp | undefined => {
  // A foreign boundary: the pattern comes from the client.
  try {
    return new RegExp(pattern, "u")
  } catch {
    return undefined
  }
}

const numberOf = (input: unknown): number | undefined => (typeof input === "number" ? input : undefined)
