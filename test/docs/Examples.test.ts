import { afterEach, beforeEach, describe, expect, it, vi } from "@effect/vitest"
import { execFile } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { documentationModel, isInstalled } from "../LocalEngine.js"
import { announced, missing, printedBy } from "./Output.js"

/** Whoever has one of these set must not pay for the tests: without them the examples call the simulator. */
const realServices = [
  "OPENAI_API_KEY",
  "ANTHROPIC_API_KEY",
  "GEMINI_API_KEY",
  "ZHIPUAI_API_KEY",
  "HF_TOKEN",
  "AZURE_OPENAI_ENDPOINT",
  "MY_LLAMA_URL"
]

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = `${root}examples/`
const read = (file: string): string => readFileSync(folder + file, "utf8")

/** Every file but tests, which are run as such, and those that others import. The demo is run as a program of its own. */
const files = readdirSync(folder).filter((file) => /(?<!\.test)\.ts$/.test(file))
const imported = new Set(
  files.flatMap((file) => [...read(file).matchAll(/"\.\/([\w-]+)\.js"/g)].map(([, name]) => `${name}.ts`))
)
const all = files.filter((file) => !imported.has(file))
const examples = all.filter((file) => file !== "demo.ts")
/** A local model runs where its engine is installed. */
const runnable = examples.filter((file) => isInstalled || file !== "local-llama.ts")
const programs = ["complete.ts", ...all.filter((file) => file === "demo.ts")]

const spawned = (file: string): Promise<{ readonly stdout: string; readonly stderr: string }> => {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !realServices.includes(name)))
  return promisify(execFile)(process.execPath, ["--import", "tsx", `examples/${file}`], { cwd: root, env })
}

describe("examples", () => {
  beforeEach(() => {
    // Without a key they call a simulated OpenAI on this machine.
    for (const name of realServices) vi.stubEnv(name, undefined)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it("there are some", () => {
    expect(examples.length).toBeGreaterThan(10)
  })

  it.each(examples)("%s says what it shows, how to run it, and what it prints", (file) => {
    const header = /^(?:\/\/ .*\n)+/.exec(read(file))?.[0] ?? ""
    expect(header.split("\n").length).toBeGreaterThan(2)
    expect(header).toContain(`npx tsx examples/${file}\n`)
    expect(announced(read(file))).not.toEqual([])
    expect(read(file).split("\n").length).toBeLessThanOrEqual(60)
  })

  it.each(runnable)("%s prints what it says", { timeout: 30_000 }, async (file) => {
    vi.stubEnv("LOCAL_LLAMA_MODEL", documentationModel())
    const printed = await printedBy(() => import(folder + file))
    expect(missing(printed, announced(read(file))), `printed:\n${printed.join("\n")}`).toEqual([])
  })

  it.each(programs)("npx tsx examples/%s runs and ends", { timeout: 120_000 }, async (file) => {
    const { stderr, stdout } = await spawned(file)
    expect(stdout).not.toBe("")
    expect(missing(stdout.split("\n"), announced(read(file)))).toEqual([])
    expect(stderr).not.toMatch(/Error/)
  })
})
