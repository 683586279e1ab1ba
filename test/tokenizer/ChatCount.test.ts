import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type ChatRequest, Prompt, Tokenizer, Tool } from "effect-llm"

const count = (request: ChatRequest.Input, options?: Tokenizer.Options) =>
  Effect.provide(Tokenizer.countChatDetailed(request, options), Tokenizer.layer)

const named = (name: string, content: string): Prompt.MessageInput => ({ role: "system", name, content })

/** The messages of OpenAI's cookbook, "How to count tokens with tiktoken". */
const jargon: ReadonlyArray<Prompt.MessageInput> = [
  {
    role: "system",
    content: "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."
  },
  named("example_user", "New synergies will help drive top-line growth."),
  named("example_assistant", "Things working well together will increase revenue."),
  named(
    "example_user",
    "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."
  ),
  named("example_assistant", "Let's talk later when we're less busy about how to do better."),
  {
    role: "user",
    content: "This late pivot means we don't have time to boil the ocean for the client deliverable."
  }
]

const weather: Tool.ToolDefinition = {
  name: "get_current_weather",
  description: "Get the current weather in a given location",
  parameters: {
    type: "object",
    properties: {
      location: { type: "string", description: "The city and state, e.g. San Francisco, CA" },
      unit: { type: "string", description: "The unit of temperature to return", enum: ["celsius", "fahrenheit"] }
    },
    required: ["location"]
  }
}

const asksForWeather: ReadonlyArray<Prompt.MessageInput> = [
  { role: "system", content: "You are a helpful assistant that can answer to questions about the weather." },
  { role: "user", content: "What's the weather like in San Francisco?" }
]

describe("the published examples", () => {
  it.effect.each([
    ["gpt-3.5-turbo-0301", 127],
    ["gpt-3.5-turbo", 129],
    ["gpt-3.5-turbo-0125", 129],
    ["gpt-35-turbo", 129],
    ["gpt-4-0613", 129],
    ["gpt-4", 129],
    ["gpt-4o", 124],
    ["gpt-4o-mini", 124]
  ] as const)("messages of %s are %d tokens, exactly", ([model, tokens]) =>
    Effect.gen(function* () {
      expect(yield* count({ prompt: jargon, model })).toMatchObject({ tokens, approximate: false, estimated: [] })
    })
  )

  it.effect.each([
    ["gpt-3.5-turbo", 105],
    ["gpt-4", 105],
    ["gpt-4o", 101],
    ["gpt-4o-mini", 101]
  ] as const)("messages and a tool of %s are %d tokens, as an estimate", ([model, tokens]) =>
    Effect.gen(function* () {
      const chat = yield* count({ prompt: asksForWeather, tools: [weather], model })
      expect(chat).toMatchObject({ tokens, approximate: true, estimated: ["tools"] })
    })
  )
})

