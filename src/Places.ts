/**
 * A fixed number of places, given out first come, first served; waiting ends at once when the one who waits is
 * interrupted.
 *
 * Effect's semaphore lets whoever comes back pass those who wait, and wakes all of them whenever a place becomes free; so
 * this is ours: a free place is handed to the one who waits longest.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export class Places {
  /** In order of arrival. While somebody waits, no place is free. */
  private readonly line = new Set<Deferred.Deferred<void>>()

  constructor(private free: number) {}

  /** Runs an effect in a place. */
  hold<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.zipRight(this.take(restore), Effect.ensuring(restore(effect), this.release))
    )
  }

  /** Takes a place for as long as the scope lasts. Not `acquireRelease`: the wait must be interruptible. */
  readonly holdScoped: Effect.Effect<void, never, Scope.Scope> = Effect.uninterruptibleMask((restore) =>
    Effect.zipRight(
      this.take(restore),
      Effect.addFinalizer(() => this.release)
    )
  )

  private readonly release: Effect.Effect<void> = Effect.sync(() => {
    for (const next of this.line) {
      this.line.delete(next)
      Deferred.unsafeDone(next, Effect.void)
      return
    }
    this.free++
  })

  /** Uninterruptible but for the wait itself, so that no place is lost between being given and being held. */
  private take(restore: Restore): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.free > 0) {
        this.free--
        return Effect.void
      }
      const turn = Deferred.unsafeMake<void>(FiberId.none)
      this.line.add(turn)
      return Effect.onInterrupt(restore(Deferred.await(turn)), () =>
        // One who is not in the line any more has been given a place, and leaves it to the next.
        Effect.suspend(() => (this.line.delete(turn) ? Effect.void : this.release))
      )
    })
  }
}
