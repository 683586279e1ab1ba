import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc } from "effect"
import { ChatRequest, LlmError, Prompt } from "../../src/index.js"
import type { Encoded } from "../../src/wire/Wire.js"
import { chunk, finish, origin, received, wire } from "./GenerateContentStream.js"

const bytes = new Uint8Array([1, 2, 3])
const base64 = "AQID"

const encoded = (input: ChatRequest.Input, model = "acme-1"): Encoded =>
  Either.getOrThrowWith(wire.encodeChat(ChatRequest.make(input), { ...origin, model }, false), (error) => error)

/** The body as it goes over the network. */
const sent = (input: ChatRequest.Input, model?: string): unknown =>
  JSON.parse(JSON.stringify(encoded(input, model).body))

const contents = (prompt: ReadonlyArray<Prompt.MessageInput>, model?: string): unknown => {
  const body = sent(prompt, model)
  return typeof body === "object" && body !== null && "contents" in body ? body.contents : undefined
}

const refusal = (input: ChatRequest.Input): LlmError.LlmError =>
  Either.getOrThrow(Either.flip(wire.encodeChat(ChatRequest.make(input), origin, false)))

const turn = { role: "user", parts: [{ text: "Hi" }] }

const config = (generationConfig: object): object => ({ contents: [turn], generationConfig })

