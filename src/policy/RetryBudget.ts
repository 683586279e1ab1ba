/**
 * How many retries all calls of a layer may make together: a share of their calls. When a provider is down, all calls fail,
 * and retries of each of them would be the storm that keeps it down.
 */
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

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

/** The window moves by a tenth at a time. */
const slots = 10

/** The calls and retries of a layer in its window. Times are in milliseconds, by the caller's clock. */
export class RetryBudget {
  private readonly window = Array.from({ length: slots }, () => ({ calls: 0, retries: 0 }))
  private slot: number | undefined

  constructor(
    private readonly ratio: number,
    private readonly windowMillis: number,
    private readonly floor: number
  ) {}

  /** A call begins. */
  called(now: number): void {
    this.move(now).calls++
  }

  /** Takes a retry, if there is one left. */
  take(now: number): boolean {
    const current = this.move(now)
    const calls = this.window.reduce((sum, slot) => sum + slot.calls, 0)
    const retries = this.window.reduce((sum, slot) => sum + slot.retries, 0)
    if (retries + 1 > Math.max(this.floor, calls * this.ratio)) return false
    current.retries++
    return true
  }

  /** The slot of this time, with those emptied that have left the window since the last one. */
  private move(now: number): { calls: number; retries: number } {
    const slot = Math.floor((now / this.windowMillis) * slots)
    const before = this.slot ?? slot
    // A clock that was set back counts on in its newest slot.
    const current = Math.max(slot, before)
    for (let left = Math.max(before + 1, current - slots + 1); left <= current; left++) {
      this.window[left % slots] = { calls: 0, retries: 0 }
    }
    this.slot = current
    const counts = this.window[current % slots] ?? { calls: 0, retries: 0 }
    this.window[current % slots] = counts
    return counts
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
