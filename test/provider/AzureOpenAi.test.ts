import { HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Data, Effect, Exit, Layer, Redacted, Stream, TestClock } from "effect"
import { AzureOpenAi, ChatRequest, LlmClient, LlmError, Policy, RetryPolicy, StreamPart } from "effect-llm"
import { everyWord } from "../laws.js"
import { inVirtualTime } from "../policy/Watched.js"
import { streams } from "../recorded/Payloads.js"
import * as HttpStub from "./HttpStub.js"

const key = "azure-key-5b7c9d1e3f"

const endpoint = "https://acme.openai.azure.com"

const request = ChatRequest.make("Hi")

const vectors = { data: [{ index: 0, embedding: [1, 2] }], model: "text-embedding-3-small" }

/** A resource that answers everything it is asked. */
const answering = (): HttpStub.Stub =>
  HttpStub.make(({ text, url }) =>
    url.includes("/embeddings")
      ? HttpStub.json(vectors)
      : text.includes('"stream":true')
        ? HttpStub.events(HttpStub.frames(HttpStub.chunk({ content: "Hello" }, "stop"), "[DONE]"))
        : HttpStub.json(HttpStub.answer())
  )

type Options = Partial<AzureOpenAi.Options>

const clientOn = ({ http }: HttpStub.Stub, options: Options = {}) =>
  AzureOpenAi.make({
    endpoint,
    deployment: "gpt-4.1-mini",
    ...(options.token === undefined ? { apiKey: Redacted.make(key) } : {}),
    ...options
  }).pipe(Effect.provideService(HttpClient.HttpClient, http))

/** What goes out for one call of each kind. */
const sentFor = (options: Options = {}, settings: ChatRequest.Settings = {}) =>
  Effect.gen(function* () {
    const stub = answering()
    const client = yield* clientOn(stub, options)
    yield* client.complete({ ...request, ...settings })
    yield* Stream.runDrain(client.stream({ ...request, ...settings }))
    yield* client.embed({ input: ["a"] })
    return stub.sent
  })

const bodyOf = (sent: HttpStub.Sent | undefined): unknown => JSON.parse(sent?.text ?? "null")

describe("calls with an API version", () => {
  const apiVersion = "2024-10-21"

  it.effect("go to the deployment's own URL", () =>
    Effect.gen(function* () {
      const sent = yield* sentFor({ apiVersion, embeddingDeployment: "embed" })
      expect(sent.map((one) => [one.method, one.url])).toEqual([
        ["POST", `${endpoint}/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21`],
        ["POST", `${endpoint}/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21`],
        ["POST", `${endpoint}/openai/deployments/embed/embeddings?api-version=2024-10-21`]
      ])
    })
  )

  it.effect.each<readonly [deployment: string, segment: string]>([
    ["my deployment", "my%20deployment"],
    ["a/b", "a%2Fb"],
    ["../../models", "..%2F..%2Fmodels"],
    ["a?b#c", "a%3Fb%23c"],
    ["%2e%2e", "%252e%252e"],
    ["gpt-4.1", "gpt-4.1"],
    ["größe", "gr%C3%B6%C3%9Fe"]
  ])("put the deployment %j into one segment of the path", ([deployment, segment]) =>
    Effect.gen(function* () {
      const [first] = yield* sentFor({ apiVersion, deployment })
      expect(first?.url).toBe(`${endpoint}/openai/deployments/${segment}/chat/completions?api-version=2024-10-21`)
    })
  )

  it.effect("escape the version too", () =>
    Effect.gen(function* () {
      const [first] = yield* sentFor({ apiVersion: "2024-10-21&x=y" })
      expect(first?.url).toContain("?api-version=2024-10-21%26x%3Dy")
    })
  )

  it.effect("go to the deployment that the request names as its model", () =>
    Effect.gen(function* () {
      const stub = answering()
      const client = yield* clientOn(stub, { apiVersion })
      yield* client.complete({ ...request, model: "other" })
      yield* client.embed({ input: ["a"], model: "embed" })
      expect(stub.sent.map((one) => new URL(one.url).pathname)).toEqual([
        "/openai/deployments/other/chat/completions",
        "/openai/deployments/embed/embeddings"
      ])
    })
  )

  it.effect.each(["", ".", "..", " gpt", "gpt\n", "\ud800"])(
    "that name the deployment %j are an InvalidRequest, and nothing is sent",
    (model) =>
      Effect.gen(function* () {
        const stub = answering()
        const client = yield* clientOn(stub, { apiVersion })
        const calls = [
          client.complete({ ...request, model }),
          Stream.runDrain(client.stream({ ...request, model })),
          client.embed({ input: ["a"], model })
        ]
        for (const call of calls) {
          expect(yield* Effect.flip(call)).toMatchObject({ _tag: "InvalidRequest", param: "model", attempts: 0 })
        }
        expect(stub.sent).toEqual([])
      })
  )

  it.effect.each<readonly [version: string, asks: boolean]>([
    ["2023-05-15", false],
    ["2024-06-01", false],
    ["2024-09-01-preview", true],
    ["2024-10-21", true],
    ["2025-04-01-preview", true],
    ["preview", true]
  ])("of version %s, ask for a stream's usage: %s", ([apiVersion, asks]) =>
    Effect.gen(function* () {
      const [, streamed] = yield* sentFor({ apiVersion })
      expect(Object.hasOwn(Object(bodyOf(streamed)), "stream_options")).toBe(asks)
    })
  )
})

