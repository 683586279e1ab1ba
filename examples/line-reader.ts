// The terminal of the chat example: lines with the comfort of readline, and Ctrl-C or Ctrl-D as an end. Where there is no
// terminal, as in a test, the lines of a script are said instead.
import { Terminal } from "@effect/platform"
import { Effect, Layer, Mailbox, Option } from "effect"
import * as readline from "node:readline"

const write = (text: string) => Effect.sync(() => void process.stdout.write(text))

const none = { input: Option.none(), key: { name: "c", ctrl: true, meta: false, shift: false } }

/** `readInput` ends when the user leaves, so that an answer can be left in the middle. */
export const layer = (script: ReadonlyArray<string>): Layer.Layer<Terminal.Terminal> =>
  Layer.scoped(
    Terminal.Terminal,
    Effect.gen(function* () {
      const lines = yield* Mailbox.make<string>()
      const quit = yield* Mailbox.make<Terminal.UserInput>()
      if (process.stdin.isTTY === true) {
        const reader = yield* Effect.acquireRelease(
          Effect.sync(() => readline.createInterface({ input: process.stdin, output: process.stdout, prompt: "" })),
          (reader) => Effect.sync(() => reader.close())
        )
        reader.on("line", (line) => void lines.unsafeOffer(line))
        reader.on("close", () => {
          quit.unsafeOffer(none)
          Effect.runFork(Effect.zipRight(lines.end, quit.end))
        })
      } else {
        yield* lines.offerAll(script)
        yield* lines.end
      }
      return {
        columns: Effect.succeed(process.stdout.columns ?? 80),
        rows: Effect.succeed(process.stdout.rows ?? 24),
        isTTY: Effect.succeed(process.stdin.isTTY === true),
        readInput: Effect.succeed(quit),
        readLine: Effect.mapError(lines.take, () => new Terminal.QuitException()),
        display: write
      }
    })
  )
