import { FetchHttpClient, HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, FastCheck as fc, Layer, Redacted, Schema, Stream } from "effect"
import { AzureOpenAi, ChatRequest, Completion, LlmClient, LlmError, OpenAi, Prompt, StreamPart, Tool } from "effect-llm"
import { Fault, Simulator } from "effect-llm/testing"
import { called, end, type Json, message, response, start, text, thoughts } from "../wire/ResponsesEvents.js"
import * as HttpStub from "./HttpStub.js"

const request = ChatRequest.make("Hi")

const vectors = { data: [{ index: 0, embedding: [1, 2] }], model: "text-embedding-3-small" }

const events = [...start, ...text(0, "Hel", "lo"), end([message("Hello")])]

/** Events as the provider frames them: each under its name, without an end marker. */
const framed = (all: ReadonlyArray<unknown>): string =>
  all
    .map((event) => `event: ${String(Reflect.get(Object(event), "type"))}\ndata: ${JSON.stringify(event)}\n\n`)
    .join("")

const answering = (): HttpStub.Stub =>
  HttpStub.make(({ text, url }) =>
    url.endsWith("/embeddings")
      ? HttpStub.json(vectors)
      : text.includes('"stream":true')
        ? HttpStub.events(framed(events))
        : HttpStub.json(response([message("Hello")]))
  )

/** What goes out for one call of each kind. */
const sentFor = (options: Partial<OpenAi.Options> = {}, settings: ChatRequest.Settings = {}) =>
  Effect.gen(function* () {
    const stub = answering()
    const client = yield* HttpStub.openAi(stub, { api: "responses", ...options })
    yield* client.complete({ ...request, ...settings })
    yield* Stream.runDrain(client.stream({ ...request, ...settings }))
    yield* client.embed({ input: ["a"] })
    return stub.sent
  })

const bodies = (sent: ReadonlyArray<HttpStub.Sent>): ReadonlyArray<unknown> => sent.map(({ text }) => JSON.parse(text))

describe("OpenAi with responses", () => {
  it.effect("posts chats to /responses, and embeddings where they always go, by the same key", () =>
    Effect.gen(function* () {
      const sent = yield* sentFor({ baseUrl: "https://llm.example/v1/", organization: "org-1" })
      expect(sent.map(({ method, url }) => [method, url])).toEqual([
        ["POST", "https://llm.example/v1/responses"],
        ["POST", "https://llm.example/v1/responses"],
        ["POST", "https://llm.example/v1/embeddings"]
      ])
      for (const { headers } of sent) {
        expect(headers).toMatchObject({ authorization: `Bearer ${HttpStub.key}`, "openai-organization": "org-1" })
      }
      expect(bodies(sent)).toEqual([
        { model: "gpt-4.1-mini", input: [{ role: "user", content: "Hi" }], store: false },
        { model: "gpt-4.1-mini", input: [{ role: "user", content: "Hi" }], store: false, stream: true },
        { model: "text-embedding-3-small", input: ["a"], encoding_format: "float" }
      ])
    })
  )

  it.effect.each(["gpt-5-mini", "o4-mini", "ft:o4-mini:acme::1"])("asks %s for its thoughts, encrypted", (model) =>
    Effect.gen(function* () {
      const [whole] = bodies(yield* sentFor({ model }, { reasoningEffort: "low", temperature: 0.2 }))
      expect(whole).toMatchObject({ include: ["reasoning.encrypted_content"], reasoning: { effort: "low" } })
      expect(whole).not.toHaveProperty("temperature")
    })
  )

  it.effect.each<readonly [model: string, goesBack: boolean]>([
    ["gpt-5-mini", true],
    ["openai/gpt-oss-20b", true],
    ["gpt-4.1-mini", false],
    ["ft:gpt-4o:acme::1", false],
    ["gpt-5-chat-latest", false]
  ])("with %s sends thoughts back: %j", ([model, goesBack]) =>
    Effect.gen(function* () {
      const prompt = Prompt.make([
        Prompt.user("Hi"),
        Prompt.assistant([
          { _tag: "Reasoning", text: "Hm.", signature: "gAAA" },
          { _tag: "Text", text: "Hello" }
        ]),
        Prompt.user("And?")
      ])
      const client = yield* HttpStub.openAi(answering(), { api: "responses", model })
      const { warnings } = yield* client.complete({ prompt })
      expect(warnings.map((warning) => warning.setting)).toEqual(goesBack ? [] : ["prompt"])
    })
  )

  it.effect("answers, streamed or not, say who they are of", () =>
    Effect.gen(function* () {
      const client = yield* HttpStub.openAi(answering(), { api: "responses" })
      const whole = yield* client.complete(request)
      const streamed = yield* StreamPart.collect(client.stream(request))
      expect(whole).toMatchObject({ text: "Hello", model: "acme-1-0925", id: "resp_1", raw: { object: "response" } })
      expect(streamed).toMatchObject({ text: "Hello", usage: whole.usage, finishReason: whole.finishReason })
    })
  )

  it.effect("is chosen by OPENAI_API", () =>
    Effect.gen(function* () {
      const urlWith = (variables: Readonly<Record<string, string>>, options?: Partial<OpenAi.Options>) => {
        const stub = HttpStub.make(({ url }) =>
          HttpStub.json(url.endsWith("/responses") ? response([message("Hello")]) : HttpStub.answer())
        )
        return Effect.as(LlmClient.complete("Hi"), stub.sent).pipe(
          Effect.provide(OpenAi.layerConfig({ apiKey: Redacted.make("sk-option"), model: "gpt-4.1", ...options })),
          Effect.provideService(HttpClient.HttpClient, stub.http),
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables)))),
          Effect.map(([sent]) => sent?.url.slice("https://api.openai.com/v1".length))
        )
      }
      expect(yield* urlWith({})).toBe("/chat/completions")
      expect(yield* urlWith({ OPENAI_API: "chat-completions" })).toBe("/chat/completions")
      expect(yield* urlWith({ OPENAI_API: "responses" })).toBe("/responses")
      expect(yield* urlWith({ OPENAI_API: "responses" }, { api: "chat-completions" })).toBe("/chat/completions")
      expect(yield* urlWith({}, { api: "responses" })).toBe("/responses")
      for (const wrong of ["", "response", "S3CRET"]) {
        const error = yield* Effect.flip(urlWith({ OPENAI_API: wrong }))
        expect(error).toMatchObject({ _op: "InvalidData", path: ["OPENAI_API"] })
        expect(String(error)).toContain("chat-completions or responses")
        expect(String(error)).not.toContain("S3CRET")
      }
    })
  )
})

