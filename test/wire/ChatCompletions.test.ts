import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc } from "effect"
import { ChatRequest, LlmError, Prompt } from "../../src/index.js"
import * as ChatCompletions from "../../src/wire/ChatCompletions.js"
import type { Encoded } from "../../src/wire/Wire.js"
import { answer, origin, received, wire } from "./ChatStream.js"

const bytes = new Uint8Array([1, 2, 3])
const base64 = "AQID"

/** With the rules of OpenAI's reasoning models for every model whose name says so. */
const reasoningWire = ChatCompletions.make({
  maxTokensField: (model) => (model.startsWith("thinker") ? "max_completion_tokens" : "max_tokens"),
  isReasoningModel: (model) => model.startsWith("thinker"),
  asksForUsage: true,
  maxEmbeddingInputs: 1
})

const encoded = (input: ChatRequest.Input, streamed = false): Encoded =>
  Either.getOrThrowWith(wire.encodeChat(ChatRequest.make(input), origin, streamed), (error) => error)

/** The body as it goes over the network. */
const sent = (input: ChatRequest.Input, streamed = false): unknown =>
  JSON.parse(JSON.stringify(encoded(input, streamed).body))

const messages = (...prompt: ReadonlyArray<Prompt.MessageInput>): unknown => {
  const body = sent(prompt)
  return typeof body === "object" && body !== null && "messages" in body ? body.messages : undefined
}

const refusal = (...prompt: ReadonlyArray<Prompt.MessageInput>): LlmError.LlmError =>
  Either.getOrThrow(Either.flip(wire.encodeChat({ prompt: Prompt.make(prompt) }, origin, false)))

const userMessage = { role: "user", content: "Hi" }

describe("a chat-completions request", () => {
  it("is the model and the messages where nothing else is said", () => {
    expect(sent("Hi")).toEqual({ model: "acme-1", messages: [userMessage] })
  })

  const tool = { name: "look_up", parameters: { type: "object", properties: {} } }
  const closed = {
    type: "object",
    properties: { label: { type: "string" } },
    required: ["label"],
    additionalProperties: false
  }

  it.each<[name: string, settings: ChatRequest.Settings, body: object]>([
    ["temperature", { temperature: 0.2 }, { temperature: 0.2 }],
    ["temperature 0", { temperature: 0 }, { temperature: 0 }],
    ["topP", { topP: 0.9 }, { top_p: 0.9 }],
    ["maxTokens", { maxTokens: 64 }, { max_tokens: 64 }],
    ["stop", { stop: ["\n", "END"] }, { stop: ["\n", "END"] }],
    ["no stop", { stop: [] }, {}],
    ["seed", { seed: 7 }, { seed: 7 }],
    ["frequencyPenalty", { frequencyPenalty: 0.5 }, { frequency_penalty: 0.5 }],
    ["presencePenalty", { presencePenalty: -0.5 }, { presence_penalty: -0.5 }],
    ["reasoningEffort", { reasoningEffort: "low" }, { reasoning_effort: "low" }],
    ["tools", { tools: [tool] }, { tools: [{ type: "function", function: tool }] }],
    [
      "tools with all they can say",
      { tools: [{ ...tool, description: "Looks up", strict: true }] },
      {
        tools: [
          {
            type: "function",
            function: {
              name: "look_up",
              parameters: { ...tool.parameters, required: [], additionalProperties: false },
              description: "Looks up",
              strict: true
            }
          }
        ]
      }
    ],
    ["no tools", { tools: [] }, {}],
    ["toolChoice auto", { toolChoice: "auto" }, { tool_choice: "auto" }],
    ["toolChoice none", { toolChoice: "none" }, { tool_choice: "none" }],
    ["toolChoice required", { toolChoice: "required" }, { tool_choice: "required" }],
    [
      "one tool",
      { toolChoice: { tool: "look_up" } },
      { tool_choice: { type: "function", function: { name: "look_up" } } }
    ],
    ["text format", { responseFormat: { _tag: "Text" } }, { response_format: { type: "text" } }],
    ["JSON format", { responseFormat: { _tag: "Json" } }, { response_format: { type: "json_object" } }],
    [
      "JSON schema, strict where nothing is said",
      { responseFormat: { _tag: "JsonSchema", name: "label", schema: closed } },
      { response_format: { type: "json_schema", json_schema: { name: "label", schema: closed, strict: true } } }
    ],
    [
      "JSON schema that strictness does not know, as it is",
      { responseFormat: { _tag: "JsonSchema", name: "label", schema: { type: "object" } } },
      {
        response_format: {
          type: "json_schema",
          json_schema: { name: "label", schema: { type: "object" }, strict: false }
        }
      }
    ],
    [
      "JSON schema with all it can say",
      { responseFormat: { _tag: "JsonSchema", name: "label", description: "A label", schema: {}, strict: false } },
      {
        response_format: {
          type: "json_schema",
          json_schema: { name: "label", description: "A label", schema: {}, strict: false }
        }
      }
    ],
    ["providerOptions", { providerOptions: { service_tier: "flex", top_k: 4 } }, { service_tier: "flex", top_k: 4 }],
    [
      "providerOptions last",
      { temperature: 0.2, providerOptions: { temperature: 0.9, model: "other" } },
      { temperature: 0.9, model: "other" }
    ],
    ["what is never sent", { metadata: { user: "u" }, cacheControl: { mode: "bypass" } }, {}]
  ])("writes %s", (_, settings, body) => {
    expect(sent({ prompt: "Hi", ...settings })).toEqual({ model: "acme-1", messages: [userMessage], ...body })
  })

  it("asks for a stream and for its usage, whatever providerOptions say of `stream`", () => {
    const streamed = { model: "acme-1", messages: [userMessage], stream: true, stream_options: { include_usage: true } }
    expect(sent("Hi", true)).toEqual(streamed)
    expect(sent({ prompt: "Hi", providerOptions: { stream: false } }, true)).toEqual(streamed)
    expect(sent({ prompt: "Hi", providerOptions: { stream: true } })).toEqual({
      model: "acme-1",
      messages: [userMessage]
    })
  })

  it("asks for no usage where the provider sends it unasked", () => {
    const quiet = ChatCompletions.make({
      maxTokensField: () => "max_tokens",
      isReasoningModel: undefined,
      asksForUsage: false,
      maxEmbeddingInputs: 1
    })
    const body = Either.getOrThrow(quiet.encodeChat(ChatRequest.make("Hi"), origin, true)).body
    expect(JSON.parse(JSON.stringify(body))).toEqual({ model: "acme-1", messages: [userMessage], stream: true })
  })
})

