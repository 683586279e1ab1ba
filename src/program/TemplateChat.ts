/**
 * Templates of messages: their roles are what they were made with, whatever their values are.
 */
import type { UnionToIntersection } from "effect/Types"
import { type Prompt, type Role, text } from "../Prompt.js"
import { make, type Template } from "./TemplateLiteral.js"
import type { Arguments, Checked, Names, Value } from "./TemplateNames.js"

/** A message whose text is a template. */
export interface MessageTemplate<Variables> {
  readonly role: Exclude<Role, "tool">
  readonly template: Template<Variables>
}

/** One of any variables. `render` is a method, so that a template of any is one: `chat` gives each the variables of all. */
interface AnyMessageTemplate {
  readonly role: Exclude<Role, "tool">
  readonly template: { readonly names: ReadonlyArray<string>; render(variables?: unknown): string }
}

/** Messages with variables. `render` is pure, and takes the variables of all of them. */
export interface ChatTemplate<Variables> {
  readonly names: ReadonlyArray<string>
  readonly render: (...variables: Arguments<Variables>) => Prompt
}

/** A message of any template, one that was loaded for example. */
export const message = <Variables>(
  role: Exclude<Role, "tool">,
  template: Template<Variables>
): MessageTemplate<Variables> => ({ role, template })

/** A system message of a literal: see `make`. */
export const system = <const Source extends string>(
  source: Checked<Source>
): MessageTemplate<{ readonly [Name in Names<Source>]: Value }> => message("system", make(source))

/** A user's message of a literal: see `make`. */
export const user = <const Source extends string>(
  source: Checked<Source>
): MessageTemplate<{ readonly [Name in Names<Source>]: Value }> => message("user", make(source))

/** What the assistant is to have said, as an example, of a literal: see `make`. */
export const assistant = <const Source extends string>(
  source: Checked<Source>
): MessageTemplate<{ readonly [Name in Names<Source>]: Value }> => message("assistant", make(source))

type VariablesOf<Template> = Template extends MessageTemplate<infer Variables> ? Variables : never

/** The variables of all messages together. */
type AllOf<Templates extends ReadonlyArray<AnyMessageTemplate>> =
  UnionToIntersection<VariablesOf<Templates[number]>> extends infer All
    ? { readonly [Name in keyof All]: All[Name] }
    : never

/**
 * A prompt with variables:
 *
 * ```ts
 * const advice = Template.chat(Template.system("You are {{who}}."), Template.user("{{question}}"))
 * LlmClient.complete(advice.render({ who: "a gardener", question: "When do I plant tulips?" }))
 * ```
 */
export const chat = <const Templates extends ReadonlyArray<AnyMessageTemplate>>(
  ...messages: Templates
): ChatTemplate<AllOf<Templates>> => {
  const render = (...[variables]: Arguments<AllOf<Templates>>): Prompt =>
    messages.map(({ role, template }) => ({ role, content: [text(template.render(variables))] }))
  return { names: [...new Set(messages.flatMap(({ template }) => template.names))], render }
}
