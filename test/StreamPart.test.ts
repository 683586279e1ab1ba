import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Chunk, Duration, Effect, FastCheck, Fiber, Option, Schema, Stream } from "effect"
import { Completion, LlmError, type Prompt, StreamPart } from "effect-llm"
import { retryable, retryableErrors, terminalErrors } from "./SampleErrors.js"

const finish: StreamPart.Finish = {
  _tag: "Finish",
  finishReason: { unified: "stop", raw: "stop" },
  usage: { outputTokens: 2 },
  model: "m",
  id: "1",
  requestId: "req_1",
  warnings: [{ setting: "seed", message: "not taken" }],
  cached: false,
  attempts: 2,
  latency: Duration.seconds(1)
}
const text = (text: string): StreamPart.StreamPart => ({ _tag: "TextDelta", text })
const reasoning = (text: string, signature?: string): StreamPart.StreamPart => ({
  _tag: "ReasoningDelta",
  text,
  ...(signature === undefined ? {} : { signature })
})
const start = (id: string, name: string): StreamPart.StreamPart => ({ _tag: "ToolCallStart", id, name })
const delta = (id: string, value: string): StreamPart.StreamPart => ({ _tag: "ToolCallDelta", id, arguments: value })
const end = (id: string, name: string, value: string): StreamPart.StreamPart => ({
  _tag: "ToolCallEnd",
  id,
  name,
  arguments: value
})
const call = (id: string, name: string, value: string): Prompt.ToolCallPart => ({
  _tag: "ToolCall",
  id,
  name,
  arguments: value
})

const folded = (parts: ReadonlyArray<StreamPart.StreamPart>) =>
  StreamPart.collect(Stream.fromIterable([...parts, finish]))

