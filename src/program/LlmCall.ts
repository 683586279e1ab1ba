/**
 * A call as a function: what changes from call to call are its variables, which the compiler knows from the template, and
 * its answer is text, or a value that a Schema decodes.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as ChatRequest from "../ChatRequest.js"
import type { Completion } from "../Completion.js"
import { LlmClient } from "../LlmClient.js"
import { InvalidOutput, InvalidRequest, type LlmError, notSent } from "../LlmError.js"
import * as Prompt from "../Prompt.js"
import * as StreamPart from "../StreamPart.js"
import type { AnyTemplate, Checked, OutputCall, Source, TextCall, Variables } from "./LlmCallTypes.js"
import * as OutputFormat from "./OutputFormat.js"
import * as StructuredOutput from "./StructuredOutput.js"
import * as Template from "./Template.js"

export { chain } from "./LlmCallChain.js"
export { forEach, type ForEachOptions, type Progress } from "./LlmCallForEach.js"
export type { OutputCall, TextCall }

/**
 * - `model`: default: the client's
 * - `settings`: of every request, such as `temperature`
 */
export interface Options {
  readonly model?: string | undefined
  readonly settings?: Omit<ChatRequest.Settings, "model"> | undefined
}

/**
 * - `output`: the Schema of the answer
 * - `mode`, `retries`: those of `StructuredOutput`
 */
export interface OutputOptions<A, I, R> extends Options, StructuredOutput.Options {
  readonly output: Schema.Schema<A, I, R>
}

interface Templates<System extends Source, User extends Source> {
  readonly system?: Checked<System> | undefined
  readonly user: Checked<User>
}

// -----------------------------------------------------------------------------
// Requests
// -----------------------------------------------------------------------------

type Given = ReadonlyArray<unknown>

/** One template each; both get all variables, and take their own. */
interface Asking {
  readonly names: ReadonlyArray<string>
  readonly request: (...given: Given) => ChatRequest.ChatRequest
}

const compiled = (source: Source): AnyTemplate => (typeof source === "string" ? Template.unsafeMake(source) : source)

const asking = (options: Options & { readonly system?: Source | undefined; readonly user: Source }): Asking => {
  const system = options.system === undefined ? undefined : compiled(options.system)
  const user = compiled(options.user)
  const settings = options.model === undefined ? options.settings : { ...options.settings, model: options.model }
  return {
    names: [...new Set([...(system?.names ?? []), ...user.names])],
    request: (...[variables]) => {
      const asked = Prompt.user(user.render(variables))
      const prompt = system === undefined ? [asked] : [Prompt.system(system.render(variables)), asked]
      return { ...settings, prompt }
    }
  }
}

/** What the compiler keeps from happening: a variable that is missing, or no text. */
const prepared = (
  client: LlmClient["Type"],
  ask: Asking,
  given: Given
): Either.Either<ChatRequest.ChatRequest, LlmError> =>
  Either.try({
    try: () => ask.request(...given),
    catch: (error) =>
      new InvalidRequest({
        provider: client.provider,
        model: client.model,
        ...notSent,
        param: "variables",
        message: error instanceof Error ? error.message : String(error)
      })
  })

const withRequest = <A, R>(
  ask: Asking,
  given: Given,
  use: (client: LlmClient["Type"], request: ChatRequest.ChatRequest) => Effect.Effect<A, LlmError, R>
): Effect.Effect<A, LlmError, LlmClient | R> =>
  Effect.flatMap(LlmClient, (client) => Effect.flatMap(prepared(client, ask, given), (request) => use(client, request)))

const withStream = <A, R>(
  ask: Asking,
  given: Given,
  use: (client: LlmClient["Type"], request: ChatRequest.ChatRequest) => Stream.Stream<A, LlmError, R>
): Stream.Stream<A, LlmError, LlmClient | R> =>
  Stream.unwrap(withRequest(ask, given, (client, request) => Effect.succeed(use(client, request))))

// -----------------------------------------------------------------------------
// Calls
// -----------------------------------------------------------------------------

type Ending = Pick<Completion, "model" | "requestId" | "finishReason" | "usage" | "attempts">

const noText = (
  client: LlmClient["Type"],
  { attempts, finishReason, model, requestId, usage }: Ending
): InvalidOutput =>
  new InvalidOutput({
    provider: client.provider,
    model,
    requestId,
    message: `the answer has no text (finish reason: ${finishReason.unified})`,
    text: "",
    usage,
    attempts
  })

const textOf = (client: LlmClient["Type"], completion: Completion): Effect.Effect<string, LlmError> =>
  completion.text === "" ? Effect.fail(noText(client, completion)) : Effect.succeed(completion.text)

