/**
 * Tools with handlers, and the loop that runs them: the model is asked, the tools that it calls are run, their results go
 * back to it, until it calls none. Bounded in steps, and whatever ends it, the steps made and their cost are kept.
 */
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Mailbox from "effect/Mailbox"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChatRequest from "../ChatRequest.js"
import type * as Completion from "../Completion.js"
import { LlmClient, type Service } from "../LlmClient.js"
import type { LlmError } from "../LlmError.js"
import * as Prices from "../Prices.js"
import type * as Prompt from "../Prompt.js"
import * as StreamPart from "../StreamPart.js"
import type * as Tool from "../Tool.js"
import * as ToolHandler from "./ToolHandler.js"
import * as ToolkitRun from "./ToolkitRun.js"

export { CallFailed, InvalidToolCall, StepsExhausted, ToolFailed } from "./ToolkitRun.js"
export type { Event, Progress, Run, RunError, Step, ToolResult } from "./ToolkitRun.js"
export type { Handler, Outcome } from "./ToolHandler.js"

// -----------------------------------------------------------------------------
// Toolkits
// -----------------------------------------------------------------------------

type Tools = ReadonlyArray<Tool.AnyTool>

/** Tools that a model gets together. Their handlers are a Layer. */
export interface Toolkit<T extends Tools> {
  readonly tools: T
}

/** The tools themselves, or what is wrong where two have one name. */
export type DistinctNames<T extends Tools> = T extends readonly [
  infer First extends Tool.AnyTool,
  ...infer Rest extends Tools
]
  ? string extends First["name"]
    ? readonly [First, ...DistinctNames<Rest>]
    : First["name"] extends Rest[number]["name"]
      ? readonly [`two tools are named ${First["name"]}`, ...DistinctNames<Rest>]
      : readonly [First, ...DistinctNames<Rest>]
  : T

/** A toolkit of these tools. Two tools of one name do not compile. */
export const make = <const T extends Tools>(...tools: T & DistinctNames<T>): Toolkit<T> => ({ tools })

/** What is needed of the context to run a toolkit: the handlers of its tools. */
export type Handlers<T extends Tools> = { readonly [I in keyof T]: ToolHandler.Handler<T[I]> }[number]

/** A function for each tool, by its name. */
export type HandlersOf<T extends Tools, R = unknown> = {
  readonly [E in T[number] as E["name"]]: ToolHandler.Handle<E, R>
}

type SchemasContext<T extends Tools> = Schema.Schema.Context<T[number]["parameters" | "success" | "failure"]>

type HandlersContext<H> = {
  readonly [K in keyof H]: H[K] extends (...args: never) => Effect.Effect<unknown, unknown, infer R> ? R : never
}[keyof H]

/**
 * The handlers of a toolkit, as a Layer: a function for each tool, from its arguments to an Effect of its result. A tool
 * that no provider takes (its name, parameters that are no object) is a `ConfigError` that names it.
 *
 * ```ts
 * const Handlers = Toolkit.layer(toolkit, { weather: ({ city }) => Effect.succeed({ city, celsius: 21 }) })
 * ```
 */
export function layer<T extends Tools, H extends HandlersOf<T>>(
  toolkit: Toolkit<T>,
  handlers: H
): Layer.Layer<Handlers<T>, ConfigError.ConfigError, HandlersContext<H> | SchemasContext<T>>
export function layer(toolkit: Toolkit<Tools>, handlers: HandlersOf<Tools>): ReturnType<typeof bindAll> {
  return bindAll(toolkit, handlers)
}

/** The same, from an Effect that makes the handlers: with services, connections, state. */
export function layerEffect<T extends Tools, H extends HandlersOf<T>, E, R>(
  toolkit: Toolkit<T>,
  handlers: Effect.Effect<H, E, R>
): Layer.Layer<Handlers<T>, ConfigError.ConfigError | E, HandlersContext<H> | SchemasContext<T> | R>
export function layerEffect<E>(
  toolkit: Toolkit<Tools>,
  handlers: Effect.Effect<HandlersOf<Tools>, E, unknown>
): Layer.Layer<Handlers<Tools>, ConfigError.ConfigError | E, unknown> {
  return Layer.unwrapEffect(Effect.map(handlers, (each) => bindAll(toolkit, each)))
}

const bindAll = (
  { tools }: Toolkit<Tools>,
  handlers: HandlersOf<Tools>
): Layer.Layer<Handlers<Tools>, ConfigError.ConfigError, unknown> =>
  Layer.effectContext(
    Effect.map(
      Effect.forEach(tools, (tool, index) => {
        if (tools.findIndex(({ name }) => name === tool.name) < index) {
          return Effect.fail(ConfigError.InvalidData(["tools", tool.name], `two tools are named ${tool.name}`))
        }
        const handle = handlers[tool.name]
        const parameters = Schema.asSchema(tool.parameters)
        const success = Schema.asSchema(tool.success)
        const failure = Schema.asSchema(tool.failure)
        return handle === undefined
          ? Effect.dieMessage(`the tool ${tool.name} has no handler`)
          : Effect.map(ToolHandler.bind({ ...tool, parameters, success, failure }, handle), (bound) =>
              Context.make(ToolHandler.tag(tool), bound)
            )
      }),
      (contexts) => Context.mergeAll(...contexts)
    )
  )

