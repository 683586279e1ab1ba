import { describe, expect, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import { ChatRequest, Tool } from "../../src/index.js"
import type { Encoded } from "../../src/wire/Wire.js"
import { origin, wire } from "./GenerateContentStream.js"

const encode = (schema: Tool.JsonSchema) =>
  wire.encodeChat(
    ChatRequest.make({ prompt: "Hi", responseFormat: { _tag: "JsonSchema", name: "a", schema } }),
    origin,
    false
  )

const configOf = ({ body }: Encoded): unknown => Reflect.get(Object(body["generationConfig"]), "responseJsonSchema")

const written = (schema: Tool.JsonSchema): unknown =>
  Either.map(encode(schema), configOf).pipe(Either.getOrThrowWith((error) => error))

const warningOf = (schema: Tool.JsonSchema): string =>
  Either.getOrThrow(encode(schema))
    .warnings.map((warning) => warning.message)
    .join()

describe("a schema for generateContent", () => {
  it.each<[string, Tool.JsonSchema, object]>([
    [
      "what it says in the provider's words",
      {
        type: "object",
        properties: { a: { type: "string", format: "date", description: "A day" } },
        required: ["a"],
        additionalProperties: false
      },
      {
        type: "object",
        properties: { a: { type: "string", format: "date", description: "A day" } },
        required: ["a"],
        additionalProperties: false
      }
    ],
    [
      "no annotations",
      {
        $schema: "http://json-schema.org/draft-07/schema#",
        $comment: "x",
        type: "string",
        default: "a",
        examples: ["b"],
        "x-order": 1
      },
      { type: "string" }
    ],
    ["a constant as an enumeration", { const: "a" }, { type: "string", enum: ["a"] }],
    ["a constant number", { type: "integer", const: 3 }, { type: "integer", enum: [3] }],
    ["a constant null as a type", { const: null }, { type: "null" }],
    ["enumerated numbers", { enum: [1, 2.5] }, { type: "number", enum: [1, 2.5] }],
    [
      "a mixed enumeration as variants",
      { enum: ["a", 1, null] },
      {
        anyOf: [{ type: "string", enum: ["a"] }, { type: "integer", enum: [1] }, { type: "null" }]
      }
    ],
    ["both truths as a type", { enum: [true, false] }, { type: "boolean" }],
    ["several types", { type: ["string", "null"] }, { type: ["string", "null"] }],
    ["variants", { oneOf: [{ type: "string", default: "a" }, true] }, { oneOf: [{ type: "string" }, {}] }],
    [
      "bounds of whole numbers that are left out of their range",
      { type: "integer", exclusiveMinimum: 0, exclusiveMaximum: 9.5 },
      { type: "integer", minimum: 1, maximum: 9 }
    ],
    [
      "the older tuples",
      { type: "array", items: [{ type: "string" }, { type: "number" }], additionalItems: { type: "null" } },
      {
        type: "array",
        prefixItems: [{ type: "string" }, { type: "number" }],
        items: { type: "null" }
      }
    ],
    [
      "closed tuples",
      { type: "array", items: [{ type: "string" }], additionalItems: false },
      { type: "array", prefixItems: [{ type: "string" }], maxItems: 1 }
    ],
    [
      "a dictionary",
      { type: "object", additionalProperties: { const: "a" } },
      { type: "object", additionalProperties: { type: "string", enum: ["a"] } }
    ],
    [
      "the older definitions",
      { type: "object", properties: { a: { $ref: "#/definitions/A" } }, definitions: { A: { const: 1 } } },
      {
        type: "object",
        properties: { a: { $ref: "#/$defs/A" } },
        $defs: { A: { type: "integer", enum: [1] } }
      }
    ],
    [
      "nothing but a reference beside a reference",
      { type: "object", properties: { a: { $ref: "#/$defs/A", description: "An A" } }, $defs: { A: {} } },
      {
        type: "object",
        properties: { a: { $ref: "#/$defs/A" } },
        $defs: { A: {} }
      }
    ],
    [
      "what a reference at the top points to",
      { $ref: "#/$defs/A", $defs: { A: { type: "object", properties: { next: { $ref: "#/$defs/A" } } } } },
      {
        type: "object",
        properties: { next: { $ref: "#/$defs/A" } },
        $defs: { A: { type: "object", properties: { next: { $ref: "#/$defs/A" } } } }
      }
    ],
    [
      "one schema for several that must fit",
      {
        type: "object",
        allOf: [
          { properties: { a: {} }, required: ["a"] },
          { properties: { b: {} }, required: ["a", "b"] }
        ]
      },
      {
        type: "object",
        properties: { a: {}, b: {} },
        required: ["a", "b"]
      }
    ],
    [
      "a reference that was wrapped to describe it",
      { properties: { a: { description: "An A", allOf: [{ $ref: "#/$defs/A" }] } }, $defs: { A: {} } },
      {
        properties: { a: { $ref: "#/$defs/A" } },
        $defs: { A: {} }
      }
    ]
  ])("says %s", (_, schema, expected) => {
    expect(written(schema)).toEqual(expected)
    expect(warningOf(schema)).toBe("")
  })

  it.each([
    "pattern",
    "minLength",
    "maxLength",
    "multipleOf",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "propertyNames",
    "contains"
  ])("leaves %s out, and says so", (keyword) => {
    expect(written({ type: "string", [keyword]: 1 })).toEqual({ type: "string" })
    expect(warningOf({ type: "string", [keyword]: 1 })).toContain(keyword)
  })

  it.each<[string, Tool.JsonSchema]>([
    ["one truth alone", { const: true }],
    ["an object as a constant", { const: { a: 1 } }],
    ["bounds of fractions that are left out of their range", { type: "number", exclusiveMinimum: 0 }],
    ["a bound beside a reference", { properties: { a: { $ref: "#/$defs/A", minLength: 1 } }, $defs: { A: {} } }]
  ])("says where it does not hold to %s", (_, schema) => {
    expect(warningOf(schema)).not.toBe("")
  })

  it.each<[string, Tool.JsonSchema, string]>([
    ["not", { type: "object", properties: { a: { not: {} } } }, "responseFormat.schema.properties.a.not"],
    ["conditions", { if: {}, then: {} }, "responseFormat.schema.if"],
    [
      "patterns of names",
      { type: "object", patternProperties: { "^a": {} } },
      "responseFormat.schema.patternProperties"
    ],
    [
      "a reference into another document",
      { properties: { a: { $ref: "https://a.example/b.json" } } },
      "responseFormat.schema.properties.a.$ref"
    ],
    ["what nothing fits", { items: { anyOf: [false] } }, "responseFormat.schema.items.anyOf[0]"],
    ["a number where a schema belongs", { properties: { a: 7 } }, "responseFormat.schema.properties.a"],
    ["contradictions", { allOf: [{ type: "string" }, { type: "number" }] }, "responseFormat.schema.allOf"],
    [
      "a reference joined with more",
      { allOf: [{ $ref: "#/$defs/A" }, { type: "object" }] },
      "responseFormat.schema.allOf"
    ]
  ])("cannot say %s: the error names the place", (_, schema, feature) => {
    expect(Either.getOrThrow(Either.flip(encode(schema)))).toMatchObject({
      _tag: "UnsupportedFeature",
      feature,
      attempts: 0
    })
  })

  it("that holds itself is an error, and one that is nested too deep", () => {
    const circle: Record<string, unknown> = { type: "object" }
    circle["properties"] = { left: circle, right: circle }
    expect(Either.getOrThrow(Either.flip(encode(circle)))).toMatchObject({ _tag: "InvalidRequest" })
    let deep: Record<string, unknown> = {}
    for (let n = 0; n < 20_000; n++) deep = { items: deep }
    expect(Either.getOrThrow(Either.flip(encode(deep)))).toMatchObject({ _tag: "UnsupportedFeature" })
  })

  it("of a property that is called like a keyword is a property", () => {
    const schema = {
      type: "object",
      properties: { not: { type: "string" }, pattern: { type: "string" }, $ref: { type: "string" } }
    }
    expect(written(schema)).toEqual(schema)
  })

  it("comes from an Effect Schema as it is", () => {
    class Person extends Schema.Class<Person>("Person")({
      name: Schema.NonEmptyString,
      age: Schema.Int.pipe(Schema.positive()),
      mood: Schema.Literal("calm", "merry"),
      nick: Schema.NullOr(Schema.String),
      place: Schema.optional(Schema.Tuple(Schema.Number, Schema.Number))
    }) {}
    expect(written(Tool.jsonSchema(Schema.encodedSchema(Person)))).toMatchObject({
      type: "object",
      required: ["name", "age", "mood", "nick"],
      properties: {
        name: { type: "string" },
        mood: { type: "string", enum: ["calm", "merry"] },
        nick: { anyOf: [{ type: "string" }, { type: "null" }] },
        place: { type: "array", prefixItems: [{ type: "number" }, { type: "number" }] }
      },
      additionalProperties: false
    })
    expect(written(Tool.jsonSchema(Person))).toMatchObject({
      type: "object",
      properties: { age: { $ref: "#/$defs/Int" } },
      $defs: { Int: { type: "integer" } }
    })
  })
})
