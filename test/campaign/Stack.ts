/**
 * Stacks of policies, drawn by a seed: which there are, how they are set, and in which order, of those in which they keep
 * what they promise.
 */
import type { HttpClient } from "@effect/platform"
import { Effect, Layer, Random, Redacted } from "effect"
import { Anthropic, Budget, type LlmClient, OpenAi, Policy, RetryPolicy } from "effect-llm"
import { recording, type Side, type Tried } from "./Record.js"
import * as Watch from "./Watch.js"

export type Name =
  | "concurrency"
  | "rateLimit"
  | "budget"
  | "hedge"
  | "circuitBreaker"
  | "retry"
  | "streamRecovery"
  | "fallback"
  | "cache"

type Client = Layer.Layer<LlmClient.LlmClient, never, HttpClient.HttpClient>
type Recovery = "fail" | "buffer" | "restart" | "continue"

export interface Stack {
  /** In the order of the pipe. */
  readonly label: string
  readonly layer: Client
  readonly has: (name: Name) => boolean
  /** Whether `inner` stands inside of `outer`; both are there. */
  readonly isInside: (inner: Name, outer: Name) => boolean
  readonly recovery: Recovery | undefined
  readonly mainProvider: "openai" | "anthropic"
  readonly concurrency: number | undefined
  readonly requestsPerMinute: number | undefined
  /** Whether the limiter's requests begin as it lets them: nothing inside of it waits or asks twice. */
  readonly limitsAreExact: boolean
  readonly hedge: { readonly maxShare: number; readonly asks: Side } | undefined
  readonly breaker: ReturnType<typeof Watch.breaker>
  readonly limiter: ReturnType<typeof Watch.limiter>
  readonly budget: Budget.Budget
}

/** What has to stand inside of a policy, where both are there. */
const inside = (
  recovery: Recovery | undefined,
  cacheIsOutermost: boolean
): Readonly<Record<Name, ReadonlyArray<Name>>> => ({
  concurrency: [],
  rateLimit: [],
  budget: [],
  hedge: [],
  circuitBreaker: [],
  retry: ["concurrency", "rateLimit", "budget", "hedge", ...(recovery === "buffer" ? ["streamRecovery" as const] : [])],
  streamRecovery: recovery === "restart" || recovery === "continue" ? ["retry"] : [],
  fallback: ["retry"],
  // What costs time or quota; the others have errors of their own to mend.
  cache: [
    "concurrency",
    "rateLimit",
    "budget",
    "hedge",
    ...(cacheIsOutermost ? (["circuitBreaker", "retry", "streamRecovery", "fallback"] as const) : [])
  ]
})

const key = Redacted.make("campaign-key")

