/**
 * A name for a call, by which a provider that knows such names answers, and bills, once however often it is sent.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

const part: Effect.Effect<string> = Effect.map(Random.nextIntBetween(0, 2 ** 32), (n) =>
  n.toString(36).padStart(7, "0")
)

export const make: Effect.Effect<string> = Effect.map(Effect.zip(part, part), ([a, b]) => `effect-llm-${a}${b}`)
