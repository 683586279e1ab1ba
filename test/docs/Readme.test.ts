import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "@effect/vitest"
import { Array, Context, Effect, Exit, Layer, Order, Scope } from "effect"
import { LlmError, OpenAiCompatible, Policy, Providers, RetryPolicy } from "effect-llm"
import * as index from "effect-llm"
import * as lmdbIndex from "effect-llm/lmdb"
import * as localIndex from "effect-llm/local"
import * as nodeIndex from "effect-llm/node"
import * as redisIndex from "effect-llm/redis"
import * as testingIndex from "effect-llm/testing"
import { Fault, Simulator } from "effect-llm/testing"
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { type Row, vendors } from "../../src/provider/Vendors.js"
import { documentationModel, isInstalled } from "../LocalEngine.js"
import { announced, missing, printedBy } from "./Output.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const readme = readFileSync(join(root, "README.md"), "utf8")
const manifest: {
  readonly scripts: Readonly<Record<string, string>>
  readonly bin: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
} = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

const sorted = Array.sort(Order.string)

interface Block {
  readonly file: string
  readonly code: string
}

const fences = (language: string): ReadonlyArray<string> =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"))].map(([, code = ""]) => code)

/** Every ts block is a file, named by its first line; blocks import each other by these names. */
const blocks: ReadonlyArray<Block> = fences("ts").map((code) => ({
  file: /^\/\/ ([\w.-]+\.ts)\n/.exec(code)?.[1] ?? "",
  code
}))
const tests = blocks.filter(({ file }) => file.endsWith(".test.ts"))
const modules = blocks.filter(
  ({ code }) => !code.includes("Effect.runPromise") && !tests.some((test) => test.code === code)
)
const programs = blocks.filter((block) => !tests.includes(block) && !modules.includes(block))
/** A local model runs where its engine is installed. */
const runnable = programs.filter(({ file }) => isInstalled || file !== "local.ts")

/** What goes wrong with the requests of a program. */
const faults: Readonly<Record<string, ReadonlyArray<Fault.Fault>>> = {
  "retries.ts": [Fault.status(503)],
  "recovery.ts": [Fault.cut({ afterTokens: 3, ending: "abrupt" })],
  "fallback.ts": [Fault.status(503), Fault.status(503)],
  "errors.ts": [Fault.status(429, { headers: { "retry-after": "20" } }), Fault.status(401)]
}

const answers: ReadonlyArray<readonly [RegExp, string]> = [
  [/Grade this/, JSON.stringify({ grade: 4 })],
  [/pancakes/, JSON.stringify({ title: "Pancakes", minutes: null, steps: ["Whisk.", "Fry."] })],
  [/support ticket/, JSON.stringify({ label: "billing", urgent: true })],
  [/capital/, "Paris."],
  [/weather/, "It is 21 °C."],
  [/Count/, "One, two, three."]
]

