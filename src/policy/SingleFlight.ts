/**
 * One call for all who want the same at the same time. A caller that leaves does not end it for the others; it is
 * interrupted when the last one leaves. Success and failure are shared by those who wait, and kept for nobody.
 *
 * `Effect.cachedFunction` and `Cache` end a call for all when its first caller leaves, and keep failures; so this is ours.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"

/** A call under way. `log` is what the call tells those who follow it while it runs. */
export interface Flight<A, E, Log> {
  readonly result: Effect.Effect<A, E>
  readonly log: Log
}

interface Entry<A, E, Log> extends Flight<A, E, Log> {
  readonly deferred: Deferred.Deferred<A, E>
  users: number
  fiber: Fiber.RuntimeFiber<void> | undefined
}

/** A flight, and whether this caller is the one who started it. */
export interface Joined<A, E, Log> {
  readonly flight: Flight<A, E, Log>
  readonly isFirst: boolean
}

export interface SingleFlight<A, E, Log> {
  /** Joins the call of this key, or starts it. The place in it is given up when the scope closes. */
  readonly join: (
    key: string,
    makeLog: () => Log,
    call: (log: Log) => Effect.Effect<A, E>
  ) => Effect.Effect<Joined<A, E, Log>, never, Scope.Scope>
}

/** Calls that are still under way when the scope closes are interrupted. */
export const make = <A, E, Log>(): Effect.Effect<SingleFlight<A, E, Log>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope): SingleFlight<A, E, Log> => {
    const entries = new Map<string, Entry<A, E, Log>>()

    const forget = (key: string, entry: Entry<A, E, Log>): void => {
      if (entries.get(key) === entry) entries.delete(key)
    }

    const start = (key: string, log: Log, call: (log: Log) => Effect.Effect<A, E>): Effect.Effect<Entry<A, E, Log>> =>
      Effect.suspend(() => {
        const deferred = Deferred.unsafeMake<A, E>(FiberId.none)
        const entry: Entry<A, E, Log> = { deferred, result: Deferred.await(deferred), log, users: 0, fiber: undefined }
        entries.set(key, entry)
        return Effect.interruptible(Effect.suspend(() => call(log))).pipe(
          Effect.exit,
          Effect.flatMap((exit) => {
            forget(key, entry)
            return Effect.asVoid(Deferred.done(deferred, exit))
          }),
          Effect.forkIn(scope),
          Effect.map((fiber) => {
            entry.fiber = fiber
            return entry
          })
        )
      })

    const leave = (key: string, entry: Entry<A, E, Log>): Effect.Effect<void> =>
      Effect.suspend(() => {
        entry.users--
        if (entry.users > 0 || entry.fiber === undefined) return Effect.void
        forget(key, entry)
        return Fiber.interrupt(entry.fiber)
      })

    return {
      join: (key, makeLog, call) =>
        Effect.uninterruptible(
          Effect.suspend(() => {
            const known = entries.get(key)
            return Effect.flatMap(
              known === undefined ? start(key, makeLog(), call) : Effect.succeed(known),
              (entry) => {
                entry.users++
                return Effect.as(
                  Effect.addFinalizer(() => leave(key, entry)),
                  { flight: entry, isFirst: known === undefined }
                )
              }
            )
          })
        )
    }
  })
