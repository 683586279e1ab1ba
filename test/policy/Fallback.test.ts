import type { HttpClient } from "@effect/platform"
import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import { type ConfigError, Context, Effect, Fiber, Layer, Schedule, TestClock } from "effect"
import {
  Anthropic,
  ChatRequest,
  Ledger,
  LlmClient,
  LlmError,
  OpenAi,
  Policy,
  RetryPolicy,
  StreamPart
} from "effect-llm"
import { MockLlm } from "effect-llm/testing"
import { retryable, retryableErrors, terminal, terminalErrors } from "../SampleErrors.js"
import { built, inVirtualTime, make, seen, timed, watch } from "./Watched.js"

const request = ChatRequest.make("Hello")

/** Two watched mocks, the second behind the first; the second is of another provider. */
const pair = (first: MockLlm.Answers, second: MockLlm.Answers, options?: Policy.FallbackOptions) =>
  Effect.gen(function* () {
    const one = yield* make(first)
    const two = watch((yield* MockLlm.make(second, { provider: "other", model: "other-model" })).client)
    const client = yield* built(one.layer.pipe(Policy.fallback(two.layer, options)))
    return { client, one, two }
  })

/** What the second client is asked, by `complete` and by `stream`. */
const asked = (options: Policy.FallbackOptions | undefined, provider: string, input: ChatRequest.RequestInput) =>
  Effect.gen(function* () {
    const first = yield* MockLlm.make(retryable.Overloaded)
    const second = yield* MockLlm.make("Hi", { provider, model: "other-model" })
    const client = yield* built(first.layer.pipe(Policy.fallback(second.layer, options)))
    const whole = yield* client.complete(ChatRequest.make(input))
    const streamed = yield* StreamPart.collect(client.stream(ChatRequest.make(input)))
    expect(streamed.model).toBe(whole.model)
    const [one, two] = yield* second.calls
    expect(two?.request).toEqual(one?.request)
    return { request: one?.request, answeredBy: whole.model }
  })

const fallsBack: ReadonlySet<string> = new Set([
  "RateLimited",
  "Overloaded",
  "ServerFailed",
  "RequestTimeout",
  "ConnectionFailed",
  "MalformedResponse",
  "StreamInterrupted",
  "CircuitOpen",
  "QuotaExhausted",
  "ModelNotFound",
  "ContextLengthExceeded",
  "RequestTooLarge",
  "UnsupportedFeature"
])

