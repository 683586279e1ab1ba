import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import {
  type ConfigError,
  ConfigProvider,
  Duration,
  Effect,
  Inspectable,
  Layer,
  Option,
  Redacted,
  Stream
} from "effect"
import { ChatRequest, HuggingFace, LlmClient, LlmError } from "effect-llm"
import { at } from "../recorded/Payloads.js"
import * as HttpStub from "./HttpStub.js"

const token = "hf_QwErTyUiOpAsDfGh"
const apiKey = Redacted.make(token)
const model = "meta-llama/Llama-3.3-70B-Instruct"
const request = ChatRequest.make("Hi")

const answering = (): HttpStub.Stub =>
  HttpStub.make(({ text, url }) => {
    const input: unknown = at(JSON.parse(text), "input")
    return url.endsWith("/embeddings")
      ? HttpStub.json({ data: Array.isArray(input) ? input.map((_, index) => ({ index, embedding: [index] })) : [] })
      : text.includes('"stream":true')
        ? HttpStub.events(HttpStub.frames(HttpStub.chunk({ content: "Hello" }, "stop"), "[DONE]"))
        : HttpStub.json(HttpStub.answer())
  })

const client = (
  { http }: HttpStub.Stub,
  options: Partial<HuggingFace.Options> = {}
): Effect.Effect<LlmClient.Service, ConfigError.ConfigError> =>
  HuggingFace.make({ apiKey, model, ...options }).pipe(Effect.provideService(HttpClient.HttpClient, http))

const build = (layer: Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>) =>
  Effect.scoped(Layer.build(Layer.provide(layer, Layer.succeed(HttpClient.HttpClient, answering().http))))

const withVariables = <A, E, R>(variables: Readonly<Record<string, string>>, effect: Effect.Effect<A, E, R>) =>
  Effect.withConfigProvider(effect, ConfigProvider.fromMap(new Map(Object.entries(variables))))

describe("calls to Hugging Face", () => {
  it.effect("go to the router, with the token as a bearer", () =>
    Effect.gen(function* () {
      const stub = answering()
      const service = yield* client(stub)
      yield* service.complete({ ...request, maxTokens: 64 })
      yield* Stream.runDrain(service.stream(request))
      expect([service.provider, service.model]).toEqual(["huggingface", model])
      for (const sent of stub.sent) {
        expect(sent.url).toBe("https://router.huggingface.co/v1/chat/completions")
        expect(sent.headers["authorization"]).toBe(`Bearer ${token}`)
      }
      expect(stub.sent.map((sent): unknown => JSON.parse(sent.text))).toMatchObject([
        { model, max_tokens: 64 },
        { model, stream: true, stream_options: { include_usage: true } }
      ])
    })
  )

  it.effect("go to a server of one's own by its base URL, which may want no token", () =>
    Effect.gen(function* () {
      const stub = answering()
      const service = yield* client(stub, { apiKey: undefined, baseUrl: "http://127.0.0.1:8080/v1/", model: "tgi" })
      yield* service.complete(request)
      expect(stub.sent[0]?.url).toBe("http://127.0.0.1:8080/v1/chat/completions")
      expect(stub.sent[0]?.headers).not.toHaveProperty("authorization")
    })
  )

  it.effect("for embeddings take 32 texts each", () =>
    Effect.gen(function* () {
      const stub = answering()
      const service = yield* client(stub, { baseUrl: "http://127.0.0.1:8080/v1", embeddingModel: "BAAI/bge-m3" })
      const embeddings = yield* service.embed({ input: Array.from({ length: 33 }, (_, n) => `text ${n}`) })
      expect(embeddings.vectors).toHaveLength(33)
      expect(stub.sent.map((sent) => [sent.url, at(JSON.parse(sent.text), "model")])).toEqual([
        ["http://127.0.0.1:8080/v1/embeddings", "BAAI/bge-m3"],
        ["http://127.0.0.1:8080/v1/embeddings", "BAAI/bge-m3"]
      ])
    })
  )
})

