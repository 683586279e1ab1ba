/**
 * Turns of a conversation, one after the other: what is asked, what is sent of what was said before, and what is kept.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as ChatRequest from "../ChatRequest.js"
import * as Completion from "../Completion.js"
import { LlmClient, type Service } from "../LlmClient.js"
import { type ContextLengthExceeded, InvalidRequest, isLlmError, type LlmError, notSent } from "../LlmError.js"
import { Places } from "../Places.js"
import * as Prompt from "../Prompt.js"
import * as StreamPart from "../StreamPart.js"
import * as Usage from "../Usage.js"
import * as History from "./History.js"
import { summarize, type SummarizeOptions } from "./Summarizing.js"
import type { Fitted, TokenWindow } from "./TokenWindow.js"

/** A text or parts are one user's message; messages are a user's, or the results of tools that the model has called. */
export type Input = string | Prompt.Part | ReadonlyArray<Prompt.Part> | Prompt.Message | ReadonlyArray<Prompt.Message>

/**
 * - `system`: the system message. Default: that of `history`, else none
 * - `history`: what was said before. Default: nothing
 * - `settings`: of every call; those of a turn go before them
 * - `window`: how much is sent. Default: everything
 * - `summarize`: what falls out of the window is summarized by a call, and the summary sent as a note. Default: it is left
 *   out. Each message is summarized once, and no summary is summarized; so that not every turn needs one, half of the
 *   window is made free. If a summary fails, the turn goes on without it, with a warning in the log, and the next turn
 *   tries again
 */
export interface Options<E = never> {
  readonly system?: string | undefined
  readonly history?: History.History | undefined
  readonly settings?: ChatRequest.Settings | undefined
  readonly window?: TokenWindow<E> | undefined
  readonly summarize?: boolean | SummarizeOptions | undefined
}

/** What was reported for the answers and for the summaries, also of turns that were not kept. */
export interface Spent {
  readonly answers: Usage.Usage
  readonly summaries: Usage.Usage
}

/**
 * A conversation with a model. Turns that are started at the same time follow each other in the order of their start.
 *
 * A turn is kept whole or not at all: if it fails, is interrupted, or its stream is left, the history is what it was before,
 * and the error has the text that had come. Such a turn can simply be sent again.
 */
export interface Conversation<E = never> {
  /** The whole answer. */
  readonly send: (input: Input, settings?: ChatRequest.Settings) => Effect.Effect<Completion.Completion, LlmError | E>
  /** The answer as it comes. The next turn waits until this stream ends or is left. */
  readonly stream: (input: Input, settings?: ChatRequest.Settings) => Stream.Stream<StreamPart.StreamPart, LlmError | E>
  /** What was said so far; a turn under way is not part of it. */
  readonly history: Effect.Effect<History.History>
  readonly usage: Effect.Effect<Spent>
  /** Forgets all but the system message, after the turns that were started before. */
  readonly reset: Effect.Effect<void, E>
  /** Another conversation that goes on from what was said so far. What is said in one is not said in the other. */
  readonly fork: Effect.Effect<Conversation<E>>
}

/** Where a history is kept beside memory. */
export interface Keeper<E> {
  /** Before a turn is paid for: fails if it could not be kept. */
  readonly check: Effect.Effect<void, E>
  /** The answer goes into the error if it could not be kept. */
  readonly save: (history: History.History, answer: Option.Option<Completion.Completion>) => Effect.Effect<void, E>
}

const inMemory: Keeper<never> = { check: Effect.void, save: () => Effect.void }

/**
 * A conversation in memory. It keeps the client that it was made with, so provide the client's layer to the whole program,
 * not to `make` alone.
 */
export const make = <E = never>(options: Options<E> = {}): Effect.Effect<Conversation<E>, never, LlmClient> =>
  Effect.flatMap(LlmClient, (client) =>
    Effect.map(makeKept<E>(client, options, inMemory, firstHistory(options)), (kept) => kept.conversation)
  )

/** What a conversation of these options begins with. */
export const firstHistory = <E>({ history = History.empty, system }: Options<E>): History.History =>
  system === undefined ? history : { ...history, system }

// -----------------------------------------------------------------------------
// What is said
// -----------------------------------------------------------------------------

const isList = <A>(input: A | ReadonlyArray<A>): input is ReadonlyArray<A> => Array.isArray(input)

const isMessage = (each: Prompt.Part | Prompt.Message): each is Prompt.Message => "role" in each

const isPart = (each: Prompt.Part | Prompt.Message): each is Prompt.Part => "_tag" in each

const messagesOf = (input: Input): ReadonlyArray<Prompt.Message> => {
  if (typeof input === "string") return [Prompt.user(input)]
  const list: ReadonlyArray<Prompt.Part | Prompt.Message> = isList<Prompt.Part | Prompt.Message>(input)
    ? input
    : [input]
  const parts = list.filter(isPart)
  return [...list.filter(isMessage), ...(parts.length === 0 ? [] : [Prompt.user(parts)])]
}

