import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Either, Layer, Redacted, Schema, Stream } from "effect"
import {
  Anthropic,
  AzureMetaLlama,
  ChatRequest,
  Completion,
  Gemini,
  LlmClient,
  LlmError,
  OpenAi,
  OpenAiCompatible,
  Policy,
  RetryPolicy,
  StructuredOutput,
  Zhipu
} from "effect-llm"
import { Fault, MockLlm, Simulator } from "effect-llm/testing"

const Ticket = Schema.Struct({ label: Schema.Literal("bug", "billing"), urgent: Schema.Boolean })
const ticket = { label: "bug", urgent: true } as const
const ticketText = JSON.stringify(ticket)

const generate = <A, I>(
  schema: Schema.Schema<A, I>,
  answers: MockLlm.Answers,
  options?: StructuredOutput.Options,
  input: ChatRequest.Input = "Hi"
) =>
  Effect.gen(function* () {
    const mock = yield* MockLlm.make(answers)
    const result = yield* Effect.either(
      Effect.provide(StructuredOutput.generateDetailed(schema, input, options), mock.layer)
    )
    const calls = yield* mock.calls
    const requests = calls.flatMap((call) => (call.operation === "embed" ? [] : [call.request]))
    return { result, requests, value: Either.map(result, ({ value }) => value) }
  })

const errorOf = <A, I>(
  schema: Schema.Schema<A, I>,
  answers: MockLlm.Answers,
  options?: StructuredOutput.Options,
  input?: ChatRequest.Input
) =>
  Effect.map(generate(schema, answers, options, input), ({ result }) => {
    const error = Either.getOrThrow(Either.flip(result))
    if (error._tag !== "InvalidOutput") throw error
    return error
  })

/** A client that cannot do these. */
const without =
  (...features: ReadonlyArray<"json-schema" | "tools">) =>
  (request: ChatRequest.ChatRequest): MockLlm.Answer => {
    const { responseFormat, tools = [] } = request
    const feature = features.find((each) => (each === "tools" ? tools.length > 0 : responseFormat !== undefined))
    if (feature !== undefined) {
      return new LlmError.UnsupportedFeature({ provider: "mock", model: "m", attempts: 0, feature, message: "no" })
    }
    const [tool] = tools
    return tool === undefined
      ? `Of course:\n\`\`\`json\n${ticketText}\n\`\`\``
      : { toolCalls: [{ id: "1", name: tool.name, arguments: ticketText }] }
  }

