/**
 * What is on a tape, and the file that holds it: JSON that is made to be read, edited and compared by line.
 */
import * as Encoding from "effect/Encoding"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { isRecord } from "../../wire/Json.js"
import { CassetteError } from "./CassetteError.js"

// -----------------------------------------------------------------------------
// What is on it
// -----------------------------------------------------------------------------

const version = 1

/** Since the request was made. */
const ms = Schema.NonNegative

/** One string, or its lines. */
export const Text = Schema.Union(Schema.String, Schema.Array(Schema.String))

export type Text = typeof Text.Type

const Base64 = Schema.String.pipe(Schema.filter((text) => Either.isRight(Encoding.decodeBase64(text)) || "no base64"))

/** `data` is the JSON of the event; a string is text as it stands. */
export const Event = Schema.Struct({ event: Schema.optional(Schema.String), data: Schema.Unknown })

/** One network read of a body: whole Server-Sent Events, or text, or bytes that are no text by themselves. */
export const Chunk = Schema.Union(
  Schema.Struct({ ms, events: Schema.Array(Event) }),
  Schema.Struct({ ms, text: Text }),
  Schema.Struct({ ms, base64: Base64 })
)

export type Chunk = typeof Chunk.Type

/** How a JSON text is laid out, where it is not compact: spaces of indentation, a line break at its end. */
const layout = { indent: Schema.optional(Schema.NonNegativeInt), newline: Schema.optional(Schema.Boolean) }

export const Body = Schema.Union(
  /** A JSON text that came in one read … */
  Schema.Struct({ ms, json: Schema.Unknown, ...layout }),
  /** … or in some, each with its length in bytes; the last one takes what is left. */
  Schema.Struct({
    reads: Schema.Array(Schema.Struct({ ms, bytes: Schema.NonNegativeInt })),
    json: Schema.Unknown,
    ...layout
  }),
  Schema.Struct({ chunks: Schema.Array(Chunk) })
)

export type Body = typeof Body.Type

/** How a body ended that did not end well: by an error, or because the reader had enough. */
export const End = Schema.Union(
  Schema.Struct({ error: Schema.Literal("Decode", "EmptyBody", "StatusCode"), words: Schema.String }),
  Schema.Literal("left")
)

export type End = typeof End.Type

const headers = Schema.Record({ key: Schema.String, value: Schema.String })

export const RequestBody = Schema.Union(
  Schema.Struct({ json: Schema.Unknown }),
  Schema.Struct({ text: Text }),
  Schema.Struct({ base64: Base64 })
)

export type RequestBody = typeof RequestBody.Type

export const Request = Schema.Struct({
  method: Schema.String,
  url: Schema.String,
  headers,
  body: Schema.optional(RequestBody)
})

export interface Request extends Schema.Schema.Type<typeof Request> {}

export const Response = Schema.Struct({
  ms,
  status: Schema.Int,
  headers,
  body: Schema.optional(Body),
  end: Schema.optional(End)
})

export interface Response extends Schema.Schema.Type<typeof Response> {}

/** No answer came, and why. */
export const Failure = Schema.Struct({ ms, failure: Schema.String })

export interface Failure extends Schema.Schema.Type<typeof Failure> {}

export const Interaction = Schema.Struct({ request: Request, response: Schema.Union(Response, Failure) })

export interface Interaction extends Schema.Schema.Type<typeof Interaction> {}

export const Tape = Schema.Struct({
  cassette: Schema.Literal(version),
  interactions: Schema.Array(Interaction)
})

export interface Tape extends Schema.Schema.Type<typeof Tape> {}

export const make = (interactions: ReadonlyArray<Interaction>): Tape => ({ cassette: version, interactions })

/** One line as a string, more as a list of them. */
export const fromText = (text: string): Text => (text.includes("\n") ? text.split("\n") : text)

export const toText = (text: Text): string => (typeof text === "string" ? text : text.join("\n"))

// -----------------------------------------------------------------------------
// Reading it
// -----------------------------------------------------------------------------

const decode = Schema.decodeUnknownEither(Tape, { onExcessProperty: "error", errors: "all" })

