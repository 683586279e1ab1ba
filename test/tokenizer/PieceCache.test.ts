import { describe, expect, it } from "@effect/vitest"
import { PieceCache } from "../../src/tokenizer/PieceCache.js"
import * as Utf8 from "../../src/tokenizer/Utf8.js"

/** "Merges" to the bytes themselves, and remembers what it was asked for. */
const counting = () => {
  const merged: Array<string> = []
  const merger = {
    merge: (bytes: Uint8Array, from: number, to: number) => {
      merged.push(Utf8.decode(bytes.subarray(from, to)))
      return [...bytes.subarray(from, to)]
    }
  }
  return { merged, merger }
}

describe("PieceCache", () => {
  it("merges a piece once, wherever it stands", () => {
    const cache = new PieceCache()
    const { merged, merger } = counting()
    const text = Utf8.encode("one two one")
    expect(cache.get(text, 0, 3, merger)).toEqual(cache.get(text, 8, 11, merger))
    expect(merged).toEqual(["one"])
  })

  it("gives each of more pieces than it has places its own ids", () => {
    const cache = new PieceCache()
    const { merged, merger } = counting()
    for (let round = 0; round < 2; round++) {
      for (let each = 0; each < 50_000; each++) {
        const piece = Utf8.encode(each.toString(36))
        if (cache.get(piece, 0, piece.length, merger).join() !== piece.join()) expect.unreachable(each.toString(36))
      }
    }
    expect(merged.length).toBeGreaterThan(50_000)
  })

  it("does not keep long pieces", () => {
    const cache = new PieceCache()
    const { merged, merger } = counting()
    const long = Utf8.encode("x".repeat(33))
    cache.get(long, 0, long.length, merger)
    cache.get(long, 0, long.length, merger)
    expect(merged.length).toBe(2)
  })
})
