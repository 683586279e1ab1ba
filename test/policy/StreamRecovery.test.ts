import { describe, expect, it } from "@effect/vitest"
import { Chunk, Context, Duration, Effect, Fiber, Layer, Redacted, Schedule, Stream, TestClock } from "effect"
import * as fc from "fast-check"
import {
  Anthropic,
  ChatRequest,
  LlmClient,
  LlmError,
  OpenAi,
  OpenAiCompatible,
  Policy,
  Prompt,
  RetryPolicy,
  StreamPart
} from "effect-llm"
import { Fault, MockLlm, Simulator } from "effect-llm/testing"
import { Replay, Transcript } from "../../src/policy/Transcript.js"
import { retryable, terminal } from "../SampleErrors.js"
import { behind, built, inVirtualTime, seen } from "./Watched.js"

const request = ChatRequest.make("Hello")

const broken = retryable.ConnectionFailed

const textOf = (parts: Iterable<StreamPart.StreamPart>): string =>
  Array.from(parts, (part) => (part._tag === "TextDelta" ? part.text : "")).join("")

/** What a mock gives behind this recovery. */
const recovered = (options: Policy.StreamRecoveryOptions, answers: MockLlm.Answers) =>
  Effect.gen(function* () {
    const { client, mock } = yield* behind(Policy.streamRecovery(options), answers)
    return { ...(yield* inVirtualTime(seen(client.stream(request)))), client, mock }
  })

// Double spaces, line breaks and spaces at the end of pieces, where joins go wrong; an emoji of two code units.
const text = "One  two \n\nthree, four\tfive 🙂 six.  Seven"

const providers = {
  openai: (url: string) => OpenAi.layer({ apiKey: Redacted.make("test-key-1"), baseUrl: url, model: "gpt-4.1-mini" }),
  anthropic: (url: string) =>
    Anthropic.layer({ apiKey: Redacted.make("test-key-1"), baseUrl: new URL(url).origin, model: "claude-sonnet-4-5" })
}

/** A provider on a simulator in process, whose answers go on behind what the last message of the assistant says. */
const simulated = (
  name: keyof typeof providers,
  options: Policy.StreamRecoveryOptions,
  faults: ReadonlyArray<Fault.Fault>
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(
      Simulator.layerHttpClient({
        faults,
        flushEach: true,
        answer: ({ messages }) => {
          const last = messages.at(-1)
          return last?.role === "assistant" ? text.slice(last.text.length) : text
        }
      })
    )
    const simulator = Context.get(context, Simulator.Simulator)
    const layer = providers[name](simulator.url).pipe(Policy.streamRecovery(options))
    const client = yield* built(Layer.provide(layer, Layer.succeedContext(context)))
    return { client, simulator }
  })

describe("Policy.streamRecovery: fail", () => {
  it.scoped.each<readonly [string, Policy.StreamRecoveryOptions]>([
    ["by default", {}],
    ["by its name", { mode: "fail" }]
  ])("a broken stream fails with StreamInterrupted and its text (%s)", ([, options]) =>
    Effect.gen(function* () {
      const { error, mock, parts } = yield* recovered(options, { text: ["a", "b"], error: broken })
      expect(textOf(parts)).toBe("ab")
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "ab", cause: { _tag: "ConnectionFailed" } })
      expect(mock.starts).toHaveLength(1)
    })
  )
})

