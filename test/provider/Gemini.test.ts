import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { type ConfigError, ConfigProvider, Effect, Inspectable, Layer, Redacted, Stream } from "effect"
import { ChatRequest, Gemini, LlmClient, type LlmError } from "effect-llm"
import * as HttpStub from "./HttpStub.js"

const key = "AIza-test-5b7c9d1e3f"

const request = ChatRequest.make("Hi")

const answer = { candidates: [{ content: { parts: [{ text: "Hello" }], role: "model" }, finishReason: "STOP" }] }

/** A provider that answers everything it is asked. */
const answering = (): HttpStub.Stub =>
  HttpStub.make(({ url }) =>
    url.includes(":batchEmbedContents")
      ? HttpStub.json({ embeddings: [{ values: [1, 2] }] })
      : url.includes(":streamGenerateContent")
        ? HttpStub.events(HttpStub.frames(answer))
        : HttpStub.json(answer)
  )

const client = (
  { http }: HttpStub.Stub,
  options: Partial<Gemini.Options> = {}
): Effect.Effect<LlmClient.Service, ConfigError.ConfigError> =>
  Gemini.make({ apiKey: Redacted.make(key), model: "gemini-2.5-flash", ...options }).pipe(
    Effect.provideService(HttpClient.HttpClient, http)
  )

/** What goes out for one call of each kind. */
const sentFor = (options: Partial<Gemini.Options> = {}, settings: ChatRequest.Settings = {}) =>
  Effect.gen(function* () {
    const stub = answering()
    const gemini = yield* client(stub, options)
    yield* gemini.complete({ ...request, ...settings })
    yield* Stream.runDrain(gemini.stream({ ...request, ...settings }))
    yield* gemini.embed({ input: ["a"] })
    return stub.sent
  })

const bodyOf = (sent: HttpStub.Sent | undefined): unknown => JSON.parse(sent?.text ?? "null")

describe("calls to Gemini", () => {
  it.effect("are posted to the method of their model", () =>
    Effect.gen(function* () {
      expect((yield* sentFor()).map((one) => [one.method, one.url])).toEqual([
        ["POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"],
        [
          "POST",
          "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
        ],
        ["POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:batchEmbedContents"]
      ])
    })
  )

  it.effect.each([
    ["https://llm.example", "https://llm.example/v1beta/"],
    ["https://llm.example/gemini/", "https://llm.example/gemini/v1beta/"],
    ["https://llm.example/v1beta", "https://llm.example/v1beta/"],
    ["https://llm.example/v1alpha/", "https://llm.example/v1alpha/"],
    ["https://llm.example/v1", "https://llm.example/v1/"]
  ])("stand under the base URL %j, at %j", ([baseUrl, expected]) =>
    Effect.gen(function* () {
      for (const { url } of yield* sentFor({ baseUrl })) expect(url.startsWith(`${expected}models/`)).toBe(true)
    })
  )

  it.effect.each([
    ["models/gemini-2.5-pro", "gemini-2.5-pro"],
    ["a b/c?d#e:f", "a%20b%2Fc%3Fd%23e%3Af"],
    ["../../secrets", "..%2F..%2Fsecrets"]
  ])("have the model %j as the one segment %j", ([model, segment]) =>
    Effect.gen(function* () {
      const [chat] = yield* sentFor({}, { model })
      expect(chat?.url).toBe(`https://generativelanguage.googleapis.com/v1beta/models/${segment}:generateContent`)
    })
  )

  it.effect("carry the key in its header, and never in the URL; no extra header replaces it", () =>
    Effect.gen(function* () {
      for (const { headers, url } of yield* sentFor({ headers: { "X-Team": "blue", "X-Goog-Api-Key": "other" } })) {
        expect(headers).toMatchObject({ "x-goog-api-key": key, "x-team": "blue" })
        expect(headers).not.toHaveProperty("authorization")
        expect(url).not.toContain(key)
      }
    })
  )

  it.effect("have the defaults of the options where the request says nothing itself", () =>
    Effect.gen(function* () {
      const [chat] = yield* sentFor({ defaults: { temperature: 0.1, seed: 7 } }, { temperature: 0.9 })
      expect(bodyOf(chat)).toEqual({
        contents: [{ role: "user", parts: [{ text: "Hi" }] }],
        generationConfig: { temperature: 0.9, seed: 7 }
      })
    })
  )

  it.effect("embed as many texts as there are, a hundred at a time", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(({ text }) => {
        const { requests }: { requests: ReadonlyArray<{ content: { parts: ReadonlyArray<{ text: string }> } }> } =
          JSON.parse(text)
        return HttpStub.json({ embeddings: requests.map((one) => ({ values: [Number(one.content.parts[0]?.text)] })) })
      })
      const gemini = yield* client(stub)
      const { vectors } = yield* gemini.embed({ input: Array.from({ length: 250 }, (_, n) => `${n}`) })
      expect(vectors.map(([n]) => n)).toEqual(Array.from({ length: 250 }, (_, n) => n))
      expect(stub.sent).toHaveLength(3)
    })
  )
})

