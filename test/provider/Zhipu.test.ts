import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import {
  type ConfigError,
  ConfigProvider,
  Duration,
  Effect,
  Fiber,
  Inspectable,
  Layer,
  Redacted,
  Stream,
  TestClock
} from "effect"
import { ChatRequest, LlmClient, type LlmError, Policy, RetryPolicy, StreamPart, Zhipu } from "effect-llm"
import { everyWord } from "../laws.js"
import * as HttpStub from "./HttpStub.js"

const secret = "S3cr3tHalf51e2d84"
const key = `7f3a9c51e2d84b60.${secret}`

const request = ChatRequest.make("Hi")

const client = (
  { http }: HttpStub.Stub,
  options: Partial<Zhipu.Options> = {}
): Effect.Effect<LlmClient.Service, ConfigError.ConfigError> =>
  Zhipu.make({ apiKey: Redacted.make(key), model: "glm-4.6", ...options }).pipe(
    Effect.provideService(HttpClient.HttpClient, http)
  )

const chunk = (delta: unknown, more: object = {}, choice: object = {}): object => ({
  id: "2025101012",
  created: 1_760_000_000,
  model: "glm-4.6",
  choices: [{ index: 0, delta, ...choice }],
  ...more
})

const usage = {
  prompt_tokens: 9,
  completion_tokens: 4,
  total_tokens: 13,
  prompt_tokens_details: { cached_tokens: 2 }
}

/** A streamed answer as Zhipu frames it: thoughts first, the usage with the finish reason. */
const answered = HttpStub.frames(
  chunk({ role: "assistant", reasoning_content: "A greeting." }),
  chunk({ role: "assistant", content: "你好" }),
  chunk({ role: "assistant", content: ", hello" }),
  chunk({ role: "assistant", content: "" }, { usage }, { finish_reason: "stop" }),
  "[DONE]"
)

/** A provider that answers everything it is asked. */
const answering = (): HttpStub.Stub =>
  HttpStub.make(({ text, url }) => {
    const body: unknown = JSON.parse(text)
    if (url.endsWith("/embeddings")) {
      const input: unknown = Reflect.get(Object(body), "input")
      const texts = Array.isArray(input) ? input : []
      return HttpStub.json({
        model: "embedding-3",
        data: texts.map((one, index) => ({ index, object: "embedding", embedding: [Number(one), 1] })),
        usage: { prompt_tokens: texts.length, completion_tokens: 0, total_tokens: texts.length }
      })
    }
    return text.includes('"stream":true')
      ? HttpStub.events(answered)
      : HttpStub.json(HttpStub.answer("Hello", { model: "glm-4.6" }))
  })

const bodyOf = (sent: HttpStub.Sent | undefined): unknown => JSON.parse(sent?.text ?? "{}")

const bearerOf = (sent: HttpStub.Sent | undefined): string =>
  sent?.headers["authorization"]?.replace("Bearer ", "") ?? ""

const payloadOf = (token: string): unknown =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"))