describe("the messages of a request", () => {
  it("keep their roles, order and names", () => {
    expect(
      messages(
        { role: "system", content: "Be brief.", name: "editor" },
        { role: "user", content: "Hi", name: "ada" },
        { role: "assistant", content: "Hello.", name: "bot" }
      )
    ).toEqual([
      { role: "system", content: "Be brief.", name: "editor" },
      { role: "user", content: "Hi", name: "ada" },
      { role: "assistant", content: "Hello.", name: "bot" }
    ])
  })

  it("join the text parts of system and assistant messages, and list those of a user", () => {
    const two = [Prompt.text("a"), Prompt.text("b")]
    expect(messages(Prompt.system(two), Prompt.assistant(two), Prompt.user(two))).toEqual([
      { role: "system", content: "ab" },
      { role: "assistant", content: "ab" },
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" }
        ]
      }
    ])
  })

  it.each<[string, Prompt.Part, object]>([
    [
      "an image by URL",
      Prompt.imageUrl("https://a.example/cat.png"),
      { type: "image_url", image_url: { url: "https://a.example/cat.png" } }
    ],
    [
      "an image by URL with a detail",
      Prompt.imageUrl("https://a.example/cat.png", { detail: "low" }),
      { type: "image_url", image_url: { url: "https://a.example/cat.png", detail: "low" } }
    ],
    [
      "an image as bytes",
      Prompt.imageBytes(bytes, "image/png"),
      { type: "image_url", image_url: { url: `data:image/png;base64,${base64}` } }
    ],
    [
      "an image as bytes with a detail",
      Prompt.imageBytes(bytes, "image/webp", { detail: "high" }),
      { type: "image_url", image_url: { url: `data:image/webp;base64,${base64}`, detail: "high" } }
    ],
    [
      "a document",
      Prompt.fileBytes(bytes, "application/pdf", { name: "a.pdf" }),
      { type: "file", file: { filename: "a.pdf", file_data: `data:application/pdf;base64,${base64}` } }
    ],
    [
      "a document without a name",
      Prompt.fileBytes(bytes, "application/pdf"),
      { type: "file", file: { filename: "file", file_data: `data:application/pdf;base64,${base64}` } }
    ],
    [
      "a wav recording",
      Prompt.fileBytes(bytes, "audio/wav"),
      { type: "input_audio", input_audio: { data: base64, format: "wav" } }
    ],
    [
      "an mp3 recording",
      Prompt.fileBytes(bytes, "audio/mpeg"),
      { type: "input_audio", input_audio: { data: base64, format: "mp3" } }
    ]
  ])("hold %s", (_, part, written) => {
    expect(messages(Prompt.user([Prompt.text("See:"), part]))).toEqual([
      { role: "user", content: [{ type: "text", text: "See:" }, written] }
    ])
    expect(messages(Prompt.user([part]))).toEqual([{ role: "user", content: [written] }])
  })

  it("hold tool calls, with null for the text that is not there, and their results by id", () => {
    const call: Prompt.Part = { _tag: "ToolCall", id: "call_1", name: "look_up", arguments: '{"word":"lamp"}' }
    const written = { id: "call_1", type: "function", function: { name: "look_up", arguments: '{"word":"lamp"}' } }
    expect(
      messages(
        Prompt.assistant([call]),
        Prompt.assistant([Prompt.text("Let me see."), call]),
        Prompt.toolResult("call_1", "A light.")
      )
    ).toEqual([
      { role: "assistant", content: null, tool_calls: [written] },
      { role: "assistant", content: "Let me see.", tool_calls: [written] },
      { role: "tool", tool_call_id: "call_1", content: "A light." }
    ])
  })

  it("become one message per result where a tool message holds several", () => {
    const result = (id: string): Prompt.Part => ({ _tag: "ToolResult", id, content: id })
    expect(messages({ role: "tool", content: [result("a"), result("b")] })).toEqual([
      { role: "tool", tool_call_id: "a", content: "a" },
      { role: "tool", tool_call_id: "b", content: "b" }
    ])
  })

  it("leave earlier reasoning out, and say so", () => {
    const { body, warnings } = encoded([
      Prompt.user("Hi"),
      Prompt.assistant([{ _tag: "Reasoning", text: "Hm." }, Prompt.text("Hello.")])
    ])
    expect(JSON.stringify(body)).not.toContain("Hm.")
    expect(warnings).toEqual([{ setting: "prompt", message: expect.stringContaining("reasoning") }])
  })

  it.each<[string, Prompt.MessageInput, string]>([
    [
      "a file by URL",
      Prompt.user([
        { _tag: "File", source: { _tag: "Url", url: "https://a.example/a.pdf" }, mediaType: "application/pdf" }
      ]),
      "file-url"
    ],
    ["audio of another kind", Prompt.user([Prompt.fileBytes(bytes, "audio/ogg")]), "audio"],
    [
      "a tool call of a user",
      Prompt.user([Prompt.text("x"), { _tag: "ToolCall", id: "a", name: "b", arguments: "{}" }]),
      "prompt.ToolCall"
    ],
    ["a tool result of a user", Prompt.user([{ _tag: "ToolResult", id: "a", content: "b" }]), "prompt.ToolResult"],
    ["reasoning of a user", Prompt.user([{ _tag: "Reasoning", text: "b" }]), "prompt.Reasoning"],
    ["an image of the system", Prompt.system([Prompt.imageUrl("https://a.example/cat.png")]), "prompt.Image"],
    ["an image of the assistant", Prompt.assistant([Prompt.imageUrl("https://a.example/cat.png")]), "prompt.Image"],
    ["text of a tool", { role: "tool", content: "b" }, "prompt.Text"]
  ])("refuse %s before anything is sent", (_, message, feature) => {
    expect(refusal(message)).toMatchObject({ _tag: "UnsupportedFeature", feature, attempts: 0, ...origin })
  })

  it("refuse bytes of an image that do not say what they are", () => {
    const image: Prompt.Part = { _tag: "Image", source: { _tag: "Base64", base64 } }
    expect(refusal(Prompt.user([image]))).toMatchObject({
      _tag: "InvalidRequest",
      param: "prompt.image.mediaType",
      attempts: 0
    })
  })
})

