/**
 * Ends calls before they would exceed a budget. Every attempt inside counts: those that were retried, hedged or cut, too.
 */
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Cause from "effect/Cause"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Attempts from "../Attempts.js"
import * as Ledger from "../Ledger.js"
import type { Service } from "../LlmClient.js"
import { BudgetExceeded, InvalidRequest, isLlmError, type LlmError, notSent } from "../LlmError.js"
import * as Prices from "../Prices.js"
import * as StreamEnd from "../StreamEnd.js"
import type { StreamPart } from "../StreamPart.js"
import type { Usage } from "../Usage.js"
import * as Budget from "./Budget.js"
import { make, type Policy } from "./Make.js"
import * as TokenEstimate from "./TokenEstimate.js"

/**
 * A call that may take more than the budget has left is a `BudgetExceeded`, and is not made: its prompt, and its `maxTokens`
 * or as much as answers mostly have. An attempt of which nobody knows whether it was billed counts with what was reserved
 * for it. Takes a `Budget`, for several layers or to look at; or the options of one of its own. Belongs inside `retry`:
 * each attempt reserves then.
 */
export const budget = (options: Budget.Options | Budget.Budget): Policy<ConfigError.ConfigError> =>
  make((next) =>
    Effect.map("state" in options ? Effect.succeed(options) : Budget.make(options), (budget): Service => ({
      ...next,
      complete: (request) => called(budget, next, request, next.complete(request)),
      embed: (request) => called(budget, next, request, next.embed(request)),
      stream: (request) => streamed(budget, next, request, next.stream(request))
    }))
  )

interface Answer {
  readonly usage: Usage
  readonly model: string
  readonly cached: boolean
}

/** One call: what is reserved for it, and whether its attempts were heard of. */
class Spending {
  private heard = false

  constructor(
    private readonly budget: Budget.Budget,
    private readonly client: Service,
    private readonly request: TokenEstimate.Request,
    private readonly promptTokens: number,
    private readonly reserved: Budget.Amount
  ) {}

  readonly hear: Attempts.Listener = (attempt) => {
    this.heard = true
    if (attempt.result === "cached") return
    const { inputTokens = 0, outputTokens = 0 } = attempt.usage
    const cost = Ledger.costOf(attempt, this.budget.prices) ?? 0
    const tokens = inputTokens + outputTokens
    this.budget.book(
      attempt.isExact
        ? { cost, tokens }
        : { cost: Math.max(cost, this.reserved.cost), tokens: Math.max(tokens, this.reserved.tokens) }
    )
  }

  /** Settles. A client that tells of no attempts is believed by its answer. */
  end(exit: Exit.Exit<unknown, unknown>, answer: Answer | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (answer !== undefined && !answer.cached) {
        this.budget.estimates.learn(this.request, this.promptTokens, answer.usage)
      }
      if (!this.heard) this.budget.book(this.unheard(exit, answer))
      return this.budget.release(this.reserved)
    })
  }

  private unheard(exit: Exit.Exit<unknown, unknown>, answer: Answer | undefined): Budget.Amount {
    if (answer?.cached === true) return nothing
    const tokens = answer === undefined ? undefined : TokenEstimate.total(answer.usage)
    if (answer !== undefined && tokens !== undefined) {
      const price = Prices.find(this.budget.prices, this.client.provider, answer.model)
      return { tokens, cost: price === undefined ? 0 : (Prices.cost({ outputTokens: 0, ...answer.usage }, price) ?? 0) }
    }
    if (Exit.isSuccess(exit)) return this.reserved
    const error = Cause.isFailType(exit.cause) && isLlmError(exit.cause.error) ? exit.cause.error : undefined
    return error?.outcome === "unknown" ? this.reserved : nothing
  }
}

const nothing: Budget.Amount = { cost: 0, tokens: 0 }

/** Reserves for a call, or says why it is not made. */
const begin = (
  budget: Budget.Budget,
  client: Service,
  request: TokenEstimate.Request
): Effect.Effect<Spending, LlmError> =>
  Effect.suspend((): Effect.Effect<Spending, LlmError> => {
    const origin = { provider: client.provider, model: request.model ?? client.model }
    const promptTokens = TokenEstimate.promptTokens(request)
    const { inputTokens, outputTokens } = budget.estimates.of(request, promptTokens)
    const price = Prices.find(budget.prices, origin.provider, origin.model)
    if (price === undefined && budget.limits.cost !== undefined && budget.unpriced === "fail") {
      return Effect.fail(
        new InvalidRequest({
          ...origin,
          ...notSent,
          param: "model",
          message: `no price is known for ${origin.provider} ${origin.model}, so no budget can hold it: give the budget one (prices: Prices.extend(…)), or unpriced: "ignore"`
        })
      )
    }
    const amount: Budget.Amount = {
      cost: price === undefined ? 0 : (Prices.cost({ inputTokens, outputTokens }, price) ?? 0),
      tokens: inputTokens + outputTokens
    }
    return Effect.mapBoth(budget.reserve(amount), {
      onFailure: ({ left }) =>
        new BudgetExceeded({ ...origin, ...notSent, message: exceeded(amount, left, budget.limits) }),
      onSuccess: () => new Spending(budget, client, request, promptTokens, amount)
    })
  })

const exceeded = (amount: Budget.Amount, left: Budget.Amount, limits: Budget.Budget["limits"]): string => {
  const parts: Array<string> = []
  if (limits.cost !== undefined && amount.cost > left.cost) {
    parts.push(
      `may cost $${amount.cost.toFixed(6)}, and $${Math.max(0, left.cost).toFixed(6)} of $${limits.cost} are left`
    )
  }
  if (limits.tokens !== undefined && amount.tokens > left.tokens) {
    parts.push(`may take ${amount.tokens} tokens, and ${Math.max(0, left.tokens)} of ${limits.tokens} are left`)
  }
  return `the call was not made: it ${parts.join("; it ")}`
}

const called = <A extends Answer>(
  budget: Budget.Budget,
  client: Service,
  request: TokenEstimate.Request,
  call: Effect.Effect<A, LlmError>
): Effect.Effect<A, LlmError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(begin(budget, client, request), (spending) =>
      Effect.onExit(restore(Attempts.listening(spending.hear)(call)), (exit) =>
        spending.end(exit, Exit.isSuccess(exit) ? exit.value : undefined)
      )
    )
  )

const streamed = (
  budget: Budget.Budget,
  client: Service,
  request: TokenEstimate.Request,
  stream: Stream.Stream<StreamPart, LlmError>
): Stream.Stream<StreamPart, LlmError> =>
  Stream.fromChannel(
    Channel.suspend(() => {
      // Set in the step that reserves, and ended by a finalizer that was there before: no interruption falls between.
      let spending: Spending | undefined
      let answer: Answer | undefined
      const begun = Effect.map(begin(budget, client, request), (it) => (spending = it))
      const noted = (parts: Chunk.Chunk<StreamPart>): Chunk.Chunk<StreamPart> => {
        for (const part of parts) if (part._tag === "Finish") answer = part
        return parts
      }
      return Channel.flatMap(Channel.fromEffect(Effect.uninterruptible(begun)), ({ hear }) =>
        Channel.mapOut(Stream.toChannel(Attempts.listeningStream(hear)(stream)), noted)
      ).pipe(StreamEnd.ensuringWith((exit) => (spending === undefined ? Effect.void : spending.end(exit, answer))))
    })
  )
