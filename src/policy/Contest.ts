/**
 * Two attempts at the same thing, the second of them late or never: the first success wins, and the other is interrupted.
 * A failure counts only when nothing else is under way.
 *
 * Not `Effect.raceFirst`, which takes a failure too, nor `Effect.raceAll`, which would wait for the late attempt to begin
 * before an early failure of the first is one.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"

/** How a contest ended well. `others`: how many attempts had begun beside the winner's; `failures`: those that had failed. */
export interface Won<A, E> {
  readonly value: A
  readonly by: "first" | "second"
  readonly others: number
  readonly failures: ReadonlyArray<E>
}

/** No attempt went well: the error of the last, and of those before it. */
export interface Lost<E> {
  readonly error: E
  readonly before: ReadonlyArray<E>
}

/**
 * - `after`: when the second begins, if there is a `place` for it then; `undefined`: never
 * - `discard`: lets go of a success that came too late
 */
export interface Options<A> {
  readonly after: Duration.Duration | undefined
  readonly place: Effect.Effect<boolean>
  readonly discard: (late: A) => Effect.Effect<unknown>
}

/** Runs a contest. Whatever ends it, no attempt goes on behind it. */
export const run = <A, E>(
  first: Effect.Effect<A, E>,
  second: Effect.Effect<A, E>,
  { after, discard, place }: Options<A>
): Effect.Effect<Won<A, E>, Lost<E>> =>
  Effect.scoped(
    Effect.suspend(() => {
      const settled = Deferred.unsafeMake<Won<A, E>, Lost<E>>(FiberId.none)
      const failures: Array<E> = []
      let underway = 0
      let begun = 0

      const enter = (by: Won<A, E>["by"], attempt: Effect.Effect<A, E>) => {
        underway++
        begun++
        return Effect.forkScoped(
          Effect.uninterruptibleMask((restore) =>
            Effect.flatMap(Effect.exit(restore(attempt)), (exit) => {
              underway--
              if (Exit.isSuccess(exit)) {
                const { value } = exit
                const others = begun - 1
                return Effect.flatMap(
                  Deferred.succeed(settled, { value, by, others, failures: [...failures] }),
                  (isFirst) => (isFirst ? Effect.void : Effect.asVoid(discard(value)))
                )
              }
              const failure = Cause.failureOrCause(exit.cause)
              if (Either.isLeft(failure)) {
                const before = [...failures]
                failures.push(failure.left)
                return underway === 0 ? Deferred.fail(settled, { error: failure.left, before }) : Effect.void
              }
              // Who is interrupted has lost, unless all is; a defect is for the caller to see.
              return Cause.isInterruptedOnly(failure.right) ? Effect.void : Deferred.failCause(settled, failure.right)
            })
          )
        )
      }

      const end = Deferred.await(settled)
      const late = Effect.suspend(() => {
        // It may have ended in the instant in which the time was over.
        if (underway === 0) return end
        return Effect.flatMap(place, (has) => (has ? Effect.zipRight(enter("second", second), end) : end))
      })
      return Effect.zipRight(
        enter("first", first),
        after === undefined
          ? end
          : Effect.flatMap(Effect.timeoutOption(end, after), (early) =>
              Option.isSome(early) ? Effect.succeed(early.value) : late
            )
      )
    })
  )
