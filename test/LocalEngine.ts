/**
 * The engine of local models, where it is installed, and the files that it runs in tests.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Engine, importPackage } from "../src/provider/LocalLlamaEngine.js"

/** `undefined` where the package is not installed: what needs it is skipped then. */
export const engine: Engine | undefined = await importPackage().catch(() => undefined)

export const isInstalled = engine !== undefined

/** Behind the name of a suite, so that a reader of the report knows. */
export const note = isInstalled ? "" : " (skipped: needs npm run install-engine)"

const folder = mkdtempSync(join(tmpdir(), "effect-llm-local-"))
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))

/** Writes a file of these bytes, and gives its path. */
export const fileOf = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}
