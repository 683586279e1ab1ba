import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Duration, Schema } from "effect"
import { Completion, Prompt } from "effect-llm"

const fields: Completion.Fields = {
  parts: [
    { _tag: "Reasoning", text: "Hm. " },
    Prompt.text("One "),
    { _tag: "ToolCall", id: "1", name: "look_up", arguments: "{}" },
    { _tag: "Reasoning", text: "Ah.", signature: "s" },
    Prompt.text("two"),
    { _tag: "ToolCall", id: "2", name: "look_up", arguments: '{"a":1}' }
  ],
  finishReason: { unified: "tool-calls", raw: "tool_calls" },
  usage: { inputTokens: 1 },
  model: "m",
  id: "1",
  warnings: [],
  cached: false,
  attempts: 1,
  latency: Duration.millis(1250)
}

describe("Completion.make", () => {
  it("derives text, reasoning and tool calls from the parts", () => {
    expect(Completion.make(fields)).toStrictEqual({
      ...fields,
      text: "One two",
      reasoning: "Hm. Ah.",
      toolCalls: [fields.parts[2], fields.parts[5]]
    })
  })

  it("has no reasoning where there is none, and an empty text where the model only called tools", () => {
    const completion = Completion.make({ ...fields, parts: fields.parts.filter((part) => part._tag === "ToolCall") })
    expect(completion.text).toBe("")
    expect(completion).not.toHaveProperty("reasoning")
    expect(Completion.make({ ...fields, parts: [] })).toMatchObject({ text: "", parts: [], toolCalls: [] })
  })

  it("makes the same of a completion that was made", () => {
    const completion = Completion.make(fields)
    expect(Completion.make(completion)).toStrictEqual(completion)
  })
})

describe("a signature alone", () => {
  it("is a part of the answer, but no reasoning to read", () => {
    const parts: Completion.Fields["parts"] = [
      { _tag: "Text", text: "Hi" },
      { _tag: "Reasoning", text: "", signature: "s" }
    ]
    const completion = Completion.make({ ...fields, parts })
    expect(completion).not.toHaveProperty("reasoning")
    expect(completion.parts).toEqual(parts)
  })
})

describe("Completion.toMessage", () => {
  it("is the assistant's message, with all its parts", () => {
    expect(Completion.toMessage(Completion.make(fields))).toStrictEqual({ role: "assistant", content: fields.parts })
  })
})

describe("Completion, as data", () => {
  // A latency is kept in milliseconds: what a double cannot hold of its nanoseconds is lost.
  const completions = Arbitrary.make(Completion.Completion).map((completion): Completion.Completion => ({
    ...completion,
    latency: Duration.millis(Math.trunc(Duration.toMillis(completion.latency)))
  }))

  it.prop("comes back as it was", [completions], ([completion]) => {
    const encoded = Schema.encodeSync(Completion.Completion)(completion)
    expect(Schema.decodeSync(Completion.Completion)(encoded)).toEqual(completion)
  })

  it("goes through JSON", () => {
    const completion = Completion.make({ ...fields, requestId: "req_1", raw: { choices: [null, 1.5, "a"] } })
    const text = JSON.stringify(Schema.encodeSync(Completion.Completion)(completion))
    expect(JSON.parse(text)).toMatchObject({ latency: 1250 })
    expect(Schema.decodeUnknownSync(Completion.Completion)(JSON.parse(text))).toEqual(completion)
  })
})
