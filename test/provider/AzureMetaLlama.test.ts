import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { type ConfigError, ConfigProvider, Effect, Inspectable, Layer, Redacted, Stream } from "effect"
import { AzureMetaLlama, ChatRequest, LlmClient } from "effect-llm"
import * as HttpStub from "./HttpStub.js"

const key = "llama-key-5b7c9d1e3f"

const endpoint = "https://acme.westeurope.inference.ml.azure.com/score"

const options: AzureMetaLlama.Options = { endpoint, apiKey: Redacted.make(key), model: "llama-3-70b" }

const request = ChatRequest.make({ prompt: "Hi", temperature: 0, maxTokens: 200, topP: 1 })

const clientOn = ({ http }: HttpStub.Stub, more: Partial<AzureMetaLlama.Options> = {}) =>
  Effect.provideService(AzureMetaLlama.make({ ...options, ...more }), HttpClient.HttpClient, http)

const answering = (): HttpStub.Stub =>
  HttpStub.make(() => HttpStub.json({ output: "Hello" }, { headers: { "x-request-id": "req-1" } }))

describe("a call", () => {
  it.effect("goes to the scoring URL, with the key, the deployment and the settings", () =>
    Effect.gen(function* () {
      const stub = answering()
      const client = yield* clientOn(stub)
      const completion = yield* client.complete(request)
      expect(stub.sent).toHaveLength(1)
      expect(stub.sent[0]).toMatchObject({ method: "POST", url: endpoint })
      expect(stub.sent[0]?.headers).toMatchObject({
        authorization: `Bearer ${key}`,
        "azureml-model-deployment": "llama-3-70b",
        "content-type": "application/json"
      })
      expect(JSON.parse(stub.sent[0]?.text ?? "")).toEqual({
        input_data: {
          input_string: [{ role: "user", content: "Hi" }],
          parameters: { temperature: 0, max_new_tokens: 200, top_p: 1 }
        }
      })
      expect(completion).toMatchObject({
        text: "Hello",
        model: "llama-3-70b",
        usage: {},
        requestId: "req-1",
        raw: { output: "Hello" }
      })
    })
  )

  it.effect("goes to the deployment that the request names", () =>
    Effect.gen(function* () {
      const stub = answering()
      const client = yield* clientOn(stub)
      const completion = yield* client.complete({ ...request, model: "llama-3-8b" })
      expect(stub.sent[0]?.headers["azureml-model-deployment"]).toBe("llama-3-8b")
      expect(completion.model).toBe("llama-3-8b")
    })
  )

  it.effect("streams as the whole text in one delta, then its Finish", () =>
    Effect.gen(function* () {
      const stub = answering()
      const client = yield* clientOn(stub)
      const { error, parts } = yield* HttpStub.watch(client.stream(request))
      expect(error).toBeUndefined()
      expect(parts).toMatchObject([
        { _tag: "TextDelta", text: "Hello" },
        { _tag: "Finish", usage: {}, model: "llama-3-70b", requestId: "req-1", attempts: 1 }
      ])
      expect(stub.sent[0]?.text).not.toContain("stream")
    })
  )

  it.effect("for embeddings is an UnsupportedFeature, and nothing is sent", () =>
    Effect.gen(function* () {
      const stub = answering()
      const client = yield* clientOn(stub)
      expect(yield* Effect.flip(client.embed({ input: ["a"] }))).toMatchObject({
        _tag: "UnsupportedFeature",
        feature: "embeddings"
      })
      expect(stub.sent).toEqual([])
    })
  )

  it.effect.each(["ламa", "llama\r\nx-evil: 1", "", " llama", "..", "\ud800"])(
    "to a deployment that no header can name, %j, is an InvalidRequest, and nothing is sent",
    (model) =>
      Effect.gen(function* () {
        const stub = answering()
        const client = yield* clientOn(stub)
        for (const call of [
          client.complete({ ...request, model }),
          Stream.runDrain(client.stream({ ...request, model }))
        ]) {
          expect(yield* Effect.flip(call)).toMatchObject({ _tag: "InvalidRequest", param: "model", attempts: 0 })
        }
        expect(stub.sent).toEqual([])
      })
  )

  it.effect.each(['{"output":null}', '{"answer":"Hello"}', "null", "Hello", "", "<html></html>", '{"output":"Hel'])(
    "answered with %j is a MalformedResponse, also as a stream",
    (body) =>
      Effect.gen(function* () {
        const client = yield* clientOn(HttpStub.make(() => new Response(body)))
        for (const call of [client.complete(request), Stream.runDrain(client.stream(request))]) {
          expect((yield* Effect.flip(call))._tag).toBe("MalformedResponse")
        }
      })
  )

  it.effect("whose answer breaks off is a ConnectionFailed, wherever it breaks", () =>
    Effect.gen(function* () {
      const body = '{"output":"Hello"}'
      for (let length = 0; length < body.length; length++) {
        const client = yield* clientOn(
          HttpStub.make(() => new Response(HttpStub.reads([body.slice(0, length)], "error")))
        )
        const { error, parts } = yield* HttpStub.watch(client.stream(request))
        expect([error?._tag, parts]).toEqual(["ConnectionFailed", []])
      }
    })
  )

  it.effect("that fails does not show the key, should the endpoint echo it", () =>
    Effect.gen(function* () {
      const client = yield* clientOn(
        HttpStub.make(() => HttpStub.json({ error: { code: "401", message: `bad key ${key}` } }, { status: 401 }))
      )
      const error = yield* Effect.flip(client.complete(request))
      expect(error).toMatchObject({ _tag: "AuthenticationFailed", message: "bad key <redacted>" })
      expect(Inspectable.toStringUnknown(error)).not.toContain(key)
    })
  )

  it.effect("carries the headers and the defaults of the options; no header replaces the key", () =>
    Effect.gen(function* () {
      const stub = answering()
      const client = yield* clientOn(stub, {
        headers: { Authorization: "Bearer other", "x-team": "blue" },
        defaults: { seed: 7 }
      })
      yield* client.complete(ChatRequest.make("Hi"))
      expect(stub.sent[0]?.headers).toMatchObject({ authorization: `Bearer ${key}`, "x-team": "blue" })
      expect(JSON.parse(stub.sent[0]?.text ?? "")).toMatchObject({ input_data: { parameters: { seed: 7 } } })
    })
  )

  it.effect.each([`${endpoint}/`, "http://127.0.0.1:5001/score", "http://localhost/score", "http://[::1]:80/score"])(
    "goes to %s as it stands",
    (endpoint) =>
      Effect.gen(function* () {
        const stub = answering()
        const client = yield* clientOn(stub, { endpoint })
        yield* client.complete(request)
        expect(stub.sent[0]?.url).toBe(new URL(endpoint).href)
      })
  )
})

