/**
 * Tools as data: what a model is told it may call. Handlers live with the program that runs them, not here.
 */
import * as JSONSchema from "effect/JSONSchema"
import * as Schema from "effect/Schema"

/** A JSON Schema document, such as `JSONSchema.make(schema)` of `effect` gives. */
export const JsonSchema = Schema.Record({ key: Schema.String, value: Schema.Unknown })

export interface JsonSchema extends Schema.Schema.Type<typeof JsonSchema> {}

/** The JSON Schema document of a Schema, for `parameters` here and for the `JsonSchema` response format. */
export const jsonSchema = (schema: Schema.Schema.All): JsonSchema => ({ ...JSONSchema.make(Schema.asSchema(schema)) })

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