/** Text as it comes; an answer without any fails at its end, as it does where it comes whole. */
const streamedText = (client: LlmClient["Type"], request: ChatRequest.ChatRequest): Stream.Stream<string, LlmError> =>
  Stream.suspend(() => {
    let hasText = false
    let ending: Ending | undefined
    const parts = Stream.mapChunks(client.stream(request), (chunk) => {
      for (const part of chunk) {
        if (part._tag === "Finish") ending = part
        else if (part._tag === "TextDelta" && part.text !== "") hasText = true
      }
      return chunk
    })
    const end = Stream.suspend(() =>
      hasText || ending === undefined ? Stream.empty : Stream.fail(noText(client, ending))
    )
    return Stream.concat(StreamPart.text(parts), end)
  })

/** A call as it is made; its types know the names of the variables. */
interface Call<A, Detailed, Streamed, R> {
  (...given: Given): Effect.Effect<A, LlmError, LlmClient | R>
  readonly detailed: (...given: Given) => Effect.Effect<Detailed, LlmError, LlmClient | R>
  readonly stream: (...given: Given) => Stream.Stream<Streamed, LlmError, LlmClient | R>
  readonly request: Asking["request"]
  readonly ofText: (text: Template.Value) => Effect.Effect<A, LlmError, LlmClient | R>
}

interface CallWithOutput<A, R> extends Call<A, StructuredOutput.Generated<A>, StructuredOutput.Part<A>, R> {
  readonly withRetries: (retries: number) => CallWithOutput<A, R>
}

const textCall = (ask: Asking): Call<string, Completion, string, never> => {
  const call = (...given: Given): Effect.Effect<string, LlmError, LlmClient> =>
    withRequest(ask, given, (client, request) =>
      Effect.flatMap(client.complete(request), (completion) => textOf(client, completion))
    )
  return Object.assign(call, {
    detailed: (...given: Given) => withRequest(ask, given, (client, request) => client.complete(request)),
    stream: (...given: Given) => withStream(ask, given, streamedText),
    request: ask.request,
    ofText: (text: Template.Value) => call(named(ask, text))
  })
}

const named = ({ names }: Asking, text: Template.Value): unknown =>
  Object.fromEntries(names.map((name) => [name, text]))

const outputCall = <A, I, R>(ask: Asking, options: OutputOptions<A, I, R>): CallWithOutput<A, R> => {
  const { mode, output, retries } = options
  const how: StructuredOutput.Options = { mode, retries }
  const detailed = (...given: Given): Effect.Effect<StructuredOutput.Generated<A>, LlmError, LlmClient | R> =>
    withRequest(ask, given, (_, request) => StructuredOutput.generateDetailed(output, request, how))
  const call = (...given: Given): Effect.Effect<A, LlmError, LlmClient | R> =>
    Effect.map(detailed(...given), ({ value }) => value)
  return Object.assign(call, {
    detailed,
    stream: (...given: Given) => withStream(ask, given, (_, request) => StructuredOutput.stream(output, request, how)),
    request: (...given: Given) => {
      const request = ask.request(...given)
      return Either.match(OutputFormat.fromSchema(output), {
        onLeft: () => request,
        onRight: (format) => OutputFormat.ask(format, request, mode === undefined || mode === "auto" ? "native" : mode)
      })
    },
    withRetries: (retries: number) => outputCall(ask, { ...options, retries }),
    ofText: (text: Template.Value) => call(named(ask, text))
  })
}

/**
 * A call of one or two templates, whose variables are checked by the compiler:
 *
 * ```ts
 * const classify = LlmCall.make({
 *   system: "You label support tickets.",
 *   user: "Ticket: {{ticket}}",
 *   output: Schema.Struct({ label: Schema.Literal("bug", "billing", "other"), urgent: Schema.Boolean })
 * })
 * const program = classify({ ticket: "I was charged twice" }) // Effect<{ label, urgent }, LlmError, LlmClient>
 * ```
 *
 * Without `output` the answer is text. A `system` or `user` may also be a `Template` that was made or loaded before.
 * Throws a `TemplateError` where a text is no template, which does not compile.
 */
export function make<const User extends Source, A, I, R = never, const System extends Source = "">(
  options: Templates<System, User> & OutputOptions<A, I, R>
): OutputCall<Variables<System, User>, A, R>
export function make<const User extends Source, const System extends Source = "">(
  options: Templates<System, User> & Options & { readonly output?: never }
): TextCall<Variables<System, User>>
export function make<A, I, R>(
  options: { readonly system?: Source | undefined; readonly user: Source } & Options &
    StructuredOutput.Options & { readonly output?: Schema.Schema<A, I, R> }
): unknown {
  const ask = asking(options)
  const { output } = options
  return output === undefined ? textCall(ask) : outputCall(ask, { ...options, output })
}
