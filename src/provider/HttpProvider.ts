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
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChatRequest from "../ChatRequest.js"
import * as Completion from "../Completion.js"
import * as Embeddings from "../Embeddings.js"
import type { Service } from "../LlmClient.js"
import { excerpt, InvalidRequest, type LlmError, MalformedResponse, redact, UnsupportedFeature } from "../LlmError.js"
import * as Sse from "../Sse.js"
import type { StreamPart } from "../StreamPart.js"
import * as Usage from "../Usage.js"
import * as ErrorClassification from "../wire/ErrorClassification.js"
import * as Json from "../wire/Json.js"
import { StreamAssembly } from "../wire/StreamAssembly.js"
import type { Encoded, Origin, Received, Vectors, Wire } from "../wire/Wire.js"
import * as AttemptSpan from "./AttemptSpan.js"
import * as Connection from "./Connection.js"
import * as RequestBody from "./RequestBody.js"

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

/** The answer with what was read beside it. */
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

/** How long the end of a stream's body is awaited behind its end marker, so that its connection can be used again. */
const drainTime = Duration.millis(100)

/** Shorter keys are placeholders of local servers ("none", "ollama"), and parts of ordinary words. */
const shortestSecret = 8

/** The most of an error's body that is read. */
const maxErrorBytes = 64 * 1024

