/**
 * OpenAI's encodings, each loaded at its first use: some megabytes of data, which no import loads.
 */
import * as Effect from "effect/Effect"
import { BytePairEncoding } from "./BytePairEncoding.js"
import { CharacterClasses } from "./CharacterClass.js"
import type { Encoding } from "./ModelEncodings.js"
import { Ranks } from "./Ranks.js"
import * as Split from "./Split.js"
import { TokenizerError } from "./TokenizerError.js"

interface Data {
  readonly bpe_ranks: string
  readonly special_tokens: Readonly<Record<string, number>>
}

// One literal for each, so that bundlers find them.
const sources: Readonly<Record<Encoding, () => Promise<{ readonly default: Data }>>> = {
  o200k_base: () => import("js-tiktoken/ranks/o200k_base"),
  cl100k_base: () => import("js-tiktoken/ranks/cl100k_base")
}

const patterns: Readonly<Record<Encoding, (classes: CharacterClasses) => Split.PieceEnd>> = {
  o200k_base: Split.o200k,
  cl100k_base: Split.cl100k
}

const build = (encoding: Encoding, data: Data): BytePairEncoding => {
  const utf8 = new TextEncoder()
  const special = new Map(Object.entries(data.special_tokens).map(([text, id]) => [id, utf8.encode(text)]))
  return new BytePairEncoding(new Ranks(data.bpe_ranks), special, patterns[encoding](new CharacterClasses()))
}

/** Data that does not change: however many layers are built, a process reads it once. */
const loaded = new Map<Encoding, BytePairEncoding>()

/** The encoding, from memory if it was loaded before. Those who come while it is being loaded get the same one. */
export const load = (encoding: Encoding): Effect.Effect<BytePairEncoding, TokenizerError> =>
  Effect.suspend(() => {
    const known = loaded.get(encoding)
    return known === undefined ? Effect.map(read(encoding), (data) => keep(encoding, data)) : Effect.succeed(known)
  })

const keep = (encoding: Encoding, data: Data): BytePairEncoding => {
  const known = loaded.get(encoding)
  if (known !== undefined) return known
  const built = build(encoding, data)
  loaded.set(encoding, built)
  return built
}

const read = (encoding: Encoding): Effect.Effect<Data, TokenizerError> =>
  Effect.tryPromise({
    try: () => sources[encoding](),
    catch: (cause) =>
      new TokenizerError({
        reason: "Unavailable",
        message: `the data of ${encoding} could not be loaded: is js-tiktoken installed, and its ranks/${encoding} in the bundle?`,
        cause
      })
  }).pipe(Effect.map((module) => module.default))
