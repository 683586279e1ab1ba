import { assertType, describe, expect, expectTypeOf, it } from "@effect/vitest"
import { Chunk, type ConfigError, Context, Data, Deferred, Effect, Fiber, Layer, Ref, Schema, Stream } from "effect"
import { type LlmClient, LlmError, type Prices, Prompt, Tool, Toolkit } from "effect-llm"
import { MockLlm } from "effect-llm/testing"

const weather = Tool.make("weather", {
  description: "The weather of a city, now",
  parameters: Schema.Struct({ city: Schema.String, days: Schema.optional(Schema.Int) }),
  success: Schema.Struct({ celsius: Schema.Number, at: Schema.Date }),
  failure: Schema.Struct({ reason: Schema.String })
})
const clock = Tool.make("clock", { description: "The time, now" })
const toolkit = Toolkit.make(weather, clock)

const noon = new Date("2026-01-02T12:00:00Z")
const Handlers = Toolkit.layer(toolkit, {
  weather: ({ city }) =>
    city === "Atlantis" ? Effect.fail({ reason: "it sank" }) : Effect.succeed({ celsius: 21, at: noon }),
  clock: () => Effect.succeed("noon")
})

const call = (id: string, name: string, args: unknown): Omit<Prompt.ToolCallPart, "_tag"> => ({
  id,
  name,
  arguments: typeof args === "string" ? args : JSON.stringify(args)
})
const calling = (...calls: ReadonlyArray<Omit<Prompt.ToolCallPart, "_tag">>): MockLlm.Reply => ({
  toolCalls: calls,
  usage: { inputTokens: 100, outputTokens: 10 }
})
const answering = (text: string): MockLlm.Reply => ({ text, usage: { inputTokens: 200, outputTokens: 20 } })

const usd: Prices.PriceTable = {
  date: "2026-01-01",
  rows: [{ provider: "mock", model: "mock-model", input: 1e4, output: 1e5 }]
}

/** What the model was told of the tools' results, call by call. */
const resultsIn = (request: MockLlm.Call | undefined): ReadonlyArray<Prompt.ToolResultPart> =>
  request === undefined || request.operation === "embed"
    ? []
    : request.request.prompt.flatMap((message) =>
        message.content.flatMap((part) => (part._tag === "ToolResult" ? [part] : []))
      )

const withMock = <A, E>(
  answers: MockLlm.Answers,
  effect: Effect.Effect<A, E, LlmClient.LlmClient | MockLlm.MockLlm | Toolkit.Handlers<typeof toolkit.tools>>
) => effect.pipe(Effect.provide(Handlers), Effect.provide(MockLlm.layer(answers)))