describe("how hard Gemini thinks", () => {
  it.effect.each<readonly [string, ChatRequest.ReasoningEffort, object | undefined]>([
    ["gemini-2.5-flash", "none", { thinkingBudget: 0 }],
    ["gemini-2.5-flash", "low", { thinkingBudget: 1024, includeThoughts: true }],
    ["gemini-2.5-flash-lite", "minimal", { thinkingBudget: 512, includeThoughts: true }],
    ["gemini-2.5-pro", "none", { thinkingBudget: 128 }],
    ["gemini-2.5-pro", "high", { thinkingBudget: 24_576, includeThoughts: true }],
    ["gemini-flash-latest", "medium", { thinkingBudget: 8192, includeThoughts: true }],
    ["gemini-3-flash-preview", "minimal", { thinkingLevel: "minimal", includeThoughts: true }],
    ["gemini-3-pro-preview", "none", { thinkingLevel: "low" }],
    ["gemini-3-pro-preview", "medium", { thinkingLevel: "high", includeThoughts: true }],
    ["gemini-3.1-pro-preview", "medium", { thinkingLevel: "medium", includeThoughts: true }],
    ["gemini-3-flash-preview", "medium", { thinkingLevel: "medium", includeThoughts: true }],
    ["gemini-3.1-pro-preview", "xhigh", { thinkingLevel: "high", includeThoughts: true }],
    ["models/gemini-3-pro-preview", "high", { thinkingLevel: "high", includeThoughts: true }],
    ["gemini-2.0-flash", "high", undefined],
    ["gemma-3-27b-it", "high", undefined]
  ])("%s is told of %s by %j", ([model, reasoningEffort, thinkingConfig]) =>
    Effect.gen(function* () {
      const [chat] = yield* sentFor({ model }, { reasoningEffort })
      const generationConfig = thinkingConfig === undefined ? {} : { generationConfig: { thinkingConfig } }
      expect(bodyOf(chat)).toEqual({ contents: [{ role: "user", parts: [{ text: "Hi" }] }], ...generationConfig })
    })
  )
})

