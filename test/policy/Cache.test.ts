import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Duration, Effect, FastCheck, Stream, TestClock } from "effect"
import { ChatRequest, type Embeddings, type LlmClient, Policy, type Prompt, StreamPart } from "effect-llm"
import type { MockLlm } from "effect-llm/testing"
import { retryable, terminal } from "../SampleErrors.js"
import { behind, inVirtualTime, seen } from "./Watched.js"

const request = ChatRequest.make("Hello")
const cached = Policy.cache()
const slow: MockLlm.Reply = { reasoning: "Hm.", text: ["One ", "two"], delay: "1 second", partDelay: "1 second" }

const collected = (client: LlmClient.Service, request: ChatRequest.ChatRequest) =>
  StreamPart.collect(client.stream(request))

describe("Policy.cache", () => {
  it.scoped("answers again without a call", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, slow)
      const first = yield* inVirtualTime(client.complete(request))
      const again = yield* client.complete(ChatRequest.make("Hello"))
      expect(first).toMatchObject({ cached: false, attempts: 1, latency: Duration.seconds(1) })
      expect(again).toEqual({ ...first, cached: true, attempts: 0, latency: Duration.zero })
      expect(mock.starts).toHaveLength(1)
    })
  )

  it.scoped("replays a stream as a stream", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, slow)
      const first = yield* inVirtualTime(collected(client, request))
      const { error, parts } = yield* seen(client.stream(request))
      expect(error).toBeUndefined()
      expect(parts.map((part) => part._tag)).toEqual(["ReasoningDelta", "TextDelta", "Finish"])
      expect(yield* StreamPart.collect(Stream.fromIterable(parts))).toEqual({
        ...first,
        cached: true,
        attempts: 0,
        latency: Duration.zero
      })
      expect(mock.starts).toHaveLength(1)
    })
  )

  it.scoped("answers embeddings again without a call", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, "")
      const asked: Embeddings.EmbedRequest = { input: ["a", "b"] }
      const first = yield* client.embed(asked)
      expect(yield* client.embed({ ...asked, metadata: { user: 1 } })).toEqual({ ...first, cached: true, attempts: 0 })
      const others: ReadonlyArray<Embeddings.EmbedRequest> = [
        { input: ["b", "a"] },
        { input: ["a", "b"], dimensions: 4 },
        { input: ["a", "b"], model: "other" },
        { input: ["a", "b"], providerOptions: { user: "1" } },
        { input: ["a", "b"], cacheControl: { mode: "bypass" } }
      ]
      for (const other of others) expect((yield* client.embed(other)).cached).toBe(false)
      expect(mock.starts).toHaveLength(1 + others.length)
    })
  )

  const kinds = {
    complete: (client: LlmClient.Service) => client.complete(request),
    stream: (client: LlmClient.Service) => collected(client, request)
  }
  for (const [from, to] of [
    ["complete", "stream"],
    ["stream", "complete"]
  ] as const) {
    it.scoped(`answers ${to} with what ${from} was told`, () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(cached, slow)
        const first = yield* inVirtualTime(kinds[from](client))
        const again = yield* kinds[to](client)
        expect(again).toEqual({ ...first, cached: true, attempts: 0, latency: Duration.zero })
        expect(mock.starts).toHaveLength(1)
      })
    )
  }

  it.scoped("keeps no failure", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, [
        terminal.InvalidRequest,
        retryable.ServerFailed,
        { text: "Hal", error: retryable.Overloaded },
        "Hi"
      ])
      expect(yield* Effect.flip(client.complete(request))).toBe(terminal.InvalidRequest)
      expect((yield* seen(client.stream(request))).error).toBe(retryable.ServerFailed)
      expect((yield* seen(client.stream(request))).error).toMatchObject({ _tag: "StreamInterrupted", text: "Hal" })
      expect(yield* client.complete(request)).toMatchObject({ text: "Hi", cached: false })
      expect(mock.starts).toHaveLength(4)
    })
  )

  it.scoped("keeps no stream that was left early", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, slow)
      yield* inVirtualTime(Stream.runDrain(Stream.take(client.stream(request), 1)))
      expect(mock).toMatchObject({ left: 1, inFlight: 0 })
      expect((yield* inVirtualTime(client.complete(request))).cached).toBe(false)
    })
  )

  it.scoped("belongs to one layer", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* behind(cached, "a"), yield* behind(cached, "b")]
      yield* first.client.complete(request)
      expect(yield* second.client.complete(request)).toMatchObject({ text: "b", cached: false })
    })
  )
})