describe("a run of a toolkit", () => {
  it.effect("runs the tools that the model calls, and gives it what they gave, until it calls none", () =>
    withMock(
      [calling(call("1", "weather", { city: "Lisbon" }), call("2", "clock", "")), answering("21 °C at noon.")],
      Effect.gen(function* () {
        const run = yield* Toolkit.run("How is Lisbon?", { toolkit, prices: usd })
        expect(run.text).toBe("21 °C at noon.")
        expect(run.steps.map(({ index, results }) => [index, results.length])).toEqual([
          [0, 2],
          [1, 0]
        ])
        expect(run.usage).toMatchObject({ inputTokens: 300, outputTokens: 30 })
        expect(run.cost).toBeCloseTo(6)
        const calls = yield* MockLlm.calls
        expect(resultsIn(calls[1])).toEqual([
          { _tag: "ToolResult", id: "1", content: '{"celsius":21,"at":"2026-01-02T12:00:00.000Z"}' },
          { _tag: "ToolResult", id: "2", content: "noon" }
        ])
        expect(run.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"])
      })
    )
  )

  it.effect("takes null for an argument that is left out, as models write it that are held to the schema", () =>
    withMock(
      [calling(call("1", "weather", { city: "Lisbon", days: null })), answering("21 °C.")],
      Effect.gen(function* () {
        const run = yield* Toolkit.run("How is Lisbon?", { toolkit })
        expect(run.steps[0]?.results).toMatchObject([{ outcome: { _tag: "Succeeded" } }])
      })
    )
  )

  it.effect("tells the model of its tools at every step, and keeps the settings of the request", () =>
    withMock(
      [calling(call("1", "clock", {})), answering("noon")],
      Effect.gen(function* () {
        yield* Toolkit.run({ prompt: "When?", temperature: 0, model: "other", toolChoice: "required" }, { toolkit })
        const requests = (yield* MockLlm.calls).map(({ request }) => request)
        expect(requests.map((request) => "prompt" in request && request.tools?.map(({ name }) => name))).toEqual([
          ["weather", "clock"],
          ["weather", "clock"]
        ])
        expect(requests).toMatchObject([
          { temperature: 0, model: "other", toolChoice: "required" },
          { temperature: 0, model: "other" }
        ])
        // A choice that forces a call holds for the first step only.
        expect(requests[1]).not.toHaveProperty("toolChoice")
      })
    )
  )

  it.effect("runs at most so many tools of a step at once, and gives their results in the order of the calls", () =>
    Effect.gen(function* () {
      const running = yield* Ref.make(0)
      const most = yield* Ref.make(0)
      const slow = Tool.make("slow", { description: "takes a while", parameters: Schema.Struct({ n: Schema.Number }) })
      const kit = Toolkit.make(slow)
      const layer = Toolkit.layer(kit, {
        slow: ({ n }) =>
          Effect.gen(function* () {
            const now = yield* Ref.updateAndGet(running, (count) => count + 1)
            yield* Ref.update(most, (before) => Math.max(before, now))
            for (let turn = 0; turn < 20 - n; turn++) yield* Effect.yieldNow()
            yield* Ref.update(running, (count) => count - 1)
            return n
          })
      })
      const calls = Array.from({ length: 9 }, (_, n) => call(String(n), "slow", { n }))
      const run = yield* Toolkit.run("Go.", { toolkit: kit, concurrency: 3 }).pipe(
        Effect.provide(layer),
        Effect.provide(MockLlm.layer([calling(...calls), answering("done")]))
      )
      expect(yield* Ref.get(most)).toBe(3)
      expect(run.steps[0]?.results.map(({ outcome }) => outcome.content)).toEqual(calls.map(({ id }) => id))
    })
  )

  it.effect("ends at the last step with all that was paid for, and does not run what is called there", () =>
    Effect.gen(function* () {
      const ran = yield* Ref.make(0)
      const layer = Toolkit.layer(Toolkit.make(clock), { clock: () => Ref.update(ran, (count) => count + 1) })
      const error = yield* Toolkit.run("Loop.", { toolkit: Toolkit.make(clock), maxSteps: 3, prices: usd }).pipe(
        Effect.flip,
        Effect.provide(layer),
        Effect.provide(MockLlm.layer(() => calling(call("1", "clock", {}))))
      )
      expect(error._tag).toBe("StepsExhausted")
      expect(error.message).toContain("maxSteps")
      expect(error.progress.steps.length).toBe(3)
      expect(error.progress.usage.inputTokens).toBe(300)
      expect(error.progress.cost).toBeCloseTo(6)
      expect(yield* Ref.get(ran)).toBe(2)
      // No provider takes a call without its result.
      expect(error.progress.messages.at(-1)).toEqual(Prompt.toolResult("1", "The call was not run.", { isError: true }))
      const run = yield* Toolkit.run(error.progress.messages, { toolkit: Toolkit.make(clock) }).pipe(
        Effect.provide(layer),
        Effect.provide(MockLlm.layer("Enough."))
      )
      expect(run.text).toBe("Enough.")
    })
  )

  it.effect.each([0, -1, Number.NaN])("is bounded where maxSteps is %s", (maxSteps) =>
    withMock(
      () => calling(call("1", "clock", {})),
      Effect.map(Effect.flip(Toolkit.run("Loop.", { toolkit, maxSteps })), (error) => {
        expect(error._tag).toBe("StepsExhausted")
        expect(error.progress.steps.length).toBe(1)
      })
    )
  )

  it.effect("can have the model answer at its last step, without tools", () =>
    withMock(
      (request) => (request.toolChoice === "none" ? answering("enough") : calling(call("1", "clock", {}))),
      Effect.map(Toolkit.run("Loop.", { toolkit, maxSteps: 3, onLastStep: "answer" }), (run) => {
        expect([run.text, run.steps.length]).toEqual(["enough", 3])
      })
    )
  )

  it.effect("keeps what was done before a call fails, and what that call used", () =>
    withMock(
      [
        calling(call("1", "clock", {})),
        new LlmError.ContentFiltered({
          provider: "mock",
          model: "m",
          message: "no",
          usage: { inputTokens: 7, outputTokens: 1 }
        })
      ],
      Effect.map(Effect.flip(Toolkit.run("Hi.", { toolkit, prices: usd })), (error) => {
        expect(error._tag === "CallFailed" && error.cause._tag).toBe("ContentFiltered")
        expect(error.progress.steps.map(({ results }) => results.length)).toEqual([1])
        expect(error.progress.usage).toMatchObject({ inputTokens: 107, outputTokens: 11 })
        expect(error.progress.cost).toBeCloseTo(2.17)
      })
    )
  )

  it.effect("says that the cost is not known where a model has no price", () =>
    withMock(
      answering("yes"),
      Effect.map(Toolkit.run("Hi.", { toolkit }), (run) => expect(run.cost).toBeUndefined())
    )
  )

  it.effect("is interrupted with the tools that it runs", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const left = yield* Ref.make(false)
      const layer = Toolkit.layer(Toolkit.make(clock), {
        clock: () =>
          Deferred.succeed(started, undefined).pipe(
            Effect.zipRight(Effect.never),
            Effect.onInterrupt(() => Ref.set(left, true))
          )
      })
      const fiber = yield* Toolkit.run("Wait.", { toolkit: Toolkit.make(clock) }).pipe(
        Effect.provide(layer),
        Effect.provide(MockLlm.layer(() => calling(call("1", "clock", {})))),
        Effect.fork
      )
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      expect(yield* Ref.get(left)).toBe(true)
    })
  )
})

