/**
 * How a stream ended by itself. `Channel.ensuringWith` tells of a failure of whoever reads the stream as if it were the
 * stream's own: a ledger, a breaker or a limiter would put down to a provider what its reader has met.
 */
import * as Channel from "effect/Channel"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"

/** Runs a finalizer with how the channel ended; one whose reader has failed was left, as by an interruption. */
export const ensuringWith =
  <R2>(finalizer: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown, never, R2>) =>
  <Out, In, E, InE, Done, InDone, R>(
    channel: Channel.Channel<Out, In, E, InE, Done, InDone, R>
  ): Channel.Channel<Out, In, E, InE, Done, InDone, R | R2> =>
    Channel.suspend(() => {
      let hasFailed = false
      return channel.pipe(
        Channel.mapErrorCause((cause) => {
          hasFailed = true
          return cause
        }),
        Channel.ensuringWith((exit) =>
          finalizer(Exit.isSuccess(exit) || hasFailed ? exit : Exit.interrupt(FiberId.none))
        )
      )
    })
