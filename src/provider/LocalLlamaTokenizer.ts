/**
 * The tokenizer of a model in memory: what it counts is what the model reads, template included.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as ChatRequest from "../ChatRequest.js"
import type { LlmError } from "../LlmError.js"
import type * as Prompt from "../Prompt.js"
import { type ChatCount, type Estimated, type Options, type Service, TokenizerError } from "../Tokenizer.js"
import type { Origin } from "../wire/Wire.js"
import * as Connection from "./Connection.js"
import * as LocalLlamaAnswer from "./LocalLlamaAnswer.js"
import type { Functions, HistoryItem } from "./LocalLlamaEngine.js"
import type { Loaded } from "./LocalLlamaModel.js"
import * as LocalLlamaPrompt from "./LocalLlamaPrompt.js"

/** The tokenizer. Counts for another model or encoding are made with this one's, and say that they are estimates. */
export const make = (loaded: Loaded, origin: Origin): Service => {
  const { model, name } = loaded
  const isOther = (options: Options | undefined): boolean =>
    options?.encoding !== undefined || (options?.model !== undefined && options.model !== name)
  /** A tokenizer that outlives its model fails. */
  const using = <A>(use: () => A): Effect.Effect<A, TokenizerError> =>
    Effect.try({
      try: use,
      catch: (cause) =>
        new TokenizerError({
          reason: "Unavailable",
          message: `the tokenizer of ${name} does not work: ${Connection.wordsOf(cause)}`
        })
    })
  const tokens = (text: string): Effect.Effect<ReadonlyArray<number>, TokenizerError> =>
    using(() => model.tokenize(text))

  let size: number | undefined
  const vocabularySize = (): number => (size ??= [...model.iterateAllTokens()].length)

  return {
    countDetailed: (text, options) =>
      Effect.map(tokens(text), ({ length }) => ({ tokens: length, approximate: isOther(options), encoding: name })),
    encode: tokens,
    decode: (ids) =>
      Effect.flatMap(using(vocabularySize), (size) => {
        // The engine would end the process.
        const unknown = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= size)
        return unknown === undefined
          ? using(() => model.detokenize(ids, true))
          : Effect.fail(
              new TokenizerError({ reason: "UnknownToken", message: `${name} has no token of the id ${unknown}` })
            )
      }),
    fits: (text, limit) => Effect.map(tokens(text), ({ length }) => length <= limit),
    truncate: (text, maxTokens) =>
      Effect.flatMap(tokens(text), (ids) => using(() => truncated(loaded, text, ids, maxTokens))),
    countChatDetailed: (request, options) =>
      Either.match(count(loaded, origin, request, isOther(options)), {
        onLeft: ({ message }) => Effect.fail(new TokenizerError({ reason: "Unavailable", message })),
        onRight: (counted) => Effect.succeed(counted)
      })
  }
}

/** The longest beginning of a text that both are. */
const commonStart = (text: string, other: string): string => {
  let end = 0
  while (end < text.length && text[end] === other[end]) end++
  return text.slice(0, end)
}

/** Half a character at the end is left away, and what a text that ends there has in more tokens. */
const truncated = ({ model }: Loaded, text: string, ids: ReadonlyArray<number>, maxTokens: number): string => {
  if (ids.length <= maxTokens) return text
  for (let length = maxTokens; length > 0; length--) {
    // Some tokenizers begin every text with a blank of their own.
    const decoded = model.detokenize(ids.slice(0, length))
    const start = commonStart(text, decoded.startsWith(" ") && !text.startsWith(" ") ? decoded.slice(1) : decoded)
    const whole = /[\uD800-\uDBFF]$/.test(start) ? start.slice(0, -1) : start
    if (model.tokenize(whole).length <= maxTokens) return whole
  }
  return ""
}

// -----------------------------------------------------------------------------
// Requests
// -----------------------------------------------------------------------------

/** What is no text cannot be read by the model: it counts for nothing, which is said. */
const readable = (prompt: Prompt.Prompt): { readonly prompt: Prompt.Prompt; readonly estimated: Array<Estimated> } => {
  const parts = prompt.flatMap((message) => message.content)
  const estimated: Array<Estimated> = []
  if (parts.some((part) => part._tag === "Image")) estimated.push("images")
  if (parts.some((part) => part._tag === "File")) estimated.push("files")
  const isText = (part: Prompt.Part): boolean => part._tag !== "Image" && part._tag !== "File"
  return {
    prompt: prompt.map((message) => ({ ...message, content: message.content.filter(isText) })),
    estimated
  }
}

const count = (
  loaded: Loaded,
  origin: Origin,
  request: ChatRequest.ChatRequest,
  isOther: boolean
): Either.Either<ChatCount, LlmError> =>
  Either.gen(function* () {
    const { estimated, prompt } = readable(request.prompt)
    const prepared = yield* LocalLlamaPrompt.prepare({ ...request, prompt }, origin, 0)
    const whole = yield* LocalLlamaAnswer.renderAny(loaded, prepared, origin)
    const tokensOf = (history: ReadonlyArray<HistoryItem>, functions?: Functions): number =>
      // A template may refuse a chat that ends in its middle: what is new there counts with the next message.
      Either.match(LocalLlamaAnswer.tokensOf(loaded, loaded.wrapper, history, functions, origin), {
        onLeft: () => 0,
        onRight: ({ length }) => length
      })
    const alone = tokensOf(prepared.history)
    const tools = prepared.functions === undefined ? 0 : tokensOf(prepared.history, prepared.functions) - alone
    let counted = 0
    const messages = (yield* LocalLlamaPrompt.histories(prompt, origin)).map((history, index) => {
      const before = counted
      counted = Math.max(before, index === prompt.length - 1 ? alone : tokensOf(history))
      return counted - before
    })
    if (isOther) estimated.unshift("encoding")
    return {
      tokens: whole.tokens.length,
      approximate: estimated.length > 0,
      encoding: loaded.name,
      estimated,
      messages,
      tools,
      responseFormat: 0,
      reply: whole.tokens.length - counted - tools
    }
  })