describe("calls to Zhipu", () => {
  it.effect("are posted to the operation's own URL", () =>
    Effect.gen(function* () {
      const stub = answering()
      const zhipu = yield* client(stub)
      yield* zhipu.complete(request)
      yield* Stream.runDrain(zhipu.stream(request))
      yield* zhipu.embed({ input: ["1"] })
      expect(stub.sent.map((one) => [one.method, one.url])).toEqual([
        ["POST", "https://open.bigmodel.cn/api/paas/v4/chat/completions"],
        ["POST", "https://open.bigmodel.cn/api/paas/v4/chat/completions"],
        ["POST", "https://open.bigmodel.cn/api/paas/v4/embeddings"]
      ])
      expect([zhipu.provider, zhipu.model]).toEqual(["zhipu", "glm-4.6"])
    })
  )

  it.effect("hold what Zhipu takes, and warn of what it does not", () =>
    Effect.gen(function* () {
      const stub = answering()
      const zhipu = yield* client(stub)
      const settings: ChatRequest.Settings = {
        temperature: 0.2,
        topP: 0.7,
        maxTokens: 64,
        stop: ["\n"],
        seed: 7,
        frequencyPenalty: 1,
        presencePenalty: 0
      }
      const completion = yield* zhipu.complete({ ...request, ...settings })
      const folded = yield* StreamPart.collect(zhipu.stream({ ...request, ...settings }))
      const body = {
        model: "glm-4.6",
        messages: [{ role: "user", content: "Hi" }],
        temperature: 0.2,
        top_p: 0.7,
        max_tokens: 64,
        stop: ["\n"],
        seed: 7
      }
      expect(stub.sent.map(bodyOf)).toEqual([body, { ...body, stream: true }])
      expect(completion.warnings.map((warning) => warning.setting)).toEqual(["frequencyPenalty", "presencePenalty"])
      expect(folded.warnings).toEqual(completion.warnings)
    })
  )

  it.effect("give an earlier answer's reasoning back", () =>
    Effect.gen(function* () {
      const stub = answering()
      const zhipu = yield* client(stub)
      const completion = yield* zhipu.complete({
        prompt: [
          { role: "user", content: [{ _tag: "Text", text: "Hi" }] },
          {
            role: "assistant",
            content: [
              { _tag: "Reasoning", text: "A greeting." },
              { _tag: "Text", text: "Hello" }
            ]
          },
          { role: "user", content: [{ _tag: "Text", text: "And now?" }] }
        ]
      })
      expect(bodyOf(stub.sent[0])).toMatchObject({
        messages: [{}, { role: "assistant", content: "Hello", reasoning_content: "A greeting." }, {}]
      })
      expect(completion.warnings).toEqual([])
    })
  )

  it.effect("cannot be bound to a JSON schema: that is said before anything is sent", () =>
    Effect.gen(function* () {
      const stub = answering()
      const zhipu = yield* client(stub)
      const responseFormat = { _tag: "JsonSchema", name: "answer", schema: { type: "object" } } as const
      const error = yield* Effect.flip(zhipu.complete({ ...request, responseFormat }))
      expect(error).toMatchObject({ _tag: "UnsupportedFeature", feature: "json-schema", attempts: 0 })
      expect(stub.sent).toEqual([])
      yield* zhipu.complete({ ...request, responseFormat: { _tag: "Json" } })
      expect(bodyOf(stub.sent[0])).toMatchObject({ response_format: { type: "json_object" } })
    })
  )
})

describe("embeddings", () => {
  it.effect("are asked for in batches of 64, and come back in order", () =>
    Effect.gen(function* () {
      const stub = answering()
      const zhipu = yield* client(stub)
      const input = Array.from({ length: 130 }, (_, n) => String(n))
      const embeddings = yield* zhipu.embed({ input, dimensions: 512 })
      expect(stub.sent.map(bodyOf)).toMatchObject([
        { model: "embedding-3", dimensions: 512, input: input.slice(0, 64) },
        { model: "embedding-3", dimensions: 512, input: input.slice(64, 128) },
        { model: "embedding-3", dimensions: 512, input: input.slice(128) }
      ])
      expect(embeddings.vectors).toEqual(input.map((text) => [Number(text), 1]))
      expect(embeddings.usage).toMatchObject({ inputTokens: 130, totalTokens: 130 })
      expect(embeddings.attempts).toBe(3)
    })
  )

  it.effect("are those of the model of the options, or of the request", () =>
    Effect.gen(function* () {
      const stub = answering()
      const zhipu = yield* client(stub, { embeddingModel: "embedding-2" })
      yield* zhipu.embed({ input: ["1"] })
      yield* zhipu.embed({ input: ["1"], model: "embedding-4" })
      expect(stub.sent.map(bodyOf)).toMatchObject([{ model: "embedding-2" }, { model: "embedding-4" }])
    })
  )
})

