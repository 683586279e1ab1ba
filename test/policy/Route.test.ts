import type { HttpClient } from "@effect/platform"
import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import { type ConfigError, Context, Effect, Exit, Layer, Scope, Stream } from "effect"
import { Anthropic, ChatRequest, LlmClient, type LlmError, OpenAi, Policy, StreamPart } from "effect-llm"
import { MockLlm } from "effect-llm/testing"
import { built, inVirtualTime, make, timed } from "./Watched.js"

const { prompt } = ChatRequest.make("Hi")

/** A client that answers with its own name and the model that it was asked for, if any. */
const named = (name: string) =>
  Layer.effect(
    LlmClient.LlmClient,
    Effect.map(
      MockLlm.make((request) => `${name}:${request.model ?? "its own"}`, { model: `${name}-model` }),
      (mock): LlmClient.Service => ({
        ...mock.client,
        embed: (request) =>
          Effect.map(mock.client.embed(request), (answer) => ({
            ...answer,
            model: `${name}:${request.model ?? "its own"}`
          }))
      })
    )
  )

const routes = Policy.route({
  "gpt-*": named("gpt"),
  "gpt-5*": named("gpt-5"),
  "gpt-5-mini": named("exact"),
  "openai/*": named("openai"),
  "openai/ft:*": named("tuned"),
  "meta-llama/*": { layer: named("kept"), model: (model) => model },
  fast: { layer: named("fast"), model: "small-1" },
  own: { layer: named("own"), model: () => undefined },
  default: named("default")
})

/** Who answers to a model, by each of the three operations. */
const answeredBy = (layer: Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError>, model: string | undefined) =>
  Effect.gen(function* () {
    const client = yield* built(layer)
    const whole = yield* client.complete({ prompt, model })
    const streamed = yield* StreamPart.collect(client.stream({ prompt, model }))
    const embedded = yield* client.embed({ input: ["Hi"], model })
    return [whole.text, streamed.text, embedded.model]
  })

const everywhere = (text: string) => [text, text, text]

