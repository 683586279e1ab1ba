/**
 * wire × endpoint × authentication → `LlmClient`: the one place where calls over HTTP are made.
 *
 * Every call is one attempt: no retry, no wait, no limit. Those are policies.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as BodyReader from "../BodyReader.js"
import { makesNoSpan } from "../BodyReader.js"
import * as ChatRequest from "../ChatRequest.js"
import * as Completion from "../Completion.js"
import * as Embeddings from "../Embeddings.js"
import type { Service } from "../LlmClient.js"
import { InvalidRequest, isLlmError, type LlmError, MalformedResponse, redact, UnsupportedFeature } from "../LlmError.js"
import type { StreamPart } from "../StreamPart.js"
import * as Usage from "../Usage.js"
import * as ErrorClassification from "../wire/ErrorClassification.js"
import * as Json from "../wire/Json.js"
import { StreamAssembly } from "../wire/StreamAssembly.js"
import type { Encoded, Origin, Received, Vectors, Wire } from "../wire/Wire.js"
import * as AttemptSpan from "./AttemptSpan.js"
import * as Connection from "./Connection.js"
import { notAnAnswer } from "./NotAnAnswer.js"
import * as RequestBody from "./RequestBody.js"
import { StreamReading } from "./StreamReading.js"

export interface Options {
  readonly provider: string
  /** Of chat requests that name none. */
  readonly model: string
  /** Of embedding requests that name none. Default: `model`. */
  readonly embeddingModel?: string | undefined
  readonly wire: Wire
  /** The URL of an operation; the model is part of it for some providers. */
  readonly url: (operation: "chat" | "stream" | "embed", model: string) => string
  /** Authentication and what else the provider wants; an Effect is run for every attempt. */
  readonly headers: Readonly<Record<string, string>> | Effect.Effect<Readonly<Record<string, string>>, LlmError>
  /** Texts that no error may show, should a provider echo them. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Settings for every request that does not have its own. */
  readonly defaults?: ChatRequest.Settings | undefined
}

type Operation = "chat" | "stream" | "embed"

type Executed = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError | LlmError>

/** A JSON answer with what came beside it. */
interface Reply {
  readonly received: Received
  readonly json: unknown
  readonly latency: Duration.Duration
}

/** A request as it goes out. */
interface Outgoing extends Pick<Encoded, "warnings"> {
  readonly origin: Origin
  readonly body: string
}

/** Shorter keys are placeholders of local servers ("none", "ollama"), and parts of ordinary words. */
const shortestSecret = 8

/** The most of an error's body that is read. */
const maxErrorBytes = 64 * 1024

