import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as fc from "fast-check"
import { parseJson } from "../../src/program/JsonText.js"
import { deepest, find, PartialJson } from "../../src/program/PartialJson.js"

const readAll = (pieces: ReadonlyArray<string>, prose = false): PartialJson => {
  const reader = new PartialJson(prose)
  for (const piece of pieces) reader.push(piece)
  return reader
}

/** That of `JSON.parse`, but for keys named `__proto__`. */
const valueOf = (text: string): unknown => Either.getOrThrow(parseJson(text))

const seen = (text: string): unknown => readAll([text]).snapshot()?.value

/** A text and where it is cut. */
const cutText = (text: string, places: ReadonlyArray<number>): ReadonlyArray<string> => {
  const cuts = [0, ...places.map((place) => place % (text.length + 1)), text.length].sort((a, b) => a - b)
  return cuts.slice(1).map((cut, index) => text.slice(cuts[index], cut))
}

const isBeginning = (part: unknown, whole: unknown): boolean => {
  if (typeof part === "string" && typeof whole === "string") return whole.startsWith(part)
  if (Array.isArray(part) && Array.isArray(whole)) {
    return part.length <= whole.length && part.every((item, index) => isBeginning(item, whole[index]))
  }
  if (typeof part === "object" && part !== null && typeof whole === "object" && whole !== null) {
    return Object.entries(part).every(
      ([key, value]) => Object.hasOwn(whole, key) && isBeginning(value, Reflect.get(whole, key))
    )
  }
  return Object.is(part, whole)
}

const container = fc
  .json()
  .filter((text) => /^\s*[[{]/.test(text))
  .map((text) => text)

const places = fc.array(fc.nat(), { maxLength: 8 })

describe("PartialJson", () => {
  it("reads what JSON.parse reads, however the text is cut", () => {
    fc.assert(
      fc.property(container, places, (text, cuts) => {
        const reader = readAll(cutText(text, cuts))
        expect(reader.failed).toBe(false)
        expect(reader.snapshot()).toEqual({ value: valueOf(text), open: [], isOpen: false })
      }),
      { numRuns: 300 }
    )
  })

  it("gives of every beginning a beginning of the value", () => {
    fc.assert(
      fc.property(container, fc.nat(), (text, place) => {
        const snapshot = readAll([text.slice(0, place % (text.length + 1))]).snapshot()
        expect(snapshot === undefined || isBeginning(snapshot.value, valueOf(text))).toBe(true)
      }),
      { numRuns: 300 }
    )
  })

  it.each([
    ["", undefined],
    [" {", {}],
    ['{"a', {}],
    ['{"a"', {}],
    ['{"a":', {}],
    ['{"a":"', { a: "" }],
    ['{"a":"x', { a: "x" }],
    ['{"a":"x\\', { a: "x" }],
    ['{"a":"x\\u00', { a: "x" }],
    ['{"a":"x\\u00e9', { a: "xé" }],
    ['{"a":"\\ud83d', { a: "" }],
    ['{"a":"\\ud83d\\ude00', { a: "😀" }],
    ['{"a":12', {}],
    ['{"a":12,', { a: 12 }],
    ['{"a":-1.5e3}', { a: -1500 }],
    ['{"a":tru', {}],
    ['{"a":true', { a: true }],
    ['{"a":null,"b":[1,{"c":"d', { a: null, b: [1, { c: "d" }] }],
    ['{"a":1,"a":2}', { a: 2 }],
    ["[[],[1", [[], []]],
    ['"text', "text"]
  ])("of %j there is %j", (text, value) => {
    expect(seen(text)).toEqual(value)
  })

  it("says where it is being written", () => {
    expect(readAll(['{"a":[1,{"b":"c']).snapshot()?.open).toEqual(["a", 1, "b"])
  })

  it("leaves out what is under a key __proto__, written or coming", () => {
    expect(Object.keys(Object(seen('{"__proto__":{"a":1},"b":2,"c":3')))).toEqual(["b"])
    expect(Object.keys(Object(seen('{"__pr\\u006fto__":{"a":1')))).toEqual([])
    expect(valueOf('{"a":[{"__pr\\u006fto__":{"b":1},"c":2}]}')).toEqual({ a: [{ c: 2 }] })
  })

  it("stops at what is no JSON, and keeps what there was", () => {
    const reader = readAll(['{"a":1,', "oops", '"b":2}'])
    expect(reader.failed).toBe(true)
    expect(reader.snapshot()?.value).toEqual({ a: 1 })
  })

  it.each(['{"a":"\n"}', '{"a":01}', '{"a":1}x', "[1,]", '{"a" 1}', "{a:1}", '["\\x"]', '["\\u12g4"]', "[nope]"])(
    "takes %j for no JSON",
    (text) => {
      expect(readAll([text]).failed).toBe(true)
      expect(readAll([...text]).failed).toBe(true)
    }
  )

  it("gives out values that later text does not change", () => {
    const reader = readAll(['{"a":["x"'])
    const before = reader.snapshot()?.value
    reader.push(',"y"],"b":1}')
    expect(before).toEqual({ a: ["x"] })
  })

  it("does not follow brackets without end", () => {
    expect(readAll(["[".repeat(deepest + 1)]).failed).toBe(true)
    expect(readAll(["[".repeat(deepest)]).failed).toBe(false)
  })
})

describe("JSON amid prose", () => {
  it.each([
    ['{"a":1}', [{ a: 1 }]],
    ['Sure!\n```json\n{"a":1}\n```\nAnything else?', [{ a: 1 }]],
    ['First {"a":1}, then [2].', [{ a: 1 }, [2]]],
    ["{curly} and [brackets] and (nothing)", []],
    ['Use "[" to open. {"a":1}', [{ a: 1 }]],
    ['The list ["unclosed {"a":1}', [{ a: 1 }]],
    ['[1: see below] {"a":1}', [{ a: 1 }]],
    ['{"a": {"b":1} and so on', [{ b: 1 }]],
    ["[text](https://example.com) [1]", [[1]]],
    ['{"a":"```"}', [{ a: "```" }]],
    ['{{"a":1}}', [{ a: 1 }]],
    ["no value at all", []]
  ])("finds in %j the values %j, however it is cut", (text, values) => {
    expect(find(text).values).toEqual(values)
    expect(readAll([...text], true).found).toEqual(values)
  })

  it("finds any value behind any prose that opens nothing", () => {
    fc.assert(
      fc.property(
        fc.string().map((text) => text.replace(/[[{]/g, "")),
        container,
        places,
        (before, text, cuts) => {
          const value = valueOf(text)
          expect(readAll(cutText(`${before}${text} ${before}`, cuts), true).found).toEqual([value])
        }
      )
    )
  })

  it("says when the text ends within a value", () => {
    expect(find('Here: {"a":1} and {"b":').isCut).toBe(true)
    expect(find('Here: {"a":1}').isCut).toBe(false)
  })

  it.each([
    ["brackets", "[".repeat(200_000)],
    ["brackets that are none", "[a".repeat(200_000)],
    ["braces within strings", '{"'.repeat(200_000)],
    ["lists that break late", `[${"1,".repeat(200_000)}x`],
    ["nested lists that break", `${"[".repeat(200)}x`.repeat(2_000)]
  ])("reads each character a bounded number of times: %s", (_, text) => {
    // Quadratic reading of these would take minutes, and end in the time limit of the test.
    expect(find(text).values).toEqual([])
    const reader = new PartialJson(true)
    for (let at = 0; at < text.length; at += 64) reader.push(text.slice(at, at + 64))
    expect(reader.found).toEqual([])
  })
})
