import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { Prices } from "effect-llm"

const row = (model: string, price: Prices.Price): Prices.Row => ({ provider: "acme", model, ...price })
const table: Prices.PriceTable = {
  date: "2026-01-01",
  rows: [row("plain", { input: 1, output: 2 }), row("plain-mini", { input: 0.1, output: 0.2 })]
}

describe("Prices.find", () => {
  it.each(["plain", "plain-2026-01-01", "plain-20260101", "plain-latest", "plain-001", "plain@20260101"])(
    "finds the price of %s",
    (model) => {
      expect(Prices.find(table, "acme", model)?.input).toBe(1)
    }
  )

  it.each(["plain-pro", "plain-mini-turbo", "plain2", "PLAIN", "ft:plain:me", ""])("knows no price of %j", (model) => {
    expect(Prices.find(table, "acme", model)).toBeUndefined()
  })

  it("takes the row of the very name before one that a date may follow", () => {
    const dated = Prices.extend(table, [row("plain", { input: 7 }), row("plain-2024-01-01", { input: 9 })])
    expect(Prices.find(dated, "acme", "plain-2024-01-01")?.input).toBe(9)
    expect(Prices.find(dated, "acme", "plain-2025-01-01")?.input).toBe(7)
  })

  it("tells the sellers of a model apart", () => {
    expect(Prices.find(table, "other", "plain")).toBeUndefined()
    expect(Prices.find(Prices.standard, "azure-openai", "gpt-4.1-2025-04-14")).toEqual(
      Prices.find(Prices.standard, "openai", "gpt-4.1")
    )
  })

  it("has rows of one's own stand before the table's", () => {
    expect(Prices.find(Prices.extend(table, [row("plain", { input: 3 })]), "acme", "plain")?.input).toBe(3)
  })
})

describe("Prices.cost", () => {
  const price: Prices.Price = { input: 10, output: 100, cachedInput: 1, cacheWrite: 12, reasoning: 50 }

  it("counts each kind of token at its price, per million", () => {
    const usage = {
      inputTokens: 1000,
      cachedInputTokens: 200,
      cacheWriteTokens: 300,
      outputTokens: 100,
      reasoningTokens: 40
    }
    expect(Prices.cost(usage, price)).toBeCloseTo((500 * 10 + 200 * 1 + 300 * 12 + 60 * 100 + 40 * 50) / 1e6, 12)
  })

  it("counts what has no price of its own as what it is a part of", () => {
    const usage = {
      inputTokens: 1000,
      cachedInputTokens: 200,
      cacheWriteTokens: 300,
      outputTokens: 100,
      reasoningTokens: 40
    }
    expect(Prices.cost(usage, { input: 10, output: 100 })).toBeCloseTo((1000 * 10 + 100 * 100) / 1e6, 12)
  })

  it("is not known where the provider did not say how many tokens there were", () => {
    expect(Prices.cost({}, price)).toBeUndefined()
    expect(Prices.cost({ inputTokens: 5 }, price)).toBeUndefined()
    expect(Prices.cost({ outputTokens: 5 }, price)).toBeUndefined()
    expect(Prices.cost({ inputTokens: 5 }, { input: 10 })).toBeCloseTo(5e-5, 12)
  })

  it("counts a long prompt, and its answer, at the price of long ones", () => {
    const tiered: Prices.Price = { input: 1, output: 2, above: { inputTokens: 1000, input: 10, output: 20 } }
    expect(Prices.cost({ inputTokens: 1000, outputTokens: 1 }, tiered)).toBeCloseTo(1002 / 1e6, 12)
    expect(Prices.cost({ inputTokens: 1001, outputTokens: 1 }, tiered)).toBeCloseTo(10_030 / 1e6, 12)
  })
})

describe("a price table", () => {
  it("is dated, and its rows are sound", () => {
    expect(Prices.standard.date).toMatch(/^\d{4}-\d{2}-\d{2}$/)
    expect(Either.isRight(Prices.check(Prices.standard))).toBe(true)
    const names = Prices.standard.rows.map(({ model, provider }) => `${provider} ${model}`)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  it.each([
    ["input", { input: -1 }],
    ["output", { input: 1, output: Number.NaN }],
    ["cacheWrite", { input: 1, cacheWrite: -0.1 }],
    ["input", { input: 1, above: { inputTokens: 1, input: Infinity } }]
  ])("with a wrong %s is refused with the row's name", (field, price) => {
    const checked = Prices.check({ date: "", rows: [row("odd", price)] })
    expect(Either.isLeft(checked) && checked.left).toMatchObject({ path: ["prices", "acme", "odd", field] })
  })

  it("sums to nothing known where a part is not", () => {
    expect(Prices.add(1, 2)).toBe(3)
    expect(Prices.add(1, undefined)).toBeUndefined()
  })
})
