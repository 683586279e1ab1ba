/**
 * An image of a prompt, as every wire must have it: its bytes with their kind, or a URL that the provider fetches. What a
 * provider does not take is refused here, before anything is sent.
 */
import type * as Prompt from "../Prompt.js"
import { invalid, refuse } from "./Refusal.js"
import type { Origin } from "./Wire.js"

/** What a provider takes. */
export interface Taken {
  /** Media types such as `image/png`; empty where no images are taken. Left out: any kind. */
  readonly types?: ReadonlyArray<string> | undefined
  /** Which URLs it fetches images from; data URLs count as bytes. Default: `any` */
  readonly urls?: "any" | "https" | "none" | undefined
}

export type Image =
  | { readonly _tag: "Bytes"; readonly mediaType: string; readonly base64: string }
  | { readonly _tag: "Url"; readonly url: string; readonly mediaType: string | undefined }

/** A URL that holds the bytes themselves: their kind, and base64. */
export const dataUrl: RegExp = /^data:([^;,]*);base64,(.*)$/s

/** What only the machine that runs the program can read. */
const localProtocols: ReadonlySet<string> = new Set(["file:", "blob:", "about:", "data:"])

/** The protocol of a URL that another machine may be able to read; `undefined` for all else. */
export const protocolOf = (url: string): string | undefined => {
  const protocol = URL.canParse(url) ? new URL(url).protocol : undefined
  return protocol === undefined || localProtocols.has(protocol) ? undefined : protocol
}

/** `IMAGE/JPG` is `image/jpeg`. */
const normal = (mediaType: string): string => mediaType.toLowerCase().replace(/^image\/jpg$/, "image/jpeg")

const checkType = (mediaType: string, { types }: Taken, origin: Origin): string => {
  const type = normal(mediaType)
  if (types === undefined ? type.startsWith("image/") : types.includes(type)) return type
  const rule = types === undefined ? "an image" : types.join(", ")
  return refuse(origin, "prompt.image.mediaType", `images of type ${type} are not taken: send ${rule}`)
}

const checkUrl = (url: string, { urls = "any" }: Taken, origin: Origin): string => {
  const protocol = protocolOf(url)
  if (protocol === undefined) {
    return refuse(
      origin,
      "prompt.image.source",
      "this is no URL that a provider can fetch an image from: send its bytes"
    )
  }
  if (urls === "none" && /^https?:$/.test(protocol)) {
    return refuse(origin, "prompt.image.source", "this provider fetches no images from URLs: send the bytes")
  }
  return urls === "https" && protocol !== "https:"
    ? refuse(origin, "prompt.image.source", "this provider fetches images by https only")
    : url
}

/** The image of a part, or a refusal that names what is wrong with it. */
export const read = (
  { mediaType, source }: Pick<Prompt.ImagePart, "source" | "mediaType">,
  taken: Taken,
  origin: Origin
): Image => {
  if (taken.types?.length === 0) return refuse(origin, "prompt.Image", "this provider takes no images")
  const inside = source._tag === "Url" ? dataUrl.exec(source.url) : null
  if (source._tag === "Url" && inside === null) {
    return {
      _tag: "Url",
      url: checkUrl(source.url, taken, origin),
      mediaType: mediaType === undefined ? undefined : checkType(mediaType, taken, origin)
    }
  }
  const type = inside === null || inside[1] === "" ? mediaType : inside[1]
  if (type === undefined) {
    return invalid(origin, "prompt.image.mediaType", "an image sent as bytes needs its mediaType, such as image/png")
  }
  const base64 = source._tag === "Base64" ? source.base64 : (inside?.[2] ?? "")
  return { _tag: "Bytes", mediaType: checkType(type, taken, origin), base64 }
}
