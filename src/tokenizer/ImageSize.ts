/** Width and height of a picture, from the first bytes of PNG, GIF, WebP and JPEG. */
import * as Encoding from "effect/Encoding"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Source } from "../Prompt.js"

/** In pixels. */
export interface ImageSize {
  readonly width: number
  readonly height: number
}

/** Base64 characters that are read of a JPEG, whose size may come after a preview and a colour profile. */
const mostOfJpeg = 1 << 18

/** The size, where the bytes are here and of a kind that is known. */
export const sizeOf = (source: Source): Option.Option<ImageSize> => {
  const base64 = source._tag === "Base64" ? source.base64 : /^data:[^,]*;base64,/i.exec(source.url)
  if (base64 === null) return Option.none()
  const data = typeof base64 === "string" ? base64 : source._tag === "Url" ? source.url.slice(base64[0].length) : ""
  return Option.flatMap(decode(data, 64), (head) =>
    isJpeg(head) ? Option.flatMap(decode(data, mostOfJpeg), jpeg) : small(new DataView(head.buffer))
  ).pipe(Option.filter(({ height, width }) => height > 0 && width > 0))
}

/** The bytes of the beginning. */
const decode = (base64: string, most: number): Option.Option<Uint8Array> =>
  Either.getRight(Encoding.decodeBase64(base64.length <= most ? base64 : base64.slice(0, most))).pipe(
    Option.map((bytes) => bytes.slice())
  )

const isJpeg = (head: Uint8Array): boolean => head[0] === 0xff && head[1] === 0xd8

/** PNG, GIF and WebP have it among their first 30 bytes. */
const small = (head: DataView): Option.Option<ImageSize> => {
  if (head.byteLength < 30) return Option.none()
  if (head.getUint32(0) === 0x8950_4e47) return Option.some({ width: head.getUint32(16), height: head.getUint32(20) })
  // "GIF8"
  if (head.getUint32(0) === 0x4749_4638) {
    return Option.some({ width: head.getUint16(6, true), height: head.getUint16(8, true) })
  }
  // "RIFF", "WEBP"
  return head.getUint32(0) === 0x5249_4646 && head.getUint32(8) === 0x5745_4250 ? webp(head) : Option.none()
}

const webp = (head: DataView): Option.Option<ImageSize> => {
  switch (head.getUint32(12)) {
    case 0x5650_3858: // "VP8X": 24 bits each, less one
      return Option.some({
        width: 1 + (head.getUint32(24, true) & 0xff_ffff),
        height: 1 + (head.getUint16(27, true) | (head.getUint8(29) << 16))
      })
    case 0x5650_384c: {
      // "VP8L": 14 bits each, less one
      const bits = head.getUint32(21, true)
      return Option.some({ width: 1 + (bits & 0x3fff), height: 1 + ((bits >> 14) & 0x3fff) })
    }
    case 0x5650_3820: // "VP8 "
      return Option.some({ width: head.getUint16(26, true) & 0x3fff, height: head.getUint16(28, true) & 0x3fff })
    default:
      return Option.none()
  }
}

/** Segment by segment to the one that begins a frame. */
const jpeg = (bytes: Uint8Array): Option.Option<ImageSize> => {
  const view = new DataView(bytes.buffer)
  for (let at = 2; at + 9 <= view.byteLength;) {
    if (view.getUint8(at) !== 0xff) return Option.none()
    const marker = view.getUint8(at + 1)
    if (marker === 0xff) {
      at++
    } else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return Option.some({ width: view.getUint16(at + 7), height: view.getUint16(at + 5) })
    } else {
      at += 2 + view.getUint16(at + 2)
    }
  }
  return Option.none()
}