describe("StructuredOutput.generate", () => {
  it.effect("asks for the JSON schema of the encoded side, and decodes the answer", () =>
    Effect.gen(function* () {
      const schema = Schema.Struct({ at: Schema.Date.annotations({ description: "When" }) })
      const { requests, value } = yield* generate(schema, '{"at":"2024-05-06T07:08:09Z"}')
      expect(value).toEqual(Either.right({ at: new Date("2024-05-06T07:08:09Z") }))
      expect(requests[0]?.responseFormat).toMatchObject({
        _tag: "JsonSchema",
        name: "answer",
        strict: true,
        schema: {
          properties: { at: { allOf: [{ $ref: "#/$defs/DateFromString" }], description: "When" } },
          $defs: { DateFromString: { type: "string", format: "date-time" } }
        }
      })
    })
  )

  it.effect("is called what the Schema is called", () =>
    Effect.gen(function* () {
      const named = Ticket.annotations({ identifier: "Support ticket/1", description: "A label" })
      const { requests } = yield* generate(named, ticketText)
      expect(requests[0]?.responseFormat).toMatchObject({ name: "Support_ticket_1", description: "A label" })
    })
  )

  it.effect("tells a model what Effect says only in words of dates", () =>
    Effect.gen(function* () {
      const { requests } = yield* generate(Schema.Struct({ at: Schema.Date }), '{"at":"2024-05-06"}')
      expect(requests[0]?.responseFormat).toMatchObject({ schema: { $defs: { Date: { format: "date-time" } } } })
    })
  )

  it.effect("keeps the prompt and the settings of a request", () =>
    Effect.gen(function* () {
      const input = { prompt: "Hi", temperature: 0, metadata: { user: "u" } }
      const { requests } = yield* generate(Ticket, ticketText, {}, input)
      expect(requests[0]).toMatchObject({ ...ChatRequest.make(input) })
    })
  )

  it.effect("tells what it took", () =>
    Effect.gen(function* () {
      const usage = { inputTokens: 3, outputTokens: 4 }
      const { result } = yield* generate(Ticket, { text: ticketText, usage })
      expect(Either.getOrThrow(result)).toMatchObject({
        value: ticket,
        usage,
        mode: "native",
        attempts: 1,
        reasks: 0,
        completion: { text: ticketText }
      })
    })
  )

  const wrapped: ReadonlyArray<readonly [string, Schema.Schema.AnyNoContext, unknown]> = [
    ["a list", Schema.Array(Schema.Int), [1, 2]],
    ["a text", Schema.String, "a"],
    ["one of some words", Schema.Literal("a", "b"), "b"],
    ["a choice of objects", Schema.Union(Ticket, Schema.Struct({ other: Schema.String })), { other: "x" }],
    ["null or an object", Schema.NullOr(Ticket), null]
  ]
  it.effect.each(wrapped)("asks for %s within an object, and takes it out", ([, schema, value]) =>
    Effect.gen(function* () {
      for (const mode of ["native", "tool"] as const) {
        const text = JSON.stringify({ value })
        const answer = mode === "native" ? text : { toolCalls: [{ id: "1", name: "answer", arguments: text }] }
        const { requests, value: read } = yield* generate(schema, answer, { mode })
        expect(read).toEqual(Either.right(value))
        const asked = mode === "native" ? requests[0]?.responseFormat : requests[0]?.tools?.[0]
        expect(JSON.stringify(asked)).toContain('"required":["value"]')
      }
      const { value: read } = yield* generate(schema, JSON.stringify(value), { mode: "instructions" })
      expect(read).toEqual(Either.right(value))
    })
  )

  const nulls = Schema.Struct({
    a: Schema.optional(Schema.Int),
    b: Schema.optional(Schema.NullOr(Schema.Int)),
    c: Schema.optionalWith(Schema.Int, { default: () => 7 }),
    d: Schema.optional(Schema.Array(Schema.Struct({ e: Schema.optional(Schema.String) }))),
    f: Schema.optional(
      Schema.Union(
        Schema.TaggedStruct("G", { h: Schema.optional(Schema.Boolean) }),
        Schema.TaggedStruct("I", { h: Schema.NullOr(Schema.Int) })
      )
    )
  })
  it.effect("reads null for an optional property as one that was left out", () =>
    Effect.gen(function* () {
      const text = '{"a":null,"b":null,"c":null,"d":[{"e":null}],"f":{"_tag":"G","h":null}}'
      const { value } = yield* generate(nulls, text)
      expect(value).toEqual(Either.right({ b: null, c: 7, d: [{}], f: { _tag: "G" } }))
      const { value: other } = yield* generate(nulls, '{"f":{"_tag":"I","h":null}}')
      expect(other).toEqual(Either.right({ c: 7, f: { _tag: "I", h: null } }))
    })
  )

  it.effect("says in an InvalidRequest which part of a Schema has no JSON Schema", () =>
    Effect.gen(function* () {
      const { requests, result } = yield* generate(
        Schema.Struct({ a: Schema.Struct({ b: Schema.DateFromSelf }) }),
        "{}"
      )
      expect(result).toMatchObject({ left: { _tag: "InvalidRequest", param: "schema", attempts: 0 } })
      expect(Either.getOrThrow(Either.flip(result)).message).toContain('["a"]["b"]')
      expect(requests).toEqual([])
    })
  )
})

describe("the modes", () => {
  it.effect.each([
    [[], "native"],
    [["json-schema"], "tool"],
    [["json-schema", "tools"], "instructions"]
  ] as const)("a client without %s is asked by %s", ([features, mode]) =>
    Effect.gen(function* () {
      const { result } = yield* generate(Ticket, (request) =>
        request.responseFormat !== undefined && features.length === 0 ? ticketText : without(...features)(request)
      )
      expect(Either.getOrThrow(result)).toMatchObject({ mode, value: ticket, attempts: 1 })
    })
  )

  it.effect("a mode that is named is the only one", () =>
    Effect.gen(function* () {
      for (const [mode, feature] of [
        ["native", "json-schema"],
        ["tool", "tools"]
      ] as const) {
        const { result } = yield* generate(Ticket, without(feature), { mode })
        expect(result).toMatchObject({ left: { _tag: "UnsupportedFeature", feature } })
      }
    })
  )

  it.effect("the error of the last mode is the error, where none is taken", () =>
    Effect.gen(function* () {
      const refusal = new LlmError.UnsupportedFeature({
        provider: "mock",
        model: "m",
        attempts: 0,
        feature: "file-url",
        message: "no files"
      })
      const { result } = yield* generate(Ticket, refusal)
      expect(result).toEqual(Either.left(refusal))
    })
  )

  it.effect("a tool gets a name of its own, and the tools of the request stay", () =>
    Effect.gen(function* () {
      const own = { name: "answer", parameters: { type: "object" } }
      const answer = { toolCalls: [{ id: "1", name: "answer_", arguments: ticketText }] }
      const { requests, value } = yield* generate(Ticket, answer, { mode: "tool" }, { prompt: "Hi", tools: [own] })
      expect(value).toEqual(Either.right(ticket))
      expect(requests[0]?.tools?.map(({ name }) => name)).toEqual(["answer", "answer_"])
      expect(requests[0]?.toolChoice).toEqual({ tool: "answer_" })
    })
  )

  it.effect("instructions stand at the end of the last message of the user", () =>
    Effect.gen(function* () {
      const { requests } = yield* generate(Ticket, ticketText, { mode: "instructions" }, [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Label this." }
      ])
      const [system, user] = requests[0]?.prompt ?? []
      expect(system?.content).toEqual([{ _tag: "Text", text: "Be brief." }])
      expect(user?.content).toEqual([{ _tag: "Text", text: expect.stringMatching(/^Label this\.\n\n[^]*"billing"/) }])
      expect(requests[0]?.responseFormat).toBeUndefined()
    })
  )

  it.effect.each<readonly [string, string]>([
    ["a code fence", `\`\`\`json\n${ticketText}\n\`\`\``],
    ["prose around it", `Sure, here it is: ${ticketText} Is that [all]?`],
    ["an example before it", `Such as {"label":"billing","urgent":false}. So: ${ticketText}`],
    ["another value behind it", `${ticketText} as in [1]`]
  ])("instructions find the value in %s", ([, text]) =>
    Effect.gen(function* () {
      const { value } = yield* generate(Ticket, text, { mode: "instructions" })
      expect(value).toEqual(Either.right(ticket))
    })
  )

  it.effect("no other mode takes prose or code fences away", () =>
    Effect.gen(function* () {
      const fenced = `\`\`\`json\n${ticketText}\n\`\`\``
      const native = yield* errorOf(Ticket, fenced, { mode: "native" })
      expect(native.message).toMatch(/^the answer is no JSON/)
      expect(native.text).toBe(fenced)
      const call = { toolCalls: [{ id: "1", name: "answer", arguments: fenced }] }
      expect((yield* errorOf(Ticket, call, { mode: "tool" })).text).toBe(fenced)
    })
  )
})

