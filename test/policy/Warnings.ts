/**
 * The warnings that an effect logs, beside its value.
 */
import { Array, Effect, Logger, LogLevel } from "effect"

export const warningsIn = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, ReadonlyArray<string>], E, R> =>
  Effect.suspend(() => {
    const warnings: globalThis.Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === LogLevel.Warning) warnings.push(Array.ensure(message).map(String).join(" "))
    })
    return effect.pipe(
      Effect.map((value) => [value, warnings] as const),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
  })