describe("StreamPart.collect", () => {
  const table: ReadonlyArray<
    readonly [name: string, parts: ReadonlyArray<StreamPart.StreamPart>, folded: ReadonlyArray<Completion.OutputPart>]
  > = [
    ["nothing", [], []],
    ["pieces of text", [text("a"), text(""), text("b")], [{ _tag: "Text", text: "ab" }]],
    ["empty pieces alone", [text(""), reasoning("")], []],
    [
      "reasoning, then text",
      [reasoning("h"), reasoning("m"), text("a")],
      [
        { _tag: "Reasoning", text: "hm" },
        { _tag: "Text", text: "a" }
      ]
    ],
    [
      "a signature that comes alone behind its block",
      [reasoning("hm"), reasoning("", "sig"), text("a")],
      [
        { _tag: "Reasoning", text: "hm", signature: "sig" },
        { _tag: "Text", text: "a" }
      ]
    ],
    [
      "two signed blocks, one behind the other",
      [reasoning("a", "1"), reasoning("b"), reasoning("", "2")],
      [
        { _tag: "Reasoning", text: "a", signature: "1" },
        { _tag: "Reasoning", text: "b", signature: "2" }
      ]
    ],
    [
      "a tool call between texts",
      [text("a"), start("1", "f"), delta("1", "{}"), end("1", "f", "{}"), text("b")],
      [{ _tag: "Text", text: "a" }, call("1", "f", "{}"), { _tag: "Text", text: "b" }]
    ],
    [
      "interleaved tool calls, in the order they began",
      [
        start("1", "f"),
        start("2", "g"),
        delta("2", '{"b'),
        delta("1", '{"a'),
        delta("2", '":2}'),
        delta("1", '":1}'),
        end("2", "g", '{"b":2}'),
        end("1", "f", '{"a":1}')
      ],
      [call("1", "f", '{"a":1}'), call("2", "g", '{"b":2}')]
    ],
    ["a name that the end knows better", [start("1", ""), end("1", "late", "{}")], [call("1", "late", "{}")]],
    ["a call without a start", [end("1", "f", "{}")], [call("1", "f", "{}")]],
    [
      "an id that is used again",
      [start("1", "f"), end("1", "f", "1"), start("1", "f"), end("1", "f", "2")],
      [call("1", "f", "1"), call("1", "f", "2")]
    ]
  ]
  for (const [name, parts, expected] of table) {
    it.effect(`folds ${name}`, () =>
      Effect.map(folded(parts), (completion) => expect(completion.parts).toEqual(expected))
    )
  }

  it.effect("takes everything else from the Finish", () =>
    Effect.gen(function* () {
      const { _tag, ...rest } = finish
      expect(yield* folded([reasoning("hm"), text("a"), end("1", "f", "{}"), text("b")])).toStrictEqual({
        ...rest,
        parts: [
          { _tag: "Reasoning", text: "hm" },
          { _tag: "Text", text: "a" },
          call("1", "f", "{}"),
          { _tag: "Text", text: "b" }
        ],
        text: "ab",
        reasoning: "hm",
        toolCalls: [call("1", "f", "{}")]
      })
    })
  )

  it.effect("fails where there is no Finish, and keeps the text", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(StreamPart.collect(Stream.make(text("a"), text("b"))))
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: "ab" })
      expect(yield* Effect.flip(StreamPart.collect(Stream.empty))).toMatchObject({
        _tag: "StreamInterrupted",
        text: ""
      })
    })
  )

  it.effect("fails with the stream's error", () =>
    Effect.map(Effect.flip(StreamPart.collect(Stream.concat(Stream.make(text("a")), Stream.fail("broken")))), (error) =>
      expect(error).toBe("broken")
    )
  )

  const word = FastCheck.string({ minLength: 1, maxLength: 6 })
  const outputPart: FastCheck.Arbitrary<Completion.OutputPart> = FastCheck.oneof(
    word.map((text) => ({ _tag: "Text" as const, text })),
    FastCheck.record({ _tag: FastCheck.constant("Reasoning" as const), text: word, signature: word }),
    word.map((text) => ({ _tag: "Reasoning" as const, text })),
    FastCheck.record({ _tag: FastCheck.constant("ToolCall" as const), id: word, name: word, arguments: word })
  )
  /** Neighbours that a stream cannot tell apart: two texts, and reasoning behind reasoning without a signature. */
  const isOneBlock = (before: Completion.OutputPart | undefined, part: Completion.OutputPart): boolean =>
    before?._tag === part._tag &&
    (part._tag === "Text" || (before._tag === "Reasoning" && before.signature === undefined))
  const parts = FastCheck.array(outputPart, { maxLength: 8 }).map((all) => {
    const kept: Array<Completion.OutputPart> = []
    for (const part of all) if (!isOneBlock(kept.at(-1), part)) kept.push(part)
    return kept
  })
  const rest = Arbitrary.make(Completion.Completion.omit("parts", "text", "toolCalls", "reasoning", "raw", "requestId"))

  it.effect.prop("undoes fromCompletion", [parts, rest], ([parts, rest]) =>
    Effect.gen(function* () {
      const completion = Completion.make({ ...rest, parts })
      expect(yield* StreamPart.collect(Stream.fromChunk(StreamPart.fromCompletion(completion)))).toStrictEqual(
        completion
      )
    })
  )

  it.effect.prop(
    "does not care how the parts are cut into chunks",
    [parts, FastCheck.integer({ min: 1, max: 4 })],
    ([parts, size]) =>
      Effect.gen(function* () {
        const completion = Completion.make({ ...finish, parts })
        const whole = yield* StreamPart.collect(Stream.fromChunk(StreamPart.fromCompletion(completion)))
        const cut = yield* StreamPart.collect(
          Stream.rechunk(Stream.fromChunk(StreamPart.fromCompletion(completion)), size)
        )
        expect(cut).toStrictEqual(whole)
      })
  )
})

describe("StreamPart.fromCompletion", () => {
  it("gives one delta per part and one Finish at the end", () => {
    const completion = Completion.make({
      ...finish,
      parts: [{ _tag: "Reasoning", text: "hm", signature: "s" }, { _tag: "Text", text: "a" }, call("1", "f", "{}")]
    })
    expect(Chunk.toReadonlyArray(StreamPart.fromCompletion(completion))).toStrictEqual([
      reasoning("hm", "s"),
      text("a"),
      start("1", "f"),
      delta("1", "{}"),
      end("1", "f", "{}"),
      finish
    ])
  })
})

describe("StreamPart.text", () => {
  it.effect("is the text alone, one string per chunk, none of them empty", () =>
    Effect.gen(function* () {
      const chunks = [[text("a"), text("b")], [reasoning("hm")], [text("")], [start("1", "f"), text("c")], [finish]]
      const stream = Stream.fromIterable(chunks).pipe(Stream.map(Chunk.fromIterable), Stream.flattenChunks)
      expect(Chunk.toReadonlyArray(yield* Stream.runCollect(StreamPart.text(stream)))).toEqual(["ab", "c"])
    })
  )
})

