/** The input of a Responses request: the rules of its items, their text and what they cost. */
import * as Predicate from "effect/Predicate"
import { invalid } from "./OpenAiError.js"
import { article, type Message, type Messages, unknownValue } from "./OpenAiMessages.js"
import * as Seed from "./Seed.js"
import * as Token from "./Token.js"
import type { Refused } from "./Wire.js"

type Fields = Readonly<Record<string, unknown>>

const tokensPerItem = 4
const tokensOfAnswerOpening = 3
const tokensOfImage = 765
const tokensOfFile = 300

const required = (param: string): Refused =>
  invalid(`Missing required parameter: '${param}'.`, param, "missing_required_parameter")

const wrongType = (param: string, expected: string, value: unknown): Refused =>
  invalid(
    `Invalid type for '${param}': expected ${expected}, but got ${article(value)} instead.`,
    param,
    "invalid_type"
  )

// --- Encrypted thoughts ----------------------------------------------------------

/** Thoughts that only this simulator can have written. */
export const encrypted = (key: string): string => `gAAAAAB${key}${Seed.fingerprint(`encrypted ${key}`)}`

const isOurs = (content: string): boolean => {
  const [, key = ""] = /^gAAAAAB(\w{32})\w{32}$/.exec(content) ?? []
  return content === encrypted(key)
}

// --- Content ---------------------------------------------------------------------

interface Content {
  readonly text: string
  readonly tokens: number
}

const contentTypes: Readonly<Record<string, ReadonlyArray<string>>> = {
  user: ["input_text", "input_image", "input_file"],
  system: ["input_text", "input_image", "input_file"],
  developer: ["input_text", "input_image", "input_file"],
  assistant: ["output_text", "refusal"]
}

const oneOf = (part: Fields, names: ReadonlyArray<string>, at: string): Refused | undefined =>
  names.some((name) => typeof part[name] === "string")
    ? undefined
    : invalid(`Missing required parameter: one of ${names.map((name) => `'${at}.${name}'`).join(" or ")}.`, at)

const checkPart = (part: unknown, role: string, at: string): Content | Refused => {
  const types = contentTypes[role] ?? []
  const type = Predicate.isRecord(part) ? part["type"] : undefined
  if (!Predicate.isRecord(part) || typeof type !== "string" || !types.includes(type))
    return unknownValue(type, types, at)
  if (type === "input_image") {
    return (
      oneOf(part, ["image_url", "file_id"], at) ?? { text: "", tokens: part["detail"] === "low" ? 85 : tokensOfImage }
    )
  }
  if (type === "input_file") {
    const data = part["file_data"]
    if (typeof data === "string" && !/^data:[^;,]+;base64,/.test(data)) {
      return invalid(
        `Invalid '${at}.file_data'. Expected a base64-encoded data URL with a MIME type ` +
          "(e.g. 'data:application/pdf;base64,aGVsbG8gd29ybGQ=').",
        `${at}.file_data`,
        "invalid_value"
      )
    }
    return oneOf(part, ["file_data", "file_url", "file_id"], at) ?? { text: "", tokens: tokensOfFile }
  }
  const field = type === "refusal" ? "refusal" : "text"
  const text = part[field]
  return typeof text === "string" ? { text, tokens: Token.count(text) } : required(`${at}.${field}`)
}

const checkContent = (content: unknown, role: string, at: string): Content | Refused => {
  if (typeof content === "string") return { text: content, tokens: Token.count(content) }
  if (content === undefined) return required(at)
  if (!Array.isArray(content)) return wrongType(at, "one of an array of objects or string", content)
  let text = ""
  let tokens = 0
  for (const [index, part] of content.entries()) {
    const read = checkPart(part, role, `${at}[${index}]`)
    if ("_tag" in read) return read
    text += read.text
    tokens += read.tokens
  }
  return { text, tokens }
}

// --- Items -----------------------------------------------------------------------

interface Item extends Message {
  readonly tokens: number
  /** The call that it makes, or the one that it answers. */
  readonly calls?: string
  readonly answers?: string
}

const roles = ["assistant", "system", "developer", "user"]

const types = ["message", "reasoning", "function_call", "function_call_output"]

