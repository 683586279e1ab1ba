import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { type ChatRequest, Prompt } from "../../src/index.js"
import { at } from "../recorded/Payloads.js"
import { answerOf, bodyOf, encode, origin, refusalOf, warningsOf } from "./MessagesEvents.js"

const bytes = new TextEncoder().encode("Hello")

const said = (body: unknown): unknown => Reflect.get(Object(body), "messages")

const contentOf = (...parts: ReadonlyArray<Prompt.Part>): unknown => {
  const messages = said(bodyOf(Prompt.user(parts)))
  return Array.isArray(messages) ? messages[0]?.content : undefined
}

describe("a request", () => {
  it("is the model, the messages and the limit that the protocol demands", () => {
    expect(bodyOf("Hi")).toEqual({
      model: "acme-1",
      max_tokens: 4096,
      messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }]
    })
  })

  it("says whether it wants a stream", () => {
    expect(Either.getOrThrow(encode("Hi", {}, true)).body).toMatchObject({ stream: true })
  })

  it("has the settings under the protocol's names", () => {
    expect(bodyOf({ prompt: "Hi", temperature: 0.2, topP: 0.9, maxTokens: 64, stop: ["END"] })).toMatchObject({
      temperature: 0.2,
      top_p: 0.9,
      max_tokens: 64,
      stop_sequences: ["END"]
    })
  })

  it("has providerOptions last, and never metadata", () => {
    expect(
      bodyOf({ prompt: "Hi", maxTokens: 1, providerOptions: { max_tokens: 2, top_k: 3 }, metadata: { user: "x" } })
    ).toEqual({
      model: "acme-1",
      max_tokens: 2,
      top_k: 3,
      messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }]
    })
  })

  it("leaves out what the protocol has no word for, and warns of it", () => {
    const input = { prompt: "Hi", seed: 7, frequencyPenalty: 0.5, presencePenalty: 0.5 }
    expect(bodyOf(input)).toEqual(bodyOf("Hi"))
    expect(warningsOf(input)).toEqual(["seed", "frequencyPenalty", "presencePenalty"])
  })
})

