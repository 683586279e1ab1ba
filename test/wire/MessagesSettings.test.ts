import { describe, expect, it } from "@effect/vitest"
import { type ChatRequest, Prompt } from "../../src/index.js"
import type { ModelTraits } from "../../src/wire/Messages.js"
import { bodyOf, warningsOf } from "./MessagesEvents.js"

const forced: ChatRequest.Settings = {
  toolChoice: "required",
  tools: [{ name: "f", parameters: { type: "object", properties: {} } }]
}

describe("a reasoning effort", () => {
  it.each<[ChatRequest.ReasoningEffort, number]>([
    ["minimal", 1024],
    ["low", 2048],
    ["medium", 8192],
    ["high", 16_384],
    ["xhigh", 24_576]
  ])("%s is a budget of %i tokens, on top of the limit that is sent by default", (reasoningEffort, tokens) => {
    expect(bodyOf({ prompt: "Hi", reasoningEffort })).toMatchObject({
      thinking: { type: "enabled", budget_tokens: tokens },
      max_tokens: 4096 + tokens
    })
  })

  it("leaves half of a given limit to the answer", () => {
    expect(bodyOf({ prompt: "Hi", reasoningEffort: "high", maxTokens: 10_000 })).toMatchObject({
      thinking: { type: "enabled", budget_tokens: 5000 },
      max_tokens: 10_000
    })
    expect(bodyOf({ prompt: "Hi", reasoningEffort: "high", maxTokens: 1025 })).toMatchObject({
      thinking: { budget_tokens: 1024 }
    })
  })

  it("is dropped with a warning where a given limit leaves no room for it", () => {
    const input: ChatRequest.RequestInput = { prompt: "Hi", reasoningEffort: "low", maxTokens: 1024 }
    expect(bodyOf(input)).not.toHaveProperty("thinking")
    expect(warningsOf(input)).toEqual(["reasoningEffort"])
  })

  it.each<[ChatRequest.ReasoningEffort, string]>([
    ["minimal", "low"],
    ["low", "low"],
    ["medium", "medium"],
    ["high", "high"],
    ["xhigh", "max"]
  ])("%s is the effort %s of a model that adapts, whose thoughts are asked for", (reasoningEffort, effort) => {
    expect(bodyOf({ prompt: "Hi", reasoningEffort }, { thinking: "adaptive", greatestEffort: "max" })).toMatchObject({
      thinking: { type: "adaptive", display: "summarized" },
      output_config: { effort }
    })
  })

  it("none stops a model that thinks by itself, and is nothing to the others", () => {
    expect(bodyOf({ prompt: "Hi", reasoningEffort: "none" }, { thinking: "adaptive" })).toMatchObject({
      thinking: { type: "disabled" }
    })
    expect(bodyOf({ prompt: "Hi", reasoningEffort: "none" })).toEqual(bodyOf("Hi"))
    expect(warningsOf({ prompt: "Hi", reasoningEffort: "none" }, { thinking: "none" })).toEqual([])
  })

  it("is dropped with a warning where the model does not think", () => {
    expect(bodyOf({ prompt: "Hi", reasoningEffort: "high" }, { thinking: "none" })).toEqual(bodyOf("Hi"))
    expect(warningsOf({ prompt: "Hi", reasoningEffort: "high" }, { thinking: "none" })).toEqual(["reasoningEffort"])
  })

  it.each<ModelTraits["thinking"]>(["budget", "adaptive"])(
    "gives way to a tool that must be called (%s)",
    (thinking) => {
      const input: ChatRequest.RequestInput = { prompt: "Hi", reasoningEffort: "high", ...forced }
      expect(bodyOf(input, { thinking })).not.toHaveProperty("thinking")
      expect(warningsOf(input, { thinking })).toEqual(["reasoningEffort"])
    }
  )

  it("waits for the next turn where this one began without thoughts; a model that adapts may begin in the middle", () => {
    const call: Prompt.Part = { _tag: "ToolCall", id: "t1", name: "f", arguments: "{}" }
    const amid = (...parts: ReadonlyArray<Prompt.Part>): ChatRequest.RequestInput => ({
      prompt: [Prompt.user("Hi"), { role: "assistant", content: parts }, Prompt.toolResult("t1", "x")],
      reasoningEffort: "low"
    })
    expect(bodyOf(amid(call))).not.toHaveProperty("thinking")
    expect(warningsOf(amid(call))).toEqual(["reasoningEffort"])
    expect(bodyOf(amid(call), { thinking: "adaptive" })).toHaveProperty("thinking")
    expect(bodyOf(amid({ _tag: "Reasoning", text: "Hm.", signature: "c2ln" }, call))).toHaveProperty("thinking")
    expect(
      bodyOf({ prompt: [Prompt.user("a"), Prompt.assistant("b"), Prompt.user("c")], reasoningEffort: "low" })
    ).toHaveProperty("thinking")
  })

  it("stands beside a format in one output_config", () => {
    const schema = { type: "object", properties: {}, additionalProperties: false }
    expect(
      bodyOf(
        { prompt: "Hi", reasoningEffort: "low", responseFormat: { _tag: "JsonSchema", name: "x", schema } },
        { thinking: "adaptive" }
      )
    ).toMatchObject({ output_config: { effort: "low", format: { type: "json_schema", schema } } })
  })
})