export const make = (options: Options): Effect.Effect<Service, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, (platformClient): Service => {
    // The client's own span per request would repeat ours, at 35 µs a call.
    const http = makesNoSpan in platformClient ? platformClient : HttpClient.withTracerDisabledWhen(platformClient, () => true)
    const { provider, wire } = options
    const secrets = options.secrets.map(Redacted.value).filter((secret) => secret.length >= shortestSecret)
    const defaultOrigin: Origin = { provider, model: options.model }
    const originOf = (model: string | undefined): Origin => model === undefined ? defaultOrigin : { provider, model }
    const clean = (error: LlmError): LlmError => redact(error, secrets)
    const fail = (error: LlmError): Effect.Effect<never, LlmError> => Effect.fail(clean(error))

    // --- one request -----------------------------------------------------------

    const bare = HttpClientRequest.post("", { acceptJson: true })
    const withHeaders = (headers: Readonly<Record<string, string>>): HttpClientRequest.HttpClientRequest =>
      HttpClientRequest.setHeaders(bare, headers)
    const base = Effect.isEffect(options.headers)
      ? Effect.map(options.headers, withHeaders)
      : withHeaders(options.headers)

    const execute = (operation: Operation, origin: Origin, body: string): Executed => {
      const to = (request: HttpClientRequest.HttpClientRequest): Executed =>
        http.execute(
          HttpClientRequest.setBody(
            HttpClientRequest.setUrl(request, options.url(operation, origin.model)),
            HttpBody.text(body, "application/json")
          )
        )
      return Effect.isEffect(base) ? Effect.flatMap(base, to) : to(base)
    }

    /** Sends, and goes on with an answer of status 2xx; all others are errors. */
    const send = <A>(
      operation: Operation,
      origin: Origin,
      body: string,
      onAnswer: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, LlmError>
    ): Effect.Effect<A, LlmError> =>
      Effect.matchEffect(execute(operation, origin, body), {
        onFailure: (error) => fail(isLlmError(error) ? error : Connection.notAnswered(origin, error)),
        onSuccess: (response) =>
          response.status >= 200 && response.status < 300 ? onAnswer(response) : failed(origin, response)
      })

    const failed = (origin: Origin, response: HttpClientResponse.HttpClientResponse): Effect.Effect<never, LlmError> =>
      Effect.flatMap(Effect.zip(readExcerpt(response), Clock.currentTimeMillis), ([body, now]) =>
        fail(ErrorClassification.classify(origin, { status: response.status, headers: response.headers, body, now })))

    /** Sends, reads a whole JSON answer and decodes it. */
    const call = <A>(
      operation: "chat" | "embed",
      origin: Origin,
      body: string,
      decode: (reply: Reply) => Either.Either<A, LlmError>
    ): Effect.Effect<A, LlmError> =>
      Effect.clockWith((clock) => {
        const started = clock.unsafeCurrentTimeMillis()
        return send(operation, origin, body, (response) =>
          Effect.matchEffect(response.text, {
            onFailure: (error) => fail(Connection.broken(origin, error)),
            onSuccess: (text) => {
              const now = clock.unsafeCurrentTimeMillis()
              const received = receivedWith(origin, response, now)
              const json = Json.parse(text)
              if (json === undefined) return fail(notAnAnswer(received, response.status, text))
              const decoded = decode({ received, json, latency: Duration.millis(Math.max(0, now - started)) })
              return Either.isRight(decoded) ? Effect.succeed(decoded.right) : fail(decoded.left)
            }
          }))
      })

    // --- operations ------------------------------------------------------------

    /** What is wrong with a request before it is sent; otherwise what to send, and whom it goes to. */
    const encode = (input: ChatRequest.ChatRequest, streamed: boolean): Either.Either<Outgoing, LlmError> => {
      const chat = ChatRequest.withDefaults(input, options.defaults)
      const origin = originOf(chat.model)
      const problem = ChatRequest.validate(chat)
      if (Option.isSome(problem)) return Either.left(new InvalidRequest({ ...origin, ...problem.value, attempts: 0 }))
      return Either.flatMap(wire.encodeChat(chat, origin, streamed), ({ body, warnings }) =>
        Either.map(RequestBody.print(body, chat, origin), (text) => ({ origin, body: text, warnings })))
    }

    const complete = (input: ChatRequest.ChatRequest): Effect.Effect<Completion.Completion, LlmError> =>
      Effect.suspend(() => {
        const outgoing = encode(input, false)
        if (Either.isLeft(outgoing)) return Effect.fail(outgoing.left)
        const { body, origin, warnings } = outgoing.right
        return AttemptSpan.traced("chat", origin, call("chat", origin, body, ({ json, latency, received }) =>
          Either.map(wire.decodeChat(json, received), (answer) =>
            Completion.make({
              parts: answer.parts,
              finishReason: answer.finishReason,
              usage: answer.usage,
              model: answer.model,
              id: answer.id,
              requestId: received.requestId,
              warnings,
              cached: false,
              attempts: 1,
              latency,
              raw: json
            }))))
      })

    const stream = (input: ChatRequest.ChatRequest): Stream.Stream<StreamPart, LlmError> =>
      Stream.fromChannel(Channel.suspend(() => {
        const outgoing = encode(input, true)
        if (Either.isLeft(outgoing)) return Channel.fail(outgoing.left)
        // Set in the step that opens it, and closed by a finalizer that was there before: no interruption falls between.
        let reading: StreamReading | undefined
        const opened = Effect.map(open(outgoing.right), (it) => reading = it)
        return Channel.ensuringWith(
          Channel.flatMap(Channel.fromEffect(opened), partsOf),
          (exit) => reading === undefined ? Effect.void : reading.close(exit)
        )
      }))

    /** Opens a stream; whoever opens it closes it. */
    const open = ({ body, origin, warnings }: Outgoing): Effect.Effect<StreamReading, LlmError> =>
      Effect.flatMap(AttemptSpan.startStream("chat", origin), (span) =>
        Effect.clockWith((clock) => {
          const started = clock.unsafeCurrentTimeMillis()
          return send("stream", origin, body, (response) => {
            const received = receivedWith(origin, response, clock.unsafeCurrentTimeMillis())
            const { model } = origin
            const assembly = new StreamAssembly({ provider, model, requestId: received.requestId, warnings })
            return Effect.map(BodyReader.fromResponse(response), (reader) =>
              new StreamReading({ body: reader, wire, assembly, received, status: response.status, clock, started, span, clean }))
          })
        }).pipe(Effect.onExit((exit) => {
          if (Exit.isSuccess(exit)) return Effect.void
          if (Cause.isFailType(exit.cause)) span.failed(exit.cause.error)
          return span.end(exit)
        })))

    const embed = (input: Embeddings.EmbedRequest): Effect.Effect<Embeddings.Embeddings, LlmError> =>
      Effect.suspend(() => {
        const origin = originOf(input.model ?? options.embeddingModel)
        const problem = Embeddings.validateRequest(input)
        if (Option.isSome(problem)) return Effect.fail(new InvalidRequest({ ...origin, ...problem.value, attempts: 0 }))
        const embeddings = wire.embeddings
        if (embeddings === undefined) {
          return Effect.fail(
            new UnsupportedFeature({ ...origin, attempts: 0, feature: "embeddings", message: `${provider} offers no embeddings here` })
          )
        }
        const batches = Array.from(
          { length: Math.ceil(input.input.length / embeddings.maxInputs) },
          (_, index) => input.input.slice(index * embeddings.maxInputs, (index + 1) * embeddings.maxInputs)
        )
        return Effect.map(
          Effect.forEach(batches, (batch) => {
            const text = RequestBody.print(embeddings.encode({ ...input, input: batch }, origin).body, input, origin)
            if (Either.isLeft(text)) return Effect.fail(text.left)
            return AttemptSpan.traced("embeddings", origin, call("embed", origin, text.right, (reply) =>
              Either.map(
                Either.filterOrLeft(
                  embeddings.decode(reply.json, reply.received),
                  (decoded) => decoded.vectors.length === batch.length,
                  (decoded) => vectorsMissing(reply.received, batch.length, decoded.vectors.length)
                ),
                (decoded) => ({ ...reply, ...decoded })
              )))
          }),
          joinBatches
        )
      })

    return { provider, model: options.model, complete, stream, embed }
  })