describe("a call that does not work out", () => {
  const bad: ReadonlyArray<readonly [string, ReturnType<typeof call>, RegExp, string]> = [
    ["of a tool that does not exist", call("1", "moon", {}), /no tool named "moon".*weather, clock/, "UnknownTool"],
    ["named like a member of every object", call("1", "constructor", {}), /no tool named/, "UnknownTool"],
    ["with half a JSON", call("1", "weather", '{"city":"Lis'), /no JSON/, "InvalidArguments"],
    [
      "with arguments of the wrong type",
      call("1", "weather", { city: 1, days: 0.5 }),
      /city[^]*days/,
      "InvalidArguments"
    ],
    ["without its arguments", call("1", "weather", ""), /is missing/, "InvalidArguments"],
    [
      "with arguments that no stack can follow",
      call("1", "weather", `{"city":${"[".repeat(5000)}${"]".repeat(5000)}}`),
      /nested more than 256 deep/,
      "InvalidArguments"
    ]
  ]

  it.effect("with arguments that do not fit is told so in few words, and chooses no prototype", () => {
    const kit = Toolkit.make(
      Tool.make("note", {
        description: "Takes a note",
        parameters: Schema.Struct({ tags: Schema.Record({ key: Schema.String, value: Schema.Unknown }) })
      })
    )
    return Effect.gen(function* () {
      const mock = yield* MockLlm.make([
        calling(
          call("1", "note", { tags: Array.from({ length: 10_000 }, () => "x") }),
          call("2", "note", '{"tags":{"__proto__":{"admin":true}}}')
        ),
        answering("ok")
      ])
      const layer = Toolkit.layer(kit, { note: ({ tags }) => Effect.succeed({ admin: tags["admin"] ?? "no" }) })
      yield* Toolkit.run("Hi.", { toolkit: kit }).pipe(Effect.provide(layer), Effect.provide(mock.layer))
      const [wrong, right] = resultsIn((yield* mock.calls)[1])
      expect(wrong?.content.length).toBeLessThanOrEqual(4096)
      expect(right?.content).toBe('{"admin":"no"}')
    })
  })

  it.effect.each(bad)("%s goes back to the model, which may call again", ([, wrong, words]) =>
    withMock(
      [calling(wrong), answering("sorry")],
      Effect.gen(function* () {
        const run = yield* Toolkit.run("Hi.", { toolkit })
        expect(run.text).toBe("sorry")
        const [result] = resultsIn((yield* MockLlm.calls)[1])
        expect(result).toMatchObject({ id: "1", isError: true })
        expect(result?.content).toMatch(words)
      })
    )
  )

  it.effect.each(bad)("%s ends the run where it is to, before any tool of the step runs", ([, wrong, words, problem]) =>
    Effect.gen(function* () {
      const ran = yield* Ref.make(0)
      const layer = Toolkit.layer(toolkit, {
        weather: () => Effect.succeed({ celsius: 1, at: noon }),
        clock: () => Ref.update(ran, (count) => count + 1)
      })
      const error = yield* Toolkit.run("Hi.", { toolkit, onInvalidCall: "fail" }).pipe(
        Effect.flip,
        Effect.provide(layer),
        Effect.provide(MockLlm.layer([calling(call("0", "clock", {}), wrong)]))
      )
      expect(error).toMatchObject({ _tag: "InvalidToolCall", problem, call: { id: "1" } })
      expect(error.message).toMatch(words)
      expect(error.progress.steps.length).toBe(1)
      expect(yield* Ref.get(ran)).toBe(0)
      expect(error.progress.messages.at(-1)).toMatchObject({
        role: "tool",
        content: [
          { id: "0", content: "The call was not run." },
          { id: "1", content: error.message, isError: true }
        ]
      })
    })
  )

  it.effect("that fails goes back to the model in the words of its Schema", () =>
    withMock(
      [calling(call("1", "weather", { city: "Atlantis" })), answering("gone")],
      Effect.gen(function* () {
        yield* Toolkit.run("Hi.", { toolkit })
        expect(resultsIn((yield* MockLlm.calls)[1])).toEqual([
          { _tag: "ToolResult", id: "1", content: '{"reason":"it sank"}', isError: true }
        ])
      })
    )
  )

  it.effect("that fails ends the run where it is to, when the other tools of the step have ended", () =>
    withMock(
      [calling(call("1", "weather", { city: "Atlantis" }), call("2", "clock", {}))],
      Effect.map(Effect.flip(Toolkit.run("Hi.", { toolkit, onToolFailure: "fail" })), (error) => {
        expect(error).toMatchObject({ _tag: "ToolFailed", call: { id: "1" }, cause: { reason: "it sank" } })
        expect(error.progress.steps[0]?.results.map(({ outcome }) => outcome._tag)).toEqual(["Failed", "Succeeded"])
      })
    )
  )

  it.effect("that dies ends the run with what it died of, and tells the model nothing", () =>
    Effect.gen(function* () {
      const layer = Toolkit.layer(Toolkit.make(clock), { clock: () => Effect.die(new Error("a secret of ours")) })
      const error = yield* Toolkit.run("Hi.", { toolkit: Toolkit.make(clock) }).pipe(
        Effect.flip,
        Effect.provide(layer),
        Effect.provide(MockLlm.layer([calling(call("1", "clock", {}))]))
      )
      expect(error._tag).toBe("ToolFailed")
      expect(error.message).toContain("a secret of ours")
      expect(JSON.stringify(error.progress.messages)).not.toContain("secret")
    })
  )

  it.effect("that interrupts itself ends the run with all that was done", () =>
    Effect.gen(function* () {
      const layer = Toolkit.layer(Toolkit.make(clock), { clock: () => Effect.interrupt })
      const run = Toolkit.run("Hi.", { toolkit: Toolkit.make(clock), prices: usd })
      const error = yield* run.pipe(
        Effect.flip,
        Effect.provide(layer),
        Effect.provide(MockLlm.layer([calling(call("1", "clock", {}))]))
      )
      expect(error).toMatchObject({ _tag: "ToolFailed", progress: { usage: { inputTokens: 100 }, cost: 2 } })
    })
  )

  class Nameless extends Data.TaggedError("Nameless") {}
  const circle: Record<string, unknown> = { kind: "circle" }
  circle["self"] = circle

  it.effect.each([
    ["an error without a message", new Nameless(), "the tool clock failed: Nameless"],
    ["a number that JSON does not know", { n: 1n }, "the tool clock failed: [object Object]"],
    ["a circle", circle, 'the tool clock failed: {"kind":"circle","self":{"kind":"circle"}}'],
    ["a text", "no battery", "the tool clock failed: no battery"],
    ["nothing", undefined, "the tool clock failed: undefined"]
  ] as const)("that dies of %s says so in the error", ([, defect, message]) =>
    Effect.gen(function* () {
      const layer = Toolkit.layer(Toolkit.make(clock), { clock: () => Effect.die(defect) })
      const error = yield* Toolkit.run("Hi.", { toolkit: Toolkit.make(clock) }).pipe(
        Effect.flip,
        Effect.provide(layer),
        Effect.provide(MockLlm.layer([calling(call("1", "clock", {}))]))
      )
      expect(error.message).toBe(message)
    })
  )

  it.effect("whose result does not fit its Schema is a mistake of the program", () =>
    Effect.gen(function* () {
      const circular: Record<string, unknown> = {}
      circular["self"] = circular
      const layer = Toolkit.layer(Toolkit.make(clock), { clock: () => Effect.succeed(circular) })
      const error = yield* Toolkit.run("Hi.", { toolkit: Toolkit.make(clock) }).pipe(
        Effect.flip,
        Effect.provide(layer),
        Effect.provide(MockLlm.layer([calling(call("1", "clock", {}))]))
      )
      expect(error._tag).toBe("ToolFailed")
    })
  )
})