export const make = (options: Options): Effect.Effect<Service, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, (platformClient): Service => {
    // The client's own span per request would repeat ours, at 35 µs a call.
    const http = HttpClient.withTracerDisabledWhen(platformClient, () => true)
    const { provider, wire } = options
    const secrets = options.secrets.map(Redacted.value).filter((secret) => secret.length >= shortestSecret)
    const defaultOrigin: Origin = { provider, model: options.model }
    const originOf = (model: string | undefined): Origin => model === undefined ? defaultOrigin : { provider, model }
    const clean = (error: LlmError): LlmError => redact(error, secrets)

    // --- one request -----------------------------------------------------------

    const request = HttpClientRequest.post("", { acceptJson: true })
    const withStaticHeaders = Effect.isEffect(options.headers) ? request : HttpClientRequest.setHeaders(request, options.headers)
    const prepared: Effect.Effect<HttpClientRequest.HttpClientRequest, LlmError> = Effect.isEffect(options.headers)
      ? Effect.map(options.headers, (headers) => HttpClientRequest.setHeaders(request, headers))
      : Effect.succeed(withStaticHeaders)

    const send = (
      operation: "chat" | "stream" | "embed",
      origin: Origin,
      body: string
    ): Effect.Effect<HttpClientResponse.HttpClientResponse, LlmError> =>
      Effect.flatMap(prepared, (base) => {
        const outgoing = base.pipe(
          HttpClientRequest.setUrl(options.url(operation, origin.model)),
          HttpClientRequest.setBody(HttpBody.text(body, "application/json"))
        )
        return http.execute(outgoing).pipe(
          Effect.mapError((error) => Connection.notAnswered(origin, error)),
          Effect.flatMap((response) =>
            response.status >= 200 && response.status < 300 ? Effect.succeed(response) : failed(origin, response)
          )
        )
      })

    const received = (origin: Origin, response: HttpClientResponse.HttpClientResponse, now: number): Received => ({
      origin,
      headers: response.headers,
      requestId: ErrorClassification.requestId(response.headers),
      now
    })

    const failed = (origin: Origin, response: HttpClientResponse.HttpClientResponse): Effect.Effect<never, LlmError> =>
      Effect.flatMap(Effect.zip(readExcerpt(response), Clock.currentTimeMillis), ([body, now]) =>
        Effect.fail(ErrorClassification.classify(origin, { status: response.status, headers: response.headers, body, now })))

    /** Sends, and reads a whole JSON answer. */
    const call = (
      operation: "chat" | "embed",
      origin: Origin,
      body: string
    ): Effect.Effect<Reply, LlmError> =>
      Effect.flatMap(Effect.clock, (clock) => {
        const started = clock.unsafeCurrentTimeMillis()
        return Effect.flatMap(send(operation, origin, body), (response) =>
          Effect.flatMap(
            Effect.mapError(response.text, (error) => Connection.broken(origin, error)),
            (text) => {
              const now = clock.unsafeCurrentTimeMillis()
              const from = received(origin, response, now)
              const json = Json.parse(text)
              return json === undefined
                ? Effect.fail(notAnAnswer(from, response.status, text))
                : Effect.succeed({ received: from, json, latency: Duration.millis(Math.max(0, now - started)) })
            }
          ))
      })

    /** In its span, which must not hear a secret either. */
    const attempt = <A extends AttemptSpan.Answer>(
      operation: "chat" | "embeddings",
      origin: Origin,
      effect: Effect.Effect<A, LlmError>
    ): Effect.Effect<A, LlmError> => AttemptSpan.traced(operation, origin, Effect.mapError(effect, clean))

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
      Effect.suspend(() =>
        Either.match(encode(input, false), {
          onLeft: Effect.fail,
          onRight: ({ body, origin, warnings }) =>
            attempt("chat", origin, Effect.flatMap(call("chat", origin, body), ({ json, latency, received }) =>
              Either.match(wire.decodeChat(json, received), {
                onLeft: Effect.fail,
                onRight: (answer) =>
                  Effect.succeed(Completion.make({
                    ...answer,
                    requestId: received.requestId,
                    warnings,
                    cached: false,
                    attempts: 1,
                    latency,
                    raw: json
                  }))
              })))
        })
      )

    const stream = (input: ChatRequest.ChatRequest): Stream.Stream<StreamPart, LlmError> =>
      Stream.suspend(() =>
        Either.match(encode(input, true), {
          onLeft: Stream.fail,
          onRight: (outgoing) => Stream.unwrapScoped(AttemptSpan.tracedScoped("chat", outgoing.origin, (span) =>
            Effect.mapBoth(open(outgoing, span), { onFailure: clean, onSuccess: Stream.repeatEffectChunkOption })))
        })
      )

    /** Opens a stream: the Effect that it gives waits for the next network read and decodes all of it. */
    const open = (
      { body, origin, warnings }: Outgoing,
      span: AttemptSpan.StreamSpan
    ): Effect.Effect<Effect.Effect<Chunk.Chunk<StreamPart>, Option.Option<LlmError>>, LlmError, Scope.Scope> =>
      Effect.flatMap(Effect.clock, (clock) => {
        const started = clock.unsafeCurrentTimeMillis()
        return Effect.flatMap(send("stream", origin, body), (response) => {
          const from = received(origin, response, clock.unsafeCurrentTimeMillis())
          const assembly = new StreamAssembly({ ...origin, requestId: from.requestId, warnings })
          const elapsed = (): Duration.Duration => Duration.millis(Math.max(0, clock.unsafeCurrentTimeMillis() - started))
          return Effect.map(Stream.toPull(response.stream), (pull) =>
            nextParts({ pull, wire, assembly, received: from, status: response.status, elapsed, span, clean }))
        })
      })

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
            const { body } = embeddings.encode({ ...input, input: batch }, origin)
            return Effect.flatMap(RequestBody.print(body, input, origin), (text) =>
              attempt("embeddings", origin, Effect.flatMap(call("embed", origin, text), (reply) =>
              Either.match(Either.filterOrLeft(
                embeddings.decode(reply.json, reply.received),
                (decoded) => decoded.vectors.length === batch.length,
                (decoded) => vectorsMissing(reply.received, batch.length, decoded.vectors.length)
              ), { onLeft: Effect.fail, onRight: (decoded) => Effect.succeed({ ...reply, ...decoded }) }))))
          }),
          joinBatches
        )
      })

    return { provider, model: options.model, complete, stream, embed }
  })

// -----------------------------------------------------------------------------
// Reading a stream
// -----------------------------------------------------------------------------

interface Reading {
  readonly pull: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<HttpClientError.ResponseError>>
  readonly wire: Wire
  readonly assembly: StreamAssembly
  readonly received: Received
  readonly status: number
  readonly elapsed: () => Duration.Duration
  readonly span: AttemptSpan.StreamSpan
  readonly clean: (error: LlmError) => LlmError
}

