/**
 * A prompt as the messages protocol takes it: the system text apart, users and assistants in turns, and everything said
 * in blocks of content. The results of tools are blocks of the user's.
 */
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import type * as Prompt from "../Prompt.js"
import * as FileSource from "./FileSource.js"
import * as Images from "./Images.js"
import * as Json from "./Json.js"
import { invalid, refuse } from "./Refusal.js"
import * as Signature from "./Signature.js"
import * as ToolCallIds from "./ToolCallIds.js"
import type { Origin } from "./Wire.js"

type Block = Readonly<Record<string, unknown>>

interface Turn {
  readonly role: "user" | "assistant"
  readonly content: ReadonlyArray<Block>
}

export interface Encoded {
  readonly system: string
  readonly messages: ReadonlyArray<Turn>
  /** The model goes on with a turn that it began without thinking, or that another model began. */
  readonly continuesWithoutThought: boolean
  /** What was not sent as it stood, each said once. */
  readonly notes: ReadonlyArray<string>
}

interface Context {
  readonly origin: Origin
  readonly notes: Set<string>
}

// -----------------------------------------------------------------------------
// Reasoning
// -----------------------------------------------------------------------------

/** Thoughts that the provider gives out encrypted are kept as a signature; a colon is in no other. */
const redacted = "redacted_thinking:"

export const redactedSignature = (data: string): string => redacted + data

const encodeReasoning = (part: Prompt.ReasoningPart, { notes, origin }: Context): ReadonlyArray<Block> => {
  const signature = Signature.forProvider(part, origin)
  if (signature === undefined) {
    notes.add("reasoning without this provider's signature is not sent back to it")
    return []
  }
  return signature.startsWith(redacted)
    ? [{ type: "redacted_thinking", data: signature.slice(redacted.length) }]
    : [{ type: "thinking", thinking: part.text, signature }]
}

// -----------------------------------------------------------------------------
// Images and files
// -----------------------------------------------------------------------------

const images: Images.Taken = { types: ["image/jpeg", "image/png", "image/gif", "image/webp"], urls: "https" }

const encodeImage = (
  part: Pick<Prompt.ImagePart, "source" | "mediaType" | "detail">,
  { notes, origin }: Context
): Block => {
  if (part.detail !== undefined) notes.add("how closely to look at an image cannot be said to this provider")
  const image = Images.read(part, images, origin)
  return {
    type: "image",
    source:
      image._tag === "Url"
        ? { type: "url", url: image.url }
        : { type: "base64", media_type: image.mediaType, data: image.base64 }
  }
}

const encodeDocument = (part: Prompt.FilePart, origin: Origin): Block => {
  const { mediaType, name } = part
  const source = FileSource.read(part, origin)
  const document = (encoded: Block): Block => ({ type: "document", source: encoded, title: name })
  const type = mediaType.toLowerCase()
  if (type === "application/pdf") {
    return document(
      source._tag === "Url"
        ? { type: "url", url: source.url }
        : { type: "base64", media_type: type, data: source.base64 }
    )
  }
  if (!type.startsWith("text/")) {
    return refuse(
      origin,
      "prompt.file.mediaType",
      `files of type ${mediaType} are not taken: send application/pdf or text`
    )
  }
  if (source._tag === "Url")
    return refuse(origin, "file-url", "only PDF documents are fetched from a URL: send the text itself")
  const text = Encoding.decodeBase64String(source.base64)
  return Either.isRight(text)
    ? document({ type: "text", media_type: "text/plain", data: text.right })
    : invalid(origin, "prompt.file.source", "the bytes of a file are no base64")
}

// -----------------------------------------------------------------------------
// Parts
// -----------------------------------------------------------------------------

/** Blank text is refused as a block. */
const encodeText = (text: string): ReadonlyArray<Block> => (text.trim() === "" ? [] : [{ type: "text", text }])

/** A model may have written arguments that are no object, and the protocol takes nothing else: they go back in one. */
const encodeInput = (text: string, { notes }: Context): Json.JsonRecord => {
  const input = Json.record(text.trim() === "" ? {} : Json.parse(text))
  if (input !== undefined) return input
  notes.add("arguments of a tool call that are no JSON object are sent back inside of one")
  return { INVALID_JSON: text }
}