/** What is wrong with these messages after those, if anything: a result without its call is refused by every provider. */
const problemOf = (
  before: ReadonlyArray<Prompt.Message>,
  added: ReadonlyArray<Prompt.Message>
): Option.Option<string> => {
  if (added.length === 0) return Option.some("there is nothing to send")
  const foreign = added.find((message) => message.role !== "user" && message.role !== "tool")
  if (foreign !== undefined) {
    return Option.some(`a turn has messages of the user and results of tools, not of role ${foreign.role}`)
  }
  const open = new Set(History.openCalls(before).map((call) => call.id))
  for (const message of added) {
    if (message.role === "user" && open.size > 0) {
      return Option.some(`the tool calls ${[...open].join(", ")} wait for their results: send Prompt.toolResult first`)
    }
    for (const part of message.content) {
      if (part._tag === "ToolResult" && !open.delete(part.id)) {
        return Option.some(`there is no open tool call ${part.id} that this could be the result of`)
      }
    }
  }
  return open.size === 0
    ? Option.none()
    : Option.some(`the results of the tool calls ${[...open].join(", ")} are missing`)
}

/** Whether an answer says anything: a message without would be refused at the next turn. */
const isAnswer = ({ text, toolCalls }: Completion.Completion): boolean => text !== "" || toolCalls.length > 0

// -----------------------------------------------------------------------------
// The conversation
// -----------------------------------------------------------------------------

/** A conversation, and a way to put another history in the place of its own, after the turns that were started before. */
export interface Kept<E> {
  readonly conversation: Conversation<E>
  readonly replace: <E2>(
    next: (history: History.History) => Effect.Effect<History.History, E2>
  ) => Effect.Effect<void, E2>
}

