/**
 * Every attempt, told to whoever listens: how it ended, how long it took, how many tokens it used. A client that makes
 * calls is `observed`; a ledger, a budget or a monitor listens. Where nobody does, nothing is measured.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { ChatRequest } from "./ChatRequest.js"
import type { EmbedRequest } from "./Embeddings.js"
import * as Listening from "./Listening.js"
import type { Service } from "./LlmClient.js"
import { isLlmError, type LlmError, type Tag } from "./LlmError.js"
import type { Prompt } from "./Prompt.js"
import { Given, type StreamPart } from "./StreamPart.js"
import * as StreamEnd from "./StreamEnd.js"
import type { Usage } from "./Usage.js"

/**
 * - `completed`: the answer came whole
 * - `failed`: there was none; `cut`: a stream broke behind its first part
 * - `aborted`: the caller left before the end
 * - `cached`: no request was made, the answer was there
 */
export type Result = "completed" | "failed" | "cut" | "aborted" | "cached"

/**
 * One attempt, when it has ended.
 * - `model`: the model that answered; where none did, the model that was asked for
 * - `at`: when it ended, in epoch milliseconds; `millis`: how long it took; `firstPartMillis`: until the first part of a
 *   stream
 * - `usage`: as reported where `isExact`; else an estimate of a token per four characters
 * - `number`: 1 for the first attempt of a call, 2 for its first retry; `waitMillis`: how long the retry waited before it,
 *   `after`: the tag of the error that it follows
 * - `metadata`: of the request; `tags`: those of `Ledger.withTags`
 */
export interface Attempt {
  readonly operation: "chat" | "embeddings"
  readonly provider: string
  readonly model: string
  readonly result: Result
  readonly error: LlmError | undefined
  readonly at: number
  readonly millis: number
  readonly firstPartMillis: number | undefined
  readonly usage: Usage
  readonly isExact: boolean
  readonly number: number
  readonly waitMillis: number
  readonly after: Tag | undefined
  readonly metadata: Readonly<Record<string, unknown>>
  readonly tags: Readonly<Record<string, string>>
}

/** Hears of each attempt, in the fiber that made it. Must not throw. */
export type Listener = (attempt: Attempt) => void

/** Who listens to the attempts of an effect. */
export class Listeners extends Context.Reference<Listeners>()("effect-llm/Attempts/Listeners", {
  defaultValue: (): ReadonlyArray<Listener> => []
}) {}

/** Which attempt of its call is under way: retries say so. */
export class Ordinal extends Context.Reference<Ordinal>()("effect-llm/Attempts/Ordinal", {
  defaultValue: (): Pick<Attempt, "number" | "waitMillis" | "after"> => ({ number: 1, waitMillis: 0, after: undefined })
}) {}

/** What the attempts of an effect are marked with. */
export class Tags extends Context.Reference<Tags>()("effect-llm/Attempts/Tags", {
  defaultValue: (): Readonly<Record<string, string>> => ({})
}) {}

/** What is run when an attempt of an effect begins, before it has gone out. Must not throw. */
export class Beginning extends Context.Reference<Beginning>()("effect-llm/Attempts/Beginning", {
  defaultValue: (): ReadonlyArray<() => void> => []
}) {}

/** Has a function run, too, whenever an attempt of an effect begins. */
export const beginning: Listening.InEffect<() => void> = Listening.inEffect(Beginning)

/** The same for the attempts of a stream. */
export const beginningStream: Listening.InStream<() => void> = Listening.inStream(Beginning)

/** Has one more listener hear of the attempts of an effect. */
export const listening: Listening.InEffect<Listener> = Listening.inEffect(Listeners)

/** The same for the attempts of a stream. */
export const listeningStream: Listening.InStream<Listener> = Listening.inStream(Listeners)

/** Tells of an answer that came from a cache. */
export const cached = (
  client: Service,
  operation: Attempt["operation"],
  request: ChatRequest | EmbedRequest,
  answer: { readonly model: string; readonly usage: Usage }
): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const watch = watching(client, operation, request, fiber.currentContext)
    if (watch !== undefined) watch.tell("cached", undefined, answer.usage, answer.model, 0)
    return Effect.void
  })

