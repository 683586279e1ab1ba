/**
 * Tools and the format of the answer as the messages protocol takes them: what a model may, must or may not write.
 */
import type * as ChatRequest from "../ChatRequest.js"
import type { Warning } from "../Completion.js"
import type * as Tool from "../Tool.js"
import type * as Json from "./Json.js"
import * as MessagesSchema from "./MessagesSchema.js"
import type { ModelTraits } from "./MessagesSettings.js"
import { refuse } from "./Refusal.js"
import * as ToolParameters from "./ToolParameters.js"
import type { Origin } from "./Wire.js"

type Body = Readonly<Record<string, unknown>>

export interface Encoded {
  readonly body: Body
  readonly warnings: ReadonlyArray<Warning>
}

const looser = (setting: string, keywords: ReadonlyArray<string>): ReadonlyArray<Warning> =>
  keywords.length === 0
    ? []
    : [
        {
          setting,
          message: `this provider does not enforce ${keywords.join(", ")}: the model was told in descriptions`
        }
      ]

// -----------------------------------------------------------------------------
// Tools
// -----------------------------------------------------------------------------

const encodeParameters = (parameters: Tool.JsonSchema, at: string, origin: Origin): Json.JsonRecord => {
  const { $id: _$id, $schema: _$schema, ...schema } = ToolParameters.encode(parameters, at, origin)
  return schema
}

const encodeTool = (
  { description, name, parameters, strict }: Tool.ToolDefinition,
  index: number,
  traits: ModelTraits,
  origin: Origin
): readonly [Body, ReadonlyArray<Warning>] => {
  const at = `tools[${index}].parameters`
  const schema = encodeParameters(parameters, at, origin)
  if (strict !== true) return [{ name, description, input_schema: schema }, []]
  if (!traits.takesSchemas) {
    const message = `${origin.model} does not hold its calls to a schema: strict was not sent`
    return [{ name, description, input_schema: schema }, [{ setting: "tools", message }]]
  }
  const adapted = MessagesSchema.adapt(schema, at, origin)
  return [{ name, description, input_schema: adapted.schema, strict }, looser("tools", adapted.loosened)]
}

const encodeChoice = (choice: Tool.ToolChoice): Body => {
  if (typeof choice === "object") return { type: "tool", name: choice.tool }
  return { type: choice === "required" ? "any" : choice }
}

export const encodeTools = (request: ChatRequest.ChatRequest, traits: ModelTraits, origin: Origin): Encoded => {
  const { toolChoice, tools = [] } = request
  // Without tools there is nothing to choose from, and saying so is an error.
  if (tools.length === 0) return { body: {}, warnings: [] }
  const encoded = tools.map((tool, index) => encodeTool(tool, index, traits, origin))
  return {
    body: {
      tools: encoded.map(([tool]) => tool),
      tool_choice: toolChoice === undefined ? undefined : encodeChoice(toolChoice)
    },
    warnings: encoded.flatMap(([, warnings]) => warnings)
  }
}

// -----------------------------------------------------------------------------
// Format of the answer
// -----------------------------------------------------------------------------

export interface Format {
  /** For `output_config`. */
  readonly format: Body | undefined
  /** What the model is told, where nothing else holds it to the format. */
  readonly instruction: string | undefined
  readonly warnings: ReadonlyArray<Warning>
}

const free: Format = { format: undefined, instruction: undefined, warnings: [] }

export const encodeFormat = (
  format: ChatRequest.ResponseFormat | undefined,
  traits: ModelTraits,
  origin: Origin
): Format => {
  switch (format?._tag) {
    case undefined:
    case "Text":
      return free
    case "Json":
      return {
        format: undefined,
        instruction: "Answer with one JSON value and nothing else: no explanation, no code fence.",
        warnings: [
          {
            setting: "responseFormat",
            message: "this provider has no JSON mode without a schema: the model was only told to answer in JSON"
          }
        ]
      }
    case "JsonSchema": {
      if (!traits.takesSchemas) {
        return refuse(
          origin,
          "responseFormat.JsonSchema",
          `${origin.model} does not hold its answers to a schema: newer models do`
        )
      }
      const { loosened, schema } = MessagesSchema.adapt(format.schema, "responseFormat.schema", origin)
      const description = schema["description"] ?? format.description
      return {
        format: { type: "json_schema", schema: description === undefined ? schema : { ...schema, description } },
        instruction: undefined,
        warnings: looser("responseFormat", loosened)
      }
    }
  }
}