// -----------------------------------------------------------------------------
// Reading answers
// -----------------------------------------------------------------------------

const receivedWith = (origin: Origin, response: HttpClientResponse.HttpClientResponse, now: number): Received => ({
  origin,
  headers: response.headers,
  requestId: ErrorClassification.requestId(response.headers),
  now
})

/** The Chunks of a reading, one per network read. */
const partsOf = (reading: StreamReading): Channel.Channel<Chunk.Chunk<StreamPart>, unknown, LlmError> => {
  const next: Channel.Channel<Chunk.Chunk<StreamPart>, unknown, LlmError> = Channel.flatMap(
    Channel.fromEffect(reading.next),
    (parts) => parts === undefined ? Channel.void : Channel.flatMap(Channel.write(parts), () => next)
  )
  return next
}

/** The beginning of an error's body. What breaks while it is read does not hide the error itself. */
const readExcerpt = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string> =>
  response.stream.pipe(
    Stream.mapAccum(0, (size, bytes) => [size + bytes.length, { bytes, before: size }]),
    Stream.takeWhile(({ before }) => before < maxErrorBytes),
    Stream.map(({ bytes }) => bytes),
    Stream.decodeText(),
    Stream.catchAll(() => Stream.empty),
    Stream.mkString
  )

const vectorsMissing = (received: Received, asked: number, got: number): LlmError =>
  new MalformedResponse({
    ...received.origin,
    requestId: received.requestId,
    message: `${asked} texts were sent, and ${got} vectors came back`
  })

const joinBatches = (batches: ReadonlyArray<Reply & Vectors>): Embeddings.Embeddings => ({
  vectors: batches.flatMap((batch) => batch.vectors),
  model: batches[0]?.model ?? "",
  usage: batches.map((batch) => batch.usage).reduce(Usage.add, Usage.unknown),
  requestId: batches[0]?.received.requestId,
  cached: false,
  attempts: batches.length,
  latency: batches.map((batch) => batch.latency).reduce(Duration.sum, Duration.zero)
})
