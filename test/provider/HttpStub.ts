/**
 * An HttpClient without a network: it remembers what is sent, and answers as it is told.
 */
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { Chunk, type ConfigError, Effect, Either, Redacted, Stream } from "effect"
import { type LlmClient, type LlmError, OpenAi, type StreamPart } from "effect-llm"

export interface Sent {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
  readonly request: HttpClientRequest.HttpClientRequest
}

export interface Stub {
  readonly http: HttpClient.HttpClient
  readonly sent: Array<Sent>
}

export type Answer = (
  sent: Sent,
  count: number
) => Response | Effect.Effect<Response | HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

export const make = (answer: Answer): Stub => {
  const sent: Array<Sent> = []
  const http = HttpClient.make((request, url) =>
    Effect.suspend(() => {
      const text = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
      const one: Sent = { method: request.method, url: url.href, headers: request.headers, text, request }
      sent.push(one)
      const response = answer(one, sent.length)
      return Effect.map(Effect.isEffect(response) ? response : Effect.succeed(response), (web) =>
        web instanceof Response ? HttpClientResponse.fromWeb(request, web) : web
      )
    })
  )
  return { http, sent }
}

// --- Bodies --------------------------------------------------------------------

/** How a body ends: by itself, with a broken connection, or not at all. */
export type Ending = "clean" | "error" | "open"

/** A body of these network reads. `onCancel` hears that nobody reads on. */
export const reads = (
  pieces: ReadonlyArray<string | Uint8Array>,
  ending: Ending = "clean",
  onCancel: () => void = () => {}
): ReadableStream<Uint8Array> => {
  let next = 0
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        const piece = pieces[next++]
        if (piece !== undefined) {
          controller.enqueue(typeof piece === "string" ? new TextEncoder().encode(piece) : piece)
          return
        }
        if (ending === "clean") controller.close()
        else if (ending === "error") controller.error(new Error("read ECONNRESET"))
      },
      cancel: onCancel
    },
    { highWaterMark: 0 }
  )
}

/** The same without a ReadableStream and its promises, where thousands of answers are read. */
export const quickReads = (
  request: HttpClientRequest.HttpClientRequest,
  pieces: ReadonlyArray<Uint8Array>,
  ending: "clean" | "error"
): HttpClientResponse.HttpClientResponse => {
  const bytes = Stream.fromChunks(...pieces.map((piece) => Chunk.of(piece)))
  const response = HttpClientResponse.fromWeb(request, emptyResponse)
  const broken = Effect.sync(
    () =>
      new HttpClientError.ResponseError({ request, response, reason: "Decode", cause: new Error("read ECONNRESET") })
  )
  return Object.defineProperty(response, "stream", {
    value: ending === "clean" ? bytes : Stream.concat(bytes, Effect.flip(broken))
  })
}

const emptyResponse = new Response(null)

export const json = (value: unknown, init: ResponseInit = {}): Response =>
  new Response(JSON.stringify(value), { ...init, headers: { "content-type": "application/json", ...init.headers } })

export const events = (
  body: ReadableStream<Uint8Array> | string,
  headers: Readonly<Record<string, string>> = {}
): Response => new Response(body, { headers: { "content-type": "text/event-stream", ...headers } })

/** Events as a server frames them. */
export const frames = (...payloads: ReadonlyArray<unknown>): string =>
  payloads.map((payload) => `data: ${typeof payload === "string" ? payload : JSON.stringify(payload)}\n\n`).join("")

/** A chunk with this delta. */
export const chunk = (delta: unknown, finishReason: string | null = null): object => ({
  id: "chatcmpl-1",
  model: "gpt-4.1-mini-2025-04-14",
  choices: [{ index: 0, delta, finish_reason: finishReason }]
})

/** The smallest whole answer. */
export const answer = (content = "Hello", more: object = {}): object => ({
  id: "chatcmpl-1",
  model: "gpt-4.1-mini-2025-04-14",
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  ...more
})

// --- Clients -------------------------------------------------------------------

export const key = "sk-test-5b7c9d1e3f"

export const openAi = (
  { http }: Stub,
  options: Partial<OpenAi.Options> = {}
): Effect.Effect<LlmClient.Service, ConfigError.ConfigError> =>
  OpenAi.make({ apiKey: Redacted.make(key), model: "gpt-4.1-mini", ...options }).pipe(
    Effect.provideService(HttpClient.HttpClient, http)
  )

/** All parts that came before a stream ended, and the failure that ended it, if one did. */
export const watch = (
  stream: Stream.Stream<StreamPart.StreamPart, LlmError.LlmError>
): Effect.Effect<{
  readonly parts: ReadonlyArray<StreamPart.StreamPart>
  readonly error: LlmError.LlmError | undefined
}> =>
  Effect.suspend(() => {
    const parts: Array<StreamPart.StreamPart> = []
    return stream.pipe(
      Stream.runForEachChunk((chunk) => Effect.sync(() => void parts.push(...chunk))),
      Effect.either,
      Effect.map((end) => ({ parts, error: Either.isLeft(end) ? end.left : undefined }))
    )
  })

export const textOf = (parts: ReadonlyArray<StreamPart.StreamPart>): string =>
  parts.map((part) => (part._tag === "TextDelta" ? part.text : "")).join("")