describe("sampling", () => {
  const sampled = (settings: ChatRequest.Settings, traits?: Partial<ModelTraits>) => {
    const input = { prompt: "Hi", ...settings }
    const body = Object(bodyOf(input, traits))
    return [Reflect.get(body, "temperature"), Reflect.get(body, "top_p"), warningsOf(input, traits)]
  }

  it.each<[string, ChatRequest.Settings, Partial<ModelTraits>, unknown, unknown, ReadonlyArray<string>]>([
    ["both", { temperature: 0.2, topP: 0.5 }, {}, 0.2, 0.5, []],
    ["a temperature above 1 as 1", { temperature: 1.5 }, {}, 1, undefined, ["temperature"]],
    ["one of them to a model that takes one", { topP: 0.5 }, { sampling: "one" }, undefined, 0.5, []],
    [
      "the temperature to a model that takes one",
      { temperature: 0.2, topP: 0.5 },
      { sampling: "one" },
      0.2,
      undefined,
      ["topP"]
    ],
    [
      "nothing to a model that takes none",
      { temperature: 0.2, topP: 0.5 },
      { sampling: "none" },
      undefined,
      undefined,
      ["temperature", "topP"]
    ],
    ["defaults to a model that takes none", { temperature: 1 }, { sampling: "none" }, 1, undefined, []],
    ["a harmless top_p to a model that takes none", { topP: 0.99 }, { sampling: "none" }, undefined, 0.99, []],
    [
      "nothing to a model that thinks",
      { temperature: 0.2, topP: 0.5, reasoningEffort: "low" },
      {},
      undefined,
      undefined,
      ["temperature", "topP"]
    ],
    ["what it takes to a model that thinks", { temperature: 1, topP: 0.95, reasoningEffort: "low" }, {}, 1, 0.95, []]
  ])("sends %s", (_, settings, traits, temperature, topP, warnings) => {
    expect(sampled(settings, traits)).toEqual([temperature, topP, warnings])
  })
})

describe("stop texts", () => {
  it("that are blank are not sent, with a warning", () => {
    expect(bodyOf({ prompt: "Hi", stop: ["\n", "END", " "] })).toMatchObject({ stop_sequences: ["END"] })
    expect(bodyOf({ prompt: "Hi", stop: ["\n"] })).toEqual(bodyOf("Hi"))
    expect(warningsOf({ prompt: "Hi", stop: ["\n"] })).toEqual(["stop"])
    expect(warningsOf({ prompt: "Hi", stop: ["END"] })).toEqual([])
  })
})
