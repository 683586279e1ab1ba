/**
 * Tools: what a model is told it may call, as data for a request, and as a value with Schemas for a `Toolkit`. Handlers
 * live with the program that runs them, not here.
 */
import * as JSONSchema from "effect/JSONSchema"
import { isRecord } from "effect/Predicate"
import * as Schema from "effect/Schema"

/** A JSON Schema document, such as `JSONSchema.make(schema)` of `effect` gives. */
export const JsonSchema = Schema.Record({ key: Schema.String, value: Schema.Unknown })

export interface JsonSchema extends Schema.Schema.Type<typeof JsonSchema> {}

/**
 * The JSON Schema document of a Schema, for `parameters` here and for the `JsonSchema` response format. Throws where a
 * Schema has none, and names the field.
 */
export const jsonSchema = (schema: Schema.Schema.All): JsonSchema => {
  const document: JsonSchema = { ...JSONSchema.make(Schema.asSchema(schema)) }
  const { $defs, $id, $ref, ...rest } = document
  // `effect` reads `Struct({})` as anything that is no primitive; no provider does.
  if ($id === "/schemas/%7B%7D") {
    return { ...without(rest, "anyOf"), type: "object", properties: {}, additionalProperties: false }
  }
  // And a Schema with a name as a reference to it; providers want to see the object itself.
  const named = typeof $ref === "string" && isRecord($defs) ? $defs[$ref.replace("#/$defs/", "")] : undefined
  if (!isRecord(named)) return document
  return JSON.stringify($defs).includes('"$ref"') ? { ...rest, ...named, $defs } : { ...rest, ...named }
}

const without = (document: JsonSchema, key: string): JsonSchema =>
  Object.fromEntries(Object.entries(document).filter(([each]) => each !== key))

/**
 * - `name`: what the model calls it by; OpenAI takes at most 64 letters, digits, `_` and `-`
 * - `parameters`: JSON Schema of its arguments, an object
 * - `strict`: ask the provider to hold the arguments to the schema exactly; default: the provider's own
 */
export const ToolDefinition = Schema.Struct({
  name: Schema.String,
  description: Schema.optional(Schema.String),
  parameters: JsonSchema,
  strict: Schema.optional(Schema.Boolean)
}).annotations({ identifier: "ToolDefinition" })

export interface ToolDefinition extends Schema.Schema.Type<typeof ToolDefinition> {}

/**
 * Whether the model may (`auto`), must not (`none`) or must (`required`) call a tool, or which one it must call.
 */
export const ToolChoice = Schema.Union(
  Schema.Literal("auto", "none", "required"),
  Schema.Struct({ tool: Schema.String })
).annotations({ identifier: "ToolChoice" })

export type ToolChoice = typeof ToolChoice.Type

// -----------------------------------------------------------------------------
// Tools with Schemas
// -----------------------------------------------------------------------------

/** A tool whose arguments, results and failures have Schemas. A `Toolkit` tells a model of it and runs its handler. */
export interface Tool<
  Name extends string,
  Parameters extends Schema.Schema.All,
  Success extends Schema.Schema.All,
  Failure extends Schema.Schema.All
> {
  readonly name: Name
  readonly description: string
  readonly parameters: Parameters
  readonly success: Success
  readonly failure: Failure
  readonly strict: boolean | undefined
}

/** A tool of whatever Schemas. */
export interface AnyTool extends Tool<string, Schema.Schema.All, Schema.Schema.All, Schema.Schema.All> {}

/** What the name of a tool must be, so that every provider takes it. */
export const nameRule = "a tool's name begins with a letter or _ and has at most 64 letters, digits, _ and -"

/** Whether every provider takes this name. */
export const isName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(name)

type Letter =
  | ("a" | "b" | "c" | "d" | "e" | "f" | "g" | "h" | "i" | "j" | "k" | "l" | "m")
  | ("n" | "o" | "p" | "q" | "r" | "s" | "t" | "u" | "v" | "w" | "x" | "y" | "z" | "_")

type Digit = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"

type AreNameCharacters<Text extends string> = Text extends `${infer First}${infer Rest}`
  ? Lowercase<First> extends Letter | Digit | "-"
    ? AreNameCharacters<Rest>
    : false
  : true

/** The name itself where it is one that every provider takes, else what is wrong with it. */
export type ValidName<Name extends string> = string extends Name
  ? Name
  : Name extends `${infer First}${infer Rest}`
    ? Lowercase<First> extends Letter
      ? AreNameCharacters<Rest> extends true
        ? Name
        : typeof nameRule
      : typeof nameRule
    : typeof nameRule

/** The parameters of a tool that has none. */
export const NoParameters = Schema.Struct({})

/**
 * A tool for a `Toolkit`.
 *
 * - `description`: when to call it and what it gives, for the model
 * - `parameters`: of its arguments, an object. Descriptions of the fields' Schemas reach the model. Default: none
 * - `success`: of what the handler gives. Default: anything; a text goes to the model as it is, all else as JSON
 * - `failure`: of what the handler may fail with. Default: it cannot fail
 * - `strict`: ask the provider to hold the arguments to the schema exactly. Default: the provider's own
 *
 * ```ts
 * const weather = Tool.make("weather", {
 *   description: "The weather of a city, now",
 *   parameters: Schema.Struct({ city: Schema.String })
 * })
 * ```
 */
export function make<
  const Name extends string,
  Parameters extends Schema.Schema.All = typeof NoParameters,
  Success extends Schema.Schema.All = typeof Schema.Unknown,
  Failure extends Schema.Schema.All = typeof Schema.Never
>(
  name: Name & ValidName<Name>,
  options: {
    readonly description: string
    readonly parameters?: Parameters
    readonly success?: Success
    readonly failure?: Failure
    readonly strict?: boolean
  }
): Tool<Name, Parameters, Success, Failure>
// An overload: that a default stands only where a Schema was left out is more than the compiler can follow.
export function make(
  name: string,
  options: Pick<AnyTool, "description"> & Partial<Omit<AnyTool, "name" | "description">>
): AnyTool {
  const { description, failure = Schema.Never, parameters = NoParameters, strict, success = Schema.Unknown } = options
  return { name, description, parameters, success, failure, strict }
}
