/**
 * The engine of local models, where it is installed, and the files that it runs in tests.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Engine, importPackage } from "../src/provider/LocalLlamaEngine.js"
import * as TinyModel from "./TinyModel.js"

/** `undefined` where the package is not installed: what needs it is skipped then. */
export const engine: Engine | undefined = await importPackage().catch(() => undefined)

export const isInstalled = engine !== undefined

/** Behind the name of a suite, so that a reader of the report knows. */
export const note = isInstalled ? "" : " (skipped: needs npm run install-engine)"

const folder = mkdtempSync(join(tmpdir(), "effect-llm-local-"))
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))

/** A model that knows the capital of France, in words and in JSON: what the documentation asks for. */
export const documentationModel = (): string =>
  (documentation ??= fileOf(
    "documentation.gguf",
    TinyModel.scripted([
      { text: "Yes." },
      { when: "capital", text: "Paris." },
      { when: "JSON", text: ['{"city"', ": ", '"Paris"', "}"] }
    ])
  ))

let documentation: string | undefined

/** Writes a file of these bytes, and gives its path. */
export const fileOf = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}
