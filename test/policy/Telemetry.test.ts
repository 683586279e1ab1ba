import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Metric, Redacted, Stream, TestClock } from "effect"
import { ChatRequest, LlmClient, LlmError, OpenAi, Policy, RetryPolicy } from "effect-llm"
import { Fault, MockLlm, Simulator } from "effect-llm/testing"
import { attributesOf, tracing } from "../TestTracer.js"
import { behind, inVirtualTime } from "./Watched.js"

/** Metrics are global: each test has a model of its own. */
const asked = (model: string, more: ChatRequest.Settings = {}): ChatRequest.ChatRequest => ({
  ...ChatRequest.make("a secret question"),
  model,
  ...more
})

const named = { provider: "mock", model: "mock-model", message: "as scripted" }

/** What the metrics say of a model: name and the labels beside it, and the count and sum, or the count alone. */
const metricsOf = (model: string) =>
  Effect.map(Metric.snapshot, (pairs) =>
    Object.fromEntries(
      pairs.flatMap(({ metricKey, metricState }) => {
        const tags = metricKey.tags.map(({ key, value }) => [key, value] as const)
        if (!tags.some(([key, value]) => key === "gen_ai.request.model" && value === model)) return []
        const others = tags.filter(([key]) => !/operation.name|provider.name|request.model/.test(key))
        const name = [metricKey.name, ...others.map(([, value]) => value)].join(" ")
        const state: object = metricState
        return "sum" in state && "count" in state
          ? [[name, [state.count, state.sum]]]
          : "count" in state
            ? [[name, state.count]]
            : []
      })
    )
  )

describe("the metrics of Policy.telemetry", () => {
  it.scoped("say how long calls took, how many tokens, and when the first part of a stream came", () =>
    Effect.gen(function* () {
      const usage = { inputTokens: 10, outputTokens: 4 }
      const { client } = yield* behind(Policy.telemetry(), {
        text: ["a", "b"],
        delay: "2 seconds",
        partDelay: "1 second",
        usage
      })
      yield* inVirtualTime(client.complete(asked("m-plain")))
      yield* inVirtualTime(Stream.runDrain(client.stream(asked("m-plain"))))
      expect(yield* metricsOf("m-plain")).toMatchObject({
        "gen_ai.client.operation.duration": [2, 5],
        "gen_ai.client.token.usage input": [2, 20],
        "gen_ai.client.token.usage output": [2, 8],
        "effect_llm.time_to_first_token": [1, 2],
        "effect_llm.queue.duration": [2, 0],
        "effect_llm.attempts completed": 2
      })
    })
  )

  it.scoped("count attempts by how they ended, and retries by what they follow", () =>
    Effect.gen(function* () {
      const policy: Policy.Policy = (layer) =>
        layer.pipe(Policy.retry(RetryPolicy.exponential({ jitter: "none" })), Policy.telemetry())
      const { client } = yield* behind(policy, [
        new LlmError.Overloaded(named),
        new LlmError.RateLimited(named),
        "Hi",
        new LlmError.InvalidRequest(named)
      ])
      yield* inVirtualTime(client.complete(asked("mock-model")))
      yield* Effect.flip(client.complete(asked("mock-model")))
      expect(yield* metricsOf("mock-model")).toMatchObject({
        "effect_llm.attempts failed Overloaded": 1,
        "effect_llm.attempts failed RateLimited": 1,
        "effect_llm.attempts failed InvalidRequest": 1,
        "effect_llm.attempts completed": 1,
        "effect_llm.retries Overloaded": 1,
        "effect_llm.retries RateLimited": 1,
        "gen_ai.client.operation.duration": [1, 1.5],
        "gen_ai.client.operation.duration InvalidRequest": [1, 0]
      })
    })
  )

  it.scoped("count what a cache answers, and how long calls queue", () =>
    Effect.gen(function* () {
      const policy: Policy.Policy<unknown> = (layer) =>
        layer.pipe(Policy.concurrency(1), Policy.cache(), Policy.telemetry())
      const mock = yield* MockLlm.make({ text: "Hi", delay: "3 seconds" })
      const client = Context.get(yield* Layer.build(policy(mock.layer)), LlmClient.LlmClient)
      const both = [client.complete(asked("m-queue")), client.complete(asked("m-queue", { seed: 2 }))]
      yield* inVirtualTime(Effect.all(both, { concurrency: "unbounded" }))
      yield* client.complete(asked("m-queue"))
      expect(yield* metricsOf("m-queue")).toMatchObject({
        "effect_llm.queue.duration": [2, 3],
        "effect_llm.cache.hits": 1,
        "gen_ai.client.operation.duration": [3, 9]
      })
    })
  )

  it.scoped("count what is under way, and what its callers left", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(Policy.telemetry(), { text: ["a", "b"], partDelay: "1 hour" })
      const inFlight = Effect.map(
        Metric.snapshot,
        (pairs) => pairs.find(({ metricKey }) => metricKey.name === "effect_llm.calls.in_flight")?.metricState
      )
      const started = yield* Deferred.make<void>()
      const fiber = yield* client.stream(asked("m-left")).pipe(
        Stream.tap(() => Deferred.succeed(started, undefined)),
        Stream.runDrain,
        Effect.fork
      )
      yield* Deferred.await(started)
      expect(yield* inFlight).toMatchObject({ value: 1 })
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.interrupt(fiber)
      expect(yield* inFlight).toMatchObject({ value: 0 })
      expect(yield* metricsOf("m-left")).toMatchObject({
        "gen_ai.client.operation.duration aborted": [1, 10],
        "effect_llm.attempts aborted": 1
      })
    })
  )
})

