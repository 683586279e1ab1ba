/** Bytes as text, exactly or not at all. */
import * as Encoding from "effect/Encoding"
import * as Either from "effect/Either"

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

export const fromText = (text: string): Uint8Array => encoder.encode(text)

/** The text that these bytes are in UTF-8; `undefined` when they are none. */
export const toText = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

export const toBase64 = (bytes: Uint8Array): string => Encoding.encodeBase64(bytes)

/** No bytes for what is no base64. */
export const fromBase64 = (text: string): Uint8Array =>
  Either.getOrElse(Encoding.decodeBase64(text), () => new Uint8Array())

/** One character per byte, so that patterns can be searched for in any bytes. */
export const toBinary = (bytes: Uint8Array): string => {
  const size = 8192
  let text = ""
  for (let at = 0; at < bytes.length; at += size) text += String.fromCharCode(...bytes.subarray(at, at + size))
  return text
}

export const fromBinary = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