const callId = (id: string): string => ToolCallIds.fitting(id, /^[\w-]+$/)

const encodePart = (part: Prompt.Part, role: "user" | "assistant", context: Context): ReadonlyArray<Block> => {
  switch (part._tag) {
    case "Text":
      return encodeText(part.text)
    case "Image":
      if (role === "user") return [encodeImage(part, context)]
      break
    case "File":
      if (role === "user") {
        return [
          part.mediaType.toLowerCase().startsWith("image/")
            ? encodeImage(part, context)
            : encodeDocument(part, context.origin)
        ]
      }
      break
    case "ToolCall":
      if (role === "assistant") {
        return [{ type: "tool_use", id: callId(part.id), name: part.name, input: encodeInput(part.arguments, context) }]
      }
      break
    case "ToolResult":
      if (role === "user") {
        return [{ type: "tool_result", tool_use_id: callId(part.id), content: part.content, is_error: part.isError }]
      }
      break
    case "Reasoning":
      if (role === "assistant") return encodeReasoning(part, context)
      break
    default:
      return part satisfies never
  }
  return refuse(
    context.origin,
    `prompt.${part._tag}`,
    `a message of the ${role} cannot hold a part of kind ${part._tag}`
  )
}

// -----------------------------------------------------------------------------
// Messages
// -----------------------------------------------------------------------------

const encodeSystem = (message: Prompt.Message, { origin }: Context): string =>
  message.content
    .map((part) =>
      part._tag === "Text"
        ? part.text
        : refuse(origin, `prompt.${part._tag}`, `a system message can hold text only, not ${part._tag}`)
    )
    .join("")

const resultsFirst = (content: ReadonlyArray<Block>): ReadonlyArray<Block> => {
  const results = content.filter((block) => block["type"] === "tool_result")
  return results.length === 0 ? content : [...results, ...content.filter((block) => block["type"] !== "tool_result")]
}

/** An answer that is begun for the model must not end in a blank. */
const withoutTrailingBlank = (turns: ReadonlyArray<Turn>): ReadonlyArray<Turn> => {
  const last = turns.at(-1)
  const text = last?.content.at(-1)?.["text"]
  if (last?.role !== "assistant" || typeof text !== "string") return turns
  return [
    ...turns.slice(0, -1),
    { ...last, content: [...last.content.slice(0, -1), { type: "text", text: text.trimEnd() }] }
  ]
}

const thoughts: ReadonlySet<unknown> = new Set(["thinking", "redacted_thinking"])

const continuesWithoutThought = (turns: ReadonlyArray<Turn>): boolean => {
  const last = turns.at(-1)
  const open =
    last?.role === "assistant" ? last : last?.content[0]?.["type"] === "tool_result" ? turns.at(-2) : undefined
  return open !== undefined && !thoughts.has(open.content[0]?.["type"])
}

export const encode = (prompt: Prompt.Prompt, origin: Origin): Encoded => {
  const context: Context = { origin, notes: new Set() }
  const system: Array<string> = []
  const turns: Array<Turn> = []
  for (const message of prompt) {
    if (message.name !== undefined) context.notes.add("names of speakers are not sent to this provider")
    if (message.role === "system") {
      if (turns.length > 0) context.notes.add("all system messages are sent before the conversation")
      system.push(encodeSystem(message, context))
      continue
    }
    const role = message.role === "assistant" ? "assistant" : "user"
    const content = message.content.flatMap((part) => encodePart(part, role, context))
    const before = turns.at(-1)
    if (content.length === 0) continue
    if (before?.role === role) turns[turns.length - 1] = { role, content: [...before.content, ...content] }
    else turns.push({ role, content })
  }
  if (turns.length === 0)
    return invalid(origin, "prompt", "the prompt needs a message that is not of the system, and not blank")
  const messages = withoutTrailingBlank(turns.map((turn) => ({ ...turn, content: resultsFirst(turn.content) })))
  return {
    system: system.filter((text) => text.trim() !== "").join("\n\n"),
    messages,
    continuesWithoutThought: continuesWithoutThought(messages),
    notes: [...context.notes]
  }
}