describe("an answer that does not fit", () => {
  it.effect("is an InvalidOutput with the text, the tree, the issues and the usage", () =>
    Effect.gen(function* () {
      const text = '{"label":"other","urgent":"no"}'
      const usage = { inputTokens: 1, outputTokens: 2 }
      const error = yield* errorOf(Ticket, { text, usage })
      expect(error).toMatchObject({ provider: "mock", model: "mock-model", text, usage, attempts: 1 })
      expect(error.message).toContain('└─ ["urgent"]\n   └─ Expected boolean, actual "no"')
      expect(error.issues).toEqual([
        { path: ["label"], message: expect.stringContaining('"bug"') },
        { path: ["label"], message: expect.stringContaining('"billing"') },
        { path: ["urgent"], message: 'Expected boolean, actual "no"' }
      ])
      const encoded = Schema.encodeSync(LlmError.LlmError)(error)
      const decoded = Schema.decodeSync(LlmError.LlmError)(JSON.parse(JSON.stringify(encoded)))
      expect(decoded).toBeInstanceOf(LlmError.InvalidOutput)
      expect(decoded).toMatchObject({ issues: error.issues, text, usage, message: error.message })
    })
  )

  it.effect.each<readonly [string, MockLlm.Answer, StructuredOutput.Mode, RegExp]>([
    ["nothing", "", "native", /is empty/],
    ["half a JSON", '{"label":"bu', "native", /no JSON/],
    ["prose alone", "I would rather not.", "instructions", /no JSON/],
    ["prose in a number", "I say 42.", "instructions", /no JSON/],
    ["text instead of a call", "I would rather not.", "tool", /text instead of calling answer/],
    [
      "two calls",
      { toolCalls: ["1", "2"].map((id) => ({ id, name: "answer", arguments: ticketText })) },
      "tool",
      /made 2 calls/
    ],
    [
      "a call of what is not there",
      { toolCalls: [{ id: "1", name: "other", arguments: ticketText }] },
      "tool",
      /called "other"/
    ],
    ["half a call", { toolCalls: [{ id: "1", name: "answer", arguments: '{"label":' }] }, "tool", /no JSON/],
    [
      "a call of another tool",
      { toolCalls: [{ id: "1", name: "other", arguments: "{}" }] },
      "native",
      /called other instead/
    ],
    ["a value nested without end", "[".repeat(100_000) + "]".repeat(100_000), "native", /nested/],
    [
      "a value that breaks off",
      { text: '{"label":"bu', finishReason: { unified: "length", raw: "length" } },
      "native",
      /cut off.*raise maxTokens.*no JSON/
    ]
  ])("of %s says so", ([, answer, mode, message]) =>
    Effect.gen(function* () {
      const error = yield* errorOf(Ticket, answer, { mode })
      expect(error.message).toMatch(message)
      expect(error.usage).toBeDefined()
      expect(error.issues).toHaveLength(1)
    })
  )

  it.effect("which was cut within its last value is not the value before it", () =>
    Effect.gen(function* () {
      const text = `Such as ${ticketText}. So: {"label":"bil`
      const error = yield* errorOf(
        Ticket,
        { text, finishReason: { unified: "length", raw: "length" } },
        { mode: "instructions" }
      )
      expect(error.message).toContain("cut off")
    })
  )

  it.effect("which was cut within a number is no number", () =>
    Effect.gen(function* () {
      const answer = { text: "12", finishReason: { unified: "length", raw: "length" } } as const
      const error = yield* errorOf(Schema.Int, answer, { mode: "instructions" })
      expect(error.message).toContain("cut off")
    })
  )

  it.effect("keeps at most 100 issues and 4 KiB of their tree", () =>
    Effect.gen(function* () {
      const error = yield* errorOf(
        Schema.Struct({ a: Schema.Array(Schema.Int) }),
        JSON.stringify({ a: Array(500).fill("x") })
      )
      expect(error.issues).toHaveLength(100)
      expect(error.message.length).toBeLessThanOrEqual(4096)
    })
  )
})

