import { afterAll, describe, expect, it } from "vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "effect-llm-count-"))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const file = (name: string, content: string): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** Runs `effect-llm count` to its end, with this on its standard input. */
const count = async (args: ReadonlyArray<string>, input = "") => {
  const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", "count", ...args], { cwd: root })
  child.stdin.end(input)
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")])
  return { output, errors, code }
}

describe("effect-llm count", { timeout: 30_000 }, () => {
  it("counts standard input, and prints nothing but the number", async () => {
    expect(await count(["--model", "gpt-4.1"], "tiktoken is great!")).toEqual({ output: "6\n", errors: "", code: 0 })
  })

  it("counts in the encoding of the model", async () => {
    expect((await count(["--model", "gpt-4"], "お誕生日おめでとう")).output).toBe("9\n")
    expect((await count(["--model", "gpt-4o"], "お誕生日おめでとう")).output).toBe("8\n")
  })

  it("marks an estimate, as without a model, with ~", async () => {
    expect((await count([], "tiktoken is great!")).output).toBe("~6\n")
    expect((await count(["--model", "claude-sonnet-4-5"], "")).output).toBe("~0\n")
  })

  it("counts files, one a line, and in total", async () => {
    const a = file("a.txt", "one two three")
    const b = file("b.txt", "word ".repeat(20))
    expect(await count(["--model", "gpt-4o", a, b, "-"], "from elsewhere")).toEqual({
      output: ` 3  ${a}\n21  ${b}\n 2  -\n26  total\n`,
      errors: "",
      code: 0
    })
    expect((await count(["--model", "llama-3", a, b])).output).toBe(` ~3  ${a}\n~21  ${b}\n~24  total\n`)
    expect((await count(["--model", "gpt-4o", a])).output).toBe(`3  ${a}\n`)
  })

  it("names what cannot be read, counts the rest, and ends with 1", async () => {
    const a = file("a.txt", "one two three")
    const { code, errors, output } = await count(["--model", "gpt-4o", "missing.txt", a, folder])
    expect(output).toBe(`3  ${a}\n`)
    expect(errors).toMatch(/^effect-llm count: missing\.txt cannot be read: ENOENT.*\neffect-llm count: .*EISDIR.*\n$/)
    expect(code).toBe(1)
  })

  it("refuses what it does not know, with 2", async () => {
    const { code, errors } = await count(["--modell", "gpt-4o"])
    expect(errors).toContain("unknown option '--modell'")
    expect(code).toBe(2)
  })

  it("says how to use it", async () => {
    const { code, output } = await count(["--help"])
    expect(output).toContain("--model <name>")
    expect(code).toBe(0)
  })
})
