import { HttpClient } from "@effect/platform"
import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import { type ConfigError, Context, Effect, Exit, Layer, Scope } from "effect"
import { Anthropic, Clients, LlmClient, Policy } from "effect-llm"
import { MockLlm } from "effect-llm/testing"
import * as HttpStub from "../provider/HttpStub.js"
import { configured, keys, refusalOf } from "./Configured.js"

const specs = {
  fast: { provider: "openai", model: "gpt-4.1-mini" },
  hosted: { provider: "openai", model: "gpt-4.1", apiKeyVariable: "TEAM_KEY", defaults: { temperature: 0 } },
  near: { provider: "openai-compatible", model: "llama", baseUrl: "http://127.0.0.1:8000/v1" },
  safe: Anthropic.layerConfig({ model: "claude-sonnet-4-5" }).pipe(Policy.concurrency(4))
} as const

const configuration = configured({ ...keys, TEAM_KEY: "team-key-1234567890" })

const ask = (name: string) => Effect.provide(LlmClient.complete("Hi"), Clients.layerOf(name))

describe("Clients", () => {
  it.effect("are made of data or of layers, each with its own provider, key, model and settings", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(() => HttpStub.json(HttpStub.answer()))
      yield* Effect.forEach(Object.keys(specs), (name) => Effect.ignore(ask(name))).pipe(
        Effect.provide(Clients.layer(specs).pipe(Layer.provide(configuration))),
        Effect.provideService(HttpClient.HttpClient, stub.http)
      )
      const sent = stub.sent.map(({ headers, text, url }) => {
        const { model, temperature } = JSON.parse(text)
        return { url, model, temperature, authorization: headers["authorization"] }
      })
      expect(sent).toEqual([
        {
          url: "https://api.openai.com/v1/chat/completions",
          model: "gpt-4.1-mini",
          authorization: `Bearer ${keys["OPENAI_API_KEY"]}`
        },
        {
          url: "https://api.openai.com/v1/chat/completions",
          model: "gpt-4.1",
          temperature: 0,
          authorization: "Bearer team-key-1234567890"
        },
        { url: "http://127.0.0.1:8000/v1/chat/completions", model: "llama" },
        { url: "https://api.anthropic.com/v1/messages", model: "claude-sonnet-4-5" }
      ])
    })
  )

  it.effect("an unknown name is an error that lists those that there are", () =>
    Effect.gen(function* () {
      const clients = yield* Clients.Clients
      expect(clients.names).toEqual(["a", "b"])
      for (const name of ["c", "constructor", ""]) {
        const error = yield* Effect.flip(ask(name))
        expect(error).toMatchObject({ _tag: "UnknownClient", name, names: ["a", "b"] })
        expect(error.message).toBe(`there is no client ${JSON.stringify(name)}; there are a, b`)
      }
      expect((yield* Clients.get("a")).provider).toBe("mock")
    }).pipe(Effect.provide(Clients.layer({ a: MockLlm.layer("A"), b: MockLlm.layer("B") })))
  )

  it.effect("are built once, and closed with their layer; one layer under two names is one client", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const shared = MockLlm.layer("Hi").pipe(
        Policy.make((next) =>
          Effect.as(
            Effect.acquireRelease(
              Effect.sync(() => log.push("open")),
              () => Effect.sync(() => log.push("close"))
            ),
            next
          )
        )
      )
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Clients.layer({ a: shared, b: shared }), scope)
      yield* Effect.provide(Effect.all([ask("a"), ask("b"), ask("a")]), context)
      expect(log).toEqual(["open"])
      const { get } = Context.get(context, Clients.Clients)
      expect(yield* get("a")).toBe(yield* get("b"))
      yield* Scope.close(scope, Exit.void)
      expect(log).toEqual(["open", "close"])
    })
  )

  it.effect.each<readonly [Clients.Spec, string]>([
    [{ provider: "opneai" }, "fast.provider"],
    [{ provider: "groq" }, "fast.GROQ_MODEL"],
    [{ provider: "openai", model: "gpt-4.1", apiKeyVariable: "NO_KEY" }, "fast.NO_KEY"],
    [{ provider: "openai", model: "gpt-4.1", apiVersion: "1" }, "fast.apiVersion"]
  ])("%j is an error at %s", ([spec, path]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(Layer.provide(Clients.layer({ fast: spec }), configured(keys)))
      expect(String(error)).toContain(path)
      expect(String(error)).not.toContain("opneai")
    })
  )

  it.effect("take providers of one's own, by name", () =>
    Effect.gen(function* () {
      expect((yield* ask("mine")).text).toBe("served by llama")
    }).pipe(
      Effect.provide(
        Clients.layer(
          { mine: { provider: "local", model: "llama" } },
          { providers: { local: { layerConfig: ({ model }) => MockLlm.layer(`served by ${model}`) } } }
        )
      ),
      Effect.provideService(HttpClient.HttpClient, HttpStub.make(() => HttpStub.json({})).http)
    )
  )

  it.effect("serve the routes of a client that picks by the model's name", () =>
    Effect.gen(function* () {
      const texts = yield* Effect.forEach(["a", "b"], (model) => LlmClient.complete({ prompt: "Hi", model }))
      expect(texts.map(({ text }) => text)).toEqual(["A", "B"])
    }).pipe(
      Effect.provide(
        Policy.route({
          a: { layer: Clients.layerOf("a"), model: () => undefined },
          b: { layer: Clients.layerOf("b"), model: () => undefined }
        })
      ),
      Effect.provide(Clients.layer({ a: MockLlm.layer("A"), b: MockLlm.layer("B") }))
    )
  )

  it("fail and need as their entries do", () => {
    expectTypeOf(Clients.layer(specs)).toEqualTypeOf<
      Layer.Layer<Clients.Clients, ConfigError.ConfigError, HttpClient.HttpClient>
    >()
    expectTypeOf(Clients.layer({ a: Layer.fail("no" as const) })).toEqualTypeOf<
      Layer.Layer<Clients.Clients, ConfigError.ConfigError | "no">
    >()
  })
})
