/**
 * The tokens of an encoding, by their bytes and by their ids. An id is also a rank: of two merges, the one that makes the
 * token of the lower id comes first.
 */

/** Higher than every rank: there is no such token. */
export const absent = 0x7fff_ffff

/** The bytes of all tokens, one after another: token `id` at `offsets[id]`, `lengths[id]` long (0: there is none). */
interface Tokens {
  readonly bytes: Uint8Array
  readonly offsets: Int32Array
  readonly lengths: Uint8Array
}

export class Ranks {
  readonly #tokens: Tokens
  /** An open-addressing hash table of ids plus 1. */
  readonly #table: Int32Array
  /** Most look-ups while merging are for two bytes. */
  readonly #pairs = new Int32Array(0x1_00_00).fill(absent)
  readonly #single = new Int32Array(0x100).fill(absent)
  /** Bytes of the longest token. */
  readonly longest: number

  /** Reads the ranks as js-tiktoken has them: lines of `!`, the first id, and tokens in base64, in the order of their ids. */
  constructor(data: string) {
    this.#tokens = parse(data)
    const { bytes, lengths, offsets } = this.#tokens
    let size = 1
    while (size < 2 * lengths.length) size *= 2
    this.#table = new Int32Array(size)
    let longest = 0
    for (let id = 0; id < lengths.length; id++) {
      const from = offsets[id] ?? 0
      const length = lengths[id] ?? 0
      if (length === 0) continue
      longest = Math.max(longest, length)
      if (length === 1) this.#single[bytes[from] ?? 0] = id
      if (length === 2) this.#pairs[((bytes[from] ?? 0) << 8) | (bytes[from + 1] ?? 0)] = id
      let slot = this.#slot(bytes, from, from + length)
      while (this.#table[slot] !== 0) slot = (slot + 1) & (size - 1)
      this.#table[slot] = id + 1
    }
    this.longest = longest
  }

  /** The id of the token of these bytes, or `absent`. */
  find(bytes: Uint8Array, from: number, to: number): number {
    const length = to - from
    if (length === 2) return this.pair(bytes, from)
    if (length === 1) return this.#single[bytes[from] ?? 0] ?? absent
    if (length > this.longest) return absent
    const { bytes: all, lengths, offsets } = this.#tokens
    const mask = this.#table.length - 1
    for (let slot = this.#slot(bytes, from, to); ; slot = (slot + 1) & mask) {
      const id = (this.#table[slot] ?? 0) - 1
      if (id < 0) return absent
      if (lengths[id] !== length) continue
      const offset = offsets[id] ?? 0
      let same = 0
      while (same < length && all[offset + same] === bytes[from + same]) same++
      if (same === length) return id
    }
  }

  /** The id of the token of two bytes, or `absent`. */
  pair(bytes: Uint8Array, from: number): number {
    return this.#pairs[((bytes[from] ?? 0) << 8) | (bytes[from + 1] ?? 0)] ?? absent
  }

  /** The bytes of a token, or `undefined` for what is no id. */
  bytesOf(id: number): Uint8Array | undefined {
    const { bytes, lengths, offsets } = this.#tokens
    const length = lengths[id] ?? 0
    const offset = offsets[id] ?? 0
    return length === 0 ? undefined : bytes.subarray(offset, offset + length)
  }

  /** FNV-1a. */
  #slot(bytes: Uint8Array, from: number, to: number): number {
    let hash = 0x811c_9dc5
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x0100_0193)
    return (hash ^ (hash >>> 15)) & (this.#table.length - 1)
  }
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// 200,000 tokens one by one: a general base64 decoder would take most of the time until the first count.
const parse = (data: string): Tokens => {
  const digits = new Uint8Array(0x80)
  for (let value = 0; value < alphabet.length; value++) digits[alphabet.charCodeAt(value)] = value

  const lines = data.split("\n").filter((line) => line !== "")
  const starts = lines.map((line) => /^! (\d+) /.exec(line) ?? [line, "0"])
  // A token takes at least five characters, with its space.
  const capacity = Math.max(...lines.map((line, index) => Number(starts[index]?.[1]) + Math.ceil(line.length / 5)), 0)
  const bytes = new Uint8Array(Math.ceil((data.length * 3) / 4))
  const offsets = new Int32Array(capacity)
  const lengths = new Uint8Array(capacity)
  let end = 0
  let count = 0

  for (const [index, line] of lines.entries()) {
    let id = Number(starts[index]?.[1])
    let start = end
    let bits = 0
    let held = 0
    for (let at = starts[index]?.[0]?.length ?? 0; at <= line.length; at++) {
      // Past the end it is NaN, which is no space and ends a token like one.
      const unit = at < line.length ? line.charCodeAt(at) : 0x20
      if (unit === 0x20) {
        offsets[id] = start
        lengths[id] = end - start
        id++
        start = end
        bits = 0
        held = 0
      } else if (unit !== 0x3d) {
        bits = (bits << 6) | (digits[unit] ?? 0)
        held += 6
        if (held >= 8) {
          held -= 8
          bytes[end++] = bits >> held
        }
      }
    }
    count = Math.max(count, id)
  }
  return { bytes: bytes.slice(0, end), offsets: offsets.slice(0, count), lengths: lengths.slice(0, count) }
}
