import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { Tool } from "effect-llm"

class Point extends Schema.Class<Point>("Point")({ x: Schema.Number }) {}

interface Tree {
  readonly name: string
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Schema<Tree> = Schema.Struct({
  name: Schema.String,
  children: Schema.Array(Schema.suspend(() => Tree))
}).annotations({ identifier: "Tree" })

describe("Tool.jsonSchema", () => {
  it("gives the schema of an object for every Struct, with a name or without, and for the empty one", () => {
    for (const schema of [Schema.Struct({ x: Schema.Number }), Point, Tree, Schema.Struct({})]) {
      expect(Tool.jsonSchema(schema)).toMatchObject({ type: "object", additionalProperties: false })
    }
    expect(Tool.jsonSchema(Point)).not.toHaveProperty("$defs")
  })

  it("keeps what a Schema with a name says of itself", () => {
    const schema = Tool.jsonSchema(Tree)
    expect(schema).toMatchObject({ properties: { children: { items: { $ref: "#/$defs/Tree" } } } })
    expect(schema).toHaveProperty("$defs.Tree.type", "object")
  })

  it("leaves what is no object as it is", () => {
    expect(Tool.jsonSchema(Schema.String)).toMatchObject({ type: "string" })
    expect(Tool.jsonSchema(Schema.Union(Schema.String, Schema.Number))).toHaveProperty("anyOf")
  })
})

describe("Tool.isName", () => {
  it.each(["a", "_", "get_weather", "getWeather-2", "a".repeat(64)])("takes %s", (name) => {
    expect(Tool.isName(name)).toBe(true)
  })

  it.each(["", "1a", "-a", "a b", "a.b", "ä", "a\n", "a".repeat(65)])("refuses %j", (name) => {
    expect(Tool.isName(name)).toBe(false)
  })
})
