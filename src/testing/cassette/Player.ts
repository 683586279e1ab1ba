/** An `HttpClient` that answers from a tape, without a network. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { makesNoSpan } from "../../BodyReader.js"
import { StreamedResponse } from "../StreamedResponse.js"
import { NotOnTape } from "./CassetteError.js"
import * as Matching from "./Matching.js"
import { Redaction, type Rules } from "./Redaction.js"
import * as SentRequest from "./SentRequest.js"
import type * as Tape from "./Tape.js"
import * as TapeBody from "./TapeBody.js"

export interface Options extends Matching.Rules {
  readonly redact?: Rules
  readonly timing?: "none" | "recorded"
  readonly repeatLast?: boolean
}

export interface Player {
  readonly client: HttpClient.HttpClient
  /** The requests that nobody has made, by their place on the tape. */
  readonly unused: () => ReadonlyArray<string>
}

interface Take {
  readonly request: Matching.Request
  readonly key: string
  readonly response: Tape.Response | Tape.Failure
  isUsed: boolean
}

export const make = (file: string, tape: Tape.Tape, options: Options): Player => {
  const takes = tape.interactions.map(({ request, response }): Take => {
    const seen = Matching.toRequest(request, options)
    return { request: seen, key: Matching.keyOf(seen, options), response, isUsed: false }
  })
  const rules = options.redact ?? {}
  const byName = new Redaction(rules)
  const byValue = new Redaction(rules)

  /** The next answer to such a request, or what to say when there is none. */
  const find = (sent: SentRequest.SentRequest, known: Tape.Request): Take | NotOnTape => {
    const asked = Matching.toRequest(known, options)
    // The key of a replay is another one than that of the recording: only one of them may be an ordinary word.
    const alike = Matching.toRequest(SentRequest.toTape(sent, byName), options)
    const keys = new Set([asked, alike].map((request) => Matching.keyOf(request, options)))
    const equal = takes.filter((take) => keys.has(take.key))
    const next = equal.find((take) => !take.isUsed) ?? (options.repeatLast === true ? equal.at(-1) : undefined)
    if (next !== undefined) {
      next.isUsed = true
      return next
    }
    return new NotOnTape({
      file,
      message: equal.length > 0 ? exhausted(file, equal.length) : unknown(file, takes, asked, options)
    })
  }

  const client = HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    Effect.flatMap((given) =>
      Effect.flatMap(SentRequest.read(given), (sent) =>
        Effect.clockWith((clock) => {
          byValue.learnRequest(sent.url, sent.request.headers)
          const known = SentRequest.toTape(sent, byValue)
          // What errors show: the request that was given holds the key.
          const request = HttpClientRequest.make(given.method)(known.url, { headers: known.headers })
          const failed = (reason: "Transport" | "Encode", cause: Error) =>
            new HttpClientError.RequestError({ request, reason, cause, description: cause.message })
          const take = find(sent, known)
          if ("_tag" in take) return Effect.fail(failed("Encode", take))
          const { response } = take
          const started = clock.unsafeCurrentTimeMillis()
          const until = options.timing === "recorded" ? (ms: number) => sleepUntil(clock, started + ms) : noWait
          return Effect.zipRight(
            until(response.ms),
            "failure" in response
              ? Effect.fail(failed("Transport", new Error(response.failure)))
              : Effect.sync(() => played(request, response, file, until))
          )
        })
      )
    ),
    Effect.succeed
  )

  return {
    client: Object.assign(client, { [makesNoSpan]: true }),
    unused: () =>
      takes.flatMap(({ isUsed, request }, index) => (isUsed ? [] : [`${index + 1}: ${request.method} ${request.url}`]))
  }
}

/** To give way to other fibers, as a network does. */
const noWait = (): Effect.Effect<void> => Effect.yieldNow()

const sleepUntil = (clock: Clock.Clock, time: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const left = time - clock.unsafeCurrentTimeMillis()
    return left > 0 ? clock.sleep(Duration.millis(left)) : noWait()
  })

const played = (
  request: HttpClientRequest.HttpClientRequest,
  recorded: Tape.Response,
  file: string,
  until: (ms: number) => Effect.Effect<void>
): StreamedResponse =>
  new StreamedResponse(request, {
    status: recorded.status,
    headers: recorded.headers,
    body: (response) =>
      Stream.fromIterable(TapeBody.fromTape(recorded.body)).pipe(
        // One by one, as they came.
        Stream.mapEffect(({ bytes, ms }) => Effect.as(until(ms), bytes)),
        Stream.concat(
          Stream.suspend(() => {
            const { end } = recorded
            if (end === undefined) return Stream.empty
            return Stream.fail(
              end === "left"
                ? response.broken(new Error(`when ${file} was recorded, the answer was read to here and no further`))
                : response.broken(new Error(end.words), end.error)
            )
          })
        )
      )
  })

const again = "Is the program right? Then record the tape again, with CASSETTE_MODE=record."

const exhausted = (file: string, times: number): string =>
  `${file} has this request ${times === 1 ? "once" : `${times} times`}, and it was made once more. ` +
  `Shall the last answer be given again? Say repeatLast: true. ${again}`

const unknown = (file: string, takes: ReadonlyArray<Take>, asked: Matching.Request, { match }: Options): string => {
  const near = Matching.nearest(
    takes.map(({ request }) => request),
    asked
  )
  if (near === undefined) return `${asked.method} ${asked.url} is not on the tape ${file}, which is empty. ${again}`
  return [
    `this request is not on the tape ${file}. Nearest is number ${near.index + 1} of ${takes.length}; ` +
      `- is the tape, + what was asked for${match === undefined ? "; headers are not compared" : ""}:`,
    ...near.diff,
    again
  ].join("\n")
}
