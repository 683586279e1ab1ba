import type { HttpClient } from "@effect/platform"
import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import { type ConfigError, Context, Effect, Exit, Layer, Ref, Schedule, Scope } from "effect"
import { ChatRequest, Completion, LlmClient, OpenAi, Policy, Prompt, RetryPolicy } from "effect-llm"
import { MockLlm } from "effect-llm/testing"
import { retryable } from "../SampleErrors.js"
import { behind, built, make } from "./Watched.js"

const request = ChatRequest.make("Hello")

/** Puts a mark around every answer's text. */
const marked = (mark: string) =>
  Policy.mapCompletion((completion) =>
    Completion.make({ ...completion, parts: [Prompt.text(`${mark}${completion.text}${mark}`)] })
  )

describe("Policy.make", () => {
  it.scoped("makes a policy of a function over clients", () =>
    Effect.gen(function* () {
      const counted = yield* Ref.make(0)
      const counting = Policy.make((next) =>
        Effect.succeed({
          ...next,
          complete: (request) =>
            Effect.zipLeft(
              next.complete(request),
              Ref.update(counted, (n) => n + 1)
            )
        })
      )
      const { client } = yield* behind(counting, "Hi")
      yield* client.complete(request)
      yield* client.complete(request)
      expect(yield* Ref.get(counted)).toBe(2)
    })
  )

  it.scoped("runs the function once per layer, whoever uses the layer", () =>
    Effect.gen(function* () {
      let built = 0
      const policy = Policy.make((next) =>
        Effect.sync(() => {
          built++
          return next
        })
      )
      const { layer } = yield* make("Hi")
      const Llm = layer.pipe(policy)
      const first = Layer.effect(Context.GenericTag<"first", LlmClient.Service>("first"), LlmClient.LlmClient)
      const second = Layer.effect(Context.GenericTag<"second", LlmClient.Service>("second"), LlmClient.LlmClient)
      yield* Layer.build(Layer.provide(Layer.merge(first, second), Llm))
      expect(built).toBe(1)
      yield* Layer.build(Llm)
      expect(built).toBe(2)
    })
  )

  it.scoped("wraps twice when it is applied twice", () =>
    Effect.gen(function* () {
      const policy = marked("*")
      const { client } = yield* behind((layer) => layer.pipe(policy, policy), "Hi")
      expect((yield* client.complete(request)).text).toBe("**Hi**")
    })
  )

  it.scoped("applies policies from inside to outside", () =>
    Effect.gen(function* () {
      const { client } = yield* behind((layer) => layer.pipe(marked("1"), marked("2"), marked("3")), "Hi")
      expect((yield* client.complete(request)).text).toBe("321Hi123")
    })
  )

  it.effect("closes what a policy opened when the layer closes", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const opening = Policy.make((next) =>
        Effect.as(
          Effect.acquireRelease(
            Effect.sync(() => log.push("open")),
            () => Effect.sync(() => log.push("close"))
          ),
          next
        )
      )
      const scope = yield* Scope.make()
      const mock = yield* make("Hi")
      const client = yield* Scope.extend(built(mock.layer.pipe(opening)), scope)
      yield* client.complete(request)
      expect(log).toEqual(["open"])
      yield* Scope.close(scope, Exit.void)
      expect(log).toEqual(["open", "close"])
    })
  )

  it.scoped("fails the layer when it fails", () =>
    Effect.gen(function* () {
      const mock = yield* make("Hi")
      const error = yield* Effect.flip(built(mock.layer.pipe(Policy.make(() => Effect.fail("no" as const)))))
      expectTypeOf(error).toEqualTypeOf<"no">()
      expect(error).toBe("no")
    })
  )
})

describe("types of policies", () => {
  type Llm = Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>
  const openAi = OpenAi.layerConfig()

  it("a policy keeps the layer's type readable", () => {
    expectTypeOf(openAi).toEqualTypeOf<Llm>()
    expectTypeOf(openAi.pipe(Policy.retry(RetryPolicy.standard))).toEqualTypeOf<Llm>()
    expectTypeOf(
      openAi.pipe(
        Policy.attemptTimeout("30 seconds"),
        Policy.concurrency(16),
        Policy.throttle("10 millis"),
        Policy.retry(RetryPolicy.standard),
        Policy.mapRequest((request) => request),
        Policy.totalTimeout("2 minutes"),
        Policy.cache({ timeToLive: "1 day" })
      )
    ).toEqualTypeOf<Llm>()
  })

  it("a policy that can fail adds its error, and one that cannot adds none", () => {
    const mock = Layer.effect(
      LlmClient.LlmClient,
      Effect.map(MockLlm.make("Hi"), (mock) => mock.client)
    )
    expectTypeOf(mock.pipe(Policy.retry(RetryPolicy.standard))).toEqualTypeOf<Layer.Layer<LlmClient.LlmClient>>()
    expectTypeOf(mock.pipe(Policy.concurrency(1))).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError>
    >()
  })

  it("what a policy needs, the layer needs, but for its scope", () => {
    class Ledger extends Context.Tag("Ledger")<Ledger, { readonly note: Effect.Effect<void> }>() {}
    const noting = Policy.make((next) =>
      Effect.gen(function* () {
        const ledger = yield* Ledger
        yield* Effect.addFinalizer(() => ledger.note)
        return next
      })
    )
    expectTypeOf(noting).toEqualTypeOf<Policy.Policy<never, Ledger>>()
    expectTypeOf(openAi.pipe(noting)).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient | Ledger>
    >()
    const patient = Schedule.recurs(1).pipe(Schedule.tapOutput(() => Effect.flatMap(Ledger, (ledger) => ledger.note)))
    expectTypeOf(openAi.pipe(Policy.retry(patient))).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient | Ledger>
    >()
  })

  it.scoped("a Schedule's requirement is given by the layer", () =>
    Effect.gen(function* () {
      class Tries extends Context.Tag("Tries")<Tries, Ref.Ref<number>>() {}
      const tries = yield* Ref.make(0)
      const counted = Schedule.recurs(2).pipe(
        Schedule.tapInput(() => Effect.flatMap(Tries, (tries) => Ref.update(tries, (n) => n + 1)))
      )
      const mock = yield* MockLlm.make(retryable.ServerFailed)
      const layer = mock.layer.pipe(Policy.retry(counted), Layer.provide(Layer.succeed(Tries, tries)))
      const client = yield* built(layer)
      expect(yield* Effect.flip(client.complete(request))).toMatchObject({ attempts: 3 })
      expect(yield* Ref.get(tries)).toBe(3)
    })
  )
})