// -----------------------------------------------------------------------------
// Running
// -----------------------------------------------------------------------------

/** What is asked before a tool runs: the call, and its arguments as the tool's Schema reads them. */
export interface Approval {
  readonly call: Prompt.ToolCallPart
  readonly parameters: unknown
}

/**
 * - `toolkit`: what the model may call
 * - `maxSteps`: the most answers that are asked for, at least 1. Default: 10
 * - `onLastStep`: where the model still calls tools at the last step, `"fail"` with `StepsExhausted` (those calls are not
 *   run), or have it `"answer"` there without tools. Default: `"fail"`
 * - `concurrency`: how many tools of a step run at once. Default: 4
 * - `onInvalidCall`: a call of a tool that does not exist or with arguments that do not fit goes back to the model
 *   (`"return"`), or the run fails with `InvalidToolCall` (`"fail"`). Default: `"return"`
 * - `onToolFailure`: the same for what a handler fails with, and `ToolFailed`. Default: `"return"`. A handler that dies
 *   always ends the run
 * - `approve`: asked before each call runs, one after the other; `false`, or the reason as a text, denies it, and the model
 *   is told. Default: all are approved
 * - `prices`: what tokens cost. Default: `Prices.standard`
 */
export interface Options<T extends Tools, R = never> {
  readonly toolkit: Toolkit<T>
  readonly maxSteps?: number | undefined
  readonly onLastStep?: "fail" | "answer" | undefined
  readonly concurrency?: number | "unbounded" | undefined
  readonly onInvalidCall?: "return" | "fail" | undefined
  readonly onToolFailure?: "return" | "fail" | undefined
  readonly approve?: ((approval: Approval) => Effect.Effect<boolean | string, never, R>) | undefined
  readonly prices?: Prices.PriceTable | undefined
}

/** A prompt, or a request without tools of its own. Its `toolChoice` holds for the first step. */
export type Input = Prompt.Input | Omit<ChatRequest.RequestInput, "tools">

type Needs<T extends Tools, R> = LlmClient | Handlers<T> | R

/**
 * Asks the model and runs the tools that it calls, until it calls none. All failures keep the steps that were made, their
 * usage and cost as `progress`.
 */
export const run = <const T extends Tools, R = never>(
  prompt: Input,
  options: Options<T, R>
): Effect.Effect<ToolkitRun.Run, ToolkitRun.RunError, Needs<T, R>> =>
  loop(
    prompt,
    options,
    (client) => (request) => client.complete(request),
    () => Effect.void
  )

/**
 * The same, as a stream of what happens: the parts of each answer as they come, each tool as it starts and ends, each
 * step, and at last the run. Leaving it interrupts the call and the tools that are under way.
 */
export const stream = <const T extends Tools, R = never>(
  prompt: Input,
  options: Options<T, R>
): Stream.Stream<ToolkitRun.Event, ToolkitRun.RunError, Needs<T, R>> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      // Bounded: a reader that is slow slows the answers down.
      const events = yield* Mailbox.make<ToolkitRun.Event, ToolkitRun.RunError>(16)
      const say = (event: ToolkitRun.Event): Effect.Effect<void> => Effect.asVoid(events.offer(event))
      const ask =
        (client: Service, step: number) =>
        (request: ChatRequest.ChatRequest): Effect.Effect<Completion.Completion, LlmError> =>
          StreamPart.collect(
            Stream.mapChunksEffect(client.stream(request), (parts) =>
              Effect.as(
                Effect.forEach(parts, (part) => say({ _tag: "Part", step, part }), { discard: true }),
                parts
              )
            )
          )
      yield* loop(prompt, options, ask, say).pipe(
        Effect.flatMap((finished) => say({ _tag: "Finish", run: finished })),
        Effect.zipRight(events.end),
        Effect.onError((cause) => events.failCause(cause)),
        Effect.forkScoped
      )
      return Mailbox.toStream(events)
    })
  )