describe("answers of Gemini that are errors", () => {
  const failing = (response: () => Response): Effect.Effect<LlmError.LlmError, unknown> =>
    Effect.flatMap(client(HttpStub.make(response)), (gemini) => Effect.flip(gemini.complete(request)))

  it.effect.each<readonly [number, unknown, LlmError.Tag]>([
    [
      400,
      {
        error: {
          code: 400,
          message: "API key not valid. Please pass a valid API key.",
          status: "INVALID_ARGUMENT",
          details: [{ reason: "API_KEY_INVALID" }]
        }
      },
      "AuthenticationFailed"
    ],
    [
      403,
      { error: { code: 403, message: "Method doesn't allow unregistered callers", status: "PERMISSION_DENIED" } },
      "PermissionDenied"
    ],
    [
      404,
      { error: { code: 404, message: "models/x is not found for API version v1beta", status: "NOT_FOUND" } },
      "ModelNotFound"
    ],
    [
      400,
      {
        error: {
          code: 400,
          message: "The input token count (9) exceeds the maximum number of tokens allowed (8).",
          status: "INVALID_ARGUMENT"
        }
      },
      "ContextLengthExceeded"
    ],
    [400, [{ error: { code: 400, message: 'Unknown name "x"', status: "INVALID_ARGUMENT" } }], "InvalidRequest"],
    [
      503,
      { error: { code: 503, message: "The model is overloaded. Please try again later.", status: "UNAVAILABLE" } },
      "Overloaded"
    ],
    [500, { error: { code: 500, message: "An internal error has occurred.", status: "INTERNAL" } }, "ServerFailed"],
    [504, { error: { code: 504, message: "Deadline expired", status: "DEADLINE_EXCEEDED" } }, "ServerFailed"]
  ])("%i %j is %s", ([status, body, tag]) =>
    Effect.gen(function* () {
      expect((yield* failing(() => HttpStub.json(body, { status })))._tag).toBe(tag)
    })
  )

  it.effect("never show the key, should Google echo it", () =>
    Effect.gen(function* () {
      const error = yield* failing(() =>
        HttpStub.json(
          { error: { code: 400, message: `API key ${key} not valid`, status: "INVALID_ARGUMENT" } },
          { status: 400 }
        )
      )
      expect([String(error), JSON.stringify(error)].join()).not.toContain(key)
    })
  )

  const chunk = (text: string): object => ({ candidates: [{ content: { parts: [{ text }], role: "model" } }] })
  const overloaded = JSON.stringify(
    { error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } },
    null,
    2
  )

  const streaming = (body: string) =>
    Effect.flatMap(client(HttpStub.make(() => HttpStub.events(body))), (gemini) =>
      HttpStub.watch(gemini.stream(request))
    )

  it.effect("bare behind the events of a stream interrupt it, and are the cause", () =>
    Effect.gen(function* () {
      const { error, parts } = yield* streaming(HttpStub.frames(chunk("Hel"), chunk("lo")) + overloaded)
      expect(HttpStub.textOf(parts)).toBe("Hello")
      expect(error).toMatchObject({
        _tag: "StreamInterrupted",
        text: "Hello",
        cause: { _tag: "Overloaded", message: "The model is overloaded." }
      })
    })
  )

  it.effect("in place of a stream are what they are", () =>
    Effect.gen(function* () {
      for (const body of [overloaded, `[${overloaded}]`, HttpStub.frames(JSON.parse(overloaded))]) {
        expect(yield* streaming(body)).toMatchObject({ parts: [], error: { _tag: "Overloaded" } })
      }
    })
  )
})

// -----------------------------------------------------------------------------
// Configuration
// -----------------------------------------------------------------------------

const environment = { GEMINI_API_KEY: "AIza-env-1234567890", GEMINI_MODEL: "gemini-env" }

