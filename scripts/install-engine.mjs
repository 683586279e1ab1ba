// Installs node-llama-cpp for the tests of local models, with the binary for the CPU of this machine alone: a plain
// `npm install node-llama-cpp` is 725 MB of binaries for every graphics card. `npm run install-engine`; 85 MB on Linux.
// What it needs stands in a folder within it: to leave out optional packages in the project's own folder would take those
// of the other tools along. `npm install` takes it away again.
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const version = "3.22.1"
const binaries = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "darwin-x64": "mac-x64",
  "darwin-arm64": "mac-arm64-metal",
  "win32-x64": "win-x64",
  "win32-arm64": "win-arm64"
}

const binary = binaries[`${process.platform}-${process.arch}`]
if (binary === undefined) {
  console.error(`node-llama-cpp has no binary for ${process.platform} on ${process.arch}`)
  process.exit(1)
}

const folder = fileURLToPath(new URL("../node_modules/node-llama-cpp", import.meta.url))
const engine = join(folder, "engine")
rmSync(folder, { recursive: true, force: true })
mkdirSync(engine, { recursive: true })
writeFileSync(join(engine, "package.json"), JSON.stringify({ name: "engine", private: true }))

const packages = [`node-llama-cpp@${version}`, `@node-llama-cpp/${binary}@${version}`]
const { status } = spawnSync(
  "npm",
  ["install", "--prefix", engine, "--omit=optional", "--ignore-scripts", "--no-package-lock", "--silent", ...packages],
  { cwd: engine, stdio: "inherit", shell: process.platform === "win32" }
)
if (status !== 0) {
  rmSync(folder, { recursive: true, force: true })
  process.exit(status ?? 1)
}

const all = `export * from "./engine/node_modules/node-llama-cpp/dist/index.js"\n`
writeFileSync(join(folder, "index.js"), all)
writeFileSync(join(folder, "index.d.ts"), all)
writeFileSync(
  join(folder, "package.json"),
  JSON.stringify({ name: "node-llama-cpp", version, type: "module", main: "index.js", types: "index.d.ts" })
)
console.log(packages.join(", "))