describe("Policy.route", () => {
  it.scoped.each<readonly [string | undefined, string]>([
    ["gpt-4.1", "gpt:gpt-4.1"],
    ["gpt-5", "gpt:gpt-5"],
    ["gpt-5-nano", "gpt-5:gpt-5-nano"],
    ["gpt-5-mini", "exact:gpt-5-mini"],
    ["openai/gpt-4.1", "openai:gpt-4.1"],
    ["openai/owner/model", "openai:owner/model"],
    ["openai/ft:gpt", "tuned:openai/ft:gpt"],
    ["meta-llama/Llama-3.1-8B", "kept:meta-llama/Llama-3.1-8B"],
    ["fast", "fast:small-1"],
    ["own", "own:its own"],
    [undefined, "default:its own"]
  ])("gives %s to %s, for complete, stream and embed", ([model, answer]) =>
    Effect.gen(function* () {
      expect(yield* answeredBy(routes, model)).toEqual(everywhere(answer))
    })
  )

  it.scoped.each(["claude-sonnet-4-5", "GPT-4.1", "gpt-", "openai/", "default", "constructor", ""])(
    "fails with ModelNotFound for %j, which no route fits, and asks nobody",
    (model) =>
      Effect.gen(function* () {
        const mock = yield* make("Hi")
        const client = yield* built(Policy.route({ "gpt-*": mock.layer, "openai/*": mock.layer, default: mock.layer }))
        const request = { prompt, model }
        const errors: ReadonlyArray<LlmError.LlmError> = [
          yield* Effect.flip(client.complete(request)),
          yield* Effect.flip(Stream.runDrain(client.stream(request))),
          yield* Effect.flip(client.embed({ input: ["a"], model }))
        ]
        for (const error of errors) {
          expect(error).toMatchObject({ _tag: "ModelNotFound", provider: "route", model, attempts: 0 })
          expect(error.message).toContain(JSON.stringify(model))
          expect(error.message).toContain('"gpt-*", "openai/*"')
        }
        expect(mock.starts).toEqual([])
      })
  )

  it.scoped("fails with ModelNotFound for a request without a model where there is no default", () =>
    Effect.gen(function* () {
      const client = yield* built(Policy.route({ "gpt-*": named("gpt") }))
      const error = yield* Effect.flip(client.complete({ prompt }))
      expect(error).toMatchObject({ _tag: "ModelNotFound", attempts: 0 })
      expect(error.message).toContain("no default")
    })
  )

  it.scoped("gives what is left to a star", () =>
    Effect.gen(function* () {
      const layer = Policy.route({ "*": named("rest"), "gpt-*": named("gpt") })
      expect(yield* answeredBy(layer, "claude/3")).toEqual(everywhere("rest:claude/3"))
      expect(yield* answeredBy(layer, "gpt-4")).toEqual(everywhere("gpt:gpt-4"))
    })
  )

  it.scoped("asks the default for the model that it says", () =>
    Effect.gen(function* () {
      const layer = Policy.route({ default: { layer: named("default"), model: "small-1" } })
      expect(yield* answeredBy(layer, undefined)).toEqual(everywhere("default:small-1"))
    })
  )

  it.effect.each([["gpt-*-mini"], ["*gpt"], ["gpt-**"], [""]])(
    "refuses the route %j when the layer is built",
    ([route]) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.scoped(built(Policy.route({ [route ?? ""]: named("a") }))))
        expect(error).toMatchObject({ _op: "InvalidData", path: ["route", route] })
      })
  )

  it.effect("refuses to be without routes", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(Effect.scoped(built(Policy.route({}))))).toMatchObject({ _op: "InvalidData" })
    })
  )

  it.effect(
    "builds each layer once, closes all with its own scope, and takes one layer under two names for one client",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const logged = (name: string) =>
          named(name).pipe(
            Policy.make((next) =>
              Effect.as(
                Effect.acquireRelease(
                  Effect.sync(() => log.push(`open ${name}`)),
                  () => Effect.sync(() => log.push(`close ${name}`))
                ),
                next
              )
            )
          )
        const shared = logged("shared")
        const scope = yield* Scope.make()
        const client = yield* Scope.extend(
          built(Policy.route({ a: shared, "b-*": shared, c: logged("c"), default: shared })),
          scope
        )
        yield* client.complete({ prompt, model: "a" })
        yield* client.complete({ prompt, model: "b-1" })
        yield* client.complete({ prompt, model: "c" })
        expect([...log].sort()).toEqual(["open c", "open shared"])
        yield* Scope.close(scope, Exit.void)
        expect(log.slice(2).sort()).toEqual(["close c", "close shared"])
      })
  )

  it.scoped("shares a layer's limits between its routes, and with the rest of the program", () =>
    Effect.gen(function* () {
      const mock = yield* make({ text: "Hi", delay: "1 second" })
      const limited = mock.layer.pipe(Policy.concurrency(1))
      const Other = Context.GenericTag<"Other", LlmClient.Service>("Other")
      const context = yield* Layer.build(
        Layer.merge(
          Policy.route({ a: limited, b: limited }),
          Layer.effect(Other, LlmClient.LlmClient).pipe(Layer.provide(limited))
        )
      )
      const client = Context.get(context, LlmClient.LlmClient)
      const calls = [
        client.complete({ prompt, model: "a" }),
        client.complete({ prompt, model: "b" }),
        Context.get(context, Other).complete({ prompt })
      ]
      const { millis } = yield* inVirtualTime(timed(Effect.all(calls, { concurrency: "unbounded" })))
      expect([mock.mostInFlight, millis]).toEqual([1, 3000])
    })
  )

  it.effect("fails when one of its layers does", () =>
    Effect.gen(function* () {
      const broken = Layer.fail("no" as const)
      const error = yield* Effect.flip(Effect.scoped(built(Policy.route({ a: named("a"), b: broken }))))
      expect(error).toBe("no")
    })
  )

  it("needs what its layers need, and fails as they do", () => {
    const local = Layer.fail(new Error("no model"))
    expectTypeOf(Policy.route({ "gpt-*": OpenAi.layerConfig(), "claude-*": Anthropic.layerConfig() })).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>
    >()
    expectTypeOf(Policy.route({ a: { layer: OpenAi.layerConfig(), model: "b" }, default: local })).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError | Error, HttpClient.HttpClient>
    >()
    // @ts-expect-error a route is a layer of LlmClient
    expectTypeOf(Policy.route({ a: "gpt-4.1" })).toBeObject()
  })
})