describe("Policy.streamRecovery: buffer", () => {
  it.scoped("gives out nothing of a broken stream, whose error keeps the text", () =>
    Effect.gen(function* () {
      const { error, parts } = yield* recovered({ mode: "buffer" }, { text: ["a", "b"], error: broken })
      expect(parts).toEqual([])
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "ab" })
    })
  )

  it.scoped("gives out the parts as they came, when the answer is whole", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.streamRecovery({ mode: "buffer" }), {
        text: ["a", "b", "c"],
        delay: "1 second",
        partDelay: "1 second"
      })
      const seenParts: Array<string> = []
      const fiber = yield* Effect.fork(
        Stream.runForEach(client.stream(request), (part) => Effect.sync(() => seenParts.push(part._tag)))
      )
      yield* TestClock.adjust("2999 millis")
      expect(seenParts).toEqual([])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(fiber)
      expect(seenParts).toEqual(["TextDelta", "TextDelta", "TextDelta", "Finish"])
      expect(mock.inFlight).toBe(0)
    })
  )

  it.scoped("a retry around it begins anew, at whatever token the stream was cut", () =>
    Effect.gen(function* () {
      for (let afterTokens = 0; afterTokens <= 14; afterTokens++) {
        const { client, simulator } = yield* simulated("openai", { mode: "buffer" }, [
          Fault.cut({ afterTokens, ending: afterTokens % 2 === 0 ? "abrupt" : "clean" })
        ])
        const retried = yield* built(Layer.succeed(LlmClient.LlmClient, client).pipe(Policy.retry(Schedule.recurs(1))))
        const { error, parts } = yield* seen(retried.stream(request))
        expect(error).toBeUndefined()
        expect(textOf(parts)).toBe(text)
        expect(parts.at(-1)).toMatchObject({ _tag: "Finish", attempts: 2 })
        expect(yield* simulator.stats).toMatchObject({ attempts: 2, inFlight: 0 })
      }
    })
  )

  it.scoped("a fallback around it takes over, too", () =>
    Effect.gen(function* () {
      const other = yield* MockLlm.make("whole", { model: "other" })
      const { client } = yield* behind(
        (layer) => layer.pipe(Policy.streamRecovery({ mode: "buffer" }), Policy.fallback(other.layer)),
        { text: ["a", "b"], error: broken }
      )
      expect(yield* StreamPart.collect(client.stream(request))).toMatchObject({
        text: "whole",
        model: "other",
        attempts: 2
      })
    })
  )

  it.scoped("interrupting it abandons the call", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.streamRecovery({ mode: "buffer" }), {
        text: ["a", "b"],
        partDelay: "1 hour"
      })
      const fiber = yield* Effect.fork(Stream.runDrain(client.stream(request)))
      yield* TestClock.adjust("1 second")
      expect(mock.inFlight).toBe(1)
      yield* Fiber.interrupt(fiber)
      expect([mock.inFlight, mock.left]).toEqual([0, 1])
    })
  )
})

