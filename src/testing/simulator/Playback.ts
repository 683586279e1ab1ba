/** A script performed in time: its steps as a stream of bytes, billed as they go out. */
import * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Script } from "./FaultScript.js"
import type { Entry } from "./Ledger.js"

/** The simulator broke the connection. */
export class ConnectionCut extends Data.TaggedError("ConnectionCut") {}

export interface Playing {
  readonly entry: Entry
  /** Of the fiber that asked. */
  readonly clock: Clock.Clock
  /** When the headers went out, in milliseconds of that clock. */
  readonly sentAt: number
  /** Each step by itself, also when several are due. */
  readonly flushEach: boolean
}

/** Sends the steps as they fall due, all that are due together in one piece. */
export const play = (
  script: Script,
  { clock, entry, flushEach, sentAt }: Playing
): Stream.Stream<Uint8Array, ConnectionCut> => {
  const { ending, steps } = script
  let index = 0

  const due = Effect.sync(() => {
    const now = clock.unsafeCurrentTimeMillis()
    let text = ""
    let tokens = 0
    for (let step = steps[index]; step !== undefined && sentAt + step.due <= now; step = steps[++index]) {
      if (flushEach && text !== "") break
      text += step.text
      tokens += step.tokens
    }
    if (tokens > 0) entry.bill(0, tokens)
    // Not at the next pull: a client may stop reading at the end marker.
    if (index >= steps.length && ending._tag === "Clean") entry.end("complete", now, script.whole)
    return Chunk.of(encoder.encode(text))
  })

  const end = Effect.suspend((): Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<ConnectionCut>> => {
    switch (ending._tag) {
      case "Clean":
        entry.end("complete", clock.unsafeCurrentTimeMillis(), script.whole)
        return Effect.fail(Option.none())
      case "Cut":
        entry.end("cut", clock.unsafeCurrentTimeMillis())
        return Effect.fail(Option.some(new ConnectionCut()))
      case "Silence":
        return ending.comments === undefined
          ? Effect.never
          : Effect.as(clock.sleep(Duration.millis(ending.comments)), Chunk.of(encoder.encode(": ping\n\n")))
    }
  })

  const pull = Effect.suspend(() => {
    const step = steps[index]
    if (step === undefined) return end
    const wait = sentAt + step.due - clock.unsafeCurrentTimeMillis()
    return wait > 0 ? Effect.zipRight(clock.sleep(Duration.millis(wait)), due) : due
  })

  return Stream.ensuring(
    Stream.repeatEffectChunkOption(pull),
    Effect.sync(() => entry.end("closedByClient", clock.unsafeCurrentTimeMillis()))
  )
}

const encoder = new TextEncoder()
