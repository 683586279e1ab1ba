/**
 * Going on with an answer that broke off: the text so far goes back as the beginning of the assistant's message, to the
 * providers that take one, and the rest is joined to it without a letter or a space repeated or lost.
 */
import * as Option from "effect/Option"
import type { ChatRequest } from "../ChatRequest.js"
import type { Service } from "../LlmClient.js"
import * as Prompt from "../Prompt.js"

/**
 * - `models`: those that take a beginning. Default: all
 * - `echoes`: whether the answer repeats it. Default: false
 * - `options`: what else has to be sent
 */
interface Row {
  readonly models?: RegExp
  readonly echoes?: boolean
  readonly options?: Readonly<Record<string, unknown>>
}

/** The providers that go on with an assistant's message at the end of a prompt, by the names of their clients. */
const table: Readonly<Record<string, Row>> = {
  // Since 4.6 a beginning is refused.
  anthropic: { models: /^claude-(?:[23]\b|instant|(?:opus|sonnet|haiku)-4(?:-[0-5])?(?:[-@]\d{8})?$)/ },
  // At its beta address alone: baseUrl "https://api.deepseek.com/beta".
  deepseek: {},
  mistral: { echoes: true },
  moonshot: {},
  vllm: { options: { add_generation_prompt: false, continue_final_message: true } }
}

const rowOf = (provider: string): Row | undefined => (Object.hasOwn(table, provider) ? table[provider] : undefined)

/** Why an answer is not gone on with, or `undefined`. */
const obstacle = (client: Service, request: ChatRequest, text: string): string | undefined => {
  const row = rowOf(client.provider)
  const model = request.model ?? client.model
  if (row === undefined) return `${client.provider} takes no beginning of an answer`
  if (row.models?.test(model) === false) return `${model} takes no beginning of an answer`
  if (request.prompt.at(-1)?.role === "assistant") return "the prompt has a beginning of its own"
  // What binds the answer to a form would bind the rest of it alone.
  if (request.responseFormat !== undefined && request.responseFormat._tag !== "Text") return "its form is given"
  if (text.trimEnd() === "") return "there is no text to go on with"
  if (/[\uD800-\uDBFF]$/.test(text)) return "it broke off in the midst of a character"
  return undefined
}

const madeFor = Symbol.for("effect-llm/policy/Prefill/madeFor")

/**
 * Whether a request may go to this client: the rest of an answer only where it is gone on with in the same way. Another
 * would begin anew, and its answer would be joined to what was given out.
 */
export const fits = (client: Service, request: ChatRequest): boolean => {
  const provider: unknown = Reflect.get(request, madeFor)
  if (provider === undefined) return true
  return provider === client.provider && rowOf(client.provider)?.models?.test(request.model ?? client.model) !== false
}

/** A request for the rest of an answer, and how the rest is joined. */
export interface Continuation {
  readonly request: ChatRequest
  readonly joint: Joint
}

/** How to go on behind this text, or why not. `outputTokens`: how many it took. */
export const after = (
  client: Service,
  request: ChatRequest,
  text: string,
  outputTokens: number
): Continuation | string => {
  const reason = obstacle(client, request, text)
  if (reason !== undefined) return reason
  const { echoes = false, options } = rowOf(client.provider) ?? {}
  // A beginning that ends in white space is refused by some, and others would repeat the space.
  const beginning = text.trimEnd()
  const continued: ChatRequest = {
    ...request,
    prompt: [...request.prompt, Prompt.assistant(beginning)],
    // It is another request than that of the key.
    idempotencyKey: undefined,
    maxTokens: request.maxTokens === undefined ? undefined : Math.max(1, request.maxTokens - outputTokens),
    providerOptions: options === undefined ? request.providerOptions : { ...request.providerOptions, ...options }
  }
  return {
    request: Object.assign(continued, { [madeFor]: client.provider }),
    joint: new Joint(echoes ? beginning : "", text.slice(beginning.length))
  }
}

/** Takes from the rest of an answer what was there before: the beginning, where it is repeated, and the space behind it. */
export class Joint {
  private held = ""

  constructor(
    private echo: string,
    private space: string
  ) {}

  /** What of this piece of text is new. */
  push(text: string): string {
    return Option.match(this.withoutEcho(text), { onNone: () => "", onSome: (rest) => this.withoutSpace(rest) })
  }

  /** What was held back, when no more text comes. */
  end(): string {
    const { held } = this
    this.held = ""
    this.echo = ""
    return held === "" ? "" : this.withoutSpace(held)
  }

  /** Nothing while what came may still become the echo. What turns out to be none is the rest itself. */
  private withoutEcho(text: string): Option.Option<string> {
    if (this.echo === "") return Option.some(text)
    const all = this.held + text
    this.held = ""
    if (all.length < this.echo.length && this.echo.startsWith(all)) {
      this.held = all
      return Option.none()
    }
    const rest = all.startsWith(this.echo) ? all.slice(this.echo.length) : all
    this.echo = ""
    return Option.some(rest)
  }

  private withoutSpace(text: string): string {
    let known = 0
    while (known < text.length && known < this.space.length && text[known] === this.space[known]) known++
    // A piece that is all known may be followed by more of it; anything else ends the joint.
    this.space = known === text.length ? this.space.slice(known) : ""
    return text.slice(known)
  }
}