describe("an endpoint with the path of the newer surface", () => {
  it.effect.each(["/openai/v1/", "/openai/v1", "/openai"])("is that of the resource all the same: %s", (path) =>
    Effect.gen(function* () {
      const [newer] = yield* sentFor({ endpoint: endpoint + path })
      expect(newer?.url).toBe(`${endpoint}/openai/v1/chat/completions`)
      const [older] = yield* sentFor({ endpoint: endpoint + path, apiVersion: "2024-10-21" })
      expect(older?.url).toBe(`${endpoint}/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21`)
    })
  )
})

describe("calls of a version without a date", () => {
  it.effect.each(["preview", "v1"])("go to the v1 surface, as of %s", (apiVersion) =>
    Effect.gen(function* () {
      const [chat, , embedded] = yield* sentFor({ apiVersion })
      expect(chat?.url).toBe(`${endpoint}/openai/v1/chat/completions?api-version=${apiVersion}`)
      expect(embedded?.url).toBe(`${endpoint}/openai/v1/embeddings?api-version=${apiVersion}`)
      expect(bodyOf(chat)).toMatchObject({ model: "gpt-4.1-mini" })
      const stub = answering()
      yield* Effect.ignore((yield* clientOn(stub, { apiVersion, api: "responses" })).complete(request))
      expect(stub.sent[0]?.url).toBe(`${endpoint}/openai/v1/responses?api-version=${apiVersion}`)
    })
  )
})

describe("calls without an API version", () => {
  it.effect("go to the v1 surface, with the deployment as the model", () =>
    Effect.gen(function* () {
      const sent = yield* sentFor({ embeddingDeployment: "embed" })
      expect(sent.map((one) => one.url)).toEqual([
        `${endpoint}/openai/v1/chat/completions`,
        `${endpoint}/openai/v1/chat/completions`,
        `${endpoint}/openai/v1/embeddings`
      ])
      expect(sent.map((one) => Reflect.get(Object(bodyOf(one)), "model"))).toEqual([
        "gpt-4.1-mini",
        "gpt-4.1-mini",
        "embed"
      ])
      expect(bodyOf(sent[1])).toMatchObject({ stream: true, stream_options: { include_usage: true } })
    })
  )

  it.effect.each([`${endpoint}/`, "HTTPS://ACME.openai.azure.com:443", ` ${endpoint}\n`])(
    "stand under the endpoint %j",
    (endpoint) =>
      Effect.gen(function* () {
        const [first] = yield* sentFor({ endpoint })
        expect(first?.url).toBe("https://acme.openai.azure.com/openai/v1/chat/completions")
      })
  )

  it.effect("embed with the deployment of the options where there is no other", () =>
    Effect.gen(function* () {
      const [, , embedded] = yield* sentFor({ deployment: "embed" })
      expect(bodyOf(embedded)).toMatchObject({ model: "embed" })
    })
  )
})

