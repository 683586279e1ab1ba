/**
 * The conversation that leads to a value: one question, in the first mode that the provider takes, and the same question
 * again while the answer does not fit.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { ChatRequest } from "../ChatRequest.js"
import type { Completion } from "../Completion.js"
import type { Service } from "../LlmClient.js"
import { InvalidOutput, type LlmError, withAttempts, withEarlierUsage } from "../LlmError.js"
import * as Usage from "../Usage.js"
import * as OutputFormat from "./OutputFormat.js"
import * as OutputReading from "./OutputReading.js"

/** What is asked for, of whom, and how often at most. */
export interface Question<A, I, R> {
  readonly schema: Schema.Schema<A, I, R>
  readonly format: OutputFormat.OutputFormat
  readonly client: Service
  readonly retries: number
}

/** Where the conversation is: what is asked now, and what was spent before. */
export interface Turn {
  readonly request: ChatRequest
  /** The mode it is asked in, and those to fall back on. */
  readonly mode: OutputFormat.Mode
  readonly others: ReadonlyArray<OutputFormat.Mode>
  /** 0 for the first question. */
  readonly reask: number
  readonly usage: Usage.Usage
  readonly attempts: number
}

/**
 * - `completion`: the answer that held the value
 * - `usage`, `attempts`: of all answers, those that did not fit included
 * - `mode`: how the model was asked
 * - `reasks`: how often it was asked again
 */
export interface Generated<A> {
  readonly value: A
  readonly completion: Completion
  readonly usage: Usage.Usage
  readonly attempts: number
  readonly mode: OutputFormat.Mode
  readonly reasks: number
}

const automatic = ["tool", "instructions"] as const

export const firstTurn = (request: ChatRequest, mode: OutputFormat.Mode | "auto"): Turn => ({
  request,
  mode: mode === "auto" ? "native" : mode,
  others: mode === "auto" ? automatic : [],
  reask: 0,
  usage: Usage.unknown,
  attempts: 0
})

/** The request as it is sent. */
export const asked = <A, I, R>({ format }: Question<A, I, R>, turn: Turn): ChatRequest =>
  OutputFormat.ask(format, turn.request, turn.mode)

/** The same turn in the next mode, where the provider cannot do this one. */
export const otherwise = (turn: Turn, error: LlmError): Turn | undefined => {
  const [mode, ...others] = turn.others
  return error._tag === "UnsupportedFeature" && turn.reask === 0 && mode !== undefined
    ? { ...turn, mode, others }
    : undefined
}

/** An error of this turn, with the attempts of those before, and their usage where the error has a place for it. */
export const withEarlier = (turn: Turn, error: LlmError): LlmError =>
  turn.reask === 0 ? error : withEarlierUsage(withAttempts(error, error.attempts + turn.attempts), turn.usage)

/** Reads the answer to a turn: the value, or the turn that follows. Fails when the model may not be asked again. */
export const conclude = <A, I, R>(
  question: Question<A, I, R>,
  turn: Turn,
  completion: Completion
): Effect.Effect<Generated<A> | Turn, InvalidOutput, R> => {
  const { client, format, retries, schema } = question
  const { mode, reask } = turn
  const usage = reask === 0 ? completion.usage : Usage.add(turn.usage, completion.usage)
  const attempts = turn.attempts + completion.attempts
  return Effect.matchEffect(
    OutputReading.read(schema, format, completion, mode, OutputFormat.toolName(format, turn.request)),
    {
      onSuccess: (value) => Effect.succeed({ value, completion, usage, attempts, mode, reasks: reask }),
      onFailure: ({ issues, message, text }) =>
        reask < retries
          ? Effect.succeed({
              ...turn,
              request: OutputFormat.askAgain(turn.request, completion, message, reask + 1),
              reask: reask + 1,
              usage,
              attempts
            })
          : Effect.fail(
              new InvalidOutput({
                provider: client.provider,
                model: completion.model,
                requestId: completion.requestId,
                message: reask === 0 ? message : `asked ${reask + 1} times: ${message}`,
                text,
                usage,
                issues,
                attempts
              })
            )
    }
  )
}

export const isTurn = <A>(next: Generated<A> | Turn): next is Turn => "others" in next

/** Asks until there is a value. */
export const generate = <A, I, R>(question: Question<A, I, R>, turn: Turn): Effect.Effect<Generated<A>, LlmError, R> =>
  Effect.matchEffect(question.client.complete(asked(question, turn)), {
    onFailure: (error) => {
      const next = otherwise(turn, error)
      return next === undefined ? Effect.fail(withEarlier(turn, error)) : generate(question, next)
    },
    onSuccess: (completion) =>
      Effect.flatMap(conclude(question, turn, completion), (next) =>
        isTurn(next) ? generate(question, next) : Effect.succeed(next)
      )
  })
