import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Inspectable, Layer, Redacted, Stream } from "effect"
import { Anthropic, type ChatRequest, LlmClient, LlmError, Prompt, StreamPart } from "effect-llm"
import * as HttpStub from "./HttpStub.js"

const key = "sk-ant-test-5b7c9d1e3f"

const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-4-5-20250929",
  content: [{ type: "text", text: "Hello" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 3, output_tokens: 2 }
}

const streamed = [
  { type: "message_start", message: { ...message, content: [], stop_reason: null } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello" } },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } },
  { type: "message_stop" }
]

const answering = (): HttpStub.Stub =>
  HttpStub.make(({ text }) =>
    text.includes('"stream":true') ? HttpStub.events(HttpStub.frames(...streamed)) : HttpStub.json(message)
  )

const clientOn = (stub: HttpStub.Stub, options: Partial<Anthropic.Options> = {}) =>
  Anthropic.make({ apiKey: Redacted.make(key), model: "claude-sonnet-4-5", ...options }).pipe(
    Effect.provideService(HttpClient.HttpClient, stub.http)
  )

/** What goes out for one answer, whole and streamed. */
const sentFor = (options: Partial<Anthropic.Options>, settings: ChatRequest.Settings = {}) =>
  Effect.gen(function* () {
    const stub = answering()
    const client = yield* clientOn(stub, options)
    yield* client.complete({ prompt: Prompt.make("Hi"), ...settings })
    yield* Stream.runDrain(client.stream({ prompt: Prompt.make("Hi"), ...settings }))
    return stub.sent
  })

const bodies = (sent: ReadonlyArray<HttpStub.Sent>): ReadonlyArray<unknown> => sent.map(({ text }) => JSON.parse(text))

describe("Anthropic", () => {
  it.effect("posts to /v1/messages with its key and its version", () =>
    Effect.gen(function* () {
      const sent = yield* sentFor({})
      expect(sent.map(({ method, url }) => [method, url])).toEqual(
        Array.from({ length: 2 }, () => ["POST", "https://api.anthropic.com/v1/messages"])
      )
      for (const { headers } of sent) {
        expect(headers).toMatchObject({
          "x-api-key": key,
          "anthropic-version": "2023-06-01",
          accept: "application/json"
        })
        expect(headers).not.toHaveProperty("authorization")
      }
      expect(bodies(sent)).toMatchObject([{ model: "claude-sonnet-4-5", max_tokens: 4096 }, { stream: true }])
    })
  )

  it.effect.each([
    "https://proxy.example/anthropic",
    "https://proxy.example/anthropic/",
    "https://proxy.example/anthropic/v1"
  ])("takes %s as its base", (baseUrl) =>
    Effect.gen(function* () {
      const [sent] = yield* sentFor({ baseUrl })
      expect(sent?.url).toBe("https://proxy.example/anthropic/v1/messages")
    })
  )

  it.effect("sends more headers, another version among them, but no other key", () =>
    Effect.gen(function* () {
      const [sent] = yield* sentFor({
        headers: { "anthropic-beta": "x", "anthropic-version": "2030-01-01", "x-api-key": "other" }
      })
      expect(sent?.headers).toMatchObject({
        "anthropic-beta": "x",
        "anthropic-version": "2030-01-01",
        "x-api-key": key
      })
    })
  )

  it.effect("has no embeddings, and says so before anything is sent", () =>
    Effect.gen(function* () {
      const stub = answering()
      const error = yield* Effect.flip(Effect.flatMap(clientOn(stub), (client) => client.embed({ input: ["a"] })))
      expect(error).toMatchObject({ _tag: "UnsupportedFeature", feature: "embeddings", attempts: 0 })
      expect(stub.sent).toEqual([])
    })
  )

  it.effect("gives the same answer whole and streamed", () =>
    Effect.gen(function* () {
      const client = yield* clientOn(answering())
      const whole = yield* client.complete({ prompt: Prompt.make("Hi") })
      const folded = yield* StreamPart.collect(client.stream({ prompt: Prompt.make("Hi") }))
      expect(folded).toMatchObject({
        text: whole.text,
        usage: whole.usage,
        finishReason: whole.finishReason,
        model: whole.model,
        id: whole.id
      })
    })
  )

  it.effect("keeps the request's id, and the wait that is asked for", () =>
    Effect.gen(function* () {
      const client = yield* clientOn(
        HttpStub.make(() =>
          HttpStub.json(
            { type: "error", error: { type: "rate_limit_error", message: "slow down" } },
            {
              status: 429,
              headers: { "request-id": "req_011", "retry-after": "7" }
            }
          )
        )
      )
      const error = yield* Effect.flip(client.complete({ prompt: Prompt.make("Hi") }))
      expect(error).toMatchObject({
        _tag: "RateLimited",
        requestId: "req_011",
        provider: "anthropic",
        model: "claude-sonnet-4-5"
      })
      expect(LlmError.retryAfter(error)).toMatchObject({ _tag: "Some", value: { value: { millis: 7000 } } })
    })
  )

  it.effect("shows its key in no error, should the service repeat it", () =>
    Effect.gen(function* () {
      const client = yield* clientOn(
        HttpStub.make(() =>
          HttpStub.json(
            { type: "error", error: { type: "authentication_error", message: `invalid x-api-key ${key}` } },
            { status: 401 }
          )
        )
      )
      const error = yield* Effect.flip(client.complete({ prompt: Prompt.make("Hi") }))
      expect(error._tag).toBe("AuthenticationFailed")
      expect(Inspectable.toStringUnknown(error) + JSON.stringify(error)).not.toContain(key)
    })
  )
})

describe("the generations of models", () => {
  const settings: ChatRequest.Settings = { reasoningEffort: "low", temperature: 0.2, topP: 0.5 }

  it.effect.each<readonly [string, object]>([
    ["claude-sonnet-5", { thinking: { type: "adaptive" }, output_config: { effort: "low" }, max_tokens: 18_432 }],
    ["claude-opus-5", { thinking: { type: "adaptive" } }],
    ["claude-opus-4-8", { thinking: { type: "adaptive" } }],
    ["claude-opus-4-7", { thinking: { type: "adaptive" } }],
    ["claude-from-the-future-9", { thinking: { type: "adaptive" } }],
    ["claude-opus-4-6", { thinking: { type: "adaptive" } }],
    ["claude-sonnet-4-5-20250929", { thinking: { type: "enabled", budget_tokens: 2048 }, max_tokens: 6144 }],
    ["claude-haiku-4-5", { thinking: { type: "enabled" } }],
    ["claude-opus-4-1-20250805", { thinking: { type: "enabled" } }],
    ["claude-sonnet-4-20250514", { thinking: { type: "enabled" } }],
    ["claude-opus-4-0", { thinking: { type: "enabled" } }],
    ["claude-3-7-sonnet-latest", { thinking: { type: "enabled" } }],
    ["claude-3-5-haiku-20241022", { temperature: 0.2, top_p: 0.5, max_tokens: 4096 }],
    ["MiniMax-M2", { thinking: { type: "enabled" } }]
  ])("%s is asked to think as it can", ([model, expected]) =>
    Effect.gen(function* () {
      const [body] = bodies(yield* sentFor({ model }, settings))
      expect(body).toMatchObject(expected)
      expect(Object.keys(Object(body)).includes("temperature")).toBe("temperature" in expected)
    })
  )

  it.effect.each<readonly [string, ChatRequest.Settings]>([
    ["claude-sonnet-5", {}],
    ["claude-opus-4-6", { temperature: 0.2 }],
    ["claude-sonnet-4-5", { temperature: 0.2 }],
    ["claude-sonnet-4-20250514", { temperature: 0.2, topP: 0.5 }],
    ["claude-3-haiku-20240307", { temperature: 0.2, topP: 0.5 }]
  ])("%s takes %j of the sampling settings", ([model, { temperature, topP }]) =>
    Effect.gen(function* () {
      const [body] = bodies(yield* sentFor({ model }, { temperature: 0.2, topP: 0.5 }))
      expect([Reflect.get(Object(body), "temperature"), Reflect.get(Object(body), "top_p")]).toEqual([
        temperature,
        topP
      ])
    })
  )

  it.effect.each<readonly [string, boolean]>([
    ["claude-sonnet-5", true],
    ["claude-sonnet-4-5", true],
    ["claude-opus-4-1", true],
    ["claude-sonnet-4-20250514", false],
    ["claude-3-7-sonnet-latest", false],
    ["MiniMax-M2", false]
  ])("%s is held to a schema: %s", ([model, takes]) =>
    Effect.gen(function* () {
      const stub = answering()
      const client = yield* clientOn(stub, { model })
      const schema = { type: "object", properties: {}, additionalProperties: false }
      const answer = yield* Effect.either(
        client.complete({
          prompt: Prompt.make("Hi"),
          responseFormat: { _tag: "JsonSchema", name: "x", schema }
        })
      )
      expect(answer).toMatchObject(takes ? { _tag: "Right" } : { _tag: "Left", left: { _tag: "UnsupportedFeature" } })
      expect(stub.sent).toHaveLength(takes ? 1 : 0)
    })
  )
})

// -----------------------------------------------------------------------------
// Configuration
// -----------------------------------------------------------------------------

const environment = { ANTHROPIC_API_KEY: "sk-ant-env-1234567890", ANTHROPIC_MODEL: "claude-env" }

const withVariables = (variables: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

const sentWith = (variables: Readonly<Record<string, string>>, options?: Partial<Anthropic.Options>) => {
  const stub = answering()
  return Effect.as(LlmClient.complete("Hi"), stub.sent[0]).pipe(
    Effect.map(() => stub.sent[0]),
    Effect.provide(Anthropic.layerConfig(options)),
    Effect.provideService(HttpClient.HttpClient, stub.http),
    withVariables(variables)
  )
}

const failureOf = <E>(layer: Layer.Layer<LlmClient.LlmClient, E, HttpClient.HttpClient>) =>
  Effect.flip(Effect.scoped(Layer.build(layer))).pipe(Effect.provideService(HttpClient.HttpClient, answering().http))

const wordsOf = (error: unknown): string =>
  [String(error), Inspectable.toStringUnknown(error), JSON.stringify(error)].join("\n")

describe("Anthropic.layerConfig", () => {
  it.effect("needs a key and a model", () =>
    Effect.gen(function* () {
      const sent = yield* sentWith(environment)
      expect(sent?.url).toBe("https://api.anthropic.com/v1/messages")
      expect(sent?.headers["x-api-key"]).toBe(environment.ANTHROPIC_API_KEY)
      expect(JSON.parse(sent?.text ?? "")).toMatchObject({ model: "claude-env" })
    })
  )

  it.effect("reads the base URL where it is set", () =>
    Effect.gen(function* () {
      const sent = yield* sentWith({ ...environment, ANTHROPIC_BASE_URL: "https://env.example" })
      expect(sent?.url).toBe("https://env.example/v1/messages")
    })
  )

  it.effect("lets options stand before the configuration", () =>
    Effect.gen(function* () {
      const sent = yield* sentWith(
        { ...environment, ANTHROPIC_BASE_URL: "https://env.example" },
        {
          apiKey: Redacted.make("sk-ant-option"),
          model: "claude-option",
          baseUrl: "http://127.0.0.1:1234",
          headers: { "x-team": "blue" },
          defaults: { maxTokens: 7 }
        }
      )
      expect(sent?.url).toBe("http://127.0.0.1:1234/v1/messages")
      expect(sent?.headers).toMatchObject({ "x-api-key": "sk-ant-option", "x-team": "blue" })
      expect(JSON.parse(sent?.text ?? "")).toMatchObject({ model: "claude-option", max_tokens: 7 })
    })
  )

  it.effect.each(["ANTHROPIC_API_KEY", "ANTHROPIC_MODEL"])("names %s when it is missing", (variable) =>
    Effect.gen(function* () {
      const rest = Object.fromEntries(Object.entries(environment).filter(([name]) => name !== variable))
      expect(String(yield* failureOf(Anthropic.layerConfig()).pipe(withVariables(rest)))).toContain(variable)
    })
  )

  const secret = "S3CRET"

  it.effect.each<readonly [variable: string, value: string]>([
    ["ANTHROPIC_API_KEY", ""],
    ["ANTHROPIC_API_KEY", `${secret}\n`],
    ["ANTHROPIC_API_KEY", `${secret} ${secret}`],
    ["ANTHROPIC_MODEL", ""],
    ["ANTHROPIC_MODEL", `${secret}\n`],
    ["ANTHROPIC_BASE_URL", ""],
    ["ANTHROPIC_BASE_URL", `ftp://${secret}.example`],
    ["ANTHROPIC_BASE_URL", `https://user:${secret}@host.example`]
  ])("names %s when it is %j, and does not show it", ([variable, value]) =>
    Effect.gen(function* () {
      const error = yield* failureOf(Anthropic.layerConfig()).pipe(withVariables({ ...environment, [variable]: value }))
      expect(error).toMatchObject({ _op: "InvalidData", path: [variable] })
      expect(wordsOf(error).toLowerCase()).not.toContain(secret.toLowerCase())
      expect(wordsOf(error)).not.toContain(environment.ANTHROPIC_API_KEY)
    })
  )
})

describe("Anthropic.layer", () => {
  it.effect.each<readonly [string, Partial<Anthropic.Options>]>([
    ["apiKey", { apiKey: Redacted.make("sk-ключ") }],
    ["model", { model: " claude" }],
    ["baseUrl", { baseUrl: "api.anthropic.com" }]
  ])("names the option %s when it is wrong", ([option, wrong]) =>
    Effect.gen(function* () {
      const error = yield* failureOf(
        Anthropic.layer({ apiKey: Redacted.make(key), model: "claude-sonnet-4-5", ...wrong })
      )
      expect(error).toMatchObject({ _op: "InvalidData", path: [option] })
      expect(wordsOf(error)).not.toContain(key)
    })
  )
})
