/** An encoding from its data. */
import { BytePairEncoding } from "./BytePairEncoding.js"
import { CharacterClasses } from "./CharacterClass.js"
import type { Encoding } from "./ModelEncodings.js"
import { Ranks } from "./Ranks.js"
import * as Split from "./Split.js"
import * as Utf8 from "./Utf8.js"

/** What the files of js-tiktoken hold, as far as it is used: the patterns are written out in `Split`. */
export interface Data {
  readonly bpe_ranks: string
  readonly special_tokens: Readonly<Record<string, number>>
}

const patterns: Readonly<Record<Encoding, (classes: CharacterClasses) => Split.PieceEnd>> = {
  o200k_base: Split.o200k,
  cl100k_base: Split.cl100k
}

/** Takes some 50 ms. */
export const build = (encoding: Encoding, data: Data): BytePairEncoding => {
  const special = new Map(Object.entries(data.special_tokens).map(([text, id]) => [id, Utf8.encode(text)]))
  return new BytePairEncoding(new Ranks(data.bpe_ranks), special, patterns[encoding](new CharacterClasses()))
}
