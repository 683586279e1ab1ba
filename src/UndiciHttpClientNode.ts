/**
 * An `HttpClient.HttpClient` over undici's `dispatch`: what Node's other clients do, at a fraction of their cost.
 */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { globalValue } from "effect/GlobalValue"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import { FormData as UndiciFormData, Pool } from "undici"
import type { Dispatcher } from "undici"
import { graceTime, makesNoSpan } from "./BodyReader.js"
import { makeConnector } from "./UndiciConnectorNode.js"
import { UndiciResponse } from "./UndiciResponseNode.js"
import type { Limits } from "./UndiciResponseNode.js"

export interface Options {
  /**
   * Sockets per origin; calls above it wait in order. Default: no limit. Set it to the concurrency of the program:
   * without a limit undici opens 1.6 to 2 times as many sockets as there are calls in flight.
   */
  readonly connections?: number
  /** How long an idle socket is kept when the server names no time. Default: 4 seconds, undici's. */
  readonly keepAliveTimeout?: Duration.DurationInput
  /** How long a connection may take to open, TLS included. Default: 10 seconds. */
  readonly connectTimeout?: Duration.DurationInput
  /** Bring your own: a proxy, a mock, interceptors. It is not closed, and the three options above are its own. */
  readonly dispatcher?: Dispatcher
  /** Bytes of a body that are held for a slow reader before its socket is paused. Default: 256 KiB. */
  readonly maxHeldBytes?: number
  /** After how long a paused body that nobody has begun to read is given up, to free its socket. Default: 30 seconds. */
  readonly unreadTimeout?: Duration.DurationInput
}

/**
 * An `HttpClient` over undici's `dispatch`, at a fraction of the cost of the platform's clients and with their errors.
 * It follows no redirects, sends no trace headers, makes no span, and has no timeout but that of the connection.
 * Sockets are pooled by origin and closed with the Scope.
 *
 * A response has no Scope: read it, or bind it to one with `HttpClient.withScope`. An unread body is received and
 * forgotten when it is small; one above `maxHeldBytes` holds its socket, paused, until `unreadTimeout`.
 */
export const make = (options: Options = {}): Effect.Effect<HttpClient.HttpClient, never, Scope.Scope> =>
  Effect.gen(function* () {
    const targetOf = yield* makeTargets(options)
    const limits = yield* makeLimits(options)

    const send = (
      request: HttpClientRequest.HttpClientRequest,
      body: DispatchBody
    ): Effect.Effect<UndiciResponse, HttpClientError.RequestError> => {
      const found = targetOf(request)
      if (Either.isLeft(found)) return Effect.fail(found.left)
      const { dispatcher, origin, path } = found.right
      return Effect.async((resume) => {
        const response = new UndiciResponse(request, limits, resume)
        const cancel = (): void => {
          response.cancel("the request was interrupted")
          if (body instanceof Readable) body.destroy()
        }
        scopedRequests.get(request)?.signal.addEventListener("abort", cancel, { once: true })
        // undici reports its errors to the handler; a dispatcher of another make may throw them.
        try {
          dispatcher.dispatch(
            { origin, path, method: request.method, headers: request.headers, body, headersTimeout: 0, bodyTimeout: 0 },
            response
          )
        } catch (cause) {
          response.onResponseError(undefined, cause)
        }
        return Effect.sync(cancel)
      })
    }

    const execute = (
      request: HttpClientRequest.HttpClientRequest
    ): Effect.Effect<UndiciResponse, HttpClientError.RequestError> => {
      const body = request.body
      switch (body._tag) {
        case "Empty":
          return send(request, null)
        case "Uint8Array":
          return send(request, body.body)
        case "FormData":
          return send(request, toUndiciFormData(body.formData))
        case "Raw":
          return Effect.flatMap(fromRaw(request, body.body), (raw) => send(request, raw))
        case "Stream":
          return Effect.flatMap(toReadable(request, body), (readable) => send(request, readable))
      }
    }

    const client = HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
      (request) => Effect.flatMap(request, execute),
      Effect.succeed
    )
    return Object.assign(client, { [makesNoSpan]: true })
  })

/** `make` with other options, as a Layer. */
export const layerWith = (options: Options): Layer.Layer<HttpClient.HttpClient> =>
  Layer.scoped(HttpClient.HttpClient, make(options))

/** `make` with its defaults, as a Layer. */
export const layer: Layer.Layer<HttpClient.HttpClient> = layerWith({})

// Where a request goes

interface Target {
  readonly dispatcher: Dispatcher
  readonly origin: string
  readonly path: string
}

/** A program calls few URLs, many times: each is parsed once. */
const maxKnownTargets = 1024

