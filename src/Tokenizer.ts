/**
 * How many tokens a text or a request is to a model, and which.
 *
 * `layer` counts exactly for OpenAI's models, from data that is loaded at the first use. Whatever is not exact says so:
 * `countDetailed` and `countChatDetailed` have `approximate`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ChatRequest from "./ChatRequest.js"

/**
 * Whose tokens are meant.
 * - `model`: as providers name it, such as `gpt-4.1-mini`, `ft:gpt-4o:acme::id` or `openai/gpt-5`. A model that is not
 *   known, and one of another maker, is estimated. Default: the model of the request, if there is one; else an estimate
 * - `encoding`: names the encoding itself, where the name of the model says nothing (a deployment of Azure). Goes before `model`
 */
export interface Options {
  readonly model?: string | undefined
  readonly encoding?: Encoding | undefined
}

/** OpenAI's encodings: `o200k_base` from gpt-4o on, `cl100k_base` of gpt-4, gpt-3.5 and the embedding models. */
export type Encoding = "o200k_base" | "cl100k_base"

/**
 * - `approximate`: whether the model may count otherwise
 * - `encoding`: what was counted with: an `Encoding`, `estimate`, or the name of another tokenizer
 */
export interface Count {
  readonly tokens: number
  readonly approximate: boolean
  readonly encoding: string
}

/**
 * What of a request's count is an estimate: the model's own encoding; the tokens around messages, which OpenAI has
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

/** `tokens` is the sum of `messages`, `tools`, `responseFormat` and `reply`. */
export interface ChatCount extends Count {
  /** What is estimated; empty if nothing is. */
  readonly estimated: ReadonlyArray<Estimated>
  /** Of each message, in the order of the prompt, with the tokens around it. */
  readonly messages: ReadonlyArray<number>
  readonly tools: number
  readonly responseFormat: number
  /** Of what the reply begins with; part of the prompt. */
  readonly reply: number
}

/**
 * - `Unavailable`: the data of the encoding could not be loaded
 * - `UnknownToken`: an id that the encoding does not have
 * - `NoIds`: this tokenizer only counts
 */
export class TokenizerError extends Schema.TaggedError<TokenizerError>()("TokenizerError", {
  reason: Schema.Literal("Unavailable", "UnknownToken", "NoIds"),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {}

export interface Service {
  readonly countDetailed: (text: string, options?: Options) => Effect.Effect<Count, TokenizerError>
  readonly encode: (text: string, options?: Options) => Effect.Effect<ReadonlyArray<number>, TokenizerError>
  readonly decode: (ids: ReadonlyArray<number>, options?: Options) => Effect.Effect<string, TokenizerError>
  readonly fits: (text: string, limit: number, options?: Options) => Effect.Effect<boolean, TokenizerError>
  readonly truncate: (text: string, maxTokens: number, options?: Options) => Effect.Effect<string, TokenizerError>
  readonly countChatDetailed: (
    request: ChatRequest.ChatRequest,
    options?: Options
  ) => Effect.Effect<ChatCount, TokenizerError>
}

export class Tokenizer extends Context.Tag("effect-llm/Tokenizer")<Tokenizer, Service>() {}

/** The number of tokens of a text. Special tokens such as `<|endoftext|>` count as the text that they are. */
export const count = (text: string, options?: Options): Effect.Effect<number, TokenizerError, Tokenizer> =>
  Effect.map(countDetailed(text, options), ({ tokens }) => tokens)

/** The same, and whether it is an estimate. */
export const countDetailed = (text: string, options?: Options): Effect.Effect<Count, TokenizerError, Tokenizer> =>
  Effect.flatMap(Tokenizer, (tokenizer) => tokenizer.countDetailed(text, options))

/** The ids of a text's tokens. A lone surrogate is encoded as U+FFFD. */
export const encode = (
  text: string,
  options?: Options
): Effect.Effect<ReadonlyArray<number>, TokenizerError, Tokenizer> =>
  Effect.flatMap(Tokenizer, (tokenizer) => tokenizer.encode(text, options))

/** The text of tokens. Bytes that are no UTF-8, such as those of half a character, are U+FFFD. */
export const decode = (
  ids: ReadonlyArray<number>,
  options?: Options
): Effect.Effect<string, TokenizerError, Tokenizer> =>
  Effect.flatMap(Tokenizer, (tokenizer) => tokenizer.decode(ids, options))

/** Whether a text has at most `limit` tokens. Cheaper than to count: most texts need not be read to the end. */
export const fits = (
  text: string,
  limit: number,
  options?: Options
): Effect.Effect<boolean, TokenizerError, Tokenizer> =>
  Effect.flatMap(Tokenizer, (tokenizer) => tokenizer.fits(text, limit, options))

/** The beginning of a text that has at most `maxTokens` tokens, without half a character at its end. */
export const truncate = (
  text: string,
  maxTokens: number,
  options?: Options
): Effect.Effect<string, TokenizerError, Tokenizer> =>
  Effect.flatMap(Tokenizer, (tokenizer) => tokenizer.truncate(text, maxTokens, options))

/** The tokens of a request's prompt, as they are billed: messages, tools, and what begins the reply. */
export const countChat = (
  input: ChatRequest.Input,
  options?: Options
): Effect.Effect<number, TokenizerError, Tokenizer> =>
  Effect.map(countChatDetailed(input, options), ({ tokens }) => tokens)

/** The same by message, and what of it is an estimate. */
export const countChatDetailed = (
  input: ChatRequest.Input,
  options?: Options
): Effect.Effect<ChatCount, TokenizerError, Tokenizer> =>
  Effect.flatMap(Tokenizer, (tokenizer) => tokenizer.countChatDetailed(ChatRequest.make(input), options))
