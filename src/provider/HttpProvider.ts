/**
 * wire × endpoint × authentication → `LlmClient`: the one place where calls over HTTP are made.
 *
 * Every call is one attempt: no retry, no wait, no limit. Those are policies.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import type * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Attempts from "../Attempts.js"
import * as BodyReader from "../BodyReader.js"
import * as ChatRequest from "../ChatRequest.js"
import * as Completion from "../Completion.js"
import * as Embeddings from "../Embeddings.js"
import type { Service } from "../LlmClient.js"
import { InvalidRequest, type LlmError, MalformedResponse, redact, UnsupportedFeature, notSent } from "../LlmError.js"
import { fromCompletion, type StreamPart } from "../StreamPart.js"
import * as ErrorClassification from "../wire/ErrorClassification.js"
import * as Json from "../wire/Json.js"
import { StreamAssembly } from "../wire/StreamAssembly.js"
import type { Encoded, Origin, Received, WholeWire, Wire } from "../wire/Wire.js"
import * as AnswerLimits from "./AnswerLimits.js"
import * as AttemptSpan from "./AttemptSpan.js"
import * as Connection from "./Connection.js"
import * as EmbeddingBatches from "./EmbeddingBatches.js"
import { failed } from "./FailedAnswer.js"
import { notAnAnswer } from "./NotAnAnswer.js"
import * as RequestBody from "./RequestBody.js"
import * as Settings from "./Settings.js"
import { StreamReading } from "./StreamReading.js"
import * as WholeBody from "./WholeBody.js"

/** By their names, of any case. */
export type Headers = Readonly<Record<string, string>>

export interface Options {
  readonly provider: string
  /** Of chat requests that name none. */
  readonly model: string
  /** Of embedding requests that name none. Default: `model`. */
  readonly embeddingModel?: string | undefined
  /** With a `WholeWire`, `stream` gives the answer of `complete` as one delta per part. */
  readonly wire: Wire | WholeWire
  /** The URL of an operation; the model is part of it for some providers. */
  readonly url: (operation: "chat" | "stream" | "embed", model: string) => string
  /** Authentication and what else the provider wants; an Effect is run for every attempt. */
  readonly headers: Headers | Effect.Effect<Headers, LlmError> | ((origin: Origin) => Effect.Effect<Headers, LlmError>)
  /** Texts that no error may show, should a provider echo them; what stands in a header is one without being named here. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Settings for every request that does not have its own. */
  readonly defaults?: ChatRequest.Settings | undefined
  /** Of a chat request's `idempotencyKey`, where the provider takes one. */
  readonly idempotencyHeader?: string | undefined
}

type Operation = "chat" | "stream" | "embed"

/** One attempt: its headers, and how its errors are blotted. */
interface Attempt {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly clean: (error: LlmError) => LlmError
}

/** A JSON answer with what came beside it. */
interface Reply {
  readonly received: Received
  readonly json: unknown
  readonly latency: Duration.Duration
}

/** A request as it goes out. */
interface Outgoing {
  readonly origin: Origin
  readonly body: string
  readonly warnings: Encoded["warnings"]
  readonly idempotencyKey?: string | undefined
}

/** Shorter keys are placeholders of local servers ("none", "ollama"), and parts of ordinary words. */
const shortestSecret = 8

/** Headers that hold no secret; of all others, no error shows the value. */
const plainHeaders: ReadonlySet<string> = new Set([
  "accept",
  "anthropic-version",
  "azureml-model-deployment",
  "content-type",
  "openai-organization",
  "openai-project"
])

/** A client. Fails with a `ConfigError` that names a header that cannot be sent. */
export const make = (options: Options): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Effect.zipRight(
    Effect.isEffect(options.headers) || typeof options.headers === "function"
      ? Effect.void
      : Effect.asVoid(Settings.headers(options.headers)),
    makeChecked(options)
  )