const checkMessage = (item: Fields, at: string): Item | Refused => {
  const { content, role } = item
  if (role === undefined) return required(`${at}.role`)
  if (typeof role !== "string" || !roles.includes(role)) return unknownValue(role, roles, `${at}.role`)
  if (item["name"] !== undefined) return invalid(`Unknown parameter: '${at}.name'.`, `${at}.name`, "unknown_parameter")
  const read = checkContent(content, role, `${at}.content`)
  return "_tag" in read ? read : { role, ...read }
}

const checkReasoning = (item: Fields, at: string, isReasoning: boolean): Item | Refused => {
  const { encrypted_content: content, id, summary } = item
  if (!Array.isArray(summary)) return required(`${at}.summary`)
  if (!isReasoning) {
    return invalid(
      "Reasoning input items can only be provided to a reasoning or computer use model. Remove reasoning items from " +
        "your input and try again.",
      "input"
    )
  }
  if (typeof content !== "string") {
    return typeof id === "string"
      ? {
          ...invalid(
            `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with ` +
              "`store` set to true, or remove this item from your input.",
            "input"
          ),
          status: 404
        }
      : required(`${at}.id`)
  }
  return isOurs(content)
    ? { role: "assistant", text: "", tokens: 64 }
    : invalid(
        `The encrypted content ${content.slice(0, 8)}... could not be verified. Reason: Encrypted content could not be ` +
          "decrypted or parsed.",
        null,
        "invalid_encrypted_content"
      )
}

const checkCall = (item: Fields, at: string): Item | Refused => {
  const missing = ["arguments", "call_id", "name"].find((field) => typeof item[field] !== "string")
  if (missing !== undefined) return required(`${at}.${missing}`)
  const text = `${String(item["name"])} ${String(item["arguments"])}`
  return { role: "assistant", text: "", tokens: Token.count(text), calls: String(item["call_id"]) }
}

const checkOutput = (item: Fields, at: string): Item | Refused => {
  const { call_id: id, output } = item
  if (typeof id !== "string") return required(`${at}.call_id`)
  const read = checkContent(output, "user", `${at}.output`)
  return "_tag" in read ? read : { role: "tool", answers: id, ...read }
}

const checkItem = (item: unknown, at: string, isReasoning: boolean): Item | Refused => {
  if (!Predicate.isRecord(item)) return wrongType(at, "an object", item)
  switch (item["type"] ?? "message") {
    case "message":
      return checkMessage(item, at)
    case "reasoning":
      return checkReasoning(item, at, isReasoning)
    case "function_call":
      return checkCall(item, at)
    case "function_call_output":
      return checkOutput(item, at)
    default:
      return unknownValue(item["type"], types, at)
  }
}

// --- All of them -----------------------------------------------------------------

/** `isReasoning`: the model takes what it thought before. */
export const check = (input: unknown, instructions: unknown, isReasoning: boolean): Messages | Refused => {
  if (input === undefined || input === null) {
    return invalid(
      "One of 'input' or 'previous_response_id' or 'prompt' or 'conversation_id' must be provided.",
      "input",
      "missing_required_parameter"
    )
  }
  const items: unknown = typeof input === "string" ? [{ role: "user", content: input }] : input
  if (!Array.isArray(items)) return wrongType("input", "one of a string or an array of input items", input)
  const list: Array<Message> = typeof instructions === "string" ? [{ role: "system", text: instructions }] : []
  let tokens = tokensOfAnswerOpening + list.reduce((sum, { text }) => sum + tokensPerItem + Token.count(text), 0)
  const unanswered = new Set<string>()
  for (const [index, item] of items.entries()) {
    const read = checkItem(item, `input[${index}]`, isReasoning)
    if ("_tag" in read) return read
    if (read.calls !== undefined) unanswered.add(read.calls)
    if (read.answers !== undefined && !unanswered.delete(read.answers))
      return invalid(`No tool call found for function call output with call_id ${read.answers}.`, "input")
    list.push({ role: read.role, text: read.text })
    tokens += tokensPerItem + read.tokens
  }
  const [open] = unanswered
  return open === undefined
    ? { list, pieces: list.flatMap(({ role, text }) => [role, ...Token.split(text)]), tokens }
    : invalid(`No tool output found for function call ${open}.`, "input")
}