describe("Policy.streamRecovery: restart", () => {
  it.scoped.each(["abrupt", "clean"] as const)(
    "gives out the whole answer once, at whatever token the stream was cut (%s)",
    (ending) =>
      Effect.gen(function* () {
        let cuts = 0
        for (let afterTokens = 1; afterTokens <= 14; afterTokens++) {
          const { client, simulator } = yield* simulated("openai", { mode: "restart" }, [
            Fault.cut({ afterTokens, ending })
          ])
          const { error, parts } = yield* seen(client.stream(request))
          expect(error).toBeUndefined()
          expect(textOf(parts)).toBe(text)
          const { attempts, inFlight } = yield* simulator.stats
          expect(parts.at(-1)).toMatchObject({ _tag: "Finish", attempts })
          expect(inFlight).toBe(0)
          cuts += attempts - 1
        }
        expect(cuts).toBeGreaterThan(10)
      })
  )

  it.scoped("skips exactly what was given out, however the second answer is cut into pieces", () =>
    Effect.gen(function* () {
      const { error, parts } = yield* recovered({ mode: "restart" }, [
        { text: ["On", "ce up"], error: broken },
        { text: ["Once", " ", "upon", " a time"] }
      ])
      expect(error).toBeUndefined()
      expect(parts.slice(0, -1)).toEqual(["On", "ce up", "on", " a time"].map((text) => ({ _tag: "TextDelta", text })))
    })
  )

  it.scoped("fails with StreamInterrupted and the text so far where the second answer differs, and leaves it", () =>
    Effect.gen(function* () {
      const { error, mock, parts } = yield* recovered({ mode: "restart", attempts: 5 }, [
        { text: ["Once ", "upon"], error: broken },
        { text: ["Once ", "there", " was"], partDelay: "1 second" }
      ])
      expect(textOf(parts)).toBe("Once upon")
      expect(error).toMatchObject({
        _tag: "StreamInterrupted",
        text: "Once upon",
        attempts: 2,
        cause: { _tag: "ConnectionFailed" },
        message: expect.stringContaining("another attempt gave another answer")
      })
      expect([mock.starts.length, mock.inFlight, mock.left]).toEqual([2, 0, 1])
    })
  )

  it.scoped.each<readonly [string, MockLlm.Reply]>([
    ["ends before what was given out", { text: ["Once "] }],
    ["has a thought before it", { reasoning: "Hm.", text: ["Once upon a time"] }],
    ["calls a tool instead", { text: ["Once "], toolCalls: [{ id: "1", name: "look_up", arguments: "{}" }] }]
  ])("fails where the second answer %s", ([, second]) =>
    Effect.gen(function* () {
      const { error, parts } = yield* recovered({ mode: "restart" }, [
        { text: ["Once ", "upon"], error: broken },
        second
      ])
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "Once upon" })
      expect(textOf(parts)).toBe("Once upon")
      expect(parts.every((part) => part._tag === "TextDelta")).toBe(true)
    })
  )

  it.scoped("goes on with a tool call, under the id that was given out first", () =>
    Effect.gen(function* () {
      const call = (id: string, text: string) => ({ toolCalls: [{ id, name: "look_up", arguments: text }] })
      const { error, parts } = yield* recovered({ mode: "restart" }, [
        { ...call("first", '{"wo'), error: broken },
        call("second", '{"word":"lamp"}')
      ])
      expect(error).toBeUndefined()
      expect(parts.slice(0, -1)).toEqual([
        { _tag: "ToolCallStart", id: "first", name: "look_up" },
        { _tag: "ToolCallDelta", id: "first", arguments: '{"wo' },
        { _tag: "ToolCallDelta", id: "first", arguments: 'rd":"lamp"}' },
        { _tag: "ToolCallEnd", id: "first", name: "look_up", arguments: '{"word":"lamp"}' }
      ])
    })
  )

  it.scoped.each<readonly [string, string, string]>([
    ["another tool", "look_down", '{"wo'],
    ["other arguments", "look_up", '{"wa']
  ])("fails where the second answer calls with %s", ([, name, text]) =>
    Effect.gen(function* () {
      const { error } = yield* recovered({ mode: "restart" }, [
        { toolCalls: [{ id: "1", name: "look_up", arguments: '{"wo' }], error: broken },
        { toolCalls: [{ id: "1", name, arguments: text }] }
      ])
      expect(error).toMatchObject({ _tag: "StreamInterrupted", attempts: 2 })
    })
  )

  it.scoped("skips reasoning as it skips text", () =>
    Effect.gen(function* () {
      const { error, parts } = yield* recovered({ mode: "restart" }, [
        { reasoning: "Hm.", text: ["On"], error: broken },
        { reasoning: "Hm.", text: "One." }
      ])
      expect(error).toBeUndefined()
      expect(parts.slice(0, -1)).toEqual([
        { _tag: "ReasoningDelta", text: "Hm." },
        { _tag: "TextDelta", text: "On" },
        { _tag: "TextDelta", text: "e." }
      ])
    })
  )

  it.scoped("sums the usages that were reported, and counts the attempts", () =>
    Effect.gen(function* () {
      const interrupted = new LlmError.StreamInterrupted({
        provider: "mock",
        model: "mock-model",
        message: "cut",
        text: "a",
        usage: { inputTokens: 10, outputTokens: 3 }
      })
      const { parts } = yield* recovered({ mode: "restart", attempts: 2 }, [
        { text: ["a"], error: interrupted },
        { text: ["ab"], error: broken },
        { text: ["abc"], usage: { inputTokens: 10, outputTokens: 7, reasoningTokens: 2 } }
      ])
      expect(parts.at(-1)).toMatchObject({
        attempts: 3,
        usage: { inputTokens: 20, outputTokens: 10, reasoningTokens: 2 }
      })
      expect(textOf(parts)).toBe("abc")
    })
  )

  it.scoped("makes one further attempt, or as many as it is told, whatever they fail of", () =>
    Effect.gen(function* () {
      const answers = [{ text: ["a"], error: broken }, retryable.Overloaded, { text: ["a", "b"], error: broken }]
      const once = yield* recovered({ mode: "restart" }, answers)
      expect(once.error).toMatchObject({ _tag: "StreamInterrupted", text: "a", attempts: 2 })
      const twice = yield* recovered({ mode: "restart", attempts: 2 }, answers)
      expect(twice.error).toMatchObject({ _tag: "StreamInterrupted", text: "ab", attempts: 3 })
      const thrice = yield* recovered({ mode: "restart", attempts: 3 }, [...answers, "abc"])
      expect(thrice.error).toBeUndefined()
      expect(textOf(thrice.parts)).toBe("abc")
    })
  )

  it.scoped("keeps the break, and says of what the other attempt died, where that is a terminal error", () =>
    Effect.gen(function* () {
      const { error } = yield* recovered({ mode: "restart", attempts: 5 }, [
        { text: ["a"], error: broken },
        terminal.QuotaExhausted
      ])
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "a", attempts: 2, cause: { _tag: broken._tag } })
    })
  )

  it.scoped("leaves alone what fails before the first part, and terminal errors behind it", () =>
    Effect.gen(function* () {
      const early = yield* recovered({ mode: "restart" }, [retryable.Overloaded])
      expect(early.error).toBe(retryable.Overloaded)
      const filtered = yield* recovered({ mode: "restart" }, [{ text: ["a"], error: terminal.ContentFiltered }])
      expect(filtered.error).toBe(terminal.ContentFiltered)
    })
  )

  it.scoped("waits as long as the provider asked, unless that is long", () =>
    Effect.gen(function* () {
      const asked = (seconds: number) =>
        new LlmError.Overloaded({
          provider: "mock",
          model: "mock-model",
          message: "busy",
          retryAfter: Duration.seconds(seconds)
        })
      const { mock } = yield* recovered({ mode: "restart" }, [{ text: ["a"], error: asked(20) }, "ab"])
      expect(mock.starts).toEqual([0, 20_000])
      const long = yield* recovered({ mode: "restart" }, [{ text: ["a"], error: asked(61) }])
      expect(long.error).toMatchObject({ _tag: "StreamInterrupted", attempts: 1 })
    })
  )

  it.scoped("a retry around it does not repeat it, and a deadline counts its attempts", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) =>
          layer.pipe(
            Policy.streamRecovery({ mode: "restart" }),
            Policy.retry(RetryPolicy.exponential()),
            Policy.totalTimeout("1 minute")
          ),
        [
          { text: ["a"], error: broken },
          { text: ["a"], error: broken },
          { text: ["a"], error: broken },
          { text: ["a", "b", "c"], partDelay: "1 hour" }
        ]
      )
      expect((yield* inVirtualTime(seen(client.stream(request)))).error).toMatchObject({ attempts: 2 })
      expect(mock.starts).toHaveLength(2)
      expect((yield* inVirtualTime(seen(client.stream(request)))).error).toMatchObject({
        _tag: "StreamInterrupted",
        attempts: 2,
        cause: { limit: "total" }
      })
      expect([mock.inFlight, mock.left]).toEqual([0, 1])
    })
  )

  it.scoped("leaves complete and embed as they are, and a stream can be run again", () =>
    Effect.gen(function* () {
      const { client } = yield* behind(Policy.streamRecovery({ mode: "restart" }), [
        broken,
        { text: ["a"], error: broken },
        "ab",
        "other"
      ])
      expect(yield* Effect.flip(client.complete(request))).toBe(broken)
      const stream = client.stream(request)
      expect((yield* StreamPart.collect(stream)).text).toBe("ab")
      expect((yield* StreamPart.collect(stream)).text).toBe("other")
    })
  )

  it("any answer, broken anywhere and cut anyhow, is given out once and whole", () => {
    const piece = fc.oneof(
      fc.record({ kind: fc.constant("text" as const), text: fc.string({ minLength: 1, maxLength: 6 }) }),
      fc.record({ kind: fc.constant("thought" as const), text: fc.string({ minLength: 1, maxLength: 6 }) }),
      fc.record({ kind: fc.constant("call" as const), text: fc.string({ minLength: 1, maxLength: 6 }) })
    )
    /** The answer as one run gives it: pieces of some length, and ids of its own. */
    const run = (
      answer: ReadonlyArray<{ readonly kind: string; readonly text: string }>,
      size: number,
      own: string
    ) => {
      const parts: Array<StreamPart.StreamPart> = []
      for (const [index, { kind, text }] of answer.entries()) {
        const id = `${own}${index}`
        if (kind === "call") parts.push({ _tag: "ToolCallStart", id, name: "tool" })
        for (let at = 0; at < text.length; at += size) {
          const some = text.slice(at, at + size)
          parts.push(
            kind === "call"
              ? { _tag: "ToolCallDelta", id, arguments: some }
              : { _tag: kind === "text" ? "TextDelta" : "ReasoningDelta", text: some }
          )
        }
        if (kind === "call") parts.push({ _tag: "ToolCallEnd", id, name: "tool", arguments: text })
      }
      return parts
    }
    const collected = (parts: ReadonlyArray<StreamPart.StreamPart>) => {
      const collector = new StreamPart.Collector()
      for (const part of parts) collector.push(part)
      collector.push({
        _tag: "Finish",
        finishReason: { unified: "stop", raw: "stop" },
        usage: {},
        model: "m",
        id: "1",
        warnings: [],
        cached: false,
        attempts: 1,
        latency: Duration.zero
      })
      return collector.completion()?.parts
    }
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 6 }),
        fc.nat(20),
        fc.nat(30),
        fc.integer({ min: 1, max: 4 }),
        (...all) => {
          const [answer, first, second, size] = all
          const transcript = new Transcript()
          const given: Array<StreamPart.StreamPart> = []
          const attempts = [
            run(answer, 1, "a").slice(0, first),
            run(answer, 3, "b").slice(0, second),
            run(answer, size, "c")
          ]
          for (const attempt of attempts) {
            const replay = new Replay(transcript)
            for (const part of attempt) {
              const rest = replay.push(part)
              if (rest !== undefined) given.push(rest)
            }
            expect(replay.differs).toBe(false)
          }
          // By ids too: all of one call have one id.
          const ids = (parts: ReadonlyArray<StreamPart.StreamPart>) =>
            parts.flatMap((part) => (part._tag === "ToolCallStart" ? [part.id] : []))
          const ends = given.flatMap((part) => (part._tag === "ToolCallEnd" ? [part.id] : []))
          expect(ends).toEqual(ids(given))
          const withoutIds = (parts: ReturnType<typeof collected>) =>
            parts?.map((part) => (part._tag === "ToolCall" ? { ...part, id: "" } : part))
          expect(withoutIds(collected(given))).toEqual(withoutIds(collected(run(answer, 2, "d"))))
        }
      )
    )
  })

  it.scoped("counts all attempts that were made for an answer that differs", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(
        (layer) => layer.pipe(Policy.retry(Schedule.recurs(1)), Policy.streamRecovery({ mode: "restart" })),
        [{ text: ["a "], error: broken }, retryable.Overloaded, { text: ["b"] }]
      )
      expect((yield* seen(client.stream(request))).error).toMatchObject({ _tag: "StreamInterrupted", attempts: 3 })
      expect(mock.starts).toHaveLength(3)
    })
  )
})

