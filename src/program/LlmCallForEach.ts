/**
 * One call for each of many inputs.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"

/** How far it is; `result` is that of the call that has just ended. */
export interface Progress<A, E> {
  readonly done: number
  readonly failed: number
  readonly total: number
  readonly result: Either.Either<A, E>
}

/**
 * - `concurrency`: the most calls at a time. Default: 16
 * - `onProgress`: runs whenever a call has ended, one at a time
 */
export interface ForEachOptions<A, E, R = never> {
  readonly concurrency?: number | "unbounded" | undefined
  readonly onProgress?: ((progress: Progress<A, E>) => Effect.Effect<unknown, never, R>) | undefined
}

const defaultConcurrency = 16

/**
 * Calls for every input, and gives an `Either` for each, in the order of the inputs: a failure does not stop the others,
 * and no waves: a call that ends makes room for the next one. Interrupting it stops all.
 *
 * ```ts
 * LlmCall.forEach(summarise, articles.map((article) => ({ article })), { concurrency: 8 })
 * ```
 */
export const forEach = <Input, A, E, R, R2 = never>(
  call: (input: Input) => Effect.Effect<A, E, R>,
  inputs: Iterable<Input>,
  options: ForEachOptions<A, E, R2> = {}
): Effect.Effect<ReadonlyArray<Either.Either<A, E>>, never, R | R2> =>
  Effect.suspend(() => {
    const all = Array.from(inputs)
    const { concurrency = defaultConcurrency, onProgress } = options
    if (onProgress === undefined) {
      return Effect.forEach(all, (input) => Effect.either(call(input)), { concurrency })
    }
    const turn = Effect.unsafeMakeSemaphore(1)
    let done = 0
    let failed = 0
    const ended = (result: Either.Either<A, E>): Effect.Effect<unknown, never, R2> =>
      turn.withPermits(1)(
        Effect.suspend(() => {
          done++
          if (Either.isLeft(result)) failed++
          return onProgress({ done, failed, total: all.length, result })
        })
      )
    return Effect.forEach(all, (input) => Effect.tap(Effect.either(call(input)), ended), { concurrency })
  })