describe("approval", () => {
  it.effect("is asked before each call, with its arguments as read, one after the other", () =>
    withMock(
      [
        calling(call("1", "weather", { city: "Lisbon" }), call("2", "clock", {}), call("3", "weather", "{")),
        answering("ok")
      ],
      Effect.gen(function* () {
        const asked = yield* Ref.make<ReadonlyArray<unknown>>([])
        const run = yield* Toolkit.run("Hi.", {
          toolkit,
          approve: ({ call, parameters }) =>
            Effect.as(
              Ref.update(asked, (before) => [...before, [call.name, parameters]]),
              call.name === "clock" ? "not on Sundays" : true
            )
        })
        expect(yield* Ref.get(asked)).toEqual([
          ["weather", { city: "Lisbon" }],
          ["clock", {}]
        ])
        expect(run.steps[0]?.results.map(({ outcome }) => outcome._tag)).toEqual(["Succeeded", "Denied", "InvalidCall"])
        expect(resultsIn((yield* MockLlm.calls)[1])[1]).toEqual({
          _tag: "ToolResult",
          id: "2",
          content: "The call was not approved: not on Sundays",
          isError: true
        })
      })
    )
  )

  it.effect("that is not given keeps the tool from running", () =>
    withMock(
      [calling(call("1", "clock", {})), answering("ok")],
      Effect.map(Toolkit.run("Hi.", { toolkit, approve: () => Effect.succeed(false) }), (run) =>
        expect(run.steps[0]?.results[0]?.outcome).toEqual({ _tag: "Denied", content: "The call was not approved." })
      )
    )
  )
})

