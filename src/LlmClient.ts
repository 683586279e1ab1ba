/**
 * The service that every provider implements, every policy wraps and every program calls.
 */
import * as Channel from "effect/Channel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ChatRequest from "./ChatRequest.js"
import type { Completion } from "./Completion.js"
import * as Embeddings from "./Embeddings.js"
import type { LlmError } from "./LlmError.js"
import * as StreamPart from "./StreamPart.js"

/**
 * A client of one provider. Its laws, which `test/laws.ts` holds every implementation to:
 * a stream folds to what `complete` returns; it ends in `Finish` or in an error; interruption closes the socket; no part
 * comes twice; every failure is an `LlmError`; nothing secret is in a value, a log line, a span or an error.
 */
export interface Service {
  /** Such as `openai`: in errors, spans, metrics and cache keys. */
  readonly provider: string
  /** The model of requests that name none. */
  readonly model: string
  readonly complete: (request: ChatRequest.ChatRequest) => Effect.Effect<Completion, LlmError>
  readonly stream: (request: ChatRequest.ChatRequest) => Stream.Stream<StreamPart.StreamPart, LlmError>
  readonly embed: (request: Embeddings.EmbedRequest) => Effect.Effect<Embeddings.Embeddings, LlmError>
}

export class LlmClient extends Context.Tag("effect-llm/LlmClient")<LlmClient, Service>() {}

/** The whole answer. Takes a string (one user message), messages, or a request with settings. */
export const complete = (input: ChatRequest.Input): Effect.Effect<Completion, LlmError, LlmClient> =>
  Effect.flatMap(LlmClient, (client) => client.complete(ChatRequest.make(input)))

/** The answer as it comes, in parts. Interrupting it closes the connection. */
export const stream = (input: ChatRequest.Input): Stream.Stream<StreamPart.StreamPart, LlmError, LlmClient> =>
  // Not `Stream.unwrap`, which costs a good part of a streamed call.
  Stream.fromChannel(
    Channel.flatMap(Channel.fromEffect(LlmClient), (client) => Stream.toChannel(client.stream(ChatRequest.make(input))))
  )

/** Only the text of the answer, as it comes. */
export const streamText = (input: ChatRequest.Input): Stream.Stream<string, LlmError, LlmClient> =>
  StreamPart.text(stream(input))

/** A vector per text, in the order of the texts. */
export const embed = (input: Embeddings.Input): Effect.Effect<Embeddings.Embeddings, LlmError, LlmClient> =>
  Effect.flatMap(LlmClient, (client) => client.embed(Embeddings.makeRequest(input)))
