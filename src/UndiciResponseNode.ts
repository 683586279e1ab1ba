// Ours, and not the platform's response over undici, because the client decides what a call costs: one object per
// request is undici's handler, the buffer of the body and the response, with no Node stream or AbortController.
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Dispatcher } from "undici"
import * as BodyReader from "./BodyReader.js"
import { ConnectionReset } from "./UndiciConnectorNode.js"

/** What all responses of one client share. */
export interface Limits {
  /** Bytes of a body that are held for a slow reader before the socket is paused. */
  readonly maxHeldBytes: number
  /** Called once when a body is paused that nobody has begun to read. */
  readonly onUnread: (response: UndiciResponse) => void
  /** Called once when the rest of a body is not wanted, but may be about to come. */
  readonly onFinished: (response: UndiciResponse) => void
}

type Answer = Effect.Effect<UndiciResponse, HttpClientError.RequestError>
type ResponseHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2]
type BodyChannel = Channel.Channel<Chunk.Chunk<Uint8Array>, unknown, HttpClientError.ResponseError>

const noHeaders: ResponseHeaders = {}

/**
 * A response whose body is read once, as a stream or as a whole. A whole body is kept, so that `text`, then `json`,
 * then `stream` all work. Interrupting a reader, or ending the stream early, closes the socket.
 */
