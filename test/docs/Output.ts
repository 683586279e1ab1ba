/**
 * What a program in the documentation says it prints, and what it prints: `// -> text` is a line of output, and `…` in it
 * stands for anything.
 */
import { vi } from "vitest"

/** The lines that a source announces, in order. */
export const announced = (source: string): ReadonlyArray<string> =>
  [...source.matchAll(/^ *\/\/ -> (.*)$/gm)].map(([, line = ""]) => line)

/** Everything that is written to the console and to standard output meanwhile, line by line. */
export const printedBy = async (run: () => Promise<unknown>): Promise<ReadonlyArray<string>> => {
  let output = ""
  const log = vi.spyOn(console, "log").mockImplementation((...words: ReadonlyArray<unknown>) => {
    output += `${words.map(String).join(" ")}\n`
  })
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    output += String(text)
    return true
  })
  try {
    await run()
  } finally {
    log.mockRestore()
    write.mockRestore()
  }
  return output.split("\n").filter((line) => line !== "")
}

const matches = (line: string, expected: string): boolean =>
  new RegExp(`^${expected.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replaceAll("…", ".*")}$`).test(line)

/** The announced lines that were not printed, or not in this order. */
export const missing = (printed: ReadonlyArray<string>, expected: ReadonlyArray<string>): ReadonlyArray<string> => {
  let from = 0
  return expected.filter((line) => {
    const at = printed.findIndex((each, index) => index >= from && matches(each, line))
    if (at >= 0) from = at + 1
    return at < 0
  })
}