describe("Policy.streamRecovery: continue", () => {
  it.scoped.each(["abrupt", "clean"] as const)(
    "joins the rest of an answer exactly, at whatever token the stream was cut (%s)",
    (ending) =>
      Effect.gen(function* () {
        for (let afterTokens = 1; afterTokens <= 14; afterTokens++) {
          const { client, simulator } = yield* simulated("anthropic", { mode: "continue" }, [
            Fault.cut({ afterTokens, ending })
          ])
          const { error, parts } = yield* seen(client.stream({ ...request, maxTokens: 100 }))
          const { attempts, inFlight } = yield* simulator.stats
          expect(error).toBeUndefined()
          expect(textOf(parts)).toBe(text)
          expect(parts.at(-1)).toMatchObject({ _tag: "Finish", attempts })
          expect(inFlight).toBe(0)
          if (attempts === 1) expect(afterTokens).toBeGreaterThan(10)
        }
      })
  )

  it.scoped(
    "asks for the rest behind the text so far, which ends in no white space; with a key and a limit of its own",
    () =>
      Effect.gen(function* () {
        const mock = yield* MockLlm.make([{ text: ["Once ", "upon \n"], error: broken }, " \na time"], {
          provider: "anthropic",
          model: "claude-sonnet-4-5"
        })
        const client = yield* built(mock.layer.pipe(Policy.streamRecovery({ mode: "continue" })))
        const answer = yield* StreamPart.collect(
          client.stream({ ...request, temperature: 0.3, maxTokens: 50, idempotencyKey: "key-1" })
        )
        expect(answer.text).toBe("Once upon \na time")
        const [first, second] = yield* mock.calls
        expect(first?.request).toMatchObject({ idempotencyKey: "key-1", maxTokens: 50 })
        expect(second?.request).toMatchObject({
          prompt: [...request.prompt, Prompt.assistant("Once upon")],
          temperature: 0.3,
          maxTokens: 47
        })
        expect(second?.request).toHaveProperty("idempotencyKey", undefined)
      })
  )

  it.scoped.each<readonly [string, string, ReadonlyArray<string>]>([
    ["the same space", "a \n", [" ", "\n", "b"]],
    ["no space", "a ", ["b"]],
    ["less space", "a\n\n", ["\n", "b"]],
    ["more space", "a ", ["  b"]],
    ["space where there was none", "a", [" b"]],
    ["a space that comes later", "a ", [" b", " c"]]
  ])("the white space of the join comes once: %s", ([, before, after]) =>
    Effect.gen(function* () {
      const mock = yield* MockLlm.make([{ text: [before], error: broken }, { text: after }], { provider: "deepseek" })
      const client = yield* built(mock.layer.pipe(Policy.streamRecovery({ mode: "continue" })))
      const rest = after.join("")
      const space = before.slice(before.trimEnd().length)
      let known = 0
      while (known < space.length && space[known] === rest[known]) known++
      expect((yield* StreamPart.collect(client.stream(request))).text).toBe(before + rest.slice(known))
    })
  )

  it.scoped.each<readonly [string, ReadonlyArray<string>, string]>([
    ["repeats it whole", ["Once upon a time"], "Once upon a time"],
    ["repeats it in pieces", ["On", "ce up", "on a", " time"], "Once upon a time"],
    ["repeats it, and has no more", ["Once upon"], "Once upon "],
    ["does not repeat it", [" a time"], "Once upon a time"],
    ["begins like it, and goes on otherwise", [" On", "ce more"], "Once upon Once more"]
  ])("of a provider that repeats the beginning, an answer that %s", ([, after, whole]) =>
    Effect.gen(function* () {
      const mock = yield* MockLlm.make([{ text: ["Once ", "upon "], error: broken }, { text: after }], {
        provider: "mistral"
      })
      const client = yield* built(mock.layer.pipe(Policy.streamRecovery({ mode: "continue" })))
      expect((yield* StreamPart.collect(client.stream(request))).text).toBe(whole)
    })
  )

  it.scoped("goes on behind all that was given out when it breaks again", () =>
    Effect.gen(function* () {
      const mock = yield* MockLlm.make(
        [{ text: ["a "], error: broken }, { text: [" b "], error: broken }, { text: [" c"] }],
        { provider: "vllm" }
      )
      const client = yield* built(mock.layer.pipe(Policy.streamRecovery({ mode: "continue", attempts: 2 })))
      const answer = yield* StreamPart.collect(client.stream({ ...request, providerOptions: { top_k: 3 } }))
      expect(answer).toMatchObject({ text: "a b c", attempts: 3 })
      const calls = yield* mock.calls
      expect(calls[2]?.request).toMatchObject({
        prompt: [...request.prompt, Prompt.assistant("a b")],
        providerOptions: { top_k: 3, continue_final_message: true, add_generation_prompt: false }
      })
    })
  )

  it.scoped.each<readonly [string, MockLlm.Options, Partial<ChatRequest.ChatRequest>, MockLlm.Reply, string]>([
    ["a provider that cannot", { provider: "openai" }, {}, {}, "openai takes no beginning"],
    ["a name that every object has", { provider: "constructor" }, {}, {}, "constructor takes no beginning"],
    ["a model that cannot", { provider: "anthropic", model: "claude-opus-4-6" }, {}, {}, "claude-opus-4-6 takes no"],
    ["the model of the request", { provider: "anthropic" }, { model: "claude-sonnet-4-6" }, {}, "claude-sonnet-4-6"],
    ["reasoning", { provider: "deepseek" }, {}, { reasoning: "Hm." }, "not of text alone"],
    ["tool calls", { provider: "mistral" }, {}, { toolCalls: [{ id: "1", name: "a", arguments: "{" }] }, "text alone"],
    ["a form", { provider: "mistral" }, { responseFormat: { _tag: "Json" } }, {}, "its form is given"],
    ["white space", { provider: "mistral" }, {}, { text: [" \n"] }, "no text to go on with"],
    ["half a character", { provider: "mistral" }, {}, { text: ["a\uD83D"] }, "midst of a character"],
    [
      "a prompt with a beginning of its own",
      { provider: "mistral" },
      { prompt: [...request.prompt, Prompt.assistant("Well")] },
      {},
      "a beginning of its own"
    ]
  ])("fails as ever, and says why: %s", ([, options, more, reply, why]) =>
    Effect.gen(function* () {
      const mock = yield* MockLlm.make({ text: ["a"], error: broken, ...reply }, options)
      const client = yield* built(mock.layer.pipe(Policy.streamRecovery({ mode: "continue" })))
      const { error } = yield* seen(client.stream({ ...request, ...more }))
      expect(error).toMatchObject({
        _tag: "StreamInterrupted",
        attempts: 1,
        message: expect.stringContaining(why),
        cause: { _tag: "ConnectionFailed" }
      })
      expect(yield* mock.calls).toHaveLength(1)
    })
  )

  it.scoped.each([
    ["claude-3-haiku-20240307", true],
    ["claude-3-7-sonnet-latest", true],
    ["claude-sonnet-4-20250514", true],
    ["claude-opus-4-1", true],
    ["claude-haiku-4-5-20251001", true],
    ["claude-opus-4-5@20251101", true],
    ["claude-sonnet-4-6", false],
    ["claude-opus-4-7", false],
    ["claude-opus-5", false],
    ["claude-mythos-preview", false]
  ] as const)("of Anthropic's models, %s is continued: %s", ([model, does]) =>
    Effect.gen(function* () {
      const mock = yield* MockLlm.make([{ text: ["a"], error: broken }, "b"], { provider: "anthropic", model })
      const client = yield* built(mock.layer.pipe(Policy.streamRecovery({ mode: "continue" })))
      expect((yield* seen(client.stream(request))).error === undefined).toBe(does)
    })
  )

  it.scoped("keeps the break where the provider refuses to go on", () =>
    Effect.gen(function* () {
      const mock = yield* MockLlm.make([{ text: ["a"], error: broken }, terminal.InvalidRequest], {
        provider: "deepseek"
      })
      const client = yield* built(mock.layer.pipe(Policy.streamRecovery({ mode: "continue" })))
      expect((yield* seen(client.stream(request))).error).toMatchObject({
        _tag: "StreamInterrupted",
        text: "a",
        attempts: 2,
        message: expect.stringContaining("another attempt failed: as scripted")
      })
    })
  )

  it.scoped.each<readonly [string, MockLlm.Options, boolean]>([
    ["another provider", { provider: "openai" }, false],
    ["a model that cannot", { provider: "anthropic", model: "claude-opus-4-6" }, false],
    ["the same in another region", { provider: "anthropic", model: "claude-sonnet-4-5" }, true]
  ])("a fallback inside goes on with it as %s: %o", ([, options, does]) =>
    Effect.gen(function* () {
      const main = yield* MockLlm.make([{ text: ["One "], error: broken }, retryable.Overloaded], {
        provider: "anthropic",
        model: "claude-sonnet-4-5"
      })
      const other = yield* MockLlm.make("two", options)
      const client = yield* built(
        main.layer.pipe(Policy.fallback(other.layer), Policy.streamRecovery({ mode: "continue" }))
      )
      const { error, parts } = yield* seen(client.stream(request))
      expect(textOf(parts)).toBe(does ? "One two" : "One ")
      expect(error?._tag).toBe(does ? undefined : "StreamInterrupted")
      expect(yield* other.calls).toHaveLength(does ? 1 : 0)
    })
  )

  it.scoped("is hedged by the same provider alone", () =>
    Effect.gen(function* () {
      const main = yield* MockLlm.make(
        [{ text: ["One "], error: broken }, { text: "never", delay: "1 hour" }, { text: "two" }],
        { provider: "anthropic", model: "claude-sonnet-4-5" }
      )
      const other = yield* MockLlm.make("One two", { provider: "openai" })
      const client = yield* built(
        main.layer.pipe(
          Policy.hedge({ after: "1 second", other: other.layer }),
          Policy.streamRecovery({ mode: "continue" })
        )
      )
      expect(textOf((yield* inVirtualTime(seen(client.stream(request)))).parts)).toBe("One two")
      expect(yield* other.calls).toEqual([])
    })
  )

  it.scoped.each([
    ["mistral", "prefix"],
    ["deepseek", "prefix"],
    ["moonshot", "partial"]
  ] as const)("%s gets the beginning marked as its protocol wants it", ([vendor, field]) =>
    Effect.gen(function* () {
      const bodies: Array<unknown> = []
      const context = yield* Layer.build(
        Simulator.layerHttpClient({
          faults: [Fault.cut({ afterTokens: 2, ending: "abrupt" })],
          models: ["some-model"],
          answer: ({ body }) => {
            bodies.push(body["messages"])
            return bodies.length === 1 ? "One two three" : " three"
          }
        })
      )
      const layer = OpenAiCompatible.layer({
        vendor,
        apiKey: Redacted.make("test-key-1"),
        model: "some-model",
        baseUrl: Context.get(context, Simulator.Simulator).url
      }).pipe(Policy.streamRecovery({ mode: "continue" }))
      const client = yield* built(Layer.provide(layer, Layer.succeedContext(context)))
      const { parts } = yield* seen(client.stream(request))
      expect(textOf(parts)).toBe("One two three")
      expect(bodies[1]).toMatchObject([{ role: "user" }, { role: "assistant", content: "One two", [field]: true }])
    })
  )
})

describe("Policy.streamRecovery", () => {
  it.effect.each<readonly [string, unknown]>([
    ["streamRecovery.mode", { mode: "magic" }],
    ["streamRecovery.attempts", { mode: "restart", attempts: 0 }],
    ["streamRecovery.attempts", { mode: "continue", attempts: 1.5 }]
  ])("refuses a wrong %s when the layer is built", ([path, options]) =>
    Effect.gen(function* () {
      const policy = Policy.streamRecovery(options as Policy.StreamRecoveryOptions)
      const error = yield* Effect.flip(Effect.scoped(behind(policy, "Hi")))
      expect("path" in error ? error.path.join(".") : "").toBe(path)
    })
  )

  it.scoped("leaving a recovered stream early abandons the call", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(Policy.streamRecovery({ mode: "restart" }), [
        { text: ["a"], error: broken },
        { text: ["a", "b", "c"], partDelay: "1 second" }
      ])
      const parts = yield* inVirtualTime(Stream.runCollect(Stream.take(client.stream(request), 2)))
      expect(Chunk.toReadonlyArray(parts).map((part) => part._tag)).toEqual(["TextDelta", "TextDelta"])
      expect([mock.inFlight, mock.left]).toEqual([0, 1])
    })
  )
})