// -----------------------------------------------------------------------------
// Observing
// -----------------------------------------------------------------------------

/** A client whose calls are attempts: each is told to who listens in the context of its caller. */
export const observed = (client: Service): Service => ({
  ...client,
  complete: (request) =>
    Effect.withFiberRuntime((fiber) => {
      const watch = begun(client, "chat", request, fiber.currentContext)
      return watch === undefined ? client.complete(request) : watch.call(client.complete(request))
    }),
  embed: (request) =>
    Effect.withFiberRuntime((fiber) => {
      const watch = begun(client, "embeddings", request, fiber.currentContext)
      return watch === undefined ? client.embed(request) : watch.call(client.embed(request))
    }),
  stream: (request) =>
    Stream.fromChannel(
      Channel.flatMap(
        Channel.fromEffect(
          Effect.withFiberRuntime<Watch | undefined>((fiber) =>
            Effect.succeed(begun(client, "chat", request, fiber.currentContext))
          )
        ),
        (watch) => {
          const parts = Stream.toChannel(client.stream(request))
          return watch === undefined ? parts : watch.stream(parts)
        }
      )
    )
})

const begun = (
  client: Service,
  operation: Attempt["operation"],
  request: ChatRequest | EmbedRequest,
  context: Context.Context<never>
): Watch | undefined => {
  for (const f of Context.get(context, Beginning)) f()
  return watching(client, operation, request, context)
}

const watching = (
  client: Service,
  operation: Attempt["operation"],
  request: ChatRequest | EmbedRequest,
  context: Context.Context<never>
): Watch | undefined => {
  const listeners = Context.get(context, Listeners)
  return listeners.length === 0 ? undefined : new Watch(client, operation, request, listeners, context)
}

interface Answer {
  readonly model: string
  readonly usage: Usage
}

type Parts<R> = Channel.Channel<Chunk.Chunk<StreamPart>, unknown, LlmError, unknown, unknown, unknown, R>

/** The watch over one attempt. */
class Watch {
  private started = 0
  private firstPartAt: number | undefined

  constructor(
    private readonly client: Service,
    private readonly operation: Attempt["operation"],
    private readonly request: ChatRequest | EmbedRequest,
    private readonly listeners: ReadonlyArray<Listener>,
    private readonly context: Context.Context<never>
  ) {}

  call<A extends Answer>(call: Effect.Effect<A, LlmError>): Effect.Effect<A, LlmError> {
    return Effect.clockWith((clock) => {
      this.started = clock.unsafeCurrentTimeMillis()
      return Effect.onExit(call, (exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) this.completed(exit.value, "", clock)
          else this.ended(exit.cause, "", false, clock)
        })
      )
    })
  }

  stream<R>(parts: Parts<R>): Parts<R> {
    return Channel.flatMap(Channel.fromEffect(Effect.clock), (clock) => {
      this.started = clock.unsafeCurrentTimeMillis()
      const given = new Given()
      let finish: Answer | undefined
      return parts.pipe(
        Channel.mapOut((chunk) => {
          given.note(chunk)
          if (given.visible) this.firstPartAt ??= clock.unsafeCurrentTimeMillis()
          for (const part of chunk) if (part._tag === "Finish") finish = part
          return chunk
        }),
        StreamEnd.ensuringWith((exit) =>
          Effect.sync(() => {
            if (finish !== undefined) this.completed(finish, given.text, clock)
            else this.ended(Exit.isFailure(exit) ? exit.cause : Cause.empty, given.text, given.visible, clock)
          })
        )
      )
    })
  }

  private completed({ model, usage }: Answer, text: string, clock: Clock.Clock): void {
    this.tell("completed", undefined, usage, model, clock.unsafeCurrentTimeMillis(), text)
  }

  private ended(cause: Cause.Cause<unknown>, text: string, isCut: boolean, clock: Clock.Clock): void {
    const error = Cause.isFailType(cause) && isLlmError(cause.error) ? cause.error : undefined
    const { model } = this.request
    const asked = model ?? this.client.model
    const now = clock.unsafeCurrentTimeMillis()
    if (error === undefined) this.tell("aborted", undefined, {}, asked, now, text)
    else {
      const usage = "usage" in error ? (error.usage ?? {}) : {}
      this.tell(isCut ? "cut" : "failed", error, usage, error.model || asked, now, text)
    }
  }

  tell(result: Result, error: LlmError | undefined, reported: Usage, model: string, now: number, text = ""): void {
    const { metadata = {} } = this.request
    const isExact =
      result === "cached" ||
      (error !== undefined && isFree(error)) ||
      (!isBroken(error) && isWhole(reported, this.operation))
    const attempt: Attempt = {
      operation: this.operation,
      provider: this.client.provider,
      model,
      result,
      error,
      at: now,
      millis: result === "cached" ? 0 : Math.max(0, now - this.started),
      firstPartMillis: this.firstPartAt === undefined ? undefined : this.firstPartAt - this.started,
      usage: isExact ? reported : atLeast(reported, estimate(this.request, text)),
      isExact,
      ...Context.get(this.context, Ordinal),
      metadata,
      tags: Context.get(this.context, Tags)
    }
    for (const listener of this.listeners) listener(attempt)
  }
}