describe("authentication", () => {
  it.effect("is a token that says who calls, and until when", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_760_000_000_000)
      const stub = answering()
      yield* (yield* client(stub)).complete(request)
      expect(payloadOf(bearerOf(stub.sent[0]))).toEqual({
        api_key: "7f3a9c51e2d84b60",
        exp: 1_760_000_060_000,
        timestamp: 1_760_000_000_000
      })
      expect(everyWord(stub.sent[0]?.headers)).not.toContain(secret)
    })
  )

  it.effect("lasts as long as the options say", () =>
    Effect.gen(function* () {
      const stub = answering()
      yield* (yield* client(stub, { tokenTimeToLive: "3 minutes" })).complete(request)
      expect(payloadOf(bearerOf(stub.sent[0]))).toMatchObject({ timestamp: 0, exp: 180_000 })
    })
  )

  it.effect("is the key itself where the options say so", () =>
    Effect.gen(function* () {
      const stub = answering()
      yield* (yield* client(stub, { auth: "key" })).complete(request)
      expect(bearerOf(stub.sent[0])).toBe(key)
    })
  )

  it.effect("is not replaced by headers of the options, which go out beside it", () =>
    Effect.gen(function* () {
      const stub = answering()
      yield* (yield* client(stub, { headers: { "X-Team": "blue", authorization: "Bearer other" } })).complete(request)
      expect(stub.sent[0]?.headers["x-team"]).toBe("blue")
      expect(payloadOf(bearerOf(stub.sent[0]))).toMatchObject({ api_key: "7f3a9c51e2d84b60" })
    })
  )

  it.effect("is new before it expires, for every operation", () =>
    Effect.gen(function* () {
      const stub = answering()
      const zhipu = yield* client(stub)
      yield* zhipu.complete(request)
      yield* TestClock.adjust("29 seconds")
      yield* zhipu.complete(request)
      yield* TestClock.adjust("1 second")
      yield* Stream.runDrain(zhipu.stream(request))
      yield* TestClock.adjust("1 minute")
      yield* zhipu.embed({ input: ["1"] })
      expect(stub.sent.map((one) => Reflect.get(Object(payloadOf(bearerOf(one))), "timestamp"))).toEqual([
        0, 0, 30_000, 90_000
      ])
    })
  )

  it.effect("is new between the attempts of one call", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make((_, count) =>
        count < 3
          ? HttpStub.json(
              { error: { code: "1302", message: "Slow down" } },
              { status: 429, headers: { "retry-after": "50" } }
            )
          : HttpStub.json(HttpStub.answer())
      )
      const layer = Zhipu.layer({ apiKey: Redacted.make(key), model: "glm-4.6" }).pipe(
        Policy.retry(RetryPolicy.standard),
        Layer.provide(Layer.succeed(HttpClient.HttpClient, stub.http))
      )
      const fiber = yield* Effect.fork(Effect.provide(LlmClient.complete("Hi"), layer))
      yield* TestClock.adjust("2 minutes")
      expect((yield* Fiber.join(fiber)).attempts).toBe(3)
      const tokens = stub.sent.map(bearerOf)
      expect(new Set(tokens).size).toBe(3)
      expect(tokens.map((token) => Reflect.get(Object(payloadOf(token)), "timestamp"))).toEqual([0, 50_000, 100_000])
    })
  )
})

