import { describe, expect, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import { ChatRequest, type LlmError, Prompt, Tool } from "effect-llm"
import * as LocalLlamaPrompt from "../../src/provider/LocalLlamaPrompt.js"

const origin = { provider: "local-llama", model: "tiny" }

const prepare = (input: ChatRequest.Input): Either.Either<LocalLlamaPrompt.Prepared, LlmError.LlmError> =>
  LocalLlamaPrompt.prepare(ChatRequest.make(input), origin, 7)

const prepared = (input: ChatRequest.Input): LocalLlamaPrompt.Prepared => Either.getOrThrow(prepare(input))

const refusal = (input: ChatRequest.Input): LlmError.LlmError => Either.getOrThrow(Either.flip(prepare(input)))

const tool = (name: string): Tool.ToolDefinition => ({ name, description: "Finds it", parameters: { type: "object" } })

const call = (id: string): Prompt.Part => ({ _tag: "ToolCall", id, name: "look_up", arguments: '{"word":"lamp"}' })

describe("a request in the engine's words", () => {
  it("is a history of texts, in their roles", () => {
    const prompt = [Prompt.system("Be brief."), Prompt.user("Hi"), Prompt.assistant("Hello"), Prompt.user("Why?")]
    expect(prepared({ prompt }).history).toEqual([
      { type: "system", text: "Be brief." },
      { type: "user", text: "Hi" },
      { type: "model", response: ["Hello"] },
      { type: "user", text: "Why?" }
    ])
  })

  it("has the results of calls with the calls, and what the model said behind them in the same answer", () => {
    const prompt = [
      Prompt.user("What is a lamp?"),
      Prompt.assistant([{ _tag: "Reasoning", text: "Hm." }, Prompt.text("Let me see."), call("1"), call("2")]),
      Prompt.toolResult("2", "no JSON", { isError: true }),
      Prompt.toolResult("1", '{"means":"light"}'),
      Prompt.assistant("It gives light.")
    ]
    expect(prepared({ prompt }).history).toEqual([
      { type: "user", text: "What is a lamp?" },
      {
        type: "model",
        response: [
          { type: "segment", segmentType: "thought", text: "Hm.", ended: true },
          "Let me see.",
          { type: "functionCall", name: "look_up", params: { word: "lamp" }, result: { means: "light" } },
          { type: "functionCall", name: "look_up", params: { word: "lamp" }, result: { error: "no JSON" } },
          "It gives light."
        ]
      }
    ])
  })

  it.each<[string, ChatRequest.Input, Record<string, unknown>]>([
    [
      "an image",
      { prompt: Prompt.user([Prompt.text("See"), Prompt.imageUrl("https://example.com/a.png")]) },
      { _tag: "UnsupportedFeature", feature: "images" }
    ],
    [
      "a file",
      { prompt: Prompt.user([Prompt.fileBytes(new Uint8Array([1]), "application/pdf")]) },
      { _tag: "UnsupportedFeature", feature: "files" }
    ],
    [
      "a call without its result",
      { prompt: [Prompt.user("Hi"), Prompt.assistant([call("1")])] },
      { _tag: "InvalidRequest", param: "prompt[1].content[0]" }
    ],
    [
      "a result without its call",
      { prompt: [Prompt.user("Hi"), Prompt.toolResult("1", "{}")] },
      { _tag: "InvalidRequest", param: "prompt[1].content[0]" }
    ],
    [
      "a call in a message of the user",
      { prompt: Prompt.user([call("1")]) },
      { _tag: "InvalidRequest", param: "prompt[0].content[0]" }
    ],
    [
      "a grammar beside tools",
      { prompt: "Hi", tools: [tool("a")], responseFormat: { _tag: "Json" } },
      { _tag: "UnsupportedFeature", feature: "responseFormat with tools" }
    ],
    [
      "a tool's schema that no grammar has words for",
      { prompt: "Hi", tools: [{ name: "a", parameters: { type: "object", properties: { n: { not: {} } } } }] },
      { _tag: "UnsupportedFeature", feature: "tools.a.parameters.properties.n.not" }
    ],
    [
      "a tool whose arguments are no object",
      { prompt: "Hi", tools: [{ name: "a", parameters: { type: "string" } }] },
      { _tag: "UnsupportedFeature", feature: "tools.a.parameters" }
    ],
    [
      "a blank in a tool's name",
      { prompt: "Hi", tools: [tool("look up")] },
      { _tag: "InvalidRequest", param: "tools" }
    ],
    [
      "an option that cannot be",
      { prompt: "Hi", providerOptions: { topK: -1 } },
      { _tag: "InvalidRequest", param: "providerOptions.topK" }
    ]
  ])("refuses %s", (_what, input, expected) => {
    expect(refusal(input)).toMatchObject({ ...expected, attempts: 0 })
  })

  it("has an object without properties for a tool that takes nothing", () => {
    for (const parameters of [{}, Tool.jsonSchema(Schema.Struct({}))]) {
      expect(prepared({ prompt: "Hi", tools: [{ name: "a", parameters }] }).functions).toMatchObject({
        a: { params: { type: "object", properties: {} } }
      })
    }
  })

  it("may name a tool that must be called, and asks for one call of it then", () => {
    const tools = [tool("a"), tool("b")]
    expect(prepared({ prompt: "Hi", tools, toolChoice: { tool: "b" } })).toMatchObject({
      functions: { b: { description: "Finds it", params: { type: "object", additionalProperties: true } } },
      isForced: true,
      maxCalls: 1
    })
    expect(Object.keys(prepared({ prompt: "Hi", tools, toolChoice: "required" }).functions ?? {})).toEqual(["a", "b"])
    expect(prepared({ prompt: "Hi", tools }).isForced).toBe(false)
    expect(prepared({ prompt: "Hi", tools, toolChoice: "none" }).functions).toBeUndefined()
  })

  it("chooses the likeliest token where it says nothing, and punishes no repetition", () => {
    expect(prepared("Hi").sampling).toEqual({ temperature: 0, seed: 7, repeatPenalty: false })
  })

  it("hands settings on", () => {
    const request = {
      prompt: "Hi",
      temperature: 0.5,
      topP: 0.9,
      seed: -1,
      frequencyPenalty: 0.3,
      stop: ["."],
      maxTokens: 5,
      providerOptions: { topK: 40, minP: 0.05, repeatPenalty: 1.2 }
    }
    expect(prepared(request)).toMatchObject({
      sampling: {
        temperature: 0.5,
        topP: 0.9,
        topK: 40,
        minP: 0.05,
        seed: 0xfffffffe,
        repeatPenalty: { penalty: 1.2, frequencyPenalty: 0.3 }
      },
      stop: ["."],
      maxTokens: 5,
      warnings: []
    })
  })

  it("warns of settings that it does not take", () => {
    const request: ChatRequest.RequestInput = {
      prompt: { role: "user", content: "Hi", name: "Ann" },
      reasoningEffort: "high",
      providerOptions: { mirostat: 2 },
      responseFormat: { _tag: "JsonSchema", name: "age", schema: { type: "integer", minimum: 0 } }
    }
    expect(prepared(request).warnings.map(({ setting }) => setting)).toEqual([
      "responseFormat.schema",
      "reasoningEffort",
      "prompt",
      "providerOptions.mirostat"
    ])
  })
})
