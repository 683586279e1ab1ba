/**
 * How long a client takes at present: an average in which the last calls count most, and which fades, so that one that was
 * slow once is tried again.
 */

/** How much the last call counts. */
const share = 0.3

/** After so many milliseconds without a call, half of it is forgotten. */
const halfLife = 30_000

/** What a failure counts as: it may have come quickly, and is no quick answer. */
const failure = 60_000

/** Times are in milliseconds, by the caller's clock. */
export class RecentLatency {
  private average: number | undefined
  private at = 0

  answered(millis: number, now: number): void {
    this.average = this.average === undefined ? millis : this.average * (1 - share) + millis * share
    this.at = now
  }

  failed(now: number): void {
    this.average = Math.max(failure, this.average ?? 0)
    this.at = now
  }

  /** A call that was left: so much is known, that it takes longer than this. */
  left(millis: number, now: number): void {
    if (millis > this.estimate(now)) this.answered(millis, now)
  }

  /** At least 1; a client that was never asked comes first. */
  estimate(now: number): number {
    const faded = (this.average ?? 0) * 0.5 ** (Math.max(0, now - this.at) / halfLife)
    return Math.max(1, faded)
  }
}
