/**
 * What calls cost: every attempt is entered, those that failed, were cut, left or answered from a cache too, with its
 * tokens and its price. Nothing unknown counts as 0.
 */
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Attempts from "./Attempts.js"
import * as Prices from "./Prices.js"

/** An attempt with its price: in US dollars, `undefined` where it is not known. */
export interface Entry extends Attempts.Attempt {
  readonly cost: number | undefined
}

/**
 * Sums over attempts.
 * - `attempts`: requests that went out or may have; `completed`, `failed`, `cut`, `aborted`: how they ended
 * - `cached`: answers for which none went out
 * - `inputTokens`, `outputTokens`: of all but the cached; `estimatedTokens`: the part of them that is estimated
 * - `cost`: in US dollars, of the attempts whose price is known; `estimatedCost`: the part of it that is estimated
 * - `unpriced`: attempts whose cost is not known
 */
export interface Sum {
  readonly attempts: number
  readonly completed: number
  readonly failed: number
  readonly cut: number
  readonly aborted: number
  readonly cached: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly reasoningTokens: number
  readonly estimatedTokens: number
  readonly cost: number
  readonly estimatedCost: number
  readonly unpriced: number
}

/** `models`: by provider and model, as `openai gpt-4.1`; `tags`: by name and value, as `tenant=acme`. */
export interface Totals {
  readonly all: Sum
  readonly models: Readonly<Record<string, Sum>>
  readonly tags: Readonly<Record<string, Sum>>
}

export interface Service {
  readonly totals: Effect.Effect<Totals>
  /** The last entries, oldest first. */
  readonly entries: Effect.Effect<ReadonlyArray<Entry>>
  /** Begins anew, and gives what was there. */
  readonly reset: Effect.Effect<Totals>
}

export class Ledger extends Context.Tag("effect-llm/Ledger")<Ledger, Service>() {}

/**
 * - `prices`: default: `Prices.standard`
 * - `keep`: how many entries are kept one by one; the totals have all of them. Default: 1,000
 */
export interface Options {
  readonly prices?: Prices.PriceTable | undefined
  readonly keep?: number | undefined
}

// -----------------------------------------------------------------------------
// Layers
// -----------------------------------------------------------------------------

/**
 * A ledger of all calls of the program that it is provided to: provide it outermost, beside or around the clients. A
 * negative price is a `ConfigError`.
 */
export const layer = (options: Options = {}): Layer.Layer<Ledger, ConfigError.ConfigError> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const { keep = 1000 } = options
      const prices = yield* Prices.check(options.prices ?? Prices.standard)
      if (!(keep >= 0)) {
        return yield* Effect.fail(ConfigError.InvalidData(["keep"], `must be a number of at least 0, not ${keep}`))
      }
      const others = yield* Attempts.Listeners
      const book = new Book(prices, keep)
      const service: Service = {
        totals: Effect.sync(() => book.totals()),
        entries: Effect.sync(() => book.entries.slice(-keep)),
        reset: Effect.sync(() => book.reset())
      }
      return Context.make(Ledger, service).pipe(Context.add(Attempts.Listeners, [...others, book.enter]))
    })
  )

/** What all calls so far cost. */
export const totals: Effect.Effect<Totals, never, Ledger> = Effect.flatMap(Ledger, (ledger) => ledger.totals)

/** The last entries, oldest first. */
export const entries: Effect.Effect<ReadonlyArray<Entry>, never, Ledger> = Effect.flatMap(
  Ledger,
  (ledger) => ledger.entries
)

/** Begins anew, and gives what was there. */
export const reset: Effect.Effect<Totals, never, Ledger> = Effect.flatMap(Ledger, (ledger) => ledger.reset)

// -----------------------------------------------------------------------------
// Scopes
// -----------------------------------------------------------------------------

/** The value of an effect, and what its calls cost. Needs no ledger, and takes nothing from one. */
export const measure = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: Pick<Options, "prices"> = {}
): Effect.Effect<readonly [A, Totals], E, R> =>
  Effect.suspend(() => {
    const book = new Book(options.prices ?? Prices.standard, 0)
    return Effect.map(Attempts.listening(book.enter)(effect), (value) => [value, book.totals()] as const)
  })

/** Tells what the calls of an effect cost, however it ends. */
export const measured =
  <A, E, X, R2>(
    tell: (totals: Totals, exit: Exit.Exit<A, E>) => Effect.Effect<X, never, R2>,
    options: Pick<Options, "prices"> = {}
  ) =>
  <R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | R2> =>
    Effect.suspend(() => {
      const book = new Book(options.prices ?? Prices.standard, 0)
      return Effect.onExit(Attempts.listening(book.enter)(effect), (exit) => tell(book.totals(), exit))
    })

