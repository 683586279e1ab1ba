import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { Prompt } from "effect-llm"

describe("Prompt.make", () => {
  it("makes a bare string one user message", () => {
    expect(Prompt.make("Hello")).toStrictEqual([{ role: "user", content: [{ _tag: "Text", text: "Hello" }] }])
  })

  it("takes one message, or messages, whose content may be a bare string", () => {
    const system = { role: "system", content: "Be kind." } as const
    const named = { role: "user", content: [Prompt.text("Hello")], name: "Ada" } as const
    expect(Prompt.make(system)).toStrictEqual([Prompt.system("Be kind.")])
    expect(Prompt.make([system, named])).toStrictEqual([Prompt.system("Be kind."), named])
  })

  it.prop("changes nothing in a prompt", [Prompt.Prompt], ([prompt]) => {
    expect(Prompt.make(prompt)).toEqual(prompt)
  })
})

describe("messages and parts", () => {
  it("have a constructor for every role", () => {
    expect([Prompt.system("a"), Prompt.user("a"), Prompt.assistant("a")].map((message) => message.role)).toEqual([
      "system",
      "user",
      "assistant"
    ])
    expect(Prompt.toolResult("1", "42")).toStrictEqual({
      role: "tool",
      content: [{ _tag: "ToolResult", id: "1", content: "42" }]
    })
    expect(Prompt.toolResult("1", "no", { isError: true }).content).toMatchObject([{ isError: true }])
  })

  it("hold images by URL or as base64, and files as base64", () => {
    const bytes = new Uint8Array([0, 1, 254, 255])
    expect(Prompt.imageUrl("https://example.com/a.png", { detail: "low" })).toStrictEqual({
      _tag: "Image",
      source: { _tag: "Url", url: "https://example.com/a.png" },
      detail: "low"
    })
    expect(Prompt.imageBytes(bytes, "image/png")).toStrictEqual({
      _tag: "Image",
      source: { _tag: "Base64", base64: "AAH+/w==" },
      mediaType: "image/png"
    })
    expect(Prompt.fileBytes(bytes, "application/pdf", { name: "a.pdf" })).toStrictEqual({
      _tag: "File",
      source: { _tag: "Base64", base64: "AAH+/w==" },
      mediaType: "application/pdf",
      name: "a.pdf"
    })
  })

  it("textOf joins the text parts of a message, and nothing else", () => {
    const content = [Prompt.text("a"), Prompt.imageUrl("https://example.com"), Prompt.text("b")]
    expect(Prompt.textOf(Prompt.user(content))).toBe("ab")
    expect(Prompt.textOf(Prompt.toolResult("1", "42"))).toBe("")
  })
})

describe("Prompt, as data", () => {
  it.prop("comes back as it was", [Prompt.Prompt], ([prompt]) => {
    const text = JSON.stringify(Schema.encodeSync(Prompt.Prompt)(prompt))
    expect(Schema.decodeUnknownSync(Prompt.Prompt)(JSON.parse(text))).toEqual(prompt)
  })

  it("refuses what is no message", () => {
    const bad: ReadonlyArray<unknown> = [
      "Hello",
      [{ role: "robot", content: [] }],
      [{ role: "user", content: [{ _tag: "Song" }] }]
    ]
    for (const input of bad) expect(Schema.is(Prompt.Prompt)(input)).toBe(false)
  })
})