describe("the stream of a run", () => {
  const script = [calling(call("1", "clock", {})), answering("It is noon.")]

  it.effect("says what happens as it happens, and ends in what `run` gives", () =>
    Effect.gen(function* () {
      const events = Chunk.toReadonlyArray(
        yield* withMock(script, Stream.runCollect(Toolkit.stream("When?", { toolkit, prices: usd })))
      )
      expect(events.filter(({ _tag }) => _tag !== "Part").map(({ _tag }) => _tag)).toEqual([
        "StepStart",
        "ToolStart",
        "ToolEnd",
        "StepEnd",
        "StepStart",
        "StepEnd",
        "Finish"
      ])
      const text = events.flatMap((event) =>
        event._tag === "Part" && event.part._tag === "TextDelta" ? [[event.step, event.part.text]] : []
      )
      expect(text.length).toBeGreaterThan(1)
      expect(text.map(([, piece]) => piece).join("")).toBe("It is noon.")
      expect(new Set(text.map(([step]) => step))).toEqual(new Set([1]))
      const last = events.at(-1)
      const run = yield* withMock(script, Toolkit.run("When?", { toolkit, prices: usd }))
      expect(last?._tag === "Finish" && last.run).toEqual(run)
    })
  )

  it.effect("ends in the error that `run` ends in, behind all events before it", () =>
    Effect.gen(function* () {
      const busy = new LlmError.Overloaded({ provider: "mock", model: "mock-model", message: "busy" })
      const seen = yield* Ref.make<ReadonlyArray<string>>([])
      const error = yield* withMock(
        [calling(call("1", "clock", {})), { text: ["half ", "an "], error: busy }],
        Toolkit.stream("When?", { toolkit }).pipe(
          Stream.runForEach((event) => Ref.update(seen, (before) => [...before, event._tag])),
          Effect.flip
        )
      )
      expect(error._tag === "CallFailed" && error.cause).toMatchObject({ _tag: "StreamInterrupted", text: "half an " })
      expect(error.progress.steps.length).toBe(1)
      expect((yield* Ref.get(seen)).slice(-3)).toEqual(["StepStart", "Part", "Part"])
    })
  )

  it.effect("interrupts what is under way when it is left", () =>
    Effect.gen(function* () {
      const left = yield* Ref.make(false)
      const layer = Toolkit.layer(Toolkit.make(clock), {
        clock: () => Effect.onInterrupt(Effect.never, () => Ref.set(left, true))
      })
      yield* Toolkit.stream("When?", { toolkit: Toolkit.make(clock) }).pipe(
        Stream.takeUntil((event) => event._tag === "ToolStart"),
        Stream.runDrain,
        Effect.provide(layer),
        Effect.provide(MockLlm.layer(script))
      )
      expect(yield* Ref.get(left)).toBe(true)
    })
  )
})