describe("a request to a reasoning model", () => {
  const encode = (model: string, settings: ChatRequest.Settings): Encoded =>
    Either.getOrThrow(reasoningWire.encodeChat({ ...settings, prompt: Prompt.make("Hi") }, { ...origin, model }, false))

  const written = (model: string, settings: ChatRequest.Settings): unknown =>
    JSON.parse(JSON.stringify(encode(model, settings).body))

  it("leaves out what the model refuses, and warns of each", () => {
    const settings = { temperature: 0.2, topP: 0.5, frequencyPenalty: 1, presencePenalty: 1, maxTokens: 64 }
    expect(written("thinker-1", settings)).toEqual({
      model: "thinker-1",
      messages: [userMessage],
      max_completion_tokens: 64
    })
    expect(encode("thinker-1", settings).warnings.map((warning) => warning.setting)).toEqual([
      "temperature",
      "topP",
      "frequencyPenalty",
      "presencePenalty"
    ])
  })

  it("keeps what the model takes: the defaults, and the effort", () => {
    const settings = {
      temperature: 1,
      topP: 1,
      frequencyPenalty: 0,
      presencePenalty: 0,
      reasoningEffort: "low"
    } as const
    expect(written("thinker-1", settings)).toMatchObject({ temperature: 1, top_p: 1, reasoning_effort: "low" })
    expect(encode("thinker-1", settings).warnings).toEqual([])
  })

  it("is the only one that takes an effort", () => {
    expect(written("plain-1", { reasoningEffort: "low", temperature: 0.2, maxTokens: 64 })).toEqual({
      model: "plain-1",
      messages: [userMessage],
      temperature: 0.2,
      max_tokens: 64
    })
    expect(encode("plain-1", { reasoningEffort: "low" }).warnings.map((warning) => warning.setting)).toEqual([
      "reasoningEffort"
    ])
  })
})

