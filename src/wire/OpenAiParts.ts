/**
 * What both of OpenAI's chat protocols say in the same words: images and files as URLs of their data, and text.
 */
import * as Prompt from "../Prompt.js"
import * as Images from "./Images.js"
import { refuse } from "./Refusal.js"
import type { Origin } from "./Wire.js"

type Body = Readonly<Record<string, unknown>>

const dataUrl = (mediaType: string, base64: string): string => `data:${mediaType};base64,${base64}`

/** The images that OpenAI's own models take. */
export const images: Images.Taken = { types: ["image/png", "image/jpeg", "image/gif", "image/webp"] }

/** The URL of an image: its own, or one that holds its bytes. */
export const imageUrl = (
  part: Pick<Prompt.ImagePart, "source" | "mediaType">,
  origin: Origin,
  taken: Images.Taken
): string => {
  const image = Images.read(part, taken, origin)
  return image._tag === "Url" ? image.url : dataUrl(image.mediaType, image.base64)
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
