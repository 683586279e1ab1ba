import { describe, expect, it } from "@effect/vitest"
import { Either, Option } from "effect"
import { ChatRequest, Prompt } from "../../src/index.js"
import * as ChatCompletions from "../../src/wire/ChatCompletions.js"
import { at } from "../recorded/Payloads.js"
import { chunk, decode, finish, origin } from "./ChatStream.js"

const encode = (quirks: Partial<ChatCompletions.Quirks>, more: Partial<ChatRequest.ChatRequest> = {}) =>
  ChatCompletions.make({
    maxTokensField: () => "max_tokens",
    isReasoningModel: undefined,
    asksForUsage: true,
    maxEmbeddingInputs: 3,
    ...quirks
  }).encodeChat({ ...ChatRequest.make("Hi"), ...more }, origin, false)

const bodyOf = (quirks: Partial<ChatCompletions.Quirks>, more?: Partial<ChatRequest.ChatRequest>) =>
  Either.getOrThrow(encode(quirks, more)).body

const warningsOf = (quirks: Partial<ChatCompletions.Quirks>, more?: Partial<ChatRequest.ChatRequest>) =>
  Either.getOrThrow(encode(quirks, more)).warnings.map((warning) => warning.setting)

describe("the seed", () => {
  it("is called what the dialect calls it, and goes out once", () => {
    expect(bodyOf({}, { seed: 0 })).toMatchObject({ seed: 0 })
    const body = bodyOf({ seedField: "random_seed" }, { seed: 0 })
    expect(body).toMatchObject({ random_seed: 0 })
    expect(body).not.toHaveProperty("seed")
  })
})

describe("the ids of tool calls", () => {
  const call = (id: string) => ({ _tag: "ToolCall", id, name: "f", arguments: "{}" }) as const
  const conversation = (...ids: ReadonlyArray<string>) => ({
    prompt: [Prompt.user("Hi"), Prompt.assistant(ids.map(call)), ...ids.map((id) => Prompt.toolResult(id, "1"))]
  })
  const idsIn = (pattern: RegExp | undefined, ...ids: ReadonlyArray<string>) => {
    const messages = bodyOf({ toolCallId: pattern }, conversation(...ids))["messages"]
    const calls = at(messages, 1, "tool_calls")
    return {
      calls: Array.isArray(calls) ? calls.map((one: unknown) => at(one, "id")) : [],
      results: ids.map((_, index) => at(messages, 2 + index, "tool_call_id"))
    }
  }

  it("go back as they came where any is taken, or where they fit", () => {
    for (const pattern of [undefined, /^\w{9}$/]) {
      expect(idsIn(pattern, "abcdefgh1")).toEqual({ calls: ["abcdefgh1"], results: ["abcdefgh1"] })
    }
  })

  it("that do not fit are replaced, each by one of its own, in the call and in its result", () => {
    const pattern = /^[a-zA-Z0-9]{9}$/
    const { calls, results } = idsIn(pattern, "call_1", "functions.f:0", "abcdefgh1", "x".repeat(100))
    expect(results).toEqual(calls)
    expect(new Set(calls).size).toBe(4)
    for (const id of calls) expect(id).toMatch(pattern)
    expect(idsIn(pattern, "call_1").calls).toEqual([calls[0]])
  })
})

describe("the beginning of an answer", () => {
  const prompt = ChatRequest.make([
    { role: "assistant", content: "Hello" },
    { role: "user", content: "Count to three." },
    { role: "assistant", content: "One, two" }
  ]).prompt

  it("is marked where the dialect wants it, and only at the end of the prompt", () => {
    const plain = bodyOf({}, { prompt })["messages"]
    expect(plain).toEqual([
      { role: "assistant", content: "Hello" },
      { role: "user", content: "Count to three." },
      { role: "assistant", content: "One, two" }
    ])
    for (const prefillField of ["prefix", "partial"] as const) {
      const messages = bodyOf({ prefillField }, { prompt })["messages"]
      expect(messages).toMatchObject([{}, {}, { content: "One, two", [prefillField]: true }])
      expect(messages).not.toHaveProperty(`0.${prefillField}`)
      const asked = bodyOf({ prefillField }, { prompt: prompt.slice(0, 2) })["messages"]
      expect(asked).not.toHaveProperty(`1.${prefillField}`)
    }
  })
})

