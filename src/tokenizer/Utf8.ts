/**
 * The characters of a text as UTF-8. Loops over bytes are twice as fast as over strings, of which V8 has a dozen kinds,
 * and tokens are bytes anyway.
 */

/** The UTF-8 of a text; a lone surrogate becomes U+FFFD. */
export const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The text of bytes. What is no UTF-8 becomes U+FFFD; a byte order mark stays. */
export const decode = (bytes: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)

/** The byte at an index, or 0 past the end. */
export const byteAt = (bytes: Uint8Array, index: number): number => (index < bytes.length ? (bytes[index] ?? 0) : 0)

/** The bytes of the character that begins with this byte. */
export const width = (lead: number): number => (lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4)

/** The code point of the character that begins at an index within the text. */
export const codePointAt = (bytes: Uint8Array, index: number): number => {
  const lead = bytes[index] ?? 0
  if (lead < 0x80) return lead
  const second = byteAt(bytes, index + 1) & 0x3f
  if (lead < 0xe0) return ((lead & 0x1f) << 6) | second
  const third = byteAt(bytes, index + 2) & 0x3f
  if (lead < 0xf0) return ((lead & 0x0f) << 12) | (second << 6) | third
  return ((lead & 0x07) << 18) | (second << 12) | (third << 6) | (byteAt(bytes, index + 3) & 0x3f)
}

/** Whether a character begins at an index, or the text ends there. */
export const isBoundary = (bytes: Uint8Array, index: number): boolean => (byteAt(bytes, index) & 0xc0) !== 0x80

/** How many UTF-16 units the first `end` bytes are. */
export const unitsUpTo = (bytes: Uint8Array, end: number): number => {
  let units = 0
  for (let at = 0; at < end;) {
    const length = width(bytes[at] ?? 0)
    units += length === 4 ? 2 : 1
    at += length
  }
  return units
}
