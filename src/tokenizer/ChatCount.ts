/**
 * The tokens of a request's prompt, as OpenAI bills them: those of its texts, and those that are put around messages and
 * tools. What is published is exact; the rest is estimated, and said to be.
 */
import * as Effect from "effect/Effect"
import type { ChatRequest } from "../ChatRequest.js"
import * as Prompt from "../Prompt.js"
import * as ImageTokens from "./ImageTokens.js"
import { baseName } from "./ModelEncodings.js"
import * as ToolTokens from "./ToolTokens.js"

/**
 * - `approximate`: the model may count otherwise
 * - `encoding`: what was counted with: one of OpenAI's encodings, `estimate`, or the name of another tokenizer
 */
export interface Count {
  readonly tokens: number
  readonly approximate: boolean
  readonly encoding: string
}

/**
 * What is estimated of a request: the encoding of a model that is not known; what stands around messages, which OpenAI has
 * published for gpt-3.5 and gpt-4 up to gpt-4.5; or parts that have no published rule.
 */
export type Estimated =
  | "encoding"
  | "framing"
  | "tools"
  | "toolCalls"
  | "responseFormat"
  | "images"
  | "files"
  | "reasoning"

/** `tokens` is the sum of `messages`, `tools`, `responseFormat` and `reply`; `approximate` if anything is estimated. */
export interface ChatCount extends Count {
  readonly estimated: ReadonlyArray<Estimated>
  /** Of each message of the prompt, in its order, with what stands around it. */
  readonly messages: ReadonlyArray<number>
  readonly tools: number
  readonly responseFormat: number
  /** Of what the reply begins with, which is part of the prompt. */
  readonly reply: number
}

/** How texts are counted. */
export interface Counter<E> {
  readonly encoding: string
  readonly approximate: boolean
  readonly count: (text: string) => Effect.Effect<number, E>
}

/** Tokens around a message, and of a name in place of a role or beside it. */
interface Framing {
  readonly message: number
  readonly name: number
}

const framing: Framing = { message: 3, name: 1 }
/** It had no role where there is a name. */
const framing0301: Framing = { message: 4, name: -1 }
const reply = 3
const toolCall = 3

const isPublished = (name: string): boolean => /^(?:gpt-3\.5-turbo|gpt-35-turbo|gpt-4|chatgpt-4o)/.test(name)

const is0301 = (name: string): boolean => /^gpt-3(?:\.5|5)-turbo-0301/.test(name)

/** Counts a request for a model. */
export const countChat = <E>(
  request: ChatRequest,
  model: string | undefined,
  counter: Counter<E>
): Effect.Effect<ChatCount, E> =>
  Effect.gen(function* () {
    const name = model === undefined ? "" : baseName(model)
    const estimated = new Set<Estimated>()
    if (counter.approximate) estimated.add("encoding")
    if (!isPublished(name) || counter.approximate) estimated.add("framing")

    const countAll = (texts: ReadonlyArray<string>): Effect.Effect<number, E> =>
      Effect.reduce(texts, 0, (total, text) => Effect.map(counter.count(text), (tokens) => total + tokens))

    // OpenAI does not get them back; some others do.
    const returnsThoughts = counter.approximate || !/^(?:o200k|cl100k)_base$/.test(counter.encoding)
    const around = is0301(name) ? framing0301 : framing
    const messages = yield* Effect.forEach(request.prompt, (message) => {
      const cost = costOfMessage(message, around, model, returnsThoughts, estimated)
      return Effect.map(countAll(cost.texts), (tokens) => cost.tokens + tokens)
    })

    const definitions = request.tools ?? []
    if (definitions.length > 0) estimated.add("tools")
    const toolCost = ToolTokens.costOf(definitions, counter.encoding === "cl100k_base" ? 10 : 7)
    const tools = toolCost.tokens + (yield* countAll(toolCost.texts))

    const format = request.responseFormat
    if (format?._tag === "JsonSchema") estimated.add("responseFormat")
    const responseFormat =
      format?._tag === "JsonSchema"
        ? yield* countAll([format.name, format.description ?? "", JSON.stringify(format.schema) ?? ""])
        : 0

    const tokens = messages.reduce((total, each) => total + each, 0) + tools + responseFormat + reply
    return {
      tokens,
      approximate: estimated.size > 0,
      encoding: counter.encoding,
      estimated: [...estimated],
      messages,
      tools,
      responseFormat,
      reply
    }
  })

const costOfMessage = (
  message: Prompt.Message,
  around: Framing,
  model: string | undefined,
  returnsThoughts: boolean,
  estimated: Set<Estimated>
): ToolTokens.Cost => {
  const texts = [message.role, Prompt.textOf(message)]
  let tokens = around.message
  if (message.name !== undefined) {
    texts.push(message.name)
    tokens += around.name
  }
  let results = 0
  for (const part of message.content) {
    switch (part._tag) {
      case "Text":
        break
      case "Image":
        estimated.add("images")
        tokens += ImageTokens.tokensOf(part, model)
        break
      case "File":
        estimated.add("files")
        tokens += tokensOfFile(part)
        break
      case "ToolCall":
        estimated.add("toolCalls")
        tokens += toolCall
        texts.push(part.name, part.arguments)
        break
      case "ToolResult":
        estimated.add("toolCalls")
        // Each is sent as a message of its own.
        if (results++ > 0) {
          tokens += around.message
          texts.push(message.role)
        }
        texts.push(part.content)
        break
      case "Reasoning":
        if (returnsThoughts) {
          estimated.add("reasoning")
          texts.push(part.text)
        }
        break
    }
  }
  return { texts, tokens }
}

/** Of a file that is fetched by the provider. */
const usualFile = 1500

/** Four bytes of text are about a token; a page of a PDF is some thousand tokens, and some ten thousand bytes. */
const tokensOfFile = ({ mediaType, source }: Prompt.FilePart): number => {
  if (source._tag === "Url") return usualFile
  const bytes = (source.base64.length * 3) / 4
  return Math.ceil(bytes / (mediaType.startsWith("text/") ? 4 : 50))
}
