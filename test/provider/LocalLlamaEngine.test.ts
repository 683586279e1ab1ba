import { describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { engine, isInstalled, note } from "../LocalEngine.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** A class as a method that makes its instances: parameters of constructors would be compared too strictly. */
const fits = `
import type * as real from "node-llama-cpp"
import type { Chat, Engine, HistoryItem, Response, ResponseOptions } from SOURCE

interface Make<Options, Instance> {
  make(options: Options): Instance
}

type MakeOf<Class extends new (options: never) => unknown> = Make<ConstructorParameters<Class>[0], InstanceType<Class>>

declare const installed: typeof real
declare const chat: real.LlamaChat
declare const wrapper: MakeOf<typeof real.JinjaTemplateChatWrapper>

export const functions: Omit<Engine, "JinjaTemplateChatWrapper" | "LlamaChat"> = installed
export const makesWrapper: MakeOf<Engine["JinjaTemplateChatWrapper"]> = wrapper

// The text of a system message may be more than a string there, and is one here.
declare const history: Array<Exclude<HistoryItem, { type: "system" }> | { type: "system"; text: string }>
// A grammar is a class of the package, and given back as it came; the schemas in functions are written at run time.
declare const options: Omit<ResponseOptions, "grammar" | "functions"> & { functions: real.ChatModelFunctions }
export const response: Promise<Response> = chat.generateResponse(history, options)
export const dispose: Chat["dispose"] = chat.dispose
`

describe.skipIf(!isInstalled)(`node-llama-cpp as it is installed${note}`, () => {
  it("has what is used of it", () => {
    expect(engine?.getLlama).toBeTypeOf("function")
    expect(engine?.resolveChatWrapper).toBeTypeOf("function")
    expect(engine?.resolveModelFile).toBeTypeOf("function")
    expect(engine?.LlamaChat).toBeTypeOf("function")
    expect(engine?.JinjaTemplateChatWrapper).toBeTypeOf("function")
  })

  it("has the types that are written down here", { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "effect-llm-engine-"))
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction")
    const source = JSON.stringify(join(root, "src", "provider", "LocalLlamaEngine.js"))
    writeFileSync(join(folder, "fits.ts"), fits.replace("SOURCE", source))
    // The package is not made for exactOptionalPropertyTypes.
    const compilerOptions = { noEmit: true, exactOptionalPropertyTypes: false }
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: join(root, "tsconfig.base.json"), compilerOptions, include: ["fits.ts"] })
    )
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc")
    const { stdout } = await promisify(execFile)(process.execPath, [compiler, "-p", folder]).catch(
      ({ stdout }: { readonly stdout: string }) => ({ stdout })
    )
    rmSync(folder, { recursive: true, force: true })
    expect(stdout).toBe("")
  })
})
