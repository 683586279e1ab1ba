/**
 * Byte pair merging: of all neighbours that make a token together, those of the lowest rank are joined, the leftmost
 * first, until none are left.
 */
import { absent, type Ranks } from "./Ranks.js"

/** Bytes up to which looking for the lowest rank again after every merge is the cheapest. */
export const shortPiece = 96

/** Merges up to `shortPiece` bytes. */
export class ShortMerge {
  readonly #ranks: Ranks
  readonly #starts = new Int32Array(shortPiece + 1)
  /** The rank of the token that a part makes with the next one. */
  readonly #joined = new Int32Array(shortPiece + 1)

  constructor(ranks: Ranks) {
    this.#ranks = ranks
  }

  /** The ids of the bytes from `from` to `to`. */
  merge(bytes: Uint8Array, from: number, to: number): ReadonlyArray<number> {
    const starts = this.#starts
    const joined = this.#joined
    let parts = to - from
    for (let part = 0; part <= parts; part++) {
      starts[part] = from + part
      joined[part] = part + 1 < parts ? this.#ranks.pair(bytes, from + part) : absent
    }
    for (;;) {
      let lowest = absent
      let at = -1
      for (let part = 0; part < parts - 1; part++) {
        const rank = joined[part] ?? absent
        if (rank < lowest) {
          lowest = rank
          at = part
        }
      }
      if (at < 0) break
      starts.copyWithin(at + 1, at + 2, parts + 1)
      joined.copyWithin(at + 1, at + 2, parts + 1)
      parts--
      joined[at] = this.#rankOfTwo(bytes, at, parts)
      if (at > 0) joined[at - 1] = this.#rankOfTwo(bytes, at - 1, parts)
    }
    const ids: Array<number> = []
    for (let part = 0; part < parts; part++) {
      ids.push(this.#ranks.find(bytes, starts[part] ?? 0, starts[part + 1] ?? 0))
    }
    return ids
  }

  #rankOfTwo(bytes: Uint8Array, part: number, parts: number): number {
    return part + 2 <= parts ? this.#ranks.find(bytes, this.#starts[part] ?? 0, this.#starts[part + 2] ?? 0) : absent
  }
}

/** Merges between two pauses. */
const mergesPerStep = 1 << 15

/**
 * Merges any number of bytes in O(n log n): a linked list of parts, and a heap of what could be joined. It yields now and
 * then, so that megabytes without a space do not stop everything else.
 */
export function* mergeLong(ranks: Ranks, bytes: Uint8Array): Generator<void, ReadonlyArray<number>> {
  const length = bytes.length
  // Parts are named by their first byte.
  const next = new Int32Array(length)
  const previous = new Int32Array(length)
  /** The rank of the token that a part makes with the next one. What is in the heap with another rank is out of date. */
  const joined = new Int32Array(length)
  const heap = new MinHeap(2 * length)

  for (let part = 0; part < length; part++) {
    next[part] = part + 1
    previous[part] = part - 1
    const rank = part + 1 < length ? ranks.pair(bytes, part) : absent
    joined[part] = rank
    if (rank !== absent) heap.push(rank * positions + part)
    if (part % mergesPerStep === mergesPerStep - 1) yield
  }

  const rejoin = (part: number): void => {
    const second = next[part] ?? length
    const rank = second < length ? ranks.find(bytes, part, next[second] ?? length) : absent
    joined[part] = rank
    if (rank !== absent) heap.push(rank * positions + part)
  }

  for (let steps = 1; heap.size > 0; steps++) {
    if (steps % mergesPerStep === 0) yield
    const lowest = heap.pop()
    const part = lowest % positions
    if (joined[part] !== (lowest - part) / positions) continue
    const second = next[part] ?? length
    const third = next[second] ?? length
    next[part] = third
    joined[second] = absent
    if (third < length) previous[third] = part
    rejoin(part)
    const before = previous[part] ?? -1
    if (before >= 0) rejoin(before)
  }

  const ids: Array<number> = []
  for (let part = 0; part < length; part = next[part] ?? length) ids.push(ranks.find(bytes, part, next[part] ?? length))
  return ids
}

/** A rank times this, plus a position, is a number of less than 53 bits that sorts by rank, then by position. */
const positions = 2 ** 31

class MinHeap {
  readonly #items: Float64Array
  size = 0

  constructor(capacity: number) {
    this.#items = new Float64Array(capacity)
  }

  push(item: number): void {
    const items = this.#items
    let at = this.size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = items[parent] ?? 0
      if (above <= item) break
      items[at] = above
      at = parent
    }
    items[at] = item
  }

  pop(): number {
    const items = this.#items
    const lowest = items[0] ?? 0
    const last = items[--this.size] ?? 0
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.size) break
      if (child + 1 < this.size && (items[child + 1] ?? 0) < (items[child] ?? 0)) child++
      const below = items[child] ?? 0
      if (below >= last) break
      items[at] = below
      at = child
    }
    items[at] = last
    return lowest
  }
}
