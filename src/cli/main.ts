#!/usr/bin/env node
/** The `effect-llm` command. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by a second Ctrl-C. */
import { makeRunMain } from "@effect/platform/Runtime"
import { Command, CommanderError } from "commander"
import * as Predicate from "effect/Predicate"
import { readFileSync } from "node:fs"
import * as Count from "./Count.js"
import * as Simulate from "./Simulate.js"

const description: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
const version = Predicate.hasProperty(description, "version") ? String(description.version) : "unknown"

// The first Ctrl-C lets finalizers and summaries run; the second does not wait for them.
const runMain = makeRunMain(({ fiber, teardown }) => {
  const stop = (): void => {
    process.off("SIGINT", stop)
    process.off("SIGTERM", stop)
    process.once("SIGINT", () => process.exit(130))
    fiber.unsafeInterruptAsFork(fiber.id())
  }
  process.on("SIGINT", stop)
  process.on("SIGTERM", stop)
  fiber.addObserver((exit) => teardown(exit, (code) => process.exit(code)))
})

// Whoever reads the output may stop: `effect-llm simulate | head`.
process.stdout.on("error", () => process.exit(0))

const run: Simulate.Run = (effect) => runMain(effect, { disableErrorReporting: true })

const program = new Command("effect-llm")
  .description("call language models, simulate them, and count their tokens")
  .version(version)
  .exitOverride()

Count.register(program, run)
Simulate.register(program, run)

if (process.argv.length <= 2) {
  program.outputHelp()
} else {
  try {
    program.parse()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Commander has written its one line; help and version end well, all else is wrong usage.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  }
}