// -----------------------------------------------------------------------------
// Configuration
// -----------------------------------------------------------------------------

type LayerOptions = Parameters<typeof AzureMetaLlama.layerConfig>[0]

const environment = { LLAMA_ENDPOINT: endpoint, LLAMA_API_KEY: "env-key-1234567890", LLAMA_MODEL: "llama-env" }

const configured = (variables: Readonly<Record<string, string>>, options?: LayerOptions) => {
  const stub = answering()
  return Effect.as(LlmClient.complete("Hi"), stub.sent).pipe(
    Effect.provide(AzureMetaLlama.layerConfig(options)),
    Effect.provideService(HttpClient.HttpClient, stub.http),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
  )
}

const refusalOf = (layer: Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>) =>
  Layer.build(layer).pipe(Effect.provideService(HttpClient.HttpClient, answering().http), Effect.scoped, Effect.flip)

describe("configuration", () => {
  it.effect("is read from LLAMA_ENDPOINT, LLAMA_API_KEY and LLAMA_MODEL", () =>
    Effect.gen(function* () {
      const [sent] = yield* configured(environment)
      expect(sent?.url).toBe(endpoint)
      expect(sent?.headers).toMatchObject({
        authorization: "Bearer env-key-1234567890",
        "azureml-model-deployment": "llama-env"
      })
    })
  )

  it.effect("may be read from variables of other names", () =>
    Effect.gen(function* () {
      const [sent] = yield* configured(
        { MY_URL: endpoint, MY_KEY: "my-key-1234567890" },
        {
          model: "llama-3-70b",
          variables: { endpoint: "MY_URL", apiKey: "MY_KEY" }
        }
      )
      expect(sent?.headers["authorization"]).toBe("Bearer my-key-1234567890")
    })
  )

  it.effect("gives way to options", () =>
    Effect.gen(function* () {
      const [sent] = yield* configured(environment, { ...options, endpoint: "https://other.example/score" })
      expect(sent?.url).toBe("https://other.example/score")
      expect(sent?.headers).toMatchObject({ authorization: `Bearer ${key}`, "azureml-model-deployment": "llama-3-70b" })
    })
  )

  it.effect.each(Object.keys(environment))("that lacks %s names it", (variable) =>
    Effect.gen(function* () {
      const variables = new Map(Object.entries(environment).filter(([name]) => name !== variable))
      const error = yield* refusalOf(AzureMetaLlama.layerConfig()).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(variables))
      )
      expect(String(error)).toContain(variable)
    })
  )

  it.effect("that lacks a variable of another name names that", () =>
    Effect.gen(function* () {
      const error = yield* refusalOf(AzureMetaLlama.layerConfig({ variables: { apiKey: "MY_KEY" } })).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(environment))))
      )
      expect(String(error)).toContain("MY_KEY")
    })
  )

  it.effect.each<readonly [string, string]>([
    ["LLAMA_ENDPOINT", "http://S3CRET.example/score"],
    ["LLAMA_ENDPOINT", "http://127.0.0.1.S3CRET.example/score"],
    ["LLAMA_ENDPOINT", "S3CRET/score"],
    ["LLAMA_ENDPOINT", "https://user:S3CRET@acme.example/score"],
    ["LLAMA_ENDPOINT", ""],
    ["LLAMA_API_KEY", "S3CRET S3CRET"],
    ["LLAMA_API_KEY", ""],
    ["LLAMA_MODEL", ""],
    ["LLAMA_MODEL", "S3CRET\n"]
  ])("with a wrong %s, %j, names it and does not show it", ([variable, value]) =>
    Effect.gen(function* () {
      const variables = new Map(Object.entries({ ...environment, [variable]: value }))
      const error = yield* refusalOf(AzureMetaLlama.layerConfig()).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(variables))
      )
      expect(error._op).toBe("InvalidData")
      expect(String(error)).toContain(variable)
      expect([String(error), JSON.stringify(error)].join().toLowerCase()).not.toContain("s3cret")
    })
  )

  it.effect.each<readonly [string, Partial<AzureMetaLlama.Options>, string]>([
    ["endpoint", { endpoint: "http://acme.example/score" }, "https://"],
    ["model", { model: "лама" }, "ASCII"],
    ["headers.x-team", { headers: { "x-team": "a\nb" } }, "a line break"]
  ])("names the option %s when it is wrong", ([option, wrong, words]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(AzureMetaLlama.layer({ ...options, ...wrong }))
      expect(error).toMatchObject({ _op: "InvalidData", path: [option] })
      expect(String(error)).toContain(words)
    })
  )
})