describe("any request", () => {
  it("either has a body with a message for each of the prompt's, or fails as an LlmError; it never throws", () => {
    fc.assert(
      fc.property(Arbitrary.make(ChatRequest.ChatRequest), fc.boolean(), (request, streamed) => {
        const either = wire.encodeChat(request, origin, streamed)
        if (Either.isLeft(either)) {
          expect(LlmError.isLlmError(either.left)).toBe(true)
          expect(either.left.attempts).toBe(0)
          return
        }
        const { body } = either.right
        const isOverridden = (name: string): boolean => Object.hasOwn(request.providerOptions ?? {}, name)
        expect(body["stream"]).toBe(streamed ? true : undefined)
        if (!isOverridden("temperature")) expect(body["temperature"]).toBe(request.temperature)
        if (isOverridden("messages")) return
        const count = request.prompt.reduce((sum, one) => sum + (one.role === "tool" ? one.content.length : 1), 0)
        expect(body["messages"]).toHaveLength(count)
      }),
      { numRuns: 300 }
    )
  })
})

describe("a whole answer", () => {
  const decode = (json: unknown) => wire.decodeChat(json, received)

  const parts = (message: unknown, more?: object): unknown =>
    Either.getOrThrowWith(decode(answer(message, more)), (error) => error).parts

  it("is its text, its id, its model, its finish reason and its usage", () => {
    expect(
      decode(answer({ role: "assistant", content: "Hello" }, { usage: { prompt_tokens: 3, completion_tokens: 2 } }))
    ).toEqual(
      Either.right({
        parts: [{ _tag: "Text", text: "Hello" }],
        finishReason: { unified: "stop", raw: "stop" },
        usage: { inputTokens: 3, outputTokens: 2 },
        model: "acme-1-0925",
        id: "chatcmpl-1"
      })
    )
  })

  it("has the model that was asked, no id and no usage where it says nothing of them", () => {
    const bare = { choices: [{ message: { content: "Hello" } }] }
    expect(decode(bare)).toEqual(
      Either.right({
        parts: [{ _tag: "Text", text: "Hello" }],
        finishReason: { unified: "other", raw: "" },
        usage: {},
        model: "acme-1",
        id: ""
      })
    )
  })

  it("tolerates nulls and unknown keys wherever they come", () => {
    const message = {
      role: null,
      content: "Hello",
      tool_calls: null,
      refusal: null,
      reasoning: null,
      reasoning_content: null,
      audio: {}
    }
    expect(parts(message, { error: null, service_tier: "default", citations: [], x_groq: null })).toEqual([
      { _tag: "Text", text: "Hello" }
    ])
  })

  it.each([
    ["no text at all", { content: null }, []],
    ["an empty text", { content: "" }, []],
    [
      "a list of texts",
      { content: [{ type: "text", text: "a" }, { type: "text", text: "b" }, null, 7] },
      [{ _tag: "Text", text: "ab" }]
    ],
    [
      "DeepSeek's reasoning",
      { content: "b", reasoning_content: "a" },
      [
        { _tag: "Reasoning", text: "a" },
        { _tag: "Text", text: "b" }
      ]
    ],
    [
      "Groq's reasoning",
      { content: "b", reasoning: "a" },
      [
        { _tag: "Reasoning", text: "a" },
        { _tag: "Text", text: "b" }
      ]
    ],
    [
      "Mistral's reasoning",
      {
        content: [
          {
            type: "thinking",
            thinking: [
              { type: "text", text: "a" },
              { type: "text", text: "b" }
            ]
          },
          { type: "text", text: "c" }
        ]
      },
      [
        { _tag: "Reasoning", text: "ab" },
        { _tag: "Text", text: "c" }
      ]
    ],
    [
      "Mistral's reasoning as a text",
      { content: [{ type: "thinking", thinking: "a" }] },
      [{ _tag: "Reasoning", text: "a" }]
    ]
  ])("with %s", (_, message, expected) => {
    expect(parts(message)).toEqual(expected)
  })

  it.each([
    ["whole", [{ id: "a", type: "function", function: { name: "f", arguments: '{"x":1}' } }], [["a", "f", '{"x":1}']]],
    ["without a type", [{ id: "a", function: { name: "f", arguments: "{}" } }], [["a", "f", "{}"]]],
    [
      "without an id",
      [{ function: { name: "f", arguments: "{}" } }, { id: "", function: { name: "f", arguments: "{}" } }],
      [
        ["call_chatcmpl-1_0", "f", "{}"],
        ["call_chatcmpl-1_1", "f", "{}"]
      ]
    ],
    [
      "with an object for arguments",
      [{ id: "a", function: { name: "f", arguments: { x: 1 } } }],
      [["a", "f", '{"x":1}']]
    ],
    ["without arguments", [{ id: "a", function: { name: "f" } }], [["a", "f", "{}"]]],
    ["with empty arguments", [{ id: "a", function: { name: "f", arguments: "" } }], [["a", "f", "{}"]]],
    ["with null arguments", [{ id: "a", function: { name: "f", arguments: null } }], [["a", "f", "{}"]]],
    [
      "with one index for all",
      [
        { index: 0, id: "a", function: { name: "f", arguments: "{}" } },
        { index: 0, id: "b", function: { name: "f", arguments: "{}" } }
      ],
      [
        ["a", "f", "{}"],
        ["b", "f", "{}"]
      ]
    ],
    [
      "with one id for all",
      [
        { id: "a", function: { name: "f", arguments: '{"x":1}' } },
        { id: "a", function: { name: "f", arguments: '{"x":2}' } }
      ],
      [
        ["a", "f", '{"x":1}'],
        ["call_chatcmpl-1_1", "f", '{"x":2}']
      ]
    ]
  ])("with tool calls %s", (_, calls, expected) => {
    const decoded = Either.getOrThrow(decode(answer({ content: null, tool_calls: calls })))
    expect(decoded.parts).toEqual(expected.map(([id, name, text]) => ({ _tag: "ToolCall", id, name, arguments: text })))
    expect(decoded.finishReason).toEqual({ unified: "tool-calls", raw: "stop" })
  })

  it("with the call of a function, as it was before there were tools", () => {
    const decoded = Either.getOrThrow(decode(answer({ content: null, function_call: { name: "f", arguments: "{}" } })))
    expect(decoded.parts).toEqual([{ _tag: "ToolCall", id: "call_chatcmpl-1_0", name: "f", arguments: "{}" }])
  })

  it("is none when a tool call has no name", () => {
    const error = Either.getOrThrow(
      Either.flip(decode(answer({ content: null, tool_calls: [{ id: "a", function: { arguments: "{}" } }] })))
    )
    expect(error._tag).toBe("MalformedResponse")
  })

  it("is none when the model refused", () => {
    const error = Either.getOrThrow(Either.flip(decode(answer({ content: null, refusal: "I cannot." }))))
    expect(error).toMatchObject({ _tag: "ContentFiltered", message: "the model refused: I cannot." })
  })

  it("is none when the provider withheld it: the error keeps the text and what it cost", () => {
    const withheld = answer(
      { content: "He" },
      {
        choices: [{ message: { content: "He" }, finish_reason: "content_filter" }],
        usage: { prompt_tokens: 3, completion_tokens: 1 }
      }
    )
    expect(Either.getOrThrow(Either.flip(decode(withheld)))).toMatchObject({
      _tag: "ContentFiltered",
      text: "He",
      usage: { inputTokens: 3, outputTokens: 1 },
      requestId: "req-1"
    })
  })

  it.each<[string, object, LlmError.Tag]>([
    ["a message", { message: { content: "" } }, "RateLimited"],
    ["none", {}, "RateLimited"]
  ])("is none when its choice has an error, beside %s", (_, choice, tag) => {
    const error = { code: 429, message: "The upstream is rate-limited" }
    const given = answer({}, { choices: [{ ...choice, finish_reason: "error", error }] })
    expect(Either.getOrThrow(Either.flip(decode(given)))).toMatchObject({ _tag: tag, message: error.message })
    expect(Either.isRight(decode(answer({}, { choices: [{ message: { content: "He" }, error: null }] })))).toBe(true)
  })

  it.each(["network_error", "insufficient_system_resource"])("is none when the server gave it up (%s)", (reason) => {
    const given = answer({}, { choices: [{ message: { content: "He" }, finish_reason: reason }] })
    expect(Either.getOrThrow(Either.flip(decode(given)))).toMatchObject({ _tag: "ServerFailed", requestId: "req-1" })
  })

  it.each<[string, object, object]>([
    [
      "at its usual place",
      { usage: { prompt_tokens: 10, completion_tokens: 5 } },
      { inputTokens: 10, outputTokens: 5 }
    ],
    ["under x_groq", { usage: null, x_groq: { usage: { prompt_tokens: 10 } } }, { inputTokens: 10 }],
    [
      "with reasoning at the top",
      { usage: { completion_tokens: 5, reasoning_tokens: 2 } },
      { outputTokens: 5, reasoningTokens: 2 }
    ],
    [
      "with its details",
      { usage: { prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 0 } } },
      { cachedInputTokens: 4, reasoningTokens: 0 }
    ]
  ])("has its usage %s", (_, more, usage) => {
    expect(Either.map(decode(answer({ content: "Hello" }, more)), (decoded) => decoded.usage)).toEqual(
      Either.right(usage)
    )
  })

  it.each([
    ["an object without choices", { id: "x" }],
    ["no choice", { choices: [] }],
    ["a choice without a message", { choices: [{ finish_reason: "stop" }] }],
    ["a list", [1]],
    ["a text", "hello"],
    ["null", null],
    ["a number", 7]
  ])("is none when it is %s: the error keeps it", (_, json) => {
    const error = Either.getOrThrow(Either.flip(decode(json)))
    expect(error).toMatchObject({
      _tag: "MalformedResponse",
      requestId: "req-1",
      body: typeof json === "string" ? json : JSON.stringify(json)
    })
  })

  it("is an error of the provider's where it holds one", () => {
    const error = Either.getOrThrow(
      Either.flip(decode({ error: { message: "no such model", code: "model_not_found" } }))
    )
    expect(error).toMatchObject({ _tag: "ModelNotFound", message: "no such model" })
  })

  it("never throws, whatever JSON it is, and however deep", () => {
    const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth)
    const hostile: ReadonlyArray<unknown> = [
      JSON.parse(deep(100_000)),
      answer({ content: JSON.parse(`${'[{"type":"thinking","thinking":'.repeat(20_000)}[]${"}]".repeat(20_000)}`) }),
      answer({ content: "a", tool_calls: [{ id: "a", function: { name: "f", arguments: JSON.parse(deep(100_000)) } }] })
    ]
    for (const json of hostile) expect(Either.isEither(decode(json))).toBe(true)
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (outer, inner) => {
        expect(Either.isEither(decode(outer))).toBe(true)
        expect(Either.isEither(decode(answer(inner)))).toBe(true)
        expect(
          Either.isEither(decode(answer({ content: inner, tool_calls: outer, reasoning: inner, refusal: outer })))
        ).toBe(true)
        expect(
          Either.isEither(decode(answer({ content: "a", tool_calls: [{ function: inner }, inner] }, { usage: outer })))
        ).toBe(true)
      })
    )
  })
})
