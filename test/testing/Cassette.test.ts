/** Traffic of whole providers, recorded over HTTP from a server and replayed when there is none. */
import { HttpClientRequest } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Context, Duration, Effect, Either, Layer, Redacted, Stream } from "effect"
import {
  Anthropic,
  type Completion,
  Gemini,
  LlmClient,
  LlmError,
  OpenAi,
  Policy,
  RetryPolicy,
  StreamPart,
  Zhipu
} from "effect-llm"
import { Cassette, Fault, Simulator } from "effect-llm/testing"
import { canary, httpClients, type ProviderOn } from "../worlds.js"
import { newFile, onlyAnswer, post, readsOf, tapeOf, textOf, withTape } from "./cassette/Tapes.js"

const key = `id.${canary}`

const providers: Readonly<Record<string, { readonly on: ProviderOn; readonly embeds: boolean }>> = {
  OpenAi: {
    on: (baseUrl, key) => OpenAi.layer({ apiKey: Redacted.make(key), baseUrl, model: "gpt-4.1-mini" }),
    embeds: true
  },
  Anthropic: {
    on: (url, key) =>
      Anthropic.layer({ apiKey: Redacted.make(key), baseUrl: new URL(url).origin, model: "claude-sonnet-4-5" }),
    embeds: false
  },
  Gemini: {
    on: (url, key) =>
      Gemini.layer({ apiKey: Redacted.make(key), baseUrl: new URL(url).origin, model: "gemini-2.5-flash" }),
    embeds: true
  },
  Zhipu: {
    on: (url, key) =>
      Zhipu.layer({ apiKey: Redacted.make(key), baseUrl: new URL("/api/paas/v4", url).href, model: "glm-4.6" }),
    embeds: true
  }
}

/** Without what a clock says. */
const timeless = <A extends { readonly latency: Duration.Duration }>(value: A): A => ({
  ...value,
  latency: Duration.zero
})

const calls = (embeds: boolean) =>
  Effect.gen(function* () {
    const whole = yield* LlmClient.complete("Tell me of the lighthouse, café and 灯台.")
    const parts = yield* Stream.runCollect(LlmClient.stream("Tell me of the lighthouse, café and 灯台."))
    const streamed = yield* StreamPart.collect(Stream.fromChunk(parts))
    const embedded = embeds ? yield* LlmClient.embed(["river", "lake"]) : undefined
    return {
      whole: timeless(whole),
      streamed: timeless<Completion.Completion>(streamed),
      parts: Chunk.toReadonlyArray(parts).map((part) => (part._tag === "Finish" ? timeless(part) : part)),
      embedded: embedded === undefined ? undefined : timeless(embedded)
    }
  })

describe("what a provider gets from a tape is what it got from the server", () => {
  for (const [httpName, http] of Object.entries(httpClients)) {
    for (const [name, { embeds, on }] of Object.entries(providers)) {
      it.scoped(`${name} over ${httpName}`, () =>
        Effect.gen(function* () {
          const file = yield* newFile
          let url = ""
          const recorded = yield* Effect.scoped(
            Effect.gen(function* () {
              const simulator = Context.get(
                yield* Layer.build(Simulator.layer({ apiKey: key, flushEach: true })),
                Simulator.Simulator
              )
              url = simulator.url
              return yield* calls(embeds).pipe(
                Effect.provide(on(url, key)),
                Effect.provide(Cassette.layer(file, { mode: "record", http }))
              )
            })
          )
          expect(textOf(file)).not.toContain(canary)
          const replayed = yield* calls(embeds).pipe(
            Effect.zipLeft(Cassette.assertUsed),
            Effect.provide(on(url, "another.secretKey")),
            // A client that nobody may build: replaying needs no network.
            Effect.provide(Cassette.layer(file, { mode: "replay", http: Layer.die("built") }))
          )
          expect(replayed).toEqual(recorded)
          expect(recorded.parts.length).toBeGreaterThan(3)
          expect(tapeOf(file).interactions.length).toBe(embeds ? 3 : 2)
        })
      )
    }
  }
})

describe("the reads of a stream have the borders that the network gave them", () => {
  it.scoped.each(Object.entries(httpClients))("over %s", ([, http]) =>
    Effect.gen(function* () {
      const file = yield* newFile
      const simulator = Context.get(yield* Layer.build(Simulator.layer({ flushEach: true })), Simulator.Simulator)
      const request = HttpClientRequest.bearerToken(
        post(
          { model: "gpt-4.1-mini", stream: true, messages: [{ role: "user", content: "灯台" }] },
          `${simulator.url}/chat/completions`
        ),
        canary
      )
      const recorded = yield* readsOf(request).pipe(withTape(file, { mode: "record", http }))
      const replayed = yield* readsOf(request).pipe(withTape(file, { mode: "replay" }))
      expect(recorded.length).toBeGreaterThan(3)
      expect(replayed.map((read) => [...read])).toEqual(recorded.map((read) => [...read]))
      expect(onlyAnswer(file).end).toBeUndefined()
    })
  )
})

