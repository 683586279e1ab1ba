/**
 * What one call gives out, for any number of readers: each reads it from the beginning, at its own pace, and waits for
 * more until the log is ended.
 */
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export class BroadcastLog<A> {
  private readonly chunks: Array<Chunk.Chunk<A>> = []
  private readonly waiting = new Set<() => void>()
  private ended = false

  push(chunk: Chunk.Chunk<A>): void {
    this.chunks.push(chunk)
    this.wake()
  }

  end(): void {
    this.ended = true
    this.wake()
  }

  /** Everything from the beginning, one Chunk as it was pushed. */
  get stream(): Stream.Stream<A> {
    return Stream.fromChannel(this.from(0))
  }

  private from(position: number): Channel.Channel<Chunk.Chunk<A>> {
    return Channel.suspend(() => {
      const chunk = this.chunks[position]
      if (chunk !== undefined) return Channel.zipRight(Channel.write(chunk), this.from(position + 1))
      return this.ended ? Channel.void : Channel.zipRight(Channel.fromEffect(this.more(position)), this.from(position))
    })
  }

  private more(position: number): Effect.Effect<void> {
    return Effect.async((resume) => {
      // Another fiber may have had its turn since this one found nothing.
      if (this.ended || position < this.chunks.length) return resume(Effect.void)
      const wake = (): void => resume(Effect.void)
      this.waiting.add(wake)
      return Effect.sync(() => this.waiting.delete(wake))
    })
  }

  private wake(): void {
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const wake of waiting) wake()
  }
}
