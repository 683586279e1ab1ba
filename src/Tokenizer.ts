/**
 * How many tokens a text or a request is to a model, and which.
 *
 * `layer` counts exactly for OpenAI's models, from data that is loaded at the first use. Whatever is not exact says so:
 * `countDetailed` and `countChatDetailed` have `approximate`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChatRequest from "./ChatRequest.js"
import type { BytePairEncoding } from "./tokenizer/BytePairEncoding.js"
import type { ChatCount, Count, Counter } from "./tokenizer/ChatCount.js"
import * as Encodings from "./tokenizer/Encodings.js"
import * as Estimate from "./tokenizer/Estimate.js"
import { type Encoding, encodingOf, type ModelEncoding } from "./tokenizer/ModelEncodings.js"
import * as Paused from "./tokenizer/Paused.js"
import { TokenizerError } from "./tokenizer/TokenizerError.js"

export type { ChatCount, Count, Estimated } from "./tokenizer/ChatCount.js"
export { type Encoding, encodingOf, type ModelEncoding } from "./tokenizer/ModelEncodings.js"
export { TokenizerError } from "./tokenizer/TokenizerError.js"

/**
 * Whose tokens are meant.
 * - `model`: as providers name it: `gpt-4.1-mini`, `ft:gpt-4o:acme::id`, `openai/gpt-5`. A model of another maker, one that
 *   is not known, and none at all are counted in `o200k_base`, as an estimate. Default: the model of the request, if any
 * - `encoding`: the encoding itself, where the name of the model says nothing, as with a deployment of Azure
 */
export interface Options {
  readonly model?: string | undefined
  readonly encoding?: Encoding | undefined
}

/**
 * - `countDetailed`: the tokens of a text. Special tokens such as `<|endoftext|>` are the text that they are
 * - `encode`: their ids; a lone surrogate is encoded as U+FFFD
 * - `decode`: the text of ids; bytes that are no UTF-8, such as those of half a character, are U+FFFD
 * - `fits`: whether a text has at most `limit` tokens
 * - `truncate`: a beginning of the text that has at most `maxTokens` tokens
 * - `countChatDetailed`: the tokens of a request's prompt
 */
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

// -----------------------------------------------------------------------------
// What programs call
// -----------------------------------------------------------------------------

/** The number of tokens of a text. */
export const count = (text: string, options?: Options): Effect.Effect<number, TokenizerError, Tokenizer> =>
  Effect.map(countDetailed(text, options), ({ tokens }) => tokens)

/** The same, and whether it is an estimate. */
export const countDetailed = (text: string, options?: Options): Effect.Effect<Count, TokenizerError, Tokenizer> =>
  Effect.flatMap(Tokenizer, (tokenizer) => tokenizer.countDetailed(text, options))

/**
 * The ids of a text's tokens. For a model that is not OpenAI's they are those of `o200k_base`, of which it knows nothing:
 * see `encodingOf`.
 */
export const encode = (
  text: string,
  options?: Options
): Effect.Effect<ReadonlyArray<number>, TokenizerError, Tokenizer> =>
  Effect.flatMap(Tokenizer, (tokenizer) => tokenizer.encode(text, options))

/** The text of tokens; special tokens are their text. An id that the encoding does not have is an `UnknownToken`. */
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

/**
 * The beginning of a text that has at most `maxTokens` tokens, also when it is counted again. No character is cut in two;
 * letters and their marks, or emoji that are joined, may be.
 */
export const truncate = (
  text: string,
  maxTokens: number,
  options?: Options
): Effect.Effect<string, TokenizerError, Tokenizer> =>
  Effect.flatMap(Tokenizer, (tokenizer) => tokenizer.truncate(text, maxTokens, options))

/** The tokens of a request's prompt, as they are billed: messages, tools, and what the reply begins with. */
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

// -----------------------------------------------------------------------------
// Tokenizers
// -----------------------------------------------------------------------------

/**
 * OpenAI's encodings, each loaded when it is first needed, once per process: about 50 ms and 20 MB. Takes time linear in
 * the text, whatever the text is, and lets others run while it encodes megabytes.
 */
export const layer: Layer.Layer<Tokenizer> = Layer.sync(Tokenizer, () => exact)

/** Counts by what characters weigh on average, always approximately. Loads no data; has no ids. */
export const layerEstimate: Layer.Layer<Tokenizer> = Layer.sync(Tokenizer, () =>
  make({
    name: "estimate",
    approximate: true,
    count: (text) => Effect.sync(() => Estimate.estimate(text)),
    encode: () => noIds("give the text of the tokens"),
    decode: () => noIds("give their text")
  })
)

/** About how many tokens a text is, at once and without a service: within a quarter on prose and code. */
export const estimate: (text: string) => number = Estimate.estimate

/**
 * - `name`: what `Count.encoding` says
 * - `approximate`: whether its counts are estimates. Default: false
 * - `count`: default: the length of what `encode` gives
 */
export interface Codec {
  readonly name: string
  readonly approximate?: boolean
  readonly encode: (text: string) => Effect.Effect<ReadonlyArray<number>, TokenizerError>
  readonly decode: (ids: ReadonlyArray<number>) => Effect.Effect<string, TokenizerError>
  readonly count?: (text: string) => Effect.Effect<number, TokenizerError>
}

