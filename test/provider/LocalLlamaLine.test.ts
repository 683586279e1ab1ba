import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Ref } from "effect"
import { Line } from "../../src/provider/LocalLlamaLine.js"

const full = (waiting: number): string => `${waiting} wait`

/** Uses a thing until it is told to end. */
const holding = <A>(line: Line<A>, end: Deferred.Deferred<void>): Effect.Effect<A, string> =>
  line.use((thing) => Effect.as(Deferred.await(end), thing), full)

/** Lets all others run until they wait. */
const settled = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow(), { discard: true })

describe("the line before what calls share", () => {
  it.effect("gives each thing to one at a time, in order of arrival", () =>
    Effect.gen(function* () {
      const line = new Line(["a", "b"], 10)
      const order = yield* Ref.make<ReadonlyArray<number>>([])
      const inUse = yield* Ref.make(0)
      const most = yield* Ref.make(0)
      yield* Effect.forEach(
        Array.from({ length: 8 }, (_, n) => n),
        (n) =>
          line.use(
            () =>
              Effect.gen(function* () {
                yield* Ref.update(order, (before) => [...before, n])
                const now = yield* Ref.updateAndGet(inUse, (count) => count + 1)
                yield* Ref.update(most, (before) => Math.max(before, now))
                yield* Effect.yieldNow()
                yield* Ref.update(inUse, (count) => count - 1)
              }),
            full
          ),
        { concurrency: "unbounded" }
      )
      expect(yield* Ref.get(order)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
      expect(yield* Ref.get(most)).toBe(2)
    })
  )

  it.effect("fails at once when it is full, and says how many wait", () =>
    Effect.gen(function* () {
      const line = new Line([1], 1)
      const end = yield* Deferred.make<void>()
      const first = yield* Effect.fork(holding(line, end))
      yield* settled
      const second = yield* Effect.fork(holding(line, end))
      yield* settled
      expect(yield* Effect.flip(holding(line, end))).toBe("1 wait")
      yield* Deferred.succeed(end, undefined)
      expect(yield* Fiber.join(Fiber.zip(first, second))).toEqual([1, 1])
    })
  )

  it.effect("with no room to wait takes those who need not", () =>
    Effect.gen(function* () {
      const line = new Line([1], 0)
      expect(yield* line.use(Effect.succeed, full)).toBe(1)
      expect(yield* line.use(() => Effect.flip(line.use(Effect.succeed, full)), full)).toBe("0 wait")
      expect(yield* line.use(Effect.succeed, full)).toBe(1)
    })
  )

  it.effect("is left by whoever is interrupted, at once", () =>
    Effect.gen(function* () {
      const line = new Line([1], 1)
      const end = yield* Deferred.make<void>()
      const first = yield* Effect.fork(holding(line, end))
      yield* settled
      const second = yield* Effect.fork(holding(line, end))
      yield* settled
      expect(Exit.isInterrupted(yield* Fiber.interrupt(second))).toBe(true)
      const third = yield* Effect.fork(holding(line, end))
      yield* settled
      yield* Deferred.succeed(end, undefined)
      expect(yield* Fiber.join(Fiber.zip(first, third))).toEqual([1, 1])
    })
  )

  it.effect("has the thing back after a failure, a defect and an interruption", () =>
    Effect.gen(function* () {
      const line = new Line([1], 0)
      yield* Effect.exit(line.use(() => Effect.fail("no"), full))
      yield* Effect.exit(line.use(() => Effect.die("no"), full))
      const held = yield* Effect.fork(line.use(() => Effect.never, full))
      yield* settled
      yield* Fiber.interrupt(held)
      expect(yield* line.use(Effect.succeed, full)).toBe(1)
    })
  )

  it.effect("loses nothing when one is interrupted in the moment of its turn", () =>
    Effect.gen(function* () {
      const line = new Line([1], 1)
      const end = yield* Deferred.make<void>()
      yield* Effect.fork(holding(line, end))
      yield* settled
      const second = yield* Effect.fork(line.use(() => Effect.never, full))
      yield* settled
      yield* Deferred.succeed(end, undefined)
      yield* Fiber.interrupt(second)
      yield* settled
      expect(yield* line.use(Effect.succeed, full)).toBe(1)
    })
  )

  it.effect("gives the idle thing that is chosen", () =>
    Effect.gen(function* () {
      const line = new Line(["a", "b", "c"], 0)
      expect(yield* line.use(Effect.succeed, full, (idle) => idle.indexOf("b"))).toBe("b")
      expect(yield* line.use(Effect.succeed, full)).toBe("a")
    })
  )
})
