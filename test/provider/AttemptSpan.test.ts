import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Inspectable, Option, Stream } from "effect"
import { ChatRequest, type LlmClient } from "effect-llm"
import { attributesOf, type TestSpan, tracing } from "../TestTracer.js"
import * as HttpStub from "./HttpStub.js"

const { chunk, events, frames, json, reads } = HttpStub

const request = ChatRequest.make("Tell me a secret")

/** The spans of what is done with a client. */
const spansOf = <A, E>(
  answer: HttpStub.Answer,
  use: (client: LlmClient.Service) => Effect.Effect<A, E>
): Effect.Effect<ReadonlyArray<TestSpan>> =>
  Effect.gen(function* () {
    const { spans, tracer } = tracing()
    const client = yield* Effect.orDie(HttpStub.openAi(HttpStub.make(answer)))
    yield* Effect.exit(use(client)).pipe(Effect.withTracer(tracer))
    return spans
  })

const whole = (): Response => json(HttpStub.answer())

const stream = (): Response =>
  events(
    frames(
      chunk({ content: "Hello" }, "stop"),
      { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } },
      "[DONE]"
    )
  )

const chatAttributes = {
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "openai",
  "gen_ai.request.model": "gpt-4.1-mini",
  "effect_llm.attempt": 1,
  "gen_ai.response.model": "gpt-4.1-mini-2025-04-14",
  "gen_ai.response.id": "chatcmpl-1",
  "gen_ai.response.finish_reasons": ["stop"],
  "gen_ai.usage.input_tokens": 3,
  "gen_ai.usage.output_tokens": 2
}

