import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, FastCheck, Fiber, Stream, TestClock } from "effect"
import { ChatRequest, LlmClient, LlmError, Prompt, StreamPart } from "effect-llm"
import { MockLlm } from "effect-llm/testing"
import { inVirtualTime, seen, timed } from "../policy/Watched.js"
import { retryable, terminal } from "../SampleErrors.js"

const request = ChatRequest.make("Hello there")
const client = (answers: MockLlm.Answers, options?: MockLlm.Options) =>
  Effect.map(MockLlm.make(answers, options), (mock) => mock.client)

describe("MockLlm, what it answers", () => {
  const toolCall = { id: "call_1", name: "look_up", arguments: '{"word":"lamp"}' }

  it.effect("a text, to every request", () =>
    Effect.gen(function* () {
      const mock = yield* client("One two")
      for (const _ of [1, 2]) {
        expect(yield* mock.complete(request)).toMatchObject({
          text: "One two",
          parts: [{ _tag: "Text", text: "One two" }],
          finishReason: { unified: "stop", raw: "stop" },
          usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 },
          model: "mock-model",
          cached: false,
          attempts: 1
        })
      }
    })
  )

  it.effect("a text, streamed word by word, or in the pieces that are given", () =>
    Effect.gen(function* () {
      const texts = (answer: MockLlm.Answer) =>
        Effect.flatMap(client(answer), (mock) =>
          Effect.map(seen(mock.stream(request)), ({ parts }) =>
            parts.flatMap((part) => (part._tag === "TextDelta" ? [part.text] : []))
          )
        )
      expect(yield* texts("One two\n three ")).toEqual(["One", " two", "\n three", " "])
      expect(yield* texts({ text: ["One t", "wo"] })).toEqual(["One t", "wo"])
      expect(yield* texts("")).toEqual([])
    })
  )

  it.effect("a whole reply: reasoning, text, tool calls, usage, finish reason", () =>
    Effect.gen(function* () {
      const mock = yield* client({
        reasoning: "Hm.",
        text: "Wait.",
        toolCalls: [toolCall],
        usage: { inputTokens: 1 },
        finishReason: { unified: "length", raw: "max_tokens" }
      })
      const answer = yield* mock.complete(request)
      expect(answer.parts.map((part) => part._tag)).toEqual(["Reasoning", "Text", "ToolCall"])
      expect(answer).toMatchObject({
        reasoning: "Hm.",
        toolCalls: [toolCall],
        usage: { inputTokens: 1 },
        finishReason: { unified: "length", raw: "max_tokens" }
      })
    })
  )

  it.effect("tool calls, and says that it stopped for them", () =>
    Effect.gen(function* () {
      const mock = yield* client({ toolCalls: [toolCall] })
      expect((yield* mock.complete(request)).finishReason).toEqual({ unified: "tool-calls", raw: "tool_calls" })
      expect((yield* seen(mock.stream(request))).parts.map((part) => part._tag)).toEqual([
        "ToolCallStart",
        "ToolCallDelta",
        "ToolCallEnd",
        "Finish"
      ])
    })
  )

  it.effect("an error, whole or streamed", () =>
    Effect.gen(function* () {
      for (const error of [retryable.RateLimited, terminal.InvalidRequest]) {
        const mock = yield* client(error)
        expect(yield* Effect.flip(mock.complete(request))).toBe(error)
        expect(yield* seen(mock.stream(request))).toEqual({ parts: [], error })
      }
    })
  )

  it.effect("an error behind some parts, as a stream breaks", () =>
    Effect.gen(function* () {
      const mock = yield* client({ text: ["One ", "two"], error: retryable.ConnectionFailed })
      const { error, parts } = yield* seen(mock.stream(request))
      expect(parts.map((part) => part._tag)).toEqual(["TextDelta", "TextDelta"])
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "One two", cause: { _tag: "ConnectionFailed" } })
      expect(yield* Effect.flip(mock.complete(request))).toBe(retryable.ConnectionFailed)
    })
  )

  it.effect("one answer of a script after the other, for whole and streamed calls alike", () =>
    Effect.gen(function* () {
      const mock = yield* client(["One", { text: "Two" }, retryable.ServerFailed, "Four"])
      expect((yield* mock.complete(request)).text).toBe("One")
      expect((yield* StreamPart.collect(mock.stream(request))).text).toBe("Two")
      expect(yield* Effect.flip(mock.complete(request))).toBe(retryable.ServerFailed)
      expect((yield* mock.complete(request)).text).toBe("Four")
    })
  )

  it.effect("with a defect when the script has no answer left", () =>
    Effect.gen(function* () {
      const mock = yield* client(["One"])
      yield* mock.complete(request)
      for (const call of [Effect.asVoid(mock.complete(request)), Stream.runDrain(mock.stream(request))]) {
        const exit = yield* Effect.exit(call)
        expect(Exit.isFailure(exit) && Cause.isDie(exit.cause)).toBe(true)
        expect(String(exit)).toMatch(/the script has 1 answers, and this is request [23]/)
      }
    })
  )

  it.effect("what a function makes of the request, as a value or as an Effect", () =>
    Effect.gen(function* () {
      const plain = yield* client((request) => `${request.prompt.map(Prompt.textOf).join("")}!`)
      expect((yield* plain.complete(request)).text).toBe("Hello there!")
      const effect = yield* client((request) =>
        request.temperature === undefined ? Effect.fail(terminal.InvalidRequest) : Effect.succeed({ text: ["a", "b"] })
      )
      expect(yield* Effect.flip(effect.complete(request))).toBe(terminal.InvalidRequest)
      expect((yield* effect.complete({ ...request, temperature: 1 })).text).toBe("ab")
      const failing = yield* client(() => retryable.Overloaded)
      expect(yield* Effect.flip(failing.complete(request))).toBe(retryable.Overloaded)
    })
  )

  it.effect("embeddings: unit vectors that depend on the text alone", () =>
    Effect.gen(function* () {
      const mock = yield* client("")
      const both = yield* mock.embed({ input: ["a", "b"] })
      const [a = [], b = []] = both.vectors
      expect(a).toHaveLength(8)
      expect(Math.hypot(...a)).toBeCloseTo(1, 10)
      expect(b).not.toEqual(a)
      expect((yield* mock.embed({ input: ["b", "a"] })).vectors).toEqual([b, a])
      expect(yield* mock.embed({ input: ["a"], dimensions: 3, model: "other" })).toMatchObject({ model: "other" })
    })
  )

  it.effect("under the names that it is given", () =>
    Effect.gen(function* () {
      const mock = yield* client("Hi", { provider: "openai", model: "gpt" })
      expect(mock).toMatchObject({ provider: "openai", model: "gpt" })
      expect((yield* mock.complete(request)).model).toBe("gpt")
      expect((yield* mock.complete({ ...request, model: "other" })).model).toBe("other")
      expect(yield* Effect.flip(mock.complete(ChatRequest.make("")))).toMatchObject({
        provider: "openai",
        model: "gpt"
      })
    })
  )

  const word = FastCheck.string({ minLength: 1, maxLength: 8 })
  const reply: FastCheck.Arbitrary<MockLlm.Reply> = FastCheck.record(
    {
      text: FastCheck.oneof(word, FastCheck.array(word, { minLength: 1, maxLength: 5 })),
      reasoning: word,
      toolCalls: FastCheck.uniqueArray(FastCheck.record({ id: word, name: word, arguments: word }), {
        selector: (call) => call.id
      })
    },
    { requiredKeys: [] }
  )

  it.effect.prop("a stream that folds to what complete gives", [reply], ([reply]) =>
    Effect.gen(function* () {
      const mock = yield* client(reply)
      expect(yield* StreamPart.collect(mock.stream(request))).toEqual(yield* mock.complete(request))
    })
  )
})

