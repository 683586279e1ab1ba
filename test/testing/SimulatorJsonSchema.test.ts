import { describe, expect, it } from "@effect/vitest"
import { JSONSchema, Schema } from "effect"
import * as JsonSchemaValue from "../../src/testing/simulator/JsonSchemaValue.js"
import * as Seed from "../../src/testing/simulator/Seed.js"

interface Tree {
  readonly name: string
  readonly children: ReadonlyArray<Tree>
}
const Tree = Schema.Struct({
  name: Schema.String,
  children: Schema.Array(Schema.suspend((): Schema.Schema<Tree> => Tree))
}).annotations({ identifier: "Tree" })

const schemas: ReadonlyArray<readonly [string, Schema.Schema.AnyNoContext]> = [
  ["literals and booleans", Schema.Struct({ label: Schema.Literal("a", "b", 3, null), urgent: Schema.Boolean })],
  ["optional properties", Schema.Struct({ a: Schema.optional(Schema.String), b: Schema.NullOr(Schema.Number) })],
  [
    "bounded numbers",
    Schema.Struct({
      stars: Schema.Int.pipe(Schema.between(1, 5)),
      share: Schema.Number.pipe(Schema.between(0, 1)),
      above: Schema.Number.pipe(Schema.greaterThan(10)),
      even: Schema.Number.pipe(Schema.multipleOf(2), Schema.lessThan(100))
    })
  ],
  [
    "bounded texts",
    Schema.Struct({
      short: Schema.String.pipe(Schema.maxLength(4)),
      long: Schema.String.pipe(Schema.minLength(80)),
      trimmed: Schema.Trimmed,
      code: Schema.String.pipe(Schema.pattern(/^[A-Z]{3}-\d{4}$/)),
      id: Schema.UUID
    })
  ],
  [
    "arrays and tuples",
    Schema.Struct({
      some: Schema.Array(Schema.Int).pipe(Schema.minItems(2), Schema.maxItems(3)),
      pair: Schema.Tuple(Schema.String, Schema.Number),
      filled: Schema.NonEmptyArray(Schema.Boolean)
    })
  ],
  [
    "unions of structs",
    Schema.Union(
      Schema.Struct({ _tag: Schema.Literal("Circle"), radius: Schema.Positive }),
      Schema.Struct({ _tag: Schema.Literal("Square"), side: Schema.NonNegative })
    )
  ],
  ["records", Schema.Struct({ scores: Schema.Record({ key: Schema.String, value: Schema.Int }) })],
  ["recursive references", Tree]
]

describe("JsonSchemaValue", () => {
  for (const [what, schema] of schemas) {
    it(`satisfies ${what}, for any seed`, () => {
      const json = JSONSchema.make(schema)
      const decode = Schema.decodeUnknownSync(schema)
      for (let seed = 0; seed < 200; seed++) {
        const value = JSON.parse(JSON.stringify(JsonSchemaValue.generate(json, Seed.choices(seed))))
        expect(() => decode(value), JSON.stringify(value)).not.toThrow()
      }
    })
  }

  it("gives the same value for the same seed", () => {
    const json = JSONSchema.make(Tree)
    expect(JsonSchemaValue.generate(json, Seed.choices(5))).toEqual(JsonSchemaValue.generate(json, Seed.choices(5)))
  })

  it("ends on schemas that refer to themselves without end, and on what is no schema", () => {
    const endless = { type: "object", properties: { next: { $ref: "#" } }, required: ["next"] }
    expect(JsonSchemaValue.generate(endless, Seed.choices(1))).toHaveProperty("next.next.next")
    expect(
      typeof JsonSchemaValue.generate({ $ref: "#/$defs/x", $defs: { x: { $ref: "#/$defs/x" } } }, Seed.choices(1))
    ).toBe("string")
    expect(typeof JsonSchemaValue.generate(true, Seed.choices(1))).toBe("string")
  })
})