describe("AzureOpenAi with responses", () => {
  const azure = (options: Partial<AzureOpenAi.Options>, stub: HttpStub.Stub = answering()) =>
    AzureOpenAi.make({
      endpoint: "https://acme.openai.azure.com",
      deployment: "chat",
      apiKey: Redacted.make(HttpStub.key),
      api: "responses",
      ...options
    }).pipe(Effect.provideService(HttpClient.HttpClient, stub.http))

  it.effect("posts to the v1 surface", () =>
    Effect.gen(function* () {
      const stub = answering()
      const client = yield* azure({}, stub)
      yield* client.complete(request)
      yield* Stream.runDrain(client.stream(request))
      yield* client.embed({ input: ["a"] })
      expect(stub.sent.map(({ url }) => url)).toEqual([
        "https://acme.openai.azure.com/openai/v1/responses",
        "https://acme.openai.azure.com/openai/v1/responses",
        "https://acme.openai.azure.com/openai/v1/embeddings"
      ])
      expect(bodies(stub.sent)[0]).toMatchObject({ model: "chat", store: false })
    })
  )

  it.effect("is refused beside a version, and by any other name", () =>
    Effect.gen(function* () {
      const versioned = yield* Effect.flip(azure({ apiVersion: "2024-10-21" }))
      expect(versioned).toMatchObject({ _op: "InvalidData", path: ["api"] })
      expect(String(versioned)).toContain("leave apiVersion out")
      const variables = {
        AZURE_OPENAI_ENDPOINT: "https://acme.openai.azure.com",
        AZURE_DEPLOYMENT_NAME: "chat",
        AZURE_OPENAI_API_KEY: "key-1234567890"
      }
      const build = (more: Readonly<Record<string, string>>) =>
        Layer.build(AzureOpenAi.layerConfig()).pipe(
          Effect.provideService(HttpClient.HttpClient, answering().http),
          Effect.scoped,
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries({ ...variables, ...more }))))
        )
      yield* build({ AZURE_OPENAI_API: "responses" })
      expect(
        String(yield* Effect.flip(build({ AZURE_OPENAI_API: "responses", OPENAI_API_VERSION: "2024-10-21" })))
      ).toContain("leave OPENAI_API_VERSION out")
      expect(yield* Effect.flip(build({ AZURE_OPENAI_API: "messages" }))).toMatchObject({ path: ["AZURE_OPENAI_API"] })
    })
  )
})

// -----------------------------------------------------------------------------
// Bytes
// -----------------------------------------------------------------------------

const spoken = ["The “harbour” — ", "é 🚢 ", "\u2028 is calm.\r\n"]

/** Everything that an answer can hold. */
const everything: ReadonlyArray<unknown> = [
  ...start,
  ...thoughts(0, [["**Hm**"], ["So ", "it is 🤔"]], "gAAAAAB"),
  ...text(1, ...spoken),
  ...called(2, "look_up", "call_1", '{"word"', ':"é"}'),
  end([])
]

