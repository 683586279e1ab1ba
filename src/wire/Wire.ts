/**
 * What a wire protocol is: pure functions between the domain and one provider family's JSON. No services, no I/O, no
 * provider names. `provider/HttpProvider.ts` does the calling.
 */
import type * as Either from "effect/Either"
import type * as ChatRequest from "../ChatRequest.js"
import type * as Completion from "../Completion.js"
import type { EmbedRequest } from "../Embeddings.js"
import type { LlmError } from "../LlmError.js"
import type * as Sse from "../Sse.js"
import type { Usage } from "../Usage.js"
import type { StreamAssembly } from "./StreamAssembly.js"

/** Whom a request goes to; every error says so. */
export interface Origin {
  readonly provider: string
  readonly model: string
}

/** What came with an answer, for the errors that may be in it. */
export interface Received {
  readonly origin: Origin
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly requestId: string | undefined
  /** Epoch milliseconds. */
  readonly now: number
}

/** A request body, and what of the request is not in it. */
export interface Encoded {
  readonly body: Readonly<Record<string, unknown>>
  readonly warnings: ReadonlyArray<Completion.Warning>
}

/** A whole answer as a wire reads it. */
export type Answer = Pick<Completion.Fields, "parts" | "finishReason" | "usage" | "model" | "id">

/** A batch of vectors as a wire reads it. */
export interface Vectors {
  readonly vectors: ReadonlyArray<ReadonlyArray<number>>
  readonly model: string
  readonly usage: Usage
}

export interface Wire {
  readonly name: string
  /** Left: a request that this wire cannot express; found before anything is sent. */
  readonly encodeChat: (
    request: ChatRequest.ChatRequest,
    origin: Origin,
    streamed: boolean
  ) => Either.Either<Encoded, LlmError>
  /** Reads the JSON of a 2xx answer. Left: it holds an error, or is no answer. */
  readonly decodeChat: (json: unknown, received: Received) => Either.Either<Answer, LlmError>
  /** Reads one event of a stream into the state of its answer. */
  readonly readEvent: (event: Sse.Event, assembly: StreamAssembly, received: Received) => void
  /** `undefined` where the protocol has no embeddings. */
  readonly embeddings: Embeddings | undefined
}

/** A protocol that knows no streams: its answers come whole. */
export type WholeWire = Omit<Wire, "readEvent">

export interface Embeddings {
  /** The most texts of one request; longer lists are sent in several. */
  readonly maxInputs: number
  readonly encode: (request: EmbedRequest, origin: Origin) => Encoded
  readonly decode: (json: unknown, received: Received) => Either.Either<Vectors, LlmError>
}
