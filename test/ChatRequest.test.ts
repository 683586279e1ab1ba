import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Duration, Option, Schema } from "effect"
import { ChatRequest, Prompt } from "effect-llm"

const prompt = Prompt.make("Hello")
const tool = { name: "look_up", parameters: { type: "object" } }

describe("ChatRequest.make", () => {
  const table: ReadonlyArray<readonly [name: string, input: ChatRequest.Input, request: ChatRequest.ChatRequest]> = [
    ["a string: one user message", "Hello", { prompt }],
    ["a message", { role: "system", content: "Be kind." }, { prompt: [Prompt.system("Be kind.")] }],
    [
      "messages",
      [Prompt.system("Be kind."), { role: "user", content: "Hello" }],
      { prompt: [Prompt.system("Be kind."), ...prompt] }
    ],
    ["no messages", [], { prompt: [] }],
    ["a prompt with settings", { prompt: "Hello", temperature: 0.5 }, { prompt, temperature: 0.5 }],
    ["messages with settings", { prompt: [Prompt.user("Hello")], model: "m" }, { prompt, model: "m" }],
    ["a request as it stands", { prompt, metadata: { user: 1 } }, { prompt, metadata: { user: 1 } }]
  ]
  for (const [name, input, request] of table) {
    it(`from ${name}`, () => expect(ChatRequest.make(input)).toStrictEqual(request))
  }

  it("is idempotent", () => {
    for (const [, input] of table) {
      const request = ChatRequest.make(input)
      expect(ChatRequest.make(request)).toStrictEqual(request)
    }
  })
})

describe("ChatRequest.withDefaults", () => {
  it("fills in what the request leaves open", () => {
    const defaults: ChatRequest.Settings = { model: "default", temperature: 0, seed: 1 }
    expect(ChatRequest.withDefaults({ prompt, model: "own", seed: undefined }, defaults)).toStrictEqual({
      prompt,
      model: "own",
      temperature: 0,
      seed: 1
    })
  })

  it("changes nothing where there are none", () => {
    const request = ChatRequest.make("Hello")
    expect(ChatRequest.withDefaults(request, undefined)).toBe(request)
    expect(ChatRequest.withDefaults(request, {})).toEqual(request)
  })
})