const makeChecked = (options: Options): Effect.Effect<Service, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, (platformClient): Service => {
    // The client's own span per request would repeat ours, at 35 µs a call.
    const http =
      BodyReader.makesNoSpan in platformClient
        ? platformClient
        : HttpClient.withTracerDisabledWhen(platformClient, () => true)
    const { provider, wire } = options
    const defaultOrigin: Origin = { provider, model: options.model }
    const originOf = (model: string | undefined): Origin => (model === undefined ? defaultOrigin : { provider, model })

    // --- one request -----------------------------------------------------------

    const bare = HttpClientRequest.post("", { acceptJson: true })
    const { idempotencyHeader } = options
    const named = (request: HttpClientRequest.HttpClientRequest, key: string | undefined): typeof request =>
      key === undefined || idempotencyHeader === undefined
        ? request
        : HttpClientRequest.setHeader(request, idempotencyHeader, key)
    const cleaner = (...more: ReadonlyArray<string>): Attempt["clean"] => {
      const secrets = [...options.secrets.map(Redacted.value), ...more].filter(
        (secret) => secret.length >= shortestSecret
      )
      return (error) => redact(error, secrets)
    }
    const attemptWith = (headers: Headers): Attempt => {
      const request = HttpClientRequest.setHeaders(bare, headers)
      // A token that was made for this attempt is in no list, and a gateway's own key may stand in any header.
      const held = Object.entries(request.headers).filter(([header]) => !plainHeaders.has(header))
      return { request, clean: cleaner(...held.map(([, value]) => value.replace(/^(?:Bearer|Basic)\s+/i, ""))) }
    }
    const attempted = (origin: Origin, headers: Effect.Effect<Headers, LlmError>): Effect.Effect<Attempt, LlmError> =>
      Effect.matchEffect(headers, {
        onFailure: (error) => Effect.fail(cleaner()(error)),
        onSuccess: (given) => {
          const bad = Settings.badHeader(given)
          return bad === undefined
            ? Effect.succeed(attemptWith(given))
            : Effect.fail(
                new InvalidRequest({
                  ...origin,
                  ...notSent,
                  param: `headers.${bad}`,
                  message: `the ${Settings.headerRule}`
                })
              )
        }
      })
    const { headers } = options
    const attempt = Effect.isEffect(headers)
      ? (origin: Origin) => attempted(origin, headers)
      : typeof headers === "function"
        ? (origin: Origin) => attempted(origin, headers(origin))
        : attemptWith(headers)

    /** Sends, and goes on with an answer of status 2xx; all others are errors. */
    const send = <A>(
      operation: Operation,
      { body, idempotencyKey, origin }: Outgoing,
      onAnswer: (response: HttpClientResponse.HttpClientResponse, clean: Attempt["clean"]) => Effect.Effect<A, LlmError>
    ): Effect.Effect<A, LlmError> => {
      const sendAs = ({ clean, request }: Attempt): Effect.Effect<A, LlmError> =>
        Effect.matchEffect(
          http.execute(
            HttpClientRequest.setBody(
              HttpClientRequest.setUrl(named(request, idempotencyKey), options.url(operation, origin.model)),
              HttpBody.text(body, "application/json")
            )
          ),
          {
            onFailure: (error) => Effect.fail(clean(Connection.notAnswered(origin, error))),
            onSuccess: (response) =>
              AnswerLimits.telling(origin, response.headers, () =>
                response.status >= 200 && response.status < 300
                  ? onAnswer(response, clean)
                  : Effect.flatMap(failed(origin, response), (error) => Effect.fail(clean(error)))
              )
          }
        )
      return typeof attempt === "function" ? Effect.flatMap(attempt(origin), sendAs) : sendAs(attempt)
    }

    /** Sends, reads a whole JSON answer and decodes it. */
    const call = <A>(
      operation: "chat" | "embed",
      outgoing: Outgoing,
      decode: (reply: Reply) => Either.Either<A, LlmError>
    ): Effect.Effect<A, LlmError> =>
      Effect.clockWith((clock) => {
        const started = clock.unsafeCurrentTimeMillis()
        const { origin } = outgoing
        return send(operation, outgoing, (response, clean) =>
          Effect.matchEffect(WholeBody.read(origin, response), {
            onFailure: (error) => Effect.fail(clean(error)),
            onSuccess: (text) => {
              const now = clock.unsafeCurrentTimeMillis()
              const received = receivedWith(origin, response, now)
              const json = Json.parse(text)
              if (json === undefined) return Effect.fail(clean(notAnAnswer(received, response.status, text)))
              const decoded = decode({ received, json, latency: Duration.millis(Math.max(0, now - started)) })
              return Either.isRight(decoded) ? Effect.succeed(decoded.right) : Effect.fail(clean(decoded.left))
            }
          })
        )
      })

    // --- operations ------------------------------------------------------------

    /** What is wrong with a request before it is sent; otherwise what to send, and whom it goes to. */
    const encode = (input: ChatRequest.ChatRequest, streamed: boolean): Either.Either<Outgoing, LlmError> => {
      const chat = ChatRequest.withDefaults(input, options.defaults)
      const origin = originOf(chat.model)
      const problem = Option.orElse(ChatRequest.validate(chat), () => modelProblem(origin.model))
      if (Option.isSome(problem)) return Either.left(new InvalidRequest({ ...origin, ...problem.value, ...notSent }))
      return Either.flatMap(wire.encodeChat(chat, origin, streamed), ({ body, warnings }) =>
        Either.map(RequestBody.print(body, chat, origin), (text) => ({
          origin,
          body: text,
          warnings,
          idempotencyKey: chat.idempotencyKey
        }))
      )
    }

    const complete = (input: ChatRequest.ChatRequest): Effect.Effect<Completion.Completion, LlmError> =>
      Effect.suspend(() => {
        const outgoing = encode(input, false)
        if (Either.isLeft(outgoing)) return Effect.fail(outgoing.left)
        const { origin, warnings } = outgoing.right
        return AttemptSpan.traced(
          "chat",
          origin,
          call("chat", outgoing.right, ({ json, latency, received }) =>
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
              })
            )
          )
        )
      })

    const stream =
      (wire: Wire) =>
      (input: ChatRequest.ChatRequest): Stream.Stream<StreamPart, LlmError> =>
        Stream.fromChannel(
          Channel.suspend(() => {
            const outgoing = encode(input, true)
            if (Either.isLeft(outgoing)) return Channel.fail(outgoing.left)
            // Set in the step that opens it, and closed by a finalizer that was there before: no interruption falls between.
            let reading: StreamReading | undefined
            const opened = Effect.map(open(wire, outgoing.right), (it) => (reading = it))
            return Channel.ensuringWith(Channel.flatMap(Channel.fromEffect(opened), partsOf), (exit) =>
              reading === undefined ? Effect.void : reading.close(exit)
            )
          })
        )

    const streamWhole = (input: ChatRequest.ChatRequest): Stream.Stream<StreamPart, LlmError> =>
      Stream.fromChannel(
        Channel.flatMap(Channel.fromEffect(complete(input)), (completion) => Channel.write(fromCompletion(completion)))
      )

    /** Opens a stream; whoever opens it closes it. */
    const open = (wire: Wire, outgoing: Outgoing): Effect.Effect<StreamReading, LlmError> =>
      Effect.flatMap(AttemptSpan.startStream("chat", outgoing.origin), (span) =>
        Effect.clockWith((clock) => {
          const started = clock.unsafeCurrentTimeMillis()
          return send("stream", outgoing, (response, clean) => {
            const { origin, warnings } = outgoing
            const received = receivedWith(origin, response, clock.unsafeCurrentTimeMillis())
            const { model } = origin
            const assembly = new StreamAssembly({ provider, model, requestId: received.requestId, warnings })
            return Effect.map(
              BodyReader.fromResponse(response),
              (reader) =>
                new StreamReading({
                  body: reader,
                  wire,
                  assembly,
                  received,
                  status: response.status,
                  clock,
                  started,
                  span,
                  clean
                })
            )
          })
        }).pipe(
          Effect.onExit((exit) => {
            if (Exit.isSuccess(exit)) return Effect.void
            if (Cause.isFailType(exit.cause)) span.failed(exit.cause.error)
            return span.end(exit)
          })
        )
      )

    const embed = (input: Embeddings.EmbedRequest): Effect.Effect<Embeddings.Embeddings, LlmError> =>
      Effect.suspend(() => {
        const origin = originOf(input.model ?? options.embeddingModel)
        const problem = Option.orElse(Embeddings.validateRequest(input), () => modelProblem(origin.model))
        if (Option.isSome(problem)) return Effect.fail(new InvalidRequest({ ...origin, ...problem.value, ...notSent }))
        const embeddings = wire.embeddings
        if (embeddings === undefined) {
          return Effect.fail(
            new UnsupportedFeature({
              ...origin,
              ...notSent,
              feature: "embeddings",
              message: `${provider} offers no embeddings here`
            })
          )
        }
        const text = RequestBody.print(embeddings.encode(input, origin).body, input, origin)
        if (Either.isLeft(text)) return Effect.fail(text.left)
        return AttemptSpan.traced(
          "embeddings",
          origin,
          call("embed", { origin, body: text.right, warnings: [] }, ({ json, latency, received }) =>
            Either.filterOrLeft(
              embeddings.decode(json, received),
              ({ vectors }) => vectors.length === input.input.length,
              ({ vectors }) => vectorsMissing(received, input.input.length, vectors.length)
            ).pipe(
              Either.map((decoded) => ({
                ...decoded,
                requestId: received.requestId,
                cached: false,
                attempts: 1,
                latency
              }))
            )
          )
        )
      })

    const streamed = "readEvent" in wire ? stream(wire) : streamWhole
    const service = Attempts.observed({ provider, model: options.model, complete, stream: streamed, embed })
    // Each request of a batch is an attempt of its own.
    return wire.embeddings === undefined ? service : EmbeddingBatches.split(service, wire.embeddings.maxInputs)
  })

/** A model's name goes into the URL or into a header of many providers. */
const modelProblem = (model: string): Option.Option<ChatRequest.Problem> =>
  Settings.isName(model) ? Option.none() : Option.some({ param: "model", message: `the model's ${Settings.nameRule}` })

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
    (parts) => (parts === undefined ? Channel.void : Channel.flatMap(Channel.write(parts), () => next))
  )
  return next
}

const vectorsMissing = (received: Received, asked: number, got: number): LlmError =>
  new MalformedResponse({
    ...received.origin,
    requestId: received.requestId,
    message: `${asked} texts were sent, and ${got} vectors came back`
  })
