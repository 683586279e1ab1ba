/**
 * What both of OpenAI's chat protocols say in the same words: images and files as URLs of their data, and text.
 */
import * as Prompt from "../Prompt.js"
import { invalid, refuse } from "./Refusal.js"
import type { Origin } from "./Wire.js"

type Body = Readonly<Record<string, unknown>>

const dataUrl = (mediaType: string, base64: string): string => `data:${mediaType};base64,${base64}`

/** The URL of an image: its own, or one that holds its bytes. */
export const imageUrl = ({ mediaType, source }: Prompt.ImagePart, origin: Origin): string => {
  if (source._tag === "Url") return source.url
  return mediaType === undefined
    ? invalid(origin, "prompt.image.mediaType", "an image sent as bytes needs its mediaType, such as image/png")
    : dataUrl(mediaType, source.base64)
}

/** A file sent with the request. */
export const fileData = (mediaType: string, base64: string, name: string | undefined): Body => ({
  filename: name ?? "file",
  file_data: dataUrl(mediaType, base64)
})

/** The text of a message that can hold nothing else. */
export const onlyText = (message: Prompt.Message, origin: Origin): string => {
  const other = message.content.find((part) => part._tag !== "Text")
  return other === undefined
    ? Prompt.textOf(message)
    : refuse(origin, `prompt.${other._tag}`, `a ${message.role} message can hold text only, not ${other._tag}`)
}

/** The content of a user's message: a bare string where that is all there is. */
export const userContent = (message: Prompt.Message, encode: (part: Prompt.Part) => Body): unknown => {
  const [first, ...rest] = message.content
  return first?._tag === "Text" && rest.length === 0 ? first.text : message.content.map(encode)
}

/** The results in a message of tools, each through `encode`. */
export const toolResults = (
  message: Prompt.Message,
  origin: Origin,
  encode: (result: Prompt.ToolResultPart) => Body
): ReadonlyArray<Body> =>
  message.content.map((part) =>
    part._tag === "ToolResult"
      ? encode(part)
      : refuse(origin, `prompt.${part._tag}`, `a tool message holds tool results, not ${part._tag}`)
  )
