/**
 * What the demo needs to look well in a terminal, and plain where there is none.
 */
import { Clock, Duration, Effect, Fiber, Ref, Schedule } from "effect"

export const isTerminal = process.stdout.isTTY === true && process.env.NO_COLOR === undefined

const style =
  (code: number) =>
  (text: string): string =>
    isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text

export const bold = style(1)
export const dim = style(2)
export const red = style(31)
export const green = style(32)

// Whoever reads the output may stop: `npm run demo | head`.
process.stdout.on("error", () => process.exit(0))

export const write = (text: string): Effect.Effect<void> => Effect.sync(() => void process.stdout.write(text))

export const writeLine = (text: string): Effect.Effect<void> => write(`${text}\n`)

/** Rows of a name, a right-aligned figure and a note. */
export const table = (rows: ReadonlyArray<readonly [string, string, string]>): string => {
  const names = Math.max(...rows.map(([name]) => name.length))
  const figures = Math.max(...rows.map(([, figure]) => figure.length))
  return rows
    .map(([name, figure, note]) => `  ${name.padEnd(names)}  ${figure.padStart(figures)}  ${dim(note)}`.trimEnd())
    .join("\n")
}

export interface ProgressBar {
  /** One more is done. */
  readonly tick: Effect.Effect<void>
  /** All are done: the bar goes away. */
  readonly done: Effect.Effect<void>
}

const width = 40

const clearLine = "\r\u001b[2K"

/** A bar that redraws itself in a terminal; elsewhere a line at every quarter. */
export const progressBar = (total: number): Effect.Effect<ProgressBar> =>
  Effect.gen(function* () {
    const count = yield* Ref.make(0)
    const start = yield* Clock.currentTimeMillis
    const draw = Effect.gen(function* () {
      const done = yield* Ref.get(count)
      const elapsed = (yield* Clock.currentTimeMillis) - start
      const filled = Math.round((width * done) / total)
      const left = done === 0 ? "" : `${(((elapsed / done) * (total - done)) / 1000).toFixed(1)} s left`
      yield* write(
        `${clearLine}  ${green("█".repeat(filled))}${dim("░".repeat(width - filled))} ${done}/${total}  ${dim(left)}`
      )
    })
    if (!isTerminal) {
      const tick = Effect.flatMap(
        Ref.updateAndGet(count, (n) => n + 1),
        (n) => (n % Math.ceil(total / 4) === 0 ? writeLine(`  ${n}/${total}`) : Effect.void)
      )
      return { tick, done: Effect.void }
    }
    const drawing = yield* Effect.fork(Effect.repeat(draw, Schedule.spaced(Duration.millis(60))))
    return {
      tick: Ref.update(count, (n) => n + 1),
      done: Effect.zipRight(Fiber.interrupt(drawing), write(clearLine))
    }
  })