export const makeKept = <E>(
  client: Service,
  options: Options<E>,
  keeper: Keeper<E>,
  first: History.History
): Effect.Effect<Kept<E>> =>
  Effect.gen(function* () {
    const ref = yield* Ref.make(first)
    const spent = yield* Ref.make<Spent>({ answers: Usage.unknown, summaries: Usage.unknown })
    const turns = new Places(1)

    const spend = (kind: keyof Spent, usage: Usage.Usage | undefined): Effect.Effect<void> =>
      Ref.update(spent, (before) =>
        usage === undefined ? before : { ...before, [kind]: Usage.add(before[kind], usage) }
      )

    const prepare = (
      added: ReadonlyArray<Prompt.Message>,
      settings: ChatRequest.Settings | undefined
    ): Effect.Effect<ChatRequest.ChatRequest, LlmError | E> =>
      Effect.gen(function* () {
        const asked = ChatRequest.withDefaults({ ...settings, prompt: added }, options.settings)
        const problem = problemOf((yield* ref).messages, added)
        if (Option.isSome(problem)) {
          const { provider } = client
          const model = asked.model ?? client.model
          return yield* new InvalidRequest({ provider, model, ...notSent, param: "prompt", message: problem.value })
        }
        yield* keeper.check
        return { ...asked, prompt: yield* promptOf(added, asked) }
      })

    const keep = (added: ReadonlyArray<Prompt.Message>, completion: Completion.Completion): Effect.Effect<void, E> =>
      Effect.uninterruptible(
        Effect.gen(function* () {
          yield* spend("answers", completion.usage)
          if (!isAnswer(completion)) return
          const history = History.append(yield* ref, [...added, Completion.toMessage(completion)])
          yield* keeper.save(history, Option.some(completion))
          yield* Ref.set(ref, history)
        })
      )

    // -------------------------------------------------------------------------
    // What is sent
    // -------------------------------------------------------------------------

    const promptOf = (
      added: ReadonlyArray<Prompt.Message>,
      settings: ChatRequest.Settings
    ): Effect.Effect<Prompt.Prompt, ContextLengthExceeded | E> =>
      Effect.gen(function* () {
        const { window } = options
        const how = options.summarize === true ? {} : (options.summarize ?? false)
        const current = Effect.map(ref, (history) => withNewestNotes(history, how === false ? 4 : (how.notes ?? 4)))
        const history = yield* current
        if (window === undefined) return [...History.toPrompt(history), ...added]

        const fit = (of: History.History, share?: number): Effect.Effect<Fitted, ContextLengthExceeded | E> =>
          window
            .fit(
              { ...settings, prompt: [...History.toPrompt(of), ...added] },
              { provider: client.provider, model: client.model, ...(share === undefined ? {} : { share }) }
            )
            .pipe(
              // The notes have become too long: the oldest is left out, of this prompt alone.
              Effect.catchIf(
                (error) => isLlmError(error) && of.summaries.length > 0,
                () => fit(withNewestNotes(of, of.summaries.length - 1), share)
              )
            )

        const fitted = yield* fit(history)
        if (fitted.dropped.length === 0 || how === false) return fitted.prompt
        const { dropped } = yield* fit(history, 1 / 2)
        return (yield* note(history, dropped.length, how)) ? (yield* fit(yield* current)).prompt : fitted.prompt
      })

    /** Summarizes the oldest messages that no summary stands for. Says whether it did. */
    const note = (history: History.History, count: number, how: SummarizeOptions): Effect.Effect<boolean> =>
      Effect.uninterruptibleMask((restore) => {
        const messages = summarizable(history.messages.slice(History.summarized(history)), count)
        if (messages.length === 0) return Effect.succeed(false)
        return restore(summarize(client, messages, how)).pipe(
          Effect.flatMap(({ text, usage }) =>
            Effect.zipRight(
              spend("summaries", usage),
              Ref.update(ref, (before) => ({
                ...before,
                summaries: [...before.summaries, { text, messages: messages.length }]
              }))
            )
          ),
          Effect.as(true),
          Effect.catchAll((error) =>
            Effect.logWarning(`${messages.length} messages are left out without a summary: ${error.message}`).pipe(
              Effect.zipRight(spend("summaries", "usage" in error ? error.usage : undefined)),
              Effect.as(false)
            )
          )
        )
      })

    // -------------------------------------------------------------------------
    // Turns
    // -------------------------------------------------------------------------

    const replace: Kept<E>["replace"] = (next) =>
      turns.hold(Effect.uninterruptible(Effect.flatMap(Effect.flatMap(ref, next), (history) => Ref.set(ref, history))))

    const conversation: Conversation<E> = {
      send: (input, settings) => {
        const added = messagesOf(input)
        return turns.hold(
          Effect.uninterruptibleMask((restore) =>
            restore(Effect.flatMap(prepare(added, settings), client.complete)).pipe(
              Effect.tap((completion) => keep(added, completion))
            )
          )
        )
      },
      stream: (input, settings) => {
        const added = messagesOf(input)
        return Stream.unwrapScoped(
          Effect.map(Effect.zipRight(turns.holdScoped, prepare(added, settings)), (request) =>
            keptAtEnd(client.stream(request), (completion) => keep(added, completion))
          )
        )
      },
      history: Ref.get(ref),
      usage: Ref.get(spent),
      reset: replace((before) => {
        const history = History.make({ system: before.system })
        return Effect.as(keeper.save(history, Option.none()), history)
      }),
      fork: Effect.flatMap(ref, (history) =>
        Effect.map(makeKept<E>(client, options, inMemory, history), (kept) => kept.conversation)
      )
    }
    return { conversation, replace }
  })

/**
 * The messages that a summary can stand for when so many were dropped. System messages that stand first are not dropped,
 * and not counted; a turn whose tool calls wait for their results stays, for the results stay.
 */
const summarizable = (messages: ReadonlyArray<Prompt.Message>, dropped: number): ReadonlyArray<Prompt.Message> => {
  const first = Math.max(
    0,
    messages.findIndex((message) => message.role !== "system")
  )
  const open = History.openCalls(messages).length === 0 ? 0 : (History.turnsOf(messages).at(-1)?.length ?? 0)
  return messages.slice(0, Math.min(first + dropped, messages.length - open))
}

/** The same history as if what its oldest summaries stand for had not been said. */
const withNewestNotes = (history: History.History, count: number): History.History => {
  const surplus = history.summaries.slice(0, Math.max(0, history.summaries.length - count))
  const gone = surplus.reduce((sum, summary) => sum + summary.messages, 0)
  return { ...history, messages: history.messages.slice(gone), summaries: history.summaries.slice(surplus.length) }
}

/** The same stream, whose answer is kept when it is whole, before its `Finish` is given out. */
const keptAtEnd = <E>(
  stream: Stream.Stream<StreamPart.StreamPart, LlmError>,
  keep: (completion: Completion.Completion) => Effect.Effect<void, E>
): Stream.Stream<StreamPart.StreamPart, LlmError | E> => {
  const collector = new StreamPart.Collector()
  const finishes: Array<StreamPart.StreamPart> = []
  return Stream.concat(
    Stream.mapChunks(stream, (parts) =>
      Chunk.filter(parts, (part) => {
        collector.push(part)
        if (part._tag !== "Finish") return true
        finishes.push(part)
        return false
      })
    ),
    Stream.suspend(() => {
      const completion = collector.completion()
      return completion === undefined ? Stream.empty : Stream.fromIterableEffect(Effect.as(keep(completion), finishes))
    })
  )
}