describe("countChat", () => {
  it.effect("is the sum of messages, tools, the response format and what begins the reply", () =>
    Effect.gen(function* () {
      const chat = yield* count({
        prompt: asksForWeather,
        tools: [weather],
        responseFormat: {
          _tag: "JsonSchema",
          name: "answer",
          schema: Tool.jsonSchema(Schema.Struct({ celsius: Schema.Number }))
        },
        model: "gpt-4.1"
      })
      expect(chat.messages).toHaveLength(2)
      expect(chat.reply).toBe(3)
      expect(Math.min(chat.tools, chat.responseFormat)).toBeGreaterThan(10)
      const parts = [...chat.messages, chat.tools, chat.responseFormat, chat.reply]
      expect(chat.tokens).toBe(parts.reduce((total, part) => total + part, 0))
      expect(chat.estimated).toEqual(["tools", "responseFormat"])
    })
  )

  it.effect("takes the model of the request, then that of the options", () =>
    Effect.gen(function* () {
      expect((yield* count({ prompt: jargon, model: "gpt-4" }, { model: "gpt-4o" })).tokens).toBe(129)
      expect((yield* count(jargon, { model: "gpt-4o" })).tokens).toBe(124)
      expect((yield* count(jargon, { model: "deployment", encoding: "cl100k_base" })).tokens).toBe(129)
    })
  )

  it.effect.each([
    [undefined, ["encoding", "framing"]],
    ["claude-sonnet-4-5", ["encoding", "framing"]],
    ["o4-mini", ["framing"]],
    ["gpt-5.1", ["framing"]],
    ["gpt-4.1", []],
    ["gpt-4.5-preview", []]
  ] as const)("of %s says that %j is estimated", ([model, estimated]) =>
    Effect.gen(function* () {
      const chat = yield* count("Hello", { model })
      expect(chat).toMatchObject({ tokens: 8, estimated, approximate: estimated.length > 0 })
    })
  )

  it.effect("counts an empty prompt as what begins the reply", () =>
    Effect.gen(function* () {
      expect(yield* count([], { model: "gpt-4o" })).toMatchObject({ tokens: 3, messages: [], approximate: false })
    })
  )

  const called: Prompt.Message = {
    role: "assistant",
    content: [
      { _tag: "ToolCall", id: "1", name: "get_current_weather", arguments: '{"location":"Lisbon"}' },
      { _tag: "ToolCall", id: "2", name: "get_current_weather", arguments: '{"location":"Porto"}' }
    ]
  }
  const results: Prompt.Message = {
    role: "tool",
    content: [
      { _tag: "ToolResult", id: "1", content: '{"celsius":21}' },
      { _tag: "ToolResult", id: "2", content: '{"celsius":19}' }
    ]
  }

  it.effect("counts tool calls and results, each result as a message, and says that it estimates them", () =>
    Effect.gen(function* () {
      const chat = yield* count([Prompt.user("Weather?"), called, results], { model: "gpt-4o" })
      expect(chat.estimated).toEqual(["toolCalls"])
      const apart = yield* count(
        [
          Prompt.user("Weather?"),
          called,
          Prompt.toolResult("1", '{"celsius":21}'),
          Prompt.toolResult("2", '{"celsius":19}')
        ],
        { model: "gpt-4o" }
      )
      expect(chat.tokens).toBe(apart.tokens)
      expect(chat.messages[1]).toBeGreaterThan(20)
    })
  )

  it.effect("counts thoughts only for models that may get them back", () =>
    Effect.gen(function* () {
      const prompt: Prompt.Input = [
        { role: "assistant", content: [{ _tag: "Reasoning", text: "Let me think." }, Prompt.text("Yes")] }
      ]
      const openAi = yield* count(prompt, { model: "gpt-4.1" })
      const other = yield* count(prompt, { model: "deepseek-chat" })
      expect(openAi.estimated).toEqual([])
      expect(other.estimated).toEqual(["encoding", "framing", "reasoning"])
      expect(other.tokens - openAi.tokens).toBe(4)
    })
  )

  it.effect("counts files by their size, as an estimate", () =>
    Effect.gen(function* () {
      const file = (bytes: number, mediaType: string) =>
        count([Prompt.user([Prompt.fileBytes(new Uint8Array(bytes), mediaType)])], { model: "gpt-4o" })
      const text = yield* file(4000, "text/plain")
      expect(text).toMatchObject({ estimated: ["files"], approximate: true })
      expect(Math.abs(text.tokens - 1000)).toBeLessThan(20)
      expect((yield* file(100_000, "application/pdf")).tokens).toBeGreaterThan(1000)
    })
  )

  it.effect("estimates tools of every shape", () =>
    Effect.gen(function* () {
      const tokens = (parameters: Tool.JsonSchema) =>
        Effect.map(count({ prompt: "x", tools: [{ name: "f", parameters }], model: "gpt-4o" }), (chat) => chat.tools)
      const none = yield* tokens({})
      expect(none).toBeGreaterThan(15)
      const flat = yield* tokens({ type: "object", properties: { a: { type: "string" } } })
      const nested = yield* tokens({
        type: "object",
        properties: { a: { type: "array", items: { type: "object", properties: { b: { type: ["string", "null"] } } } } }
      })
      const union = yield* tokens({
        properties: { a: { anyOf: [{ type: "string" }, { enum: [1, 2, null] }] }, b: true }
      })
      interface Category {
        readonly children: ReadonlyArray<Category>
      }
      const Category: Schema.Schema<Category> = Schema.Struct({
        children: Schema.Array(Schema.suspend((): Schema.Schema<Category> => Category))
      }).annotations({ identifier: "Category" })
      const named = yield* tokens(Tool.jsonSchema(Schema.Struct({ root: Category })))
      expect(flat).toBeGreaterThan(none)
      expect(Math.min(nested, union, named)).toBeGreaterThan(flat)
    })
  )
})