describe("errors of Hugging Face", () => {
  it.effect("say how long a model is still loading", () =>
    Effect.gen(function* () {
      const body = { error: `Model ${model} is currently loading`, estimated_time: 20.0 }
      const service = yield* client(HttpStub.make(() => HttpStub.json(body, { status: 503 })))
      for (const error of [
        yield* Effect.flip(service.complete(request)),
        (yield* HttpStub.watch(service.stream(request))).error
      ]) {
        expect(error).toMatchObject({ _tag: "Overloaded", status: 503, message: body.error })
        expect(error === undefined ? error : Option.map(LlmError.retryAfter(error), Duration.toMillis)).toEqual(
          Option.some(20_000)
        )
      }
    })
  )

  it.effect.each<readonly [number, object, LlmError.Tag]>([
    [401, { error: "Invalid username or password." }, "AuthenticationFailed"],
    [402, { error: "You have exceeded your monthly included credits for Inference Providers." }, "QuotaExhausted"],
    [404, { error: "Model not found" }, "ModelNotFound"],
    [
      422,
      {
        error: "Input validation error: `inputs` must have less than 1024 tokens. Given: 4096",
        error_type: "validation"
      },
      "ContextLengthExceeded"
    ],
    [
      422,
      { error: "Input validation error: `temperature` must be strictly positive", error_type: "validation" },
      "InvalidRequest"
    ],
    [429, { error: "Model is overloaded", error_type: "overloaded" }, "Overloaded"],
    [424, { error: "Request failed during generation", error_type: "generation" }, "ServerFailed"]
  ])("of status %s and body %j have their kind", ([status, body, tag]) =>
    Effect.gen(function* () {
      const service = yield* client(HttpStub.make(() => HttpStub.json(body, { status })))
      expect((yield* Effect.flip(service.complete(request)))._tag).toBe(tag)
    })
  )

  it.effect("amid a stream end it, with the text so far", () =>
    Effect.gen(function* () {
      const failed = { error: "Request failed during generation", error_type: "generation" }
      const service = yield* client(
        HttpStub.make(() => HttpStub.events(HttpStub.frames(HttpStub.chunk({ content: "Hel" }), failed)))
      )
      const { error } = yield* HttpStub.watch(service.stream(request))
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "Hel", cause: { _tag: "ServerFailed" } })
    })
  )
})

describe("HuggingFace.layerConfig", () => {
  const environment = { HF_TOKEN: token, HF_MODEL: "env/model" }

  it.effect("reads the variables, and lets options stand before them", () =>
    Effect.gen(function* () {
      const sentWith = (variables: Readonly<Record<string, string>>, options?: Partial<HuggingFace.Options>) =>
        Effect.suspend(() => {
          const stub = answering()
          const layer = Layer.provide(HuggingFace.layerConfig(options), Layer.succeed(HttpClient.HttpClient, stub.http))
          return withVariables(variables, Effect.provide(LlmClient.complete("Hi"), layer)).pipe(
            Effect.map(() => [
              stub.sent[0]?.url,
              at(JSON.parse(stub.sent[0]?.text ?? ""), "model"),
              stub.sent[0]?.headers["authorization"]
            ])
          )
        })
      expect(yield* sentWith(environment)).toEqual([
        "https://router.huggingface.co/v1/chat/completions",
        "env/model",
        `Bearer ${token}`
      ])
      expect(yield* sentWith({ HF_MODEL: "tgi", HF_BASE_URL: "http://127.0.0.1:8080/v1" })).toEqual([
        "http://127.0.0.1:8080/v1/chat/completions",
        "tgi",
        undefined
      ])
      expect(yield* sentWith(environment, { model: "my/model", baseUrl: "http://127.0.0.1:1/v1" })).toEqual([
        "http://127.0.0.1:1/v1/chat/completions",
        "my/model",
        `Bearer ${token}`
      ])
    })
  )

  it.effect.each(["HF_TOKEN", "HF_MODEL"])("names %s when it is missing", (variable) =>
    Effect.gen(function* () {
      const rest = Object.fromEntries(Object.entries(environment).filter(([name]) => name !== variable))
      expect(String(yield* withVariables(rest, Effect.flip(build(HuggingFace.layerConfig()))))).toContain(variable)
    })
  )

  it.effect.each<readonly [string, string]>([
    ["HF_TOKEN", ""],
    ["HF_TOKEN", `${token}\n`],
    ["HF_MODEL", " "],
    ["HF_EMBEDDING_MODEL", ""],
    ["HF_BASE_URL", `ftp://${token}.example`]
  ])("names %s when it is %j, and does not show it", ([variable, value]) =>
    Effect.gen(function* () {
      const error = yield* withVariables(
        { ...environment, [variable]: value },
        Effect.flip(build(HuggingFace.layerConfig()))
      )
      expect(error).toMatchObject({ _op: "InvalidData", path: [variable] })
      expect(`${String(error)} ${Inspectable.toStringUnknown(error)}`).not.toContain(token)
    })
  )
})
