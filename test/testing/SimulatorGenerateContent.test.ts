import { HttpBody, HttpClient } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { type ChatRequest, Completion, Gemini, LlmClient, LlmError, Prompt, StreamPart, Tool } from "effect-llm"
import { Fault, Simulator } from "effect-llm/testing"
import { Duration, Effect, Layer, Option, Redacted, Schema } from "effect"
import { at } from "../recorded/Payloads.js"

const key = "AIza-simulated-key"

interface Seen {
  readonly status: number
  readonly text: string
  readonly json: unknown
}

const models = "http://simulator.invalid/v1beta/models"

/** One call as Google takes it, without the provider. */
const ask = (
  method: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = { "x-goog-api-key": key }
): Effect.Effect<Seen, unknown, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (http) =>
    http.post(`${models}/${method}`, { body: HttpBody.text(JSON.stringify(body), "application/json"), headers })
  ).pipe(
    Effect.flatMap((response) =>
      Effect.map(response.text, (text) => ({ status: response.status, text, json: parse(text) }))
    )
  )

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const hello = { contents: [{ role: "user", parts: [{ text: "Tell me about the harbour." }] }] }

const chunksOf = ({ text }: Seen): ReadonlyArray<unknown> =>
  text
    .split("\r\n\r\n")
    .filter((event) => event.startsWith("data: "))
    .map((event): unknown => JSON.parse(event.slice("data: ".length)))

const textOf = (chunk: unknown): string => String(at(chunk, "candidates", 0, "content", "parts", 0, "text") ?? "")

const simulated = (options: Simulator.Options = {}) => Simulator.layerHttpClient({ apiKey: key, ...options })

/** The provider on the simulator, in process. */
const gemini = (model: string, options?: Simulator.Options, defaults?: ChatRequest.Settings) =>
  Gemini.layer({ apiKey: Redacted.make(key), baseUrl: "http://simulator.invalid", model, defaults }).pipe(
    Layer.provide(simulated(options))
  )