describe("a prompt", () => {
  it("has its system messages apart, wherever they stand, and says so where one stands late", () => {
    const input = [Prompt.system("Be brief."), Prompt.user("Hi"), Prompt.system("Be kind.")]
    expect(bodyOf(input)).toMatchObject({ system: "Be brief.\n\nBe kind.", messages: [{ role: "user" }] })
    expect(warningsOf(input)).toEqual(["prompt"])
    expect(warningsOf(input.slice(0, 2))).toEqual([])
  })

  it("alternates: neighbours of one role are one turn", () => {
    expect(
      said(bodyOf([Prompt.user("a"), Prompt.user("b"), Prompt.assistant("c"), Prompt.assistant("d"), Prompt.user("e")]))
    ).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" }
        ]
      },
      {
        role: "assistant",
        content: [
          { type: "text", text: "c" },
          { type: "text", text: "d" }
        ]
      },
      { role: "user", content: [{ type: "text", text: "e" }] }
    ])
  })

  it("has tool calls as objects, and their results as the user's, before what the user says", () => {
    expect(
      said(
        bodyOf([
          Prompt.user("Rain?"),
          {
            role: "assistant",
            content: [
              Prompt.text("Let me see."),
              { _tag: "ToolCall", id: "t1", name: "rain", arguments: '{"city":"Oslo"}' },
              { _tag: "ToolCall", id: "t2", name: "snow", arguments: "" }
            ]
          },
          Prompt.toolResult("t1", "yes"),
          Prompt.toolResult("t2", "broken", { isError: true }),
          Prompt.user("And?")
        ])
      )
    ).toEqual([
      { role: "user", content: [{ type: "text", text: "Rain?" }] },
      {
        role: "assistant",
        content: [
          { type: "text", text: "Let me see." },
          { type: "tool_use", id: "t1", name: "rain", input: { city: "Oslo" } },
          { type: "tool_use", id: "t2", name: "snow", input: {} }
        ]
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "t1", content: "yes" },
          { type: "tool_result", tool_use_id: "t2", content: "broken", is_error: true },
          { type: "text", text: "And?" }
        ]
      }
    ])
  })

  it.each(['{"city":', "[1]", "7"])("sends arguments that are no object inside of one: %j", (text) => {
    const input: ChatRequest.Input = [
      { role: "assistant", content: [{ _tag: "ToolCall", id: "t1", name: "rain", arguments: text }] },
      Prompt.toolResult("t1", "these are no arguments", { isError: true })
    ]
    expect(said(bodyOf(input))).toMatchObject([{ content: [{ input: { INVALID_JSON: text } }] }, {}])
    expect(warningsOf(input)).toEqual(["prompt"])
  })

  it("sends signed thoughts back as they came, redacted ones too, and leaves out the others with a warning", () => {
    const answer = Either.getOrThrow(
      answerOf({
        content: [
          { type: "thinking", thinking: "Hm.", signature: "c2ln" },
          { type: "redacted_thinking", data: "b3BhcXVl" },
          { type: "text", text: "Yes." }
        ],
        stop_reason: "end_turn"
      })
    )
    const turn = { role: "assistant", content: answer.parts } as const
    expect(said(bodyOf([turn]))).toEqual([
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm.", signature: "c2ln" },
          { type: "redacted_thinking", data: "b3BhcXVl" },
          { type: "text", text: "Yes." }
        ]
      }
    ])
    expect(warningsOf([turn])).toEqual([])
    const unsigned = [
      { role: "assistant", content: [{ _tag: "Reasoning", text: "Hm." }, Prompt.text("Yes.")] }
    ] as const
    expect(said(bodyOf(unsigned))).toEqual([{ role: "assistant", content: [{ type: "text", text: "Yes." }] }])
    expect(warningsOf(unsigned)).toEqual(["prompt"])
    const foreign = [
      {
        role: "assistant",
        content: [{ _tag: "Reasoning", text: "Hm.", signature: "c2ln", signedBy: "other" }, Prompt.text("Yes.")]
      }
    ] as const
    expect(said(bodyOf(foreign))).toEqual([{ role: "assistant", content: [{ type: "text", text: "Yes." }] }])
    expect(warningsOf(foreign)).toEqual(["prompt"])
  })

  it("leaves blank text out, and the blanks behind an answer that is begun", () => {
    expect(
      said(
        bodyOf([
          Prompt.user([Prompt.text(" "), Prompt.text("Hi")]),
          Prompt.assistant("\n"),
          Prompt.assistant("The answer is \n")
        ])
      )
    ).toEqual([
      { role: "user", content: [{ type: "text", text: "Hi" }] },
      { role: "assistant", content: [{ type: "text", text: "The answer is" }] }
    ])
  })

  it.each<[string, ChatRequest.Input]>([
    ["the system alone", Prompt.system("Be brief.")],
    ["blanks", " "]
  ])("of %s is an InvalidRequest", (_, input) => {
    expect(refusalOf(input)).toMatchObject({ _tag: "InvalidRequest", param: "prompt", attempts: 0 })
  })

  it("sends no names of speakers, and warns of it", () => {
    expect(warningsOf({ role: "user", content: "Hi", name: "Ada" })).toEqual(["prompt"])
  })
})

describe("the ids of another provider's calls", () => {
  it("are replaced where the protocol does not take them, in the call and in its result", () => {
    const messages = said(
      bodyOf([
        Prompt.user("Hi"),
        Prompt.assistant([{ _tag: "ToolCall", id: "functions.rain:0", name: "rain", arguments: "{}" }]),
        Prompt.toolResult("functions.rain:0", "yes")
      ])
    )
    expect(messages).toMatchObject([
      { role: "user" },
      { content: [{ type: "tool_use", id: expect.stringMatching(/^[a-z0-9]{9}$/) }] },
      { content: [{ type: "tool_result" }] }
    ])
    expect(at(messages, 2, "content", 0, "tool_use_id")).toBe(at(messages, 1, "content", 0, "id"))
  })
})

