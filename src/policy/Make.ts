/**
 * How a function over clients becomes a function over layers.
 */
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { LlmClient, type Service } from "../LlmClient.js"

/** Wraps the client of a layer: `OpenAi.layerConfig().pipe(policy)`. In a pipe the first policy is the innermost. */
export interface Policy<E2 = never, R2 = never> {
  <E, R>(self: Layer.Layer<LlmClient, E, R>): Layer.Layer<LlmClient, E | E2, R | R2>
}

/**
 * A policy of your own, from a function that wraps a client. The function runs once per layer: state that it makes lives
 * as long as the layer does, and may have finalizers.
 *
 * ```ts
 * const logged = Policy.make((next) =>
 *   Effect.succeed({ ...next, complete: (request) => Effect.tap(next.complete(request), (c) => Effect.log(c.text)) }))
 * ```
 */
export const make =
  <E2 = never, R2 = never>(
    wrap: (next: Service) => Effect.Effect<Service, E2, R2>
  ): Policy<E2, Exclude<R2, Scope.Scope>> =>
  // `Layer.flatMap`, because a wrapper as a value that is provided twice would be memoised and wrap once.
  (self) =>
    Layer.flatMap(self, (context) => Layer.scoped(LlmClient, wrap(Context.get(context, LlmClient))))

/** A whole number above 0, or the `ConfigError` of a layer that was given something else. */
export const positiveInteger = (option: string, value: number): Effect.Effect<number, ConfigError.ConfigError> =>
  Number.isInteger(value) && value > 0
    ? Effect.succeed(value)
    : Effect.fail(ConfigError.InvalidData([option], `must be a whole number above 0, not ${value}`))

/** A duration above 0, or the `ConfigError` of a layer that was given something else. */
export const positiveDuration = (
  option: string,
  value: Duration.DurationInput
): Effect.Effect<Duration.Duration, ConfigError.ConfigError> => {
  const duration = Duration.decode(value)
  return Duration.greaterThan(duration, Duration.zero)
    ? Effect.succeed(duration)
    : Effect.fail(ConfigError.InvalidData([option], "must be a duration above 0"))
}