describe("asking again", () => {
  const usage = { inputTokens: 10, outputTokens: 1 }
  const wrong = { text: '{"label":"other","urgent":true}', usage }

  it.effect("says what is wrong with the answer, and sums up what was paid", () =>
    Effect.gen(function* () {
      const { requests, result } = yield* generate(Ticket, [wrong, wrong, { text: ticketText, usage }], { retries: 2 })
      expect(Either.getOrThrow(result)).toMatchObject({
        value: ticket,
        usage: { inputTokens: 30, outputTokens: 3 },
        attempts: 3,
        reasks: 2
      })
      expect(requests.map((request) => request.metadata)).toEqual([undefined, { reask: 1 }, { reask: 2 }])
      expect(requests.map((request) => request.prompt.map(({ role }) => role).join())).toEqual([
        "user",
        "user,assistant,user",
        "user,assistant,user,assistant,user"
      ])
      const last = requests[2]?.prompt ?? []
      expect(last[1]?.content).toEqual([{ _tag: "Text", text: wrong.text }])
      expect(last[2]?.content[0]).toMatchObject({ text: expect.stringContaining('["label"]') })
      expect(requests[2]?.responseFormat).toEqual(requests[0]?.responseFormat)
    })
  )

  it.effect("ends, with the usage of all answers in the error", () =>
    Effect.gen(function* () {
      const error = yield* errorOf(Ticket, wrong, { retries: 3 }, { prompt: "Hi", metadata: { user: "u" } })
      expect(error).toMatchObject({ usage: { inputTokens: 40, outputTokens: 4 }, attempts: 4, text: wrong.text })
      expect(error.message).toMatch(/^asked 4 times/)
    })
  )

  it.effect("answers a call of the tool with what is wrong with it", () =>
    Effect.gen(function* () {
      const call = (text: string) => ({ toolCalls: [{ id: "1", name: "answer", arguments: text }] })
      const { requests, value } = yield* generate(Ticket, [call(wrong.text), call(ticketText)], {
        mode: "tool",
        retries: 1
      })
      expect(value).toEqual(Either.right(ticket))
      expect(requests[1]?.prompt.slice(1)).toMatchObject([
        { role: "assistant", content: [{ _tag: "ToolCall", arguments: wrong.text }] },
        { role: "tool", content: [{ _tag: "ToolResult", id: "1", isError: true }] }
      ])
    })
  )

  it.effect("puts arguments that are no JSON into words, which every provider takes", () =>
    Effect.gen(function* () {
      const call = (text: string) => ({ toolCalls: [{ id: "1", name: "answer", arguments: text }] })
      const { requests } = yield* generate(Ticket, [call('{"label":'), call(ticketText)], { mode: "tool", retries: 1 })
      expect(requests[1]?.prompt.slice(1)).toMatchObject([
        { role: "assistant", content: [{ _tag: "Text", text: '{"label":' }] },
        { role: "user" }
      ])
    })
  )

  it.effect("says nothing of an answer that was empty", () =>
    Effect.gen(function* () {
      for (const empty of ["", { text: "", reasoning: "Hm." }]) {
        const { requests } = yield* generate(Ticket, [empty, ticketText], { retries: 1 })
        expect(requests[1]?.prompt.map(({ role }) => role)).toEqual(["user", "user"])
      }
    })
  )

  it.effect("fails with the error of a call that fails, which counts the calls before it", () =>
    Effect.gen(function* () {
      const busy = new LlmError.RateLimited({ provider: "mock", model: "mock-model", message: "slow down" })
      const { result } = yield* generate(Ticket, [wrong, busy], { retries: 1 })
      expect(result).toMatchObject({ left: { _tag: "RateLimited", attempts: 2 } })
    })
  )

  const of = { provider: "mock", model: "mock-model", message: "no" }
  const ends: ReadonlyArray<readonly [LlmError.LlmError, object]> = [
    [new LlmError.ContentFiltered({ ...of, usage: { inputTokens: 7 } }), { inputTokens: 17, outputTokens: 5 }],
    [new LlmError.ContentFiltered(of), { inputTokens: 10, outputTokens: 5 }],
    [
      new LlmError.StreamInterrupted({ ...of, text: "", usage: { outputTokens: 1 } }),
      { inputTokens: 10, outputTokens: 6 }
    ],
    [new LlmError.InvalidOutput({ ...of, text: "" }), { inputTokens: 10, outputTokens: 5 }]
  ]

  it.effect.each(ends)("that fails with %s keeps the usage of the answers before it", ([error, usage]) =>
    Effect.gen(function* () {
      const answers = [{ ...wrong, usage: { inputTokens: 10, outputTokens: 5 } }, error]
      const { result } = yield* generate(Ticket, answers, { retries: 1 })
      expect(result).toMatchObject({ left: { _tag: error._tag, attempts: 2, usage } })
      const streamed = yield* StructuredOutput.stream(Ticket, "Hi", { retries: 1 }).pipe(
        Stream.runDrain,
        Effect.flip,
        Effect.provide(MockLlm.layer(answers))
      )
      expect(streamed).toMatchObject({ _tag: error._tag, attempts: 2, usage })
    })
  )
})