describe("Simulator, generateContent", () => {
  it.effect("answers, and its stream says the same in more pieces, with a usage that grows", () =>
    Effect.gen(function* () {
      const whole = yield* ask("gemini-2.5-flash:generateContent", hello)
      const streamed = yield* ask("gemini-2.5-flash:streamGenerateContent?alt=sse", hello)
      const chunks = chunksOf(streamed)
      expect(whole.status).toBe(200)
      expect(chunks.map(textOf).join("")).toBe(textOf(whole.json))
      expect(chunks.slice(0, -1).map((chunk) => at(chunk, "usageMetadata", "candidatesTokenCount"))).toEqual(
        Array.from({ length: chunks.length - 1 }, (_, n) => n + 1)
      )
      expect(at(chunks.at(-1), "usageMetadata")).toEqual(at(whole.json, "usageMetadata"))
      expect(chunks.map((chunk) => at(chunk, "candidates", 0, "finishReason"))).toEqual([
        ...chunks.slice(1).map(() => undefined),
        "STOP"
      ])
      expect(streamed.text).not.toContain("[DONE]")
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("gives a stream as one JSON list where no events were asked for", () =>
    Effect.gen(function* () {
      const { json } = yield* ask("gemini-2.5-flash:streamGenerateContent", hello)
      expect(textOf(at(json, 0))).not.toBe("")
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("counts thoughts apart, and gives them out where they were asked for", () =>
    Effect.gen(function* () {
      const thinkingConfig = { thinkingBudget: 8192, includeThoughts: true }
      const { json } = yield* ask("gemini-2.5-flash:generateContent", {
        ...hello,
        generationConfig: { thinkingConfig }
      })
      expect(at(json, "candidates", 0, "content", "parts", 0, "thought")).toBe(true)
      expect(at(json, "usageMetadata", "thoughtsTokenCount")).toBeGreaterThan(0)
      const silent = yield* ask("gemini-2.5-flash:generateContent", {
        ...hello,
        generationConfig: { thinkingConfig: { thinkingBudget: 0 } }
      })
      expect(at(silent.json, "usageMetadata", "thoughtsTokenCount")).toBeUndefined()
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("ends in MAX_TOKENS where the answer was to be short", () =>
    Effect.gen(function* () {
      const { json } = yield* ask("gemini-2.0-flash:generateContent", {
        ...hello,
        generationConfig: { maxOutputTokens: 5 }
      })
      expect(at(json, "candidates", 0, "finishReason")).toBe("MAX_TOKENS")
      expect(at(json, "usageMetadata", "candidatesTokenCount")).toBe(5)
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("answers in JSON that fits the schema", () =>
    Effect.gen(function* () {
      const Label = Schema.Struct({ label: Schema.Literal("bug", "billing"), score: Schema.Number })
      const { text } = yield* LlmClient.complete({
        prompt: "Label it.",
        responseFormat: { _tag: "JsonSchema", name: "label", schema: Tool.jsonSchema(Label) }
      })
      expect(Schema.is(Label)(JSON.parse(text))).toBe(true)
    }).pipe(Effect.provide(gemini("gemini-2.5-flash")))
  )

  it.effect("takes its signed calls back with their results, and then answers", () =>
    Effect.gen(function* () {
      const tools = [
        {
          name: "look_up",
          parameters: { type: "object", properties: { word: { type: "string" } }, required: ["word"] }
        }
      ]
      const prompt = [Prompt.user("Use look_up twice.")]
      const first = yield* StreamPart.collect(LlmClient.stream({ prompt, tools, toolChoice: "required" }))
      expect(first.toolCalls).toHaveLength(1)
      const results = first.toolCalls.map(({ id }) => Prompt.toolResult(id, "a light"))
      const second = yield* LlmClient.complete({ prompt: [...prompt, Completion.toMessage(first), ...results], tools })
      expect(second.text).not.toBe("")
      expect(second.toolCalls).toEqual([])
    }).pipe(Effect.provide(gemini("gemini-3-pro-preview")))
  )

  it.effect("takes another model's calls back too, which have no signature", () =>
    Effect.gen(function* () {
      const call = { _tag: "ToolCall", id: "toolu_1", name: "look_up", arguments: "{}" } as const
      const answer = yield* LlmClient.complete([
        Prompt.user("Hi"),
        Prompt.assistant([call]),
        Prompt.toolResult("toolu_1", "a light")
      ])
      expect(answer.text).not.toBe("")
    }).pipe(Effect.provide(gemini("gemini-3-pro-preview")))
  )

  it.effect("blocks a prompt that says so, and withholds an answer", () =>
    Effect.gen(function* () {
      for (const prompt of ["simulate:block=SAFETY", "simulate:finish=SAFETY"]) {
        const whole = yield* Effect.flip(LlmClient.complete(prompt))
        const streamed = yield* Effect.flip(StreamPart.collect(LlmClient.stream(prompt)))
        for (const error of [whole, streamed]) {
          expect(error).toMatchObject({
            _tag: "ContentFiltered",
            message: expect.stringContaining("SAFETY"),
            categories: expect.arrayContaining([
              { name: "HARM_CATEGORY_DANGEROUS_CONTENT", filtered: true, severity: "HIGH" }
            ])
          })
        }
      }
    }).pipe(Effect.provide(gemini("gemini-2.5-flash")))
  )

  it.effect("limits requests, and says in RetryInfo how long to wait", () =>
    Effect.gen(function* () {
      yield* LlmClient.complete("Hi")
      const error = yield* Effect.flip(LlmClient.complete("Hi"))
      expect(error._tag).toBe("RateLimited")
      expect(LlmError.retryAfter(error)).toEqual(Option.some(Duration.seconds(60)))
    }).pipe(
      Effect.provide(gemini("gemini-2.5-flash", { rateLimit: { requestsPerMinute: 1 }, models: ["gemini-2.5-flash"] }))
    )
  )

  it.effect.each([
    ["as an event", "object"],
    ["bare behind the events", "flat"]
  ] as const)("breaks a stream with an error %s", ([, shape]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(StreamPart.collect(LlmClient.stream("Hi")))
      expect(error).toMatchObject({ _tag: "StreamInterrupted", cause: { _tag: "Overloaded" } })
    }).pipe(
      Effect.provide(
        gemini("gemini-2.5-flash", {
          faults: [
            Fault.errorEvent({
              afterTokens: 3,
              shape,
              error: { message: "The model is overloaded.", type: "UNAVAILABLE" }
            })
          ]
        })
      )
    )
  )

  it.effect("embeds up to a hundred texts at once, of the length that was asked for", () =>
    Effect.gen(function* () {
      const request = {
        model: "models/gemini-embedding-001",
        content: { parts: [{ text: "a" }] },
        outputDimensionality: 8
      }
      const { json } = yield* ask("gemini-embedding-001:batchEmbedContents", { requests: [request, request] })
      expect(at(json, "embeddings", 1, "values")).toEqual(at(json, "embeddings", 0, "values"))
      expect(at(json, "embeddings", 0, "values")).toHaveLength(8)
      const many = yield* ask("gemini-embedding-001:batchEmbedContents", {
        requests: Array.from({ length: 101 }, () => request)
      })
      expect(many.status).toBe(400)
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("lists its models", () =>
    Effect.gen(function* () {
      const http = yield* HttpClient.HttpClient
      const response = yield* http.get(models, { headers: { "x-goog-api-key": key } })
      expect(at(yield* response.json, "models", 0, "name")).toMatch(/^models\/gemini/)
    }).pipe(Effect.provide(simulated()))
  )
})

describe("Simulator, refusals of generateContent", () => {
  const turn = (role: string, ...parts: ReadonlyArray<unknown>): object => ({ role, parts })
  const call = { functionCall: { name: "f", args: {} } }
  const result = { functionResponse: { name: "f", response: {} } }
  const hi = turn("user", { text: "Hi" })

  it.effect.each<readonly [string, string, unknown, Readonly<Record<string, string>> | undefined, number, string]>([
    ["no key", "gemini-2.5-flash:generateContent", hello, {}, 403, "unregistered callers"],
    [
      "a key in another header",
      "gemini-2.5-flash:generateContent",
      hello,
      { authorization: `Bearer ${key}` },
      403,
      "unregistered callers"
    ],
    ["a wrong key", "gemini-2.5-flash:generateContent", hello, { "x-goog-api-key": "other" }, 400, "API_KEY_INVALID"],
    ["an unknown model", "gemini-9:generateContent", hello, undefined, 404, "models/gemini-9 is not found"],
    ["a model of another kind", "gemini-embedding-001:generateContent", hello, undefined, 404, "is not found"],
    [
      "an unknown field",
      "gemini-2.5-flash:generateContent",
      { ...hello, stream: true },
      undefined,
      400,
      'Unknown name \\"stream\\"'
    ],
    [
      "an unknown setting",
      "gemini-2.5-flash:generateContent",
      { ...hello, generationConfig: { max_tokens: 1 } },
      undefined,
      400,
      "Unknown name"
    ],
    ["no turns", "gemini-2.5-flash:generateContent", { contents: [] }, undefined, 400, "contents is not specified"],
    [
      "another role",
      "gemini-2.5-flash:generateContent",
      { contents: [turn("assistant", { text: "Hi" })] },
      undefined,
      400,
      "valid role"
    ],
    [
      "a part without data",
      "gemini-2.5-flash:generateContent",
      { contents: [turn("user", {})] },
      undefined,
      400,
      "required oneof field"
    ],
    [
      "a temperature out of range",
      "gemini-2.5-flash:generateContent",
      { ...hello, generationConfig: { temperature: 3 } },
      undefined,
      400,
      "temperature"
    ],
    [
      "a schema without JSON",
      "gemini-2.5-flash:generateContent",
      { ...hello, generationConfig: { responseJsonSchema: {} } },
      undefined,
      400,
      "mime type"
    ],
    [
      "a pro model that shall not think",
      "gemini-2.5-pro:generateContent",
      { ...hello, generationConfig: { thinkingConfig: { thinkingBudget: 0 } } },
      undefined,
      400,
      "Budget 0"
    ],
    [
      "a word for thinking too early",
      "gemini-2.5-flash:generateContent",
      { ...hello, generationConfig: { thinkingConfig: { thinkingLevel: "low" } } },
      undefined,
      400,
      "not supported"
    ],
    [
      "a word that a model does not know",
      "gemini-3-pro-preview:generateContent",
      { ...hello, generationConfig: { thinkingConfig: { thinkingLevel: "medium" } } },
      undefined,
      400,
      "MEDIUM is not supported"
    ],
    [
      "thoughts of a model without any",
      "gemini-2.0-flash:generateContent",
      { ...hello, generationConfig: { thinkingConfig: { thinkingBudget: 1 } } },
      undefined,
      400,
      "not enabled"
    ],
    [
      "a mode without functions",
      "gemini-2.5-flash:generateContent",
      { ...hello, toolConfig: { functionCallingConfig: { mode: "ANY" } } },
      undefined,
      400,
      "without function_declarations"
    ],
    [
      "calls that are not answered one by one",
      "gemini-2.5-flash:generateContent",
      { contents: [hi, turn("model", call, call), turn("user", result)] },
      undefined,
      400,
      "number of function response parts"
    ],
    [
      "a result of no call",
      "gemini-2.5-flash:generateContent",
      { contents: [hi, turn("user", result)] },
      undefined,
      400,
      "immediately after a function call turn"
    ],
    [
      "an unsigned call of a model that signs",
      "gemini-3-pro-preview:generateContent",
      { contents: [hi, turn("model", call), turn("user", result)] },
      undefined,
      400,
      "thought_signature"
    ]
  ])("%s", ([, method, body, headers, status, words]) =>
    Effect.gen(function* () {
      const seen = yield* ask(method, body, headers)
      expect(seen.status).toBe(status)
      expect(seen.text).toContain(words)
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("a prompt that is too long", () =>
    Effect.gen(function* () {
      const seen = yield* ask("gemini-2.5-flash:generateContent", hello)
      expect([seen.status, at(seen.json, "error", "message")]).toEqual([
        400,
        "The input token count (6) exceeds the maximum number of tokens allowed (3)."
      ])
    }).pipe(Effect.provide(simulated({ contextTokens: 3 })))
  )
})