describe("handlers", () => {
  class Thermometer extends Context.Tag("test/Thermometer")<Thermometer, { readonly celsius: number }>() {}

  it.effect("take services from the Layer that they are made in, or from an Effect", () =>
    Effect.gen(function* () {
      const kit = Toolkit.make(clock)
      const Service = Layer.succeed(Thermometer, { celsius: 30 })
      const plain = Toolkit.layer(kit, { clock: () => Effect.map(Thermometer, ({ celsius }) => celsius) })
      const effectful = Toolkit.layerEffect(
        kit,
        Effect.map(Thermometer, ({ celsius }) => ({ clock: () => Effect.succeed(celsius + 1) }))
      )
      const ask = (layer: Layer.Layer<Toolkit.Handlers<typeof kit.tools>, ConfigError.ConfigError>) =>
        Toolkit.run("Hi.", { toolkit: kit }).pipe(
          Effect.map(({ steps }) => steps[0]?.results[0]?.outcome.content),
          Effect.provide(layer),
          Effect.provide(MockLlm.layer([calling(call("1", "clock", {})), answering("ok")]))
        )
      expect(yield* ask(Layer.provide(plain, Service))).toBe("30")
      expect(yield* ask(Layer.provide(effectful, Service))).toBe("31")
    })
  )

  it.effect("of several toolkits go together where all their tools are used", () =>
    Effect.gen(function* () {
      const both = Toolkit.make(...Toolkit.make(weather).tools, ...Toolkit.make(clock).tools)
      const layers = Layer.mergeAll(
        Toolkit.layer(Toolkit.make(weather), { weather: () => Effect.succeed({ celsius: 5, at: noon }) }),
        Toolkit.layer(Toolkit.make(clock), { clock: () => Effect.succeed("six") })
      )
      const run = yield* Toolkit.run("Hi.", { toolkit: both }).pipe(
        Effect.provide(layers),
        Effect.provide(MockLlm.layer([calling(call("1", "clock", {})), answering("ok")]))
      )
      expect(run.steps[0]?.results[0]?.outcome.content).toBe("six")
    })
  )

  const nameOf = (name: string) => name
  const unbuildable: ReadonlyArray<readonly [string, Tool.AnyTool, RegExp]> = [
    ["a name with a blank", { ...clock, name: nameOf("the clock") }, /at most 64 letters.*the clock/],
    ["an empty name", { ...clock, name: nameOf("") }, /at most 64 letters/],
    ["a name of 65 letters", { ...clock, name: nameOf("a".repeat(65)) }, /at most 64 letters/],
    ["parameters that are a text", { ...clock, parameters: Schema.String }, /must be an object/],
    ["parameters that are a list", { ...clock, parameters: Schema.Array(Schema.String) }, /must be an object/],
    [
      "parameters that JSON cannot hold",
      { ...clock, parameters: Schema.Struct({ at: Schema.DateFromSelf }) },
      /at|DateFromSelf/
    ]
  ]

  it.effect.each(unbuildable)("of a tool with %s do not build: the error names the tool", ([, tool, words]) =>
    Effect.gen(function* () {
      const kit: Toolkit.Toolkit<ReadonlyArray<Tool.AnyTool>> = { tools: [tool] }
      const layer = Toolkit.layer(kit, { [tool.name]: () => Effect.void })
      const error = yield* Effect.flip(Effect.scoped(Effect.provide(Layer.build(layer), Context.empty())))
      expect(String(error)).toMatch(words)
      expect(error).toMatchObject({ _op: "InvalidData", path: expect.arrayContaining([tool.name]) })
    }).pipe(Effect.provide(Context.empty() as Context.Context<unknown>))
  )

  it.effect("of two tools of one name do not build where the compiler did not see it", () =>
    Effect.gen(function* () {
      const kit: Toolkit.Toolkit<ReadonlyArray<Tool.AnyTool>> = { tools: [clock, clock] }
      const layer = Toolkit.layer(kit, { clock: () => Effect.void })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      expect(String(error)).toContain("two tools are named clock")
    }).pipe(Effect.provide(Context.empty() as Context.Context<unknown>))
  )
})