const loop = <T extends Tools, R>(
  prompt: Input,
  options: Options<T, R>,
  ask: (
    client: Service,
    step: number
  ) => (request: ChatRequest.ChatRequest) => Effect.Effect<Completion.Completion, LlmError>,
  say: (event: ToolkitRun.Event) => Effect.Effect<void>
): Effect.Effect<ToolkitRun.Run, ToolkitRun.RunError, Needs<T, R>> =>
  Effect.gen(function* () {
    const { maxSteps = 10, prices = Prices.standard } = options
    const client = yield* LlmClient
    const tools = yield* toolsOf(options.toolkit)
    const first = ChatRequest.make(prompt)
    let progress = ToolkitRun.begin(first.prompt)
    while (true) {
      const step = progress.steps.length
      // Also where maxSteps is no number that a count can reach.
      const isLast = !(step + 1 < maxSteps)
      yield* say({ _tag: "StepStart", step })
      const request = requestOf(first, progress, tools, isLast && options.onLastStep === "answer")
      const before = progress
      const priceOf = (model: string): Prices.Price | undefined => Prices.find(prices, client.provider, model)
      const completion = yield* Effect.mapError(
        ask(client, step)(request),
        (cause) =>
          new ToolkitRun.CallFailed({
            cause,
            progress: ToolkitRun.failedWith(before, cause, priceOf(request.model ?? client.model))
          })
      )
      progress = ToolkitRun.answered(progress, completion, priceOf(completion.model))
      const calls = completion.toolCalls
      if (calls.length > 0) {
        // What the last step calls for is not run: the model would never see what came of it.
        if (isLast) {
          return yield* new ToolkitRun.StepsExhausted({
            maxSteps,
            progress: ToolkitRun.withoutResults(progress, calls)
          })
        }
        progress = yield* runCalls(calls, progress, tools, options, say)
      }
      const made = progress.steps[step]
      if (made !== undefined) yield* say({ _tag: "StepEnd", step: made })
      if (calls.length === 0) return { ...progress, text: completion.text, completion }
    }
  })

type Bound = ReadonlyMap<string, ToolHandler.Bound>

const toolsOf = <T extends Tools>({ tools }: Toolkit<T>): Effect.Effect<Bound, never, Handlers<T>> =>
  Effect.map(
    Effect.forEach(tools, (tool) => Effect.map(ToolHandler.tag(tool), (bound) => [tool.name, bound] as const)),
    (entries) => new Map(entries)
  )

const requestOf = (
  first: ChatRequest.ChatRequest,
  { messages, steps }: ToolkitRun.Progress,
  tools: Bound,
  mustAnswer: boolean
): ChatRequest.ChatRequest => {
  const { toolChoice, ...rest } = first
  // A choice that forces a call would force one at every step.
  const choice = mustAnswer ? "none" : steps.length === 0 ? toolChoice : undefined
  return {
    ...rest,
    prompt: messages,
    tools: Array.from(tools.values(), ({ definition }) => definition),
    ...(choice === undefined ? {} : { toolChoice: choice })
  }
}

/** Reads all calls of a step, has them approved, and runs them: the results stand in the order of the calls. */
const runCalls = <T extends Tools, R>(
  calls: ReadonlyArray<Prompt.ToolCallPart>,
  progress: ToolkitRun.Progress,
  tools: Bound,
  options: Options<T, R>,
  say: (event: ToolkitRun.Event) => Effect.Effect<void>
): Effect.Effect<ToolkitRun.Progress, ToolkitRun.RunError, R> =>
  Effect.gen(function* () {
    const step = progress.steps.length - 1
    const ready: Array<readonly [Prompt.ToolCallPart, Effect.Effect<ToolHandler.Outcome>]> = []
    for (const call of calls) {
      const prepared = yield* prepare(call, tools)
      if (Either.isLeft(prepared)) {
        const outcome = prepared.left
        if (options.onInvalidCall === "fail" && outcome._tag === "InvalidCall") {
          const { content, problem } = outcome
          return yield* new ToolkitRun.InvalidToolCall({
            call,
            problem,
            message: content,
            progress: ToolkitRun.withoutResults(progress, calls, (each) => (each === call ? content : undefined))
          })
        }
        ready.push([call, Effect.succeed(outcome)])
        continue
      }
      const { parameters, run } = prepared.right
      const approved = options.approve === undefined ? true : yield* options.approve({ call, parameters })
      ready.push([call, approved === true ? run : Effect.succeed(denied(approved))])
    }
    const results = yield* Effect.forEach(
      ready,
      ([call, run]) =>
        Effect.gen(function* () {
          yield* say({ _tag: "ToolStart", step, call })
          const outcome = yield* run
          yield* say({ _tag: "ToolEnd", step, call, outcome })
          return { call, outcome }
        }),
      { concurrency: options.concurrency ?? 4 }
    )
    const done = ToolkitRun.withResults(progress, results)
    // All tools of the step have ended: what they did is in the error.
    for (const { call, outcome } of results) {
      if (outcome._tag === "Failed" && (outcome.died || options.onToolFailure === "fail")) {
        return yield* new ToolkitRun.ToolFailed({ call, cause: outcome.error, progress: done })
      }
    }
    return done
  })

const prepare = (
  call: Prompt.ToolCallPart,
  tools: Bound
): Effect.Effect<Either.Either<ToolHandler.Prepared, ToolHandler.Outcome>> => {
  const tool = tools.get(call.name)
  return tool === undefined
    ? Effect.succeed(Either.left(ToolHandler.unknownTool(call.name, [...tools.keys()])))
    : tool.prepare(call)
}

const denied = (reason: string | false): ToolHandler.Outcome => ({
  _tag: "Denied",
  content: reason === false ? "The call was not approved." : `The call was not approved: ${reason}`
})
