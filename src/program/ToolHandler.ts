/**
 * A tool bound to its handler: what a model wrote is read by the tool's Schema, the handler runs, and what it gives or
 * fails with becomes text for the model. Nothing that a model writes makes it fail: every outcome is a value.
 */
import * as Cause from "effect/Cause"
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { excerpt } from "../LlmError.js"
import type { ToolCallPart } from "../Prompt.js"
import * as Tool from "../Tool.js"
import { parseJson } from "./JsonText.js"
import { nullAsAbsent } from "./NullAsAbsent.js"

/** The handler of a tool, in the context of a program. */
export interface Handler<T extends Tool.AnyTool> {
  readonly _: unique symbol
  readonly tool: T
}

/** A function that runs a tool: its arguments as its Schema reads them, and the call as the model made it. */
export type Handle<T extends Tool.AnyTool, R> = (
  parameters: Schema.Schema.Type<T["parameters"]>,
  call: ToolCallPart
) => Effect.Effect<Schema.Schema.Type<T["success"]>, Schema.Schema.Type<T["failure"]>, R>

/**
 * What became of a call. `content` is what the model is told.
 * - `Succeeded`: `value` is what the handler gave
 * - `Failed`: `error` is what it failed with, `died` whether that was a defect, of which the model is told nothing more
 * - `InvalidCall`: there is no such tool (`UnknownTool`), or the arguments do not fit (`InvalidArguments`)
 * - `Denied`: it was not approved
 */
export type Outcome =
  | { readonly _tag: "Succeeded"; readonly content: string; readonly value: unknown }
  | { readonly _tag: "Failed"; readonly content: string; readonly error: unknown; readonly died: boolean }
  | {
      readonly _tag: "InvalidCall"
      readonly content: string
      readonly problem: "UnknownTool" | "InvalidArguments"
    }
  | { readonly _tag: "Denied"; readonly content: string }

/** A call that was read, and can be run. */
export interface Prepared {
  /** The arguments as the tool's Schema reads them. */
  readonly parameters: unknown
  readonly run: Effect.Effect<Outcome>
}

/** A tool with its handler; what either needs is in it. */
export interface Bound {
  readonly definition: Tool.ToolDefinition
  readonly prepare: (call: ToolCallPart) => Effect.Effect<Either.Either<Prepared, Outcome>>
}

/** Where the handler of a tool stands in the context: two tools of one name share the place, and the last one has it. */
export const tag = <T extends Tool.AnyTool>(tool: T): Context.Tag<Handler<T>, Bound> =>
  Context.GenericTag<Handler<T>, Bound>(`effect-llm/Tool/${tool.name}`)

const invalid = (problem: "UnknownTool" | "InvalidArguments", content: string): Outcome => ({
  _tag: "InvalidCall",
  problem,
  // What does not fit may be long, and its description longer.
  content: excerpt(content)
})

export const unknownTool = (name: string, known: ReadonlyArray<string>): Outcome =>
  invalid("UnknownTool", `There is no tool named ${JSON.stringify(name)}. The tools are: ${known.join(", ")}.`)

/** What a model is told of a tool. A Schema that no JSON Schema can express is a `ConfigError` that names the tool. */
const define = (tool: Tool.AnyTool): Either.Either<Tool.ToolDefinition, ConfigError.ConfigError> => {
  if (!Tool.isName(tool.name)) {
    return Either.left(
      ConfigError.InvalidData(["tools", tool.name], `${Tool.nameRule}, unlike ${JSON.stringify(tool.name)}`)
    )
  }
  const wrong = (message: string): ConfigError.ConfigError =>
    ConfigError.InvalidData(["tools", tool.name, "parameters"], message)
  return Either.flatMap(
    Either.try({
      try: () => Tool.jsonSchema(tool.parameters),
      catch: (error) => wrong(error instanceof Error ? error.message : String(error))
    }),
    (parameters) =>
      parameters["type"] === "object"
        ? Either.right({
            name: tool.name,
            description: tool.description,
            parameters,
            ...(tool.strict === undefined ? {} : { strict: tool.strict })
          })
        : Either.left(wrong("the parameters of a tool must be an object, such as a Schema.Struct"))
  )
}

/** Text as it is, all else as JSON. */
const print = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value, undefined, undefined) ?? "null")

const printed = (value: unknown): Effect.Effect<string, unknown> =>
  Effect.try({ try: () => print(value), catch: (error) => error })

/** The arguments as JSON; models write nothing at all where a tool has no parameters. */
const fromJson = (text: string): Either.Either<unknown, Outcome> =>
  text.trim() === ""
    ? Either.right({})
    : Either.mapLeft(parseJson(text), (why) => invalid("InvalidArguments", `The arguments are no JSON: ${why}`))

/** The tool and its handler, as one value that needs nothing. */
export const bind = <P, PI, S, SI, F, FI, R>(
  tool: Tool.Tool<string, Schema.Schema<P, PI, R>, Schema.Schema<S, SI, R>, Schema.Schema<F, FI, R>>,
  handle: (parameters: P, call: ToolCallPart) => Effect.Effect<S, F, R>
): Effect.Effect<Bound, ConfigError.ConfigError, R> =>
  Effect.gen(function* () {
    const definition = yield* define(tool)
    const context = yield* Effect.context<R>()
    const read = Schema.decodeUnknown(tool.parameters, { errors: "all" })
    const success = Schema.encode(tool.success)
    const failure = Schema.encode(tool.failure)

    // A run that is interrupted does not come here: a handler that is has interrupted itself, which ends no run unseen.
    const failed = (cause: Cause.Cause<F>): Effect.Effect<Outcome> => {
      const died: Outcome = {
        _tag: "Failed",
        content: "The tool failed.",
        error: Cause.squash(cause),
        died: true
      }
      if (!Cause.isFailType(cause)) return Effect.succeed(died)
      const { error } = cause
      return Effect.match(Effect.provide(Effect.flatMap(failure(error), printed), context), {
        onFailure: () => died,
        onSuccess: (content): Outcome => ({ _tag: "Failed", content, error, died: false })
      })
    }

    const run = (parameters: P, call: ToolCallPart): Effect.Effect<Outcome> =>
      Effect.suspend(() => handle(parameters, call)).pipe(
        Effect.flatMap((value) =>
          // What a handler gives beside its Schema is a mistake of the program, not something the handler fails with.
          Effect.map(Effect.orDie(Effect.flatMap(success(value), printed)), (content): Outcome => ({
            _tag: "Succeeded",
            content,
            value
          }))
        ),
        Effect.withSpan(`execute_tool ${tool.name}`, {
          captureStackTrace: false,
          attributes: {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool.name,
            "gen_ai.tool.call.id": call.id
          }
        }),
        Effect.provide(context),
        Effect.exit,
        Effect.flatMap((exit) => (Exit.isSuccess(exit) ? Effect.succeed(exit.value) : failed(exit.cause)))
      )

    return {
      definition,
      prepare: (call) => {
        const json = fromJson(call.arguments)
        if (Either.isLeft(json)) return Effect.succeed(Either.left(json.left))
        // A provider that holds a model to the schema has it write null for what it leaves out.
        return Effect.match(Effect.provide(read(nullAsAbsent(json.right, definition.parameters)), context), {
          onFailure: (error) =>
            Either.left(
              invalid(
                "InvalidArguments",
                `The arguments do not fit:\n${ParseResult.TreeFormatter.formatErrorSync(error)}`
              )
            ),
          onSuccess: (parameters) => Either.right({ parameters, run: run(parameters, call) })
        })
      }
    }
  })
