/**
 * Watches over the promises of a breaker and of a limiter while they are kept: each has its own count of what it must not
 * let through, and of what it must give back.
 */
import { Cause, Chunk, Clock, Effect, Exit, Stream } from "effect"
import { type LlmError, Policy } from "effect-llm"
import * as RateLimitStore from "../../src/policy/RateLimitStore.js"

type Complain = (what: string) => void

// -----------------------------------------------------------------------------
// Breaker
// -----------------------------------------------------------------------------

/** Stands directly inside a breaker, and sees what it lets through. */
export const breaker = (probes: number, complain: Complain) => {
  let state: Policy.CircuitState = "closed"
  let era = 0
  let through = 0
  let opened = 0

  const enter = (): number => {
    if (state === "open") complain("the breaker let a call through while it was open")
    if (state === "half-open" && ++through > probes)
      complain(`the breaker let ${through} probes through, not ${probes}`)
    return era
  }
  /** What says nothing of the provider gives its place back. */
  const back = (of: number): void => {
    if (of === era && state === "half-open") through--
  }
  const saysNothing = (exit: Exit.Exit<unknown, LlmError.LlmError>): boolean =>
    Exit.isFailure(exit) &&
    (exit.cause._tag !== "Fail" ||
      (exit.cause.error.outcome === "not-sent" && exit.cause.error._tag !== "ConnectionFailed"))

  const inside: Policy.Policy = Policy.make((next) =>
    Effect.succeed({
      ...next,
      complete: (request) =>
        Effect.suspend(() => {
          const of = enter()
          return Effect.onExit(next.complete(request), (exit) =>
            Effect.sync(() => {
              if (saysNothing(exit)) back(of)
            })
          )
        }),
      stream: (request) =>
        Stream.suspend(() => {
          const of = enter()
          let hasAnswered = false
          return Stream.ensuringWith(
            Stream.mapChunks(next.stream(request), (parts) => {
              hasAnswered ||= !Chunk.isEmpty(parts)
              return parts
            }),
            (exit) =>
              Effect.sync(() => {
                if (!hasAnswered && (Exit.isSuccess(exit) || Cause.isInterrupted(exit.cause) || saysNothing(exit)))
                  back(of)
              })
          )
        })
    })
  )
  return {
    inside,
    onStateChange: ({ to }: Policy.CircuitChange) =>
      Effect.sync(() => {
        state = to
        era++
        through = 0
        if (to === "open") opened++
      }),
    opened: () => opened
  }
}

// -----------------------------------------------------------------------------
// Limiter
// -----------------------------------------------------------------------------

/** What a claim was settled with, and when. */
export interface Settled {
  readonly at: number
  readonly requests: number
  readonly tokens: number
}

/** The store of a limiter, with a second bucket of requests beside it, and a list of what was not given back. */
export const limiter = (requestsPerMinute: number, complain: Complain) => {
  const inner = RateLimitStore.memory()
  const settled: Array<Settled> = []
  let outstanding = 0
  let level = requestsPerMinute
  let at: number | undefined

  const refill = (now: number): void => {
    level = Math.min(requestsPerMinute, level + (requestsPerMinute * (now - (at ?? now))) / 60_000)
    at = now
  }
  const store: RateLimitStore.RateLimitStore = {
    ...inner,
    claim: (key, amounts) => {
      const claim = inner.claim(key, amounts)
      let granted = false
      let over = false
      return {
        ask: (quota) =>
          Effect.zipWith(claim.ask(quota), Clock.currentTimeMillis, (wait, now) => {
            if (wait > 0) return wait
            if (granted) complain("the limiter asked again for what it had")
            granted = true
            outstanding++
            refill(now)
            level -= 1
            if (level < -0.01) complain(`the limiter let ${(-level).toFixed(2)} requests too many begin at ${now}`)
            return wait
          }),
        settle: (actual) =>
          Effect.zipWith(claim.settle(actual), Clock.currentTimeMillis, (_, now) => {
            if (over) complain("the limiter settled twice")
            over = true
            if (!granted) return
            outstanding--
            refill(now)
            level = Math.min(requestsPerMinute, level + 1 - actual.requests)
            settled.push({ at: now, ...actual })
          })
      }
    }
  }
  return { store: Effect.succeed(store), settled, outstanding: () => outstanding }
}