describe("Policy.fallback", () => {
  for (const error of [...terminalErrors, ...retryableErrors]) {
    const does = fallsBack.has(error._tag)
    it.scoped(`${error._tag}: ${does ? "the other client answers" : "stays"}, for complete and for stream`, () =>
      Effect.gen(function* () {
        const { client, two } = yield* pair(error, "Hi")
        const whole = yield* Effect.either(client.complete(request))
        const streamed = yield* Effect.either(StreamPart.collect(client.stream(request)))
        for (const answer of [whole, streamed]) {
          expect(answer).toMatchObject(
            does
              ? { _tag: "Right", right: { text: "Hi", model: "other-model", attempts: error.attempts + 1 } }
              : { _tag: "Left", left: { _tag: error._tag, attempts: error.attempts } }
          )
        }
        expect(two.starts).toHaveLength(does ? 2 : 0)
      })
    )
  }

  it.scoped.each<readonly [string, Policy.FallbackOptions["when"]]>([
    ["tags", ["ContentFiltered"]],
    ["a function", (error) => error._tag === "ContentFiltered" && error.categories[0]?.name === "violence"]
  ])("`when` as %s takes the place of the default", ([, when]) =>
    Effect.gen(function* () {
      const { client } = yield* pair([terminal.ContentFiltered, retryable.Overloaded], "Hi", { when })
      expect((yield* client.complete(request)).text).toBe("Hi")
      expect((yield* Effect.flip(client.complete(request)))._tag).toBe("Overloaded")
    })
  )

  it.scoped("a call that succeeds asks nobody else", () =>
    Effect.gen(function* () {
      const { client, two } = yield* pair("Hi", "Ho")
      expect((yield* client.complete(request)).text).toBe("Hi")
      expect((yield* StreamPart.collect(client.stream(request))).text).toBe("Hi")
      expect(two.starts).toEqual([])
    })
  )

  it.scoped("when both fail, the error is the last one, with the attempts of both", () =>
    Effect.gen(function* () {
      const first = LlmError.withAttempts(retryable.Overloaded, 3)
      const { client } = yield* pair(first, LlmError.withAttempts(terminal.AuthenticationFailed, 2))
      const whole = yield* Effect.flip(client.complete(request))
      const streamed = (yield* seen(client.stream(request))).error
      expect([whole, streamed]).toMatchObject(
        Array.from({ length: 2 }, () => ({ _tag: "AuthenticationFailed", attempts: 5 }))
      )
    })
  )

  it.scoped("the outcome is that of the last request that went out", () =>
    Effect.gen(function* () {
      const { client } = yield* pair(retryable.ConnectionFailed, retryable.CircuitOpen)
      expect(yield* Effect.flip(client.complete(request))).toMatchObject({
        _tag: "CircuitOpen",
        attempts: 1,
        outcome: "unknown"
      })
    })
  )

  it.scoped("several fall back one behind the other", () =>
    Effect.gen(function* () {
      const [one, two, three] = yield* Effect.all([
        make(retryable.Overloaded),
        make(retryable.CircuitOpen),
        make("at last")
      ])
      const client = yield* built(one.layer.pipe(Policy.fallback(two.layer), Policy.fallback(three.layer)))
      expect(yield* client.complete(request)).toMatchObject({ text: "at last", attempts: 2 })
      expect(yield* StreamPart.collect(client.stream(request))).toMatchObject({ text: "at last", attempts: 2 })
    })
  )

  // --- streams ---------------------------------------------------------------

  it.scoped("a stream that breaks behind its first part stays broken, and the other is not asked", () =>
    Effect.gen(function* () {
      const { client, two } = yield* pair({ text: ["Once ", "upon"], error: retryable.ConnectionFailed }, "Hi")
      const { error, parts } = yield* seen(client.stream(request))
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "Once upon" })
      expect(parts).toHaveLength(2)
      expect(two.starts).toEqual([])
    })
  )

  it.scoped("any visible part counts: reasoning and the beginning of a tool call, too", () =>
    Effect.gen(function* () {
      const error = retryable.ServerFailed
      const { client, two } = yield* pair(
        [
          { reasoning: "Hm.", text: [], error },
          { toolCalls: [{ id: "1", name: "look_up", arguments: "{}" }], error }
        ],
        "Hi"
      )
      for (let n = 0; n < 2; n++) {
        expect((yield* seen(client.stream(request))).error).toMatchObject({ _tag: "StreamInterrupted", text: "" })
      }
      expect(two.starts).toEqual([])
    })
  )

  it.scoped("the same stream can be run again", () =>
    Effect.gen(function* () {
      const { client } = yield* pair([retryable.Overloaded, "first"], "second")
      const stream = client.stream(request)
      expect(yield* StreamPart.collect(stream)).toMatchObject({ text: "second", attempts: 2 })
      expect(yield* StreamPart.collect(stream)).toMatchObject({ text: "first", attempts: 1 })
    })
  )

  // --- what goes to the other ------------------------------------------------

  const input = {
    prompt: "Hello",
    model: "named",
    temperature: 0.5,
    metadata: { tenant: "acme" },
    idempotencyKey: "key-1",
    providerOptions: { special: true }
  }

  it.scoped.each<readonly [string, Policy.FallbackOptions | undefined, string, string | undefined]>([
    ["its own, by default", undefined, "other-model", undefined],
    ["its own", { model: "own" }, "other-model", undefined],
    ["the one that the request names", { model: "keep" }, "named", "named"],
    ["the one that the option names", { model: { name: "chosen" } }, "chosen", "chosen"],
    ["the one that a function makes", { model: (model) => `vendor/${model}` }, "vendor/named", "vendor/named"],
    ["its own, where a function has none", { model: () => undefined }, "other-model", undefined]
  ])("the other is asked for a model: %s", ([, options, answeredBy, model]) =>
    Effect.gen(function* () {
      const to = yield* asked(options, "other", input)
      expect(to.answeredBy).toBe(answeredBy)
      expect(to.request?.model).toBe(model)
    })
  )

  it.scoped("settings and metadata go along; the idempotency key does not", () =>
    Effect.gen(function* () {
      const to = yield* asked(undefined, "other", input)
      expect(to.request).toMatchObject({ temperature: 0.5, metadata: { tenant: "acme" } })
      expect(to.request).toHaveProperty("idempotencyKey", undefined)
    })
  )

  it.scoped("provider options go along only to the same provider", () =>
    Effect.gen(function* () {
      expect((yield* asked(undefined, "other", input)).request).toHaveProperty("providerOptions", undefined)
      expect((yield* asked(undefined, "mock", input)).request).toMatchObject({ providerOptions: { special: true } })
    })
  )

  it.scoped("embeddings stay, unless it is asked for: vectors of two models cannot be compared", () =>
    Effect.gen(function* () {
      const failing = (yield* make("")).client
      const broken = Layer.succeed(LlmClient.LlmClient, {
        ...failing,
        embed: () => Effect.fail(retryable.Overloaded)
      } satisfies LlmClient.Service)
      const other = (yield* MockLlm.make("", { model: "other-model" })).layer
      const embed = (options?: Policy.FallbackOptions) =>
        Effect.flatMap(built(broken.pipe(Policy.fallback(other, options))), (client) =>
          Effect.either(client.embed({ input: ["a"], model: "named" }))
        )
      expect(yield* embed()).toMatchObject({ left: { _tag: "Overloaded" } })
      expect(yield* embed({ embeddings: true })).toMatchObject({ right: { model: "other-model", attempts: 2 } })
    })
  )

  // --- with other policies ---------------------------------------------------

  it.scoped("comes after the retries inside, and a retry outside does not multiply them", () =>
    Effect.gen(function* () {
      const [one, two] = yield* Effect.all([make(retryable.Overloaded), make(retryable.ServerFailed)])
      const twice = Policy.retry(Schedule.recurs(2))
      const client = yield* built(
        one.layer.pipe(twice, Policy.fallback(two.layer), Policy.retry(RetryPolicy.exponential()))
      )
      const { result } = yield* inVirtualTime(timed(client.complete(request)))
      expect(result).toMatchObject({ left: { _tag: "ServerFailed", attempts: 4 } })
      expect([one.starts.length, two.starts.length]).toEqual([3, 1])
    })
  )

  it.scoped("a deadline around it says how many attempts both made", () =>
    Effect.gen(function* () {
      const slow: MockLlm.Answer = { text: "late", delay: "1 hour" }
      const [one, two] = yield* Effect.all([make(retryable.Overloaded), make([retryable.ServerFailed, slow, slow])])
      const client = yield* built(
        one.layer.pipe(
          Policy.retry(Schedule.recurs(1)),
          Policy.fallback(two.layer.pipe(Policy.retry(Schedule.recurs(1)))),
          Policy.totalTimeout("1 second")
        )
      )
      const expected = [
        { limit: "total", attempts: 4 },
        { limit: "total", attempts: 3 }
      ]
      const whole = yield* inVirtualTime(timed(client.complete(request)))
      const streamed = yield* inVirtualTime(seen(client.stream(request)))
      expect([whole.result, streamed.error]).toMatchObject([{ left: expected[0] }, expected[1]])
      expect([two.inFlight, two.left]).toEqual([0, 2])
    })
  )

  it.scoped("a ledger has the attempts of both", () =>
    Effect.gen(function* () {
      const { client } = yield* pair(retryable.Overloaded, "Hi")
      const [, totals] = yield* Ledger.measure(client.complete(request))
      expect(totals.models).toMatchObject({ "mock mock-model": { failed: 1 }, "other other-model": { completed: 1 } })
    })
  )

  it.scoped("interrupting it interrupts the other", () =>
    Effect.gen(function* () {
      const { client, two } = yield* pair(retryable.Overloaded, { text: "late", delay: "1 hour" })
      const fiber = yield* Effect.fork(client.complete(request))
      yield* TestClock.adjust("1 second")
      expect(two.inFlight).toBe(1)
      yield* Fiber.interrupt(fiber)
      expect([two.inFlight, two.left]).toEqual([0, 1])
    })
  )

  // --- layers ----------------------------------------------------------------

  it.effect("refuses a fallback of a layer to itself when the layer is built", () =>
    Effect.gen(function* () {
      const layer = MockLlm.layer("Hi")
      const limited = layer.pipe(Policy.concurrency(1))
      for (const one of [layer, limited]) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(one.pipe(Policy.fallback(one)))))
        expect(error).toMatchObject({ _op: "InvalidData", path: ["fallback"] })
      }
    })
  )

  it.effect.each<readonly [string, Policy.FallbackOptions]>([
    ["no tag at all", { when: [] }],
    // @ts-expect-error there is no such tag
    ["a tag that does not exist", { when: ["ServerFailed", "ServerDown"] }]
  ])("refuses %s", ([, options]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(pair("Hi", "Ho", options)))
      expect(error).toMatchObject({ _op: "InvalidData", path: ["fallback", "when"] })
    })
  )

  it.effect("builds both layers once, with the layer", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const counted = (name: string, answer: MockLlm.Answer) =>
        Layer.effect(
          LlmClient.LlmClient,
          Effect.map(MockLlm.make(answer), ({ client }) => {
            log.push(name)
            return client
          })
        )
      const layer = counted("one", retryable.Overloaded).pipe(Policy.fallback(counted("two", "Hi")))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = Context.get(yield* Layer.build(layer), LlmClient.LlmClient)
          for (let n = 0; n < 3; n++) yield* client.complete(request)
        })
      )
      expect([...log].sort()).toEqual(["one", "two"])
    })
  )

  it("needs what both layers need, and fails as they do", () => {
    const local = Layer.fail(new Error("no model"))
    expectTypeOf(OpenAi.layerConfig().pipe(Policy.fallback(Anthropic.layerConfig()))).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>
    >()
    expectTypeOf(local.pipe(Policy.fallback(OpenAi.layerConfig()))).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError | Error, HttpClient.HttpClient>
    >()
  })
})
