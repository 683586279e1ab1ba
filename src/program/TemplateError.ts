/**
 * What is wrong with a template, and where.
 */
import * as Schema from "effect/Schema"

/**
 * - `unclosed-tag`: `{{` without its `}}`
 * - `unbalanced-section`: a section that is not closed, or closed without having been opened
 * - `not-a-tag`: a tag that has no meaning here
 * - `unknown-variable`, `unknown-section`: the Schema has no such field
 * - `not-text`: the field cannot be written as text: it is a list, a struct, or a type of its own
 * - `not-a-section`: the field can neither be tested nor gone through
 * - `unknown-partial`: no such template was given, or lies beside the file
 * - `endless-partial`: a partial that includes itself without going deeper into the data
 * - `missing-value`: a variable was not given when rendering, which the compiler would have refused
 */
export const Kind = Schema.Literal(
  "unclosed-tag",
  "unbalanced-section",
  "not-a-tag",
  "unknown-variable",
  "unknown-section",
  "not-text",
  "not-a-section",
  "unknown-partial",
  "endless-partial",
  "missing-value"
)

export type Kind = typeof Kind.Type

const place = {
  kind: Kind,
  /** The file, or the name of the partial; none for the text that was given itself. */
  file: Schema.optional(Schema.String),
  /** From 1. */
  line: Schema.Number,
  /** From 1, in UTF-16 units. */
  column: Schema.Number
}

/** One mistake in a template. */
export const Problem = Schema.Struct({ ...place, message: Schema.String })

export interface Problem extends Schema.Schema.Type<typeof Problem> {}

/** A template that cannot be used. Its place is that of the first problem; its message has the words of all. */
export class TemplateError extends Schema.TaggedError<TemplateError>("effect-llm/TemplateError")("TemplateError", {
  ...place,
  message: Schema.String,
  problems: Schema.Array(Problem)
}) {}

const placed = ({ column, file, line, message }: Problem): string =>
  `${file === undefined ? "" : `${file}:`}${line}:${column} ${message}`

/** The error of these problems, the first of which gives its place. */
export const fromProblems = (first: Problem, ...rest: ReadonlyArray<Problem>): TemplateError => {
  const problems = [first, ...rest]
  return new TemplateError({ ...first, message: problems.map(placed).join("\n"), problems })
}