describe("the bytes of a stream", () => {
  const bytes = new TextEncoder().encode(framed(everything))

  const parts = (pieces: ReadonlyArray<Uint8Array>) =>
    Effect.gen(function* () {
      const stub = HttpStub.make(({ request }) => Effect.succeed(HttpStub.quickReads(request, pieces, "clean")))
      const client = yield* HttpStub.openAi(stub, { api: "responses" })
      return (yield* StreamPart.collect(client.stream(request))).parts
    })

  it.effect("mean the same however they are split into reads", () =>
    Effect.gen(function* () {
      const whole = yield* parts([bytes])
      expect(whole).toEqual([
        { _tag: "Reasoning", text: "**Hm**\n\nSo it is 🤔", signature: "gAAAAAB", signedBy: "openai" },
        { _tag: "Text", text: spoken.join("") },
        { _tag: "ToolCall", id: "call_1", name: "look_up", arguments: '{"word":"é"}' }
      ])
      expect(yield* parts(Array.from(bytes, (_, n) => bytes.subarray(n, n + 1)))).toEqual(whole)
      const splits = fc.sample(fc.uniqueArray(fc.nat(bytes.length), { minLength: 1, maxLength: 30 }), 40)
      for (const split of splits) {
        const at = [0, ...[...split].sort((a, b) => a - b), bytes.length]
        expect(yield* parts(at.slice(1).map((to, n) => bytes.subarray(at[n], to)))).toEqual(whole)
      }
    })
  )

  it.effect.each(["clean", "error"] as const)(
    "cut at many places, with an end that is %s, are no success before the last event, and keep their text",
    (ending) =>
      Effect.gen(function* () {
        const whole = bytes.length - "\n\n".length
        let cut = 0
        const stub = HttpStub.make(({ request }) =>
          Effect.succeed(HttpStub.quickReads(request, [bytes.subarray(0, cut)], ending))
        )
        const client = yield* HttpStub.openAi(stub, { api: "responses" })
        const wrong: Array<string> = []
        const borders = everything.map((_, n) => framed(everything.slice(0, n + 1)).length)
        const offsets = Array.from({ length: bytes.length + 1 }, (_, offset) => offset).filter(
          (offset) => offset % 17 === 0 || borders.some((border) => Math.abs(border - offset) < 4)
        )
        for (const offset of offsets) {
          cut = offset
          const { error, parts: seen } = yield* HttpStub.watch(client.stream(request))
          const finishes = seen.filter((part) => part._tag === "Finish").length
          if (finishes !== (cut >= whole ? 1 : 0)) wrong.push(`${cut}: ${finishes} Finish`)
          if ((error === undefined) !== cut >= whole) wrong.push(`${cut}: ended with ${error?._tag}`)
          if (!spoken.join("").startsWith(HttpStub.textOf(seen))) wrong.push(`${cut}: ${HttpStub.textOf(seen)}`)
          if (error !== undefined && (error._tag !== "StreamInterrupted" || error.text !== HttpStub.textOf(seen)))
            wrong.push(`${cut}: ${error._tag}`)
        }
        expect(wrong.slice(0, 5)).toEqual([])
      }),
    30_000
  )

  it.effect("end at the last event, whatever stands behind it", () =>
    Effect.gen(function* () {
      const body = HttpStub.reads([framed(events), "data: [DONE]\n\n", framed(text(5, "more"))], "open")
      const client = yield* HttpStub.openAi(
        HttpStub.make(() => HttpStub.events(body)),
        { api: "responses" }
      )
      expect((yield* StreamPart.collect(client.stream(request))).text).toBe("Hello")
    })
  )
})

// -----------------------------------------------------------------------------
// On the simulated service
// -----------------------------------------------------------------------------

const weather = {
  name: "get_weather",
  description: "The weather of a city",
  parameters: Tool.jsonSchema(Schema.Struct({ city: Schema.String })),
  strict: true
}

