import { describe, expect, it } from "@effect/vitest"
import { Chunk, Duration } from "effect"
import { LlmError } from "../../src/index.js"
import { StreamAssembly } from "../../src/wire/StreamAssembly.js"
import { origin } from "./ChatStream.js"

const make = (): StreamAssembly =>
  new StreamAssembly({ ...origin, requestId: "req-1", warnings: [{ setting: "topP", message: "not sent" }] })

const overloaded = new LlmError.Overloaded({ ...origin, message: "busy", retryAfter: Duration.seconds(3) })

describe("the state of a streamed answer", () => {
  it("gives every part once", () => {
    const assembly = make()
    assembly.text("a")
    assembly.text("")
    assembly.reasoning("b")
    assembly.reasoning("")
    assembly.reasoning("", "signed")
    expect([...assembly.take()]).toEqual([
      { _tag: "TextDelta", text: "a" },
      { _tag: "ReasoningDelta", text: "b" },
      { _tag: "ReasoningDelta", text: "", signature: "signed", signedBy: "acme" }
    ])
    expect([...assembly.take()]).toEqual([])
  })

  it("ends its tool calls together, and then the answer, with all that is known of it", () => {
    const assembly = make()
    assembly.id = "r1"
    assembly.model = "acme-1-0925"
    assembly.usage = { inputTokens: 3 }
    assembly.toolCall({ index: 0, id: "a", name: "f" })
    assembly.take()
    assembly.finishReason = "stop"
    expect(assembly.end(Duration.millis(40))).toEqual(
      Chunk.make(
        { _tag: "ToolCallEnd", id: "a", name: "f", arguments: "{}" },
        {
          _tag: "Finish",
          finishReason: { unified: "tool-calls", raw: "stop" },
          usage: { inputTokens: 3 },
          model: "acme-1-0925",
          id: "r1",
          requestId: "req-1",
          warnings: [{ setting: "topP", message: "not sent" }],
          cached: false,
          attempts: 1,
          latency: Duration.millis(40)
        }
      )
    )
  })

  it("names the model that was asked where the answer names none", () => {
    const assembly = make()
    assembly.finishReason = "stop"
    const end = assembly.end(Duration.zero)
    expect(Chunk.isChunk(end) && Chunk.toReadonlyArray(end)).toMatchObject([{ _tag: "Finish", model: "acme-1" }])
  })

  it("keeps the first failure", () => {
    const assembly = make()
    assembly.fail(overloaded)
    assembly.fail(new LlmError.ServerFailed({ ...origin, message: "later" }))
    expect(assembly.done).toBe(true)
    expect(assembly.end(Duration.zero)).toBe(overloaded)
  })

  it("shows a retryable failure behind a visible part as StreamInterrupted, with the wait that was asked for and the usage so far", () => {
    const assembly = make()
    assembly.usage = { inputTokens: 7 }
    assembly.text("He")
    assembly.take()
    assembly.fail(overloaded)
    expect(assembly.end(Duration.zero)).toMatchObject({
      _tag: "StreamInterrupted",
      text: "He",
      usage: { inputTokens: 7 },
      retryAfter: Duration.seconds(3),
      cause: { _tag: "Overloaded", message: "busy" }
    })
  })

  it("shows a terminal failure as it is", () => {
    const assembly = make()
    const failure = new LlmError.QuotaExhausted({ ...origin, message: "empty" })
    assembly.text("He")
    assembly.take()
    assembly.fail(failure)
    expect(assembly.end(Duration.zero)).toBe(failure)
  })

  it("holds a failure higher than a finish reason that came before it", () => {
    const assembly = make()
    assembly.finishReason = "stop"
    assembly.fail(overloaded)
    expect(assembly.end(Duration.zero)).toBe(overloaded)
  })

  it("is an answer with a refusal behind text", () => {
    const assembly = make()
    assembly.text("I can say this.")
    assembly.take()
    assembly.refusal = "But not that."
    assembly.finishReason = "stop"
    expect(Chunk.isChunk(assembly.end(Duration.zero))).toBe(true)
  })

  it("is a failure when a tool was called without a name, and an interruption behind visible text", () => {
    const assembly = make()
    assembly.text("He")
    assembly.toolCall({ index: 0, id: "a" })
    assembly.take()
    assembly.finishReason = "tool_calls"
    expect(assembly.end(Duration.zero)).toMatchObject({
      _tag: "StreamInterrupted",
      cause: { _tag: "MalformedResponse" }
    })
  })
})
