/**
 * How many requests a call has made so far, for a deadline outside the retries: when it passes, the error must say how
 * many attempts it cost.
 */
import * as FiberRef from "effect/FiberRef"
import * as GlobalValue from "effect/GlobalValue"

export interface AttemptCount {
  attempts: number
}

export const current: FiberRef.FiberRef<AttemptCount | undefined> = GlobalValue.globalValue(
  "effect-llm/policy/AttemptCount",
  () => FiberRef.unsafeMake<AttemptCount | undefined>(undefined)
)
