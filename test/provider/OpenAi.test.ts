import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import { ChatRequest, type OpenAi } from "effect-llm"
import * as HttpStub from "./HttpStub.js"

const request = ChatRequest.make("Hi")

const vectors = { data: [{ index: 0, embedding: [1, 2] }], model: "text-embedding-3-small" }

/** A provider that answers everything it is asked. */
const answering = (): HttpStub.Stub =>
  HttpStub.make(({ text, url }) =>
    url.includes("/embeddings")
      ? HttpStub.json(vectors)
      : text.includes('"stream":true')
        ? HttpStub.events(HttpStub.frames(HttpStub.chunk({ content: "Hello" }, "stop"), "[DONE]"))
        : HttpStub.json(HttpStub.answer())
  )

/** What goes out for one call of each kind. */
const sentFor = (options: Partial<OpenAi.Options> = {}, settings: ChatRequest.Settings = {}) =>
  Effect.gen(function* () {
    const stub = answering()
    const client = yield* HttpStub.openAi(stub, options)
    yield* client.complete({ ...request, ...settings })
    yield* Stream.runDrain(client.stream({ ...request, ...settings }))
    yield* client.embed({ input: ["a"] })
    return stub.sent
  })

const bodies = (sent: ReadonlyArray<HttpStub.Sent>): ReadonlyArray<unknown> =>
  sent.map((one): unknown => JSON.parse(one.text))

describe("calls to OpenAI", () => {
  it.effect("bear the request's idempotency key in a header, and nowhere else", () =>
    Effect.gen(function* () {
      const sent = yield* sentFor({}, { idempotencyKey: "call-1" })
      expect(sent.map((one) => one.headers["idempotency-key"])).toEqual(["call-1", "call-1", undefined])
      expect(sent.map((one) => one.text).join()).not.toContain("call-1")
      expect((yield* sentFor()).map((one) => one.headers["idempotency-key"])).toEqual([undefined, undefined, undefined])
    })
  )

  it.effect.each(["", "a b", "a\r\nx: y", "é", "a".repeat(256)])("are not made with the idempotency key %j", (key) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(sentFor({}, { idempotencyKey: key }))
      expect(error).toMatchObject({ _tag: "InvalidRequest", param: "idempotencyKey", outcome: "not-sent" })
    })
  )

  it.effect("are posted to the operation's own URL", () =>
    Effect.gen(function* () {
      const sent = yield* sentFor()
      expect(sent.map((one) => [one.method, one.url])).toEqual([
        ["POST", "https://api.openai.com/v1/chat/completions"],
        ["POST", "https://api.openai.com/v1/chat/completions"],
        ["POST", "https://api.openai.com/v1/embeddings"]
      ])
    })
  )

  it.effect.each([
    "https://llm.example/v1",
    "https://llm.example/v1/",
    "https://llm.example/v1//",
    " https://llm.example/v1\n",
    "HTTPS://LLM.example:443/v1"
  ])("stand under the base URL %j", (baseUrl) =>
    Effect.gen(function* () {
      const sent = yield* sentFor({ baseUrl })
      expect(sent.map((one) => one.url)).toEqual([
        "https://llm.example/v1/chat/completions",
        "https://llm.example/v1/chat/completions",
        "https://llm.example/v1/embeddings"
      ])
    })
  )

  it.effect("carry the key as a bearer, and nothing of organizations that are not named", () =>
    Effect.gen(function* () {
      for (const { headers } of yield* sentFor()) {
        expect(headers["authorization"]).toBe(`Bearer ${HttpStub.key}`)
        expect(headers["content-type"]).toBe("application/json")
        expect(headers["accept"]).toBe("application/json")
        expect(headers).not.toHaveProperty("openai-organization")
        expect(headers).not.toHaveProperty("openai-project")
      }
    })
  )

  it.effect("carry organization, project and extra headers; none of these replaces the key", () =>
    Effect.gen(function* () {
      const headers = { "X-Team": "blue", Authorization: "Bearer other", authorization: "Bearer another" }
      for (const one of yield* sentFor({ organization: "org-1", project: "proj-1", headers })) {
        expect(one.headers).toMatchObject({
          authorization: `Bearer ${HttpStub.key}`,
          "openai-organization": "org-1",
          "openai-project": "proj-1",
          "x-team": "blue"
        })
      }
    })
  )

  it.effect("name the model of the options, or that of the request", () =>
    Effect.gen(function* () {
      expect(bodies(yield* sentFor()).map((body) => Reflect.get(Object(body), "model"))).toEqual([
        "gpt-4.1-mini",
        "gpt-4.1-mini",
        "text-embedding-3-small"
      ])
      const sent = yield* sentFor({ model: "a", embeddingModel: "b" }, { model: "c" })
      expect(bodies(sent).map((body) => Reflect.get(Object(body), "model"))).toEqual(["c", "c", "b"])
    })
  )

  it.effect("have the defaults of the options where the request says nothing itself", () =>
    Effect.gen(function* () {
      const defaults: ChatRequest.Settings = { temperature: 0.1, seed: 7, metadata: { a: 1 } }
      const [whole, streamed] = bodies(yield* sentFor({ defaults }, { temperature: 0.9 }))
      expect(whole).toEqual({
        model: "gpt-4.1-mini",
        messages: [{ role: "user", content: "Hi" }],
        temperature: 0.9,
        seed: 7
      })
      expect(streamed).toMatchObject({
        temperature: 0.9,
        seed: 7,
        stream: true,
        stream_options: { include_usage: true }
      })
    })
  )

  it.effect("are made by the model of the defaults where neither says another", () =>
    Effect.gen(function* () {
      const [whole] = bodies(yield* sentFor({ defaults: { model: "gpt-4.1-nano" } }))
      expect(whole).toMatchObject({ model: "gpt-4.1-nano" })
    })
  )
})

