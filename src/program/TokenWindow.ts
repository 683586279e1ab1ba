/**
 * What of a prompt fits into a model's context: the system message, and the newest turns. Turns are dropped whole, so that
 * no result of a tool is without its call, and what is left begins with a user's message.
 */
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as ChatRequest from "../ChatRequest.js"
import { ContextLengthExceeded, notSent } from "../LlmError.js"
import type { Message, Prompt } from "../Prompt.js"
import { type Encoding, Tokenizer, type TokenizerError } from "../Tokenizer.js"
import { turnsOf } from "./History.js"

/**
 * - `contextLength`: the most tokens of prompt and answer together, as the model has it
 * - `reserve`: how many of them are kept for the answer. Default: `maxTokens` of the request, else a quarter
 * - `model`, `encoding`: whose tokens are counted. Default: the model of the request or of the client
 */
export interface Options {
  readonly contextLength: number
  readonly reserve?: number | undefined
  readonly model?: string | undefined
  readonly encoding?: Encoding | undefined
}

/** - `dropped`: the oldest messages, which did not fit; `tokens`: those of the prompt that is left */
export interface Fitted {
  readonly prompt: Prompt
  readonly dropped: ReadonlyArray<Message>
  readonly tokens: number
}

/**
 * - `provider`, `model`: the client's, for errors and to count by
 * - `share`: which part of the window may be filled, 0 to 1; the newest turn may take more. Default: all
 */
export interface FitOptions {
  readonly provider?: string | undefined
  readonly model?: string | undefined
  readonly share?: number | undefined
}

/** A rule about how much of a prompt is sent. The newest turn is always part of it. */
export interface TokenWindow<E = never> {
  /** Fails with `ContextLengthExceeded`, before anything is sent, if the system message and the newest turn are too long. */
  readonly fit: (input: ChatRequest.Input, options?: FitOptions) => Effect.Effect<Fitted, ContextLengthExceeded | E>
}

/** Keeps the system message and the newest turns that fit. Counts with the `Tokenizer`; wrong options are a `ConfigError`. */
export const make = (
  options: Options
): Effect.Effect<TokenWindow<TokenizerError>, ConfigError.ConfigError, Tokenizer> =>
  Effect.gen(function* () {
    const tokenizer = yield* Tokenizer
    const { contextLength, encoding, reserve } = options
    if (!Number.isInteger(contextLength) || contextLength <= 0) {
      return yield* invalid("contextLength", `must be a whole number above 0, not ${contextLength}`)
    }
    if (reserve !== undefined && !(Number.isInteger(reserve) && reserve >= 0 && reserve < contextLength)) {
      return yield* invalid("reserve", `must be a whole number below contextLength, not ${reserve}`)
    }
    return {
      fit: (input, { model: clientModel, provider = "", share = 1 } = {}) =>
        Effect.gen(function* () {
          const request = ChatRequest.make(input)
          const model = options.model ?? request.model ?? clientModel
          const counted = yield* tokenizer.countChatDetailed(model === undefined ? request : { ...request, model }, {
            encoding
          })
          const tokensOf = (from: number, to: number): number => sum(counted.messages.slice(from, to))

          const firstTurn = request.prompt.findIndex((message) => message.role !== "system")
          const head = firstTurn < 0 ? request.prompt.length : firstTurn
          const reserved = reserve ?? request.maxTokens ?? Math.floor(contextLength / 4)
          const around = counted.tools + counted.responseFormat + counted.reply
          const fixed = around + tokensOf(0, head)
          const room = Math.floor((contextLength - reserved) * share)

          const sizes = turnsOf(request.prompt.slice(head)).map((turn) => turn.length)
          let start = request.prompt.length - (sizes.pop() ?? 0)
          let tokens = fixed + tokensOf(start, request.prompt.length)
          if (tokens > room && share === 1) {
            return yield* new ContextLengthExceeded({
              provider,
              model: model ?? "",
              ...notSent,
              message:
                `the newest turn has ${tokens - fixed} tokens, the system messages ${fixed - around}, what is around them ` +
                `${around}: with ${reserved} kept for the answer, this is more than the context of ${contextLength}`
            })
          }
          for (const size of sizes.reverse()) {
            const more = tokensOf(start - size, start)
            if (tokens + more > room) break
            start -= size
            tokens += more
          }
          return {
            prompt: [...request.prompt.slice(0, head), ...request.prompt.slice(start)],
            dropped: request.prompt.slice(head, start),
            tokens
          }
        })
    }
  })

const invalid = (option: string, message: string): Effect.Effect<never, ConfigError.ConfigError> =>
  Effect.fail(ConfigError.InvalidData([option], message))

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, each) => total + each, 0)
