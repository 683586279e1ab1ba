/**
 * What a user says in the chat-completions protocol: text, pictures, recordings and documents.
 */
import type * as Prompt from "../Prompt.js"
import * as FileSource from "./FileSource.js"
import type * as Images from "./Images.js"
import * as OpenAiParts from "./OpenAiParts.js"
import { refuse } from "./Refusal.js"
import type { Origin } from "./Wire.js"

type Body = Record<string, unknown>

const encodeImage = (
  part: Pick<Prompt.ImagePart, "source" | "mediaType" | "detail">,
  taken: Images.Taken,
  origin: Origin
): Body => {
  const url = OpenAiParts.imageUrl(part, origin, taken)
  return { type: "image_url", image_url: part.detail === undefined ? { url } : { url, detail: part.detail } }
}

const audioFormats: ReadonlyMap<string, string> = new Map([
  ["audio/wav", "wav"],
  ["audio/x-wav", "wav"],
  ["audio/mpeg", "mp3"],
  ["audio/mp3", "mp3"]
])

const encodeFile = (part: Prompt.FilePart, origin: Origin): Body => {
  const { mediaType, name } = part
  const source = FileSource.read(part, origin)
  if (source._tag === "Url") return refuse(origin, "file-url", "files are sent as bytes to this provider, not by URL")
  const format = audioFormats.get(mediaType)
  if (format !== undefined) return { type: "input_audio", input_audio: { data: source.base64, format } }
  if (mediaType.startsWith("audio/"))
    return refuse(origin, "audio", `audio of type ${mediaType} is not taken: send wav or mp3`)
  return { type: "file", file: OpenAiParts.fileData(mediaType, source.base64, name) }
}

/** A part of what a user says. */
export const encodePart = (part: Prompt.Part, origin: Origin, taken: Images.Taken = {}): Body => {
  switch (part._tag) {
    case "Text":
      return { type: "text", text: part.text }
    case "Image":
      return encodeImage(part, taken, origin)
    case "File":
      return /^image\//i.test(part.mediaType) ? encodeImage(part, taken, origin) : encodeFile(part, origin)
    default:
      return refuse(origin, `prompt.${part._tag}`, `a user message cannot hold a part of kind ${part._tag}`)
  }
}
