/** The messages of a chat request: their rules, their text and what they cost. */
import * as Predicate from "effect/Predicate"
import { invalid } from "./OpenAiError.js"
import * as Token from "./Token.js"
import type { Refused } from "./Wire.js"

export interface Message {
  readonly role: string
  readonly text: string
}

export interface Messages {
  readonly list: ReadonlyArray<Message>
  readonly pieces: ReadonlyArray<string>
  readonly tokens: number
}

const roles = ["system", "assistant", "user", "function", "tool", "developer"]
const partTypes = ["text", "image_url", "input_audio", "refusal", "audio", "file"]

// What OpenAI counts for the frame of a message, and for the opening of the answer.
const tokensPerMessage = 4
const tokensOfAnswerOpening = 3

export const checkMessages = (value: unknown): Messages | Refused => {
  if (value === undefined || value === null) {
    return invalid("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
  }
  if (!Array.isArray(value)) {
    return invalid(
      `Invalid type for 'messages': expected an array of objects, but got ${article(value)} instead.`,
      "messages",
      "invalid_type"
    )
  }
  if (value.length === 0) {
    return invalid(
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      "messages",
      "empty_array"
    )
  }
  const list: Array<Message> = []
  const pieces: Array<string> = []
  let tokens = tokensOfAnswerOpening
  // Calls that the last assistant message made and that no tool message has answered yet.
  let unanswered = new Set<string>()
  for (const [index, message] of value.entries()) {
    const read = checkMessage(message, `messages[${index}]`)
    if ("_tag" in read) return read
    if (read.role === "tool") {
      if (!unanswered.delete(read.answers)) return orphan(index)
    } else {
      if (unanswered.size > 0) return unansweredCalls(unanswered, index)
      unanswered = new Set(read.calls)
    }
    list.push({ role: read.role, text: read.text })
    pieces.push(read.role, ...Token.split(read.text), ...Token.split(read.callText))
    tokens += tokensPerMessage + read.tokens
  }
  if (unanswered.size > 0) return unansweredCalls(unanswered, value.length)
  return { list, pieces, tokens }
}

interface ReadMessage extends Message {
  readonly calls: ReadonlyArray<string>
  readonly callText: string
  readonly answers: string
  readonly tokens: number
}

const checkMessage = (value: unknown, at: string): ReadMessage | Refused => {
  if (!Predicate.isRecord(value)) {
    return invalid(
      `Invalid type for '${at}': expected an object, but got ${article(value)} instead.`,
      at,
      "invalid_type"
    )
  }
  const role = value["role"]
  if (role === undefined) {
    return invalid(`Missing required parameter: '${at}.role'.`, `${at}.role`, "missing_required_parameter")
  }
  if (typeof role !== "string" || !roles.includes(role)) return unknownValue(role, roles, `${at}.role`)
  const calls = Array.isArray(value["tool_calls"]) ? value["tool_calls"] : []
  const content = checkContent(value["content"], role, calls.length > 0 || typeof value["refusal"] === "string", at)
  if ("_tag" in content) return content
  const callText = calls.length === 0 ? "" : JSON.stringify(calls)
  return {
    role,
    text: content.text,
    calls: calls.map((call) => (Predicate.isRecord(call) && typeof call["id"] === "string" ? call["id"] : "")),
    callText,
    answers: typeof value["tool_call_id"] === "string" ? value["tool_call_id"] : "",
    tokens: content.tokens + Token.count(callText)
  }
}

const checkContent = (
  content: unknown,
  role: string,
  mayBeEmpty: boolean,
  at: string
): { readonly text: string; readonly tokens: number } | Refused => {
  if (typeof content === "string") return { text: content, tokens: Token.count(content) }
  if (content === undefined || content === null) {
    if (role === "assistant" && mayBeEmpty) return { text: "", tokens: 0 }
    return invalid(`Invalid value for 'content': expected a string, got null.`, `${at}.content`, null)
  }
  if (!Array.isArray(content)) {
    return invalid(
      `Invalid type for '${at}.content': expected one of a string or array of objects, but got ${article(content)} instead.`,
      `${at}.content`,
      "invalid_type"
    )
  }
  let text = ""
  let tokens = 0
  for (const [index, part] of content.entries()) {
    const type = Predicate.isRecord(part) ? part["type"] : undefined
    if (!Predicate.isRecord(part) || typeof type !== "string" || !partTypes.includes(type)) {
      return unknownValue(type, partTypes, `${at}.content[${index}].type`)
    }
    const said = part["text"] ?? part["refusal"]
    if (typeof said === "string") text += said
    else tokens += tokensOfPart(part)
  }
  return { text, tokens: tokens + Token.count(text) }
}

// OpenAI's figures for images of one tile; other parts by a plain guess.
const tokensOfPart = (part: Readonly<Record<string, unknown>>): number => {
  const image = part["image_url"]
  if (part["type"] !== "image_url") return 300
  return Predicate.isRecord(image) && image["detail"] === "low" ? 85 : 765
}

export const unknownValue = (value: unknown, allowed: ReadonlyArray<string>, param: string): Refused => {
  const names = allowed.map((name) => `'${name}'`)
  return invalid(
    `Invalid value: '${String(value)}'. Supported values are: ${names.slice(0, -1).join(", ")}, and ${names.at(-1)}.`,
    param,
    "invalid_value"
  )
}

const orphan = (index: number): Refused =>
  invalid(
    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
    `messages.[${index}].role`
  )

const unansweredCalls = (ids: ReadonlySet<string>, index: number): Refused =>
  invalid(
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. " +
      `The following tool_call_ids did not have response messages: ${[...ids].join(", ")}`,
    `messages.[${index}].role`
  )

/** A JSON value as OpenAI names its type. */
export const article = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  switch (typeof value) {
    case "number":
      return Number.isInteger(value) ? "an integer" : "a decimal"
    case "object":
      return "an object"
    default:
      return `a ${typeof value}`
  }
}
