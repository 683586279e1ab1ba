/**
 * OpenAI's encodings, each loaded at its first use: some megabytes of data, and what encodes with them. No import loads
 * either.
 */
import * as Effect from "effect/Effect"
import type { Data } from "./BuildEncoding.js"
import type { BytePairEncoding } from "./BytePairEncoding.js"
import type { Encoding } from "./ModelEncodings.js"
import { TokenizerError } from "./TokenizerError.js"

// One literal for each, so that bundlers find them.
const sources: Readonly<Record<Encoding, () => Promise<{ readonly default: Data }>>> = {
  o200k_base: () => import("js-tiktoken/ranks/o200k_base"),
  cl100k_base: () => import("js-tiktoken/ranks/cl100k_base")
}

/** Data that does not change: however many layers are built, a process reads it once. */
const loaded = new Map<Encoding, BytePairEncoding>()

/** The encoding, from memory if it was loaded before. Those who come while it is being loaded get the same one. */
export const load = (encoding: Encoding): Effect.Effect<BytePairEncoding, TokenizerError> =>
  Effect.suspend(() => {
    const known = loaded.get(encoding)
    return known === undefined ? read(encoding) : Effect.succeed(known)
  })

const read = (encoding: Encoding): Effect.Effect<BytePairEncoding, TokenizerError> =>
  Effect.tryPromise({
    try: () => Promise.all([import("./BuildEncoding.js"), sources[encoding]()]),
    catch: (cause) =>
      new TokenizerError({
        reason: "Unavailable",
        message: `the data of ${encoding} could not be loaded: is js-tiktoken installed, and its ranks/${encoding} in the bundle?`,
        cause
      })
  }).pipe(
    Effect.map(([{ build }, data]) => {
      // Another may have been faster meanwhile.
      const encoded = loaded.get(encoding) ?? build(encoding, data.default)
      loaded.set(encoding, encoded)
      return encoded
    })
  )
