/**
 * A bucket of tokens or requests, as providers keep them: full at first, refilled evenly over the minute, never more than
 * full. Closed form: no timer runs while nobody waits.
 *
 * What a call really used is known when it ends. It is then entered where the call began, and the bucket counted anew from
 * there: a bucket that was full meanwhile would have lost what a late refund gives back.
 *
 * Whole numbers throughout (a token is 60,000 units, a millisecond refills `limit` units), so waits are exact.
 */

const unit = 60_000

/** The most withdrawals that are remembered one by one; what is older is corrected as if it were as young as the oldest. */
const remembered = 1024

/** Something taken from a bucket. Only the bucket changes it. */
export interface Withdrawal {
  at: number
  units: number
  isSettled: boolean
  /** Its part of the level is in the base. */
  isForgotten: boolean
}

export class TokenBucket {
  private level: number
  /** The level before the first of the log. */
  private base: number
  private baseAt: number
  private log: Array<Withdrawal> = []

  /** `now`: in milliseconds, as everywhere here. */
  constructor(
    private limit: number,
    private at: number
  ) {
    this.level = limit * unit
    this.base = this.level
    this.baseAt = at
  }

  /** How long until so many are there, in whole milliseconds; 0: they are. More than the limit are never there. */
  wait(amount: number, now: number): number {
    this.refill(now)
    const missing = amount * unit - this.level
    return missing <= 0 ? 0 : Math.ceil(missing / this.limit)
  }

  /** Takes so many, whether they are there or not. */
  take(amount: number, now: number): Withdrawal {
    this.refill(now)
    const withdrawal: Withdrawal = { at: this.at, units: amount * unit, isSettled: false, isForgotten: false }
    this.level -= withdrawal.units
    this.log.push(withdrawal)
    this.trim()
    return withdrawal
  }

  /** Says how many it really were. */
  settle(withdrawal: Withdrawal, amount: number, now: number): void {
    if (withdrawal.isSettled) return
    this.refill(now)
    const back = withdrawal.units - amount * unit
    withdrawal.units = amount * unit
    withdrawal.isSettled = true
    if (back !== 0) {
      if (withdrawal.isForgotten) this.base = Math.min(this.limit * unit, this.base + back)
      this.recount()
    }
    this.trim()
  }

  /** The provider has no more than so many left: what is missing was used by others. */
  atMost(amount: number, now: number): void {
    this.refill(now)
    const units = this.level - Math.floor(amount * unit)
    if (units <= 0) return
    this.level -= units
    this.log.push({ at: this.at, units, isSettled: true, isForgotten: false })
    this.trim()
  }

  /** Another limit from now on. */
  resize(limit: number, now: number): void {
    if (limit === this.limit) return
    this.refill(now)
    this.limit = limit
    this.level = Math.min(this.level, limit * unit)
    for (const withdrawal of this.log) withdrawal.isForgotten = true
    this.log = []
    this.base = this.level
    this.baseAt = this.at
  }

  /** A clock that was set back stands still. */
  private refill(now: number): void {
    this.level = this.grown(this.level, this.at, now)
    this.at = Math.max(this.at, now)
  }

  private grown(level: number, from: number, to: number): number {
    return Math.min(this.limit * unit, level + Math.max(0, to - from) * this.limit)
  }

  private recount(): void {
    let level = this.base
    let at = this.baseAt
    for (const withdrawal of this.log) {
      level = this.grown(level, at, withdrawal.at) - withdrawal.units
      at = withdrawal.at
    }
    this.level = this.grown(level, at, this.at)
  }

  /** Forgets what cannot change any more. */
  private trim(): void {
    let forgotten = 0
    for (const withdrawal of this.log) {
      if (!withdrawal.isSettled && this.log.length - forgotten <= remembered) break
      withdrawal.isForgotten = true
      this.base = this.grown(this.base, this.baseAt, withdrawal.at) - withdrawal.units
      this.baseAt = withdrawal.at
      forgotten++
    }
    if (forgotten > 0) this.log = this.log.slice(forgotten)
  }
}