describe("settings that are not taken", () => {
  const settings = {
    temperature: 0.1,
    seed: 7,
    frequencyPenalty: 0,
    presencePenalty: 1,
    reasoningEffort: "low"
  } as const

  it("are left out, each with a warning, and the others stay", () => {
    const quirks = { untaken: ["frequencyPenalty", "presencePenalty", "stop"] } as const
    const body = bodyOf(quirks, settings)
    expect(body).toMatchObject({ temperature: 0.1, seed: 7, reasoning_effort: "low" })
    expect([body["frequency_penalty"], body["presence_penalty"]]).toEqual([undefined, undefined])
    expect(warningsOf(quirks, settings)).toEqual(["frequencyPenalty", "presencePenalty"])
  })

  it("come on top of what a reasoning model refuses", () => {
    const quirks = { untaken: ["seed"], isReasoningModel: () => true } as const
    expect(warningsOf(quirks, settings)).toEqual(["seed", "temperature", "presencePenalty"])
  })
})

describe("reasoning of earlier answers", () => {
  const conversation = (...content: ReadonlyArray<ChatRequest.ChatRequest["prompt"][number]["content"][number]>) =>
    ({
      prompt: [
        { role: "user", content: [{ _tag: "Text", text: "Hi" }] },
        { role: "assistant", content },
        { role: "tool", content: [{ _tag: "ToolResult", id: "a", content: "1" }] }
      ]
    }) satisfies Partial<ChatRequest.ChatRequest>

  const called = conversation(
    { _tag: "Reasoning", text: "I " },
    { _tag: "Reasoning", text: "think." },
    { _tag: "ToolCall", id: "a", name: "f", arguments: "{}" }
  )

  it.each(["reasoning_content", "reasoning"] as const)(
    "go back as %s, with the calls they led to",
    (reasoningField) => {
      expect(bodyOf({ reasoningField }, called)).toMatchObject({
        messages: [
          {},
          { role: "assistant", content: null, [reasoningField]: "I think.", tool_calls: [{ id: "a" }] },
          {}
        ]
      })
      expect(warningsOf({ reasoningField }, called)).toEqual([])
    }
  )

  it("stay behind where they have no place, with a warning", () => {
    expect(JSON.stringify(bodyOf({}, called))).not.toContain("think")
    expect(warningsOf({}, called)).toEqual(["prompt"])
  })

  it("leave no field where there are none", () => {
    const silent = conversation({ _tag: "ToolCall", id: "a", name: "f", arguments: "{}" })
    expect(JSON.stringify(bodyOf({ reasoningField: "reasoning" }, silent))).not.toContain("reasoning")
  })
})

describe("a JSON schema", () => {
  const responseFormat = { _tag: "JsonSchema", name: "answer", schema: { type: "object" } } as const

  it("is sent where it is taken, and else refused, with the feature's name", () => {
    expect(bodyOf({}, { responseFormat })).toMatchObject({ response_format: { type: "json_schema" } })
    expect(Option.getOrThrow(Either.getLeft(encode({ takesJsonSchema: false }, { responseFormat })))).toMatchObject({
      _tag: "UnsupportedFeature",
      feature: "json-schema",
      attempts: 0
    })
  })

  it.each(["Json", "Text"] as const)("is not %s, which stays possible", (_tag) => {
    expect(Either.isRight(encode({ takesJsonSchema: false }, { responseFormat: { _tag } }))).toBe(true)
  })
})

describe("embeddings", () => {
  it("are none where the most texts of a request are 0", () => {
    expect(
      ChatCompletions.make({
        maxTokensField: () => "max_tokens",
        isReasoningModel: undefined,
        asksForUsage: true,
        maxEmbeddingInputs: 0
      }).embeddings
    ).toBeUndefined()
  })
})

describe("the usage of a stream inside its last choice", () => {
  it("counts, unless it is null", () => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
    const last = (value: unknown) => ({
      ...finish(),
      choices: [{ index: 0, delta: {}, finish_reason: "stop", usage: value }]
    })
    expect(decode(chunk({ content: "a" }), last(usage), "[DONE]").completion?.usage).toEqual({
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 15
    })
    expect(decode(chunk({ content: "a" }, { usage }), last(null), "[DONE]").completion?.usage.totalTokens).toBe(15)
  })
})