describe("a generateContent request", () => {
  it("is the turns alone where nothing else is said, streamed or not: the URL says which", () => {
    expect(sent("Hi")).toEqual({ contents: [turn] })
    expect(Either.getOrThrow(wire.encodeChat(ChatRequest.make("Hi"), origin, true)).body).toEqual(encoded("Hi").body)
  })

  const schema = { type: "object", properties: { word: { type: "string" } }, required: ["word"] }
  const tool = { name: "look_up", parameters: schema }
  const declared = { name: "look_up", description: "", parametersJsonSchema: schema }
  const calling = (functionCallingConfig: object): object => ({
    contents: [turn],
    tools: [{ functionDeclarations: [declared] }],
    toolConfig: { functionCallingConfig }
  })

  it.each<[name: string, settings: ChatRequest.Settings, body: object]>([
    ["temperature", { temperature: 0.2 }, config({ temperature: 0.2 })],
    ["temperature 0", { temperature: 0 }, config({ temperature: 0 })],
    ["topP", { topP: 0.9 }, config({ topP: 0.9 })],
    ["maxTokens", { maxTokens: 64 }, config({ maxOutputTokens: 64 })],
    ["stop", { stop: ["\n", "END"] }, config({ stopSequences: ["\n", "END"] })],
    ["no stop", { stop: [] }, { contents: [turn] }],
    ["seed", { seed: 7 }, config({ seed: 7 })],
    ["frequencyPenalty", { frequencyPenalty: 0.5 }, config({ frequencyPenalty: 0.5 })],
    ["presencePenalty", { presencePenalty: -0.5 }, config({ presencePenalty: -0.5 })],
    ["tools", { tools: [tool] }, { contents: [turn], tools: [{ functionDeclarations: [declared] }] }],
    [
      "a tool with a description",
      { tools: [{ ...tool, description: "Looks up" }] },
      { contents: [turn], tools: [{ functionDeclarations: [{ ...declared, description: "Looks up" }] }] }
    ],
    [
      "a tool without parameters",
      { tools: [{ name: "now", parameters: { type: "object", properties: {}, additionalProperties: false } }] },
      { contents: [turn], tools: [{ functionDeclarations: [{ name: "now", description: "" }] }] }
    ],
    ["no tools", { tools: [], toolChoice: "auto" }, { contents: [turn] }],
    ["toolChoice auto", { tools: [tool], toolChoice: "auto" }, calling({ mode: "AUTO" })],
    ["toolChoice none", { tools: [tool], toolChoice: "none" }, calling({ mode: "NONE" })],
    ["toolChoice required", { tools: [tool], toolChoice: "required" }, calling({ mode: "ANY" })],
    [
      "one tool",
      { tools: [tool], toolChoice: { tool: "look_up" } },
      calling({ mode: "ANY", allowedFunctionNames: ["look_up"] })
    ],
    ["a strict tool", { tools: [{ ...tool, strict: true }] }, calling({ mode: "VALIDATED" })],
    [
      "a strict tool that may be called",
      { tools: [{ ...tool, strict: true }], toolChoice: "auto" },
      calling({ mode: "VALIDATED" })
    ],
    ["text format", { responseFormat: { _tag: "Text" } }, { contents: [turn] }],
    ["JSON format", { responseFormat: { _tag: "Json" } }, config({ responseMimeType: "application/json" })],
    [
      "JSON schema",
      { responseFormat: { _tag: "JsonSchema", name: "label", schema } },
      config({ responseMimeType: "application/json", responseJsonSchema: schema })
    ],
    [
      "providerOptions",
      { providerOptions: { cachedContent: "cachedContents/1" } },
      { contents: [turn], cachedContent: "cachedContents/1" }
    ],
    [
      "providerOptions for the generation beside what is named here",
      { temperature: 0.2, maxTokens: 9, providerOptions: { generationConfig: { topK: 4, temperature: 0.9 } } },
      config({ temperature: 0.9, maxOutputTokens: 9, topK: 4 })
    ],
    ["what is never sent", { metadata: { user: "u" }, cacheControl: { mode: "bypass" } }, { contents: [turn] }]
  ])("writes %s", (_, settings, body) => {
    expect(sent({ prompt: "Hi", ...settings })).toEqual(body)
  })

  it.each<[model: string, effort: ChatRequest.ReasoningEffort, thinkingConfig: object | undefined, warns: boolean]>([
    ["word-1", "low", { thinkingLevel: "low", includeThoughts: true }, false],
    ["word-1", "none", { thinkingLevel: "low" }, true],
    ["budget-1", "medium", { thinkingBudget: 512, includeThoughts: true }, false],
    ["budget-1", "none", { thinkingBudget: 512 }, true],
    ["acme-1", "high", undefined, true]
  ])("tells %s to think with the effort %s by %j; it warns: %s", (model, reasoningEffort, thinkingConfig, warns) => {
    expect(sent({ prompt: "Hi", reasoningEffort }, model)).toEqual(
      thinkingConfig === undefined ? { contents: [turn] } : config({ thinkingConfig })
    )
    expect(encoded({ prompt: "Hi", reasoningEffort }, model).warnings.map((warning) => warning.setting)).toEqual(
      warns ? ["reasoningEffort"] : []
    )
  })

  it("warns of what schemas say that nothing holds the answer to", () => {
    const bounded = { type: "object", properties: { word: { type: "string", pattern: "^a", minLength: 1 } } }
    const { body, warnings } = encoded({
      prompt: "Hi",
      tools: [{ name: "look_up", parameters: bounded }],
      responseFormat: { _tag: "JsonSchema", name: "label", schema: bounded }
    })
    expect(JSON.stringify(body)).not.toContain("pattern")
    expect(warnings).toEqual([
      { setting: "tools", message: expect.stringMatching(/tools\.look_up\.parameters.*pattern, minLength/) },
      { setting: "responseFormat", message: expect.stringMatching(/pattern, minLength/) }
    ])
  })

  it("fails before anything is sent where a schema says what cannot be said here, and names the place", () => {
    const parameters = { type: "object", properties: { word: { not: { type: "null" } } } }
    expect(refusal({ prompt: "Hi", tools: [{ name: "look_up", parameters }] })).toMatchObject({
      _tag: "UnsupportedFeature",
      feature: "tools.look_up.parameters.properties.word.not",
      attempts: 0
    })
  })
})

