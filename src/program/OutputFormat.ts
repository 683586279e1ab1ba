/**
 * How a model is asked for a value of a Schema: by the provider's own JSON schema, by a tool that it must call, or in
 * words.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import type * as ChatRequest from "../ChatRequest.js"
import * as Completion from "../Completion.js"
import * as Prompt from "../Prompt.js"
import type * as Tool from "../Tool.js"
import { parseJson } from "./JsonText.js"
import * as OutputSchema from "./OutputSchema.js"

/**
 * - `native`: the provider holds the model to the schema
 * - `tool`: the model calls a tool whose arguments are the value
 * - `instructions`: the model is told the schema, and the value is looked for in its text
 */
export type Mode = "native" | "tool" | "instructions"

/** What there is to know of a Schema before any call. */
export interface OutputFormat {
  /** What the format and the tool are called. */
  readonly name: string
  readonly description: string | undefined
  /** Of the value itself: of the encoded side of the Schema. */
  readonly schema: Tool.JsonSchema
  /** What is asked for in the modes `native` and `tool`, which take objects only. */
  readonly object: Tool.JsonSchema
  /** Whether `object` holds the value in its property `value`. */
  readonly isWrapped: boolean
}

// -----------------------------------------------------------------------------
// Making
// -----------------------------------------------------------------------------

/** Names are letters, digits, `_` and `-`, at most 64. */
const nameOf = (ast: AST.AST): string =>
  Option.orElse(AST.getJSONIdentifierAnnotation(ast), () => AST.getIdentifierAnnotation(ast)).pipe(
    Option.map((name) => name.replace(/[^a-zA-Z0-9_-]+/g, "_").slice(0, 64)),
    Option.filter((name) => name !== ""),
    Option.getOrElse(() => "answer")
  )

const make = (source: Schema.Schema.All): OutputFormat => {
  const schema = OutputSchema.make(source)
  const top = OutputSchema.opened(schema)
  const isWrapped = !OutputSchema.isObject(top)
  return {
    name: nameOf(source.ast),
    description: typeof top.description === "string" ? top.description : undefined,
    schema,
    object: isWrapped ? OutputSchema.wrap(schema) : top,
    isWrapped
  }
}

const known = new WeakMap<AST.AST, Either.Either<OutputFormat, string>>()

/** Worked out once per Schema. Left: why it has no JSON Schema. */
export const fromSchema = (schema: Schema.Schema.All): Either.Either<OutputFormat, string> => {
  const before = known.get(schema.ast)
  if (before !== undefined) return before
  const format = Either.try({
    try: () => make(schema),
    catch: (error) => (error instanceof Error ? error.message : String(error))
  })
  known.set(schema.ast, format)
  return format
}

// -----------------------------------------------------------------------------
// Asking
// -----------------------------------------------------------------------------

const instructions = ({ schema }: OutputFormat): string =>
  "Answer with one JSON value that fits this JSON Schema, and with nothing else: no explanation, no code fence.\n" +
  JSON.stringify(schema)

/** At the end of the last message: there is no provider that does not read it, and models heed it best. */
const withInstructions = (prompt: Prompt.Prompt, text: string): Prompt.Prompt => {
  const last = prompt.at(-1)
  if (last?.role !== "user") return [...prompt, Prompt.user(text)]
  const part = last.content.at(-1)
  const content =
    part?._tag === "Text"
      ? [...last.content.slice(0, -1), Prompt.text(`${part.text}\n\n${text}`)]
      : [...last.content, Prompt.text(text)]
  return [...prompt.slice(0, -1), { ...last, content }]
}

/** The name of the tool: another one where the request has a tool of this name. */
export const toolName = ({ name }: OutputFormat, { tools = [] }: ChatRequest.ChatRequest): string => {
  let free = name
  while (tools.some((tool) => tool.name === free)) free = `${free.slice(0, 63)}_`
  return free
}

const withoutFormat = ({ responseFormat: _format, ...request }: ChatRequest.ChatRequest): ChatRequest.ChatRequest =>
  request

/** The request, asking for the value. */
export const ask = (format: OutputFormat, request: ChatRequest.ChatRequest, mode: Mode): ChatRequest.ChatRequest => {
  const { description, name, object } = format
  switch (mode) {
    case "native":
      return {
        ...request,
        responseFormat: {
          _tag: "JsonSchema",
          name,
          schema: object,
          strict: true,
          ...(description === undefined ? {} : { description })
        }
      }
    case "tool": {
      const tool = toolName(format, request)
      const told = "Gives the answer. Call it exactly once, with all of the answer."
      return {
        ...withoutFormat(request),
        tools: [
          ...(request.tools ?? []),
          { name: tool, description: description === undefined ? told : `${told} ${description}`, parameters: object }
        ],
        toolChoice: { tool }
      }
    }
    case "instructions":
      return { ...withoutFormat(request), prompt: withInstructions(request.prompt, instructions(format)) }
  }
}

// -----------------------------------------------------------------------------
// Asking again
// -----------------------------------------------------------------------------

const isObjectText = (text: string): boolean => {
  const value = Either.getOrUndefined(parseJson(text))
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** What the model answered, as the next request can hold it: calls need results, and arguments that are no JSON are text. */
const answered = (completion: Completion.Completion, complaint: string): Prompt.Prompt => {
  const { text: said, toolCalls } = completion
  // Thoughts alone are no message: providers refuse one that says nothing.
  if (said === "" && toolCalls.length === 0) return [Prompt.user(complaint)]
  if (toolCalls.length === 0) return [Completion.toMessage(completion), Prompt.user(complaint)]
  if (toolCalls.every((call) => isObjectText(call.arguments))) {
    const results = toolCalls.map(({ id }) => Prompt.toolResult(id, complaint, { isError: true }))
    return [Completion.toMessage(completion), ...results]
  }
  const text = [said, ...toolCalls.map((call) => call.arguments)].filter((words) => words !== "").join("\n")
  return [...(text === "" ? [] : [Prompt.assistant(text)]), Prompt.user(complaint)]
}

/**
 * The request with the answer that does not fit, and what is wrong with it. `reask` in its `metadata` is how often it was
 * asked again: ledgers and logs see that this call was paid for twice.
 */
export const askAgain = (
  request: ChatRequest.ChatRequest,
  completion: Completion.Completion,
  problem: string,
  reask: number
): ChatRequest.ChatRequest => ({
  ...request,
  prompt: [
    ...request.prompt,
    ...answered(completion, `This answer cannot be used:\n${problem}\nAnswer again, and mend this.`)
  ],
  metadata: { ...request.metadata, reask }
})
