/**
 * Text to the tokens of one of OpenAI's encodings, and back: the ids that the reference gives, in linear time.
 *
 * What js-tiktoken and others do in quadratic time stops a server for minutes when a user sends it 100,000 equal letters;
 * so the merge is ours, and only the ranks are theirs.
 */
import { mergeLong, ShortMerge, shortPiece } from "./BytePairMerge.js"
import { PieceCache } from "./PieceCache.js"
import { absent, type Ranks } from "./Ranks.js"
import type { PieceEnd } from "./Split.js"
import * as Utf8 from "./Utf8.js"

/** Bytes between two pauses: some milliseconds. */
const bytesPerStep = 1 << 18

/** One id, as most pieces have, or the ids of a piece. */
type Ids = number | ReadonlyArray<number>

/** How far a walk over the pieces of a text came. */
interface Walked {
  /** All tokens up to the end of the last piece. */
  readonly tokens: number
  /** Where the last piece begins, and its ids. */
  readonly start: number
  readonly ids: ReadonlyArray<number>
}

export class BytePairEncoding {
  readonly #ranks: Ranks
  readonly #special: ReadonlyMap<number, Uint8Array>
  readonly #pieceEnd: PieceEnd
  readonly #short: ShortMerge
  readonly #cache = new PieceCache()

  /** `special`: the bytes of the special tokens by their ids. They are only decoded: in a text they are text. */
  constructor(ranks: Ranks, special: ReadonlyMap<number, Uint8Array>, pieceEnd: PieceEnd) {
    this.#ranks = ranks
    this.#special = special
    this.#pieceEnd = pieceEnd
    this.#short = new ShortMerge(ranks)
  }

  // Generators yield where the caller may pause.

  *encode(text: string): Generator<void, ReadonlyArray<number>> {
    const ids: Array<number> = []
    yield* this.#walk(Utf8.encode(text), Number.POSITIVE_INFINITY, ids)
    return ids
  }

  /** The number of tokens; if it is above `limit`, some number above `limit`. */
  *count(text: string, limit = Number.POSITIVE_INFINITY): Generator<void, number> {
    // A token has at most `longest` bytes, and a UTF-16 unit takes at least one.
    if (text.length > limit * this.#ranks.longest) return Number.POSITIVE_INFINITY
    return (yield* this.#walk(Utf8.encode(text), limit)).tokens
  }

  *fits(text: string, limit: number): Generator<void, boolean> {
    // A UTF-16 unit takes at most three bytes, and a token has at least one.
    return text.length * 3 <= limit || (yield* this.count(text, limit)) <= limit
  }

  /** A beginning of the text, of whole characters, as long as is found to have at most `maxTokens` tokens. */
  *truncate(text: string, maxTokens: number): Generator<void, string> {
    if (!(maxTokens >= 1)) return ""
    const most = Math.floor(maxTokens)
    // One unit more than can fit, so that half a pair at the end is never part of the result.
    const head = Utf8.encode(text.slice(0, most * this.#ranks.longest + 1))
    const { ids, start, tokens } = yield* this.#walk(head, most)
    if (tokens <= most) return text
    let end = this.#endOfTokens(head, start, ids.slice(0, most - (tokens - ids.length)))
    // Without what followed, the last piece may be split in another way: so it is counted again.
    for (let step = 1; end > 0; step *= 2) {
      if ((yield* this.#walk(head.subarray(0, end), most)).tokens <= most) break
      end = Math.max(0, end - step)
      while (!Utf8.isBoundary(head, end)) end--
    }
    return text.slice(0, Utf8.unitsUpTo(head, end))
  }

  /** The text of ids, or the first that is no id of this encoding. */
  decode(ids: ReadonlyArray<number>): string | { readonly unknown: number } {
    let length = 0
    for (const id of ids) {
      const bytes = this.#bytesOf(id)
      if (bytes === undefined) return { unknown: id }
      length += bytes.length
    }
    const all = new Uint8Array(length)
    let end = 0
    for (const id of ids) {
      const bytes = this.#bytesOf(id)
      if (bytes === undefined) continue
      all.set(bytes, end)
      end += bytes.length
    }
    return Utf8.decode(all)
  }

  #bytesOf(id: number): Uint8Array | undefined {
    return this.#ranks.bytesOf(id) ?? this.#special.get(id)
  }

  /** Piece by piece until the end, or until there are more tokens than the limit. */
  *#walk(text: Uint8Array, limit: number, out?: Array<number>): Generator<void, Walked> {
    let tokens = 0
    let start = 0
    let ids: Ids = []
    let pause = bytesPerStep
    for (let end = 0; end < text.length && tokens <= limit;) {
      start = end
      end = this.#pieceEnd(text, start)
      ids = this.#ranks.find(text, start, end)
      if (ids !== absent) {
        tokens++
        out?.push(ids)
      } else {
        ids =
          end - start > shortPiece
            ? yield* mergeLong(this.#ranks, text.subarray(start, end))
            : this.#cache.get(text, start, end, this.#short)
        tokens += ids.length
        if (out !== undefined) for (const id of ids) out.push(id)
      }
      if (end >= pause) {
        yield
        pause = end + bytesPerStep
      }
    }
    return { tokens, start, ids: typeof ids === "number" ? [ids] : ids }
  }

  /** Where the last of these tokens ends that ends with a whole character; the start if none does. */
  #endOfTokens(text: Uint8Array, start: number, ids: ReadonlyArray<number>): number {
    let at = start
    let end = start
    for (const id of ids) {
      at += this.#bytesOf(id)?.length ?? 0
      if (Utf8.isBoundary(text, at)) end = at
    }
    return end
  }
}
