/**
 * What a model answered, read as a value of a Schema, or what is wrong with it.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type * as Completion from "../Completion.js"
import { excerpt, type OutputIssue } from "../LlmError.js"
import { parseJson } from "./JsonText.js"
import { nullAsAbsent } from "./NullAsAbsent.js"
import type { Mode, OutputFormat } from "./OutputFormat.js"
import { wrapper } from "./OutputSchema.js"
import * as PartialJson from "./PartialJson.js"

/** - `text`: what the model wrote where the value should be */
export interface Invalid {
  readonly message: string
  readonly text: string
  readonly issues: ReadonlyArray<OutputIssue>
}

/** Where to look for the value, the most likely place first. */
interface Candidates {
  readonly text: string
  readonly values: ReadonlyArray<unknown>
}

const mostIssues = 100

// -----------------------------------------------------------------------------
// Finding
// -----------------------------------------------------------------------------

/** The text without the code fence that stands around all of it. */
const unfenced = (text: string): string => {
  const trimmed = text.trim()
  const start = trimmed.indexOf("\n")
  return trimmed.startsWith("```") && trimmed.endsWith("```") && start > 0 && trimmed.length > start + 3
    ? trimmed.slice(start + 1, -3)
    : trimmed
}

const noJson = (text: string, why: string): string =>
  text.trim() === "" ? "the answer is empty" : `the answer is no JSON: ${why}`

const fromText = (text: string): Either.Either<Candidates, string> =>
  Either.mapBoth(parseJson(text), {
    onLeft: (why) => noJson(text, why),
    onRight: (value) => ({ text, values: [value] })
  })

/** Code fences and prose may stand around the value, and examples before it. */
const fromProse = (text: string, isCut: boolean): Either.Either<Candidates, string> => {
  const whole = parseJson(unfenced(text))
  // Of a number whose end is missing, what is there is a number, too.
  if (Either.isRight(whole) && !(isCut && typeof whole.right !== "object")) {
    return Either.right({ text, values: [whole.right] })
  }
  const found = PartialJson.find(text)
  return found.values.length === 0 || (isCut && found.isCut)
    ? Either.left(noJson(text, "it is no JSON value alone, and holds no whole object and no whole list"))
    : Either.right({ text, values: [...found.values].reverse() })
}

const fromCall = (completion: Completion.Completion, tool: string): Either.Either<Candidates, string> => {
  const { toolCalls } = completion
  const [call, ...others] = toolCalls
  if (call === undefined) return Either.left(`the model wrote text instead of calling ${tool}`)
  if (others.length > 0) return Either.left(`the model made ${toolCalls.length} calls instead of one call of ${tool}`)
  return call.name === tool
    ? fromText(call.arguments)
    : Either.left(`the model called ${JSON.stringify(call.name)} instead of ${tool}`)
}

const find = (completion: Completion.Completion, mode: Mode, tool: string): Either.Either<Candidates, string> => {
  if (mode === "tool") return fromCall(completion, tool)
  const { finishReason, text, toolCalls } = completion
  if (text.trim() === "" && toolCalls.length > 0) {
    return Either.left(`the model called ${toolCalls.map(({ name }) => name).join(", ")} instead of answering`)
  }
  return mode === "native" ? fromText(text) : fromProse(text, finishReason.unified === "length")
}

/** What the model wrote where the value should be: its text, or else the arguments of its calls. */
const writtenIn = ({ text, toolCalls }: Completion.Completion, mode: Mode): string =>
  toolCalls.length > 0 && (mode === "tool" || text === "") ? toolCalls.map((call) => call.arguments).join("\n") : text

// -----------------------------------------------------------------------------
// Decoding
// -----------------------------------------------------------------------------

const unwrap = (value: unknown, { isWrapped }: OutputFormat, mode: Mode): unknown =>
  isWrapped && mode !== "instructions" && typeof value === "object" && value !== null && Object.hasOwn(value, wrapper)
    ? Reflect.get(value, wrapper)
    : value

const keyOf = (key: PropertyKey): string | number => (typeof key === "symbol" ? String(key) : key)

const invalid = (issue: ParseResult.ParseIssue, text: string): Effect.Effect<never, Invalid> =>
  Effect.flatMap(
    Effect.zip(ParseResult.TreeFormatter.formatIssue(issue), ParseResult.ArrayFormatter.formatIssue(issue)),
    ([tree, issues]) =>
      Effect.fail({
        message: `the answer does not fit the schema:\n${tree}`,
        text,
        issues: issues.slice(0, mostIssues).map(({ message, path }) => ({ path: path.map(keyOf), message }))
      })
  )

/** The first value that decodes, or what is wrong with the first one. */
const decodeFirst = <A, R>(
  decode: (value: unknown) => Effect.Effect<A, ParseResult.ParseIssue, R>,
  values: ReadonlyArray<unknown>,
  index = 0
): Effect.Effect<A, ParseResult.ParseIssue, R> =>
  Effect.catchAll(decode(values[index]), (issue) =>
    index + 1 < values.length
      ? Effect.mapError(decodeFirst(decode, values, index + 1), () => issue)
      : Effect.fail(issue)
  )

/** Why an answer that is not whole is not. */
const cut = ({ usage }: Completion.Completion): string => {
  const tokens = usage.outputTokens === undefined ? "" : ` of ${usage.outputTokens} tokens`
  return `the answer was cut off at its limit${tokens} (finish reason: length), raise maxTokens; `
}

/** Reads a whole answer. `tool` is the name of the tool that the model was to call. */
export const read = <A, I, R>(
  schema: Schema.Schema<A, I, R>,
  format: OutputFormat,
  completion: Completion.Completion,
  mode: Mode,
  tool: string
): Effect.Effect<A, Invalid, R> => {
  const prefix = completion.finishReason.unified === "length" ? cut(completion) : ""
  const found = find(completion, mode, tool)
  if (Either.isLeft(found)) {
    const message = prefix + found.left
    return Effect.fail({ message, text: writtenIn(completion, mode), issues: [{ path: [], message }] })
  }
  const { text, values } = found.right
  const decode = ParseResult.decodeUnknown(schema, { errors: "all" })
  // Most answers have no null to look at.
  const hasNull = text.includes("null")
  const plain = (value: unknown): unknown => (hasNull ? nullAsAbsent(value, format.schema) : value)
  return decodeFirst((value) => decode(plain(unwrap(value, format, mode))), values).pipe(
    Effect.catchAll((issue) => invalid(issue, text)),
    Effect.mapError((problem) => ({ ...problem, message: excerpt(prefix + problem.message) }))
  )
}
