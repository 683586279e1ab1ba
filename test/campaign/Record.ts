/**
 * What is written down while a campaign runs: every attempt where it leaves the stack, every call where it enters it. Laws
 * are judged over this and over the simulator's own record.
 */
import { type Cause, Chunk, Clock, Effect, type Exit, Stream } from "effect"
import { Attempts, type ChatRequest, type LlmError, Policy, type Usage } from "effect-llm"
import type { Simulator } from "effect-llm/testing"

/** - `main`: the provider that the stack is built on; `second`: the one that `fallback` and `hedge` may ask */
export type Side = "main" | "second"

/** Short, because in virtual time each token is a step. The two providers never say the same. */
export const answerOf = (question: string, side: Side, attempt: number): string => {
  const about = question.replace("question ", "")
  // Asked again, the model says something else.
  return `${side === "main" ? "Yes" : "No"} to ${about.replace("odd ", "")}${question.startsWith("odd") ? `, take ${attempt}` : ""}.`
}

export const questionIn = (text: string): string => /(?:odd )?question \d+ of -?\d+/.exec(text)?.[0] ?? ""

/** One call of a caller. */
export interface Call {
  readonly index: number
  readonly question: string
  readonly streamed: boolean
  readonly mode: "use" | "bypass" | "refresh"
  /** Milliseconds from the beginning until the caller starts, and how long it waits before it leaves, if it does. */
  readonly startsAt: number
  readonly leavesAfter: number | undefined
}

/** What a call gave its caller. */
export interface Answer {
  readonly text: string
  readonly attempts: number
  readonly cached: boolean
  readonly usage: Usage.Usage
}

export interface Ended {
  readonly exit: Exit.Exit<Answer, LlmError.LlmError>
  /** The text that came before the end. */
  readonly seen: string
  readonly startedAt: number
  readonly endedAt: number
}

/** One request to a provider, as the innermost of the stack saw it. */
export interface Tried {
  readonly number: number
  /** Of the call that pays for it. */
  readonly call: number
  readonly side: Side
  readonly streamed: boolean
  /** Whether its stream has ended with its end marker alone: a reason to stop is none. */
  readonly endsByName: boolean
  /** Whether it goes on behind the beginning of an answer. */
  readonly goesOn: boolean
  readonly entries: Array<Attempts.Attempt>
  /** When the first part of its stream came. */
  firstPartAt: number | undefined
  request: Simulator.RecordedRequest | undefined
}

/** The mark of an attempt in its body: fields that both providers take and do not read. */
const marked = (request: ChatRequest.ChatRequest, provider: string, number: number): ChatRequest.ChatRequest => ({
  ...request,
  providerOptions: {
    ...request.providerOptions,
    ...(provider === "anthropic" ? { metadata: { user_id: `attempt-${number}` } } : { user: `attempt-${number}` })
  }
})

export const numberIn = (body: unknown): number =>
  Number(/"attempt-(\d+)"/.exec(JSON.stringify(body) ?? "")?.[1] ?? Number.NaN)

/** Writes down each attempt. Innermost, so that it sees what a provider sees. */
export const recording = (attempts: Array<Tried>, side: Side): Policy.Policy =>
  Policy.make((next) => {
    const begin = (request: ChatRequest.ChatRequest, streamed: boolean): Tried => {
      const tried: Tried = {
        number: attempts.length,
        call: Number(request.metadata?.["call"] ?? Number.NaN),
        side,
        streamed,
        endsByName: next.provider === "anthropic",
        goesOn: request.prompt.at(-1)?.role === "assistant",
        entries: [],
        firstPartAt: undefined,
        request: undefined
      }
      attempts.push(tried)
      return tried
    }
    return Effect.succeed({
      ...next,
      complete: (request) =>
        Effect.suspend(() => {
          const tried = begin(request, false)
          return Attempts.listening((entry) => tried.entries.push(entry))(
            next.complete(marked(request, next.provider, tried.number))
          )
        }),
      stream: (request) =>
        Stream.suspend(() => {
          const tried = begin(request, true)
          return next.stream(marked(request, next.provider, tried.number)).pipe(
            Attempts.listeningStream((entry) => tried.entries.push(entry)),
            Stream.mapChunksEffect((parts) =>
              Effect.map(Clock.currentTimeMillis, (now) => {
                if (!Chunk.isEmpty(parts)) tried.firstPartAt ??= now
                return parts
              })
            )
          )
        })
    })
  })

/** The error that a cause holds, if it is one that a caller can see. */
export const errorIn = (cause: Cause.Cause<LlmError.LlmError>): LlmError.LlmError | undefined =>
  cause._tag === "Fail" ? cause.error : undefined
