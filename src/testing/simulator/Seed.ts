/**
 * Deterministic choices: the same keys give the same sequence, on every machine and in every order of arrival.
 * Not Effect's Random, whose state would make an answer depend on the requests that came before it.
 */
import type * as Arr from "effect/Array"

/** A sequence of choices; each call takes the next one. */
export interface Choices {
  /** A number in [0, 1). */
  readonly next: () => number
  /** A whole number, both ends included. */
  readonly integer: (minimum: number, maximum: number) => number
  readonly pick: <A>(items: Arr.NonEmptyReadonlyArray<A>) => A
  /** That many characters of the alphabet; letters and digits by default. */
  readonly text: (length: number, alphabet?: string) => string
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/** The choices that belong to these keys. */
export const choices = (...keys: ReadonlyArray<string | number>): Choices => {
  const next = smallFastCounter(hash128(keys.join("\u0000")))
  const integer = (minimum: number, maximum: number): number =>
    minimum + Math.floor(next() * (Math.max(minimum, maximum) - minimum + 1))
  return {
    next,
    integer,
    pick: (items) => items[integer(0, items.length - 1)] ?? items[0],
    text: (length, alphabet = alphanumeric) => {
      let out = ""
      for (let i = 0; i < length; i++) out += alphabet.charAt(integer(0, alphabet.length - 1))
      return out
    }
  }
}

/** The hash as 32 hexadecimal digits. Not for secrets: it is fast, not strong. */
export const fingerprint = (text: string): string =>
  hash128(text)
    .map((word) => word.toString(16).padStart(8, "0"))
    .join("")

/** JSON with sorted keys, so that the order in which a client writes its fields does not change the answer. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner
  ) ?? "null"

type Words = readonly [number, number, number, number]

// cyrb128 and sfc32 (public domain, bryc): 128 bits, so that thousands of prompts do not share an answer.
const hash128 = (text: string): Words => {
  let a = 1779033703
  let b = 3144134277
  let c = 1013904242
  let d = 2773480762
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = b ^ Math.imul(a ^ code, 597399067)
    b = c ^ Math.imul(b ^ code, 2869860233)
    c = d ^ Math.imul(c ^ code, 951274213)
    d = a ^ Math.imul(d ^ code, 2716044179)
  }
  a = Math.imul(c ^ (a >>> 18), 597399067)
  b = Math.imul(d ^ (b >>> 22), 2869860233)
  c = Math.imul(a ^ (c >>> 17), 951274213)
  d = Math.imul(b ^ (d >>> 19), 2716044179)
  a ^= b ^ c ^ d
  return [a >>> 0, (b ^ a) >>> 0, (c ^ a) >>> 0, (d ^ a) >>> 0]
}

const smallFastCounter = ([first, second, third, fourth]: Words): (() => number) => {
  let a = first | 0
  let b = second | 0
  let c = third | 0
  let d = fourth | 0
  const step = (): number => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return (t >>> 0) / 4294967296
  }
  for (let i = 0; i < 12; i++) step()
  return step
}
