/**
 * Where the bytes of a file are, as every wire must have it: in the request, or at a URL that the provider fetches.
 */
import type * as Prompt from "../Prompt.js"
import { dataUrl, protocolOf } from "./Images.js"
import { refuse } from "./Refusal.js"
import type { Origin } from "./Wire.js"

/** A data URL becomes bytes; what only this machine can read is refused. */
export const read = ({ source }: Prompt.FilePart, origin: Origin): Prompt.Source => {
  if (source._tag === "Base64") return source
  const base64 = dataUrl.exec(source.url)?.[2]
  if (base64 !== undefined) return { _tag: "Base64", base64 }
  return protocolOf(source.url) === undefined
    ? refuse(
        origin,
        "prompt.file.source",
        "this is no URL that a provider can fetch a file from: send its bytes, as Prompt.fileBytes does"
      )
    : source
}