const configured = (variables: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

/** What goes out for one chat and one embedding, with these variables and options. */
const sentWith = (variables: Readonly<Record<string, string>>, options?: Partial<Gemini.Options>) => {
  const stub = answering()
  return Effect.as(Effect.zip(LlmClient.complete("Hi"), LlmClient.embed("a")), stub.sent).pipe(
    Effect.provide(Gemini.layerConfig(options)),
    Effect.provideService(HttpClient.HttpClient, stub.http),
    configured(variables)
  )
}

const refusalOf = (layer: Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>) =>
  Effect.flip(Layer.build(layer)).pipe(Effect.provideService(HttpClient.HttpClient, answering().http), Effect.scoped)

const wordsOf = (error: unknown): string =>
  [String(error), Inspectable.toStringUnknown(error), JSON.stringify(error)].join("\n")

describe("Gemini.layerConfig", () => {
  it.effect("needs a key and a model", () =>
    Effect.gen(function* () {
      const [chat, embedding] = yield* sentWith(environment)
      expect(chat?.url).toBe("https://generativelanguage.googleapis.com/v1beta/models/gemini-env:generateContent")
      expect(chat?.headers["x-goog-api-key"]).toBe(environment.GEMINI_API_KEY)
      expect(embedding?.url).toContain("/models/gemini-embedding-001:")
    })
  )

  it.effect("reads the rest where it is set, and lets options stand before it", () =>
    Effect.gen(function* () {
      const variables = { ...environment, GEMINI_BASE_URL: "https://env.example/", GEMINI_EMBEDDING_MODEL: "embed-env" }
      expect((yield* sentWith(variables)).map((one) => one.url)).toEqual([
        "https://env.example/v1beta/models/gemini-env:generateContent",
        "https://env.example/v1beta/models/embed-env:batchEmbedContents"
      ])
      const options = {
        apiKey: Redacted.make("AIza-option"),
        model: "gemini-option",
        embeddingModel: "embed-option",
        baseUrl: "http://127.0.0.1:1234"
      }
      const sent = yield* sentWith(variables, options)
      expect(sent.map((one) => [one.url, one.headers["x-goog-api-key"]])).toEqual([
        ["http://127.0.0.1:1234/v1beta/models/gemini-option:generateContent", "AIza-option"],
        ["http://127.0.0.1:1234/v1beta/models/embed-option:batchEmbedContents", "AIza-option"]
      ])
      expect(yield* sentWith({}, options)).toHaveLength(2)
    })
  )

  it.effect.each(["GEMINI_API_KEY", "GEMINI_MODEL"])("names %s when it is missing", (variable) =>
    Effect.gen(function* () {
      const variables = Object.fromEntries(Object.entries(environment).filter(([name]) => name !== variable))
      expect(String(yield* refusalOf(Gemini.layerConfig()).pipe(configured(variables)))).toContain(variable)
    })
  )

  const secret = "S3CRET"

  it.effect.each<readonly [variable: string, value: string]>([
    ["GEMINI_API_KEY", ""],
    ["GEMINI_API_KEY", `${secret} ${secret}`],
    ["GEMINI_API_KEY", `${secret}\r\nX-Evil: 1`],
    ["GEMINI_MODEL", ""],
    ["GEMINI_MODEL", `${secret}\n`],
    ["GEMINI_EMBEDDING_MODEL", ""],
    ["GEMINI_BASE_URL", secret],
    ["GEMINI_BASE_URL", `https://user:${secret}@host.example`],
    ["GEMINI_BASE_URL", `https://host.example/?key=${secret}`]
  ])("names %s when it is %j, and does not show it", ([variable, value]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(Gemini.layerConfig()).pipe(configured({ ...environment, [variable]: value }))
      expect(error._op).toBe("InvalidData")
      expect(String(error)).toContain(variable)
      expect(wordsOf(error).toLowerCase()).not.toContain(secret.toLowerCase())
      expect(wordsOf(error)).not.toContain(environment.GEMINI_API_KEY)
    })
  )
})

describe("Gemini.layer", () => {
  it.effect.each<readonly [string, Partial<Gemini.Options>]>([
    ["apiKey", { apiKey: Redacted.make("") }],
    ["model", { model: "" }],
    ["embeddingModel", { embeddingModel: " embed" }],
    ["baseUrl", { baseUrl: "generativelanguage.googleapis.com" }]
  ])("names the option %s when it is wrong", ([option, wrong]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(Gemini.layer({ apiKey: Redacted.make(key), model: "gemini-2.5-flash", ...wrong }))
      expect(error).toMatchObject({ _op: "InvalidData", path: [option] })
      expect(wordsOf(error)).not.toContain(key)
    })
  )

  it.effect("says who it is, and sends nothing when it is built", () =>
    Effect.gen(function* () {
      const stub = answering()
      const gemini = yield* client(stub)
      expect([gemini.provider, gemini.model, stub.sent]).toEqual(["gemini", "gemini-2.5-flash", []])
    })
  )
})
