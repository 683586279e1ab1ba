import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { type ConfigError, ConfigProvider, Effect, Inspectable, Layer, Redacted, Stream } from "effect"
import { ChatRequest, LlmClient, OpenAiCompatible, StreamPart } from "effect-llm"
import { everyWord } from "../laws.js"
import { at, body, contentOf, streams } from "../recorded/Payloads.js"
import * as HttpStub from "./HttpStub.js"

const key = "key-4d7c1b9e2f"
const apiKey = Redacted.make(key)
const request = ChatRequest.make("Hi")

type Vendor = OpenAiCompatible.Vendor

const client = (
  { http }: HttpStub.Stub,
  options: OpenAiCompatible.Options
): Effect.Effect<LlmClient.Service, ConfigError.ConfigError> =>
  OpenAiCompatible.make(options).pipe(Effect.provideService(HttpClient.HttpClient, http))

/** A server that answers everything it is asked. */
const answering = (): HttpStub.Stub =>
  HttpStub.make(({ text, url }) =>
    url.endsWith("/embeddings")
      ? HttpStub.json({ data: [{ embedding: [1] }] })
      : text.includes('"stream":true')
        ? HttpStub.events(HttpStub.frames(HttpStub.chunk({ content: "Hello" }, "stop"), "[DONE]"))
        : HttpStub.json(HttpStub.answer())
  )

const build = (layer: Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>) =>
  Effect.scoped(Layer.build(Layer.provide(layer, Layer.succeed(HttpClient.HttpClient, answering().http))))

const withVariables = <A, E, R>(variables: Readonly<Record<string, string>>, effect: Effect.Effect<A, E, R>) =>
  Effect.withConfigProvider(effect, ConfigProvider.fromMap(new Map(Object.entries(variables))))

const bodyOf = (sent: HttpStub.Sent | undefined): unknown => JSON.parse(sent?.text ?? "{}")

/** What goes out for a chat, a stream and the settings of one request. */
const sentTo = (vendor: Vendor, more: Partial<ChatRequest.ChatRequest> = {}) =>
  Effect.gen(function* () {
    const stub = answering()
    const service = yield* client(stub, { vendor, apiKey, model: "m" })
    yield* service.complete({ ...request, ...more })
    yield* Stream.runDrain(service.stream({ ...request, ...more }))
    return stub.sent.map(bodyOf)
  })

const known: ReadonlyArray<
  readonly [vendor: Vendor, baseUrl: string, keyVariable: string | undefined, prefix: string]
