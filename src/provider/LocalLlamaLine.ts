/**
 * The line before a few things that many calls share. First come, first served; the line is bounded; waiting ends at once
 * when the one who waits is interrupted.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"

export class Line<A> {
  /** In order of arrival. While somebody waits, nothing is idle. */
  private readonly waiting = new Set<Deferred.Deferred<A>>()
  private readonly idle: Array<A>

  /** `maxWaiting`: how many may wait; 0 takes only those who need not. */
  constructor(
    things: ReadonlyArray<A>,
    private readonly maxWaiting: number
  ) {
    this.idle = [...things]
  }

  /** Uses one of the things; `choose` says which where several are idle. Fails with `full` where the line is too long. */
  use<B, E1, E2, R>(
    use: (thing: A) => Effect.Effect<B, E1, R>,
    full: (waiting: number) => E2,
    choose: (idle: ReadonlyArray<A>) => number = () => 0
  ): Effect.Effect<B, E1 | E2, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Effect.suspend((): Effect.Effect<A, E2> => {
          for (const thing of this.idle.splice(choose(this.idle), 1)) return Effect.succeed(thing)
          if (this.waiting.size >= this.maxWaiting) return Effect.fail(full(this.waiting.size))
          const turn = Deferred.unsafeMake<A>(FiberId.none)
          this.waiting.add(turn)
          return Effect.onInterrupt(restore(Deferred.await(turn)), () =>
            // One who is not in the line any more has been given a thing, and leaves it to the next.
            this.waiting.delete(turn)
              ? Effect.void
              : Effect.flatMap(Deferred.await(turn), (given) => this.giveBack(given))
          )
        }),
        (thing) => Effect.ensuring(restore(use(thing)), this.giveBack(thing))
      )
    )
  }

  private giveBack(thing: A): Effect.Effect<void> {
    return Effect.sync(() => {
      for (const next of this.waiting) {
        this.waiting.delete(next)
        Deferred.unsafeDone(next, Effect.succeed(thing))
        return
      }
      this.idle.push(thing)
    })
  }
}