describe("ChatRequest.validate", () => {
  const ok: ReadonlyArray<ChatRequest.RequestInput> = [
    { prompt: "Hello" },
    { prompt: " " },
    { prompt: "Hello", temperature: 0 },
    { prompt: "Hello", temperature: 2.5 },
    { prompt: "Hello", topP: 1 },
    { prompt: "Hello", maxTokens: 1 },
    { prompt: "Hello", seed: -7 },
    { prompt: "Hello", frequencyPenalty: -2, presencePenalty: 2 },
    { prompt: "Hello", stop: [] },
    { prompt: "Hello", stop: ["\n"] },
    { prompt: "Hello", tools: [tool], toolChoice: "required" },
    { prompt: "Hello", tools: [tool], toolChoice: { tool: "look_up" } },
    { prompt: "Hello", toolChoice: "auto" },
    { prompt: "Hello", toolChoice: "none" },
    { prompt: [Prompt.user([Prompt.imageUrl("https://example.com/a.png")])] },
    {
      prompt: [
        Prompt.user("Hello"),
        { role: "assistant", content: [{ _tag: "ToolCall", ...tool, id: "1", arguments: "{}" }] }
      ]
    },
    { prompt: "Hello", temperature: undefined, maxTokens: undefined }
  ]
  for (const input of ok) {
    it(`takes ${JSON.stringify(input).slice(0, 90)}`, () =>
      expect(ChatRequest.validate(ChatRequest.make(input))).toEqual(Option.none()))
  }

  const bad: ReadonlyArray<readonly [name: string, input: ChatRequest.Input, param: string, words: string]> = [
    ["an empty text", "", "prompt", "empty"],
    ["no messages", [], "prompt", "empty"],
    ["empty messages alone", [Prompt.system(""), Prompt.user([])], "prompt", "empty"],
    ["a message without content", [Prompt.user("Hello"), Prompt.user([])], "prompt[1].content", "message 1"],
    ["a temperature of NaN", { prompt, temperature: Number.NaN }, "temperature", "at least 0, not NaN"],
    ["a temperature of Infinity", { prompt, temperature: Infinity }, "temperature", "at least 0, not Infinity"],
    ["a negative temperature", { prompt, temperature: -0.1 }, "temperature", "at least 0, not -0.1"],
    ["a topP of 0", { prompt, topP: 0 }, "topP", "above 0 and at most 1, not 0"],
    ["a topP above 1", { prompt, topP: 1.1 }, "topP", "above 0 and at most 1, not 1.1"],
    ["a topP of NaN", { prompt, topP: Number.NaN }, "topP", "above 0 and at most 1, not NaN"],
    ["no tokens", { prompt, maxTokens: 0 }, "maxTokens", "a positive whole number, not 0"],
    ["negative tokens", { prompt, maxTokens: -1 }, "maxTokens", "a positive whole number, not -1"],
    ["half a token", { prompt, maxTokens: 1.5 }, "maxTokens", "a positive whole number, not 1.5"],
    ["tokens of NaN", { prompt, maxTokens: Number.NaN }, "maxTokens", "a positive whole number, not NaN"],
    ["endless tokens", { prompt, maxTokens: Infinity }, "maxTokens", "a positive whole number, not Infinity"],
    ["a broken seed", { prompt, seed: 0.5 }, "seed", "a whole number, not 0.5"],
    ["a frequency penalty of NaN", { prompt, frequencyPenalty: Number.NaN }, "frequencyPenalty", "a number, not NaN"],
    [
      "an endless presence penalty",
      { prompt, presencePenalty: -Infinity },
      "presencePenalty",
      "a number, not -Infinity"
    ],
    ["an empty stop text", { prompt, stop: ["a", ""] }, "stop", "must not be empty"],
    ["two tools of one name", { prompt, tools: [tool, tool] }, "tools", 'two tools are named "look_up"'],
    ["a tool without a name", { prompt, tools: [{ ...tool, name: "" }] }, "tools", "no name"],
    ["a choice that is no tool", { prompt, tools: [tool], toolChoice: { tool: "other" } }, "toolChoice", '"other"'],
    ["a required tool where there are none", { prompt, toolChoice: "required" }, "toolChoice", "there are no tools"]
  ]
  for (const [name, input, param, words] of bad) {
    it(`refuses ${name}, and says which setting it is`, () => {
      const problem = Option.getOrThrow(ChatRequest.validate(ChatRequest.make(input)))
      expect(problem.param).toBe(param)
      expect(problem.message).toContain(words)
    })
  }
})

describe("ChatRequest, as data", () => {
  const roundTrip = (request: ChatRequest.ChatRequest): ChatRequest.ChatRequest =>
    Schema.decodeSync(ChatRequest.ChatRequest)(Schema.encodeSync(ChatRequest.ChatRequest)(request))

  // Schema.Record loses a key of this name.
  const requests = Arbitrary.make(ChatRequest.ChatRequest).filter(
    ({ metadata, providerOptions, responseFormat, tools = [] }) => {
      const schema = responseFormat?._tag === "JsonSchema" ? responseFormat.schema : {}
      const records = [metadata ?? {}, providerOptions ?? {}, schema, ...tools.map((tool) => tool.parameters)]
      return !records.some((record) => Object.hasOwn(record, "__proto__"))
    }
  )

  it.prop("comes back as it was", [requests], ([request]) => {
    expect(roundTrip(request)).toEqual(request)
  })

  it("goes through JSON", () => {
    const request = ChatRequest.make({
      prompt: [
        Prompt.system("Be kind."),
        Prompt.user([Prompt.text("What is this?"), Prompt.imageBytes(new Uint8Array([1, 2]), "image/png")]),
        Prompt.toolResult("1", "{}", { isError: true })
      ],
      temperature: 0.5,
      tools: [tool],
      toolChoice: { tool: "look_up" },
      responseFormat: { _tag: "JsonSchema", name: "answer", schema: { type: "object" } },
      providerOptions: { user: "1" },
      cacheControl: { mode: "refresh", timeToLive: Duration.hours(1) }
    })
    const text = JSON.stringify(Schema.encodeSync(ChatRequest.ChatRequest)(request))
    expect(Schema.decodeUnknownSync(ChatRequest.ChatRequest)(JSON.parse(text))).toEqual(request)
  })
})