/** The tape in the text of a file. */
export const parse = (file: string, text: string): Either.Either<Tape, CassetteError> => {
  const unusable = (reason: CassetteError["reason"], at: string | undefined, words: string) =>
    Either.left(
      new CassetteError({
        file,
        reason,
        at,
        message: `${file}${at === undefined ? "" : `, ${at}`}: ${words}. Mend it, or record it again with CASSETTE_MODE=record.`
      })
    )
  const parsed = Either.try({
    try: (): unknown => JSON.parse(text.replace(/^\uFEFF/, "")),
    catch: (error) => (error instanceof Error ? error.message : String(error))
  })
  if (Either.isLeft(parsed)) return unusable("corrupt", placeOf(text, parsed.left), `no JSON (${parsed.left})`)
  const value = parsed.right
  if (!isRecord(value) || !("cassette" in value)) return unusable("corrupt", undefined, "no tape, but some other JSON")
  if (value["cassette"] !== version) {
    const other = JSON.stringify(value["cassette"])
    return unusable("version", "cassette", `a tape of version ${other}, and this is for version ${version}`)
  }
  const decoded = decode(value)
  if (Either.isRight(decoded)) return Either.right(decoded.right)
  const { at, words } = mostTelling(decoded.left)
  return unusable("corrupt", at, words)
}

/** Where the parser stopped. It names the position within the text. */
const placeOf = (text: string, message: string): string => {
  const position = /position (\d+)/.exec(message)?.[1]
  const before = text.slice(0, position === undefined ? text.length : Number(position)).split("\n")
  return `line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`
}

/** Of all that is wrong for one alternative or another, what is wrong for the one that was meant. */
const mostTelling = (error: ParseResult.ParseError): { readonly at: string; readonly words: string } => {
  const issues = ParseResult.ArrayFormatter.formatErrorSync(error).map(({ message, path }) => ({
    at: path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join(""),
    depth: path.length,
    words: message
  }))
  const depth = Math.max(...issues.map((issue) => issue.depth))
  const deepest = issues.filter((issue) => issue.depth === depth)
  // What is there and wrong says more than what is there too much, or is missing. A field that no alternative has is
  // found as often as there are alternatives.
  const score = ({ at, words }: { readonly at: string; readonly words: string }): number =>
    /^is (?:unexpected|missing)/.test(words) ? deepest.filter((issue) => issue.at === at).length : issues.length + 1
  const [first] = [...deepest].sort((a, b) => score(b) - score(a))
  return { at: first?.at.replace(/^\./, "") || "the tape", words: first?.words ?? "it is not as it should be" }
}

// -----------------------------------------------------------------------------
// Writing it
// -----------------------------------------------------------------------------

const width = 120

/** The text of a file: an object or list on one line where it fits there, and every chunk of a body on one. */
export const print = (tape: Tape): string => `${printed(tape, "", "")}\n`

const printed = (value: unknown, key: string, indent: string): string => {
  const line = onLine(value)
  if (indent.length + key.length + line.length <= width || isNumbers(value)) return line
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    const items = value.map((item) => inner + (key === "chunks" ? onLine(item) : printed(item, "", inner)))
    return `[\n${items.join(",\n")}\n${indent}]`
  }
  if (!isRecord(value)) return line
  const fields = fieldsOf(value).map(
    ([name, field]) => `${inner}${JSON.stringify(name)}: ${printed(field, name, inner)}`
  )
  return `{\n${fields.join(",\n")}\n${indent}}`
}

const onLine = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(onLine).join(", ")}]`
  if (!isRecord(value)) return JSON.stringify(value) ?? "null"
  const fields = fieldsOf(value).map(([name, field]) => `${JSON.stringify(name)}: ${onLine(field)}`)
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`
}

const fieldsOf = (value: object): ReadonlyArray<[string, unknown]> =>
  Object.entries(value).filter(([, field]) => field !== undefined)

/** Such as the vector of an embedding. */
const isNumbers = (value: unknown): boolean => Array.isArray(value) && value.every((item) => typeof item === "number")