describe("with a tracer", () => {
  it.effect("a whole answer is one span in OpenTelemetry's names, with none of the HTTP client's beside it", () =>
    Effect.gen(function* () {
      const [span, ...others] = yield* spansOf(whole, (client) => client.complete(request))
      expect(others).toEqual([])
      expect([span?.name, span?.kind, span?.ends]).toEqual(["chat gpt-4.1-mini", "client", 1])
      expect(attributesOf(span)).toEqual(chatAttributes)
      expect(span?.exit && Exit.isSuccess(span.exit)).toBe(true)
    })
  )

  it.effect("a stream is one span, which ends when the stream does", () =>
    Effect.gen(function* () {
      const { spans, tracer } = tracing()
      const client = yield* HttpStub.openAi(HttpStub.make(stream))
      const endsAtFinish: Array<number | undefined> = []
      yield* client.stream(request).pipe(
        Stream.runForEach((part) =>
          Effect.sync(() => {
            if (part._tag !== "Finish") endsAtFinish.push(spans[0]?.ends)
          })
        ),
        Effect.withTracer(tracer)
      )
      expect(endsAtFinish).toEqual([0])
      expect(spans).toHaveLength(1)
      expect([spans[0]?.name, spans[0]?.ends]).toEqual(["chat gpt-4.1-mini", 1])
      expect(attributesOf(spans[0])).toEqual(chatAttributes)
    })
  )

  it.effect("a stream that is left early ends its span", () =>
    Effect.gen(function* () {
      const open: HttpStub.Answer = () => events(reads([frames(chunk({ content: "Hel" }))], "open"))
      const [span, ...others] = yield* spansOf(open, (client) =>
        Stream.runDrain(Stream.take(client.stream(request), 1))
      )
      expect(others).toEqual([])
      expect(span?.ends).toBe(1)
    })
  )

  it.effect.each(["complete", "stream"] as const)(
    "%s that is interrupted before its answer comes ends its span",
    (kind) =>
      Effect.gen(function* () {
        const asked = yield* Deferred.make<void>()
        const spans = yield* spansOf(
          () => Effect.zipRight(Deferred.succeed(asked, undefined), Effect.never),
          (client) =>
            Effect.gen(function* () {
              const fiber = yield* Effect.fork(
                kind === "complete" ? client.complete(request) : Stream.runDrain(client.stream(request))
              )
              yield* Deferred.await(asked)
              yield* Fiber.interrupt(fiber)
            })
        )
        expect(spans.map((span) => span.ends)).toEqual([1])
        expect(spans[0]?.exit && Exit.isInterrupted(spans[0].exit)).toBe(true)
      })
  )

  it.effect("embeddings are a span per request", () =>
    Effect.gen(function* () {
      const vectors: HttpStub.Answer = () =>
        json({ model: "e-1", data: [{ embedding: [1] }], usage: { prompt_tokens: 3 } })
      const [span, ...others] = yield* spansOf(vectors, (client) => client.embed({ input: ["a"], model: "e" }))
      expect(others).toEqual([])
      expect(span?.name).toBe("embeddings e")
      expect(attributesOf(span)).toEqual({
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "e",
        "effect_llm.attempt": 1,
        "gen_ai.response.model": "e-1",
        "gen_ai.usage.input_tokens": 3
      })
    })
  )

  it.effect("every attempt has its own, below the span around the call", () =>
    Effect.gen(function* () {
      const spans = yield* spansOf(whole, (client) =>
        Effect.withSpan(Effect.zip(client.complete(request), client.complete({ ...request, model: "gpt-4o" })), "outer")
      )
      expect(spans.map((span) => span.name)).toEqual(["outer", "chat gpt-4.1-mini", "chat gpt-4o"])
      expect(spans.slice(1).map((span) => Option.map(span.parent, (parent) => parent.spanId))).toEqual([
        Option.some("span-0"),
        Option.some("span-0")
      ])
    })
  )

  const failing: HttpStub.Answer = () => json({ error: { message: `wrong key ${HttpStub.key}` } }, { status: 401 })

  it.effect.each<readonly [string, (client: LlmClient.Service) => Effect.Effect<unknown, unknown>]>([
    ["complete", (client) => client.complete(request)],
    ["stream", (client) => Stream.runDrain(client.stream(request))],
    ["embed", (client) => client.embed({ input: ["a"] })]
  ])("a failure of %s says its tag and its status, and nothing secret", ([, use]) =>
    Effect.gen(function* () {
      const [span, ...others] = yield* spansOf(failing, use)
      expect(others).toEqual([])
      expect(attributesOf(span)).toMatchObject({
        "error.type": "AuthenticationFailed",
        "http.response.status_code": 401
      })
      expect([span?.ends, span?.exit && Exit.isFailure(span.exit)]).toEqual([1, true])
      expect(wordsOf(span)).not.toContain(HttpStub.key)
      expect(wordsOf(span)).not.toContain("Tell me a secret")
    })
  )

  it.effect("a failure in the middle of a stream says its tag, and nothing secret", () =>
    Effect.gen(function* () {
      const breaking: HttpStub.Answer = () =>
        events(
          frames(chunk({ content: "Hel" }), {
            error: { message: `overloaded ${HttpStub.key}`, type: "overloaded_error" }
          })
        )
      const [span] = yield* spansOf(breaking, (client) => Stream.runDrain(client.stream(request)))
      expect(attributesOf(span)).toMatchObject({ "error.type": "StreamInterrupted" })
      expect([span?.ends, span?.exit && Exit.isFailure(span.exit)]).toEqual([1, true])
      expect(wordsOf(span)).not.toContain(HttpStub.key)
    })
  )

  it.effect("a request that is not sent has none", () =>
    Effect.gen(function* () {
      const spans = yield* spansOf(whole, (client) =>
        Effect.zip(
          Effect.either(client.complete({ prompt: [] })),
          Effect.either(Stream.runDrain(client.stream({ prompt: [] })))
        )
      )
      expect(spans).toEqual([])
    })
  )

  it.effect("no trace header goes to the provider", () =>
    Effect.gen(function* () {
      const stub = HttpStub.make(whole)
      const client = yield* HttpStub.openAi(stub)
      yield* Effect.withTracer(client.complete(request), tracing().tracer)
      expect(Object.keys(stub.sent[0]?.headers ?? {}).filter((name) => /trace|b3/.test(name))).toEqual([])
    })
  )
})

describe("without a tracer", () => {
  it.effect("no span is made", () =>
    Effect.gen(function* () {
      const seen: Array<string | undefined> = []
      const current = Effect.map(
        Effect.option(Effect.currentSpan),
        (span) => void seen.push(Option.getOrUndefined(span)?.name)
      )
      const client = yield* HttpStub.openAi(
        HttpStub.make(({ text }) => Effect.as(current, text.includes('"stream"') ? stream() : whole()))
      )
      yield* Effect.withSpan(Effect.zip(client.complete(request), Stream.runDrain(client.stream(request))), "outer")
      expect(seen).toEqual(["outer", "outer"])
    })
  )
})

/** All that an exporter can read from a span: its attributes, and its failure in every form. */
const wordsOf = (span: TestSpan | undefined): string => {
  const cause = span?.exit !== undefined && Exit.isFailure(span.exit) ? span.exit.cause : Cause.empty
  const errors = [...Cause.failures(cause), ...Cause.prettyErrors(cause)]
  return [
    JSON.stringify(attributesOf(span)),
    Cause.pretty(cause),
    JSON.stringify(cause),
    ...errors.flatMap((error) => [
      String(error),
      Inspectable.toStringUnknown(error),
      error instanceof Error ? error.stack : ""
    ])
  ].join("\n")
}
