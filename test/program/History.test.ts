import { describe, expect, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { History, Prompt } from "effect-llm"

const call = Prompt.assistant([{ _tag: "ToolCall", id: "1", name: "f", arguments: "{}" }])

describe("a history", () => {
  it("begins empty, or with what was said before", () => {
    expect(History.make()).toEqual(History.empty)
    expect(History.make({ system: "Be kind.", messages: "Hello" })).toEqual({
      system: "Be kind.",
      messages: [Prompt.user("Hello")],
      summaries: []
    })
  })

  it("is followed by a longer one, and stays as it is", () => {
    const before = History.make({ messages: "a" })
    const after = History.append(before, [Prompt.assistant("b"), { role: "user", content: "c" }])
    expect(after.messages).toEqual([Prompt.user("a"), Prompt.assistant("b"), Prompt.user("c")])
    expect(before.messages).toEqual([Prompt.user("a")])
    expect(History.last(after)).toEqual(Option.some(Prompt.user("c")))
    expect(History.last(History.empty)).toEqual(Option.none())
  })

  it("has turns, each with all that belongs to it", () => {
    const result = Prompt.toolResult("1", "2")
    const history = History.make({
      messages: [Prompt.assistant("Hi"), Prompt.user("a"), call, result, Prompt.assistant("b"), Prompt.user("c")]
    })
    expect(History.turns(history)).toEqual([
      [Prompt.assistant("Hi")],
      [Prompt.user("a"), call, result, Prompt.assistant("b")],
      [Prompt.user("c")]
    ])
  })

  it("is sent with its system message, and with notes instead of what they stand for", () => {
    const messages = ["a", "b", "c", "d"].map(Prompt.user)
    const history: History.History = {
      system: "Be kind.",
      messages,
      summaries: [
        { text: "first", messages: 1 },
        { text: "second", messages: 2 }
      ]
    }
    const prompt = History.toPrompt(history)
    expect(prompt.map(({ role }) => role)).toEqual(["system", "system", "system", "user"])
    expect(prompt.slice(1, 3).map(Prompt.textOf)).toEqual([
      expect.stringContaining("first"),
      expect.stringContaining("second")
    ])
    expect(prompt[3]).toEqual(Prompt.user("d"))
    expect(History.toPrompt(History.make({ messages }))).toEqual(messages)
  })

  it("knows the tool calls that wait for their results", () => {
    expect(History.openCalls([Prompt.user("a"), call]).map(({ id }) => id)).toEqual(["1"])
    expect(History.openCalls([Prompt.user("a"), call, Prompt.toolResult("1", "2")])).toEqual([])
  })

  it("can be stored", () => {
    const history = History.append(History.make({ system: "s" }), [Prompt.user("a"), call])
    const text = Schema.encodeSync(Schema.parseJson(History.History))(history)
    expect(Schema.decodeSync(Schema.parseJson(History.History))(text)).toEqual(history)
  })
})
