/**
 * The waits of PIKE-RAG's clients, over a provider: 60 s × 2^(n-1) and up to 60 s more, at most 300 s, 5 attempts.
 */
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, FastCheck, Layer, Random, Redacted } from "effect"
import { AzureOpenAi, LlmClient, Policy, RetryPolicy } from "effect-llm"
import { printedBy } from "../docs/Output.js"
import { inVirtualTime } from "./Watched.js"

const pikeRag = RetryPolicy.exponential({
  base: "60 seconds",
  factor: 2,
  jitter: { plus: "60 seconds" },
  cap: "300 seconds",
  retries: 4,
  beyondCap: "wait"
})

/** The end of a call that a server answers like this, and how many seconds it waited before each attempt but the first. */
const called = (answer: (attempt: number) => Response, seed: number) =>
  Effect.gen(function* () {
    const times: Array<number> = []
    const http = HttpClient.make((request) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        times.push(now)
        return HttpClientResponse.fromWeb(request, answer(times.length))
      })
    )
    const llm = AzureOpenAi.layer({
      endpoint: "https://acme.openai.azure.com",
      deployment: "gpt-4",
      apiKey: Redacted.make("azure-key-1234567890")
    }).pipe(Policy.retry(pikeRag), Layer.provide(Layer.succeed(HttpClient.HttpClient, http)))
    const end = yield* inVirtualTime(Effect.either(Effect.provide(LlmClient.complete("Hi"), llm)))
    return { end, waits: times.slice(1).map((time, index) => Math.round(time - (times[index] ?? 0)) / 1000) }
  }).pipe(Effect.withRandom(Random.make(seed)))

const busy = (headers: Readonly<Record<string, string>> = {}): Response =>
  new Response('{"error":{"code":"503","message":"busy"}}', { status: 503, headers })

describe("the retries of PIKE-RAG", () => {
  it.effect.prop(
    "make five attempts, doubled waits and up to 60 s more between them, never above 300 s",
    [FastCheck.integer()],
    ([seed]) =>
      Effect.gen(function* () {
        const { end, waits } = yield* called(() => busy(), seed)
        expect(end).toMatchObject({ _tag: "Left", left: { _tag: "Overloaded", attempts: 5 } })
        expect(waits).toHaveLength(4)
        for (const [index, base] of [60, 120, 240, 300].entries()) {
          expect(waits[index]).toBeGreaterThanOrEqual(base)
          expect(waits[index]).toBeLessThanOrEqual(Math.min(300, base + 60))
        }
      }),
    { fastCheck: { numRuns: 20 } }
  )

  it.effect("end with the first answer", () =>
    Effect.gen(function* () {
      const answer = { choices: [{ message: { content: "Hello" }, finish_reason: "stop" }] }
      const { end, waits } = yield* called(
        (attempt) => (attempt < 3 ? busy() : new Response(JSON.stringify(answer))),
        1
      )
      expect(end).toMatchObject({ _tag: "Right", right: { text: "Hello", attempts: 3 } })
      expect(waits).toHaveLength(2)
    })
  )

  it.effect("wait as long as the server asks, where that is longer", () =>
    Effect.gen(function* () {
      const { waits } = yield* called(() => busy({ "retry-after": "1000" }), 1)
      expect(waits).toEqual([1000, 1000, 1000, 1000])
    })
  )

  it.effect("do not repeat a bad request", () =>
    Effect.gen(function* () {
      const { end, waits } = yield* called(() => new Response("{}", { status: 400 }), 1)
      expect(end).toMatchObject({ _tag: "Left", left: { _tag: "InvalidRequest", attempts: 1 } })
      expect(waits).toEqual([])
    })
  )

  it("are what the example prints", async () => {
    const printed = await printedBy(() => import("../../examples/origins-retry.js"))
    const seconds = printed.map((line) => Number(/^wait (\d+) s$/.exec(line)?.[1]))
    expect(seconds).toHaveLength(4)
    for (const [index, base] of [60, 120, 240, 300].entries()) {
      expect(seconds[index]).toBeGreaterThanOrEqual(base)
      expect(seconds[index]).toBeLessThanOrEqual(Math.min(300, base + 60))
    }
  })
})