describe("answers", () => {
  it.effect("have their reasoning apart from the text, and the usage of the last chunk", () =>
    Effect.gen(function* () {
      const zhipu = yield* client(answering())
      const completion = yield* StreamPart.collect(zhipu.stream(request))
      expect(completion).toMatchObject({
        text: "你好, hello",
        reasoning: "A greeting.",
        finishReason: { unified: "stop", raw: "stop" },
        usage: { inputTokens: 9, outputTokens: 4, totalTokens: 13, cachedInputTokens: 2 },
        model: "glm-4.6",
        id: "2025101012"
      })
    })
  )

  it.effect.each<readonly [string, LlmError.Tag]>([
    ["sensitive", "ContentFiltered"],
    ["network_error", "ServerFailed"]
  ])("that end in %s are no answers", ([reason, tag]) =>
    Effect.gen(function* () {
      const end = chunk({ content: "" }, { usage }, { finish_reason: reason })
      const whole = HttpStub.answer("Hel", {
        choices: [{ index: 0, message: { content: "Hel" }, finish_reason: reason }]
      })
      const streamed = HttpStub.frames(chunk({ content: "Hel" }), end, "[DONE]")
      const zhipu = yield* client(
        HttpStub.make(({ text }) => (text.includes('"stream":true') ? HttpStub.events(streamed) : HttpStub.json(whole)))
      )
      expect((yield* Effect.flip(zhipu.complete(request)))._tag).toBe(tag)
      const { error } = yield* HttpStub.watch(zhipu.stream(request))
      if (tag === "ContentFiltered") expect(error).toMatchObject({ _tag: tag, text: "Hel", usage: { inputTokens: 9 } })
      else expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "Hel", cause: { _tag: tag } })
    })
  )

  it.effect("that are cut anywhere before their end marker never end well, and lose no text", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode(answered)
      const end = new TextEncoder().encode(answered.slice(0, answered.indexOf("\n\ndata: [DONE]"))).length
      let cut = 0
      const zhipu = yield* client(
        HttpStub.make(({ request }) => Effect.succeed(HttpStub.quickReads(request, [bytes.subarray(0, cut)], "clean")))
      )
      const decoded = new TextDecoder()
      const wrong: Array<string> = []
      for (cut = 0; cut <= bytes.length; cut++) {
        const arrived = decoded.decode(bytes.subarray(0, cut))
        const { error, parts } = yield* HttpStub.watch(zhipu.stream(request))
        const isWhole = cut >= end
        const text = `${arrived.includes('"你好"}}]}') ? "你好" : ""}${arrived.includes('", hello"}}]}') ? ", hello" : ""}`
        if (HttpStub.textOf(parts) !== text) wrong.push(`${cut}: the text is ${HttpStub.textOf(parts)}`)
        if (isWhole !== (error === undefined)) wrong.push(`${cut}: ended with ${error?._tag}`)
        if (error !== undefined && (error._tag !== "StreamInterrupted" || error.text !== text))
          wrong.push(`${cut}: ${error._tag}`)
      }
      expect(wrong.slice(0, 5)).toEqual([])
    })
  )
})