describe("reasoning models", () => {
  const settings: ChatRequest.Settings = { temperature: 0.2, maxTokens: 64 }

  it.effect.each([
    "o1",
    "o1-preview",
    "o3-mini",
    "o4-mini-2025-04-16",
    "gpt-5",
    "gpt-5-mini",
    "gpt-5.1",
    "ft:o4-mini:acme::1",
    "ft:gpt-5-mini:acme::1"
  ])("%s takes max_completion_tokens and no temperature, and the answer says so", (model) =>
    Effect.gen(function* () {
      const stub = answering()
      const client = yield* HttpStub.openAi(stub, { model })
      const completion = yield* client.complete({ ...request, ...settings })
      const parts = yield* Stream.runCollect(client.stream({ ...request, ...settings }))
      expect(bodies(stub.sent)[0]).toEqual({
        model,
        messages: [{ role: "user", content: "Hi" }],
        max_completion_tokens: 64
      })
      expect(completion.warnings.map((warning) => warning.setting)).toEqual(["temperature"])
      expect([...parts].at(-1)).toMatchObject({ _tag: "Finish", warnings: completion.warnings })
    })
  )

  it.effect.each(["gpt-4.1", "gpt-4o", "gpt-5-chat-latest", "omni", "o", "ft:gpt-4.1:acme::1", "my-o3"])(
    "%s is none",
    (model) =>
      Effect.gen(function* () {
        const [whole] = bodies(yield* sentFor({ model }, settings))
        expect(whole).toMatchObject({ temperature: 0.2, max_tokens: 64 })
        expect(whole).not.toHaveProperty("max_completion_tokens")
      })
  )
})

describe("a client from options", () => {
  it.effect("says who it is", () =>
    Effect.gen(function* () {
      const client = yield* HttpStub.openAi(answering(), { model: "gpt-4o" })
      expect([client.provider, client.model]).toEqual(["openai", "gpt-4o"])
    })
  )

  it.effect("sends nothing when it is built", () =>
    Effect.gen(function* () {
      const stub = answering()
      yield* HttpStub.openAi(stub, { apiKey: Redacted.make("none") })
      expect(stub.sent).toEqual([])
    })
  )
})