describe("What a model writes under __proto__", () => {
  it.effect.each(["native", "instructions"] as const)("is no part of the value (%s)", (mode) =>
    Effect.gen(function* () {
      const answer = '{"a":{"__proto__":{"admin":true},"b":1}}'
      const schema = Schema.Struct({ a: Schema.Record({ key: Schema.String, value: Schema.Unknown }) })
      for (const text of [answer, answer.replace("proto", "pr\\u006fto"), `Here: ${answer}`].slice(
        0,
        mode === "native" ? 2 : 3
      )) {
        const { a } = Either.getOrThrow((yield* generate(schema, text, { mode })).value)
        expect(a).toEqual({ b: 1 })
        expect(Object.getPrototypeOf(a)).toBe(Object.prototype)
        const partials = yield* StructuredOutput.stream(schema, "Hi", { mode }).pipe(
          Stream.runCollect,
          Effect.provide(MockLlm.layer({ text: [...text] }))
        )
        for (const { value } of partials) {
          if (value.a !== undefined) expect(Object.getPrototypeOf(value.a)).toBe(Object.prototype)
        }
      }
    })
  )
})

describe("StructuredOutput.stream", () => {
  const Story = Schema.Struct({
    title: Schema.String,
    at: Schema.Date,
    kind: Schema.Literal("tale", "tall"),
    words: Schema.Array(Schema.Struct({ word: Schema.String, stress: Schema.optional(Schema.Int) })),
    note: Schema.optional(Schema.String)
  })
  const text =
    '{"title":"The lamp","at":"2024-05-06T00:00:00Z","kind":"tall","words":[{"word":"lamp","stress":1},{"word":"sea","stress":null}],"note":null}'
  const story = {
    title: "The lamp",
    at: new Date("2024-05-06T00:00:00Z"),
    kind: "tall",
    words: [{ word: "lamp", stress: 1 }, { word: "sea" }]
  }

  const parts = <A, I>(schema: Schema.Schema<A, I>, answers: MockLlm.Answers, options?: StructuredOutput.Options) =>
    StructuredOutput.stream(schema, "Hi", options).pipe(
      Stream.runCollect,
      Effect.map(Chunk.toReadonlyArray),
      Effect.provide(MockLlm.layer(answers))
    )

  it.effect("gives what there is so far, decoded, and the value at the end", () =>
    Effect.gen(function* () {
      const all = yield* parts(Story, { text: [...text] })
      const partials = all.flatMap((part) => (part._tag === "Partial" ? [part.value] : []))
      expect(partials.slice(0, 3)).toEqual([{}, { title: "" }, { title: "T" }])
      expect(partials).toContainEqual({ title: "The lamp" })
      expect(partials).toContainEqual({ title: "The lamp", at: story.at })
      expect(partials).toContainEqual({ ...story, words: [story.words[0], { word: "s" }] })
      expect(partials.at(-1)).toEqual(story)
      const last = all.at(-1)
      expect(last).toMatchObject({ _tag: "Final", value: story, mode: "native", reasks: 0, completion: { text } })
      expect(all.filter(({ _tag }) => _tag === "Final")).toHaveLength(1)
    })
  )

  it.effect("shows no word of a few before it is one of them, and no date before it is whole", () =>
    Effect.gen(function* () {
      const all = yield* parts(Story, { text: [...text] })
      for (const part of all) {
        const { at, kind } = part.value
        expect([undefined, "tall"]).toContain(kind)
        expect(at === undefined || at.getTime() === story.at.getTime()).toBe(true)
      }
    })
  )

  it.effect("never gives the same twice", () =>
    Effect.gen(function* () {
      const all = yield* parts(Story, { text: [...text] })
      const seen = all.flatMap((part) => (part._tag === "Partial" ? [JSON.stringify(part.value)] : []))
      expect(new Set(seen).size).toBe(seen.length)
    })
  )

  it.effect("looks through classes, choices, defaults, renamed keys and filters", () =>
    Effect.gen(function* () {
      class Person extends Schema.Class<Person>("Person")({ name: Schema.NonEmptyString, age: Schema.Int }) {}
      const schema = Schema.Struct({
        people: Schema.Array(Person),
        shape: Schema.Union(
          Schema.TaggedStruct("Circle", { radius: Schema.Number }),
          Schema.TaggedStruct("Square", { side: Schema.Number })
        ),
        long: Schema.String.pipe(Schema.minLength(4)),
        count: Schema.propertySignature(Schema.NumberFromString).pipe(Schema.fromKey("n")),
        size: Schema.optionalWith(Schema.Int, { default: () => 3 }),
        scores: Schema.Record({ key: Schema.String, value: Schema.Int })
      })
      const answer =
        '{"people":[{"name":"Ada","age":36},{"name":"Al","age":1}],"shape":{"_tag":"Square","side":2},"long":"abcd","n":"12","scores":{"a":1,"b":2}}'
      const all = yield* parts(schema, { text: [...answer] })
      const partials = all.flatMap((part) => (part._tag === "Partial" ? [part.value] : []))
      expect(partials).toContainEqual({ people: [new Person({ name: "Ada", age: 36 }), { name: "A" }] })
      const withShape = partials.filter(({ shape }) => shape !== undefined).map(({ shape }) => JSON.stringify(shape))
      expect([...new Set(withShape)]).toEqual(["{}", '{"_tag":"Square"}', '{"_tag":"Square","side":2}'])
      expect(partials.some(({ long }) => long === "ab")).toBe(true)
      expect(partials.every((part) => part.count === undefined || part.count === 12)).toBe(true)
      expect(partials.slice(0, -1).every((part) => part.size === undefined)).toBe(true)
      expect(partials.at(-1)?.scores).toEqual({ a: 1, b: 2 })
      expect(all.at(-1)?.value.size).toBe(3)
    })
  )

  const Later = Schema.transformOrFail(Schema.String, Schema.String, {
    strict: true,
    decode: (text) => Effect.promise(() => Promise.resolve(text.toUpperCase())),
    encode: (text) => Effect.succeed(text)
  })
  const Keyed = Schema.Struct(
    {},
    { key: Schema.TemplateLiteral("text-", Schema.String), value: Schema.String },
    { key: Schema.TemplateLiteral("number-", Schema.String), value: Schema.NumberFromString }
  )
  /** All that is seen of a value, the last of it the value itself. */
  const growing: ReadonlyArray<readonly [string, Schema.Schema.AnyNoContext, string, ReadonlyArray<unknown>]> = [
    [
      "a word that another begins with",
      Schema.Struct({ is: Schema.Literal("no", "none") }),
      '{"is":"none"}',
      [{}, { is: "none" }]
    ],
    [
      "an enum that another begins with",
      Schema.Struct({ is: Schema.Enums({ A: "a", B: "ab" }) }),
      '{"is":"ab"}',
      [{}, { is: "ab" }]
    ],
    [
      "a text or a number from a text",
      Schema.Struct({ n: Schema.Union(Schema.NumberFromString, Schema.String) }),
      '{"n":"12"}',
      [{}, { n: 12 }]
    ],
    [
      "a record of several kinds of keys",
      Keyed,
      '{"text-a":"1","number-b":"2"}',
      [{}, { "text-a": "" }, { "text-a": "1" }, { "text-a": "1", "number-b": 2 }]
    ],
    [
      "a text that is no date",
      Schema.Union(Schema.Struct({ a: Schema.Date }), Schema.Struct({ a: Schema.String, b: Schema.Int })),
      '{"value":{"a":"hello","b":1}}',
      [{}, { a: "hello", b: 1 }]
    ],
    [
      "a tuple whose first item takes its time",
      Schema.Tuple(Later, Schema.String),
      '{"value":["a","b"]}',
      [[], ["A", "b"]]
    ]
  ]

  it.effect.each(growing)("shows nothing of %s that the value contradicts", ([, schema, answer, expected]) =>
    Effect.gen(function* () {
      const all = yield* parts(schema, { text: [...answer] })
      const seen = new Set(all.map(({ value }) => JSON.stringify(value)))
      expect([...seen].map((text): unknown => JSON.parse(text))).toEqual(expected)
    })
  )

  it.effect("streams the arguments of a call, and what stands amid prose", () =>
    Effect.gen(function* () {
      const client = yield* Effect.provide(LlmClient.LlmClient, MockLlm.layer([]))
      const delta = (piece: string) => ({ _tag: "ToolCallDelta", id: "1", arguments: piece }) as const
      const completion = Completion.make({
        parts: [],
        finishReason: { unified: "tool-calls", raw: "" },
        usage: {},
        model: "m",
        id: "i",
        warnings: [],
        cached: false,
        attempts: 1,
        latency: "0 millis" as never
      })
      const calling = Layer.succeed(LlmClient.LlmClient, {
        ...client,
        stream: () =>
          Stream.make(
            { _tag: "ToolCallStart", id: "1", name: "answer" } as const,
            ...[...ticketText].map(delta),
            { _tag: "ToolCallEnd", id: "1", name: "answer", arguments: ticketText } as const,
            { ...completion, _tag: "Finish" } as const
          )
      })
      const called = yield* StructuredOutput.stream(Ticket, "Hi", { mode: "tool" }).pipe(
        Stream.map(({ value }) => value),
        Stream.runCollect,
        Effect.provide(calling)
      )
      expect(Chunk.toReadonlyArray(called)).toEqual([{}, { label: "bug" }, ticket, ticket])
      const prose = yield* parts(Ticket, { text: [...`Well [sic]: ${ticketText}!`] }, { mode: "instructions" })
      expect(prose.map(({ value }) => value)).toEqual([{}, { label: "bug" }, ticket, ticket])
    })
  )

  it.effect("takes the value out of its object", () =>
    Effect.gen(function* () {
      const all = yield* parts(Schema.Array(Schema.String), { text: [...'{"value":["a","b"]}'] })
      expect(all.map(({ value }) => value)).toEqual([[], [""], ["a"], ["a", ""], ["a", "b"], ["a", "b"]])
    })
  )

  it.effect("falls back on other modes as generate does", () =>
    Effect.gen(function* () {
      const all = yield* parts(Ticket, without("json-schema", "tools"))
      expect(all.at(-1)).toMatchObject({ _tag: "Final", mode: "instructions", value: ticket })
    })
  )

  it.effect("that is cut fails, and has no value at its end", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const broken = new LlmError.ConnectionFailed({ provider: "mock", model: "m", message: "gone" })
      const error = yield* StructuredOutput.stream(Ticket, "Hi").pipe(
        Stream.runForEach((part) => Effect.sync(() => seen.push(part._tag))),
        Effect.flip,
        Effect.provide(MockLlm.layer({ text: ['{"label":', '"bug"', ',"urgent":true}'], error: broken }))
      )
      expect(error).toMatchObject({ _tag: "StreamInterrupted", text: ticketText })
      expect(new Set(seen)).toEqual(new Set(["Partial"]))
    })
  )

  it.effect("that does not fit fails at its end, or is asked for again", () =>
    Effect.gen(function* () {
      const wrong = '{"label":"other","urgent":true}'
      expect(yield* Effect.flip(parts(Ticket, wrong))).toMatchObject({ _tag: "InvalidOutput", text: wrong })
      const all = yield* parts(Ticket, [wrong, ticketText], { retries: 1 })
      expect(all.at(-1)).toMatchObject({ _tag: "Final", value: ticket, reasks: 1, attempts: 2 })
      expect(new Set(all.flatMap((part) => (part._tag === "Partial" ? [part.reask] : [])))).toEqual(new Set([0, 1]))
    })
  )

  it.effect("looks at a long answer a bounded number of times", () =>
    Effect.gen(function* () {
      const items = Array.from({ length: 40_000 }, (_, index) => ({ n: index, text: `item ${index}` }))
      const answer = JSON.stringify({ items, long: "x".repeat(200_000) })
      const pieces = answer.match(/[^]{1,4}/g) ?? []
      const schema = Schema.Struct({
        items: Schema.Array(Schema.Struct({ n: Schema.Int, text: Schema.String })),
        long: Schema.String
      })
      const all = yield* parts(schema, { text: pieces })
      // Each look copies the list: as many looks as pieces would copy ten thousand million items.
      const lists = new Set(all.map(({ value }) => value.items ?? []))
      const copied = [...lists].reduce((sum, list) => sum + list.length, 0)
      expect(copied).toBeLessThan(2 * answer.length)
      expect(all.length).toBeGreaterThan(100)
      expect(all.at(-1)?.value).toEqual({ items, long: "x".repeat(200_000) })
    })
  )
})

