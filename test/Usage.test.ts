import { describe, expect, it } from "@effect/vitest"
import { FastCheck, Schema } from "effect"
import { Usage } from "effect-llm"

const count = FastCheck.option(FastCheck.nat(1_000_000), { nil: undefined })
const usage: FastCheck.Arbitrary<Usage.Usage> = FastCheck.record(
  {
    inputTokens: count,
    outputTokens: count,
    totalTokens: count,
    cachedInputTokens: count,
    cacheWriteTokens: count,
    reasoningTokens: count
  },
  { requiredKeys: [] }
)

describe("Usage.add", () => {
  it("adds figure by figure, and leaves undefined what neither reported", () => {
    expect(Usage.add({ inputTokens: 1, outputTokens: 2 }, { inputTokens: 10, reasoningTokens: 3 })).toEqual({
      inputTokens: 11,
      outputTokens: 2,
      reasoningTokens: 3
    })
    expect(Usage.add(Usage.unknown, Usage.unknown)).toEqual({})
    expect(Usage.add({ inputTokens: 0 }, Usage.unknown).inputTokens).toBe(0)
  })

  it.prop("has nothing to add from a call that reported nothing", [usage], ([a]) => {
    expect(Usage.add(a, Usage.unknown)).toEqual(a)
    expect(Usage.add(Usage.unknown, a)).toEqual(a)
  })

  it.prop("does not care about order or grouping", [usage, usage, usage], ([a, b, c]) => {
    expect(Usage.add(a, b)).toEqual(Usage.add(b, a))
    expect(Usage.add(Usage.add(a, b), c)).toEqual(Usage.add(a, Usage.add(b, c)))
  })
})

describe("Usage, as data", () => {
  it.prop("comes back as it was", [usage], ([usage]) => {
    const text = JSON.stringify(Schema.encodeSync(Usage.Usage)(usage))
    expect(Schema.decodeUnknownSync(Usage.Usage)(JSON.parse(text))).toEqual(usage)
  })
})