/** All parts of one network read as one Chunk; the last Chunk holds the `Finish`; then the end, or the failure. */
const nextParts = (reading: Reading): Effect.Effect<Chunk.Chunk<StreamPart>, Option.Option<LlmError>> => {
  const { assembly, clean, elapsed, pull, received, span, wire } = reading
  const decoder = new Sse.Decoder()
  let ended = false
  let bytesOver = false

  const read = (events: () => ReadonlyArray<Sse.Event>): void => {
    try {
      for (const event of events()) {
        wire.readEvent(event, assembly, received)
        if (assembly.done) return
      }
    } catch (error) {
      if (!(error instanceof Sse.EventTooLarge)) throw error
      assembly.fail(new MalformedResponse({ ...received.origin, requestId: received.requestId, message: error.message }))
    }
  }

  /** Judges the end; parts that came in the same read go out before a failure. */
  const finish = (parts: Chunk.Chunk<StreamPart>): Effect.Effect<Chunk.Chunk<StreamPart>, Option.Option<LlmError>> => {
    const end = assembly.end(elapsed())
    if (Chunk.isChunk(end)) {
      ended = true
      span.finished(end)
      return Effect.succeed(Chunk.appendAll(parts, end))
    }
    if (Chunk.isNonEmpty(parts)) {
      assembly.fail(end)
      return Effect.succeed(parts)
    }
    const error = clean(end)
    span.failed(error)
    return Effect.fail(Option.some(error))
  }

  /** The bytes ended, by themselves or by an error, with no end marker. */
  const bytesEnded = (error: Option.Option<HttpClientError.ResponseError>): Effect.Effect<Chunk.Chunk<StreamPart>, Option.Option<LlmError>> => {
    bytesOver = true
    // An event that the cut tore is no fault of the provider: it shows as the missing end marker.
    const before = assembly.failure
    const open = decoder.end()
    if (open.every((event) => event.data === "[DONE]" || Json.parse(event.data) !== undefined)) read(() => open)
    const parts = assembly.take()
    if (before === undefined && assembly.failure === undefined && assembly.finishReason === undefined && !assembly.done) {
      if (Option.isSome(error)) assembly.fail(cut(assembly, received, error.value))
      else if (isForeign(decoder.foreign)) assembly.fail(notAnAnswer(received, reading.status, decoder.foreign))
    }
    return finish(parts)
  }

  const step: Effect.Effect<Chunk.Chunk<StreamPart>, Option.Option<LlmError>> = Effect.suspend(() => {
    if (ended) return Effect.zipRight(bytesOver ? Effect.void : drain(pull), Effect.fail(Option.none()))
    if (assembly.failure !== undefined) return finish(Chunk.empty())
    return Effect.matchEffect(pull, {
      onFailure: bytesEnded,
      onSuccess: (reads) => {
        read(() => decoder.push(reads))
        const parts = assembly.take()
        return assembly.done ? finish(parts) : Chunk.isEmpty(parts) ? step : Effect.succeed(parts)
      }
    })
  })
  return step
}

/** Reads what little stands behind the end marker: a connection whose body was read to its end can be used again. */
const drain = <E>(pull: Effect.Effect<unknown, E>): Effect.Effect<void> =>
  Effect.forever(pull).pipe(Effect.timeout(drainTime), Effect.ignore)

const cut = (assembly: StreamAssembly, received: Received, error: HttpClientError.ResponseError): LlmError => {
  const cause = Connection.broken(received.origin, error)
  const seen = assembly.seen(cause)
  return seen === cause ? assembly.interrupted(cause.message, cause) : seen
}

/** Whether text outside of events says something: the torn beginning of a field says only that the stream was cut. */
const isForeign = (text: string): boolean =>
  !["data:", "event:", "id:", "retry:"].some((field) => field.startsWith(text.trimEnd()))

/** A success by its status whose body is a page, an error or nothing. */
const notAnAnswer = (received: Received, status: number, text: string): LlmError => {
  const json = Json.parse(text)
  if (ErrorClassification.isErrorPayload(json)) return ErrorClassification.classifyPayload(received.origin, json, received)
  return new MalformedResponse({
    ...received.origin,
    requestId: received.requestId,
    status,
    message: text.trim() === "" ? "the answer is empty" : "the answer is not what this provider sends (see its body)",
    body: excerpt(text)
  })
}

// -----------------------------------------------------------------------------
// Reading the rest
// -----------------------------------------------------------------------------

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
