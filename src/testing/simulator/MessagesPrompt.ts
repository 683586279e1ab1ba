/** The messages of a request in the messages protocol: their rules, their text and what they cost. */
import * as Predicate from "effect/Predicate"
import * as Encoding from "effect/Encoding"
import { invalid } from "./MessagesError.js"
import type { Message } from "./OpenAiMessages.js"
import * as Seed from "./Seed.js"
import * as Token from "./Token.js"
import type { Refused } from "./Wire.js"

type Fields = Readonly<Record<string, unknown>>

export interface Messages {
  readonly list: ReadonlyArray<Message>
  readonly pieces: ReadonlyArray<string>
  readonly tokens: number
}

interface Block {
  readonly type: string
  readonly fields: Fields
  /** What is read of it as text; images and the like only count. */
  readonly text: string
}

const tokensPerMessage = 4
const tokensOfImage = 1500

const imageTypes = ["image/jpeg", "image/png", "image/gif", "image/webp"]

/** Proves that a thought came from here; a client has to send it back as it was. */
export const signatureOf = (thinking: string): string =>
  Encoding.encodeBase64(Seed.fingerprint(`signature ${thinking}`))

// --- Blocks --------------------------------------------------------------------

const required = (at: string): Refused => invalid(`${at}: Field required`)

const checkSource = (source: unknown, at: string, allowed: ReadonlyArray<string>): Refused | undefined => {
  if (!Predicate.isRecord(source)) return required(at)
  if (source["type"] === "url") return typeof source["url"] === "string" ? undefined : required(`${at}.url`)
  const mediaType = String(source["media_type"])
  if (!allowed.includes(mediaType)) {
    return invalid(`${at}.media_type: Input should be ${allowed.map((type) => `'${type}'`).join(" or ")}`)
  }
  return typeof source["data"] === "string" ? undefined : required(`${at}.data`)
}

const checkText = (text: unknown, at: string): Refused | undefined => {
  if (typeof text !== "string") return required(`${at}.text`)
  if (text === "") return invalid(`${at}: text content blocks must be non-empty`)
  return text.trim() === "" ? invalid(`${at}: text content blocks must contain non-whitespace text`) : undefined
}

/** What is wrong with a block, by its type; a type that is not here has no place with the role. */
const checks: Readonly<Record<string, Readonly<Record<string, (block: Fields, at: string) => Refused | undefined>>>> = {
  user: {
    text: (block, at) => checkText(block["text"], at),
    image: (block, at) => checkSource(block["source"], `${at}.source`, imageTypes),
    document: (block, at) => checkSource(block["source"], `${at}.source`, ["application/pdf", "text/plain"]),
    tool_result: (block, at) => (typeof block["tool_use_id"] === "string" ? undefined : required(`${at}.tool_use_id`))
  },
  assistant: {
    text: (block, at) => checkText(block["text"], at),
    tool_use: (block, at) =>
      Predicate.isRecord(block["input"]) ? undefined : invalid(`${at}.input: Input should be a valid dictionary`),
    thinking: (block, at) =>
      block["signature"] === signatureOf(String(block["thinking"]))
        ? undefined
        : invalid(`${at}: Invalid \`signature\` in \`thinking\` block`),
    redacted_thinking: (block, at) => (typeof block["data"] === "string" ? undefined : required(`${at}.data`))
  }
}

const textOf = (type: string, fields: Fields): string => {
  const text = type === "tool_result" ? fields["content"] : fields["text"]
  return typeof text === "string" ? text : type === "tool_use" ? JSON.stringify([fields["name"], fields["input"]]) : ""
}

const readBlocks = (content: unknown, role: string, at: string): ReadonlyArray<Block> | Refused => {
  const list: unknown = typeof content === "string" ? [{ type: "text", text: content }] : content
  if (!Array.isArray(list) || list.length === 0) return invalid(`${at}: all messages must have non-empty content`)
  const blocks: Array<Block> = []
  for (const [index, fields] of list.entries()) {
    const here = `${at}.content.${index}`
    const type = Predicate.isRecord(fields) ? String(fields["type"]) : ""
    const check = checks[role]?.[type]
    if (!Predicate.isRecord(fields) || check === undefined) {
      return invalid(`${here}: Input tag '${type}' found using 'type' does not match any of the expected tags`)
    }
    const fault = check(fields, here)
    if (fault !== undefined) return fault
    blocks.push({ type, fields, text: textOf(type, fields) })
  }
  return blocks
}

// --- Messages ------------------------------------------------------------------

const idsOf = (blocks: ReadonlyArray<Block>, type: string, field: string): ReadonlyArray<string> =>
  blocks.filter((block) => block.type === type).map((block) => String(block.fields[field]))

/** Every call is answered by the next message, before anything else is said in it. */
const checkResults = (blocks: ReadonlyArray<Block>, calls: ReadonlyArray<string>, at: string): Refused | undefined => {
  const results = idsOf(blocks, "tool_result", "tool_use_id")
  const stray = results.find((id) => !calls.includes(id))
  if (stray !== undefined) return invalid(`${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stray}`)
  const open = calls.filter((id) => !results.includes(id))
  const areFirst = blocks.slice(0, results.length).every((block) => block.type === "tool_result")
  return open.length === 0 && areFirst
    ? undefined
    : invalid(
        `${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${(areFirst ? open : calls).join(", ")}`
      )
}

const isImage = (block: Block): boolean => block.type === "image" || block.type === "document"

export const check = (system: unknown, value: unknown): Messages | Refused => {
  if (!Array.isArray(value)) return required("messages")
  if (value.length === 0) return invalid("messages: at least one message is required")
  const list: Array<Message> = typeof system === "string" ? [{ role: "system", text: system }] : []
  let images = 0
  let calls: ReadonlyArray<string> = []
  for (const [index, message] of value.entries()) {
    const at = `messages.${index}`
    const role = Predicate.isRecord(message) ? message["role"] : undefined
    if (!Predicate.isRecord(message) || (role !== "user" && role !== "assistant")) {
      return invalid(`${at}.role: Input should be 'user' or 'assistant'`)
    }
    const blocks = readBlocks(message["content"], role, at)
    if ("_tag" in blocks) return blocks
    const fault = checkResults(blocks, calls, at)
    if (fault !== undefined) return fault
    calls = idsOf(blocks, "tool_use", "id")
    images += blocks.filter(isImage).length
    for (const block of blocks) {
      list.push({ role: block.type === "tool_result" ? "tool" : role, text: block.text })
    }
    if (index === value.length - 1 && role === "assistant" && /\s$/.test(blocks.at(-1)?.text ?? "")) {
      return invalid("messages: final assistant content cannot end with trailing whitespace")
    }
  }
  if (calls.length > 0) return checkResults([], calls, `messages.${value.length - 1}`) ?? required("messages")
  const pieces = list.flatMap((message) => [message.role, ...Token.split(message.text)])
  return { list, pieces, tokens: pieces.length + list.length * tokensPerMessage + images * tokensOfImage }
}