describe("a key", () => {
  it.effect("goes out as api-key, and no header replaces it", () =>
    Effect.gen(function* () {
      for (const { headers } of yield* sentFor({ headers: { "API-Key": "other", "x-team": "blue" } })) {
        expect(headers).toMatchObject({ "api-key": key, "x-team": "blue" })
        expect(headers).not.toHaveProperty("authorization")
      }
    })
  )

  it.effect("is not shown, should the server echo it", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(() =>
        HttpStub.json({ error: { code: "401", message: `bad key ${key}` } }, { status: 401 })
      )
      const client = yield* clientOn(stub)
      const error = yield* Effect.flip(client.complete(request))
      expect(error).toMatchObject({
        _tag: "AuthenticationFailed",
        message: "bad key <redacted>",
        provider: "azure-openai"
      })
      expect(everyWord(error)).not.toContain(key)
    })
  )
})

// -----------------------------------------------------------------------------
// Tokens
// -----------------------------------------------------------------------------

class NoCredential extends Data.TaggedError("NoCredential") {}

describe("a token", () => {
  /** token-000000001, token-000000002, … */
  const counting = () => {
    let made = 0
    return Effect.sync(() => Redacted.make(`token-${String(++made).padStart(9, "0")}`))
  }

  it.effect("goes out as a bearer, asked for again for every call, and no header replaces it", () =>
    Effect.gen(function* () {
      const sent = yield* sentFor({ token: counting(), headers: { Authorization: "Bearer other" } })
      expect(sent.map(({ headers }) => headers["authorization"])).toEqual([
        "Bearer token-000000001",
        "Bearer token-000000002",
        "Bearer token-000000003"
      ])
      for (const { headers } of sent) expect(headers).not.toHaveProperty("api-key")
    })
  )

  it.effect("is asked for again at every attempt of one call", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make((_, count) =>
        count < 3
          ? HttpStub.json({ error: { code: "503", message: "busy" } }, { status: 503 })
          : HttpStub.json(HttpStub.answer())
      )
      const llm = AzureOpenAi.layer({ endpoint, deployment: "gpt-4.1-mini", token: counting() }).pipe(
        Policy.retry(RetryPolicy.standard),
        Layer.provide(Layer.succeed(HttpClient.HttpClient, stub.http))
      )
      const completion = yield* inVirtualTime(Effect.provide(LlmClient.complete("Hi"), llm))
      expect(completion.attempts).toBe(3)
      expect(stub.sent.map(({ headers }) => headers["authorization"])).toEqual([
        "Bearer token-000000001",
        "Bearer token-000000002",
        "Bearer token-000000003"
      ])
    })
  )

  it.effect("that is echoed by the server is blotted out of the error, each attempt its own", () =>
    Effect.gen(function* () {
      const echo: HttpStub.Answer = ({ headers }) =>
        HttpStub.json({ error: { code: "401", message: `bad ${headers["authorization"]}` } }, { status: 401 })
      const client = yield* clientOn(HttpStub.make(echo), { token: counting() })
      const calls = [client.complete(request), Stream.runDrain(client.stream(request)), client.embed({ input: ["a"] })]
      for (const call of calls) {
        const error = yield* Effect.flip(call)
        expect(error).toMatchObject({ _tag: "AuthenticationFailed", message: "bad Bearer <redacted>" })
        expect(everyWord(error)).not.toContain("token-0")
      }
    })
  )

  it.effect("that is echoed amid a stream is blotted out too", () =>
    Effect.gen(function* () {
      const echo: HttpStub.Answer = ({ headers }) =>
        HttpStub.events(
          HttpStub.frames(HttpStub.chunk({ content: "Hel" }), {
            error: { code: "500", message: `lost ${headers["authorization"]}` }
          })
        )
      const client = yield* clientOn(HttpStub.make(echo), { token: counting() })
      const { error } = yield* HttpStub.watch(client.stream(request))
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "Hel" })
      expect(everyWord(error)).not.toContain("token-0")
    })
  )

  it.effect.each<readonly [failure: unknown, message: string]>([
    [new Error("CredentialUnavailableError: no Azure CLI"), "no token: CredentialUnavailableError: no Azure CLI"],
    [new NoCredential(), "no token: NoCredential"],
    ["gone", "no token: gone"],
    [new Error("outer", { cause: new Error("inner") }), "no token: outer: inner"],
    [new Error("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlc2ln is bad"), "no token: <redacted> is bad"],
    [undefined, "no token: unknown"]
  ])("that fails with %s is an AuthenticationFailed with its words, and nothing is sent", ([failure, message]) =>
    Effect.gen(function* () {
      const stub = answering()
      const client = yield* clientOn(stub, { token: Effect.fail(failure) })
      const calls = [
        client.complete({ ...request, model: "other" }),
        Stream.runDrain(client.stream({ ...request, model: "other" }))
      ]
      for (const call of calls) {
        expect(yield* Effect.flip(call)).toMatchObject({
          _tag: "AuthenticationFailed",
          provider: "azure-openai",
          model: "other",
          message,
          attempts: 0
        })
      }
      expect((yield* Effect.flip(client.embed({ input: ["a"] })))._tag).toBe("AuthenticationFailed")
      expect(stub.sent).toEqual([])
    })
  )

  it.effect("that fails in a promise keeps the words of its rejection", () =>
    Effect.gen(function* () {
      const token = Effect.tryPromise(() => Promise.reject(new Error("IMDS is not there")))
      const client = yield* clientOn(answering(), { token })
      expect((yield* Effect.flip(client.complete(request))).message).toContain("IMDS is not there")
    })
  )

  it.effect("whose failure is an LlmError fails with that, which can be retried", () =>
    Effect.gen(function* () {
      let asked = 0
      const unreachable = new LlmError.ConnectionFailed({ provider: "entra", model: "", message: "no connection" })
      const token = Effect.suspend(() =>
        ++asked < 3 ? Effect.fail(unreachable) : Effect.succeed(Redacted.make("token-000000009"))
      )
      const llm = AzureOpenAi.layer({ endpoint, deployment: "gpt-4.1-mini", token }).pipe(
        Policy.retry(RetryPolicy.standard),
        Layer.provide(Layer.succeed(HttpClient.HttpClient, answering().http))
      )
      expect((yield* inVirtualTime(Effect.provide(LlmClient.complete("Hi"), llm))).text).toBe("Hello")
      expect(asked).toBe(3)
    })
  )

  it.effect.each(["", "two words", "line\r\nx-evil: 1", "ключ"])(
    "that is no token, %j, is an AuthenticationFailed, and is not shown",
    (text) =>
      Effect.gen(function* () {
        const stub = answering()
        const client = yield* clientOn(stub, { token: Effect.succeed(Redacted.make(text)) })
        const error = yield* Effect.flip(client.complete(request))
        expect(error._tag).toBe("AuthenticationFailed")
        if (text !== "") expect(everyWord(error)).not.toContain(text)
        expect(stub.sent).toEqual([])
      })
  )

  it.effect("that never comes is waited for no longer than an attempt may take", () =>
    Effect.gen(function* () {
      const llm = AzureOpenAi.layer({ endpoint, deployment: "gpt-4.1-mini", token: Effect.never }).pipe(
        Policy.attemptTimeout("5 seconds"),
        Layer.provide(Layer.succeed(HttpClient.HttpClient, answering().http))
      )
      const fiber = yield* Effect.fork(Effect.provide(LlmClient.complete("Hi"), llm))
      yield* TestClock.adjust("5 seconds")
      expect(Exit.isFailure(yield* fiber.await)).toBe(true)
    })
  )
})

