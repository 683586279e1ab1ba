import { afterAll, describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const root = fileURLToPath(new URL("../..", import.meta.url))

const program = `import { Template } from "effect-llm"
declare const text: string
export const letter = Template.make("Dear {{name}}, you are {{ age }}.")
export const render = letter.render
export const chat = Template.chat(Template.system("You are {{who}}."), Template.user("{{question}}"))
Template.make(text)
Template.make("{{#items}}{{title}}{{/items}}")
Template.make("Dear {{name")
letter.render({ name: "Ada" })
letter.render({ name: "Ada", age: 36, city: "London" })
`

const folder = realpathSync(mkdtempSync(join(tmpdir(), "effect-llm-template-")))
symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction")
writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
writeFileSync(join(folder, "program.ts"), program)
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({
    extends: join(root, "tsconfig.json"),
    compilerOptions: { noEmit: false, emitDeclarationOnly: true, declarationMap: false, rootDir: "/", outDir: "out" },
    include: ["program.ts"]
  })
)

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

// Types are written into declarations as an editor shows them, and errors are the same there.
describe("what an editor shows of a template", { timeout: 60_000 }, () => {
  it("is its variables, and in words what is wrong", async () => {
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc")
    const { stdout } = await promisify(execFile)(process.execPath, [compiler, "-p", folder]).catch(
      ({ stdout }: { readonly stdout: string }) => ({ stdout })
    )
    const errors = stdout
      .split("\n")
      .flatMap((line) => /program\.ts\((\d+),\d+\): error TS\d+: (.*)$/.exec(line)?.slice(1).join(" ") ?? [])
    expect(errors).toEqual([
      expect.stringMatching(/^6 .*a template is a literal.*Template\.parse or Template\.load/),
      expect.stringMatching(/^7 .*\{\{#items\}\} is no variable such as \{\{name\}\}: sections.*Template\.load/),
      expect.stringMatching(/^8 .*a tag is not closed/),
      expect.stringMatching(/^9 Property 'age' is missing/),
      expect.stringMatching(/^10 .*'city' does not exist/)
    ])

    const declarations = readFileSync(join(folder, "out", folder, "program.d.ts"), "utf8").replace(/\s+/g, " ")
    const variables = String.raw`\{ readonly (?:age|name): Template\.Value; readonly (?:age|name): Template\.Value; \}`
    expect(declarations).toMatch(new RegExp(`letter: Template\\.Template<${variables}>`))
    expect(declarations).toMatch(new RegExp(`render: \\(variables: ${variables}\\) => string`))
    expect(declarations).toMatch(
      /chat: Template\.ChatTemplate<\{ readonly (?:who|question): Template\.Value; readonly (?:who|question): Template\.Value; \}>/
    )
  })
})