describe("the turns of a request", () => {
  it("are those of user and model; the system's texts stand apart", () => {
    expect(
      sent([
        Prompt.system("Be brief."),
        Prompt.system("Be kind."),
        Prompt.user("Hi"),
        Prompt.assistant("Hello."),
        Prompt.user("Bye")
      ])
    ).toEqual({
      systemInstruction: { parts: [{ text: "Be brief." }, { text: "Be kind." }] },
      contents: [turn, { role: "model", parts: [{ text: "Hello." }] }, { role: "user", parts: [{ text: "Bye" }] }]
    })
  })

  it("alternate: neighbours of one role are one turn", () => {
    expect(contents([Prompt.user("a"), Prompt.user("b"), Prompt.assistant("c"), Prompt.assistant("d")])).toEqual([
      { role: "user", parts: [{ text: "a" }, { text: "b" }] },
      { role: "model", parts: [{ text: "c" }, { text: "d" }] }
    ])
  })

  it.each<[string, ReadonlyArray<Prompt.MessageInput>]>([
    ["a system message amid the conversation", [Prompt.user("Hi"), Prompt.system("Be brief.")]],
    ["a name", [{ role: "user", content: "Hi", name: "ada" }]],
    ["the detail of an image", [Prompt.user([Prompt.imageBytes(bytes, "image/png", { detail: "low" })])]]
  ])("warn of %s, which is not sent as it stands", (_, prompt) => {
    expect(encoded(prompt).warnings).toEqual([{ setting: "prompt", message: expect.any(String) }])
    expect(encoded([Prompt.system("Be brief."), Prompt.user("Hi")]).warnings).toEqual([])
  })

  it.each<[string, Prompt.Part, object]>([
    [
      "an image as bytes",
      Prompt.imageBytes(bytes, "image/png"),
      { inlineData: { mimeType: "image/png", data: base64 } }
    ],
    [
      "an image in a data URL",
      Prompt.imageUrl(`data:image/webp;base64,${base64}`),
      { inlineData: { mimeType: "image/webp", data: base64 } }
    ],
    [
      "an image by URL",
      Prompt.imageUrl("https://a.example/cat.png"),
      { fileData: { fileUri: "https://a.example/cat.png" } }
    ],
    [
      "an image by URL that says what it is",
      { ...Prompt.imageUrl("https://a.example/cat"), mediaType: "image/jpeg" },
      { fileData: { mimeType: "image/jpeg", fileUri: "https://a.example/cat" } }
    ],
    [
      "a document",
      Prompt.fileBytes(bytes, "application/pdf", { name: "a.pdf" }),
      { inlineData: { mimeType: "application/pdf", data: base64 } }
    ],
    ["a recording", Prompt.fileBytes(bytes, "audio/ogg"), { inlineData: { mimeType: "audio/ogg", data: base64 } }],
    [
      "an uploaded file",
      { _tag: "File", source: { _tag: "Url", url: "https://files.example/v1beta/files/1" }, mediaType: "video/mp4" },
      { fileData: { mimeType: "video/mp4", fileUri: "https://files.example/v1beta/files/1" } }
    ]
  ])("hold %s", (_, part, written) => {
    expect(contents([Prompt.user([Prompt.text("See:"), part])])).toEqual([
      { role: "user", parts: [{ text: "See:" }, written] }
    ])
  })

  const call = (id: string, name: string, args = "{}"): Prompt.Part => ({ _tag: "ToolCall", id, name, arguments: args })

  it("hold calls and their results, which go by the function's name; those of one turn are one turn", () => {
    expect(
      contents([
        Prompt.assistant([call("a", "look_up", '{"word":"lamp"}'), call("b", "now")]),
        Prompt.toolResult("b", "noon"),
        Prompt.toolResult("a", '{"meaning":"A light."}', { isError: true }),
        Prompt.user("Hi")
      ])
    ).toEqual([
      {
        role: "model",
        parts: [
          { functionCall: { id: "a", name: "look_up", args: { word: "lamp" } } },
          { functionCall: { id: "b", name: "now", args: {} } }
        ]
      },
      {
        role: "user",
        parts: [
          { functionResponse: { id: "b", name: "now", response: { output: "noon" } } },
          { functionResponse: { id: "a", name: "look_up", response: { error: { meaning: "A light." } } } }
        ]
      },
      turn
    ])
  })

  it("hold no ids that the provider did not give", () => {
    expect(
      contents([Prompt.assistant([call("call_resp-1_0", "now")]), Prompt.toolResult("call_resp-1_0", "noon")])
    ).toEqual([
      { role: "model", parts: [{ functionCall: { name: "now", args: {} } }] },
      { role: "user", parts: [{ functionResponse: { name: "now", response: { output: "noon" } } }] }
    ])
  })

  it("give every signature back where it stood", () => {
    const parts: ReadonlyArray<Prompt.Part> = [
      { _tag: "Reasoning", text: "Hm." },
      { _tag: "Text", text: "Let me see." },
      { _tag: "Reasoning", text: "", signature: "s1" },
      call("a", "now"),
      call("b", "now"),
      { _tag: "Text", text: "Noon." },
      { _tag: "Reasoning", text: "", signature: "s2" }
    ]
    expect(contents([{ role: "assistant", content: parts }])).toEqual([
      {
        role: "model",
        parts: [
          { text: "Hm.", thought: true },
          { text: "Let me see." },
          { functionCall: { id: "a", name: "now", args: {} }, thoughtSignature: "s1" },
          { functionCall: { id: "b", name: "now", args: {} } },
          { text: "Noon." },
          { text: "", thoughtSignature: "s2" }
        ]
      }
    ])
  })

  it("ask a model that wants signatures not to look for those of another model's calls", () => {
    const prompt = [Prompt.assistant([call("a", "now"), call("b", "now")])]
    const written = (thoughtSignature?: string): unknown => [
      {
        role: "model",
        parts: [
          { functionCall: { id: "a", name: "now", args: {} }, thoughtSignature },
          { functionCall: { id: "b", name: "now", args: {} } }
        ]
      }
    ]
    expect(contents(prompt, "word-1")).toEqual(written("skip_thought_signature_validator"))
    expect(contents(prompt)).toEqual(written())
    const foreign = [
      Prompt.assistant([
        { _tag: "Reasoning", text: "", signature: "s1", signedBy: "other" },
        call("a", "now"),
        call("b", "now")
      ])
    ]
    expect(contents(foreign, "word-1")).toEqual(written("skip_thought_signature_validator"))
    expect(contents(foreign)).toEqual(written())
  })

  it.each<[string, Prompt.MessageInput, string]>([
    [
      "an image of a kind that is not taken",
      Prompt.user([Prompt.imageBytes(bytes, "image/tiff")]),
      "prompt.image.mediaType"
    ],
    [
      "a data URL of such an image",
      Prompt.user([Prompt.imageUrl("data:image/gif;base64,AAAA")]),
      "prompt.image.mediaType"
    ],
    ["a tool call of a user", Prompt.user([call("a", "b")]), "prompt.ToolCall"],
    ["a tool result of a user", Prompt.user([{ _tag: "ToolResult", id: "a", content: "b" }]), "prompt.ToolResult"],
    ["reasoning of a user", Prompt.user([{ _tag: "Reasoning", text: "b" }]), "prompt.Reasoning"],
    ["an image of the system", Prompt.system([Prompt.imageUrl("https://a.example/cat.png")]), "prompt.Image"],
    ["an image of the assistant", Prompt.assistant([Prompt.imageUrl("https://a.example/cat.png")]), "prompt.Image"],
    ["text of a tool", { role: "tool", content: "b" }, "prompt.Text"]
  ])("refuse %s before anything is sent", (_, message, feature) => {
    expect(refusal([message])).toMatchObject({ _tag: "UnsupportedFeature", feature, attempts: 0, ...origin })
  })

  it.each<[string, ReadonlyArray<Prompt.MessageInput>, string]>([
    [
      "bytes of an image that do not say what they are",
      [Prompt.user([{ _tag: "Image", source: { _tag: "Base64", base64 } }])],
      "prompt.image.mediaType"
    ],
    ["arguments that are no JSON object", [Prompt.assistant([call("a", "b", "[1]")])], "prompt.toolCall.arguments"],
    ["a result of a call that no one made", [Prompt.user("Hi"), Prompt.toolResult("a", "b")], "prompt.toolResult.id"],
    ["system messages alone", [Prompt.system("Be brief.")], "prompt"]
  ])("do not hold %s", (_, prompt, param) => {
    expect(refusal(prompt)).toMatchObject({ _tag: "InvalidRequest", param, attempts: 0 })
  })
})

