/**
 * What a run of a toolkit gives, step by step, and the ways in which it ends otherwise. All of them keep the steps that
 * were made, with what they cost.
 */
import * as Data from "effect/Data"
import { toStringUnknown } from "effect/Inspectable"
import type * as Completion from "../Completion.js"
import type { LlmError } from "../LlmError.js"
import * as Prices from "../Prices.js"
import type * as Prompt from "../Prompt.js"
import type { StreamPart } from "../StreamPart.js"
import * as Usage from "../Usage.js"
import type { Outcome } from "./ToolHandler.js"

/** A tool call and what became of it. */
export interface ToolResult {
  readonly call: Prompt.ToolCallPart
  readonly outcome: Outcome
}

/**
 * One answer of the model, with the tools that it called, in the order of the calls.
 * - `cost`: in US dollars; `undefined` where the model has no price or the provider reported no usage
 */
export interface Step {
  readonly index: number
  readonly completion: Completion.Completion
  readonly results: ReadonlyArray<ToolResult>
  readonly cost: number | undefined
}

/**
 * What has been done so far.
 * - `usage`, `cost`: of all steps, and of a call that failed behind them as far as it was reported
 * - `messages`: the prompt, the answers and the tools' results, to go on with; a call that was not run has a result that
 *   says so
 */
export interface Progress {
  readonly steps: ReadonlyArray<Step>
  readonly usage: Usage.Usage
  readonly cost: number | undefined
  readonly messages: Prompt.Prompt
}

/** A run that came to its end: the model called no more tools. `text` is its last answer, `completion` all of it. */
export interface Run extends Progress {
  readonly text: string
  readonly completion: Completion.Completion
}

/** What a run says while it goes on; `step` begins at 0. `Finish` is the last, exactly once, unless the run fails. */
export type Event =
  | { readonly _tag: "StepStart"; readonly step: number }
  | { readonly _tag: "Part"; readonly step: number; readonly part: StreamPart }
  | { readonly _tag: "ToolStart"; readonly step: number; readonly call: Prompt.ToolCallPart }
  | ({ readonly _tag: "ToolEnd"; readonly step: number } & ToolResult)
  | { readonly _tag: "StepEnd"; readonly step: Step }
  | { readonly _tag: "Finish"; readonly run: Run }

// -----------------------------------------------------------------------------
// Errors
// -----------------------------------------------------------------------------

/** A call of the model failed. `cause` is its error, with its tag. */
export class CallFailed extends Data.TaggedError("CallFailed")<{
  readonly cause: LlmError
  readonly progress: Progress
}> {
  override get message(): string {
    return `step ${this.progress.steps.length} failed: ${this.cause._tag}: ${this.cause.message}`
  }
}

/** The model went on calling tools to the last step that it had. */
export class StepsExhausted extends Data.TaggedError("StepsExhausted")<{
  readonly maxSteps: number
  readonly progress: Progress
}> {
  override get message(): string {
    return `the model still calls tools after ${this.maxSteps} steps: raise maxSteps, or let it answer without tools at the last one (onLastStep: "answer")`
  }
}

/** Of whatever a handler may fail or die with: an error without a message has its name, what is no JSON has some words. */
const wordsOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message || cause.name : toStringUnknown(cause, 0)

/** The handler of a tool failed or died, and the run was to fail with it. */
export class ToolFailed extends Data.TaggedError("ToolFailed")<{
  readonly call: Prompt.ToolCallPart
  readonly cause: unknown
  readonly progress: Progress
}> {
  override get message(): string {
    return `the tool ${this.call.name} failed: ${wordsOf(this.cause)}`
  }
}

/** The model called a tool that does not exist, or with arguments that do not fit, and the run was to fail with it. */
export class InvalidToolCall extends Data.TaggedError("InvalidToolCall")<{
  readonly call: Prompt.ToolCallPart
  readonly problem: "UnknownTool" | "InvalidArguments"
  readonly message: string
  readonly progress: Progress
}> {}

export type RunError = CallFailed | StepsExhausted | ToolFailed | InvalidToolCall

// -----------------------------------------------------------------------------
// Sums
// -----------------------------------------------------------------------------

/** Nothing has been done yet, and nothing paid. */
export const begin = (prompt: Prompt.Prompt): Progress => ({
  steps: [],
  usage: Usage.unknown,
  cost: 0,
  messages: prompt
})

const saysNothing = ({ text, toolCalls }: Completion.Completion): boolean => text === "" && toolCalls.length === 0

/** The same with the answer of a model, before its tools have run. */
export const answered = (
  { cost, messages, steps, usage }: Progress,
  completion: Completion.Completion,
  price: Prices.Price | undefined
): Progress => {
  // A cached answer is not paid for again, whatever its usage says.
  const own = completion.cached ? 0 : price === undefined ? undefined : Prices.cost(completion.usage, price)
  const step: Step = { index: steps.length, completion, results: [], cost: own }
  return {
    steps: [...steps, step],
    usage: completion.cached ? usage : Usage.add(usage, completion.usage),
    cost: Prices.add(cost, own),
    // Thoughts alone are no message: providers refuse one that says nothing.
    messages: saysNothing(completion) ? messages : [...messages, { role: "assistant", content: completion.parts }]
  }
}

/** The same with what became of the calls of its last step. */
export const withResults = (progress: Progress, results: ReadonlyArray<ToolResult>): Progress => ({
  ...progress,
  steps: progress.steps.map((step, index) => (index === progress.steps.length - 1 ? { ...step, results } : step)),
  messages: [
    ...progress.messages,
    {
      role: "tool",
      content: results.map(({ call, outcome }) => ({
        _tag: "ToolResult",
        id: call.id,
        content: outcome.content,
        ...(outcome._tag === "Succeeded" ? {} : { isError: true })
      }))
    }
  ]
})

/** The same where the calls of its last step are not run: no provider takes messages with calls that have no results. */
export const withoutResults = (
  progress: Progress,
  calls: ReadonlyArray<Prompt.ToolCallPart>,
  reasonOf: (call: Prompt.ToolCallPart) => string | undefined = () => undefined
): Progress => ({
  ...progress,
  messages: [
    ...progress.messages,
    {
      role: "tool",
      content: calls.map((call) => ({
        _tag: "ToolResult",
        id: call.id,
        content: reasonOf(call) ?? "The call was not run.",
        isError: true
      }))
    }
  ]
})

/** The same with what a failed call says it used; where it says nothing, it may have cost something all the same. */
export const failedWith = (progress: Progress, error: LlmError, price: Prices.Price | undefined): Progress => {
  const usage = "usage" in error ? error.usage : undefined
  if (usage === undefined) return progress
  return {
    ...progress,
    usage: Usage.add(progress.usage, usage),
    cost: Prices.add(progress.cost, price === undefined ? undefined : Prices.cost(usage, price))
  }
}
