/**
 * How many calls there were in the last while, and how many of them are marked: as failed, as repeated. The window moves by
 * a tenth of itself at a time.
 */

const slots = 10

interface Counts {
  calls: number
  marked: number
}

/** Times are in milliseconds, by the caller's clock. */
export class SlidingCounts {
  private window = emptyWindow()
  private slot: number | undefined

  constructor(private readonly windowMillis: number) {}

  call(now: number): void {
    this.move(now).calls++
  }

  mark(now: number): void {
    this.move(now).marked++
  }

  /** The sums over the window. */
  sums(now: number): Readonly<Counts> {
    this.move(now)
    return this.window.reduce((sum, { calls, marked }) => ({ calls: sum.calls + calls, marked: sum.marked + marked }))
  }

  clear(): void {
    this.window = emptyWindow()
  }

  /** The slot of this time, with those emptied that have left the window since the last one. */
  private move(now: number): Counts {
    const slot = Math.floor((now / this.windowMillis) * slots)
    const before = this.slot ?? slot
    // A clock that was set back counts on in its newest slot.
    const current = Math.max(slot, before)
    for (let left = Math.max(before + 1, current - slots + 1); left <= current; left++) {
      this.window[left % slots] = { calls: 0, marked: 0 }
    }
    this.slot = current
    const counts = this.window[current % slots] ?? { calls: 0, marked: 0 }
    this.window[current % slots] = counts
    return counts
  }
}

const emptyWindow = (): Array<Counts> => Array.from({ length: slots }, () => ({ calls: 0, marked: 0 }))
