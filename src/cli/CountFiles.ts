/** What `effect-llm count` does: a line per file, a total, and `~` before whatever is an estimate. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { readFile } from "node:fs/promises"
import { text } from "node:stream/consumers"
import * as Tokenizer from "../Tokenizer.js"

export class CountFailed extends Data.TaggedError("CountFailed")<{ readonly message: string }> {}

/**
 * Prints the tokens of each file; of standard input alone, without a name. What cannot be read is named on standard error,
 * and makes it fail after the others are counted.
 */
export const countFiles = (files: ReadonlyArray<string>, model: string | undefined): Effect.Effect<void, CountFailed> =>
  Effect.gen(function* () {
    const rows: Array<Row> = []
    const problems: Array<string> = []
    for (const name of files.length === 0 ? [standardInput] : files) {
      const counted = yield* Effect.either(
        Effect.flatMap(read(name), (content) => Tokenizer.countDetailed(content, { model }))
      )
      if (Either.isRight(counted)) rows.push({ name, ...counted.right })
      else problems.push(`effect-llm count: ${singleLine(counted.left.message)}\n`)
    }
    yield* write(process.stdout, files.length === 0 ? rows.map((row) => `${tokensText(row)}\n`).join("") : table(rows))
    yield* write(process.stderr, problems.join(""))
    if (problems.length > 0) return yield* new CountFailed({ message: problems.join("") })
  }).pipe(Effect.provide(Tokenizer.layer))

const standardInput = "-"

const read = (name: string): Effect.Effect<string, CountFailed> =>
  Effect.tryPromise({
    try: () => (name === standardInput ? text(process.stdin) : readFile(name, "utf8")),
    catch: (error) =>
      new CountFailed({ message: `${name} cannot be read: ${error instanceof Error ? error.message : String(error)}` })
  })

const write = (stream: NodeJS.WriteStream, output: string): Effect.Effect<void> =>
  Effect.async((resume) => {
    stream.write(output, () => resume(Effect.void))
  })

interface Row {
  readonly name: string
  readonly tokens: number
  readonly approximate: boolean
}

const table = (rows: ReadonlyArray<Row>): string => {
  const total: Row = {
    name: "total",
    tokens: rows.reduce((sum, row) => sum + row.tokens, 0),
    approximate: rows.some((row) => row.approximate)
  }
  const all = rows.length > 1 ? [...rows, total] : rows
  const width = Math.max(0, ...all.map((row) => tokensText(row).length))
  return all.map((row) => `${tokensText(row).padStart(width)}  ${singleLine(row.name)}\n`).join("")
}

const tokensText = ({ approximate, tokens }: Row): string => `${approximate ? "~" : ""}${tokens}`

// Nothing in the name of a file may steer the terminal.
const singleLine = (name: string): string => name.replace(/\p{Cc}/gu, "?")