describe("errors", () => {
  const codes: ReadonlyArray<readonly [code: string, status: number, tag: LlmError.Tag]> = [
    ["500", 500, "ServerFailed"],
    ["1000", 401, "AuthenticationFailed"],
    ["1001", 401, "AuthenticationFailed"],
    ["1002", 401, "AuthenticationFailed"],
    ["1003", 401, "AuthenticationFailed"],
    ["1004", 401, "AuthenticationFailed"],
    ["1110", 401, "AuthenticationFailed"],
    ["1111", 401, "AuthenticationFailed"],
    ["1112", 401, "PermissionDenied"],
    ["1113", 429, "QuotaExhausted"],
    ["1120", 500, "ServerFailed"],
    ["1121", 401, "PermissionDenied"],
    ["1200", 500, "ServerFailed"],
    ["1210", 400, "InvalidRequest"],
    ["1211", 400, "ModelNotFound"],
    ["1212", 400, "InvalidRequest"],
    ["1213", 400, "InvalidRequest"],
    ["1214", 400, "InvalidRequest"],
    ["1215", 400, "InvalidRequest"],
    ["1220", 403, "PermissionDenied"],
    ["1221", 400, "ModelNotFound"],
    ["1222", 400, "ModelNotFound"],
    ["1230", 500, "ServerFailed"],
    ["1234", 500, "ServerFailed"],
    ["1261", 400, "ContextLengthExceeded"],
    ["1300", 400, "ContentFiltered"],
    ["1301", 400, "ContentFiltered"],
    ["1302", 429, "RateLimited"],
    ["1303", 429, "RateLimited"],
    ["1305", 429, "RateLimited"]
  ]

  it.effect.each(codes)(
    "of code %s are the same in an answer, inside HTTP 200 and in a stream",
    ([code, status, tag]) =>
      Effect.gen(function* () {
        const error = { error: { code, message: "as Zhipu says" } }
        const answers = [
          HttpStub.make(() => HttpStub.json(error, { status, headers: { "x-log-id": "log-7" } })),
          HttpStub.make(() => HttpStub.json(error, { headers: { "x-log-id": "log-7" } })),
          HttpStub.make(() => HttpStub.events(HttpStub.frames(error), { "x-log-id": "log-7" }))
        ]
        for (const stub of answers) {
          const zhipu = yield* client(stub)
          const { error: streamed } = yield* HttpStub.watch(zhipu.stream(request))
          expect(streamed).toMatchObject({ _tag: tag, message: "as Zhipu says", requestId: "log-7", provider: "zhipu" })
        }
        const whole = yield* Effect.flip(
          (yield* client(HttpStub.make(() => HttpStub.json(error, { status })))).complete(request)
        )
        expect(whole).toMatchObject({ _tag: tag, status })
      })
  )

  it.effect("name what was withheld, and how grave it is", () =>
    Effect.gen(function* () {
      const body = {
        contentFilter: [{ level: 1, role: "user" }],
        error: { code: "1301", message: "sensitive content" }
      }
      const zhipu = yield* client(HttpStub.make(() => HttpStub.json(body, { status: 400 })))
      const error = yield* Effect.flip(zhipu.complete(request))
      expect(error).toMatchObject({
        _tag: "ContentFiltered",
        categories: [{ name: "user", filtered: true, severity: "level 1" }]
      })
    })
  )

  it.effect("name it in an answer too, where the field is spelled otherwise", () =>
    Effect.gen(function* () {
      const withheld = {
        content_filter: [{ role: "assistant", level: 0 }],
        choices: [{ index: 0, finish_reason: "sensitive", message: { role: "assistant", content: "" } }]
      }
      const zhipu = yield* client(HttpStub.make(() => HttpStub.json(withheld)))
      expect(yield* Effect.flip(zhipu.complete(request))).toMatchObject({
        _tag: "ContentFiltered",
        categories: [{ name: "assistant", filtered: true, severity: "level 0" }]
      })
    })
  )

  it.effect("never show the key, its secret half or a token, whole or cut, wherever they are echoed", () =>
    Effect.gen(function* () {
      const issued: Array<string> = []
      const echo = (token: string) => `no such key: ${key}, ${secret}, ${token}`
      const answers: ReadonlyArray<(token: string) => Response> = [
        (token) => HttpStub.json({ error: { code: "1002", message: echo(token) } }, { status: 401 }),
        (token) => HttpStub.json({ error: { code: token, message: token, param: token } }),
        (token) => new Response(echo(token), { status: 502 }),
        (token) => new Response(`<title>${echo(token)}</title>`),
        (token) => new Response("x".repeat(4096 - 30) + token, { status: 500 }),
        () => new Response("x".repeat(4096 - 12) + secret, { status: 500 }),
        (token) =>
          HttpStub.events(HttpStub.frames(chunk({ content: "Hel" }), { error: { code: "500", message: echo(token) } })),
        (token) => HttpStub.events(HttpStub.frames(`{"${echo(token)}`))
      ]
      for (const answer of answers) {
        const zhipu = yield* client(
          HttpStub.make((sent) => {
            issued.push(bearerOf(sent))
            return answer(bearerOf(sent))
          })
        )
        const whole = yield* Effect.either(zhipu.complete(request))
        const streamed = yield* HttpStub.watch(zhipu.stream(request))
        const embedded = yield* Effect.either(zhipu.embed({ input: ["1"] }))
        for (const value of [whole, streamed, embedded]) {
          const words = everyWord(value)
          expect(words).not.toContain(secret)
          expect(words).not.toContain(secret.slice(0, 10))
          for (const token of issued)
            for (const piece of [token, token.slice(-20), token.slice(0, 28)]) expect(words).not.toContain(piece)
        }
      }
      expect(issued.every((token) => token.length > 100)).toBe(true)
    })
  )
})

