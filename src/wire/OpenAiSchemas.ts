/**
 * What both of OpenAI's chat protocols say of tools and of answers that fit a schema, as far as it hangs on the schema.
 */
import * as Either from "effect/Either"
import type * as ChatRequest from "../ChatRequest.js"
import type { Warning } from "../Completion.js"
import type * as Tool from "../Tool.js"
import { encoding } from "./Refusal.js"
import * as StrictSchema from "./StrictSchema.js"
import * as ToolParameters from "./ToolParameters.js"
import type { Origin } from "./Wire.js"

/** A piece of the body, and what of the request is not in it. */
export interface Piece {
  readonly body: Readonly<Record<string, unknown>>
  readonly warnings: ReadonlyArray<Warning>
}

const looser = (setting: string, place: string, keywords: ReadonlyArray<string>): ReadonlyArray<Warning> =>
  keywords.length === 0
    ? []
    : [{ setting, message: `${place}: the model is told of ${keywords.join(", ")}, but not held to it` }]

/** A tool. The parameters of a strict one are rewritten: what may be left out is `null` then. */
export const tool = (
  { description, name, parameters, strict }: Tool.ToolDefinition,
  index: number,
  origin: Origin
): Piece => {
  const place = `tools[${index}].parameters`
  const plain = ToolParameters.encode(parameters, place, origin)
  const written = strict === true ? StrictSchema.write(plain, place, origin) : undefined
  return {
    body: { name, description, parameters: written?.schema ?? plain, strict },
    warnings: looser("tools", place, written?.loosened ?? [])
  }
}

type JsonSchema = Extract<ChatRequest.ResponseFormat, { readonly _tag: "JsonSchema" }>

const place = "responseFormat.schema"

/**
 * The format of an answer that fits a schema. Where nothing is said of `strict`, the model is held to a schema that can be
 * written with the same meaning: one whose optional properties would have to be `null`, or that cannot be written at all,
 * is sent as it is.
 */
export const jsonSchema = ({ description, name, schema, strict }: JsonSchema, origin: Origin): Piece => {
  const free = (warnings: ReadonlyArray<Warning>): Piece => ({
    body: { name, description, schema, strict: false },
    warnings
  })
  const held = (written: StrictSchema.Written): Piece => ({
    body: { name, description, schema: written.schema, strict: true },
    warnings: looser("responseFormat", place, written.loosened)
  })
  if (strict === false) return free([])
  if (strict === true) return held(StrictSchema.write(schema, place, origin))
  const loosely = (reason: string): Piece =>
    free([{ setting: "responseFormat", message: `the model is not held strictly to the schema: ${reason}` }])
  return Either.match(
    encoding(() => StrictSchema.write(schema, place, origin)),
    {
      onLeft: (error) => loosely(error.message),
      onRight: (written) =>
        written.nullable.length === 0
          ? held(written)
          : loosely(`${written.nullable.join(", ")} may be left out; with strict: true it would be null instead`)
    }
  )
}
