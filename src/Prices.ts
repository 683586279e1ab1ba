/**
 * What tokens cost, in US dollars. Prices are data with a date; a model that is not in the table has no price, which is
 * `undefined` and never 0.
 */
import * as ConfigError from "effect/ConfigError"
import * as Either from "effect/Either"
import { type Price, priceList, type PriceTable, type Row } from "./PriceList.js"
import type { Usage } from "./Usage.js"

export type { Price, PriceTable, Row } from "./PriceList.js"

/** The public price lists of the larger providers. A contract may say otherwise: `extend` it with yours. */
export const standard: PriceTable = priceList

/** Rows of your own, which stand before those of the table. `date`: default that of the table */
export const extend = (table: PriceTable, rows: ReadonlyArray<Row>, date: string = table.date): PriceTable => ({
  date,
  rows: [...rows, ...table.rows]
})

const isPrice = (value: number | undefined): boolean => value === undefined || (Number.isFinite(value) && value >= 0)

const problemOf = ({ cachedInput, cacheWrite, input, output, reasoning }: Omit<Price, "above">): string | undefined =>
  Object.entries({ input, output, cachedInput, cacheWrite, reasoning }).find(([, value]) => !isPrice(value))?.[0]

/** The table itself, or a `ConfigError` that names the row whose price is negative or no number. */
export const check = (table: PriceTable): Either.Either<PriceTable, ConfigError.ConfigError> => {
  for (const row of table.rows) {
    const field = problemOf(row) ?? (row.above === undefined ? undefined : problemOf(row.above))
    if (field !== undefined) {
      return Either.left(
        ConfigError.InvalidData(
          ["prices", row.provider, row.model, field],
          "a price must be a number of at least 0, in US dollars per million tokens"
        )
      )
    }
  }
  return Either.right(table)
}

/** Azure serves OpenAI's models at OpenAI's prices. */
const sellers: Readonly<Record<string, string>> = { "azure-openai": "openai" }

/** What may follow a model's name without making it another model: a day, a version's number, `-latest`, `-preview`. */
const release = /^(?:[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|\d{3}|latest|preview(?:-\d{2}-\d{2,4})?))?$/

const isModel = (row: Row, model: string): boolean =>
  model.startsWith(row.model) && release.test(model.slice(row.model.length))

/** The price of a provider's model, if the table has it. A name that is a row's own stands before one with a date. */
export const find = (table: PriceTable, provider: string, model: string): Price | undefined => {
  const seller = sellers[provider] ?? provider
  const rows = table.rows.filter((row) => row.provider === provider || row.provider === seller)
  return rows.find((row) => row.model === model) ?? rows.find((row) => isModel(row, model))
}

/**
 * What a usage costs in US dollars; `undefined` where the provider did not report what it is counted by. What was read
 * from or written to a prompt cache is part of the input, and reasoning part of the output.
 */
export const cost = (usage: Usage, price: Price): number | undefined => {
  const { cachedInputTokens: cached = 0, cacheWriteTokens: written = 0, inputTokens, outputTokens } = usage
  if (inputTokens === undefined) return undefined
  const { cachedInput, cacheWrite, input, output, reasoning } =
    price.above !== undefined && inputTokens > price.above.inputTokens ? price.above : price
  const plain = Math.max(0, inputTokens - cached - written)
  const read = plain * input + cached * (cachedInput ?? input) + written * (cacheWrite ?? input)
  if (output === undefined) return read / 1e6
  if (outputTokens === undefined) return undefined
  const thoughts = Math.min(usage.reasoningTokens ?? 0, outputTokens)
  return (read + (outputTokens - thoughts) * output + thoughts * (reasoning ?? output)) / 1e6
}

/** The sum of what is known: `undefined` where a part is. */
export const add = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a + b
