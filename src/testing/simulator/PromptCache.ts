/** What the simulated service remembers of prompts: a prefix seen before is read from its cache, as OpenAI's is. */

export interface PromptCache {
  /** How many tokens of this prompt an earlier one to the model began with, in steps of 128 from 1024. */
  readonly cachedTokens: (model: string, prompt: ReadonlyArray<string>) => number
  readonly reset: () => void
}

const shortest = 1024
const step = 128
const kept = 100_000

export const make = (): PromptCache => {
  const seen = new Set<string>()
  return {
    cachedTokens: (model, prompt) => {
      if (prompt.length < shortest) return 0
      let cached = 0
      let low = 2166136261
      let high = 3144134277
      for (let i = 0; i < prompt.length; i++) {
        const token = prompt[i] ?? ""
        for (let j = 0; j < token.length; j++) {
          const code = token.charCodeAt(j)
          low = Math.imul(low ^ code, 16777619)
          high = Math.imul(high ^ code, 2869860233)
        }
        const length = i + 1
        if (length < shortest || length % step !== 0) continue
        const key = `${model} ${length} ${low} ${high}`
        if (seen.has(key)) cached = length
        else seen.add(key)
      }
      for (const oldest of seen) {
        if (seen.size <= kept) break
        seen.delete(oldest)
      }
      return cached
    },
    reset: () => seen.clear()
  }
}
