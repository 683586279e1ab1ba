/**
 * The state of one circuit breaker, without a clock or fibers: what goes through, what comes of it, what changes.
 */
import { SlidingCounts } from "./SlidingCounts.js"

/**
 * - `closed`: calls go through
 * - `open`: none does
 * - `half-open`: some go through, to find out
 */
export type CircuitState = "closed" | "open" | "half-open"

/** Durations in milliseconds. */
export interface Settings {
  readonly failureRatio: number
  readonly minimumCalls: number
  readonly window: number
  readonly openFor: number
  readonly halfOpenProbes: number
}

/** How a call ended: `none` says nothing about the provider. */
export type Verdict = "success" | "failure" | "none"

/** A call that went through. */
export class Passage {
  isSettled = false
  constructor(
    /** The state that let it through, which is another one when that has changed and come back. */
    public era: number,
    public isProbe: boolean
  ) {}
}

/** Times are in milliseconds, by the caller's clock. */
export class Circuit {
  state: CircuitState = "closed"
  /** Each change that nobody was told of yet. */
  readonly changes: Array<readonly [from: CircuitState, to: CircuitState]> = []

  private readonly counts: SlidingCounts
  /** Counts the changes: a call that ends in another era than it began in says nothing about this one. */
  private era = 0
  private openedAt = 0
  /** In the half-open state: those under way, and those that went well. */
  private probes = 0
  private successes = 0

  constructor(private readonly settings: Settings) {
    this.counts = new SlidingCounts(settings.window)
  }

  /** Lets a call through, or says how long none will be: `undefined` where that hangs on the probes under way. */
  enter(now: number): Passage | { readonly wait: number | undefined } {
    if (this.state === "open") {
      // A wall clock may be set back: never longer than from now on.
      const wait = Math.min(this.openedAt + this.settings.openFor - now, this.settings.openFor)
      if (wait > 0) return { wait }
      this.become("half-open")
    }
    if (this.state === "closed") return new Passage(this.era, false)
    if (this.probes + this.successes >= this.settings.halfOpenProbes) return { wait: undefined }
    this.probes++
    return new Passage(this.era, true)
  }

  /** A call has ended. */
  leave(passage: Passage, verdict: Verdict, now: number): void {
    if (passage.isSettled) return
    passage.isSettled = true
    if (passage.era !== this.era) return
    if (passage.isProbe) this.probed(verdict, now)
    else this.counted(verdict, now)
  }

  /** A stream has begun to answer: that is all a probe has to show. From then on it is a call like any other. */
  answers(passage: Passage, now: number): void {
    if (!passage.isProbe || passage.isSettled || passage.era !== this.era) return
    this.probed("success", now)
    passage.isProbe = false
    passage.era = this.era
  }

  private probed(verdict: Verdict, now: number): void {
    this.probes--
    if (verdict === "failure") return this.open(now)
    if (verdict === "none") return
    this.successes++
    if (this.successes >= this.settings.halfOpenProbes) this.become("closed")
  }

  private counted(verdict: Verdict, now: number): void {
    // A stream that was a probe may end before the circuit has closed.
    if (verdict === "none" || this.state !== "closed") return
    this.counts.call(now)
    if (verdict === "success") return
    this.counts.mark(now)
    const { calls, marked: failures } = this.counts.sums(now)
    if (calls >= this.settings.minimumCalls && failures >= calls * this.settings.failureRatio) this.open(now)
  }

  private open(now: number): void {
    this.openedAt = now
    this.become("open")
  }

  private become(state: CircuitState): void {
    this.changes.push([this.state, state])
    this.state = state
    this.era++
    this.probes = 0
    this.successes = 0
    this.counts.clear()
  }
}
