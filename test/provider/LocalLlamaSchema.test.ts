import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import type { LlmError, Tool } from "effect-llm"
import * as LocalLlamaSchema from "../../src/provider/LocalLlamaSchema.js"
import * as Refusal from "../../src/wire/Refusal.js"

const origin = { provider: "local-llama", model: "tiny" }

const write = (schema: Tool.JsonSchema): Either.Either<LocalLlamaSchema.Written, LlmError.LlmError> =>
  Refusal.encoding(() => LocalLlamaSchema.write(schema, origin, "schema"))

const written = (schema: Tool.JsonSchema): LocalLlamaSchema.Written => Either.getOrThrow(write(schema))

const anything = {
  oneOf: [
    { type: "object", additionalProperties: true },
    { type: "array" },
    { type: ["string", "number", "boolean", "null"] }
  ]
}

describe("a schema for a grammar", () => {
  it.each<[string, Tool.JsonSchema, unknown]>([
    ["a text", { type: "string", minLength: 1, maxLength: 9 }, { type: "string", minLength: 1, maxLength: 9 }],
    ["a date", { type: "string", format: "date" }, { type: "string", format: "date" }],
    ["a whole number", { type: "integer" }, { type: "integer" }],
    ["a constant", { const: "a" }, { enum: ["a"] }],
    ["literals", { type: "string", enum: ["a", "b"] }, { enum: ["a", "b"] }],
    [
      "an object, closed unless it says otherwise",
      { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
      { type: "object", properties: { a: { type: "string" } }, additionalProperties: false }
    ],
    ["an object of any keys", { type: "object" }, { type: "object", additionalProperties: true }],
    [
      "a record",
      { type: "object", additionalProperties: { type: "number" } },
      { type: "object", additionalProperties: { type: "number" } }
    ],
    [
      "a list",
      { type: "array", items: { type: "boolean" }, minItems: 1, maxItems: 3 },
      { type: "array", items: { type: "boolean" }, minItems: 1, maxItems: 3 }
    ],
    [
      "a tuple, written the older way",
      { type: "array", items: [{ type: "string" }, { type: "number" }], additionalItems: false },
      { type: "array", prefixItems: [{ type: "string" }, { type: "number" }], maxItems: 2 }
    ],
    [
      "one of several",
      { anyOf: [{ type: "string" }, { type: "null" }] },
      { oneOf: [{ type: "string" }, { type: "null" }] }
    ],
    ["several types", { type: ["string", "null"] }, { oneOf: [{ type: "string" }, { type: "null" }] }],
    ["all of several", { type: "string", allOf: [{ minLength: 2 }] }, { type: "string", minLength: 2 }],
    ["anything", {}, anything],
    ["what its description says", { type: "string", description: "a word" }, { type: "string", description: "a word" }],
    [
      "an object by its properties alone",
      { properties: {} },
      { type: "object", properties: {}, additionalProperties: false }
    ]
  ])("says %s", (_what, schema, expected) => {
    expect(written(schema)).toEqual({ schema: expected, dropped: [] })
  })

  it("keeps definitions, recursive ones too", () => {
    const tree = {
      type: "object",
      properties: { word: { type: "string" }, under: { type: "array", items: { $ref: "#/$defs/Tree" } } }
    }
    const expected = {
      type: "object",
      properties: { word: { type: "string" }, under: { type: "array", items: { $ref: "#/$defs/Tree" } } },
      additionalProperties: false
    }
    const $defs = { Tree: expected }
    expect(written({ $ref: "#/$defs/Tree", $defs: { Tree: tree } }).schema).toEqual({ $ref: "#/$defs/Tree", $defs })
    expect(written({ ...tree, definitions: { Tree: tree } }).schema).toEqual({ ...expected, $defs })
  })

  it("names the keywords that no grammar holds an answer to", () => {
    const schema = {
      type: "object",
      properties: {
        age: { type: "integer", minimum: 0, maximum: 150 },
        mail: { type: "string", format: "email", pattern: "@" },
        tags: { type: "array", items: { type: "string" }, uniqueItems: true }
      }
    }
    expect(written(schema).dropped.slice().sort()).toEqual(["format", "maximum", "minimum", "pattern", "uniqueItems"])
  })

  it.each<[string, Tool.JsonSchema, string]>([
    ["a negation", { not: { type: "string" } }, "schema.not"],
    ["a condition", { type: "object", if: {}, then: {} }, "schema.if"],
    ["keys by pattern", { type: "object", patternProperties: { a: {} } }, "schema.patternProperties"],
    ["a reference elsewhere", { $ref: "https://example.com/schema" }, "schema.$ref"],
    ["a reference to nothing", { $ref: "#/$defs/Gone", $defs: {} }, "schema.$ref"],
    ["an object as a literal", { enum: [{ a: 1 }] }, "schema.enum"],
    ["no literal at all", { enum: [] }, "schema.enum"],
    ["what can never be", { type: "array", items: { type: "string", enum: [] } }, "schema.items.enum"],
    ["a schema that is none", { type: "array", items: 5 }, "schema.items"],
    ["a type that is none", { type: "word" }, "schema.type"],
    ["two bounds at once", { type: "string", minLength: 1, allOf: [{ minLength: 2 }] }, "schema.allOf[0].minLength"],
    ["properties beside alternatives", { anyOf: [{ type: "null" }], properties: {} }, "schema.properties"]
  ])("refuses %s, and says where it stands", (_what, schema, feature) => {
    const error = Either.getOrThrow(Either.flip(write(schema)))
    expect(error).toMatchObject({ _tag: "UnsupportedFeature", feature, attempts: 0 })
    expect(error.message).toContain(feature)
  })

  it("refuses one that is nested without end", () => {
    const circular: Record<string, unknown> = { type: "array" }
    circular["items"] = circular
    expect(Either.getOrThrow(Either.flip(write(circular))).message).toContain("is nested too deep")
  })
})