/** `complain`: hears of what a watch saw. */
export const draw = (attempts: Array<Tried>, complain: (what: string) => void): Effect.Effect<Stack> =>
  Effect.gen(function* () {
    const chance = (share: number): Effect.Effect<boolean> => Effect.map(Random.next, (n) => n < share)
    const between = Random.nextIntBetween
    const oneOf = <A>(...all: readonly [A, ...ReadonlyArray<A>]): Effect.Effect<A> =>
      Effect.map(between(0, all.length), (at) => all[at] ?? all[0])

    const mainProvider = yield* oneOf("openai" as const, "anthropic" as const)
    const clientOf = (side: Side): Client =>
      ((side === "main") === (mainProvider === "openai")
        ? OpenAi.layer({ apiKey: key, model: "gpt-4.1-mini" })
        : Anthropic.layer({ apiKey: key, model: "claude-sonnet-4-5" })
      ).pipe(
        recording(attempts, side),
        Policy.attemptTimeout("20 seconds"),
        Policy.firstPartTimeout("8 seconds"),
        Policy.idleTimeout("8 seconds"),
        Layer.orDie
      )

    const present = new Set<Name>()
    const shares: ReadonlyArray<readonly [Name, number]> = [
      ["concurrency", 0.6],
      ["rateLimit", 0.5],
      ["budget", 0.3],
      ["hedge", 0.5],
      ["circuitBreaker", 0.6],
      ["retry", 0.8],
      ["streamRecovery", 0.6],
      ["fallback", 0.5],
      ["cache", 0.6]
    ]
    for (const [name, share] of shares) if (yield* chance(share)) present.add(name)

    const recovery = present.has("streamRecovery")
      ? yield* oneOf<Recovery>(
          "fail",
          "buffer",
          "restart",
          ...(mainProvider === "anthropic" ? (["continue", "continue"] as const) : [])
        )
      : undefined
    const rules = inside(recovery, yield* chance(0.6))
    const order: Array<Name> = []
    while (order.length < present.size) {
      const next = [...present].filter(
        (name) => !order.includes(name) && rules[name].every((inner) => !present.has(inner) || order.includes(inner))
      )
      const [first, ...others] = next
      if (first === undefined) return yield* Effect.dieMessage("there is no such order")
      order.push(yield* oneOf(first, ...others))
    }

    const concurrency = yield* between(2, 24)
    const requestsPerMinute = yield* between(40, 200)
    const after = yield* oneOf("1 second" as const, "2 seconds" as const, "p95" as const)
    const maxShare = yield* oneOf(0.1, 0.3)
    const asks = yield* oneOf<Side>("main", "second")
    const halfOpenProbes = yield* between(1, 4)
    const minimumCalls = yield* between(3, 8)
    const openFor = yield* oneOf("5 seconds" as const, "20 seconds" as const)
    const recoveries = yield* between(1, 3)
    const breaker = Watch.breaker(halfOpenProbes, complain)
    const limiter = Watch.limiter(requestsPerMinute, complain)
    const budget = yield* Effect.orDie(Budget.make({ maxTokens: 1e9 }))

    const wrap = (self: Client, name: Name): Client => {
      switch (name) {
        case "concurrency":
          return Layer.orDie(self.pipe(Policy.concurrency(concurrency)))
        case "rateLimit":
          return Layer.orDie(
            self.pipe(Policy.rateLimit({ requestsPerMinute, tokensPerMinute: 100_000, store: limiter.store }))
          )
        case "budget":
          return Layer.orDie(self.pipe(Policy.budget(budget)))
        case "hedge":
          return Layer.orDie(
            self.pipe(Policy.hedge({ after, maxShare, ...(asks === "second" ? { other: clientOf("second") } : {}) }))
          )
        case "circuitBreaker":
          return Layer.orDie(
            self.pipe(
              breaker.inside,
              Policy.circuitBreaker({ minimumCalls, openFor, halfOpenProbes, onStateChange: breaker.onStateChange })
            )
          )
        case "retry":
          return self.pipe(Policy.retry(RetryPolicy.standard))
        case "streamRecovery":
          return Layer.orDie(
            self.pipe(
              Policy.streamRecovery(
                recovery === "restart" || recovery === "continue"
                  ? { mode: recovery, attempts: recoveries }
                  : { mode: recovery ?? "fail" }
              )
            )
          )
        case "fallback":
          return Layer.orDie(self.pipe(Policy.fallback(clientOf("second"))))
        case "cache":
          return Layer.orDie(self.pipe(Policy.cache()))
      }
    }
    const isInside = (inner: Name, outer: Name): boolean =>
      present.has(inner) && present.has(outer) && order.indexOf(inner) < order.indexOf(outer)
    const settings: Readonly<Partial<Record<Name, string>>> = {
      concurrency: `${concurrency}`,
      rateLimit: `${requestsPerMinute}`,
      hedge: `${after} ${asks} ${maxShare}`,
      circuitBreaker: `${minimumCalls} calls, ${halfOpenProbes} probes, ${openFor}`,
      streamRecovery: `${recovery} ${recoveries}`
    }
    return {
      label: [mainProvider, ...order.map((name) => `${name}(${settings[name] ?? ""})`)].join(" "),
      layer: order.reduce(wrap, clientOf("main")),
      has: (name) => present.has(name),
      isInside,
      recovery,
      mainProvider,
      concurrency: present.has("concurrency") ? concurrency : undefined,
      requestsPerMinute: present.has("rateLimit") ? requestsPerMinute : undefined,
      limitsAreExact: (["concurrency", "hedge", "streamRecovery"] as const).every(
        (name) => !isInside(name, "rateLimit")
      ),
      hedge: present.has("hedge") ? { maxShare, asks } : undefined,
      breaker,
      limiter,
      budget
    }
  })