describe("Policy.cache, the key", () => {
  const tool = { name: "look_up", parameters: { type: "object" } }
  const full: ChatRequest.ChatRequest = {
    prompt: request.prompt,
    model: "a",
    temperature: 0.5,
    topP: 0.5,
    maxTokens: 10,
    stop: ["a"],
    seed: 1,
    frequencyPenalty: 0.5,
    presencePenalty: 0.5,
    reasoningEffort: "low",
    tools: [tool],
    toolChoice: "auto",
    responseFormat: { _tag: "Json" },
    providerOptions: { a: { b: 1, c: 2 } }
  }
  // The types see to it that a new field of a request is thought of here.
  const others: Required<Omit<ChatRequest.ChatRequest, "metadata" | "cacheControl" | "idempotencyKey">> = {
    prompt: [{ role: "system", content: request.prompt[0]?.content ?? [] }],
    model: "b",
    temperature: 0.6,
    topP: 0.6,
    maxTokens: 11,
    stop: ["a", "b"],
    seed: 2,
    frequencyPenalty: 0.6,
    presencePenalty: 0.6,
    reasoningEffort: "high",
    tools: [{ ...tool, strict: true }],
    toolChoice: "none",
    responseFormat: { _tag: "Text" },
    providerOptions: { a: { b: 2, c: 1 } }
  }
  for (const [field, value] of Object.entries(others)) {
    it.scoped(`tells apart requests that differ in ${field}`, () =>
      Effect.gen(function* () {
        const { client, mock } = yield* behind(cached, "Hi")
        yield* client.complete(full)
        yield* client.complete({ ...full, [field]: value })
        if (field !== "prompt") yield* client.complete({ ...full, [field]: undefined })
        expect(mock.starts).toHaveLength(field === "prompt" ? 2 : 3)
      })
    )
  }

  it.scoped("takes no notice of what is not sent, of undefined fields and of the order of keys", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, "Hi")
      yield* client.complete(full)
      const { prompt, ...settings } = full
      const same: ReadonlyArray<ChatRequest.ChatRequest> = [
        { ...full, metadata: { user: 1 } },
        { ...full, idempotencyKey: "call-1" },
        { ...full, cacheControl: { timeToLive: Duration.hours(1) } },
        { ...settings, prompt },
        { ...full, providerOptions: { a: { c: 2, b: 1 } } },
        { ...full, providerOptions: { nothing: undefined, a: { b: 1, c: 2 } } }
      ]
      for (const other of same) expect((yield* client.complete(other)).cached).toBe(true)
      yield* client.complete(request)
      expect((yield* client.complete({ ...request, model: undefined, stop: undefined })).cached).toBe(true)
      expect(mock.starts).toHaveLength(2)
    })
  )

  it.scoped("is of the client's own model where a request names none", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(cached, "Hi")
      yield* client.complete(request)
      expect((yield* client.complete({ ...request, model: "mock-model" })).cached).toBe(true)
      expect((yield* client.complete({ ...request, model: "other" })).cached).toBe(false)
    })
  )

  it.scoped("does not exist for what JSON cannot hold: every such request is a call", () =>
    Effect.gen(function* () {
      const circle: Record<string, unknown> = {}
      circle["self"] = circle
      const { client, mock } = yield* behind(cached, "Hi")
      for (const providerOptions of [{ big: 1n }, circle]) {
        mock.starts.length = 0
        for (const _ of [1, 2]) {
          expect((yield* client.complete({ ...request, providerOptions })).cached).toBe(false)
          expect((yield* seen(client.stream({ ...request, providerOptions }))).error).toBeUndefined()
        }
        expect(mock.starts).toHaveLength(4)
      }
    })
  )

  const prompt: FastCheck.Arbitrary<Prompt.Prompt> = FastCheck.string({ minLength: 1 }).map(
    (text) => ChatRequest.make(text).prompt
  )
  const settings = FastCheck.record({
    temperature: FastCheck.constantFrom(0, 0.5, undefined),
    stop: FastCheck.constantFrom(["a"], ["a", "b"], undefined),
    responseFormat: FastCheck.option(Arbitrary.make(ChatRequest.ResponseFormat), { nil: undefined }),
    providerOptions: FastCheck.option(FastCheck.dictionary(FastCheck.string(), FastCheck.jsonValue()), {
      nil: undefined
    })
  })

  it.scoped.prop("finds a request by a copy of it that came over the wire", [prompt, settings], ([prompt, settings]) =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, "Hi")
      const asked: ChatRequest.ChatRequest = { prompt, ...settings }
      const sent = JSON.stringify(asked)
      const copy: ChatRequest.ChatRequest = JSON.parse(sent)
      yield* client.complete(copy)
      expect((yield* client.complete(JSON.parse(sent))).cached).toBe(true)
      expect(mock.starts).toHaveLength(1)
    })
  )
})

