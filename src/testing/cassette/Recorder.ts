/** An `HttpClient` over another that remembers what goes through it. Nothing is held back on the way. */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as BodyReader from "../../BodyReader.js"
import { wordsOf } from "../../provider/Connection.js"
import { StreamedResponse } from "../StreamedResponse.js"
import type { Redaction } from "./Redaction.js"
import * as SentRequest from "./SentRequest.js"
import type * as Tape from "./Tape.js"
import * as TapeBody from "./TapeBody.js"

export interface Recorder {
  readonly client: HttpClient.HttpClient
  /** Whether any request got an answer. */
  readonly hasAnswers: () => boolean
  /** What was recorded so far, in the order in which the requests were made. */
  readonly interactions: (redaction: Redaction) => ReadonlyArray<Tape.Interaction>
  /** Waits for bodies of which only the end is still to come; a moment, no longer. */
  readonly settled: Effect.Effect<void>
}

/** One request, and what has come of it so far. A request that was left before its answer has none. */
interface Recording {
  readonly sent: SentRequest.SentRequest
  answer: Answer | Tape.Failure | undefined
}

interface Answer {
  readonly ms: number
  readonly response: HttpClientResponse.HttpClientResponse
  readonly reads: Array<TapeBody.Read>
  readonly ended: Effect.Latch
  body: "unread" | "open" | "whole" | Tape.End
}

export const make = (http: HttpClient.HttpClient, clock: Clock.Clock): Recorder => {
  const recordings: Array<Recording> = []
  const answers = (): ReadonlyArray<Answer> =>
    recordings.flatMap(({ answer }) => (answer !== undefined && "body" in answer ? [answer] : []))

  const client = HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    Effect.flatMap((request) =>
      Effect.flatMap(SentRequest.read(request), (sent) =>
        Effect.suspend(() => {
          const started = clock.unsafeCurrentTimeMillis()
          const elapsed = (): number => Math.max(0, Math.round(clock.unsafeCurrentTimeMillis() - started))
          const recording: Recording = { sent, answer: undefined }
          recordings.push(recording)
          return Effect.mapBoth(http.execute(sent.request), {
            onFailure: (error) => {
              // Any other was refused before it was sent.
              if (error._tag === "ResponseError" || error.reason === "Transport") {
                recording.answer = { ms: elapsed(), failure: wordsOf(error.cause ?? error.description) }
              }
              return error
            },
            onSuccess: (response) => {
              const ended = Effect.unsafeMakeLatch()
              const answer: Answer = { ms: elapsed(), response, reads: [], ended, body: "unread" }
              recording.answer = answer
              return watched(answer, elapsed)
            }
          })
        })
      )
    ),
    Effect.succeed
  )

  return {
    client,
    hasAnswers: () => answers().length > 0,
    interactions: (redaction) => toInteractions(recordings, redaction),
    settled: Effect.suspend(() =>
      Effect.forEach(
        answers().filter(({ body }) => body === "open"),
        ({ ended }) => ended.await,
        { concurrency: "unbounded", discard: true }
      )
    ).pipe(
      // This runs where nothing can be interrupted; the waiting must be. Real traffic ends by the real clock.
      Effect.interruptible,
      Effect.timeoutOption(Duration.times(BodyReader.graceTime, 2)),
      Effect.withClock(Clock.make()),
      Effect.interruptible,
      Effect.asVoid
    )
  }
}

/** The same answer, whose first reading is written down as it goes. */
const watched = (answer: Answer, elapsed: () => number): StreamedResponse => {
  const { response } = answer
  const settle = (body: Answer["body"]): void => {
    if (answer.body === "open") answer.body = body
    answer.ended.unsafeOpen()
  }
  const written = response.stream.pipe(
    Stream.mapChunks((reads) => {
      for (const bytes of reads) answer.reads.push({ ms: elapsed(), bytes })
      return reads
    }),
    Stream.tapError(({ cause, description, reason }) =>
      Effect.sync(() => settle({ error: reason, words: wordsOf(cause ?? description) }))
    ),
    Stream.concat(Stream.execute(Effect.sync(() => settle("whole")))),
    Stream.ensuring(Effect.sync(() => settle("left")))
  )
  return new StreamedResponse(response.request, {
    status: response.status,
    headers: response.headers,
    cookies: response.cookies,
    remoteAddress: response.remoteAddress,
    body: () =>
      Stream.suspend(() => {
        if (answer.body !== "unread") return response.stream
        answer.body = "open"
        return written
      })
  })
}

const toInteractions = (
  recordings: ReadonlyArray<Recording>,
  redaction: Redaction
): ReadonlyArray<Tape.Interaction> => {
  const done = recordings.flatMap(({ answer, sent }) => (answer === undefined ? [] : [{ answer, sent }]))
  // All secrets first: an answer may show one that came in a later request.
  for (const { answer, sent } of done) {
    redaction.learnRequest(sent.url, sent.request.headers)
    if ("body" in answer) redaction.learnResponse(answer.response.headers)
  }
  return done.map(({ answer, sent }) => ({
    request: SentRequest.toTape(sent, redaction),
    response: "body" in answer ? toResponse(answer, redaction) : { ...answer, failure: redaction.text(answer.failure) }
  }))
}

const toResponse = ({ body: state, ms, reads, response }: Answer, redaction: Redaction): Tape.Response => {
  const body = TapeBody.toTape(redaction.reads(reads))
  const end = endOf(state)
  return {
    ms,
    status: response.status,
    headers: redaction.responseHeaders(response.headers),
    ...(body === undefined ? {} : { body }),
    ...(end === undefined ? {} : { end: end === "left" ? end : { ...end, words: redaction.text(end.words) } })
  }
}

const endOf = (state: Answer["body"]): Tape.End | undefined =>
  state === "whole" ? undefined : state === "unread" || state === "open" ? "left" : state
