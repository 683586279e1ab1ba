/**
 * An amount of money or tokens that calls may spend together. Every call reserves what it may take and settles with what it
 * took, so that calls at the same time do not spend the same rest; what may have been billed counts as billed.
 */
import * as Clock from "effect/Clock"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Prices from "../Prices.js"
import { positiveDuration } from "./Make.js"
import { TokenEstimate } from "./TokenEstimate.js"

/**
 * - `maxCost`: in US dollars; `maxTokens`: of prompts and answers. At least one of them
 * - `per`: after how long the budget is whole again. Default: never
 * - `prices`: default: `Prices.standard`
 * - `unpriced`: what to do with a model that has no price, under a `maxCost`: `"fail"` is an `InvalidRequest`, `"ignore"`
 *   counts it as free. Default: `"fail"`
 */
export interface Options {
  readonly maxCost?: number | undefined
  readonly maxTokens?: number | undefined
  readonly per?: Duration.DurationInput | undefined
  readonly prices?: Prices.PriceTable | undefined
  readonly unpriced?: "fail" | "ignore" | undefined
}

export interface Amount {
  /** In US dollars. */
  readonly cost: number
  readonly tokens: number
}

/**
 * - `spent`: since the budget was whole; `reserved`: for calls under way
 * - `left`: what further calls may reserve; without end where there is no such limit
 */
export interface State {
  readonly spent: Amount
  readonly reserved: Amount
  readonly left: Amount
}

/** One budget, for one layer or for many: `Policy.budget(budget)`. */
export interface Budget {
  readonly state: Effect.Effect<State>
  readonly prices: Prices.PriceTable
  readonly unpriced: "fail" | "ignore"
  readonly limits: { readonly cost: number | undefined; readonly tokens: number | undefined }
  readonly estimates: TokenEstimate
  /** Takes an amount out of what is left, or gives the state that has too little. */
  readonly reserve: (amount: Amount) => Effect.Effect<void, State>
  /** Ends a reservation. */
  readonly release: (amount: Amount) => Effect.Effect<void>
  /** Books what an attempt took. Runs where no effect can. */
  readonly book: (amount: Amount) => void
}

const none: Amount = { cost: 0, tokens: 0 }

const add = (a: Amount, b: Amount, sign = 1): Amount => ({
  cost: a.cost + sign * b.cost,
  tokens: a.tokens + sign * b.tokens
})

/** What sums of parts of a cent may be off by. */
const rounding = 1e-9

/** A budget, or the `ConfigError` of a limit of zero or less, of no limit at all, or of a negative price. */
export const make = (options: Options): Effect.Effect<Budget, ConfigError.ConfigError> =>
  Effect.gen(function* () {
    const { maxCost, maxTokens } = options
    for (const [name, limit] of Object.entries({ maxCost, maxTokens })) {
      if (limit !== undefined && !(limit > 0 && Number.isFinite(limit))) {
        return yield* Effect.fail(
          ConfigError.InvalidData([`budget.${name}`], `must be a number above 0, not ${String(limit)}`)
        )
      }
    }
    if (maxCost === undefined && maxTokens === undefined) {
      return yield* Effect.fail(ConfigError.InvalidData(["budget"], "give maxCost, maxTokens, or both"))
    }
    const period = Duration.toMillis(yield* positiveDuration("budget.per", options.per ?? Duration.infinity))
    const prices = yield* Prices.check(options.prices ?? Prices.standard)

    let spent = none
    let reserved = none
    let since: number | undefined
    const left = (): Amount => ({
      cost: maxCost === undefined ? Number.POSITIVE_INFINITY : maxCost - spent.cost - reserved.cost,
      tokens: maxTokens === undefined ? Number.POSITIVE_INFINITY : maxTokens - spent.tokens - reserved.tokens
    })
    const state = Effect.map(Clock.currentTimeMillis, (now): State => {
      since ??= now
      if (now - since >= period) {
        since += Math.floor((now - since) / period) * period
        spent = none
      }
      return { spent, reserved, left: left() }
    })
    return {
      state,
      prices,
      unpriced: options.unpriced ?? "fail",
      limits: { cost: maxCost, tokens: maxTokens },
      estimates: new TokenEstimate(),
      reserve: (amount) =>
        Effect.flatMap(state, (now) => {
          // Looked at once more where it is taken: another fiber may have had its turn.
          const rest = left()
          if (amount.cost > rest.cost + rounding || amount.tokens > rest.tokens) {
            return Effect.fail({ ...now, reserved, left: rest })
          }
          reserved = add(reserved, amount)
          return Effect.void
        }),
      release: (amount) =>
        Effect.sync(() => {
          reserved = add(reserved, amount, -1)
        }),
      book: (amount) => {
        spent = add(spent, amount)
      }
    }
  })