describe("any request to generateContent", () => {
  it("either has turns that alternate, none of them empty, or fails as an LlmError; it never throws", () => {
    fc.assert(
      fc.property(Arbitrary.make(ChatRequest.ChatRequest), (request) => {
        const either = wire.encodeChat(request, origin, false)
        if (Either.isLeft(either)) {
          expect(LlmError.isLlmError(either.left)).toBe(true)
          expect(either.left.attempts).toBe(0)
        } else if (!Object.hasOwn(request.providerOptions ?? {}, "contents")) {
          expect(Array.isArray(either.right.body["contents"])).toBe(true)
        }
      }),
      { numRuns: 300 }
    )
  })
})

describe("a whole answer of generateContent", () => {
  const decode = (json: unknown) => wire.decodeChat(json, received)
  const error = (json: unknown): LlmError.LlmError => Either.getOrThrow(Either.flip(decode(json)))

  it("is its parts in their order, its id, its model, its finish reason and its usage", () => {
    const usageMetadata = { promptTokenCount: 9, candidatesTokenCount: 5, thoughtsTokenCount: 7, totalTokenCount: 21 }
    expect(
      decode(
        finish([{ text: "Hm.", thought: true }, { text: "Hel" }, { text: "lo", thoughtSignature: "s" }], "STOP", {
          usageMetadata
        })
      )
    ).toEqual(
      Either.right({
        parts: [
          { _tag: "Reasoning", text: "Hm." },
          { _tag: "Text", text: "Hello" },
          { _tag: "Reasoning", text: "", signature: "s", signedBy: "acme" }
        ],
        finishReason: { unified: "stop", raw: "STOP" },
        usage: { inputTokens: 9, outputTokens: 12, totalTokens: 21, reasoningTokens: 7 },
        model: "acme-1-002",
        id: "resp-1"
      })
    )
  })

  it("has the model that was asked, no id, no reason and no usage where it says nothing of them", () => {
    expect(decode({ candidates: [{ content: { parts: [{ text: "Hello" }] } }] })).toEqual(
      Either.right({
        parts: [{ _tag: "Text", text: "Hello" }],
        finishReason: { unified: "other", raw: "" },
        usage: {},
        model: "acme-1",
        id: ""
      })
    )
  })

  it("calls tools, though it says STOP", () => {
    expect(
      Either.getOrThrow(decode(finish([{ functionCall: { name: "f", args: { x: 1 } }, thoughtSignature: "s" }])))
    ).toMatchObject({
      parts: [
        { _tag: "Reasoning", text: "", signature: "s", signedBy: "acme" },
        { _tag: "ToolCall", id: "call_resp-1_0", name: "f", arguments: '{"x":1}' }
      ],
      finishReason: { unified: "tool-calls", raw: "STOP" }
    })
  })

  const usageMetadata = { promptTokenCount: 3, totalTokenCount: 3 }

  it.each<[string, object]>([
    ["the prompt was blocked", { promptFeedback: { blockReason: "PROHIBITED_CONTENT" }, usageMetadata }],
    ["it has no candidates", { candidates: [], usageMetadata }],
    ["it has no candidates at all", { usageMetadata, modelVersion: "acme-1-002" }],
    ["it was withheld", finish([{ text: "He" }], "SAFETY", { usageMetadata })]
  ])("is ContentFiltered when %s, and says what that cost", (_, json) => {
    expect(error(json)).toMatchObject({ _tag: "ContentFiltered", usage: { inputTokens: 3 }, requestId: "req-1" })
  })

  it("keeps the text that was given out before it was withheld", () => {
    expect(error(finish([{ text: "He" }], "RECITATION"))).toMatchObject({ _tag: "ContentFiltered", text: "He" })
  })

  it.each<[string, unknown]>([
    ["malformed by its own word", finish([{ text: "He" }], "MALFORMED_FUNCTION_CALL")],
    ["a call without a name", finish([{ functionCall: { args: {} } }])],
    ["a candidate that is empty", { candidates: [{ content: { parts: [] } }] }],
    ["an object without candidates", { id: "x" }],
    ["a list", [1]],
    ["a text", "hello"],
    ["null", null],
    ["a number", 7]
  ])("is none when it is %s", (_, json) => {
    expect(error(json)).toMatchObject({ _tag: "MalformedResponse", requestId: "req-1" })
  })

  it.each<[string, unknown]>([
    ["an object", { error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } }],
    ["a list", [{ error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } }]]
  ])("is an error of the provider's where it holds one, as %s", (_, json) => {
    expect(error(json)).toMatchObject({ _tag: "Overloaded", message: "The model is overloaded." })
  })

  it("never throws, whatever JSON it is, and however deep", () => {
    const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000))
    for (const json of [
      deep,
      finish([deep]),
      finish([{ functionCall: { name: "f", args: deep } }]),
      chunk([], { safetyRatings: deep, finishReason: "SAFETY" })
    ]) {
      expect(Either.isEither(decode(json))).toBe(true)
    }
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (outer, inner) => {
        expect(Either.isEither(decode(outer))).toBe(true)
        expect(Either.isEither(decode({ candidates: outer, promptFeedback: inner, usageMetadata: inner }))).toBe(true)
        expect(Either.isEither(decode(finish([{ text: outer, thought: inner }, { functionCall: inner }, inner])))).toBe(
          true
        )
      })
    )
  })
})
