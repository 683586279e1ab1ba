/**
 * Answers of real providers that stand for errors, as their documentation, their sources and their users' reports show
 * them, and the error that each one stands for: one file of text per provider, so that an answer can be pasted in as it
 * came. `README.md` has the format.
 */
import { LlmError } from "effect-llm"
import { readdirSync, readFileSync } from "node:fs"

export interface ErrorCase {
  /** Whose answer it is: the name of its file. */
  readonly of: string
  /** Where it stands in that file. */
  readonly place: number
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly tag: LlmError.Tag
  /** The wait that the answer asks for, in milliseconds. */
  readonly wait: number | undefined
  /** The error's message. */
  readonly says: string | undefined
  readonly param: string | undefined
  readonly code: string | undefined
  /** The status of the error, where the body names another than HTTP did. */
  readonly errorStatus: number
  /** The kinds of content that were found. */
  readonly categories: ReadonlyArray<string>
  /** The body does not tell which error it is, or that it is one: amid a stream it would be another. */
  readonly isToldByStatus: boolean
}

/** The latest moment that an answer tells of is in relation to this one. */
export const now: number = Date.UTC(2026, 0, 15, 12, 0, 0)

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The JSON value of a body, `undefined` where it is text or a page. */
export const jsonOf = (one: ErrorCase): object | undefined => {
  const value = parse(one.body)
  return typeof value === "object" && value !== null ? value : undefined
}

const at = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined

/** What the message is, unless the case says otherwise: that of the usual place, or the text as it stands. */
const usualMessage = (body: string): string | undefined => {
  const json = parse(body)
  const error = at(json, "error")
  const found = [at(error, "message"), error, at(json, "message"), at(json, "detail")].find(
    (text) => typeof text === "string"
  )
  if (typeof found === "string") return found
  return body === "" || json !== undefined || body.startsWith("<") ? undefined : body
}

const tags: ReadonlyArray<string> = [...LlmError.TerminalError.members, ...LlmError.RetryableError.members].map(
  (member) => member._tag
)

const isTag = (text: string): text is LlmError.Tag => tags.includes(text)

const readCase = (of: string, place: number, text: string): ErrorCase => {
  const [head = "", ...lines] = text.split("\n")
  const [status, tag = ""] = head.split(" ")
  if (!isTag(tag)) throw new Error(`${of}.txt, case ${place}: "${head}" is no "STATUS Tag"`)
  const blank = lines.indexOf("")
  const facts = new Map<string, string>()
  const headers: Record<string, string> = {}
  for (const line of lines.slice(0, blank)) {
    const [, name = "", value = ""] = /^(?:> )?([\w-]+):? ?(.*)$/.exec(line) ?? []
    if (line.startsWith("> ")) facts.set(name, value)
    else headers[name.toLowerCase()] = value
  }
  const body = lines
    .slice(blank + 1)
    .join("\n")
    .replace(/\n+$/, "")
  const wait = facts.get("wait")
  return {
    of,
    place,
    status: Number(status),
    headers,
    body,
    tag,
    wait: wait === undefined ? undefined : Number(wait),
    says: facts.get("says") ?? usualMessage(body),
    param: facts.get("param"),
    code: facts.get("code"),
    errorStatus: Number(facts.get("status") ?? status),
    categories: facts.get("categories")?.split(", ") ?? [],
    isToldByStatus: facts.has("told")
  }
}

const folder = new URL(".", import.meta.url)

const names = readdirSync(folder)
  .filter((file) => file.endsWith(".txt"))
  .map((file) => file.replace(/\.txt$/, ""))
  .sort()

/** The cases of one provider. */
export const casesOf = (name: string): ReadonlyArray<ErrorCase> =>
  readFileSync(new URL(`${name}.txt`, folder), "utf8")
    .split(/^=== /m)
    .slice(1)
    .map((text, index) => readCase(name, index + 1, text))

export const errorCases: ReadonlyArray<ErrorCase> = names.flatMap(casesOf)

/** The name of a case in a report. */
export const titleOf = ({ body, of, place, status }: ErrorCase): string =>
  `${of} ${place}, ${status} ${body.replace(/\s+/g, " ").slice(0, 120)}`
