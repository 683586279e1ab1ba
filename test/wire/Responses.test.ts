import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck as fc, Option } from "effect"
import { ChatRequest, LlmError, Prompt } from "../../src/index.js"
import {
  answerOf,
  bodyOf,
  call,
  encode,
  type Json,
  message,
  reasoning,
  refusal,
  refusalOf,
  response,
  thinking,
  warningsOf
} from "./ResponsesEvents.js"

const bytes = new Uint8Array([1, 2, 3])

/** The items that a prompt becomes. */
const items = (...prompt: ReadonlyArray<Prompt.MessageInput>): unknown => Reflect.get(Object(bodyOf(prompt)), "input")

describe("a Responses request", () => {
  const plain = { model: "acme-1", input: [{ role: "user", content: "Hi" }], store: false }

  it("is the model and the prompt, of which nothing is to be stored", () => {
    expect(bodyOf("Hi")).toEqual(plain)
    expect(bodyOf("Hi", {}, true)).toEqual({ ...plain, stream: true })
  })

  it("asks a model that thinks for its thoughts, encrypted, and no other", () => {
    expect(bodyOf("Hi", thinking)).toEqual({ ...plain, include: ["reasoning.encrypted_content"] })
  })

  const tool = { name: "look_up", parameters: { type: "object", properties: {} } }
  const flat = { type: "function", ...tool }
  const schema = { type: "object", properties: {}, additionalProperties: false }

  const closed = { type: "object", properties: {}, required: [], additionalProperties: false }

  it.each<[name: string, settings: ChatRequest.Settings, body: object]>([
    ["temperature", { temperature: 0.2 }, { temperature: 0.2 }],
    ["topP", { topP: 0.9 }, { top_p: 0.9 }],
    ["maxTokens", { maxTokens: 64 }, { max_output_tokens: 64 }],
    ["no stop", { stop: [] }, {}],
    ["tools", { tools: [tool] }, { tools: [flat] }],
    [
      "tools with all they can say",
      { tools: [{ ...tool, description: "Looks up", strict: true }] },
      { tools: [{ type: "function", ...tool, parameters: closed, description: "Looks up", strict: true }] }
    ],
    ["no tools", { tools: [], toolChoice: "auto" }, {}],
    ["toolChoice", { tools: [tool], toolChoice: "required" }, { tools: [flat], tool_choice: "required" }],
    [
      "toolChoice of one tool",
      { tools: [tool], toolChoice: { tool: "look_up" } },
      { tools: [flat], tool_choice: { type: "function", name: "look_up" } }
    ],
    ["text", { responseFormat: { _tag: "Text" } }, { text: { format: { type: "text" } } }],
    ["JSON", { responseFormat: { _tag: "Json" } }, { text: { format: { type: "json_object" } } }],
    [
      "a schema",
      { responseFormat: { _tag: "JsonSchema", name: "out", schema: closed } },
      { text: { format: { type: "json_schema", name: "out", schema: closed, strict: true } } }
    ],
    [
      "a loose schema",
      { responseFormat: { _tag: "JsonSchema", name: "out", description: "d", schema, strict: false } },
      { text: { format: { type: "json_schema", name: "out", description: "d", schema, strict: false } } }
    ],
    [
      "providerOptions last",
      { temperature: 1, providerOptions: { temperature: 0, store: true, truncation: "auto" } },
      { temperature: 0, store: true, truncation: "auto" }
    ],
    ["metadata never", { metadata: { secret: "x" }, cacheControl: { mode: "bypass" } }, {}]
  ])("says %s", (_, settings, body) => {
    expect(bodyOf({ prompt: "Hi", ...settings })).toEqual({ ...plain, ...body })
    expect(warningsOf({ prompt: "Hi", ...settings })).toEqual([])
  })

  it("says an effort, and beside it what this library has no name for", () => {
    const reasoningOf = (settings: ChatRequest.Settings): unknown =>
      Reflect.get(Object(bodyOf({ prompt: "Hi", ...settings }, thinking)), "reasoning")
    expect(reasoningOf({ reasoningEffort: "low" })).toEqual({ effort: "low" })
    expect(reasoningOf({ reasoningEffort: "low", providerOptions: { reasoning: { summary: "auto" } } })).toEqual({
      effort: "low",
      summary: "auto"
    })
    expect(reasoningOf({ providerOptions: { reasoning: { summary: "auto" } } })).toEqual({ summary: "auto" })
    expect(reasoningOf({ reasoningEffort: "low", providerOptions: { reasoning: { effort: "high" } } })).toEqual({
      effort: "high"
    })
    expect(reasoningOf({ providerOptions: { reasoning: null } })).toBeUndefined()
    expect(
      bodyOf({ prompt: "Hi", responseFormat: { _tag: "Json" }, providerOptions: { text: { verbosity: "low" } } })
    ).toMatchObject({ text: { format: { type: "json_object" }, verbosity: "low" } })
  })

  it("leaves out what the protocol does not take, and warns of it", () => {
    const settings = {
      stop: ["END"],
      seed: 7,
      frequencyPenalty: 1,
      presencePenalty: 1,
      reasoningEffort: "low"
    } as const
    expect(bodyOf({ prompt: "Hi", ...settings })).toEqual(plain)
    expect(warningsOf({ prompt: "Hi", ...settings })).toEqual(Object.keys(settings))
  })

  it("leaves out what a model that thinks does not take, each said once", () => {
    const settings = { temperature: 0.2, topP: 0.5, frequencyPenalty: 1, presencePenalty: 1 }
    expect(bodyOf({ prompt: "Hi", ...settings }, thinking)).not.toHaveProperty("temperature")
    expect([...warningsOf({ prompt: "Hi", ...settings }, thinking)].sort()).toEqual(Object.keys(settings).sort())
    expect(bodyOf({ prompt: "Hi", temperature: 1 }, thinking)).toMatchObject({ temperature: 1 })
  })

  it("asks for at least 16 tokens, and warns where that is more than was wanted", () => {
    expect(bodyOf({ prompt: "Hi", maxTokens: 5 })).toMatchObject({ max_output_tokens: 16 })
    expect(warningsOf({ prompt: "Hi", maxTokens: 5 })).toEqual(["maxTokens"])
    expect(warningsOf({ prompt: "Hi", maxTokens: 16 })).toEqual([])
  })

  it("can be made of everything that a ChatRequest can hold, or is refused", () => {
    fc.assert(
      fc.property(Arbitrary.make(ChatRequest.ChatRequest), fc.boolean(), (request, streamed) => {
        fc.pre(Option.isNone(ChatRequest.validate(request)))
        const encoded = encode(request, undefined, streamed)
        if (Either.isRight(encoded)) {
          expect(encoded.right.body).toMatchObject({ input: expect.any(Array) })
        } else expect(["UnsupportedFeature", "InvalidRequest"]).toContain(encoded.left._tag)
      }),
      { numRuns: 50 }
    )
  })
})