describe("the types of toolkits", () => {
  it("give handlers the arguments of their tools, and ask for what handlers need", () => {
    const kit = Toolkit.make(weather, clock)
    const layer = Toolkit.layer(kit, {
      weather: (parameters) => {
        expectTypeOf(parameters).toEqualTypeOf<{ readonly city: string; readonly days?: number | undefined }>()
        return Effect.succeed({ celsius: 1, at: noon })
      },
      clock: () => Effect.succeed(1)
    })
    expectTypeOf(layer).toEqualTypeOf<Layer.Layer<Toolkit.Handlers<typeof kit.tools>, ConfigError.ConfigError>>()
    const run = Toolkit.run("Hi.", { toolkit: kit })
    expectTypeOf<Effect.Effect.Context<typeof run>>().toEqualTypeOf<
      LlmClient.LlmClient | Toolkit.Handler<typeof weather> | Toolkit.Handler<typeof clock>
    >()
    expectTypeOf<Effect.Effect.Error<typeof run>["_tag"]>().toEqualTypeOf<
      "CallFailed" | "StepsExhausted" | "ToolFailed" | "InvalidToolCall"
    >()
  })

  it("refuse names that no provider takes, and two tools of one name", () => {
    // @ts-expect-error a blank in the name
    assertType(() => Tool.make("the clock", { description: "" }))
    // @ts-expect-error a name begins with a letter
    assertType(() => Tool.make("1clock", { description: "" }))
    // @ts-expect-error no name at all
    assertType(() => Tool.make("", { description: "" }))
    // @ts-expect-error a description tells the model when to call it
    assertType(() => Tool.make("clock", {}))
    // @ts-expect-error two tools of one name
    assertType(() => Toolkit.make(weather, clock, Tool.make("weather", { description: "another" })))
    assertType(() => Tool.make("getWeather_v2-b", { description: "" }))
  })

  it("refuse handlers that are missing, or that give or fail with what the tool does not say", () => {
    const kit = Toolkit.make(weather)
    // @ts-expect-error no handler
    assertType(() => Toolkit.layer(kit, {}))
    // @ts-expect-error not what the tool gives
    assertType(() => Toolkit.layer(kit, { weather: () => Effect.succeed("warm") }))
    // @ts-expect-error not what the tool fails with
    assertType(() => Toolkit.layer(kit, { weather: () => Effect.fail("no") }))
    // @ts-expect-error a tool without a failure Schema cannot fail
    assertType(() => Toolkit.layer(Toolkit.make(clock), { clock: () => Effect.fail("no") }))
    // @ts-expect-error tools stand in the toolkit
    assertType(() => Toolkit.run({ prompt: "Hi.", tools: [] }, { toolkit: kit }))
  })
})