describe("Zhipu.layerConfig", () => {
  const environment = { ZHIPUAI_API_KEY: key, ZHIPU_MODEL: "glm-env" }

  const withVariables = <A, E, R>(variables: Readonly<Record<string, string>>, effect: Effect.Effect<A, E, R>) =>
    Effect.withConfigProvider(effect, ConfigProvider.fromMap(new Map(Object.entries(variables))))

  const build = (
    layer: Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>,
    stub = answering()
  ) => Effect.scoped(Layer.build(Layer.provide(layer, Layer.succeed(HttpClient.HttpClient, stub.http))))

  it.effect("reads the variables, and lets options stand before them", () =>
    Effect.gen(function* () {
      const variables = {
        ...environment,
        ZHIPU_EMBEDDING_MODEL: "embed-env",
        ZHIPU_BASE_URL: "https://env.example/v4/"
      }
      const urls = (options?: Partial<Zhipu.Options>) =>
        Effect.gen(function* () {
          const stub = answering()
          yield* Effect.provide(
            Effect.zip(LlmClient.complete("Hi"), LlmClient.embed("1")),
            Layer.provide(Zhipu.layerConfig(options), Layer.succeed(HttpClient.HttpClient, stub.http))
          )
          return stub.sent.map((one) => [one.url, Reflect.get(Object(bodyOf(one)), "model")])
        })
      expect(yield* withVariables(variables, urls())).toEqual([
        ["https://env.example/v4/chat/completions", "glm-env"],
        ["https://env.example/v4/embeddings", "embed-env"]
      ])
      const options = { model: "glm", embeddingModel: "embed", baseUrl: "http://127.0.0.1:1/v4" }
      expect(yield* withVariables(variables, urls(options))).toEqual([
        ["http://127.0.0.1:1/v4/chat/completions", "glm"],
        ["http://127.0.0.1:1/v4/embeddings", "embed"]
      ])
      expect(yield* withVariables(environment, urls())).toEqual([
        ["https://open.bigmodel.cn/api/paas/v4/chat/completions", "glm-env"],
        ["https://open.bigmodel.cn/api/paas/v4/embeddings", "embedding-3"]
      ])
    })
  )

  it.effect.each(["ZHIPUAI_API_KEY", "ZHIPU_MODEL"])("names %s when it is missing", (variable) =>
    Effect.gen(function* () {
      const rest = Object.fromEntries(Object.entries(environment).filter(([name]) => name !== variable))
      expect(String(yield* withVariables(rest, Effect.flip(build(Zhipu.layerConfig()))))).toContain(variable)
    })
  )

  it.effect.each<readonly [variable: string, value: string]>([
    ["ZHIPUAI_API_KEY", secret],
    ["ZHIPUAI_API_KEY", `.${secret}`],
    ["ZHIPUAI_API_KEY", `${secret}.`],
    ["ZHIPUAI_API_KEY", `a.${secret}.b`],
    ["ZHIPUAI_API_KEY", `a.${secret}\n`],
    ["ZHIPUAI_API_KEY", ""],
    ["ZHIPU_MODEL", ""],
    ["ZHIPU_EMBEDDING_MODEL", " "],
    ["ZHIPU_BASE_URL", `ftp://${secret}.example`]
  ])("names %s when it is %j, and does not show it", ([variable, value]) =>
    Effect.gen(function* () {
      const error = yield* withVariables({ ...environment, [variable]: value }, Effect.flip(build(Zhipu.layerConfig())))
      expect(error).toMatchObject({ _op: "InvalidData", path: [variable] })
      expect(`${String(error)} ${Inspectable.toStringUnknown(error)}`.toLowerCase()).not.toContain(secret.toLowerCase())
    })
  )

  it.effect.each<readonly [string, Partial<Zhipu.Options>]>([
    ["apiKey", { apiKey: Redacted.make("no-dot") }],
    ["tokenTimeToLive", { tokenTimeToLive: 0 }],
    ["tokenTimeToLive", { tokenTimeToLive: Duration.infinity }],
    ["model", { model: "" }],
    ["auth", JSON.parse(`{ "auth": "bearer" }`)],
    ["tokenTimeToLive", JSON.parse(`{ "tokenTimeToLive": "soon" }`)],
    ["headers.x-team", { headers: { "x-team": "a\nb" } }],
    ["headers.x-team", { headers: { "x-team": "a\nb" }, auth: "key" }],
    ["baseUrl", { baseUrl: "open.bigmodel.cn" }],
    ["baseUrl", { baseUrl: "https://open.bigmodel.cn/api/paas/v4/chat/completions" }]
  ])("names the option %s when it is wrong", ([option, wrong]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(build(Zhipu.layer({ apiKey: Redacted.make(key), model: "glm-4.6", ...wrong })))
      expect(error).toMatchObject({ _op: "InvalidData", path: [option] })
    })
  )
})