describe("images and files", () => {
  it.each<[string, Prompt.Part, unknown]>([
    [
      "an image by URL",
      Prompt.imageUrl("https://a.example/b.png"),
      { type: "image", source: { type: "url", url: "https://a.example/b.png" } }
    ],
    [
      "an image in bytes",
      Prompt.imageBytes(bytes, "image/png"),
      {
        type: "image",
        source: { type: "base64", media_type: "image/png", data: "SGVsbG8=" }
      }
    ],
    [
      "an image of a lax type",
      Prompt.imageBytes(bytes, "IMAGE/JPG"),
      {
        type: "image",
        source: { type: "base64", media_type: "image/jpeg", data: "SGVsbG8=" }
      }
    ],
    [
      "an image in a data URL",
      Prompt.imageUrl("data:image/webp;base64,SGVsbG8="),
      {
        type: "image",
        source: { type: "base64", media_type: "image/webp", data: "SGVsbG8=" }
      }
    ],
    [
      "an image among files",
      Prompt.fileBytes(bytes, "image/gif"),
      {
        type: "image",
        source: { type: "base64", media_type: "image/gif", data: "SGVsbG8=" }
      }
    ],
    [
      "a PDF in bytes",
      Prompt.fileBytes(bytes, "application/pdf", { name: "a.pdf" }),
      {
        type: "document",
        source: { type: "base64", media_type: "application/pdf", data: "SGVsbG8=" },
        title: "a.pdf"
      }
    ],
    [
      "a PDF by URL",
      { _tag: "File", source: { _tag: "Url", url: "https://a.example/b.pdf" }, mediaType: "application/pdf" },
      {
        type: "document",
        source: { type: "url", url: "https://a.example/b.pdf" }
      }
    ],
    [
      "text",
      Prompt.fileBytes(bytes, "text/markdown"),
      {
        type: "document",
        source: { type: "text", media_type: "text/plain", data: "Hello" }
      }
    ]
  ])("%s is sent", (_, part, expected) => {
    expect(contentOf(part)).toEqual([expected])
  })

  it.each<[string, Prompt.Part, string]>([
    ["an image of another kind", Prompt.imageBytes(bytes, "image/tiff"), "prompt.image.mediaType"],
    ["such an image in a data URL", Prompt.imageUrl("data:image/bmp;base64,SGVsbG8="), "prompt.image.mediaType"],
    ["audio", Prompt.fileBytes(bytes, "audio/wav"), "prompt.file.mediaType"],
    [
      "text by URL",
      { _tag: "File", source: { _tag: "Url", url: "https://a.example/b" }, mediaType: "text/plain" },
      "file-url"
    ],
    ["a tool call of the user's", { _tag: "ToolCall", id: "t", name: "f", arguments: "{}" }, "prompt.ToolCall"]
  ])("%s is refused, by its name", (_, part, feature) => {
    expect(refusalOf(Prompt.user([part]))).toMatchObject({ _tag: "UnsupportedFeature", feature, attempts: 0 })
  })

  it("bytes without a type are an InvalidRequest", () => {
    expect(refusalOf(Prompt.user([{ _tag: "Image", source: { _tag: "Base64", base64: "SGVsbG8=" } }]))).toMatchObject({
      _tag: "InvalidRequest",
      param: "prompt.image.mediaType"
    })
  })
})

