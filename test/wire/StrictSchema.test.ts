import { describe, expect, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import { ChatRequest, type LlmError, Tool } from "effect-llm"
import { strictFault } from "../../src/testing/simulator/StrictSchema.js"
import * as ChatCompletions from "../../src/wire/ChatCompletions.js"
import { encoding } from "../../src/wire/Refusal.js"
import * as StrictSchema from "../../src/wire/StrictSchema.js"

const origin = { provider: "acme", model: "acme-1" }

const write = (schema: Tool.JsonSchema): Either.Either<StrictSchema.Written, LlmError.LlmError> =>
  encoding(() => StrictSchema.write(schema, "schema", origin))

const written = (schema: Tool.JsonSchema): object => Either.getOrThrowWith(write(schema), (error) => error).schema

/** The schema of the one property of an object. */
const property = (schema: object): unknown => {
  const { properties } = Object(
    written({ type: "object", properties: { a: schema }, required: ["a"], additionalProperties: false })
  )
  return properties.a
}

interface Tree {
  readonly name: string
  readonly children: ReadonlyArray<Tree>
}
const Tree = Schema.Struct({
  name: Schema.String,
  children: Schema.Array(Schema.suspend((): Schema.Schema<Tree> => Tree))
}).annotations({ identifier: "Tree" })

interface Node {
  readonly next?: Node | undefined
}
const Node = Schema.Struct({
  next: Schema.optional(Schema.suspend((): Schema.Schema<Node> => Node)).annotations({ description: "The next" })
}).annotations({ identifier: "Node" })

class Person extends Schema.Class<Person>("Person")({ name: Schema.NonEmptyString, born: Schema.Date }) {}

const fields = Schema.Struct({
  text: Schema.String.annotations({ description: "Any text", examples: ["a"], default: "b" }),
  bounded: Schema.String.pipe(Schema.minLength(2), Schema.maxLength(5), Schema.pattern(/^a/)),
  count: Schema.Int.pipe(Schema.between(1, 5)),
  twice: Schema.Number.pipe(Schema.greaterThan(1), Schema.greaterThan(3)),
  maybe: Schema.optional(Schema.Int),
  maybeNull: Schema.optional(Schema.NullOr(Schema.String)),
  maybeOne: Schema.optional(Schema.Literal("x", "y")),
  maybeNested: Schema.optional(Schema.Struct({ inner: Schema.optional(Schema.Boolean) })),
  defaulted: Schema.optionalWith(Schema.Number, { default: () => 1 }),
  nothing: Schema.NullOr(Schema.Boolean),
  mixed: Schema.Union(Schema.String, Schema.Number),
  list: Schema.NonEmptyArray(Schema.Struct({ a: Schema.Literal(1, "b", true, null) })),
  shape: Schema.Union(
    Schema.TaggedStruct("Circle", { radius: Schema.Positive }),
    Schema.TaggedStruct("Square", { side: Schema.optional(Schema.NonNegative) })
  ),
  enumerated: Schema.Enums({ A: "a", B: "b" }),
  person: Schema.propertySignature(Person).annotations({ description: "Who" }),
  tree: Schema.propertySignature(Tree).annotations({ description: "What" }),
  id: Schema.UUID
})

describe("a strict schema", () => {
  it.each<[string, Schema.Schema.All]>([
    ["of many fields", fields],
    ["that refers to itself", Tree],
    ["that refers to itself under a description", Node],
    ["that holds one which refers to itself, twice", Schema.Struct({ a: Node, b: Schema.Array(Node) })],
    ["of a class", Person]
  ])("%s is one that OpenAI takes", (_, schema) => {
    expect(strictFault(written(Tool.jsonSchema(schema)))).toBeUndefined()
  })

  it("is needed: OpenAI does not take what Effect writes", () => {
    expect(strictFault(Tool.jsonSchema(fields))).toBeDefined()
  })

  it("has every property required, and null for one that may be left out", () => {
    const { properties, required, additionalProperties } = Object(
      written(Tool.jsonSchema(Schema.Struct({ a: Schema.String, b: Schema.optional(Schema.Boolean) })))
    )
    expect(properties).toEqual({ a: { type: "string" }, b: { type: ["boolean", "null"] } })
    expect(required).toEqual(["a", "b"])
    expect(additionalProperties).toBe(false)
  })

  it.each<[string, object, object]>([
    ["an enumeration", { type: "string", enum: ["x"] }, { anyOf: [{ type: "string", enum: ["x"] }, { type: "null" }] }],
    [
      "a choice",
      { anyOf: [{ type: "string" }, { type: "number" }] },
      { anyOf: [{ type: "string" }, { type: "number" }, { type: "null" }] }
    ],
    ["what may be null", { type: ["string", "null"] }, { type: ["string", "null"] }],
    ["a reference", { $ref: "#/$defs/D" }, { anyOf: [{ $ref: "#/$defs/D" }, { type: "null" }] }]
  ])("writes %s that may be left out", (_, schema, expected) => {
    const { properties } = Object(
      written({
        type: "object",
        properties: { a: schema },
        additionalProperties: false,
        $defs: { D: { type: "string" } }
      })
    )
    expect(properties.a).toEqual(expected)
  })

  it.each<[string, object, object]>([
    [
      "oneOf as anyOf",
      { oneOf: [{ type: "string" }, { type: "null" }] },
      { anyOf: [{ type: "string" }, { type: "null" }] }
    ],
    [
      "a bound that has no word in words",
      { type: "string", minLength: 2 },
      { type: "string", description: "minLength: 2" }
    ],
    [
      "a default and examples in words",
      { type: "string", default: "a", examples: ["b"], description: "D" },
      { type: "string", description: 'D\ndefault: "a", examples: ["b"]' }
    ],
    [
      "bounds that OpenAI knows as they are",
      { type: "integer", minimum: 1, maximum: 5 },
      { type: "integer", minimum: 1, maximum: 5 }
    ],
    [
      "a format that it knows as it is",
      { type: "string", format: "date-time" },
      { type: "string", format: "date-time" }
    ],
    ["another one in words", { type: "string", format: "iban" }, { type: "string", description: 'format: "iban"' }],
    ["the type of enumerated values", { enum: ["a", "b"] }, { type: "string", enum: ["a", "b"] }],
    ["the type of a constant", { const: 1 }, { type: "number", const: 1 }],
    [
      "joined bounds as the narrower one",
      { type: "number", minimum: 1, allOf: [{ minimum: 3 }] },
      { type: "number", minimum: 3 }
    ]
  ])("writes %s", (_, schema, expected) => {
    expect(property(schema)).toEqual(expected)
  })

  it("keeps the description beside a reference", () => {
    const root = (schema: Schema.Schema.All): unknown =>
      Object(written(Tool.jsonSchema(schema))).properties.a.description
    expect(root(Schema.Struct({ a: Schema.propertySignature(Person).annotations({ description: "Who" }) }))).toBe("Who")
    expect(root(Schema.Struct({ a: Schema.propertySignature(Tree).annotations({ description: "What" }) }))).toBe("What")
  })

  it.each<[string, Schema.Schema.All | Tool.JsonSchema, string]>([
    ["a record", Schema.Struct({ a: Schema.Record({ key: Schema.String, value: Schema.Int }) }), "schema.properties.a"],
    ["a tuple", Schema.Struct({ a: Schema.Tuple(Schema.String, Schema.Int) }), "schema.properties.a.items"],
    ["anything", Schema.Struct({ a: Schema.Array(Schema.Unknown) }), "schema.properties.a.items"],
    [
      "an open object",
      Schema.Struct({ a: Schema.Struct({}, { key: Schema.String, value: Schema.Int }) }),
      "schema.properties.a"
    ],
    ["a list at the top", Schema.Array(Schema.String), "schema"],
    ["a choice at the top", Schema.Union(Schema.Struct({ a: Schema.Int }), Schema.Struct({ b: Schema.Int })), "schema"],
    ["a negation", { type: "object", properties: { a: { not: { type: "string" } } } }, "schema.properties.a.not"],
    [
      "a reference to nowhere",
      { type: "object", properties: { a: { $ref: "#/$defs/A" } } },
      "schema.properties.a.$ref"
    ],
    ["a definition that is anything", { type: "object", properties: {}, $defs: { A: {} } }, "schema.$defs.A"]
  ])("refuses %s, and says where", (_, schema, place) => {
    const json = Schema.isSchema(schema) ? Tool.jsonSchema(schema) : { ...schema }
    const error = Either.getOrThrow(Either.flip(write(json)))
    expect(error).toMatchObject({ _tag: "UnsupportedFeature", feature: place, attempts: 0 })
    expect(error.message).toContain(place)
  })
})

describe("a chat-completions request for JSON", () => {
  const wire = ChatCompletions.make({
    maxTokensField: () => "max_tokens",
    isReasoningModel: undefined,
    asksForUsage: true,
    maxEmbeddingInputs: 1
  })
  const encode = (settings: ChatRequest.Settings) =>
    Either.getOrThrow(wire.encodeChat(ChatRequest.make({ prompt: "Hi", ...settings }), origin, false))
  const formatOf = (schema: Schema.Schema.All, strict?: boolean) => {
    const { body, warnings } = encode({
      responseFormat: {
        _tag: "JsonSchema",
        name: "answer",
        schema: Tool.jsonSchema(schema),
        ...(strict === undefined ? {} : { strict })
      }
    })
    return { ...Object(body["response_format"]).json_schema, warnings: warnings.map(({ message }) => message) }
  }
  const optional = Schema.Struct({ a: Schema.optional(Schema.String) })

  it("that is strict has its schema rewritten", () => {
    expect(formatOf(optional, true)).toMatchObject({
      strict: true,
      schema: { required: ["a"], properties: { a: { type: ["string", "null"] } } },
      warnings: []
    })
  })

  it("that says nothing of strictness is strict only where that means the same", () => {
    expect(formatOf(Schema.Struct({ a: Schema.String }))).toMatchObject({ strict: true, warnings: [] })
    expect(formatOf(optional)).toMatchObject({
      strict: false,
      schema: Tool.jsonSchema(optional),
      warnings: [expect.stringContaining("responseFormat.schema.properties.a")]
    })
    expect(formatOf(Schema.Struct({ a: Schema.Record({ key: Schema.String, value: Schema.Int }) }))).toMatchObject({
      strict: false,
      warnings: [expect.stringContaining("responseFormat.schema.properties.a")]
    })
  })

  it("that is not strict is sent as it is", () => {
    expect(formatOf(optional, false)).toMatchObject({ strict: false, schema: Tool.jsonSchema(optional), warnings: [] })
  })

  it("warns of the bounds that the model is only told", () => {
    expect(formatOf(Schema.Struct({ a: Schema.NonEmptyString }), true).warnings).toEqual([
      expect.stringContaining("minLength")
    ])
  })

  it("rewrites the parameters of strict tools, and no others", () => {
    const tool = { name: "look_up", parameters: Tool.jsonSchema(optional) }
    const parametersOf = (strict: boolean) =>
      Object(encode({ tools: [{ ...tool, strict }] }).body["tools"])[0].function.parameters
    expect(parametersOf(true).required).toEqual(["a"])
    expect(parametersOf(false)).toEqual(tool.parameters)
  })
})
