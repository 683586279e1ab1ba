/**
 * A prompt as the Responses protocol takes it: a list of items, where messages, thoughts, calls and their results stand
 * side by side.
 */
import type * as Prompt from "../Prompt.js"
import * as FileSource from "./FileSource.js"
import * as OpenAiParts from "./OpenAiParts.js"
import { refuse } from "./Refusal.js"
import * as Signature from "./Signature.js"
import type { Origin } from "./Wire.js"

type Item = Readonly<Record<string, unknown>>

export interface Encoded {
  readonly input: ReadonlyArray<Item>
  /** What was not sent as it stood, each said once. */
  readonly notes: ReadonlyArray<string>
}

interface Context {
  readonly origin: Origin
  readonly takesReasoning: boolean
  readonly notes: Set<string>
}

// -----------------------------------------------------------------------------
// Users
// -----------------------------------------------------------------------------

const encodeFile = (part: Prompt.FilePart, origin: Origin): Item => {
  const { mediaType, name } = part
  const source = FileSource.read(part, origin)
  if (mediaType.toLowerCase().startsWith("audio/"))
    return refuse(origin, "audio", "this protocol takes no audio: OpenAI's chat completions do")
  return source._tag === "Url"
    ? { type: "input_file", file_url: source.url }
    : { type: "input_file", ...OpenAiParts.fileData(mediaType, source.base64, name) }
}

const encodeUserPart = (part: Prompt.Part, origin: Origin): Item => {
  switch (part._tag) {
    case "Text":
      return { type: "input_text", text: part.text }
    case "Image":
      return {
        type: "input_image",
        image_url: OpenAiParts.imageUrl(part, origin, OpenAiParts.images),
        detail: part.detail
      }
    case "File":
      return /^image\//i.test(part.mediaType)
        ? { type: "input_image", image_url: OpenAiParts.imageUrl(part, origin, OpenAiParts.images) }
        : encodeFile(part, origin)
    default:
      return refuse(origin, `prompt.${part._tag}`, `a user message cannot hold a part of kind ${part._tag}`)
  }
}

// -----------------------------------------------------------------------------
// Assistants
// -----------------------------------------------------------------------------

/** Thoughts go back encrypted, without the id of their item: nothing is stored under it. */
const encodeReasoning = (
  part: Prompt.ReasoningPart,
  { notes, origin, takesReasoning }: Context
): ReadonlyArray<Item> => {
  const signature = Signature.forProvider(part, origin)
  if (takesReasoning && signature !== undefined) {
    return [
      {
        type: "reasoning",
        summary: part.text === "" ? [] : [{ type: "summary_text", text: part.text }],
        encrypted_content: signature
      }
    ]
  }
  notes.add(
    takesReasoning
      ? "reasoning without this provider's signature is not sent back to it"
      : `${origin.model} takes no reasoning: that of earlier answers was not sent`
  )
  return []
}

const encodeAssistantPart = (part: Prompt.Part, context: Context): ReadonlyArray<Item> => {
  switch (part._tag) {
    case "Text":
      return part.text === "" ? [] : [{ role: "assistant", content: part.text }]
    case "Reasoning":
      return encodeReasoning(part, context)
    case "ToolCall":
      return [{ type: "function_call", call_id: part.id, name: part.name, arguments: part.arguments }]
    default:
      return refuse(
        context.origin,
        `prompt.${part._tag}`,
        `an assistant message cannot hold a part of kind ${part._tag}`
      )
  }
}

// -----------------------------------------------------------------------------
// Messages
// -----------------------------------------------------------------------------

const encodeMessage = (message: Prompt.Message, context: Context): ReadonlyArray<Item> => {
  const { notes, origin } = context
  if (message.name !== undefined) notes.add("names of speakers are not sent to this provider")
  switch (message.role) {
    case "system":
      return [{ role: "system", content: OpenAiParts.onlyText(message, origin) }]
    case "user":
      return [{ role: "user", content: OpenAiParts.userContent(message, (part) => encodeUserPart(part, origin)) }]
    case "assistant":
      return message.content.flatMap((part) => encodeAssistantPart(part, context))
    case "tool":
      return OpenAiParts.toolResults(message, origin, ({ content, id }) => ({
        type: "function_call_output",
        call_id: id,
        output: content
      }))
  }
}

export const encode = (prompt: Prompt.Prompt, origin: Origin, takesReasoning: boolean): Encoded => {
  const context: Context = { origin, takesReasoning, notes: new Set() }
  return { input: prompt.flatMap((message) => encodeMessage(message, context)), notes: [...context.notes] }
}
