/**
 * Answers with a shape: a Schema says what is asked for, and reads what comes back. What the Schema does not take never
 * gets through: it is asked for again, or it is an `InvalidOutput`.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChatRequest from "../ChatRequest.js"
import { LlmClient, type Service } from "../LlmClient.js"
import { InvalidRequest, type LlmError, notSent } from "../LlmError.js"
import type { DeepPartial } from "./DeepPartial.js"
import * as OutputAsking from "./OutputAsking.js"
import type { Mode } from "./OutputFormat.js"
import * as OutputFormat from "./OutputFormat.js"
import * as OutputStream from "./OutputStream.js"

export type { DeepPartial, Mode }

/** A value, and what it took to get it. */
export interface Generated<A> extends OutputAsking.Generated<A> {}

/** What there is of the value so far; `reask` tells the answers apart when the model was asked again. */
export interface Partial<A> extends OutputStream.Partial<A> {}

/** The value, whole and decoded: always last, exactly once. */
export interface Final<A> extends OutputStream.Final<A> {}

export type Part<A> = Partial<A> | Final<A>

/**
 * - `mode`: how the model is asked. `auto` takes the first of `native`, `tool` and `instructions` that the provider does
 *   not refuse; that costs no request, as an `UnsupportedFeature` is found before anything is sent. Default: `auto`
 * - `retries`: how often the model is asked again, with its answer and what is wrong with it. Default: 0
 */
export interface Options {
  readonly mode?: Mode | "auto" | undefined
  readonly retries?: number | undefined
}

const ask = <A, I, R>(
  schema: Schema.Schema<A, I, R>,
  input: ChatRequest.Input,
  { mode = "auto", retries = 0 }: Options,
  client: Service
): Either.Either<readonly [OutputAsking.Question<A, I, R>, OutputAsking.Turn], InvalidRequest> =>
  Either.mapBoth(OutputFormat.fromSchema(schema), {
    onLeft: (message) => {
      const { model, provider } = client
      return new InvalidRequest({ provider, model, ...notSent, param: "schema", message })
    },
    onRight: (format) => [{ schema, format, client, retries }, OutputAsking.firstTurn(ChatRequest.make(input), mode)]
  })

/** The value, with the answer that held it and the usage of all answers. */
export const generateDetailed = <A, I, R>(
  schema: Schema.Schema<A, I, R>,
  input: ChatRequest.Input,
  options: Options = {}
): Effect.Effect<Generated<A>, LlmError, LlmClient | R> =>
  Effect.flatMap(LlmClient, (client) =>
    Effect.flatMap(ask(schema, input, options, client), ([question, turn]) => OutputAsking.generate(question, turn))
  )

/**
 * A value that the Schema decodes:
 *
 * ```ts
 * const Ticket = Schema.Struct({ label: Schema.Literal("bug", "billing"), urgent: Schema.Boolean })
 * const ticket = StructuredOutput.generate(Ticket, "Label this ticket: I was charged twice!")
 * ```
 *
 * The model sees the JSON Schema of the encoded side, with its descriptions. An answer that does not decode is an
 * `InvalidOutput`, with the text, the issues and the usage. A Schema that has no JSON Schema is an `InvalidRequest`, one
 * that no mode can ask for an `UnsupportedFeature`.
 */
export const generate = <A, I, R>(
  schema: Schema.Schema<A, I, R>,
  input: ChatRequest.Input,
  options: Options = {}
): Effect.Effect<A, LlmError, LlmClient | R> =>
  Effect.map(generateDetailed(schema, input, options), ({ value }) => value)

/**
 * The value as it comes: a `Partial` whenever there is more of it, and one `Final` at the end. A stream that is cut fails
 * with `StreamInterrupted`, and never ends in a value.
 */
export const stream = <A, I, R>(
  schema: Schema.Schema<A, I, R>,
  input: ChatRequest.Input,
  options: Options = {}
): Stream.Stream<Part<A>, LlmError, LlmClient | R> =>
  Stream.unwrap(
    Effect.flatMap(LlmClient, (client) =>
      Effect.map(ask(schema, input, options, client), ([question, turn]) => OutputStream.stream(question, turn))
    )
  )