/** Runs calls of OpenAI over HTTP while they are recorded, and again from the tape; gives both outcomes. */
const twice = <A, E>(
  calls: Effect.Effect<A, E, LlmClient.LlmClient>,
  faults: ReadonlyArray<Fault.Fault>,
  policy: Policy.Policy<never> = (layer) => layer,
  replayed: typeof calls = calls
) =>
  Effect.gen(function* () {
    const file = yield* newFile
    const simulator = Context.get(
      yield* Layer.build(Simulator.layer({ flushEach: true, answer: () => "One two three four five." })),
      Simulator.Simulator
    )
    yield* simulator.inject(...faults)
    const openAi = Layer.orDie(
      OpenAi.layer({ apiKey: Redacted.make(canary), baseUrl: simulator.url, model: "gpt-4.1-mini" })
    )
    const outcome = (mode: Cassette.Mode, program: typeof calls) =>
      Effect.either(program).pipe(
        Effect.provide(policy(openAi)),
        Effect.provide(Cassette.layer(file, { mode, http: httpClients["effect-llm/node"] }))
      )
    return { recorded: yield* outcome("record", calls), replayed: yield* outcome("replay", replayed), file }
  })

const ask = Effect.map(LlmClient.complete("Count."), timeless)
const stream = Effect.map(StreamPart.collect(LlmClient.stream("Count.")), timeless)

describe("what went wrong goes wrong again", () => {
  const table: ReadonlyArray<readonly [name: string, fault: Fault.Fault, call: typeof ask, tag: LlmError.Tag]> = [
    ["a status", Fault.status(503), ask, "Overloaded"],
    ["a reset before headers", Fault.resetBeforeHeaders, ask, "ConnectionFailed"],
    ["a stream that breaks", Fault.cut({ afterTokens: 2, ending: "abrupt" }), stream, "StreamInterrupted"],
    ["a stream that just ends", Fault.cut({ afterTokens: 2, ending: "clean" }), stream, "StreamInterrupted"],
    ["an error within a stream", Fault.errorEvent({ afterTokens: 2 }), stream, "StreamInterrupted"],
    ["a page with status 200", Fault.htmlPage, ask, "MalformedResponse"]
  ]
  it.scoped.each([...table])("%s", ([, fault, call, tag]) =>
    Effect.gen(function* () {
      const { recorded, replayed } = yield* twice(call, [fault])
      expect(Either.flip(recorded)).toMatchObject({ right: { _tag: tag } })
      expect(replayed).toEqual(recorded)
    })
  )

  it.scopedLive("and is mended again by the same retries", () =>
    Effect.gen(function* () {
      const retried = Policy.retry(RetryPolicy.exponential({ base: "1 millis" }))
      const { file, recorded, replayed } = yield* twice(ask, [Fault.status(500), Fault.resetBeforeHeaders], retried)
      expect(Either.getOrThrow(recorded).attempts).toBe(3)
      expect(replayed).toEqual(recorded)
      expect(tapeOf(file).interactions.length).toBe(3)
    })
  )
})

describe("a request that is not on the tape", () => {
  it.scoped("is a terminal error with the difference, which no policy tries again", () =>
    Effect.gen(function* () {
      const other = Effect.map(LlmClient.complete("Recount."), timeless)
      const { file, replayed } = yield* twice(ask, [], Policy.retry(RetryPolicy.standard), other)
      const error = Either.getOrThrow(Either.flip(replayed))
      expect(error).toMatchObject({ _tag: "InvalidRequest", attempts: 0 })
      expect(LlmError.isTerminal(error)).toBe(true)
      expect(error.message).toContain(file)
      expect(error.message).toMatch(/^- +"content": "Count\."/m)
      expect(error.message).toMatch(/^\+ +"content": "Recount\."/m)
      expect(error.message).toContain("CASSETTE_MODE=record")
    })
  )

  it.scoped("is so for a stream, too", () =>
    Effect.gen(function* () {
      const { replayed } = yield* twice(ask, [], undefined, stream)
      expect(Either.flip(replayed)).toMatchObject({ right: { _tag: "InvalidRequest" } })
    })
  )
})

describe("a stream that was left", () => {
  it.scoped("is on the tape as far as it was read, and says so where more is wanted", () =>
    Effect.gen(function* () {
      const first = LlmClient.streamText("Count.").pipe(
        Stream.take(2),
        Stream.runCollect,
        Effect.map(Chunk.toReadonlyArray)
      )
      const all = LlmClient.streamText("Count.").pipe(Stream.runCollect, Effect.map(Chunk.toReadonlyArray))
      const same = yield* twice(first, [])
      expect(same.replayed).toEqual(Either.right(["One", " two"]))
      expect(onlyAnswer(same.file).end).toBe("left")
      const more = yield* twice(first, [], undefined, all)
      const error = Either.getOrThrow(Either.flip(more.replayed))
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "One two" })
      expect(error.message).toContain("read to here and no further")
    })
  )
})