describe("structured output over simulated providers", () => {
  const apiKey = Redacted.make("id.secret")
  interface Tree {
    readonly name: string
    readonly children: ReadonlyArray<Tree>
  }
  const Tree = Schema.Struct({
    name: Schema.String,
    children: Schema.Array(Schema.suspend((): Schema.Schema<Tree> => Tree))
  }).annotations({ identifier: "Tree" })

  const schemas: Readonly<Record<string, Schema.Schema.AnyNoContext>> = {
    struct: Schema.Struct({
      at: Schema.Date,
      maybe: Schema.optional(Schema.Int),
      label: Schema.Literal("a", "b"),
      text: Schema.String.pipe(Schema.minLength(2)).annotations({ description: "Some text" })
    }),
    union: Schema.Union(
      Schema.TaggedStruct("A", { x: Schema.Int.pipe(Schema.between(1, 5)) }),
      Schema.TaggedStruct("B", { y: Schema.optional(Schema.Boolean) })
    ),
    list: Schema.Array(Schema.Struct({ a: Schema.NullOr(Schema.String) })),
    word: Schema.Literal("yes", "no"),
    record: Schema.Record({ key: Schema.String, value: Schema.Int }),
    tuple: Schema.Struct({ pair: Schema.Tuple(Schema.String, Schema.Number) }),
    tree: Tree
  }

  const providers = {
    openai: OpenAi.layer({ apiKey, model: "gpt-4.1-mini" }),
    anthropic: Anthropic.layer({ apiKey, model: "claude-sonnet-4-5" }),
    gemini: Gemini.layer({ apiKey, model: "gemini-2.5-flash" }),
    zhipu: Zhipu.layer({ apiKey, model: "glm-4.6" }),
    groq: OpenAiCompatible.layer({ vendor: "groq", apiKey, model: "gpt-4.1-mini" })
  }

  const modes: Readonly<Record<keyof typeof providers, Readonly<Record<string, StructuredOutput.Mode>>>> = {
    openai: {
      struct: "native",
      union: "native",
      list: "native",
      word: "native",
      record: "tool",
      tuple: "tool",
      tree: "native"
    },
    groq: {
      struct: "native",
      union: "native",
      list: "native",
      word: "native",
      record: "tool",
      tuple: "tool",
      tree: "native"
    },
    anthropic: {
      struct: "native",
      union: "native",
      list: "native",
      word: "native",
      record: "tool",
      tuple: "tool",
      tree: "tool"
    },
    gemini: {
      struct: "native",
      union: "native",
      list: "native",
      word: "native",
      record: "native",
      tuple: "native",
      tree: "native"
    },
    zhipu: { struct: "tool", union: "tool", list: "tool", word: "tool", record: "tool", tuple: "tool", tree: "tool" }
  }

  const cases = Object.entries(providers).flatMap(([provider, layer]) =>
    Object.entries(schemas).map(([name, schema]) => ({ provider, layer, name, schema }))
  )

  it.effect.each(cases)("$provider gives a $name, whole and streamed", ({ layer, name, provider, schema }) =>
    Effect.gen(function* () {
      const whole = yield* StructuredOutput.generateDetailed(schema, "Say something.")
      expect(Schema.is(Schema.typeSchema(schema))(whole.value)).toBe(true)
      expect(whole.mode).toBe(Object.entries(modes).find(([key]) => key === provider)?.[1][name])
      const streamed = yield* Stream.runLast(StructuredOutput.stream(schema, "Say something."))
      expect(streamed).toMatchObject({ value: { _tag: "Final", value: whole.value } })
    }).pipe(Effect.provide(layer), Effect.provide(Simulator.layerHttpClient({ seed: 11 })))
  )

  it.effect("OpenAI says which part of a schema it cannot be held to", () =>
    Effect.gen(function* () {
      const schema = Schema.Struct({ scores: Schema.Record({ key: Schema.String, value: Schema.Int }) })
      const error = yield* Effect.flip(StructuredOutput.generate(schema, "Hi", { mode: "native" }))
      expect(error).toMatchObject({
        _tag: "UnsupportedFeature",
        feature: "responseFormat.schema.properties.scores",
        attempts: 0
      })
    }).pipe(Effect.provide(providers.openai), Effect.provide(Simulator.layerHttpClient()))
  )

  it.effect("an endpoint that knows text alone is told in words", () =>
    Effect.gen(function* () {
      const { mode, value } = yield* StructuredOutput.generateDetailed(Ticket, "Hi")
      expect([mode, value]).toEqual(["instructions", ticket])
    }).pipe(
      Effect.provide(
        AzureMetaLlama.layer({ endpoint: "http://localhost/score", apiKey, model: "Meta-Llama-3.1-70B-Instruct" })
      ),
      Effect.provide(Simulator.layerHttpClient({ answer: () => `Here you are: ${ticketText}` }))
    )
  )

  it.live("modes and retries go through policies", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.status(503))
      const { attempts, mode } = yield* StructuredOutput.generateDetailed(Ticket, "Hi")
      expect([attempts, mode]).toEqual([2, "tool"])
    }).pipe(
      Effect.provide(
        providers.zhipu.pipe(
          Policy.concurrency(1),
          Policy.retry(RetryPolicy.exponential({ base: "1 millis" })),
          Policy.cache()
        )
      ),
      Effect.provide(Simulator.layerHttpClient())
    )
  )

  it.effect("a simulated stream that is cut is interrupted", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Stream.runDrain(StructuredOutput.stream(Ticket, "Hi")))
      expect(error._tag).toBe("StreamInterrupted")
    }).pipe(
      Effect.provide(providers.openai),
      Effect.provide(Simulator.layerHttpClient({ faults: () => Fault.cut({ afterTokens: 3, ending: "clean" }) }))
    )
  )
})
