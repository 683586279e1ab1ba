import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as CanonicalJson from "../src/CanonicalJson.js"

/** The same value with the keys of every object the other way round. */
const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).reduceRight<Array<[string, unknown]>>((entries, [key, value]) => {
      entries.push([key, reversed(value)])
      return entries
    }, [])
  )
}

const json = FastCheck.jsonValue()

describe("CanonicalJson.stringify", () => {
  const table: ReadonlyArray<readonly [name: string, value: unknown, text: string]> = [
    [
      "sorts keys, at every depth",
      { b: [{ d: 1, c: 2 }], a: { z: 1, y: 2 } },
      '{"a":{"y":2,"z":1},"b":[{"c":2,"d":1}]}'
    ],
    ["keeps the order of arrays", [3, 1, 2], "[3,1,2]"],
    ["leaves undefined out of objects", { a: undefined, b: 1 }, '{"b":1}'],
    ["has null for undefined in arrays, as JSON has", [undefined, 1], "[null,1]"],
    ["has null for undefined alone", undefined, "null"],
    ["has null for numbers that JSON does not know", [Number.NaN, Infinity], "[null,null]"],
    ["has one zero", [0, -0], "[0,0]"],
    ["tells numbers from texts", [1, "1"], '[1,"1"]'],
    ['tells true from "true" and null from "null"', [true, "true", null, "null"], '[true,"true",null,"null"]'],
    ["uses toJSON", { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ["sorts what toJSON gives", { toJSON: () => ({ b: 1, a: 2 }) }, '{"a":2,"b":1}'],
    [
      "keeps a key named __proto__",
      JSON.parse('{"b":1,"__proto__":{"d":1,"c":2}}'),
      '{"__proto__":{"c":2,"d":1},"b":1}'
    ],
    ["keeps keys named as methods are", { toString: 1, constructor: 2 }, '{"constructor":2,"toString":1}']
  ]
  for (const [name, value, text] of table) {
    it(`${name}`, () => expect(CanonicalJson.stringify(value)).toBe(text))
  }

  it.prop("is JSON of the same value", [json], ([value]) => {
    expect(JSON.parse(CanonicalJson.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)))
  })

  it.prop("has one text per value, in whatever order its keys stand", [json], ([value]) => {
    expect(CanonicalJson.stringify(reversed(value))).toBe(CanonicalJson.stringify(value))
  })

  it.prop("is idempotent", [json], ([value]) => {
    const text = CanonicalJson.stringify(value)
    expect(CanonicalJson.stringify(JSON.parse(text))).toBe(text)
  })

  it.prop("has distinct texts for distinct values", [json, json], ([a, b]) => {
    const isSame = CanonicalJson.stringify(a) === CanonicalJson.stringify(b)
    // What JSON reads back is what counts: it has no negative zero.
    const [first, second] = [JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))]
    if (isSame) expect(first).toEqual(second)
    else expect(first).not.toEqual(second)
  })

  it.prop("does not change the value", [json], ([value]) => {
    const before = JSON.stringify(value)
    CanonicalJson.stringify(value)
    expect(JSON.stringify(value)).toBe(before)
  })

  it("throws for what JSON cannot hold", () => {
    const circle: Record<string, unknown> = {}
    circle["self"] = circle
    expect(() => CanonicalJson.stringify(circle)).toThrow(TypeError)
    expect(() => CanonicalJson.stringify({ big: 1n })).toThrow(TypeError)
  })
})
