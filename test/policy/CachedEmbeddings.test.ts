import { describe, expect, it } from "@effect/vitest"
import { Array, Duration, Effect, FastCheck, Fiber, Layer, TestClock } from "effect"
import { type Embeddings, Ledger, LlmClient, type LlmError, Policy } from "effect-llm"
import { retryable } from "../SampleErrors.js"
import { built, inVirtualTime } from "./Watched.js"

const texts = (from: number, to: number): ReadonlyArray<string> => Array.range(from, to - 1).map((n) => `text ${n}`)
const vectorOf = (text: string): ReadonlyArray<number> => [text.length, Number(text.replace(/\D/g, "") || -1)]

/** A model whose vectors say which text they are of; a token per text; every request takes a second. */
const makeModel = () => {
  const asked: Array<Embeddings.EmbedRequest> = []
  const failures: Array<LlmError.LlmError> = []
  let cut = 0
  const client: LlmClient.Service = {
    provider: "vectors",
    model: "chat-model",
    complete: () => Effect.never,
    stream: () => {
      throw new Error("not asked for")
    },
    embed: (request) =>
      Effect.gen(function* () {
        asked.push(request)
        yield* Effect.sleep("1 second")
        const failure = failures.shift()
        if (failure !== undefined) return yield* Effect.fail(failure)
        const { input, model = "vector-model" } = request
        const usage = { inputTokens: input.length, totalTokens: input.length }
        const vectors = input.slice(cut).map(vectorOf)
        return { vectors, model, usage, cached: false, attempts: 1, latency: Duration.seconds(1) }
      })
  }
  return {
    asked,
    failures,
    layer: Layer.succeed(LlmClient.LlmClient, client),
    answerShort: () => {
      cut = 1
    }
  }
}

const watched = (options: Policy.CacheOptions = {}) =>
  Effect.gen(function* () {
    const model = makeModel()
    return { ...model, client: yield* built(model.layer.pipe(Policy.cache(options))) }
  })