const isWhole = ({ inputTokens, outputTokens }: Usage, operation: Attempt["operation"]): boolean =>
  inputTokens !== undefined && (outputTokens !== undefined || operation === "embeddings")

/** Never sent, or turned down. An error inside of an answer is neither: the prompt may have been billed. */
const isFree = ({ outcome, status = 0 }: LlmError): boolean =>
  outcome === "not-sent" || (outcome === "rejected" && (status < 200 || status >= 300))

/** What a stream reports before its end is not all that it took: some begin with an output of one token. */
const isBroken = (error: LlmError | undefined): boolean => error?._tag === "StreamInterrupted"

/** What was reported, with an estimate of the rest; and of an answer no less than there is of it. */
const atLeast = (reported: Usage, estimated: Usage): Usage => {
  const known = Object.fromEntries(Object.entries(reported).filter(([, value]) => value !== undefined))
  const { outputTokens = 0 } = reported
  return estimated.outputTokens === undefined || estimated.outputTokens <= outputTokens
    ? { ...estimated, ...known }
    : { ...estimated, ...known, outputTokens: estimated.outputTokens, totalTokens: undefined }
}

// -----------------------------------------------------------------------------
// Estimates
// -----------------------------------------------------------------------------

const tokensOf = (characters: number): number => Math.ceil(characters / 4)

/** What a request may have used of which nothing was reported. */
const estimate = (request: ChatRequest | EmbedRequest, text: string): Usage =>
  "prompt" in request
    ? { inputTokens: promptTokens(request), outputTokens: tokensOf(text.length) }
    : { inputTokens: tokensOf(request.input.reduce((sum, each) => sum + each.length, 0)) }

/** An image counts as much as a page of text. */
const imageTokens = 765

/** A token per four characters of the messages and the tools, and a few for each message. */
export const promptTokens = ({
  prompt,
  tools
}: {
  readonly prompt: Prompt
  readonly tools?: ChatRequest["tools"]
}): number => {
  let characters = tools === undefined ? 0 : JSON.stringify(tools).length
  let tokens = 3
  for (const { content } of prompt) {
    tokens += 3
    for (const part of content) {
      switch (part._tag) {
        case "Text":
        case "Reasoning":
          characters += part.text.length
          break
        case "ToolCall":
          characters += part.name.length + part.arguments.length
          break
        case "ToolResult":
          characters += part.content.length
          break
        case "Image":
        case "File":
          tokens += imageTokens
          break
        default:
          part satisfies never
      }
    }
  }
  return tokens + tokensOf(characters)
}