describe("OpenAi with responses, on the simulator", () => {
  const on = (model: string, options: Simulator.Options = {}) =>
    Layer.unwrapEffect(
      Effect.map(Simulator.Simulator, ({ url }) =>
        OpenAi.layer({ apiKey: Redacted.make("sk-test-1234567890"), model, baseUrl: url, api: "responses" })
      )
    ).pipe(Layer.provideMerge(Layer.merge(FetchHttpClient.layer, Simulator.layer(options))))

  it.live("takes a conversation with thoughts, calls and results back as it was", () =>
    Effect.gen(function* () {
      const settings = {
        tools: [weather],
        reasoningEffort: "high",
        providerOptions: { reasoning: { summary: "detailed" } }
      } as const
      const question = Prompt.user("What does get_weather say?")
      const asked = yield* LlmClient.complete({ ...settings, prompt: [question] })
      expect(asked.finishReason).toEqual({ unified: "tool-calls", raw: "completed" })
      expect(asked.parts.map((part) => part._tag)).toEqual(["Reasoning", "ToolCall"])
      expect(asked.reasoning).toContain("\n\n")
      expect(asked.usage.reasoningTokens).toBeGreaterThan(0)
      const prompt = [
        question,
        Completion.toMessage(asked),
        ...asked.toolCalls.map((call) => Prompt.toolResult(call.id, "sunny"))
      ]
      const whole = yield* LlmClient.complete({ ...settings, prompt })
      const streamed = yield* StreamPart.collect(LlmClient.stream({ ...settings, prompt }))
      expect(whole).toMatchObject({ finishReason: { unified: "stop" }, warnings: [] })
      expect(streamed.parts).toEqual(whole.parts)
      expect(streamed.usage).toEqual(whole.usage)
    }).pipe(Effect.provide(on("gpt-5-mini")))
  )

  it.live("gets answers that fit a schema, pictures and files answered, and long ones cut", () =>
    Effect.gen(function* () {
      const responseFormat = { _tag: "JsonSchema", name: "weather", schema: weather.parameters } as const
      const bound = yield* LlmClient.complete({ prompt: "The weather in Lisbon", responseFormat })
      expect(JSON.parse(bound.text)).toHaveProperty("city")
      const png = new Uint8Array([137, 80, 78, 71])
      const seen = yield* LlmClient.complete(
        Prompt.user([
          Prompt.text("What is this?"),
          Prompt.imageBytes(png, "image/png", { detail: "low" }),
          Prompt.fileBytes(png, "application/pdf", { name: "a.pdf" })
        ])
      )
      expect(seen.text).not.toBe("")
      const short = { prompt: "A long story", maxTokens: 16 }
      const whole = yield* LlmClient.complete(short)
      expect(whole.finishReason).toEqual({ unified: "length", raw: "max_output_tokens" })
      expect((yield* StreamPart.collect(LlmClient.stream(short))).text).toBe(whole.text)
    }).pipe(Effect.provide(on("gpt-4.1-mini")))
  )

  it.live("fails with the tag of the error, wherever it comes", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      const errors = [
        [{ message: "slow down", type: "requests", code: "rate_limit_exceeded" }, "RateLimited"],
        [{ message: "no money", type: "insufficient_quota", code: "insufficient_quota" }, "QuotaExhausted"]
      ] as const
      for (const shape of ["object", "flat"] as const) {
        for (const [error, tag] of errors) {
          for (const afterTokens of [0, 3]) {
            yield* simulator.inject(Fault.errorEvent({ afterTokens, error, shape }))
            const { error: seen } = yield* HttpStub.watch((yield* LlmClient.LlmClient).stream(request))
            const isInterrupted = afterTokens > 0 && tag === "RateLimited"
            expect(seen).toMatchObject(
              isInterrupted ? { _tag: "StreamInterrupted", cause: { _tag: tag } } : { _tag: tag }
            )
          }
          yield* simulator.inject(Fault.errorEvent({ afterTokens: 0, error, shape }))
          expect((yield* Effect.flip(LlmClient.complete("Hi")))._tag).toBe(tag)
        }
      }
      yield* simulator.inject(Fault.missingDone, Fault.malformedChunk({ afterTokens: 2 }), Fault.status(429))
      expect((yield* Effect.flip(Stream.runDrain(LlmClient.stream("Hi"))))._tag).toBe("StreamInterrupted")
      expect((yield* Effect.flip(Stream.runDrain(LlmClient.stream("Hi"))))._tag).toBe("StreamInterrupted")
      const limited = yield* Effect.flip(LlmClient.complete("Hi"))
      expect([limited._tag, LlmError.isRetryable(limited)]).toEqual(["RateLimited", true])
    }).pipe(Effect.provide(on("gpt-4.1-mini")))
  )

  it.live("is refused what the real one refuses", () =>
    Effect.gen(function* () {
      const refused = (settings: Json) => Effect.flip(LlmClient.complete({ prompt: "Hi", providerOptions: settings }))
      expect(yield* refused({ seed: 7 })).toMatchObject({
        _tag: "InvalidRequest",
        param: "seed",
        code: "unknown_parameter"
      })
      expect(yield* refused({ include: ["reasoning.encrypted_content"] })).toMatchObject({ param: "include" })
      expect(yield* Effect.flip(LlmClient.complete({ prompt: "Hi", model: "no-such" }))).toMatchObject({
        _tag: "ModelNotFound"
      })
    }).pipe(Effect.provide(on("gpt-4.1-mini")))
  )
})