// The blocks stand in a project of their own, whose node_modules are ours.
const folder = realpathSync(mkdtempSync(join(tmpdir(), "effect-llm-readme-")))
symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction")
writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({ extends: join(root, "tsconfig.json"), include: ["*.ts"] })
)
for (const { file, code } of blocks) writeFileSync(join(folder, file), code)

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe("the code of the README", () => {
  const scope = Effect.runSync(Scope.make())
  let simulator: Simulator.Service

  beforeAll(async () => {
    const layer = Simulator.layer({
      answer: ({ messages }) => {
        const asked = messages.map(({ text }) => text).join("\n")
        return answers.find(([pattern]) => pattern.test(asked))?.[1] ?? "Yes."
      }
    })
    simulator = Context.get(await Effect.runPromise(Layer.buildWithScope(layer, scope)), Simulator.Simulator)
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it("has blocks, each a file with a name of its own", () => {
    expect(programs.length).toBeGreaterThan(10)
    expect(blocks.filter(({ file }) => file === "").map(({ code }) => code)).toEqual([])
    expect(new Set(blocks.map(({ file }) => file)).size).toBe(blocks.length)
  })

  it("compiles, under the rules of this project", { timeout: 60_000 }, async () => {
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc")
    const { stdout } = await promisify(execFile)(process.execPath, [compiler, "-p", folder]).catch(
      ({ stdout }: { readonly stdout: string }) => ({ stdout })
    )
    expect(stdout).toBe("")
  })

  it.each(runnable)("$file prints what it says", { timeout: 30_000 }, async ({ code, file }) => {
    vi.stubEnv("LOCAL_LLAMA_MODEL", documentationModel())
    vi.stubEnv("OPENAI_API_KEY", "simulated-key")
    vi.stubEnv("OPENAI_BASE_URL", simulator.url)
    vi.stubEnv("ANTHROPIC_API_KEY", "simulated-key")
    vi.stubEnv("ANTHROPIC_BASE_URL", new URL(simulator.url).origin)
    await Effect.runPromise(simulator.inject(...(faults[file] ?? [])))
    expect(announced(code)).not.toEqual([])
    const printed = await printedBy(() => import(join(folder, file)))
    expect(missing(printed, announced(code)), `printed:\n${printed.join("\n")}`).toEqual([])
  })

  it("has no module that nothing imports", () => {
    for (const { file } of modules) {
      const specifier = `"./${file.replace(/\.ts$/, ".js")}"`
      expect(blocks.filter(({ code }) => code.includes(specifier)).length, file).toBeGreaterThan(0)
    }
  })
})

describe("the tests of the README pass", async () => {
  for (const { file } of tests) await import(join(folder, file))
})

describe("the words of the README", () => {
  /** The cells of the table whose head begins with these words. */
  const table = (head: string): ReadonlyArray<ReadonlyArray<string>> => {
    const lines = readme.slice(readme.indexOf(`| ${head}`)).split("\n")
    const end = lines.findIndex((line) => !line.startsWith("|"))
    return lines.slice(2, end).map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim())
    )
  }
  const names = (cell: string | undefined): ReadonlyArray<string> =>
    [...(cell ?? "").matchAll(/`(\w+)[^`]*`/g)].map(([, name = ""]) => name)

  const ofUnion = (members: ReadonlyArray<{ readonly _tag: string; readonly fields: object }>, kind: string) =>
    members.map(({ _tag, fields }) => ({ tag: _tag, kind, fields: sorted(Object.keys(fields)) }))

  it("the errors are all in the table, in their union, with all fields of their own", () => {
    const common = new Set(Object.keys(LlmError.PermissionDenied.fields))
    const expected = [
      ...ofUnion(LlmError.TerminalError.members, "terminal"),
      ...ofUnion(LlmError.RetryableError.members, "retryable")
    ].map(({ fields, ...rest }) => ({ ...rest, fields: fields.filter((field) => !common.has(field)) }))
    const written = table("tag").map(([tag, , kind, own]) => ({
      tag: names(tag).join(),
      kind,
      fields: sorted(names(own))
    }))
    expect(written).toEqual(expected)
    for (const field of common) if (field !== "_tag") expect(readme).toContain(`\`${field}\``)
  })

  it("the policies and the retry policies are all in their tables", () => {
    const policies = table("`Policy`").flatMap(([name]) => names(name))
    expect(sorted(policies)).toEqual(sorted(Object.keys(Policy)))
    const retries = table("`RetryPolicy`").flatMap(([name]) => names(name))
    expect(sorted(retries)).toEqual(sorted(Object.keys(RetryPolicy)))
  })

  it("the namespaces are all in the table of imports", () => {
    const row = (subpath: string) => sorted(names(table("import").find(([name]) => name === `\`${subpath}\``)?.[1]))
    expect(row("effect-llm")).toEqual(sorted(Object.keys(index)))
    expect(row("effect-llm/testing")).toEqual(sorted(Object.keys(testingIndex)))
    expect(row("effect-llm/node")).toEqual(sorted(Object.keys(nodeIndex)))
    expect(row("effect-llm/lmdb")).toEqual(sorted(Object.keys(lmdbIndex)))
    expect(row("effect-llm/local")).toEqual(sorted(Object.keys(localIndex)))
    expect(row("effect-llm/redis")).toEqual(sorted(Object.keys(redisIndex)))
  })

  /** All that stands in backticks. */
  const ticked = (cell: string | undefined): ReadonlyArray<string> =>
    [...(cell ?? "").matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text)

  it("the providers of the registry are all in the list of LLM_PROVIDERs, and the vendors in a line of their own", () => {
    const lines = table("`LLM_PROVIDER`").map(([names, meaning]) => ({ names: ticked(names), meaning }))
    expect(sorted(lines.flatMap(({ names }) => names))).toEqual(sorted(Object.keys(Providers.all)))
    expect(lines.find(({ meaning }) => meaning === "that vendor")?.names).toEqual(OpenAiCompatible.vendorNames)
  })

  it("the table of providers names every provider of the registry, with all its variables", () => {
    const rows = new Map(table("provider").map(([name, , variables]) => [ticked(name)[0] ?? "", ticked(variables)]))
    // Both tables are of the same providers, and all of them can be imported.
    expect([...new Set(table("| streaming").map(([name]) => ticked(name)[0]))]).toEqual([...rows.keys()])
    // Those with an entry of their own are no part of the registry, which no import of the core could load.
    for (const name of Object.keys(localIndex)) expect(rows.delete(name), name).toBe(true)
    expect([...rows.keys()].filter((name) => !Object.hasOwn(index, name))).toEqual([])
    const simple = (name: string): string => name.toLowerCase().replaceAll("-", "")
    const own = Object.entries(Providers.all).filter(([name]) => !OpenAiCompatible.isVendor(name))
    expect(sorted(own.map(([name]) => simple(name)))).toEqual(sorted([...rows.keys()].map(simple)))
    for (const [name, { variables }] of own.filter(([name]) => name !== "openai-compatible")) {
      const written = [...rows].find(([each]) => simple(each) === simple(name))?.[1]
      expect(written, name).toEqual(expect.arrayContaining(Object.values(variables ?? {})))
    }
  })

  it("the table of vendors says of each what its row says", () => {
    const rows: Readonly<Record<string, Row>> = vendors
    const expected = Object.entries(rows).map(
      ([name, { baseUrl, isKeyOptional = false, keyVariable, quirks = {} }]) => ({
        name,
        keyVariable,
        isKeyOptional,
        local: baseUrl.startsWith("http://") ? baseUrl : undefined,
        embeds: quirks.maxEmbeddingInputs !== 0,
        takesSchemas: quirks.takesJsonSchema !== false,
        takesThoughts: quirks.reasoningField !== undefined
      })
    )
    const written = table("vendor").map(([name, key = "", difference = ""]) => ({
      name: ticked(name)[0],
      keyVariable: ticked(key).at(-1),
      isKeyOptional: key.startsWith("none"),
      local: ticked(difference).find((text) => text.startsWith("http")),
      embeds: !difference.includes("no embeddings"),
      takesSchemas: !difference.includes("no JSON schema"),
      takesThoughts: difference.includes("thoughts go back")
    }))
    expect(written).toEqual(expected)
  })

  it("the two commands are there, and every npm script and command that is named exists", () => {
    const shell = fences("sh").join("\n")
    expect(shell).toContain("npm install && npm run demo")
    expect(shell).toContain("npm install && npm test")
    const scripts = [...readme.matchAll(/npm run ([\w-]+)/g)].map(([, name = ""]) => name)
    expect(scripts.filter((name) => manifest.scripts[name] === undefined)).toEqual([])
    const commands = [...readme.matchAll(/npx ([\w-]+)/g)].map(([, name = ""]) => name)
    expect(commands.filter((name) => manifest.bin[name] === undefined)).toEqual([])
  })

  it("the versions to install are those of the peers", () => {
    const pins = [...readme.matchAll(/([@\w/-]+)@(\d[\d.]*)/g)]
    expect(pins.length).toBeGreaterThan(2)
    for (const [pin, name = "", version = ""] of pins) {
      // The engine's binaries have its versions.
      const peer = name.startsWith("@node-llama-cpp/") ? "node-llama-cpp" : name
      expect(manifest.peerDependencies[peer]?.slice(1), pin).toMatch(new RegExp(`^${version}\\.`))
    }
  })

  it.each(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])("every file that %s links to is there", (file) => {
    const text = readFileSync(join(root, file), "utf8")
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, link = ""]) => link)
    expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([])
  })
})
