/**
 * Several clients behind one service: each layer is built once, and lives as long as what they are joined into. The same
 * layer given twice is one client, with one set of limits.
 *
 * Not `Layer.merge`: of two layers of the same service it keeps the last, and says nothing.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { LlmClient, type Service } from "../LlmClient.js"

export type AnyLayer = Layer.Layer<LlmClient, unknown, unknown>

/** How the layers of a union may fail, and what they need. */
export type ErrorOf<L> = L extends Layer.Layer<LlmClient, infer E, unknown> ? E : never

export type NeedsOf<L> = L extends Layer.Layer<LlmClient, unknown, infer R> ? R : never

/**
 * A layer of `service` from the clients of many layers, in their order. `A` is what belongs to each of them, such as its
 * name or its weight. `join` runs once per layer: state that it makes lives as long as the layer does.
 */
export const join = <I, S, A, E, R, E2, R2>(
  service: Context.Tag<I, S>,
  layers: ReadonlyArray<readonly [A, Layer.Layer<LlmClient, E, R>]>,
  make: (clients: ReadonlyArray<readonly [A, Service]>) => Effect.Effect<S, E2, R2>
): Layer.Layer<I, E | E2, R | Exclude<R2, Scope.Scope>> => {
  const Clients = Context.GenericTag<"Clients", ReadonlyArray<readonly [A, Service]>>("effect-llm/policy/Several")
  const none: Layer.Layer<"Clients", E, R> = Layer.succeed(Clients, [])
  const all = layers.reduce(
    (before, [belongings, layer]) =>
      // Layers to the end, so that they are built in the memo map of the program that uses them.
      Layer.zipWith(before, layer, (clients, context) =>
        Context.make(Clients, [...Context.get(clients, Clients), [belongings, Context.get(context, LlmClient)]])
      ),
    none
  )
  return Layer.flatMap(all, (context) => Layer.scoped(service, make(Context.get(context, Clients))))
}

/** A client made of two others, as `join` makes it of many. */
export const both = <E, R, E2, R2, E3, R3>(
  first: Layer.Layer<LlmClient, E, R>,
  second: Layer.Layer<LlmClient, E2, R2>,
  make: (first: Service, second: Service) => Effect.Effect<Service, E3, R3>
): Layer.Layer<LlmClient, E | E2 | E3, R | R2 | Exclude<R3, Scope.Scope>> => {
  const Second = Context.GenericTag<"Second", Service>("effect-llm/policy/Several/Second")
  const clients = Layer.zipWith(first, second, (one, two) => Context.add(one, Second, Context.get(two, LlmClient)))
  return Layer.flatMap(clients, (context) =>
    Layer.scoped(LlmClient, make(Context.get(context, LlmClient), Context.get(context, Second)))
  )
}
