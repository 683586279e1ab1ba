/**
 * An `LlmClient` without a provider, for tests: it answers what it is told to and remembers what it was asked.
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as Attempts from "../Attempts.js"
import * as ChatRequest from "../ChatRequest.js"
import * as Completion from "../Completion.js"
import * as Embeddings from "../Embeddings.js"
import { LlmClient, type Service } from "../LlmClient.js"
import { InvalidRequest, isLlmError, type LlmError, notSent } from "../LlmError.js"
import * as Prompt from "../Prompt.js"
import { Given, type StreamPart } from "../StreamPart.js"
import type { Usage } from "../Usage.js"

// -----------------------------------------------------------------------------
// What it answers
// -----------------------------------------------------------------------------

/**
 * - `text`: the answer's text, or its pieces as they are streamed (one string is streamed word by word)
 * - `reasoning`, `toolCalls`: what comes before and behind the text
 * - `finishReason`: default `stop`, or `tool-calls` where there are some
 * - `usage`: default: a token per four characters of prompt and answer
 * - `delay`: before the answer, or before the first part of a stream. Default: none
 * - `partDelay`: before every further part of a stream. Default: none
 * - `error`: breaks a stream behind these parts; `complete` fails with it
 */
export interface Reply {
  readonly text?: string | ReadonlyArray<string>
  readonly reasoning?: string
  readonly toolCalls?: ReadonlyArray<Omit<Prompt.ToolCallPart, "_tag">>
  readonly finishReason?: Completion.FinishReason
  readonly usage?: Usage
  readonly delay?: Duration.DurationInput
  readonly partDelay?: Duration.DurationInput
  readonly error?: LlmError
}

/** A text, a whole reply, or an error to fail with. */
export type Answer = string | Reply | LlmError

/** The same answer to every request, one answer after the other, or an answer made from the request. */
export type Answers =
  | Answer
  | ReadonlyArray<Answer>
  | ((request: ChatRequest.ChatRequest) => Answer | Effect.Effect<Answer, LlmError>)

/** One request that was made of a mock. */
export type Call =
  | { readonly operation: "complete" | "stream"; readonly request: ChatRequest.ChatRequest }
  | { readonly operation: "embed"; readonly request: Embeddings.EmbedRequest }

/** - `provider`, `model`: what the client calls itself. Default: `mock`, `mock-model` */
export interface Options {
  readonly provider?: string
  readonly model?: string
}

/** What a mock remembers, beside its client. */
export interface Mock {
  readonly client: Service
  /** The same client for programs and policies. */
  readonly layer: Layer.Layer<LlmClient>
  /** All requests so far, oldest first. */
  readonly calls: Effect.Effect<ReadonlyArray<Call>>
}

export class MockLlm extends Context.Tag("effect-llm/testing/MockLlm")<MockLlm, Mock>() {}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/**
 * A mock to ask for its `calls` and to wrap its `layer` in policies. A script that has no answer left is a defect: the
 * test asked for more than it wrote down.
 */
export const make = (answers: Answers, options: Options = {}): Effect.Effect<Mock> =>
  Effect.gen(function* () {
    const { model = "mock-model", provider = "mock" } = options
    const calls = yield* Ref.make<ReadonlyArray<Call>>([])
    const position = yield* Ref.make(0)
    const note = (call: Call): Effect.Effect<void> => Ref.update(calls, (before) => [...before, call])

    const replyTo = (request: ChatRequest.ChatRequest): Effect.Effect<Reply, LlmError> =>
      Effect.map(
        isScript(answers)
          ? Effect.flatMap(
              Ref.getAndUpdate(position, (n) => n + 1),
              (n) => {
                const answer = answers[n]
                return answer === undefined
                  ? Effect.dieMessage(`MockLlm: the script has ${answers.length} answers, and this is request ${n + 1}`)
                  : Effect.succeed(answer)
              }
            )
          : typeof answers === "function"
            ? Effect.suspend(() => {
                const answer = answers(request)
                return Effect.isEffect(answer) && !isLlmError(answer) ? answer : Effect.succeed(answer)
              })
            : Effect.succeed(answers),
        (answer) =>
          typeof answer === "string" ? { text: answer } : isLlmError(answer) ? { text: [], error: answer } : answer
      )

    const prepared = (
      operation: "complete" | "stream",
      request: ChatRequest.ChatRequest
    ): Effect.Effect<Reply, LlmError> => {
      const problem = ChatRequest.validate(request)
      return Option.isSome(problem)
        ? Effect.fail(new InvalidRequest({ provider, model: request.model ?? model, ...notSent, ...problem.value }))
        : Effect.zipRight(note({ operation, request }), replyTo(request))
    }

    const client = Attempts.observed({
      provider,
      model,
      complete: (request) =>
        Effect.flatMap(prepared("complete", request), (reply) =>
          Effect.zipRight(
            Effect.sleep(reply.delay ?? Duration.zero),
            reply.error === undefined ? Effect.succeed(completionOf(reply, request, model)) : Effect.fail(reply.error)
          )
        ),
      stream: (request) =>
        Stream.unwrap(Effect.map(prepared("stream", request), (reply) => streamOf(reply, request, model))),
      embed: (request) =>
        Effect.suspend(() => {
          const problem = Embeddings.validateRequest(request)
          return Option.isSome(problem)
            ? Effect.fail(new InvalidRequest({ provider, model: request.model ?? model, ...notSent, ...problem.value }))
            : Effect.as(note({ operation: "embed", request }), embeddingsOf(request, model))
        })
    })
    return { client, layer: Layer.succeed(LlmClient, client), calls: Ref.get(calls) }
  })

