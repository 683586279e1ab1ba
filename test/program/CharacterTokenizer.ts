/**
 * A tokenizer by which every character is a token, so that tests can count: 1 around each message, 3 for the reply.
 */
import { Effect, Layer } from "effect"
import { type Prompt, Tokenizer } from "effect-llm"

const unused = Effect.dieMessage("no test counts by this")

const lengthOf = (part: Prompt.Part): number => {
  if (part._tag === "Text") return part.text.length
  if (part._tag === "ToolCall") return part.arguments.length
  return part._tag === "ToolResult" ? part.content.length : 0
}

export const characters: Layer.Layer<Tokenizer.Tokenizer> = Layer.succeed(Tokenizer.Tokenizer, {
  countDetailed: (text) => Effect.succeed({ tokens: text.length, approximate: false, encoding: "characters" }),
  encode: () => unused,
  decode: () => unused,
  fits: (text, limit) => Effect.succeed(text.length <= limit),
  truncate: (text, maxTokens) => Effect.succeed(text.slice(0, maxTokens)),
  countChatDetailed: (request) => {
    const messages = request.prompt.map((message) => message.content.reduce((sum, part) => sum + lengthOf(part), 1))
    const tools = (request.tools ?? []).length * 10
    const reply = 3
    const tokens = messages.reduce((sum, each) => sum + each, tools + reply)
    return Effect.succeed({
      tokens,
      approximate: false,
      encoding: "characters",
      estimated: [],
      messages,
      tools,
      responseFormat: 0,
      reply
    })
  }
})