const makeTargets = (
  options: Options
): Effect.Effect<
  (request: HttpClientRequest.HttpClientRequest) => Either.Either<Target, HttpClientError.RequestError>,
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const own = options.dispatcher
    const dispatcherOf = own === undefined ? yield* makePools(options) : () => own
    const known = new Map<string, Either.Either<Target, HttpClientError.RequestError>>()
    return (request) => {
      const isPlain = request.urlParams.length === 0
      const before = isPlain ? known.get(request.url) : undefined
      if (before !== undefined) return before
      const url = UrlParams.makeUrl(request.url, request.urlParams, request.hash)
      if (Either.isLeft(url)) return Either.left(invalidUrl(request, url.left))
      const { origin, pathname, protocol, search } = url.right
      if (protocol !== "https:" && protocol !== "http:") {
        return Either.left(invalidUrl(request, new Error(`the protocol ${protocol} is not http`)))
      }
      const dispatcher = dispatcherOf(origin)
      // The fragment is the caller's own and is not sent.
      const target = Either.right({ dispatcher, origin, path: pathname + search })
      if (known.size >= maxKnownTargets) known.clear()
      if (isPlain) known.set(request.url, target)
      return target
    }
  })

const invalidUrl = (request: HttpClientRequest.HttpClientRequest, cause: unknown): HttpClientError.RequestError =>
  new HttpClientError.RequestError({ request, reason: "InvalidUrl", cause })

const makePools = (options: Options): Effect.Effect<(origin: string) => Dispatcher, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pools = new Map<string, Pool>()
    const settings: Pool.Options = {
      connections: options.connections ?? null,
      connect: makeConnector(Duration.toMillis(options.connectTimeout ?? "10 seconds")),
      keepAliveTimeout: Duration.toMillis(options.keepAliveTimeout ?? "4 seconds")
    }
    let isOpen = true
    yield* Effect.addFinalizer(() => {
      isOpen = false
      return Effect.promise(() => Promise.all(Array.from(pools.values(), (pool) => pool.destroy())))
    })
    return (origin) => {
      const before = pools.get(origin)
      if (before !== undefined) return before
      const pool = new Pool(origin, settings)
      // A call after the Scope's end fails as one on a closed pool does, and leaves no socket.
      if (!isOpen) void pool.destroy()
      pools.set(origin, pool)
      return pool
    }
  })

// What a response may hold

const makeLimits = (options: Options): Effect.Effect<Limits, never, Scope.Scope> =>
  Effect.gen(function* () {
    const runtime = yield* Effect.runtime<never>()
    const scope = yield* Effect.scope
    const unreadTimeout = Duration.decode(options.unreadTimeout ?? "30 seconds")
    const giveUp = (response: UndiciResponse): Effect.Effect<void> =>
      Effect.sync(() => {
        if (!response.isRead) response.cancel(`nobody read the body within ${Duration.format(unreadTimeout)}`)
      })
    return {
      maxHeldBytes: options.maxHeldBytes ?? 256 * 1024,
      onUnread: (response) => {
        Runtime.runFork(runtime, Effect.delay(giveUp(response), unreadTimeout), { scope })
      },
      onFinished: (response) => {
        const abandon = Effect.sync(() => response.cancel("the body did not end"))
        Runtime.runFork(runtime, Effect.delay(abandon, graceTime), { scope })
      }
    }
  })

/** The platform's own table, where `HttpClient.withScope` puts what its clients must listen to. */
const scopedRequests = globalValue(
  "@effect/platform/HttpClient/scopedRequests",
  () => new WeakMap<HttpClientRequest.HttpClientRequest, AbortController>()
)

// What undici takes as a body

type DispatchBody = NonNullable<Dispatcher.DispatchOptions["body"]> | null

const toReadable = (request: HttpClientRequest.HttpClientRequest, body: HttpBody.Stream): Effect.Effect<Readable> =>
  body.stream.pipe(
    Stream.mapError((cause) => new HttpClientError.RequestError({ request, reason: "Encode", cause })),
    Stream.toAsyncIterableEffect,
    Effect.map((chunks) => Readable.from(chunks, { objectMode: false }))
  )

/** undici's encoder knows only its own FormData, not the global one. */
const toUndiciFormData = (form: FormData): UndiciFormData => {
  const copy = new UndiciFormData()
  for (const [name, value] of form) copy.append(name, value)
  return copy
}

/** What `fetch` takes as a body, and Node's streams. Anything else is an "Encode" error. */
const fromRaw = (
  request: HttpClientRequest.HttpClientRequest,
  body: unknown
): Effect.Effect<DispatchBody, HttpClientError.RequestError> => {
  if (body === null || body === undefined) return Effect.succeed(null)
  if (typeof body === "string" || body instanceof Uint8Array || body instanceof Readable) return Effect.succeed(body)
  if (body instanceof ArrayBuffer) return Effect.succeed(new Uint8Array(body))
  if (ArrayBuffer.isView(body)) return Effect.succeed(new Uint8Array(body.buffer, body.byteOffset, body.byteLength))
  if (body instanceof FormData) return Effect.succeed(toUndiciFormData(body))
  if (body instanceof UndiciFormData) return Effect.succeed(body)
  if (body instanceof URLSearchParams) return Effect.succeed(body.toString())
  if (body instanceof Blob)
    return Effect.map(
      Effect.promise(() => body.arrayBuffer()),
      (bytes) => new Uint8Array(bytes)
    )
  if (isAsyncIterable(body)) return Effect.sync(() => Readable.from(body, { objectMode: false }))
  return Effect.fail(
    new HttpClientError.RequestError({ request, reason: "Encode", description: "the raw body is of no sendable kind" })
  )
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  Predicate.hasProperty(value, Symbol.asyncIterator) && typeof value[Symbol.asyncIterator] === "function"
