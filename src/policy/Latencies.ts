/**
 * How long the last calls took, to tell an unusual one.
 */

/** So many are remembered, and so many are needed before anything can be said. */
const most = 200
const least = 20

export class Latencies {
  private readonly last: Array<number> = []
  private next = 0

  /** Times are in milliseconds. */
  add(millis: number): void {
    this.last[this.next] = millis
    this.next = (this.next + 1) % most
  }

  /** What only one call in twenty exceeds; `undefined` before enough is known. */
  get p95(): number | undefined {
    if (this.last.length < least) return undefined
    const sorted = [...this.last].sort((a, b) => a - b)
    return sorted[Math.ceil(sorted.length * 0.95) - 1]
  }
}