export class UndiciResponse
  extends Inspectable.Class
  implements HttpClientResponse.HttpClientResponse, Dispatcher.DispatchHandler
{
  status = 0

  private controller: Dispatcher.DispatchController | undefined
  private receivedHeaders: ResponseHeaders = noHeaders
  private cachedHeaders: Headers.Headers | undefined
  private cachedCookies: Cookies.Cookies | undefined

  private received: Array<Uint8Array> = []
  private heldBytes = 0
  private paused = false
  private ended = false
  private failure: unknown
  private reader: "none" | "stream" | "whole" | "dropped" = "none"
  private wake: (() => void) | undefined

  constructor(
    readonly request: HttpClientRequest.HttpClientRequest,
    private readonly limits: Limits,
    private answer: ((answer: Answer) => void) | undefined
  ) {
    super()
  }

  get [HttpClientResponse.TypeId](): HttpClientResponse.TypeId {
    return HttpClientResponse.TypeId
  }

  get [HttpIncomingMessage.TypeId](): HttpIncomingMessage.TypeId {
    return HttpIncomingMessage.TypeId
  }

  // What undici calls

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A call that was interrupted while it waited for a connection. Thrown, because an abort would close the socket.
    if (this.ended) throw this.failure
    this.controller = controller
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    // An informational answer (103 Early Hints) precedes the real one.
    if (status < 200) return
    this.status = status
    this.receivedHeaders = headers
    const answer = this.answer
    this.answer = undefined
    answer?.(Effect.succeed(this))
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Uint8Array): void {
    if (this.reader === "dropped") return
    this.received.push(bytes)
    this.heldBytes += bytes.length
    if (this.reader === "whole") return
    if (this.heldBytes > this.limits.maxHeldBytes && !this.paused) {
      this.paused = true
      controller.pause()
      if (this.reader === "none") this.limits.onUnread(this)
    }
    this.ring()
  }

  onResponseEnd(): void {
    this.ended = true
    this.ring()
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: unknown): void {
    if (this.ended) return
    const cause = error instanceof ConnectionReset ? error.cause : error
    this.ended = true
    this.failure = cause ?? new Error("the connection failed")
    const answer = this.answer
    if (answer === undefined) return this.ring()
    this.answer = undefined
    answer(
      Effect.fail(
        cause instanceof HttpClientError.RequestError
          ? cause
          : new HttpClientError.RequestError({ request: this.request, reason: "Transport", cause })
      )
    )
  }

  /** Closes the socket, or takes the call out of the queue for one. Does nothing when the body has come whole. */
  cancel(reason: string): void {
    if (this.ended) return
    this.answer = undefined
    const cause = new Error(reason)
    if (this.controller !== undefined) this.controller.abort(cause)
    this.onResponseError(this.controller, cause)
  }

  /** Whether somebody has begun to read the body. */
  get isRead(): boolean {
    return this.reader !== "none"
  }

  // What HttpClientResponse asks for

  get headers(): Headers.Headers {
    return (this.cachedHeaders ??= Headers.fromInput(this.receivedHeaders))
  }

  get cookies(): Cookies.Cookies {
    return (this.cachedCookies ??= Cookies.fromSetCookie(this.receivedHeaders["set-cookie"] ?? []))
  }

  get remoteAddress(): Option.Option<string> {
    return Option.none()
  }

  get stream(): Stream.Stream<Uint8Array, HttpClientError.ResponseError> {
    return Stream.fromChannel(Channel.suspend(() => this.readStream()))
  }

  /** What effect-llm's providers read streams with. */
  get [BodyReader.key](): BodyReader.BodyReader {
    const next: BodyReader.BodyReader["next"] = Effect.suspend(() => {
      if (this.heldBytes > 0) return Effect.succeed(Chunk.unsafeFromArray(this.take()))
      if (!this.ended) return Effect.flatMap(this.waitForData(), () => next)
      return this.failure === undefined ? Effect.succeed(undefined) : Effect.fail(this.decodeError(this.failure))
    })
    const finish = Effect.sync(() => {
      if (this.ended) return
      this.reader = "dropped"
      this.take()
      this.limits.onFinished(this)
    })
    if (this.reader === "none") this.reader = "stream"
    return { next, finish, abandon: Effect.sync(() => this.cancel("the stream was ended early")) }
  }

  get text(): Effect.Effect<string, HttpClientError.ResponseError> {
    return this.readWhole(decodeText)
  }

  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return this.readWhole(decodeJson)
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError.ResponseError> {
    return this.readWhole((bytes) => new Uint8Array(bytes).buffer)
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError.ResponseError> {
    return this.readWhole((bytes) => UrlParams.fromInput(new URLSearchParams(decodeText(bytes))))
  }

  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    return Effect.flatMap(this.arrayBuffer, (bytes) =>
      Effect.tryPromise({
        try: () => {
          const type = this.headers["content-type"]
          return new Response(bytes, type === undefined ? {} : { headers: { "content-type": type } }).formData()
        },
        catch: (cause) => this.decodeError(cause)
      })
    )
  }

  toJSON(): unknown {
    const summary = {
      _id: "@effect/platform/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    }
    // The platform reads the body for this. To print a response must not start or disturb a read: only a body that
    // is here already is shown.
    return this.ended && this.failure === undefined && this.reader !== "stream"
      ? HttpIncomingMessage.inspect(this, summary)
      : { ...summary, headers: Inspectable.redact(this.headers), remoteAddress: this.remoteAddress.toJSON() }
  }

  // Reading

  private readStream(): BodyChannel {
    if (this.reader === "stream") return Channel.fail(this.alreadyRead())
    if (this.reader === "whole") {
      return Channel.flatMap(Channel.fromEffect(this.readWhole((bytes) => bytes)), (bytes) =>
        bytes.length === 0 ? Channel.void : Channel.write(Chunk.of<Uint8Array>(bytes))
      )
    }
    this.reader = "stream"
    return Channel.ensuring(
      this.chunks(),
      Effect.sync(() => this.cancel("the stream was ended early"))
    )
  }

  /** Each chunk is all that came since the one before. */
  private chunks(): BodyChannel {
    const wait = Channel.fromEffect(this.waitForData())
    const next = (): BodyChannel => {
      if (this.heldBytes > 0) return Channel.flatMap(Channel.write(Chunk.unsafeFromArray(this.take())), next)
      if (!this.ended) return Channel.flatMap(wait, next)
      return this.failure === undefined ? Channel.void : Channel.fail(this.decodeError(this.failure))
    }
    return next()
  }

  private take(): Array<Uint8Array> {
    const taken = this.received
    this.received = []
    this.heldBytes = 0
    // Last, because undici hands over what it has at once, within this call.
    this.resume()
    return taken
  }

  private waitForData(): Effect.Effect<void> {
    // Its interruption is the end of the stream, whose finalizer cancels.
    return Effect.async<void>((resume) => {
      if (this.ended || this.heldBytes > 0) return resume(Effect.void)
      this.wake = () => resume(Effect.void)
    })
  }

  private readWhole<A>(decode: (bytes: Buffer) => A): Effect.Effect<A, HttpClientError.ResponseError> {
    return Effect.suspend(() => {
      if (this.reader === "stream") return Effect.fail(this.alreadyRead())
      this.reader = "whole"
      this.resume()
      return this.ended ? this.decodeWhole(decode) : Effect.zipRight(this.waitForEnd(), this.decodeWhole(decode))
    })
  }

  private decodeWhole<A>(decode: (bytes: Buffer) => A): Effect.Effect<A, HttpClientError.ResponseError> {
    return Effect.try({
      try: () => {
        if (this.failure !== undefined) throw this.failure
        return decode(this.whole())
      },
      catch: (cause) => this.decodeError(cause)
    })
  }

  /** The body in one piece, which replaces the pieces. */
  private whole(): Buffer {
    const only = this.received[0]
    if (this.received.length === 1 && Buffer.isBuffer(only)) return only
    const whole = Buffer.concat(this.received)
    this.received = [whole]
    return whole
  }

  private waitForEnd(): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const earlier = this.wake
      // Several fibers may wait for the same whole body.
      this.wake = () => {
        earlier?.()
        resume(Effect.void)
      }
      return Effect.sync(() => this.cancel("the read was interrupted"))
    })
  }

  private ring(): void {
    const wake = this.wake
    if (wake === undefined) return
    this.wake = undefined
    wake()
  }

  private resume(): void {
    if (!this.paused) return
    this.paused = false
    this.controller?.resume()
  }

  private alreadyRead(): HttpClientError.ResponseError {
    return this.decodeError(new Error("the body has been read as a stream already"))
  }

  private decodeError(cause: unknown): HttpClientError.ResponseError {
    return new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
  }
}

const decodeText = (bytes: Buffer): string =>
  // As fetch does, without the byte order mark.
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.toString("utf8", 3) : bytes.toString()

const decodeJson = (bytes: Buffer): unknown => {
  const text = decodeText(bytes)
  return text === "" ? null : JSON.parse(text)
}
