import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { ChatRequest, type LlmError } from "effect-llm"
import * as AzureMlScore from "../../src/wire/AzureMlScore.js"
import { origin, received } from "./ChatStream.js"

const encode = (input: ChatRequest.Input) => AzureMlScore.wire.encodeChat(ChatRequest.make(input), origin, false)

const sent = (input: ChatRequest.Input): unknown => JSON.parse(JSON.stringify(Either.getOrThrow(encode(input)).body))

const refusal = (input: ChatRequest.Input): LlmError.LlmError => Either.getOrThrow(Either.flip(encode(input)))

const decode = (json: unknown) => AzureMlScore.wire.decodeChat(json, received)

describe("a request", () => {
  it("is its messages, and its settings as parameters", () => {
    expect(
      sent({
        prompt: [
          { role: "system", content: [{ _tag: "Text", text: "Be brief." }] },
          { role: "user", content: [{ _tag: "Text", text: "Hi" }] },
          {
            role: "assistant",
            content: [
              { _tag: "Text", text: "Hello" },
              { _tag: "Text", text: "!" }
            ]
          },
          { role: "user", content: [{ _tag: "Text", text: "Bye" }] }
        ],
        temperature: 0,
        maxTokens: 200,
        topP: 1
      })
    ).toEqual({
      input_data: {
        input_string: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Hi" },
          { role: "assistant", content: "Hello!" },
          { role: "user", content: "Bye" }
        ],
        parameters: { temperature: 0, max_new_tokens: 200, top_p: 1 }
      }
    })
  })

  it.each<readonly [ChatRequest.Settings, object]>([
    [{}, {}],
    [{ stop: [] }, {}],
    [{ stop: ["###"] }, { stop: ["###"] }],
    [{ seed: 7 }, { seed: 7 }],
    [
      { frequencyPenalty: 0.5, presencePenalty: -0.5 },
      { frequency_penalty: 0.5, presence_penalty: -0.5 }
    ],
    [{ responseFormat: { _tag: "Text" }, tools: [], toolChoice: "none" }, {}],
    [
      { providerOptions: { do_sample: false, top_p: 0.9 }, topP: 0.1 },
      { do_sample: false, top_p: 0.9 }
    ],
    [{ metadata: { a: 1 }, cacheControl: { mode: "bypass" }, model: "another" }, {}]
  ])("with %j has these parameters: %j", (settings, parameters) => {
    expect(sent({ prompt: "Hi", ...settings })).toEqual({
      input_data: { input_string: [{ role: "user", content: "Hi" }], parameters }
    })
  })

  it.each<readonly [feature: string, ChatRequest.Input]>([
    ["tools", { prompt: "Hi", tools: [{ name: "a", description: "b", parameters: {} }] }],
    ["responseFormat", { prompt: "Hi", responseFormat: { _tag: "Json" } }],
    ["responseFormat", { prompt: "Hi", responseFormat: { _tag: "JsonSchema", name: "a", schema: {} } }],
    [
      "prompt.Image",
      [{ role: "user", content: [{ _tag: "Image", source: { _tag: "Url", url: "https://a.example/b.png" } }] }]
    ],
    [
      "prompt.File",
      [
        {
          role: "user",
          content: [{ _tag: "File", mediaType: "application/pdf", source: { _tag: "Base64", base64: "AA==" } }]
        }
      ]
    ],
    ["prompt.ToolCall", [{ role: "assistant", content: [{ _tag: "ToolCall", id: "1", name: "a", arguments: "{}" }] }]],
    ["prompt.ToolResult", [{ role: "tool", content: [{ _tag: "ToolResult", id: "1", content: "b" }] }]]
  ])("with %s is an UnsupportedFeature", (feature, input) => {
    expect(refusal(input)).toMatchObject({ _tag: "UnsupportedFeature", feature, attempts: 0, ...origin })
  })

  it("says what of it is not sent", () => {
    const { body, warnings } = Either.getOrThrow(
      encode({
        prompt: [
          { role: "user", name: "Ada", content: [{ _tag: "Text", text: "Hi" }] },
          {
            role: "assistant",
            content: [
              { _tag: "Reasoning", text: "hm" },
              { _tag: "Text", text: "Hello" }
            ]
          },
          { role: "user", content: [{ _tag: "Text", text: "Bye" }] }
        ],
        reasoningEffort: "low"
      })
    )
    expect(warnings.map((warning) => warning.setting)).toEqual(["reasoningEffort", "prompt", "prompt"])
    expect(JSON.stringify(body)).not.toMatch(/Ada|hm|low/)
    expect(Either.getOrThrow(encode("Hi")).warnings).toEqual([])
  })
})

describe("an answer", () => {
  it("is its output; the cost and the reason of its end are not known", () => {
    expect(decode({ output: "Hello" })).toEqual(
      Either.right({
        parts: [{ _tag: "Text", text: "Hello" }],
        finishReason: { unified: "other", raw: "" },
        usage: {},
        model: origin.model,
        id: ""
      })
    )
  })

  it("may be empty, and say other things too", () => {
    expect(Either.getOrThrow(decode({ output: "", took: 3 })).parts).toEqual([])
  })

  it.each([
    [null],
    [{}],
    [[]],
    ["Hello"],
    [{ output: null }],
    [{ output: 7 }],
    [{ output: ["Hello"] }],
    [{ output: { text: "Hello" } }],
    [{ Output: "Hello" }],
    [[{ output: "Hello" }]]
  ])("%j is a MalformedResponse that keeps it", (json) => {
    const error = Either.getOrThrow(Either.flip(decode(json)))
    expect(error).toMatchObject({ _tag: "MalformedResponse", status: 200, requestId: "req-1", ...origin })
    expect(error.body).toBe(typeof json === "string" ? json : JSON.stringify(json))
  })

  it.each<readonly [object, LlmError.Tag]>([
    [{ error: { code: "ServiceUnavailable", message: "busy" } }, "Overloaded"],
    [{ error: { code: "429", message: "slow down" } }, "RateLimited"],
    [{ output: null, error: "out of memory" }, "ServerFailed"]
  ])("that is an error, %j, is a %s", (json, tag) => {
    expect(Either.getOrThrow(Either.flip(decode(json)))._tag).toBe(tag)
  })
})

it("offers no embeddings and no streams", () => {
  expect(AzureMlScore.wire.embeddings).toBeUndefined()
  expect(AzureMlScore.wire).not.toHaveProperty("readEvent")
})
