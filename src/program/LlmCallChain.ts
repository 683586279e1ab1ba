/**
 * Calls one after the other, each from what the one before it gave.
 */
import * as Effect from "effect/Effect"
import type * as Template from "./Template.js"

/** A call that takes a bare text, since its template has one variable. */
interface FromText<B, E, R> {
  readonly ofText: (text: Template.Value) => Effect.Effect<B, E, R>
}

/**
 * What can follow a step that gives an `A`: a call whose variables it holds, a call of one variable where it is a text, or
 * a function that makes of it what the next one needs.
 */
type Step<A, B, E, R> =
  // The same as `A`, but read only where nothing else says what `A` is: the step before does. `NoInfer` would be read
  // before a function in between has said what it gives.
  | ((value: A & ({} | null | undefined)) => Effect.Effect<B, E, R> | B)
  | (A extends Template.Value ? FromText<B, E, R> : never)

/**
 * Pipes calls:
 *
 * ```ts
 * const article = LlmCall.chain(outline, (text) => ({ outline: text, tone: "dry" }), draft, critique)
 * const program = article({ topic: "lighthouses" })
 * ```
 *
 * A text goes into the one variable of the next call, an object into the variables of its names. A step that is a plain
 * function may give a value or an Effect. What does not fit does not compile. At most seven steps; chains can be chained.
 */
export function chain<Variables extends ReadonlyArray<unknown>, A, B, E0 = never, R0 = never, E1 = never, R1 = never>(
  first: (...variables: Variables) => Effect.Effect<A, E0, R0>,
  second: Step<A, B, E1, R1>
): (...variables: Variables) => Effect.Effect<B, E0 | E1, R0 | R1>
export function chain<
  Variables extends ReadonlyArray<unknown>,
  A,
  B,
  C,
  E0 = never,
  R0 = never,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never
>(
  first: (...variables: Variables) => Effect.Effect<A, E0, R0>,
  second: Step<A, B, E1, R1>,
  third: Step<B, C, E2, R2>
): (...variables: Variables) => Effect.Effect<C, E0 | E1 | E2, R0 | R1 | R2>
export function chain<
  Variables extends ReadonlyArray<unknown>,
  A,
  B,
  C,
  D,
  E0 = never,
  R0 = never,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never,
  E3 = never,
  R3 = never
>(
  first: (...variables: Variables) => Effect.Effect<A, E0, R0>,
  second: Step<A, B, E1, R1>,
  third: Step<B, C, E2, R2>,
  fourth: Step<C, D, E3, R3>
): (...variables: Variables) => Effect.Effect<D, E0 | E1 | E2 | E3, R0 | R1 | R2 | R3>
export function chain<
  Variables extends ReadonlyArray<unknown>,
  A,
  B,
  C,
  D,
  F,
  E0 = never,
  R0 = never,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never,
  E3 = never,
  R3 = never,
  E4 = never,
  R4 = never
>(
  first: (...variables: Variables) => Effect.Effect<A, E0, R0>,
  second: Step<A, B, E1, R1>,
  third: Step<B, C, E2, R2>,
  fourth: Step<C, D, E3, R3>,
  fifth: Step<D, F, E4, R4>
): (...variables: Variables) => Effect.Effect<F, E0 | E1 | E2 | E3 | E4, R0 | R1 | R2 | R3 | R4>
export function chain<
  Variables extends ReadonlyArray<unknown>,
  A,
  B,
  C,
  D,
  F,
  G,
  E0 = never,
  R0 = never,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never,
  E3 = never,
  R3 = never,
  E4 = never,
  R4 = never,
  E5 = never,
  R5 = never
>(
  first: (...variables: Variables) => Effect.Effect<A, E0, R0>,
  second: Step<A, B, E1, R1>,
  third: Step<B, C, E2, R2>,
  fourth: Step<C, D, E3, R3>,
  fifth: Step<D, F, E4, R4>,
  sixth: Step<F, G, E5, R5>
): (...variables: Variables) => Effect.Effect<G, E0 | E1 | E2 | E3 | E4 | E5, R0 | R1 | R2 | R3 | R4 | R5>
export function chain<
  Variables extends ReadonlyArray<unknown>,
  A,
  B,
  C,
  D,
  F,
  G,
  H,
  E0 = never,
  R0 = never,
  E1 = never,
  R1 = never,
  E2 = never,
  R2 = never,
  E3 = never,
  R3 = never,
  E4 = never,
  R4 = never,
  E5 = never,
  R5 = never,
  E6 = never,
  R6 = never
>(
  first: (...variables: Variables) => Effect.Effect<A, E0, R0>,
  second: Step<A, B, E1, R1>,
  third: Step<B, C, E2, R2>,
  fourth: Step<C, D, E3, R3>,
  fifth: Step<D, F, E4, R4>,
  sixth: Step<F, G, E5, R5>,
  seventh: Step<G, H, E6, R6>
): (...variables: Variables) => Effect.Effect<H, E0 | E1 | E2 | E3 | E4 | E5 | E6, R0 | R1 | R2 | R3 | R4 | R5 | R6>
export function chain(
  first: (...variables: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown, unknown>,
  ...steps: ReadonlyArray<unknown>
): (...variables: ReadonlyArray<unknown>) => Effect.Effect<unknown, unknown, unknown> {
  return (...variables) =>
    steps.reduce<Effect.Effect<unknown, unknown, unknown>>(
      (before, step) => Effect.flatMap(before, (value) => run(step, value)),
      first(...variables)
    )
}

const isText = (value: unknown): value is Template.Value =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"

const takesText = (step: unknown): step is FromText<unknown, unknown, unknown> =>
  typeof step === "function" && "ofText" in step

const run = (step: unknown, value: unknown): Effect.Effect<unknown, unknown, unknown> => {
  const next: unknown =
    takesText(step) && isText(value) ? step.ofText(value) : typeof step === "function" ? step(value) : step
  return Effect.isEffect(next) ? next : Effect.succeed(next)
}
