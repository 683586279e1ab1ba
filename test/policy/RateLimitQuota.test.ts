import { describe, expect, it } from "@effect/vitest"
import { Clock, Context, type Duration, Effect, Layer, Redacted, Ref, Stream, TestClock } from "effect"
import { ChatRequest, LlmClient, OpenAi, Policy } from "effect-llm"
import { Simulator } from "effect-llm/testing"

const minute = 60_000

interface Load {
  readonly limits: { readonly requestsPerMinute?: number; readonly tokensPerMinute?: number }
  /** Callers that each make one call after the other. */
  readonly callers: number
  readonly firstToken?: Duration.DurationInput
  readonly maxTokens?: number
  readonly options?: Policy.RateLimitOptions
}

const prompts = Array.from({ length: 40 }, (_, n) => `Tell me about lighthouse ${"of the sea ".repeat(n % 7)}${n}.`)

/** Some minutes of virtual time in which callers never rest: what the provider took, and what it turned down. */
const loaded = ({ callers, limits, maxTokens, options = limits, firstToken = 0 }: Load, minutes = 4) =>
  Effect.gen(function* () {
    const simulated = Simulator.layerHttpClient({ rateLimit: limits, firstToken })
    const layer = OpenAi.layer({ apiKey: Redacted.make("sk-simulated"), model: "gpt-4.1-mini" }).pipe(
      Policy.rateLimit(options),
      Layer.provideMerge(simulated)
    )
    const context = yield* Layer.build(layer)
    const simulator = Context.get(context, Simulator.Simulator)
    const client = Context.get(context, LlmClient.LlmClient)
    const calls = yield* Ref.make(0)
    const call = Effect.flatMap(
      Ref.getAndUpdate(calls, (n) => n + 1),
      (n) => {
        const request = ChatRequest.make({
          prompt: prompts[n % prompts.length] ?? "",
          ...(maxTokens === undefined ? {} : { maxTokens })
        })
        return n % 3 === 0 ? Stream.runDrain(client.stream(request)) : Effect.asVoid(client.complete(request))
      }
    ).pipe(Effect.ignore, Effect.zipRight(Clock.currentTimeMillis))
    const busy = Effect.repeat(call, { while: (now) => now < minutes * minute })
    yield* Effect.fork(Effect.forEach(Array.from({ length: callers }), () => busy, { concurrency: "unbounded" }))
    yield* TestClock.adjust(minutes * minute)
    const requests = yield* simulator.requests
    const accepted = requests.filter(({ outcome }) => outcome?.status !== 429)
    const late = accepted.filter(({ at }) => at >= minute && at < minutes * minute)
    return {
      refused: requests.filter(({ outcome }) => outcome?.status === 429).length,
      requests: late.length / (minutes - 1),
      tokens:
        late.reduce((sum, each) => sum + (each.outcome?.inputTokens ?? 0) + (each.outcome?.outputTokens ?? 0), 0) /
        (minutes - 1)
    }
  })

const loads: Readonly<Record<string, Load & { readonly of: "requests" | "tokens" }>> = {
  "requests, answered at once": { limits: { requestsPerMinute: 60 }, callers: 10, of: "requests" },
  "requests that take their time": {
    limits: { requestsPerMinute: 60 },
    callers: 40,
    firstToken: "20 seconds",
    of: "requests"
  },
  "an odd number of requests": {
    limits: { requestsPerMinute: 77 },
    callers: 10,
    firstToken: "1 second",
    of: "requests"
  },
  "tokens, with maxTokens": {
    limits: { tokensPerMinute: 3000 },
    callers: 20,
    maxTokens: 60,
    firstToken: "3 seconds",
    of: "tokens"
  },
  "tokens, with a maxTokens far above the answers": {
    limits: { tokensPerMinute: 3000 },
    callers: 40,
    maxTokens: 1000,
    firstToken: "5 seconds",
    of: "tokens"
  },
  "tokens, without maxTokens": {
    limits: { tokensPerMinute: 3000 },
    callers: 20,
    firstToken: "3 seconds",
    of: "tokens"
  },
  both: {
    limits: { requestsPerMinute: 60, tokensPerMinute: 30_000 },
    callers: 20,
    maxTokens: 100,
    firstToken: "1 second",
    of: "requests"
  },
  "tokens of which only the provider tells": {
    limits: { tokensPerMinute: 3000 },
    options: {},
    callers: 20,
    maxTokens: 60,
    firstToken: "1 second",
    of: "tokens"
  }
}

describe("Policy.rateLimit under a provider's limit, in virtual time", () => {
  for (const [name, { of, ...load }] of Object.entries(loads)) {
    it.scoped(`uses at least 97 % of it, and never too much: ${name}`, () =>
      Effect.gen(function* () {
        const seen = yield* loaded(load)
        const limit = of === "requests" ? load.limits.requestsPerMinute : load.limits.tokensPerMinute
        // What nobody said is learned from the first answers.
        expect(seen.refused).toBeLessThanOrEqual(load.options === undefined ? 0 : load.callers)
        expect(seen[of] / (limit ?? 1)).toBeGreaterThan(0.97)
      })
    )
  }
})