describe("an answer", () => {
  const answer = (more: object) =>
    answerOf({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "acme-1-0925",
      content: [{ type: "text", text: "Hello" }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: { input_tokens: 3, output_tokens: 2 },
      ...more
    })
  const partsOf = (...content: ReadonlyArray<unknown>) => Either.getOrThrow(answer({ content })).parts

  it("is its parts, its finish reason, its usage, its model and its id", () => {
    expect(Either.getOrThrow(answer({}))).toEqual({
      parts: [{ _tag: "Text", text: "Hello" }],
      finishReason: { unified: "stop", raw: "end_turn" },
      usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 },
      model: "acme-1-0925",
      id: "msg_1"
    })
  })

  it("has its parts in the order in which they came", () => {
    expect(
      partsOf(
        { type: "thinking", thinking: "Hm.", signature: "c2ln" },
        { type: "text", text: "Both." },
        { type: "tool_use", id: "t1", name: "f", input: { x: 1 } },
        { type: "tool_use", id: "t2", name: "g", input: {} }
      )
    ).toEqual([
      { _tag: "Reasoning", text: "Hm.", signature: "c2ln", signedBy: "acme" },
      { _tag: "Text", text: "Both." },
      { _tag: "ToolCall", id: "t1", name: "f", arguments: '{"x":1}' },
      { _tag: "ToolCall", id: "t2", name: "g", arguments: "{}" }
    ])
  })

  it("has one part of text blocks that follow each other, as citations split them, and none of empty ones", () => {
    expect(
      partsOf({ type: "text", text: "a", citations: null }, { type: "text", text: "" }, { type: "text", text: "b" })
    ).toEqual([{ _tag: "Text", text: "ab" }])
  })

  it("leaves out the provider's own tools and blocks of kinds that are unknown", () => {
    expect(
      partsOf(
        { type: "server_tool_use", id: "s1", name: "web_search", input: { query: "x" } },
        { type: "web_search_tool_result", tool_use_id: "s1", content: [] },
        { type: "from_the_future" },
        null,
        { type: "text", text: "Found." }
      )
    ).toEqual([{ _tag: "Text", text: "Found." }])
  })

  it("of no content is an empty one", () => {
    expect(partsOf()).toEqual([])
  })

  it.each<[unknown, object]>([
    [
      { input_tokens: 3, output_tokens: 2, cache_read_input_tokens: 100, cache_creation_input_tokens: 20 },
      {
        inputTokens: 123,
        outputTokens: 2,
        totalTokens: 125,
        cachedInputTokens: 100,
        cacheWriteTokens: 20
      }
    ],
    [
      { input_tokens: 3, output_tokens: 2, cache_read_input_tokens: 0, cache_creation_input_tokens: null },
      {
        inputTokens: 3,
        outputTokens: 2,
        totalTokens: 5,
        cachedInputTokens: 0
      }
    ],
    [
      { input_tokens: 3, output_tokens: 9, output_tokens_details: { thinking_tokens: 7 } },
      {
        inputTokens: 3,
        outputTokens: 9,
        totalTokens: 12,
        reasoningTokens: 7
      }
    ],
    [{ output_tokens: 2 }, { outputTokens: 2 }],
    [null, {}]
  ])("counts what the cache read and wrote among the input: %j", (usage, expected) => {
    expect(Either.getOrThrow(answer({ usage })).usage).toEqual(expected)
  })

  it.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["tool_use", "tool-calls"],
    ["pause_turn", "other"],
    ["from_the_future", "other"]
  ])("that ended with %s ended with %s", (raw, unified) => {
    expect(Either.getOrThrow(answer({ stop_reason: raw })).finishReason).toEqual({ unified, raw })
  })

  it("that the model declined is ContentFiltered, with what it says of it", () => {
    expect(
      Either.getOrThrow(
        Either.flip(
          answer({
            stop_reason: "refusal",
            stop_details: { type: "refusal", category: "cyber", explanation: "This could do harm." }
          })
        )
      )
    ).toMatchObject({
      _tag: "ContentFiltered",
      text: "Hello",
      categories: [{ name: "cyber", filtered: true }],
      message: expect.stringContaining("This could do harm."),
      usage: { inputTokens: 3 }
    })
    expect(Either.getOrThrow(Either.flip(answer({ stop_reason: "refusal", stop_details: null })))).toMatchObject({
      _tag: "ContentFiltered",
      categories: []
    })
  })

  it.each<[string, unknown, string]>([
    ["an error", { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }, "Overloaded"],
    ["no content", { id: "msg_1", type: "message" }, "MalformedResponse"],
    ["a text", "hello", "MalformedResponse"],
    ["null", null, "MalformedResponse"],
    ["a list", [], "MalformedResponse"],
    ["a tool without a name", { content: [{ type: "tool_use", id: "t1", input: {} }] }, "MalformedResponse"]
  ])("that is %s is none", (_, json, tag) => {
    expect(Either.getOrThrow(Either.flip(answerOf(json)))).toMatchObject({ _tag: tag, ...origin })
  })
})