// -----------------------------------------------------------------------------
// Models behind deployments
// -----------------------------------------------------------------------------

describe("a deployment of a reasoning model", () => {
  const settings: ChatRequest.Settings = { temperature: 0.2, maxTokens: 64 }

  it.effect.each(["o1", "o3-mini", "prod-o4-mini", "gpt-5", "gpt-5-mini", "my_gpt-5", "team.o1.west", "GPT-5"])(
    "%s is one by its name",
    (deployment) =>
      Effect.gen(function* () {
        const [whole] = yield* sentFor({ deployment }, settings)
        expect(bodyOf(whole)).toMatchObject({ max_completion_tokens: 64 })
        expect(bodyOf(whole)).not.toHaveProperty("temperature")
      })
  )

  it.effect.each(["gpt-4.1", "gpt-4o", "gpt-5-chat", "foo1", "chat", "photo3"])(
    "%s is none by its name",
    (deployment) =>
      Effect.gen(function* () {
        const [whole] = yield* sentFor({ deployment }, settings)
        expect(bodyOf(whole)).toMatchObject({ max_tokens: 64, temperature: 0.2 })
      })
  )

  it.effect("may be told", () =>
    Effect.gen(function* () {
      const [whole] = yield* sentFor(
        { deployment: "chat", isReasoningModel: (deployment) => deployment === "chat" },
        settings
      )
      expect(bodyOf(whole)).toMatchObject({ max_completion_tokens: 64 })
    })
  )
})