describe("MockLlm, when it answers", () => {
  it.effect("complete waits for the delay", () =>
    Effect.gen(function* () {
      const mock = yield* client({ text: "Hi", delay: "3 seconds", partDelay: "1 hour" })
      const fiber = yield* Effect.fork(mock.complete(request))
      yield* TestClock.adjust("2999 millis")
      expect((yield* Fiber.poll(fiber))._tag).toBe("None")
      yield* TestClock.adjust("1 millis")
      expect((yield* Fiber.join(fiber)).latency).toEqual(Duration.seconds(3))
    })
  )

  it.effect("an error comes after its delay too", () =>
    Effect.gen(function* () {
      const mock = yield* client({ error: retryable.Overloaded, delay: "3 seconds" })
      expect((yield* inVirtualTime(timed(mock.complete(request)))).millis).toBe(3000)
      expect((yield* inVirtualTime(timed(seen(mock.stream(request))))).millis).toBe(3000)
    })
  )

  it.effect("the parts of a stream come one by one", () =>
    Effect.gen(function* () {
      const mock = yield* client({ reasoning: "Hm.", text: ["a", "b"], delay: "3 seconds", partDelay: "1 second" })
      const times: Array<readonly [string, number]> = []
      yield* inVirtualTime(
        Stream.runForEach(mock.stream(request), (part) =>
          Effect.map(Clock.currentTimeMillis, (now) => times.push([part._tag, now]))
        )
      )
      expect(times).toEqual([
        ["ReasoningDelta", 3000],
        ["TextDelta", 4000],
        ["TextDelta", 5000],
        ["Finish", 5000]
      ])
    })
  )
})

describe("MockLlm, what it remembers", () => {
  it.effect("all requests, oldest first, by their operation", () =>
    Effect.gen(function* () {
      yield* LlmClient.complete({ prompt: "One", temperature: 0.5 })
      yield* Stream.runDrain(LlmClient.stream("Two"))
      yield* LlmClient.embed("Three")
      expect(yield* MockLlm.calls).toEqual([
        { operation: "complete", request: ChatRequest.make({ prompt: "One", temperature: 0.5 }) },
        { operation: "stream", request: ChatRequest.make("Two") },
        { operation: "embed", request: { input: ["Three"] } }
      ])
    }).pipe(Effect.provide(MockLlm.layer("Hi")))
  )

  it.effect("not the requests that nobody could take, which fail as with a provider", () =>
    Effect.gen(function* () {
      for (const input of ["", { prompt: "Hi", maxTokens: 0 }]) {
        expect(yield* Effect.flip(LlmClient.complete(input))).toBeInstanceOf(LlmError.InvalidRequest)
        expect(yield* Effect.flip(Stream.runDrain(LlmClient.stream(input)))).toMatchObject({ attempts: 0 })
      }
      expect(yield* Effect.flip(LlmClient.embed([]))).toMatchObject({ _tag: "InvalidRequest", param: "input" })
      expect(yield* MockLlm.calls).toEqual([])
    }).pipe(Effect.provide(MockLlm.layer("Hi")))
  )

  it.effect("only the text of a stream is streamText", () =>
    Effect.gen(function* () {
      const text = yield* Stream.mkString(LlmClient.streamText("Hello"))
      expect(text).toBe("One two")
    }).pipe(Effect.provide(MockLlm.layer({ reasoning: "Hm.", text: "One two" })))
  )
})
