/**
 * What a chat-completions request says about the form of the answer: the tools that may be called, and the format.
 */
import * as Either from "effect/Either"
import type * as ChatRequest from "../ChatRequest.js"
import type { Warning } from "../Completion.js"
import type * as Tool from "../Tool.js"
import type { Quirks } from "./ChatQuirks.js"
import { encoding, refuse } from "./Refusal.js"
import * as StrictSchema from "./StrictSchema.js"
import type { Encoded, Origin } from "./Wire.js"

type Body = Readonly<Record<string, unknown>>

const looser = (setting: string, place: string, keywords: ReadonlyArray<string>): ReadonlyArray<Warning> =>
  keywords.length === 0
    ? []
    : [{ setting, message: `${place}: the model is told of ${keywords.join(", ")}, but not held to it` }]

// -----------------------------------------------------------------------------
// Tools
// -----------------------------------------------------------------------------

const encodeTool = (
  { description, name, parameters, strict }: Tool.ToolDefinition,
  index: number,
  origin: Origin
): readonly [Body, ReadonlyArray<Warning>] => {
  const place = `tools[${index}].parameters`
  const written = strict === true ? StrictSchema.write(parameters, place, origin) : undefined
  return [
    { type: "function", function: { name, description, parameters: written?.schema ?? parameters, strict } },
    looser("tools", place, written?.loosened ?? [])
  ]
}

export const encodeTools = ({ toolChoice, tools = [] }: ChatRequest.ChatRequest, origin: Origin): Encoded => {
  const encoded = tools.map((tool, index) => encodeTool(tool, index, origin))
  return {
    body: {
      tools: encoded.length === 0 ? undefined : encoded.map(([tool]) => tool),
      tool_choice:
        typeof toolChoice === "object" ? { type: "function", function: { name: toolChoice.tool } } : toolChoice
    },
    warnings: encoded.flatMap(([, warnings]) => warnings)
  }
}

// -----------------------------------------------------------------------------
// Format of the answer
// -----------------------------------------------------------------------------

type Schemed = Extract<ChatRequest.ResponseFormat, { readonly _tag: "JsonSchema" }>

const place = "responseFormat.schema"

const encodeSchema = ({ description, name, schema }: Schemed, strict: boolean, body: Body = schema): Body => ({
  type: "json_schema",
  json_schema: { name, description, schema: body, strict }
})

/**
 * Where nothing is said of `strict`, the model is held to a schema that can be written with the same meaning: one whose
 * optional properties would have to be `null`, or that cannot be written at all, is sent as it is.
 */
const encodeJsonSchema = (format: Schemed, origin: Origin): readonly [Body, ReadonlyArray<Warning>] => {
  if (format.strict === false) return [encodeSchema(format, false), []]
  if (format.strict === true) {
    const { loosened, schema } = StrictSchema.write(format.schema, place, origin)
    return [encodeSchema(format, true, schema), looser("responseFormat", place, loosened)]
  }
  const free = (reason: string): readonly [Body, ReadonlyArray<Warning>] => [
    encodeSchema(format, false),
    [{ setting: "responseFormat", message: `the model is not held strictly to the schema: ${reason}` }]
  ]
  return Either.match(
    encoding(() => StrictSchema.write(format.schema, place, origin)),
    {
      onLeft: (error) => free(error.message),
      onRight: ({ loosened, nullable, schema }) =>
        nullable.length === 0
          ? [encodeSchema(format, true, schema), looser("responseFormat", place, loosened)]
          : free(`${nullable.join(", ")} may be left out; with strict: true it would be null instead`)
    }
  )
}

export const encodeFormat = (
  format: ChatRequest.ResponseFormat | undefined,
  origin: Origin,
  quirks: Quirks
): readonly [Body | undefined, ReadonlyArray<Warning>] => {
  switch (format?._tag) {
    case undefined:
      return [undefined, []]
    case "Text":
      return [{ type: "text" }, []]
    case "Json":
      return [{ type: "json_object" }, []]
    case "JsonSchema":
      return quirks.takesJsonSchema === false
        ? refuse(
            origin,
            "json-schema",
            "this provider binds answers to no schema: ask for Json and say the schema in the prompt"
          )
        : encodeJsonSchema(format, origin)
  }
}
