/**
 * What the definitions of tools cost, by the rule of OpenAI's cookbook, which is right for flat parameters and an estimate
 * of everything else: nested ones are counted in the same way, what has no properties as its JSON.
 */
import * as Predicate from "effect/Predicate"
import type { ToolDefinition } from "../Tool.js"

/** Texts that are tokens, and tokens that have no text. */
export interface Cost {
  readonly texts: ReadonlyArray<string>
  readonly tokens: number
}

const free: Cost = { texts: [], tokens: 0 }

/** Once, if there are tools at all. */
const end = 12
const properties = 3
const property = 3
const enumeration = -3
const enumerated = 3

/** `perTool`: 7 for the models of `o200k_base`, 10 before. */
export const costOf = (tools: ReadonlyArray<ToolDefinition>, perTool: 7 | 10): Cost =>
  tools.length === 0 ? free : sum([{ texts: [], tokens: end }, ...tools.map((tool) => costOfTool(tool, perTool))])

const costOfTool = (tool: ToolDefinition, perTool: number): Cost =>
  sum([
    { texts: [`${tool.name}:${sentence(tool.description)}`], tokens: perTool },
    costOfMembers(tool.parameters["properties"]),
    // What a `$ref` names: once, however often it is named.
    costOfMembers(tool.parameters["$defs"]),
    costOfMembers(tool.parameters["definitions"])
  ])

const costOfMembers = (members: unknown): Cost =>
  Predicate.isRecord(members) && Object.keys(members).length > 0
    ? sum([
        { texts: [], tokens: properties },
        ...Object.entries(members).map(([name, schema]) => costOfMember(name, schema))
      ])
    : free

const costOfMember = (name: string, schema: unknown): Cost => {
  if (!Predicate.isRecord(schema)) return { texts: [name], tokens: property }
  const description = typeof schema["description"] === "string" ? `:${sentence(schema["description"])}` : ""
  const values = Array.isArray(schema["enum"]) ? schema["enum"].map(textOfValue) : []
  const items = schema["items"]
  return sum([
    { texts: [`${name}:${typeOf(schema)}${description}`], tokens: property },
    { texts: values, tokens: values.length === 0 ? 0 : enumeration + enumerated * values.length },
    costOfMembers(schema["properties"]),
    Predicate.isRecord(items) ? costOfMembers(items["properties"]) : free
  ])
}

/** The type's name; a schema that has none, such as a union, as its JSON. */
const typeOf = (schema: Readonly<Record<string, unknown>>): string => {
  const type = schema["type"]
  if (typeof type === "string") return type
  if (Array.isArray(type)) return type.map(textOfValue).join("|")
  const { description: _, enum: __, properties: ___, items: ____, ...rest } = schema
  return Object.keys(rest).length === 0 ? "any" : textOfValue(rest)
}

const textOfValue = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? "null"))

const sentence = (text = ""): string => (text.endsWith(".") ? text.slice(0, -1) : text)

const sum = (costs: ReadonlyArray<Cost>): Cost => ({
  texts: costs.flatMap((cost) => cost.texts),
  tokens: costs.reduce((total, cost) => total + cost.tokens, 0)
})
