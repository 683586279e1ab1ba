/**
 * How many retries all calls of a layer may make together: a share of their calls. When a provider is down, all calls fail,
 * and retries of each of them would be the storm that keeps it down.
 */
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { SlidingCounts } from "./SlidingCounts.js"

/**
 * - `ratio`: the most retries per call, over the window. Default: 0.1
 * - `window`: how long calls and retries count. Default: 1 minute
 * - `floor`: so many retries are allowed in a window however few the calls are. Default: 10
 */
export interface Options {
  readonly ratio?: number | undefined
  readonly window?: Duration.DurationInput | undefined
  readonly floor?: number | undefined
}

/** The calls and retries of a layer in its window. Times are in milliseconds, by the caller's clock. */
export class RetryBudget {
  private readonly counts: SlidingCounts

  constructor(
    private readonly ratio: number,
    windowMillis: number,
    private readonly floor: number
  ) {
    this.counts = new SlidingCounts(windowMillis)
  }

  /** A call begins. */
  called(now: number): void {
    this.counts.call(now)
  }

  /** Takes a retry, if there is one left. */
  take(now: number): boolean {
    const { calls, marked: retries } = this.counts.sums(now)
    if (retries + 1 > Math.max(this.floor, calls * this.ratio)) return false
    this.counts.mark(now)
    return true
  }
}

const wrong = (option: string, message: string): Effect.Effect<never, ConfigError.ConfigError> =>
  Effect.fail(ConfigError.InvalidData(["retry", "budget", option], message))

/** A budget from options, or a `ConfigError` that names the wrong one. */
export const make = (options: Options): Effect.Effect<RetryBudget, ConfigError.ConfigError> => {
  const { floor = 10, ratio = 0.1 } = options
  const window = Duration.decode(options.window ?? "1 minute")
  if (!(ratio >= 0 && Number.isFinite(ratio))) return wrong("ratio", `must be a number of at least 0, not ${ratio}`)
  if (!(floor >= 0 && Number.isFinite(floor))) return wrong("floor", `must be a number of at least 0, not ${floor}`)
  const millis = Duration.toMillis(window)
  if (!(millis > 0 && Number.isFinite(millis)))
    return wrong("window", "must be a duration above 0, and not without end")
  return Effect.succeed(new RetryBudget(ratio, millis, floor))
}