describe("a prompt", () => {
  it("is a list of items, calls and their results among the messages", () => {
    expect(
      items(
        Prompt.system("Be brief."),
        Prompt.user("Hi"),
        Prompt.assistant([
          { _tag: "Text", text: "Let me see." },
          { _tag: "ToolCall", id: "call_1", name: "look_up", arguments: '{"word":"lamp"}' },
          { _tag: "Text", text: "" }
        ]),
        Prompt.toolResult("call_1", "A light.")
      )
    ).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Let me see." },
      { type: "function_call", call_id: "call_1", name: "look_up", arguments: '{"word":"lamp"}' },
      { type: "function_call_output", call_id: "call_1", output: "A light." }
    ])
  })

  it("gives thoughts back encrypted, in their place, without an id", () => {
    expect(
      items(
        Prompt.user("Hi"),
        Prompt.assistant([
          { _tag: "Reasoning", text: "Hm.", signature: "gAAA1" },
          { _tag: "ToolCall", id: "call_1", name: "f", arguments: "{}" },
          { _tag: "Reasoning", text: "", signature: "gAAA2" },
          { _tag: "Text", text: "Hello" }
        ]),
        Prompt.toolResult("call_1", "x")
      )
    ).toEqual([
      { role: "user", content: "Hi" },
      { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: "gAAA1" },
      { type: "function_call", call_id: "call_1", name: "f", arguments: "{}" },
      { type: "reasoning", summary: [], encrypted_content: "gAAA2" },
      { role: "assistant", content: "Hello" },
      { type: "function_call_output", call_id: "call_1", output: "x" }
    ])
  })

  it("leaves out thoughts that cannot go back, and warns of it", () => {
    const prompt = (signature?: string, signedBy?: string): ReadonlyArray<Prompt.MessageInput> => [
      Prompt.user("Hi"),
      Prompt.assistant([
        { _tag: "Reasoning", text: "Hm.", signature, signedBy },
        { _tag: "Text", text: "Hello" }
      ]),
      Prompt.user("And?")
    ]
    expect(bodyOf(prompt())).toMatchObject({ input: [{}, { role: "assistant" }, {}] })
    expect(warningsOf(prompt())).toEqual(["prompt"])
    const plainModel = { takesReasoning: () => false }
    expect(bodyOf(prompt("gAAA"), plainModel)).toMatchObject({ input: [{}, { role: "assistant" }, {}] })
    expect(warningsOf(prompt("gAAA"), plainModel)).toEqual(["prompt"])
    expect(warningsOf(prompt("gAAA"))).toEqual([])
    expect(warningsOf(prompt("gAAA", "acme"))).toEqual([])
    expect(bodyOf(prompt("gAAA", "other"))).toMatchObject({ input: [{}, { role: "assistant" }, {}] })
    expect(warningsOf(prompt("gAAA", "other"))).toEqual(["prompt"])
  })

  it("does not say who speaks, and warns of it", () => {
    expect(bodyOf({ role: "user", content: "Hi", name: "ann" })).toMatchObject({
      input: [{ role: "user", content: "Hi" }]
    })
    expect(warningsOf({ role: "user", content: "Hi", name: "ann" })).toEqual(["prompt"])
  })

  it.each<[string, Prompt.Part, object]>([
    [
      "an image by its URL",
      Prompt.imageUrl("https://x.example/a.png"),
      { type: "input_image", image_url: "https://x.example/a.png" }
    ],
    [
      "an image as bytes, and how closely to look",
      Prompt.imageBytes(bytes, "image/png", { detail: "low" }),
      { type: "input_image", image_url: "data:image/png;base64,AQID", detail: "low" }
    ],
    [
      "a file as bytes",
      Prompt.fileBytes(bytes, "application/pdf", { name: "a.pdf" }),
      { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,AQID" }
    ],
    [
      "a file without a name",
      Prompt.fileBytes(bytes, "application/pdf"),
      { type: "input_file", filename: "file", file_data: "data:application/pdf;base64,AQID" }
    ],
    [
      "a file by its URL",
      { _tag: "File", mediaType: "application/pdf", source: { _tag: "Url", url: "https://x.example/a.pdf" } },
      { type: "input_file", file_url: "https://x.example/a.pdf" }
    ],
    [
      "a file in a data URL",
      { _tag: "File", mediaType: "application/pdf", source: { _tag: "Url", url: "data:application/pdf;base64,AQID" } },
      { type: "input_file", filename: "file", file_data: "data:application/pdf;base64,AQID" }
    ]
  ])("holds %s", (_, part, content) => {
    expect(items(Prompt.user([Prompt.text("See:"), part]))).toEqual([
      { role: "user", content: [{ type: "input_text", text: "See:" }, content] }
    ])
  })

  it.each<[string, Prompt.MessageInput, object]>([
    ["audio", Prompt.user([Prompt.fileBytes(bytes, "audio/wav")]), { _tag: "UnsupportedFeature", feature: "audio" }],
    [
      "image bytes of no type",
      Prompt.user([{ _tag: "Image", source: { _tag: "Base64", base64: "AQID" } }]),
      { _tag: "InvalidRequest", param: "prompt.image.mediaType" }
    ],
    [
      "a file on this machine",
      Prompt.user([{ _tag: "File", mediaType: "application/pdf", source: { _tag: "Url", url: "file:///a.pdf" } }]),
      { _tag: "UnsupportedFeature", feature: "prompt.file.source" }
    ],
    ["a picture by the system", Prompt.system([Prompt.imageUrl("x")]), { feature: "prompt.Image" }],
    [
      "a call by the user",
      Prompt.user([{ _tag: "ToolCall", id: "a", name: "f", arguments: "{}" }]),
      { feature: "prompt.ToolCall" }
    ],
    ["a picture by the assistant", Prompt.assistant([Prompt.imageUrl("x")]), { feature: "prompt.Image" }],
    ["text by a tool", { role: "tool", content: "x" }, { feature: "prompt.Text" }]
  ])("with %s is refused before it is sent", (_, input, error) => {
    expect(refusalOf(input)).toMatchObject({ ...error, attempts: 0, provider: "acme", model: "acme-1" })
  })
})

