/**
 * Vectors of the words in a text, for examples that run without a key: the vectors of the simulated provider are stable,
 * but mean nothing.
 */
import { Config, Effect } from "effect"
import { type Embeddings, Policy } from "effect-llm"

const dimensions = 512

const wordsOf = (text: string): ReadonlyArray<string> => text.toLowerCase().match(/[a-z]{3,}/g) ?? []

const placeOf = (word: string): number =>
  // Without its ending a word is found in its other forms.
  Array.from(word.slice(0, 5)).reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % dimensions, 7)

const vectorOf = (text: string): ReadonlyArray<number> => {
  const vector = Array.from({ length: dimensions }, () => 0)
  // Long words say more than short ones.
  for (const word of new Set(wordsOf(text))) vector[placeOf(word)] = word.length - 2
  return vector
}

/** Leaves a real provider's vectors alone. */
export const unlessReal = Policy.make((next) =>
  Effect.map(Config.option(Config.string("OPENAI_API_KEY")), (key) =>
    key._tag === "Some"
      ? next
      : {
          ...next,
          embed: (request: Embeddings.EmbedRequest) =>
            Effect.map(next.embed(request), (embeddings) => ({ ...embeddings, vectors: request.input.map(vectorOf) }))
        }
  )
)