// -----------------------------------------------------------------------------
// Content filters
// -----------------------------------------------------------------------------

const safe = { filtered: false, severity: "safe" }
const promptResults = [
  { prompt_index: 0, content_filter_results: { hate: safe, jailbreak: { filtered: false, detected: false } } }
]
const found = { hate: safe, violence: { filtered: true, severity: "medium" }, error: { code: "content_filter_error" } }
const categories = [
  { name: "hate", filtered: false, severity: "safe" },
  { name: "violence", filtered: true, severity: "medium" }
]

const first = { choices: [], created: 0, id: "", model: "", object: "", prompt_filter_results: promptResults }

const streaming = (...payloads: ReadonlyArray<unknown>) =>
  Effect.map(clientOn(HttpStub.make(() => HttpStub.events(HttpStub.frames(...payloads, "[DONE]")))), (client) =>
    client.stream(request)
  )

describe("a recorded stream", () => {
  const recorded = streams.find(({ name }) => name === "azure/model-router")
  const bytes = recorded?.bytes ?? new Uint8Array()

  it.effect("is its text, its usage, and the model behind the deployment", () =>
    Effect.gen(function* () {
      const client = yield* clientOn(HttpStub.make(() => HttpStub.events(HttpStub.reads([bytes]))))
      expect(yield* StreamPart.collect(client.stream(request))).toMatchObject({
        text: "Capital of Denmark.",
        model: "gpt-5-nano-2025-08-07",
        usage: { inputTokens: 15, outputTokens: 78, reasoningTokens: 64 }
      })
    })
  )

  it.effect(
    "never ends well before its finish reason, wherever it is cut",
    () =>
      Effect.gen(function* () {
        const whole = new TextDecoder().decode(bytes).indexOf('"finish_reason":"stop"')
        let cut = 0
        const client = yield* clientOn(
          HttpStub.make(({ request }) =>
            Effect.succeed(HttpStub.quickReads(request, [bytes.subarray(0, cut)], "clean"))
          )
        )
        const tags = new Set<string | undefined>()
        for (; cut < whole; cut++) tags.add((yield* HttpStub.watch(client.stream(request))).error?._tag)
        expect(whole).toBeGreaterThan(1000)
        expect([...tags]).toEqual(["StreamInterrupted"])
      }),
    30_000
  )
})