describe("StreamPart.Given", () => {
  const noted = (...parts: ReadonlyArray<StreamPart.StreamPart>): StreamPart.Given => {
    const given = new StreamPart.Given()
    given.note(Chunk.fromIterable(parts))
    return given
  }

  it("leaves every error as it is before the first visible part; a Finish is none", () => {
    for (const error of [...retryableErrors, ...terminalErrors]) {
      expect(noted().failure(error)).toBe(error)
      expect(noted(finish).failure(error)).toBe(error)
    }
  })

  it("makes a StreamInterrupted of a retryable error behind one, with the text, the cause and the error's facts", () => {
    const error = new LlmError.RateLimited({
      provider: "p",
      model: "m",
      message: "slow down",
      status: 429,
      requestId: "req_1",
      body: "{}",
      attempts: 3,
      retryAfter: Duration.seconds(20)
    })
    const broken = noted(reasoning("hm"), text("One "), text("two")).failure(error)
    expect(broken).toMatchObject({
      _tag: "StreamInterrupted",
      provider: "p",
      model: "m",
      message: "the stream broke: slow down",
      status: 429,
      requestId: "req_1",
      body: "{}",
      attempts: 3,
      text: "One two"
    })
    expect(LlmError.retryAfter(broken)).toEqual(Option.some(Duration.seconds(20)))
    expect(broken).toHaveProperty("cause", error)
  })

  it("leaves terminal errors and StreamInterrupted as they are", () => {
    for (const error of [...terminalErrors, retryable.StreamInterrupted])
      expect(noted(text("a")).failure(error)).toBe(error)
  })
})

describe("StreamPart, as data", () => {
  // A latency is kept in milliseconds: what a double cannot hold of its nanoseconds is lost.
  const parts = Arbitrary.make(StreamPart.StreamPart).map((part): StreamPart.StreamPart =>
    part._tag === "Finish" ? { ...part, latency: Duration.millis(Math.trunc(Duration.toMillis(part.latency))) } : part
  )

  it.prop("comes back as it was", [parts], ([part]) => {
    const encoded = Schema.encodeSync(StreamPart.StreamPart)(part)
    expect(Schema.decodeSync(StreamPart.StreamPart)(encoded)).toEqual(part)
  })
})

describe("StreamPart.forEachChunk", () => {
  const parts: ReadonlyArray<StreamPart.StreamPart> = [
    { _tag: "TextDelta", text: "a" },
    { _tag: "TextDelta", text: "b" }
  ]

  it.effect("gives every part once, in order, with the chunks as they came", () =>
    Effect.gen(function* () {
      const seen: Array<ReadonlyArray<StreamPart.StreamPart>> = []
      yield* Stream.fromChunks(Chunk.fromIterable(parts), Chunk.fromIterable(parts)).pipe(
        StreamPart.forEachChunk((chunk) => Effect.sync(() => seen.push(Chunk.toReadonlyArray(chunk))))
      )
      expect(seen).toEqual([parts, parts])
    })
  )

  it.effect("fails with the stream's error, or with that of the function, and ends the stream then", () =>
    Effect.gen(function* () {
      let ended = 0
      const stream = Stream.fromIterable(parts).pipe(Stream.ensuring(Effect.sync(() => ended++)))
      const ofStream = yield* stream.pipe(
        Stream.concat(Stream.fail("of the stream")),
        StreamPart.forEachChunk(() => Effect.void),
        Effect.flip
      )
      const ofFunction = yield* stream.pipe(
        StreamPart.forEachChunk(() => Effect.fail("of the function")),
        Effect.flip
      )
      expect([ofStream, ofFunction, ended]).toEqual(["of the stream", "of the function", 2])
    })
  )

  it.effect("ends the stream when it is interrupted", () =>
    Effect.gen(function* () {
      let ended = false
      const fiber = yield* Stream.never.pipe(
        Stream.ensuring(Effect.sync(() => (ended = true))),
        StreamPart.forEachChunk(() => Effect.void),
        Effect.fork
      )
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      expect(ended).toBe(true)
    })
  )
})
