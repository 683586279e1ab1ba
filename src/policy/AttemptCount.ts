/**
 * How many requests a call has made so far, for deadlines outside of its retries: when one passes, the error must say how
 * many attempts it cost.
 */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as GlobalValue from "effect/GlobalValue"

/** One per call, shared by its deadlines and retries: `attempts` counts the one under way too, over nested retries. */
export interface AttemptCount {
  attempts: number
}

export const current: FiberRef.FiberRef<AttemptCount | undefined> = GlobalValue.globalValue(
  "effect-llm/policy/AttemptCount",
  () => FiberRef.unsafeMake<AttemptCount | undefined>(undefined)
)

/** A deadline's view of the count. */
export interface Counted {
  /** Attempts since the deadline was set. */
  readonly attempts: () => number
  /** Lets the retries inside of an effect count. */
  readonly within: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Counts from here on, in the count of a deadline further out where there is one. */
export const start: Effect.Effect<Counted> = Effect.map(FiberRef.get(current), (outer) => {
  const count = outer ?? { attempts: 1 }
  const before = count.attempts - 1
  return { attempts: () => count.attempts - before, within: (effect) => Effect.locally(effect, current, count) }
})

/** Tells the deadlines further out that another attempt begins behind so many that were made since this was run. */
export const steps: Effect.Effect<(made: number) => void> = Effect.map(FiberRef.get(current), (count) => {
  const before = (count?.attempts ?? 1) - 1
  return (made) => {
    if (count !== undefined) count.attempts = before + made + 1
  }
})
