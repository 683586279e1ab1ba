/**
 * Long work in steps, with a pause after each: a text of many megabytes must not stop everything else in the process.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** Runs a generator to its end. It can be interrupted where it yields. Work of one step is done without a pause. */
export const run = <A>(work: () => Generator<void, A>): Effect.Effect<A> => Effect.suspend(() => proceed(work()))

const proceed = <A>(work: Generator<void, A>): Effect.Effect<A> => {
  const step = work.next()
  return step.done === true ? Effect.succeed(step.value) : Effect.flatMap(pause, () => proceed(work))
}

// Effect.yieldNow lets other fibers run, but neither timers nor sockets; and the time of tests would not go on by itself.
const pause = Effect.suspend(() => Clock.make().sleep(Duration.zero))
