/**
 * The types of calls: the variables of their templates together, and what a call is to the editor.
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as ChatRequest from "../ChatRequest.js"
import type { Completion } from "../Completion.js"
import type { LlmClient } from "../LlmClient.js"
import type { LlmError } from "../LlmError.js"
import type * as StructuredOutput from "./StructuredOutput.js"
import type * as Template from "./Template.js"

/** A template of any variables. `render` is a method, so that a template of some is one. */
export interface AnyTemplate {
  readonly names: ReadonlyArray<string>
  render(variables?: unknown): string
}

/** A literal with variables such as `{{name}}`, or a template that was made or loaded before. */
export type Source = string | AnyTemplate

/** The source itself if it is a template; else words that say why it is none. */
export type Checked<S extends Source> = S extends string ? Template.Checked<S> : S

type VariablesIn<S extends Source> = S extends string
  ? { readonly [Name in Template.Names<S>]: Template.Value }
  : S extends Template.Template<infer Variables>
    ? Variables
    : {}

/** The variables of both templates together. */
export type Variables<System extends Source, User extends Source> = VariablesIn<System> &
  VariablesIn<User> extends infer All
  ? { readonly [Name in keyof All]: All[Name] }
  : never

type IsOne<Names, All = Names> = [Names] extends [never]
  ? false
  : Names extends unknown
    ? [All] extends [Names]
      ? true
      : false
    : never

/**
 * The call of a template with one variable, given the value of that one: how `chain` hands on a text. That of a template
 * from a file may be no text, but a list for example.
 */
export type OfText<Variables, A, R> =
  IsOne<keyof Variables> extends true
    ? string extends Variables[keyof Variables]
      ? (text: Template.Value) => Effect.Effect<A, LlmError, LlmClient | R>
      : undefined
    : undefined

/**
 * A call whose answer is text. Fails with an `InvalidOutput` where there is none, because the model called tools for
 * example.
 */
export interface TextCall<Variables> {
  (...variables: Template.Arguments<Variables>): Effect.Effect<string, LlmError, LlmClient>
  /** The whole answer. */
  readonly detailed: (...variables: Template.Arguments<Variables>) => Effect.Effect<Completion, LlmError, LlmClient>
  /** The text as it comes. */
  readonly stream: (...variables: Template.Arguments<Variables>) => Stream.Stream<string, LlmError, LlmClient>
  /** What is sent. */
  readonly request: (...variables: Template.Arguments<Variables>) => ChatRequest.ChatRequest
  readonly ofText: OfText<Variables, string, never>
}

/** A call whose answer is a value that a Schema decodes. */
export interface OutputCall<Variables, A, R = never> {
  (...variables: Template.Arguments<Variables>): Effect.Effect<A, LlmError, LlmClient | R>
  /** The value, with the answer that held it and the usage of all answers. */
  readonly detailed: (
    ...variables: Template.Arguments<Variables>
  ) => Effect.Effect<StructuredOutput.Generated<A>, LlmError, LlmClient | R>
  /** What there is of the value as it comes, and the decoded value at the end. */
  readonly stream: (
    ...variables: Template.Arguments<Variables>
  ) => Stream.Stream<StructuredOutput.Part<A>, LlmError, LlmClient | R>
  /** What is sent first: to a provider that refuses it, the value is asked for in another mode. */
  readonly request: (...variables: Template.Arguments<Variables>) => ChatRequest.ChatRequest
  /** The same call, which asks again at most so often with what is wrong with the answer. Each counts as a call. */
  readonly withRetries: (retries: number) => OutputCall<Variables, A, R>
  readonly ofText: OfText<Variables, A, R>
}