describe("Policy.cache, what it keeps", () => {
  const isKept = (client: LlmClient.Service, request: ChatRequest.ChatRequest) =>
    Effect.map(client.complete(request), (answer) => answer.cached)

  it.scoped("for its time to live and not a millisecond longer", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(Policy.cache({ timeToLive: "1 minute" }), "Hi")
      yield* client.complete(request)
      yield* TestClock.adjust("59999 millis")
      expect(yield* isKept(client, request)).toBe(true)
      yield* TestClock.adjust("1 millis")
      expect(yield* isKept(client, request)).toBe(false)
    })
  )

  it.scoped("for as long as the layer lives where nothing is said", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(cached, "Hi")
      yield* client.complete(request)
      yield* TestClock.adjust("10000 days")
      expect(yield* isKept(client, request)).toBe(true)
    })
  )

  it.scoped("for the time that the request says", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(Policy.cache({ timeToLive: "1 minute" }), "Hi")
      const long = ChatRequest.make({ prompt: "long", cacheControl: { timeToLive: Duration.hours(1) } })
      const short = ChatRequest.make({ prompt: "short", cacheControl: { timeToLive: Duration.seconds(1) } })
      yield* client.complete(long)
      yield* client.complete(short)
      yield* TestClock.adjust("1 seconds")
      expect([yield* isKept(client, long), yield* isKept(client, short)]).toEqual([true, false])
      yield* TestClock.adjust("3598999 millis")
      expect(yield* isKept(client, long)).toBe(true)
      yield* TestClock.adjust("1 millis")
      expect(yield* isKept(client, long)).toBe(false)
    })
  )

  it.scoped("up to its capacity: the least recently used leave first", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.cache({ capacity: 2 }), "Hi")
      const [a, b, c] = [ChatRequest.make("a"), ChatRequest.make("b"), ChatRequest.make("c")] as const
      yield* client.complete(a)
      yield* client.complete(b)
      expect(yield* isKept(client, a)).toBe(true)
      yield* client.complete(c)
      expect(yield* isKept(client, a)).toBe(true)
      expect(yield* isKept(client, b)).toBe(false)
      expect(mock.starts).toHaveLength(4)
    })
  )

  it.scoped("not for a request that bypasses it, which it does not answer either", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cached, ["a", "b", "c", "d"])
      const bypass = ChatRequest.make({ prompt: "Hello", cacheControl: { mode: "bypass" } })
      expect(yield* client.complete(bypass)).toMatchObject({ text: "a", cached: false })
      expect(yield* client.complete(request)).toMatchObject({ text: "b", cached: false })
      expect(yield* client.complete(bypass)).toMatchObject({ text: "c", cached: false })
      expect(yield* collected(client, bypass)).toMatchObject({ text: "d", cached: false })
      expect(yield* client.complete(request)).toMatchObject({ text: "b", cached: true })
      expect(mock.starts).toHaveLength(4)
    })
  )

  it.scoped("anew for a request that refreshes it", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(cached, ["a", "b", "c"])
      const refresh = ChatRequest.make({ prompt: "Hello", cacheControl: { mode: "refresh" } })
      yield* client.complete(request)
      expect(yield* client.complete(refresh)).toMatchObject({ text: "b", cached: false })
      expect(yield* collected(client, refresh)).toMatchObject({ text: "c", cached: false })
      expect(yield* client.complete(request)).toMatchObject({ text: "c", cached: true })
    })
  )

  const wrong: ReadonlyArray<readonly [Policy.CacheOptions, string]> = [
    [{ capacity: 0 }, "cache.capacity"],
    [{ capacity: 2.5 }, "cache.capacity"],
    [{ timeToLive: 0 }, "cache.timeToLive"],
    [{ timeToLive: -1 }, "cache.timeToLive"]
  ]
  for (const [options, path] of wrong) {
    it.scoped(`is a ConfigError with ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(behind(Policy.cache(options), "Hi"))).toMatchObject({
          _op: "InvalidData",
          path: [path]
        })
      })
    )
  }
})
