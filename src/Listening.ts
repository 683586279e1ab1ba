/** Lists of functions in the context of a call, which hear of what happens in it: each part of a stack adds its own. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Adds a listener to those of an effect. */
export type InEffect<L> = (listener: L) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Adds a listener to those of a stream. */
export type InStream<L> = (listener: L) => <A, E, R>(stream: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>

export const inEffect =
  <Id, L>(listeners: Context.Reference<Id, ReadonlyArray<L>>): InEffect<L> =>
  (listener) =>
  (effect) =>
    Effect.flatMap(listeners, (others) => Effect.provideService(effect, listeners, [...others, listener]))

export const inStream =
  <Id, L>(listeners: Context.Reference<Id, ReadonlyArray<L>>): InStream<L> =>
  (listener) =>
  (stream) =>
    Stream.unwrap(Effect.map(listeners, (others) => Stream.provideService(stream, listeners, [...others, listener])))
