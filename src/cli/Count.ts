/** `effect-llm count`: how many tokens files or a text from another program are to a model. */
import type { Command } from "commander"
import * as Effect from "effect/Effect"

/** How a command's effect is run; by the main program. */
export type Run = (effect: Effect.Effect<void, unknown>) => void

/** Adds the command to the program. */
export const register = (program: Command, run: Run): void => {
  program
    .command("count")
    .description("count the tokens of files, or of standard input")
    .argument("[files...]", "files of text; - or none at all is standard input")
    .option("--model <name>", "whose tokens are meant, such as gpt-4.1; without it an estimate")
    .action((files: ReadonlyArray<string>, flags: Flags) =>
      // The other commands need not load what only this one does.
      run(
        Effect.flatMap(
          Effect.promise(() => import("./CountFiles.js")),
          ({ countFiles }) => countFiles(files, flags.model)
        )
      )
    )
}

interface Flags {
  readonly model?: string
}