describe("a Responses answer", () => {
  const whole = (output: ReadonlyArray<Json>, more?: Json) => Either.getOrThrow(answerOf(response(output, more)))
  const failure = (json: unknown) => Either.getOrThrow(Either.flip(answerOf(json)))

  it("is its parts in their order, with model, id and usage", () => {
    expect(
      whole([
        reasoning(["One", "Two"], "gAAA"),
        message("Hel", "lo"),
        call("look_up", '{"word":"lamp"}'),
        { type: "web_search_call" }
      ])
    ).toEqual({
      parts: [
        { _tag: "Reasoning", text: "One\n\nTwo", signature: "gAAA", signedBy: "acme" },
        { _tag: "Text", text: "Hello" },
        { _tag: "ToolCall", id: "call_1", name: "look_up", arguments: '{"word":"lamp"}' }
      ],
      finishReason: { unified: "tool-calls", raw: "completed" },
      usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15, cachedInputTokens: 4, reasoningTokens: 2 },
      model: "acme-1-0925",
      id: "resp_1"
    })
  })

  it.each<[string, Json, object]>([
    ["no usage", { usage: null }, { usage: {} }],
    [
      "what was written to the cache",
      { usage: { input_tokens: 9, input_tokens_details: { cache_write_tokens: 8 } } },
      { usage: { inputTokens: 9, cacheWriteTokens: 8 } }
    ],
    ["no model", { model: null }, { model: "acme-1" }],
    ["no id", { id: undefined }, { id: "" }],
    ["no status", { status: undefined }, { finishReason: { unified: "other", raw: "" } }],
    [
      "an end before its time",
      { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } },
      { finishReason: { unified: "length", raw: "max_output_tokens" } }
    ]
  ])("with %s is read all the same", (_, more, fields) => {
    expect(whole([message("Hello")], more)).toMatchObject({ parts: [{ text: "Hello" }], ...fields })
  })

  it("may be empty, where the provider says that it is whole", () => {
    expect(whole([])).toMatchObject({ parts: [], finishReason: { unified: "stop" } })
  })

  it.each<[string, unknown, string]>([
    ["an error", { error: { message: "x", type: "insufficient_quota", code: "insufficient_quota" } }, "QuotaExhausted"],
    [
      "a response that failed",
      response([], { status: "failed", error: { code: "rate_limit_exceeded", message: "x" } }),
      "RateLimited"
    ],
    ["one that failed without a word", response([], { status: "failed" }), "ServerFailed"],
    ["one that was cancelled", response([message("Hel")], { status: "cancelled" }), "ServerFailed"],
    ["one that is still to come", response([], { status: "queued" }), "MalformedResponse"],
    ["one that is not whole yet", response([message("Hel")], { status: "in_progress" }), "MalformedResponse"],
    ["one of a status that is unknown", response([message("Hel")], { status: "from_the_future" }), "MalformedResponse"],
    [
      "a filter's",
      response([message("Hel")], { status: "incomplete", incomplete_details: { reason: "content_filter" } }),
      "ContentFiltered"
    ],
    ["a refusal", response([refusal("No.")]), "ContentFiltered"],
    ["a refusal without a status", response([refusal("No.")], { status: undefined }), "ContentFiltered"],
    ["a call without a name", response([call(null, "{}")]), "MalformedResponse"],
    ["a call without a name behind text", response([message("Hi"), call("", "{}")]), "MalformedResponse"],
    ["nothing and no status", response([], { status: undefined }), "MalformedResponse"],
    ["an answer of chat completions", { choices: [{ message: { content: "Hi" } }] }, "MalformedResponse"],
    ["an empty object", {}, "MalformedResponse"],
    ["null", null, "MalformedResponse"],
    ["a list", [], "MalformedResponse"],
    ["a text", "Hello", "MalformedResponse"]
  ])("that is %s is a failure", (_, json, tag) => {
    expect(failure(json)._tag).toBe(tag)
  })

  it.each<Json>([
    { status: "failed", error: { code: "server_error", message: "x" } },
    { status: "queued" },
    { output: [call(null, "{}")] }
  ])("that is wrong does not show the request that it repeats: %j", (more) => {
    const request = { instructions: "S3CRET", tools: [{ name: "S3CRET" }], metadata: { of: "S3CRET" }, model: "S3CRET" }
    const error = failure(response([], { ...request, ...more }))
    expect(JSON.stringify(error)).not.toContain("S3CRET")
    expect(error.body ?? "resp_1").toContain("resp_1")
  })

  it("is a value or an LlmError, whatever the JSON", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc.record({
            status: fc.constantFrom("completed", "incomplete", 7),
            output: fc.jsonValue(),
            usage: fc.jsonValue()
          }),
          fc.record({
            status: fc.constant("completed"),
            output: fc.array(
              fc.record({
                type: fc.constantFrom("message", "reasoning", "function_call"),
                content: fc.jsonValue(),
                summary: fc.jsonValue(),
                name: fc.jsonValue(),
                call_id: fc.jsonValue(),
                arguments: fc.jsonValue()
              })
            )
          })
        ),
        (json) => {
          const decoded = answerOf(json)
          if (Either.isLeft(decoded)) expect(LlmError.isLlmError(decoded.left)).toBe(true)
          else expect(decoded.right.finishReason).toHaveProperty("unified")
        }
      )
    )
  })
})