describe("Policy.cache, embeddings", () => {
  it.scoped("are kept per text: of a hundred texts, ten of them new, ten are sent and paid for", () =>
    Effect.gen(function* () {
      const { asked, client } = yield* watched()
      yield* inVirtualTime(client.embed({ input: texts(0, 90) }))
      const input = [...texts(50, 100), ...texts(0, 50)]
      const answer = yield* inVirtualTime(client.embed({ input }))
      expect(asked[1]?.input).toEqual(texts(90, 100))
      expect(answer.vectors).toEqual(input.map(vectorOf))
      expect(answer).toMatchObject({ usage: { inputTokens: 10, totalTokens: 10 }, cached: false, attempts: 1 })
      expect(asked).toHaveLength(2)
    })
  )

  it.scoped("that are all there cost nothing, and say so", () =>
    Effect.gen(function* () {
      const { asked, client } = yield* watched()
      yield* inVirtualTime(client.embed({ input: ["a", "b"] }))
      const [answer, ledger] = yield* Ledger.measure(client.embed({ input: ["b", "a"] }))
      expect(answer).toMatchObject({
        vectors: [vectorOf("b"), vectorOf("a")],
        model: "vector-model",
        usage: { inputTokens: 0, totalTokens: 0 },
        cached: true,
        attempts: 0
      })
      expect(ledger.all).toMatchObject({ cached: 1, inputTokens: 0 })
      expect(asked).toHaveLength(1)
    })
  )

  it.scoped("of a text that comes twice are asked for once", () =>
    Effect.gen(function* () {
      const { asked, client } = yield* watched()
      const { vectors } = yield* inVirtualTime(client.embed({ input: ["a", "bb", "a"] }))
      expect(asked.map(({ input }) => input)).toEqual([["a", "bb"]])
      expect(vectors).toEqual([vectorOf("a"), vectorOf("bb"), vectorOf("a")])
    })
  )

  it.scoped("of another model, other dimensions, options or namespace are others", () =>
    Effect.gen(function* () {
      const { asked, client } = yield* watched()
      const others: ReadonlyArray<Partial<Embeddings.EmbedRequest>> = [
        {},
        { model: "other" },
        { dimensions: 4 },
        { providerOptions: { user: "1" } },
        { cacheControl: { namespace: "tenant" } },
        { cacheControl: { mode: "bypass" } },
        { cacheControl: { mode: "refresh" } }
      ]
      for (const other of others) yield* inVirtualTime(client.embed({ input: ["a"], ...other }))
      expect(asked).toHaveLength(others.length)
    })
  )

  it.scoped("of equal requests at the same time are one call, which one of them paid for", () =>
    Effect.gen(function* () {
      const { asked, client } = yield* watched()
      const answers = yield* inVirtualTime(
        Effect.forEach(Array.range(1, 50), () => client.embed({ input: texts(0, 5) }), { concurrency: "unbounded" })
      )
      expect(asked).toHaveLength(1)
      expect(answers.filter(({ cached }) => !cached)).toHaveLength(1)
      for (const { vectors } of answers) expect(vectors).toEqual(texts(0, 5).map(vectorOf))
    })
  )

  it.scoped("that another request is waiting for are waited for, and the rest is asked for", () =>
    Effect.gen(function* () {
      const { asked, client } = yield* watched()
      const first = yield* Effect.fork(client.embed({ input: texts(0, 6) }))
      yield* TestClock.adjust("500 millis")
      const second = yield* Effect.fork(client.embed({ input: texts(4, 10) }))
      yield* TestClock.adjust("2 seconds")
      expect(asked.map(({ input }) => input)).toEqual([texts(0, 6), texts(6, 10)])
      expect((yield* Fiber.join(first)).usage.inputTokens).toBe(6)
      expect(yield* Fiber.join(second)).toMatchObject({
        vectors: texts(4, 10).map(vectorOf),
        usage: { inputTokens: 4 },
        cached: false
      })
    })
  )

  it.scoped("of a caller that leaves are still brought to those who wait for them", () =>
    Effect.gen(function* () {
      const { asked, client } = yield* watched()
      const leaving = yield* Effect.fork(client.embed({ input: texts(0, 6) }))
      yield* TestClock.adjust("500 millis")
      const staying = yield* Effect.fork(client.embed({ input: texts(4, 6) }))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.interrupt(leaving)
      yield* TestClock.adjust("1 second")
      expect((yield* Fiber.join(staying)).vectors).toEqual(texts(4, 6).map(vectorOf))
      expect(asked).toHaveLength(1)
    })
  )

  it.scoped("that failed are kept for nobody", () =>
    Effect.gen(function* () {
      const { asked, client, failures } = yield* watched()
      failures.push(retryable.ServerFailed)
      const request: Embeddings.EmbedRequest = { input: texts(0, 3) }
      const errors = yield* inVirtualTime(
        Effect.forEach([1, 2, 3], () => Effect.flip(client.embed(request)), { concurrency: "unbounded" })
      )
      expect(new Set(errors)).toEqual(new Set([retryable.ServerFailed]))
      expect((yield* inVirtualTime(client.embed(request))).vectors).toHaveLength(3)
      expect(asked).toHaveLength(2)
    })
  )

  it.scoped("that are fewer than the texts are no answer, and are not kept", () =>
    Effect.gen(function* () {
      const { answerShort, client } = yield* watched()
      answerShort()
      const error = yield* inVirtualTime(Effect.flip(client.embed({ input: ["a", "b"] })))
      expect(error).toMatchObject({ _tag: "MalformedResponse", provider: "vectors" })
    })
  )

  it.scoped("of nothing, or of an empty text, are asked for as the request stands", () =>
    Effect.gen(function* () {
      const { asked, client } = yield* watched()
      yield* inVirtualTime(client.embed({ input: ["a"] }))
      for (const input of [[], ["a", ""]]) yield* inVirtualTime(client.embed({ input }))
      expect(asked.map(({ input }) => input)).toEqual([["a"], [], ["a", ""]])
    })
  )

  it.scoped("are kept for their time to live", () =>
    Effect.gen(function* () {
      const { asked, client } = yield* watched({ timeToLive: "2 days" })
      yield* inVirtualTime(client.embed({ input: ["a"] }))
      yield* inVirtualTime(client.embed({ input: ["a", "b"] }))
      yield* TestClock.adjust("1 day")
      yield* inVirtualTime(client.embed({ input: ["a", "b"] }))
      expect(asked.map(({ input }) => input)).toEqual([["a"], ["b"], ["a"]])
    })
  )

  const requests = FastCheck.array(
    FastCheck.array(FastCheck.constantFrom("a", "b", "c", "dd", "eee", "ffff"), { minLength: 1, maxLength: 8 }),
    { minLength: 1, maxLength: 6 }
  )
  it.scoped.prop("come in the order of the texts, and no text is paid for twice", [requests], ([inputs]) =>
    Effect.gen(function* () {
      const { asked, client } = yield* watched()
      const answers = yield* inVirtualTime(
        Effect.forEach(inputs, (input) => client.embed({ input }), { concurrency: 3 })
      )
      for (const [i, { vectors }] of answers.entries()) expect(vectors).toEqual((inputs[i] ?? []).map(vectorOf))
      const sent = asked.flatMap(({ input }) => input)
      expect(sent).toHaveLength(new Set(inputs.flat()).size)
      const paid = answers.reduce((sum, { usage }) => sum + (usage.inputTokens ?? 0), 0)
      expect(paid).toBe(sent.length)
    })
  )
})
