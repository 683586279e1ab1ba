/**
 * The ids of pieces that were met lately. Each has one place, which the next piece of the same place takes: so the memory
 * is bounded, and as the bytes are copied, no text is kept alive.
 */

const places = 1 << 14

/** Longer pieces are rare, and seldom come twice. */
const longest = 32

export interface Merger {
  readonly merge: (bytes: Uint8Array, from: number, to: number) => ReadonlyArray<number>
}

export class PieceCache {
  readonly #bytes = new Uint8Array(places * longest)
  readonly #lengths = new Uint8Array(places)
  readonly #ids: Array<ReadonlyArray<number> | undefined> = Array.from({ length: places })

  /** The ids of the bytes from `from` to `to`; merged if they are not known. */
  get(bytes: Uint8Array, from: number, to: number, merger: Merger): ReadonlyArray<number> {
    const length = to - from
    if (length > longest) return merger.merge(bytes, from, to)
    let hash = 0x811c_9dc5
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x0100_0193)
    const place = (hash ^ (hash >>> 15)) & (places - 1)
    const start = place * longest
    const known = this.#ids[place]
    if (known !== undefined && this.#lengths[place] === length) {
      let same = 0
      while (same < length && this.#bytes[start + same] === bytes[from + same]) same++
      if (same === length) return known
    }
    const ids = merger.merge(bytes, from, to)
    this.#lengths[place] = length
    for (let at = 0; at < length; at++) this.#bytes[start + at] = bytes[from + at] ?? 0
    this.#ids[place] = ids
    return ids
  }
}