/** A tokenizer of one model's own, such as that of an engine, whichever model is asked for. */
export const make = (codec: Codec): Service => {
  const count = codec.count ?? ((text) => Effect.map(codec.encode(text), (ids) => ids.length))
  const counter: Counter<TokenizerError> = { encoding: codec.name, approximate: codec.approximate ?? false, count }
  const fits = (text: string, limit: number): Effect.Effect<boolean, TokenizerError> =>
    Effect.map(count(text), (tokens) => tokens <= limit)
  return {
    countDetailed: (text) => Effect.map(count(text), (tokens) => detailed(counter, tokens)),
    encode: (text) => codec.encode(text),
    decode: (ids) => codec.decode(ids),
    fits,
    truncate: (text, maxTokens) => longest(text, maxTokens, fits),
    countChatDetailed: (request, options) => countRequest(request, request.model ?? options?.model, counter)
  }
}

/** Loaded when the first chat is counted. */
const countRequest = (
  request: ChatRequest.ChatRequest,
  model: string | undefined,
  counter: Counter<TokenizerError>
): Effect.Effect<ChatCount, TokenizerError> =>
  Effect.tryPromise({
    try: () => import("./tokenizer/ChatCount.js"),
    catch: (cause) =>
      new TokenizerError({ reason: "Unavailable", message: "what counts chats could not be loaded", cause })
  }).pipe(Effect.flatMap(({ countChat }) => countChat(request, model, counter)))

const detailed = (counter: Counter<TokenizerError>, tokens: number): Count => ({
  tokens,
  approximate: counter.approximate,
  encoding: counter.encoding
})

const noIds = (instead: string): Effect.Effect<never, TokenizerError> =>
  Effect.fail(
    new TokenizerError({
      reason: "NoIds",
      message: `this tokenizer only estimates how many tokens a text has: provide Tokenizer.layer to ${instead}`
    })
  )

/** The longest beginning that fits, as far as shorter ones fit where longer ones do. Reads little more than that. */
const longest = (
  text: string,
  maxTokens: number,
  fits: (text: string, limit: number) => Effect.Effect<boolean, TokenizerError>
): Effect.Effect<string, TokenizerError> =>
  Effect.gen(function* () {
    let good = 0
    // A token is about four characters.
    let bad = Math.min(text.length, maxTokens > 4 ? Math.ceil(4 * maxTokens) : 16)
    while (yield* fits(beginning(text, bad), maxTokens)) {
      if (bad === text.length) return text
      good = bad
      bad = Math.min(text.length, 2 * bad)
    }
    while (bad - good > 1) {
      const middle = Math.floor((good + bad) / 2)
      if (yield* fits(beginning(text, middle), maxTokens)) good = middle
      else bad = middle
    }
    return beginning(text, good)
  })

/** So many UTF-16 units, or one less where that would cut a character in two. */
const beginning = (text: string, units: number): string =>
  text.slice(0, units > 0 && (text.codePointAt(units - 1) ?? 0) > 0xffff ? units - 1 : units)

// -----------------------------------------------------------------------------
// The default
// -----------------------------------------------------------------------------

const select = ({ encoding, model }: Options = {}): ModelEncoding =>
  encoding === undefined ? encodingOf(model) : { encoding, approximate: false }

const withEncoding = <A>(
  options: Options | undefined,
  use: (encoding: BytePairEncoding, selected: ModelEncoding) => Effect.Effect<A, TokenizerError>
): Effect.Effect<A, TokenizerError> =>
  Effect.suspend(() => {
    const selected = select(options)
    return Effect.flatMap(Encodings.load(selected.encoding), (encoding) => use(encoding, selected))
  })

const exact: Service = {
  countDetailed: (text, options) =>
    withEncoding(options, (encoding, selected) =>
      Effect.map(
        Paused.run(() => encoding.count(text)),
        (tokens) => ({ tokens, ...selected })
      )
    ),
  encode: (text, options) => withEncoding(options, (encoding) => Paused.run(() => encoding.encode(text))),
  decode: (ids, options) =>
    withEncoding(options, (encoding, selected) => {
      const decoded = encoding.decode(ids)
      return typeof decoded === "string"
        ? Effect.succeed(decoded)
        : Effect.fail(
            new TokenizerError({
              reason: "UnknownToken",
              message: `${decoded.unknown} is no token of ${selected.encoding}: name the model that the tokens are of`
            })
          )
    }),
  fits: (text, limit, options) => withEncoding(options, (encoding) => Paused.run(() => encoding.fits(text, limit))),
  truncate: (text, maxTokens, options) =>
    withEncoding(options, (encoding) => Paused.run(() => encoding.truncate(text, maxTokens))),
  countChatDetailed: (request, options) => {
    const model = request.model ?? options?.model
    return withEncoding({ ...options, model }, (encoding, selected) =>
      countRequest(request, model, { ...selected, count: (text) => Paused.run(() => encoding.count(text)) })
    )
  }
}
