import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Duration, Option, Schema } from "effect"
import { LlmError } from "effect-llm"

/** A wait is kept in milliseconds: what a double cannot hold of its nanoseconds is lost. */
const isWhole = (error: LlmError.LlmError): boolean =>
  Option.match(LlmError.retryAfter(error), {
    onNone: () => true,
    onSome: (wait) => !Duration.isFinite(wait) || Number.isInteger(Duration.toMillis(wait))
  }) &&
  (error._tag !== "StreamInterrupted" || error.cause === undefined || isWhole(error.cause))

const errors = Arbitrary.make(LlmError.LlmError).filter(isWhole)

describe("LlmError, as data", () => {
  it.prop("any error comes back as it was, in its class", [errors], ([error]) => {
    const encoded = Schema.encodeSync(LlmError.LlmError)(error)
    const back = Schema.decodeSync(LlmError.LlmError)(encoded)
    expect(back).toBeInstanceOf(error.constructor)
    expect(back.message).toBe(error.message)
    expect(Schema.encodeSync(LlmError.LlmError)(back)).toEqual(encoded)
  })
})