describe("content filters", () => {
  it.effect("that refuse the prompt are a ContentFiltered with what they found", () =>
    Effect.gen(function* () {
      const body = {
        error: {
          message: "The response was filtered",
          type: null,
          param: "prompt",
          code: "content_filter",
          status: 400,
          innererror: { code: "ResponsibleAIPolicyViolation", content_filter_result: found }
        }
      }
      const client = yield* clientOn(HttpStub.make(() => HttpStub.json(body, { status: 400 })))
      for (const call of [client.complete(request), Stream.runDrain(client.stream(request))]) {
        expect(yield* Effect.flip(call)).toMatchObject({ _tag: "ContentFiltered", categories })
      }
    })
  )

  it.effect("that withhold an answer are a ContentFiltered with what they found in it, and its text and cost", () =>
    Effect.gen(function* () {
      const body = HttpStub.answer("Once", {
        prompt_filter_results: promptResults,
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: "Once" },
            finish_reason: "content_filter",
            content_filter_results: found
          }
        ]
      })
      const client = yield* clientOn(HttpStub.make(() => HttpStub.json(body)))
      expect(yield* Effect.flip(client.complete(request))).toMatchObject({
        _tag: "ContentFiltered",
        categories,
        text: "Once",
        usage: { inputTokens: 3, outputTokens: 2 }
      })
    })
  )

  it.effect.each<readonly [string, object]>([
    ["content", { message: { role: "assistant" } }],
    ["a message", {}]
  ])("that withhold an answer without %s are the same", ([, choice]) =>
    Effect.gen(function* () {
      const body = HttpStub.answer("", {
        choices: [{ index: 0, finish_reason: "content_filter", content_filter_results: found, ...choice }]
      })
      const client = yield* clientOn(HttpStub.make(() => HttpStub.json(body)))
      expect(yield* Effect.flip(client.complete(request))).toMatchObject({
        _tag: "ContentFiltered",
        categories,
        text: ""
      })
    })
  )

  it.effect("that end a stream are the same, with the text so far", () =>
    Effect.gen(function* () {
      const stream = yield* streaming(first, HttpStub.chunk({ content: "Once" }), {
        ...HttpStub.chunk({}),
        choices: [{ index: 0, delta: {}, finish_reason: "content_filter", content_filter_results: found }]
      })
      const { error, parts } = yield* HttpStub.watch(stream)
      expect(HttpStub.textOf(parts)).toBe("Once")
      expect(parts.some((part) => part._tag === "Finish")).toBe(false)
      expect(error).toMatchObject({ _tag: "ContentFiltered", categories, text: "Once" })
    })
  )

  it.effect("that come late, behind the finish reason and without a delta, are the same", () =>
    Effect.gen(function* () {
      const late = {
        id: "",
        object: "",
        model: "",
        choices: [
          {
            index: 0,
            finish_reason: "content_filter",
            content_filter_results: found,
            content_filter_offsets: { check_offset: 44, start_offset: 44, end_offset: 198 }
          }
        ]
      }
      const stream = yield* streaming(first, HttpStub.chunk({ content: "Once" }), HttpStub.chunk({}, "stop"), late)
      const { error } = yield* HttpStub.watch(stream)
      expect(error).toMatchObject({ _tag: "ContentFiltered", categories, text: "Once" })
    })
  )

  it.effect("that found nothing leave the answer as it is", () =>
    Effect.gen(function* () {
      const results = { content_filter_results: { hate: safe }, content_filter_offsets: { check_offset: 44 } }
      const stream = yield* streaming(
        first,
        {
          ...HttpStub.chunk({}),
          choices: [
            {
              index: 0,
              delta: { content: "Hello", role: "assistant" },
              finish_reason: null,
              content_filter_results: {}
            }
          ]
        },
        { ...HttpStub.chunk({}), choices: [{ index: 0, finish_reason: null, ...results }] },
        {
          ...HttpStub.chunk({}),
          choices: [{ index: 0, delta: {}, finish_reason: "stop", content_filter_results: { hate: safe } }]
        },
        { ...HttpStub.chunk({}), choices: [{ index: 0, finish_reason: null, ...results }] },
        { ...HttpStub.chunk({}), choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } }
      )
      const completion = yield* StreamPart.collect(stream)
      expect(completion).toMatchObject({
        text: "Hello",
        id: "chatcmpl-1",
        model: "gpt-4.1-mini-2025-04-14",
        finishReason: { unified: "stop" },
        usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 }
      })
    })
  )
})