> = [
  ["cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "CEREBRAS"],
  ["deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", "DEEPSEEK"],
  ["fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", "FIREWORKS"],
  ["groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "GROQ"],
  ["llama-cpp", "http://127.0.0.1:8080/v1", undefined, "LLAMA_CPP"],
  ["lm-studio", "http://127.0.0.1:1234/v1", undefined, "LM_STUDIO"],
  ["mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "MISTRAL"],
  ["moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", "MOONSHOT"],
  ["ollama", "http://127.0.0.1:11434/v1", undefined, "OLLAMA"],
  ["openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "OPENROUTER"],
  ["qwen", "https://dashscope.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", "QWEN"],
  ["together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", "TOGETHER"],
  ["vllm", "http://127.0.0.1:8000/v1", undefined, "VLLM"],
  ["xai", "https://api.x.ai/v1", "XAI_API_KEY", "XAI"]
]

describe("a vendor of the table", () => {
  it("is one of these", () => {
    expect(OpenAiCompatible.vendorNames).toEqual(known.map(([vendor]) => vendor))
    expect(["groq", "grok", "constructor", "__proto__", ""].map(OpenAiCompatible.isVendor)).toEqual([
      true,
      false,
      false,
      false,
      false
    ])
  })

  it.effect.each(known)("%s is asked at its own URL, with the key as a bearer", ([vendor, baseUrl]) =>
    Effect.gen(function* () {
      const stub = answering()
      const service = yield* client(stub, { vendor, apiKey, model: "m" })
      yield* service.complete(request)
      yield* Stream.runDrain(service.stream(request))
      expect([service.provider, service.model]).toEqual([vendor, "m"])
      for (const sent of stub.sent) {
        expect(sent.url).toBe(`${baseUrl}/chat/completions`)
        expect(sent.headers["authorization"]).toBe(`Bearer ${key}`)
        expect(bodyOf(sent)).toMatchObject({ model: "m", messages: [{ role: "user", content: "Hi" }] })
      }
    })
  )

  it.effect.each(known)("%s is configured by its variables", ([vendor, baseUrl, keyVariable, prefix]) =>
    Effect.gen(function* () {
      const urls = (variables: Readonly<Record<string, string>>, options?: OpenAiCompatible.ConfigOptions) => {
        const stub = answering()
        const layer = Layer.provide(
          OpenAiCompatible.layerConfig(vendor, options),
          Layer.succeed(HttpClient.HttpClient, stub.http)
        )
        return withVariables(variables, Effect.provide(LlmClient.complete("Hi"), layer)).pipe(
          Effect.as(stub.sent),
          Effect.map(([sent]) => [
            sent?.url,
            Reflect.get(Object(bodyOf(sent)), "model"),
            sent?.headers["authorization"]
          ])
        )
      }
      const model = { [`${prefix}_MODEL`]: "env-model" }
      const needed = keyVariable === undefined ? model : { ...model, [keyVariable]: key }
      const bearer = keyVariable === undefined ? undefined : `Bearer ${key}`
      expect(yield* urls(needed)).toEqual([`${baseUrl}/chat/completions`, "env-model", bearer])
      const elsewhere = { ...needed, [`${prefix}_BASE_URL`]: "https://env.example/v1/" }
      expect(yield* urls(elsewhere)).toEqual(["https://env.example/v1/chat/completions", "env-model", bearer])
      expect(
        yield* urls(elsewhere, { apiKey: Redacted.make("other-key"), model: "mine", baseUrl: "http://127.0.0.1:1" })
      ).toEqual(["http://127.0.0.1:1/chat/completions", "mine", "Bearer other-key"])
      for (const variable of Object.keys(needed)) {
        const rest = Object.fromEntries(Object.entries(needed).filter(([name]) => name !== variable))
        const error = yield* Effect.flip(urls(rest))
        expect(String(error)).toContain(variable)
      }
    })
  )

  it.effect.each(known.filter(([, , keyVariable]) => keyVariable === undefined))(
    "%s takes a key all the same",
    ([vendor]) =>
      Effect.gen(function* () {
        const stub = answering()
        const layer = Layer.provide(
          OpenAiCompatible.layerConfig(vendor, { model: "m" }),
          Layer.succeed(HttpClient.HttpClient, stub.http)
        )
        const variable = `${vendor.toUpperCase().replaceAll("-", "_")}_API_KEY`
        yield* withVariables({ [variable]: key }, Effect.provide(LlmClient.complete("Hi"), layer))
        expect(stub.sent[0]?.headers["authorization"]).toBe(`Bearer ${key}`)
      })
  )
})

describe("quirks", () => {
  const settings = { maxTokens: 64, seed: 7, frequencyPenalty: 1 }

  it.effect.each<readonly [Vendor, object, object]>([
    ["cerebras", { max_completion_tokens: 64, seed: 7 }, { stream_options: { include_usage: true } }],
    ["deepseek", { max_tokens: 64, seed: 7, frequency_penalty: 1 }, { stream_options: { include_usage: true } }],
    ["groq", { max_completion_tokens: 64, seed: 7, frequency_penalty: 1 }, { stream_options: { include_usage: true } }],
    ["mistral", { max_tokens: 64, random_seed: 7, frequency_penalty: 1 }, {}],
    ["ollama", { max_tokens: 64, seed: 7, frequency_penalty: 1 }, { stream_options: { include_usage: true } }],
    ["xai", { max_completion_tokens: 64, seed: 7, frequency_penalty: 1 }, { stream_options: { include_usage: true } }]
  ])("of %s are in its bodies", ([vendor, body, more]) =>
    Effect.gen(function* () {
      const common = { model: "m", messages: [{ role: "user", content: "Hi" }], ...body }
      expect(yield* sentTo(vendor, settings)).toEqual([common, { ...common, ...more, stream: true }])
    })
  )

  it.effect.each<readonly [Vendor, string | undefined]>([
    ["deepseek", "reasoning_content"],
    ["moonshot", "reasoning_content"],
    ["openrouter", "reasoning"],
    ["groq", undefined]
  ])("say where reasoning goes back to %s", ([vendor, field]) =>
    Effect.gen(function* () {
      const [whole] = yield* sentTo(vendor, {
        prompt: [
          { role: "user", content: [{ _tag: "Text", text: "Hi" }] },
          {
            role: "assistant",
            content: [
              { _tag: "Reasoning", text: "Hm." },
              { _tag: "ToolCall", id: "a", name: "f", arguments: "{}" }
            ]
          },
          { role: "tool", content: [{ _tag: "ToolResult", id: "a", content: "1" }] }
        ]
      })
      const message = at(whole, "messages", 1)
      expect([at(message, "reasoning_content"), at(message, "reasoning")]).toEqual([
        field === "reasoning_content" ? "Hm." : undefined,
        field === "reasoning" ? "Hm." : undefined
      ])
    })
  )

  it.effect.each(["cerebras", "deepseek", "groq", "moonshot"] as const)("of %s: it offers no embeddings", (vendor) =>
    Effect.gen(function* () {
      const stub = answering()
      const service = yield* client(stub, { vendor, apiKey, model: "m" })
      expect((yield* Effect.flip(service.embed({ input: ["a"] })))._tag).toBe("UnsupportedFeature")
      expect(stub.sent).toEqual([])
    })
  )

  it.effect("of Qwen: ten texts a request", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(({ text }) => {
        const input: unknown = at(JSON.parse(text), "input")
        return HttpStub.json({ data: Array.isArray(input) ? input.map(() => ({ embedding: [1] })) : [] })
      })
      const service = yield* client(stub, { vendor: "qwen", apiKey, model: "m", embeddingModel: "text-embedding-v4" })
      yield* service.embed({ input: Array.from({ length: 25 }, (_, n) => `text ${n}`) })
      expect(stub.sent.map((sent) => Array.from(Object(at(bodyOf(sent), "input"))).length)).toEqual([10, 10, 5])
      expect(bodyOf(stub.sent[0])).toMatchObject({ model: "text-embedding-v4" })
    })
  )

  it.effect("of the options stand before those of the table", () =>
    Effect.gen(function* () {
      const stub = answering()
      const service = yield* client(stub, {
        vendor: "groq",
        apiKey,
        model: "m",
        quirks: { maxTokensField: () => "max_tokens", untaken: ["seed"] }
      })
      const completion = yield* service.complete({ ...request, ...settings })
      expect(bodyOf(stub.sent[0])).toMatchObject({ max_tokens: 64, frequency_penalty: 1 })
      expect(completion.warnings.map((warning) => warning.setting)).toEqual(["seed"])
    })
  )
})

describe("any other server", () => {
  it.effect("is asked at its base URL, with a key or without, and is called what the options call it", () =>
    Effect.gen(function* () {
      const stub = answering()
      const open = yield* client(stub, {
        baseUrl: "http://127.0.0.1:9/v1/",
        model: "m",
        headers: { authorization: "Basic abc" }
      })
      const closed = yield* client(stub, {
        baseUrl: "http://127.0.0.1:9/v1",
        apiKey,
        model: "m",
        provider: "corner-shop"
      })
      yield* open.complete(request)
      yield* closed.embed({ input: ["a"] })
      expect([open.provider, closed.provider]).toEqual(["openai-compatible", "corner-shop"])
      expect(stub.sent.map((one) => [one.url, one.headers["authorization"]])).toEqual([
        ["http://127.0.0.1:9/v1/chat/completions", "Basic abc"],
        ["http://127.0.0.1:9/v1/embeddings", `Bearer ${key}`]
      ])
    })
  )
})

describe("wrong options", () => {
  it.effect.each<readonly [option: string, options: OpenAiCompatible.Options]>([
    ["apiKey", { vendor: "groq", apiKey: Redacted.make(""), model: "m" }],
    ["apiKey", { vendor: "ollama", apiKey: Redacted.make("a b"), model: "m" }],
    ["model", { vendor: "groq", apiKey, model: "" }],
    ["embeddingModel", { vendor: "groq", apiKey, model: "m", embeddingModel: "" }],
    ["baseUrl", { vendor: "groq", apiKey, model: "m", baseUrl: "groq" }],
    ["baseUrl", { vendor: "vllm", model: "m", baseUrl: "http://127.0.0.1:8000/v1/chat/completions/" }],
    ["baseUrl", { baseUrl: "https://user:key-4d7c1b9e2f@host.example", model: "m" }]
  ])("are named: %s", ([option, options]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(build(OpenAiCompatible.layer(options)))
      expect(error).toMatchObject({ _op: "InvalidData", path: [option] })
      expect(Inspectable.toStringUnknown(error)).not.toContain(key)
    })
  )

  it.effect("are refused by the compiler, and for those who have none when the layer is built", () =>
    Effect.gen(function* () {
      // @ts-expect-error a key is needed
      expect(yield* Effect.flip(build(OpenAiCompatible.layer({ vendor: "groq", model: "m" })))).toMatchObject({
        _op: "MissingData",
        path: ["apiKey"]
      })
      // @ts-expect-error neither vendor nor base URL
      expect(yield* Effect.flip(build(OpenAiCompatible.layer({ model: "m" })))).toMatchObject({
        _op: "MissingData",
        path: ["baseUrl"]
      })
      // @ts-expect-error no such vendor
      const unknown = yield* Effect.flip(build(OpenAiCompatible.layer({ vendor: "grok", apiKey, model: "m" })))
      expect(unknown).toMatchObject({ _op: "InvalidData", path: ["vendor"] })
      expect(String(unknown)).toContain("groq")
    })
  )
})

describe("what comes back", () => {
  it.effect("never shows the key", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(() => new Response(`wrong key ${key}`, { status: 401 }))
      const service = yield* client(stub, { vendor: "together", apiKey, model: "m" })
      const errors = yield* Effect.all([
        Effect.flip(service.complete(request)),
        Effect.flip(service.embed({ input: ["a"] })),
        Effect.flip(Stream.runDrain(service.stream(request)))
      ])
      for (const error of errors) {
        expect(error).toMatchObject({ _tag: "AuthenticationFailed", provider: "together" })
        expect(everyWord(error)).not.toContain(key)
      }
    })
  )

  it.effect.each(["deepseek", "mistral", "groq"] as const)("from %s, recorded, is its text and its usage", (vendor) =>
    Effect.gen(function* () {
      const text = body(`${vendor}/text`)
      const json: unknown = JSON.parse(text)
      const service = yield* client(
        HttpStub.make(() => new Response(text)),
        { vendor, apiKey, model: "m" }
      )
      const completion = yield* service.complete(request)
      expect(completion.text).toBe(at(json, "choices", 0, "message", "content"))
      expect(completion.usage).toMatchObject({
        inputTokens: at(json, "usage", "prompt_tokens"),
        outputTokens: at(json, "usage", "completion_tokens")
      })
      expect(completion.finishReason.raw).toBe(at(json, "choices", 0, "finish_reason"))
    })
  )

  it.effect.each(["deepseek", "mistral"] as const)(
    "from %s, recorded as a stream, is its text and its usage",
    (vendor) =>
      Effect.gen(function* () {
        const recorded = streams.find(({ name }) => name === `${vendor}/text`)
        const content = contentOf(recorded?.payloads ?? [])
        const stub = HttpStub.make(() => HttpStub.events(HttpStub.reads([recorded?.bytes ?? ""])))
        const service = yield* client(stub, { vendor, apiKey, model: "m" })
        const completion = yield* StreamPart.collect(service.stream(request))
        expect(content.text).not.toBe("")
        expect(completion.text).toBe(content.text)
        expect(completion.usage.totalTokens).toBe(at(content.usage, "total_tokens"))
      })
  )
})
