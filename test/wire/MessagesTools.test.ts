import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { type ChatRequest, Tool } from "../../src/index.js"
import { bodyOf, refusalOf, warningsOf } from "./MessagesEvents.js"

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] }

const withTool = (tool: Partial<Tool.ToolDefinition>, more: ChatRequest.Settings = {}): ChatRequest.RequestInput => ({
  prompt: "Hi",
  tools: [{ name: "rain", parameters, ...tool }],
  ...more
})

describe("tools", () => {
  it("have their parameters as input_schema", () => {
    expect(bodyOf(withTool({ description: "Whether it rains" }))).toMatchObject({
      tools: [{ name: "rain", description: "Whether it rains", input_schema: parameters }]
    })
  })

  it.each<[ChatRequest.Settings["toolChoice"], unknown]>([
    ["auto", { type: "auto" }],
    ["none", { type: "none" }],
    ["required", { type: "any" }],
    [{ tool: "rain" }, { type: "tool", name: "rain" }],
    [undefined, undefined]
  ])("are chosen from by %j as %j", (toolChoice, expected) => {
    expect(Reflect.get(Object(bodyOf(withTool({}, { toolChoice }))), "tool_choice")).toEqual(expected)
  })

  it("that are none are not chosen from", () => {
    expect(bodyOf({ prompt: "Hi", tools: [], toolChoice: "auto" })).toEqual(bodyOf("Hi"))
  })

  it.each<[string, Tool.JsonSchema, unknown]>([
    ["nothing", {}, { type: "object", properties: {} }],
    ["an empty struct", Tool.jsonSchema(Schema.Struct({})), { type: "object", properties: {} }],
    ["properties without a type", { properties: {} }, { type: "object", properties: {} }],
    [
      "a class",
      Tool.jsonSchema(class City extends Schema.Class<City>("City")({ city: Schema.String }) {}),
      {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
        additionalProperties: false
      }
    ]
  ])("take %s as an object", (_, schema, expected) => {
    expect(bodyOf(withTool({ parameters: schema }))).toMatchObject({ tools: [{ input_schema: expected }] })
  })

  it.each<[string, Tool.JsonSchema]>([
    ["a text", { type: "string" }],
    ["a choice", { anyOf: [{ type: "object" }, { type: "null" }] }],
    ["an object that is a choice too", { type: "object", oneOf: [{ required: ["a"] }, { required: ["b"] }] }]
  ])("whose parameters are %s are refused before anything is sent", (_, schema) => {
    expect(refusalOf(withTool({ parameters: schema }))).toMatchObject({
      _tag: "UnsupportedFeature",
      feature: "tools[0].parameters",
      attempts: 0
    })
  })

  it("that are strict have a schema that the model can be held to; what it cannot be held to is told it", () => {
    const input = withTool({
      strict: true,
      parameters: { ...parameters, properties: { city: { type: "string", minLength: 2 } } }
    })
    expect(bodyOf(input)).toMatchObject({
      tools: [
        {
          strict: true,
          input_schema: {
            ...parameters,
            additionalProperties: false,
            properties: { city: { type: "string", description: "minLength: 2" } }
          }
        }
      ]
    })
    expect(warningsOf(input)).toEqual(["tools"])
  })

  it("are not strict where the model cannot be held to a schema, which is warned of", () => {
    expect(bodyOf(withTool({ strict: true }), { takesSchemas: false })).toEqual(bodyOf(withTool({})))
    expect(warningsOf(withTool({ strict: true }), { takesSchemas: false })).toEqual(["tools"])
  })
})

