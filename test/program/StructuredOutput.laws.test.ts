import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Schema, Stream } from "effect"
import { StructuredOutput } from "effect-llm"
import { MockLlm } from "effect-llm/testing"
import * as fc from "fast-check"

/** Every kind of part whose beginning could be taken for another value. */
const Node: Schema.Schema.AnyNoContext = Schema.Struct({
  word: Schema.Literal("n", "na"),
  at: Schema.Date,
  children: Schema.Array(Schema.suspend(() => Node)),
  note: Schema.optionalWith(Schema.NonEmptyString, { nullable: true }),
  sizes: Schema.Record({ key: Schema.String, value: Schema.Number }),
  pair: Schema.Tuple(Schema.Date, Schema.String),
  one: Schema.Union(
    Schema.NumberFromString,
    Schema.Number,
    Schema.Null,
    Schema.TaggedStruct("A", { text: Schema.Trim }),
    Schema.TaggedStruct("AB", { text: Schema.String }),
    Schema.String
  ),
  big: Schema.BigInt
}).annotations({ identifier: "Node" })

const instant = fc
  .date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true })
  .map((date) => date.toISOString())

const { node } = fc.letrec((tie) => ({
  node: fc.record({
    word: fc.constantFrom("n", "na"),
    at: instant,
    children: fc.oneof({ maxDepth: 2 }, fc.constant([]), fc.array(tie("node"), { maxLength: 2 })),
    note: fc.option(fc.string({ minLength: 1, unit: "grapheme" })),
    sizes: fc.dictionary(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true })),
    pair: fc.tuple(instant, fc.string({ unit: "binary" })),
    one: fc.oneof(
      fc.integer(),
      fc.integer().map(String),
      fc.string(),
      fc.constant(null),
      fc.record({ _tag: fc.constantFrom("A", "AB"), text: fc.string() })
    ),
    big: fc.bigInt().map(String)
  })
}))

/** These say what something is: they do not grow. */
const words: ReadonlySet<string> = new Set(["word", "_tag"])

/** Whether a value can grow into another: texts and lists by what comes behind, objects by more fields. */
const isBeginning = (part: unknown, whole: unknown): boolean => {
  if (typeof part === "string" && typeof whole === "string") return whole.startsWith(part)
  if (part instanceof Date && whole instanceof Date) return part.getTime() === whole.getTime()
  if (Array.isArray(part) && Array.isArray(whole)) {
    return part.length <= whole.length && part.every((item, index) => isBeginning(item, whole[index]))
  }
  if (typeof part === "object" && part !== null && typeof whole === "object" && whole !== null) {
    return Object.entries(part).every(
      ([key, value]) =>
        Object.hasOwn(whole, key) &&
        (words.has(key) ? value === Reflect.get(whole, key) : isBeginning(value, Reflect.get(whole, key)))
    )
  }
  return Object.is(part, whole)
}

describe("the partial values of a stream", () => {
  it("each grow into the next, and into the value at the end, however the text comes", () =>
    fc.assert(
      fc.asyncProperty(node, fc.integer({ min: 1, max: 7 }), async (value, size) => {
        const text = JSON.stringify(value).match(new RegExp(`[^]{1,${size}}`, "g")) ?? []
        const parts = await StructuredOutput.stream(Node, "Hi").pipe(
          Stream.map((part): unknown => part.value),
          Stream.runCollect,
          Effect.map(Chunk.toReadonlyArray),
          Effect.provide(MockLlm.layer({ text })),
          Effect.runPromise
        )
        for (const [index, part] of parts.entries()) {
          expect(isBeginning(part, parts[Math.min(index + 1, parts.length - 1)])).toBe(true)
          expect(isBeginning(part, parts.at(-1))).toBe(true)
        }
      }),
      { numRuns: 150 }
    ))
})