/** `LlmClient` that answers as told, and `MockLlm` to ask for the calls that were made. */
export const layer = (answers: Answers, options?: Options): Layer.Layer<LlmClient | MockLlm> =>
  Layer.effectContext(
    Effect.map(make(answers, options), (mock) => Context.make(LlmClient, mock.client).pipe(Context.add(MockLlm, mock)))
  )

/** All requests so far, oldest first. */
export const calls: Effect.Effect<ReadonlyArray<Call>, never, MockLlm> = Effect.flatMap(MockLlm, (mock) => mock.calls)

// -----------------------------------------------------------------------------
// Answers
// -----------------------------------------------------------------------------

const isScript = (answers: Answers): answers is ReadonlyArray<Answer> => Array.isArray(answers)

/** Words with the white space before them, as models' tokens are. */
const pieces = (text: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  text === undefined ? [] : typeof text === "string" ? (text.match(/\s*\S+|\s+/g) ?? []) : text

const textOf = (reply: Reply): string => pieces(reply.text).join("")

const tokensOf = (text: string): number => Math.ceil(text.length / 4)

const usageOf = (reply: Reply, request: ChatRequest.ChatRequest): Usage => {
  if (reply.usage !== undefined) return reply.usage
  const inputTokens = tokensOf(request.prompt.map(Prompt.textOf).join(""))
  const reasoningTokens = tokensOf(reply.reasoning ?? "")
  const outputTokens =
    tokensOf(textOf(reply) + (reply.toolCalls ?? []).map((call) => call.name + call.arguments).join("")) +
    reasoningTokens
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, reasoningTokens }
}

const toolCallsOf = (reply: Reply): ReadonlyArray<Prompt.ToolCallPart> =>
  (reply.toolCalls ?? []).map((call) => ({ _tag: "ToolCall", ...call }))

const completionOf = (reply: Reply, request: ChatRequest.ChatRequest, model: string): Completion.Completion => {
  const parts: Array<Completion.OutputPart> = []
  if (reply.reasoning !== undefined) parts.push({ _tag: "Reasoning", text: reply.reasoning })
  if (textOf(reply) !== "") parts.push(Prompt.text(textOf(reply)))
  const toolCalls = toolCallsOf(reply)
  const stopped =
    toolCalls.length > 0
      ? ({ unified: "tool-calls", raw: "tool_calls" } as const)
      : ({ unified: "stop", raw: "stop" } as const)
  return Completion.make({
    parts: [...parts, ...toolCalls],
    finishReason: reply.finishReason ?? stopped,
    usage: usageOf(reply, request),
    model: request.model ?? model,
    id: "mock",
    warnings: [],
    cached: false,
    attempts: 1,
    latency: Duration.decode(reply.delay ?? Duration.zero)
  })
}

const streamOf = (
  reply: Reply,
  request: ChatRequest.ChatRequest,
  model: string
): Stream.Stream<StreamPart, LlmError> => {
  const whole = completionOf(reply, request, model)
  const out: Array<StreamPart> = []
  if (reply.reasoning !== undefined) out.push({ _tag: "ReasoningDelta", text: reply.reasoning })
  for (const text of pieces(reply.text)) if (text !== "") out.push({ _tag: "TextDelta", text })
  for (const call of whole.toolCalls) {
    out.push({ _tag: "ToolCallStart", id: call.id, name: call.name })
    out.push({ _tag: "ToolCallDelta", id: call.id, arguments: call.arguments })
  }
  const given = new Given()
  given.note(Chunk.unsafeFromArray(out))
  const { cached, attempts, finishReason, id, latency, model: answered, usage, warnings } = whole
  const ends = whole.toolCalls.map((call): StreamPart => ({ ...call, _tag: "ToolCallEnd" }))
  const rest: Stream.Stream<StreamPart, LlmError> =
    reply.error === undefined
      ? Stream.fromIterable<StreamPart>([
          ...ends,
          { _tag: "Finish", finishReason, usage, model: answered, id, warnings, cached, attempts, latency }
        ])
      : Stream.fail(given.failure(reply.error))
  const pause = (index: number): Effect.Effect<void> =>
    Effect.sleep((index === 0 ? reply.delay : reply.partDelay) ?? Duration.zero)
  const isDelayed = reply.delay !== undefined || reply.partDelay !== undefined
  const parts = isDelayed
    ? Stream.fromIterable(out).pipe(
        Stream.zipWithIndex,
        Stream.mapEffect(([part, index]) => Effect.as(pause(index), part))
      )
    : Stream.fromChunk(Chunk.unsafeFromArray(out))
  return Stream.concat(out.length === 0 && isDelayed ? Stream.drain(Stream.fromEffect(pause(0))) : parts, rest)
}

/** A unit vector that depends on the text alone. */
const embeddingsOf = (request: Embeddings.EmbedRequest, model: string): Embeddings.Embeddings => {
  const vectors = request.input.map((text) => {
    const numbers = Array.from({ length: request.dimensions ?? 8 }, (_, index) =>
      Math.sin(Hash.string(`${index}:${text}`))
    )
    const length = Math.hypot(...numbers)
    return numbers.map((number) => number / length)
  })
  const tokens = tokensOf(request.input.join(""))
  return {
    vectors,
    model: request.model ?? model,
    usage: { inputTokens: tokens, totalTokens: tokens },
    cached: false,
    attempts: 1,
    latency: Duration.zero
  }
}