describe("the metric of a circuit breaker", () => {
  it.scoped("says whether the circuit is closed, half-open or open", () =>
    Effect.gen(function* () {
      const mock = yield* MockLlm.make([new LlmError.ServerFailed(named), new LlmError.ServerFailed(named), "Hi"], {
        model: "m-circuit"
      })
      const layer = mock.layer.pipe(Policy.circuitBreaker({ minimumCalls: 2, openFor: "10 seconds" }))
      const client = Context.get(yield* Layer.build(layer), LlmClient.LlmClient)
      const state = Effect.map(Metric.snapshot, (pairs) =>
        pairs.flatMap(({ metricKey, metricState }) =>
          metricKey.name === "effect_llm.circuit.state" && metricKey.tags.some(({ value }) => value === "m-circuit")
            ? [metricState]
            : []
        )
      )
      yield* Effect.flip(client.complete(asked("m-circuit")))
      yield* Effect.flip(client.complete(asked("m-circuit")))
      expect(yield* state).toMatchObject([{ value: 2 }])
      yield* TestClock.adjust("11 seconds")
      yield* client.complete(asked("m-circuit"))
      expect(yield* state).toMatchObject([{ value: 0 }])
    })
  )
})

describe("the spans of Policy.telemetry", () => {
  const spansOf = (
    faults: ReadonlyArray<Fault.Fault>,
    use: (client: LlmClient.Service) => Effect.Effect<unknown, unknown>,
    options: Policy.TelemetryOptions = {}
  ) =>
    Effect.gen(function* () {
      const { spans, tracer } = tracing()
      yield* Effect.flatMap(Simulator.Simulator, (simulator) => simulator.inject(...faults))
      const layer = OpenAi.layer({ apiKey: Redacted.make("sk-any"), model: "gpt-4.1-mini" }).pipe(
        Policy.retry(RetryPolicy.exponential({ jitter: "none" })),
        Policy.telemetry(options)
      )
      const client = Context.get(yield* Layer.build(layer), LlmClient.LlmClient)
      yield* inVirtualTime(Effect.exit(use(client)).pipe(Effect.withTracer(tracer)))
      return spans
    }).pipe(Effect.scoped, Effect.provide(Simulator.layerHttpClient({ answer: () => "a secret answer" })))

  const calls: Readonly<Record<string, (client: LlmClient.Service) => Effect.Effect<unknown, unknown>>> = {
    complete: (client) => client.complete(ChatRequest.make("a secret question")),
    stream: (client) => Stream.runDrain(client.stream(ChatRequest.make("a secret question"))),
    embed: (client) => client.embed({ input: ["a secret question"] })
  }

  for (const [name, use] of Object.entries(calls)) {
    it.effect(`are one per call and one per attempt below it, with the error and the wait: ${name}`, () =>
      Effect.gen(function* () {
        const [call, first, second, ...others] = yield* spansOf([Fault.status(503)], use)
        expect(others).toEqual([])
        expect([call?.kind, first?.kind, second?.kind]).toEqual(["internal", "client", "client"])
        expect([first, second].map((span) => span?.parent)).toEqual([
          expect.objectContaining({ value: call }),
          expect.objectContaining({ value: call })
        ])
        expect(attributesOf(call)).toMatchObject({ "effect_llm.attempts": 2, "effect_llm.cached": false })
        expect(attributesOf(first)).toMatchObject({ "effect_llm.attempt": 1, "error.type": "Overloaded" })
        expect(attributesOf(second)).toMatchObject({ "effect_llm.attempt": 2, "effect_llm.wait_ms": 500 })
        expect([call, first, second].map((span) => span?.ends)).toEqual([1, 1, 1])
      })
    )
  }

  it.effect("name the error that ends a call, with its attempts", () =>
    Effect.gen(function* () {
      const [call] = yield* spansOf([Fault.status(503), Fault.status(401)], (client) =>
        client.complete(ChatRequest.make("Hi"))
      )
      expect(attributesOf(call)).toMatchObject({ "error.type": "AuthenticationFailed", "effect_llm.attempts": 2 })
      expect(call?.exit?._tag).toBe("Failure")
    })
  )

  it.effect("hold prompts and answers only where asked for", () =>
    Effect.gen(function* () {
      for (const use of Object.values(calls)) {
        const plain = yield* spansOf([], use)
        expect(JSON.stringify(plain.map(attributesOf))).not.toContain("secret")
        const [full] = yield* spansOf([], use, { recordContent: true })
        expect(JSON.stringify(attributesOf(full))).toContain("a secret question")
        if (use !== calls["embed"]) expect(JSON.stringify(attributesOf(full))).toContain("a secret answer")
      }
    })
  )
})