describe("a response format", () => {
  const withSchema = (schema: Tool.JsonSchema): ChatRequest.RequestInput => ({
    prompt: "Hi",
    responseFormat: { _tag: "JsonSchema", name: "ticket", schema }
  })
  const sent = (schema: Tool.JsonSchema): unknown =>
    Reflect.get(
      Object(Reflect.get(Object(Reflect.get(Object(bodyOf(withSchema(schema))), "output_config")), "format")),
      "schema"
    )

  it("of text is nothing to send", () => {
    expect(bodyOf({ prompt: "Hi", responseFormat: { _tag: "Text" } })).toEqual(bodyOf("Hi"))
  })

  it("of JSON without a schema is an instruction, and a warning that it is no more", () => {
    const input: ChatRequest.RequestInput = {
      prompt: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" }
      ],
      responseFormat: { _tag: "Json" }
    }
    expect(bodyOf(input)).toMatchObject({ system: expect.stringMatching(/^Be brief\.\n\nAnswer with one JSON value/) })
    expect(warningsOf(input)).toEqual(["responseFormat"])
  })

  it("of a schema is refused where the model cannot be held to one", () => {
    expect(refusalOf(withSchema(parameters), { takesSchemas: false })).toMatchObject({
      _tag: "UnsupportedFeature",
      feature: "responseFormat.JsonSchema"
    })
  })

  it("of a schema is sent with closed objects", () => {
    expect(sent(parameters)).toEqual({ ...parameters, additionalProperties: false })
    expect(warningsOf(withSchema(parameters))).toEqual([])
  })

  it("of Effect's Schemas is sent: classes, bounds, literals, lists and nulls", () => {
    class Person extends Schema.Class<Person>("Person")({
      age: Schema.Int.pipe(Schema.between(0, 150)),
      name: Schema.optional(Schema.NonEmptyString)
    }) {}
    const schema = Tool.jsonSchema(
      Schema.Struct({
        people: Schema.NonEmptyArray(Person),
        label: Schema.NullOr(Schema.Literal("a", "b")),
        either: Schema.Union(Schema.Boolean, Schema.Number)
      })
    )
    expect(sent(schema)).toMatchObject({
      type: "object",
      required: ["people", "label", "either"],
      additionalProperties: false,
      properties: {
        people: { type: "array", minItems: 1, items: { $ref: "#/$defs/Person" } },
        label: { anyOf: [{ type: "string", enum: ["a", "b"] }, { type: "null" }] },
        either: { anyOf: [{ type: "boolean" }, { type: "number" }] }
      },
      $defs: {
        Person: {
          type: "object",
          required: ["age"],
          additionalProperties: false,
          properties: { age: { type: "integer", description: "a number between 0 and 150\nminimum: 0, maximum: 150" } }
        }
      }
    })
    expect(JSON.stringify(sent(schema))).not.toMatch(/"(?:minimum|maximum|minLength|\$schema)"/)
    expect(warningsOf(withSchema(schema))).toEqual(["responseFormat"])
  })

  it("of a reference at its top is sent resolved", () => {
    class Ticket extends Schema.Class<Ticket>("Ticket")({ label: Schema.String }) {}
    expect(sent(Tool.jsonSchema(Ticket))).toMatchObject({ type: "object", properties: { label: { type: "string" } } })
  })

  it("has oneOf as anyOf, keeps the formats that are known, and tells the model of the others", () => {
    expect(
      sent({
        type: "object",
        properties: {
          when: { type: "string", format: "date-time" },
          card: { type: "string", format: "credit-card", description: "A card" },
          many: { type: "array", items: { type: "integer" }, minItems: 2 },
          bound: { type: "integer", allOf: [{ minimum: 1 }, { maximum: 9 }] },
          one: { oneOf: [{ type: "string" }, { type: "null" }] }
        }
      })
    ).toEqual({
      type: "object",
      properties: {
        when: { type: "string", format: "date-time" },
        card: { type: "string", description: 'A card\nformat: "credit-card"' },
        many: { type: "array", items: { type: "integer" }, description: "minItems: 2" },
        bound: { type: "integer", description: "minimum: 1, maximum: 9" },
        one: { anyOf: [{ type: "string" }, { type: "null" }] }
      },
      additionalProperties: false
    })
  })

  const recursive = Tool.jsonSchema(
    Schema.Struct({
      name: Schema.String,
      children: Schema.Array(
        Schema.suspend((): Schema.Schema<unknown> => Schema.Unknown).annotations({ identifier: "Child" })
      )
    })
  )

  it.each<[string, Tool.JsonSchema, string]>([
    ["any value", { type: "object", properties: { x: {} } }, "responseFormat.schema.properties.x"],
    [
      "an object of any keys",
      Tool.jsonSchema(Schema.Struct({ x: Schema.Record({ key: Schema.String, value: Schema.Number }) })),
      "responseFormat.schema.properties.x"
    ],
    ["an object of unnamed keys", { type: "object" }, "responseFormat.schema"],
    [
      "a tuple",
      Tool.jsonSchema(Schema.Struct({ x: Schema.Tuple(Schema.String, Schema.Number) })),
      "responseFormat.schema.properties.x.items"
    ],
    [
      "a schema that refers to itself",
      {
        $defs: { Node: { type: "object", properties: { next: { $ref: "#/$defs/Node" } } } },
        $ref: "#/$defs/Node"
      },
      "responseFormat.schema"
    ],
    ["an unknown inside of a definition", recursive, "responseFormat.schema.$defs.Child"]
  ])("that is %s is refused by its place", (_, schema, feature) => {
    expect(refusalOf(withSchema(schema))).toMatchObject({ _tag: "UnsupportedFeature", feature, attempts: 0 })
  })
})