/** Marks the attempts of an effect, as `{ tenant: "acme" }`: the totals have a sum for each. */
export const withTags =
  (tags: Readonly<Record<string, string>>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Attempts.Tags, (outer) => Effect.provideService(effect, Attempts.Tags, { ...outer, ...tags }))

// -----------------------------------------------------------------------------
// Books
// -----------------------------------------------------------------------------

/** What an attempt cost in US dollars; nothing where it was answered from a cache or turned down. */
export const costOf = (attempt: Attempts.Attempt, prices: Prices.PriceTable): number | undefined => {
  const { error, model, operation, provider, result, usage } = attempt
  if (result === "cached") return 0
  if (error !== undefined && error.outcome !== "unknown" && usage.inputTokens === undefined) return 0
  const price = Prices.find(prices, provider, model)
  if (price === undefined) return undefined
  return Prices.cost(operation === "embeddings" ? { outputTokens: 0, ...usage } : usage, price)
}

type Counts = { -readonly [K in keyof Sum]: Sum[K] }

const nothing = (): Counts => ({
  attempts: 0,
  completed: 0,
  failed: 0,
  cut: 0,
  aborted: 0,
  cached: 0,
  inputTokens: 0,
  outputTokens: 0,
  cachedInputTokens: 0,
  reasoningTokens: 0,
  estimatedTokens: 0,
  cost: 0,
  estimatedCost: 0,
  unpriced: 0
})

const count = (sum: Counts, { cost, error, isExact, result, usage }: Entry): void => {
  sum[result]++
  if (result === "cached") return
  if (error?.outcome !== "not-sent") sum.attempts++
  const { cachedInputTokens = 0, inputTokens = 0, outputTokens = 0, reasoningTokens = 0 } = usage
  sum.inputTokens += inputTokens
  sum.outputTokens += outputTokens
  sum.cachedInputTokens += cachedInputTokens
  sum.reasoningTokens += reasoningTokens
  if (!isExact) sum.estimatedTokens += inputTokens + outputTokens
  if (cost === undefined) sum.unpriced++
  else {
    sum.cost += cost
    if (!isExact) sum.estimatedCost += cost
  }
}

class Book {
  entries: Array<Entry> = []
  private all = nothing()
  private models = new Map<string, Counts>()
  private tags = new Map<string, Counts>()

  constructor(
    private readonly prices: Prices.PriceTable,
    private readonly keep: number
  ) {}

  readonly enter = (attempt: Attempts.Attempt): void => {
    const entry: Entry = { ...attempt, cost: costOf(attempt, this.prices) }
    count(this.all, entry)
    count(sumOf(this.models, `${entry.provider} ${entry.model}`), entry)
    for (const [name, value] of Object.entries(entry.tags)) count(sumOf(this.tags, `${name}=${value}`), entry)
    if (this.keep === 0) return
    this.entries.push(entry)
    if (this.entries.length > 2 * this.keep) this.entries = this.entries.slice(-this.keep)
  }

  totals(): Totals {
    return {
      all: { ...this.all },
      models: Object.fromEntries(Array.from(this.models, ([name, sum]) => [name, { ...sum }])),
      tags: Object.fromEntries(Array.from(this.tags, ([name, sum]) => [name, { ...sum }]))
    }
  }

  reset(): Totals {
    const before = this.totals()
    this.all = nothing()
    this.models = new Map()
    this.tags = new Map()
    this.entries = []
    return before
  }
}

const sumOf = (sums: Map<string, Counts>, name: string): Counts => {
  const sum = sums.get(name) ?? nothing()
  sums.set(name, sum)
  return sum
}

// -----------------------------------------------------------------------------
// Tables
// -----------------------------------------------------------------------------

/** Totals as a table to print: a row for each model and tag, and one for all. `~` marks what is partly estimated. */
export const format = ({ all, models, tags }: Totals): string => {
  const rows = [
    ["model or tag", "attempts", "failed", "cached", "input", "output", "US dollars"],
    ...Object.entries(models).map(([name, sum]) => row(name, sum)),
    ...Object.entries(tags).map(([name, sum]) => row(name, sum)),
    row("all", all)
  ]
  const widths = rows.reduce<ReadonlyArray<number>>(
    (most, cells) => cells.map((cell, index) => Math.max(most[index] ?? 0, cell.length)),
    []
  )
  return rows
    .map((cells) =>
      cells
        .map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

const row = (name: string, sum: Sum): ReadonlyArray<string> => {
  const about = sum.estimatedTokens > 0 ? "~" : ""
  const known = sum.unpriced < sum.attempts || sum.attempts === 0
  return [
    name,
    String(sum.attempts),
    String(sum.failed + sum.cut + sum.aborted),
    String(sum.cached),
    about + String(sum.inputTokens),
    about + String(sum.outputTokens),
    known ? `${sum.estimatedCost > 0 ? "~" : ""}${sum.cost.toFixed(6)}${sum.unpriced > 0 ? " + ?" : ""}` : "unknown"
  ]
}
