// Installs node-llama-cpp for the tests of local models, with the binary for the CPU of this machine alone: a plain
// `npm install node-llama-cpp` is 725 MB of binaries for every graphics card. `npm run install-engine`; 85 MB on Linux.
// It stands in a folder of its own, since leaving out optional packages would take those of the other tools along;
// `npm install` takes the link to it away again.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
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

const modules = fileURLToPath(new URL("../node_modules", import.meta.url))
const folder = join(modules, ".engine")
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "engine", private: true }))

const packages = [`node-llama-cpp@${version}`, `@node-llama-cpp/${binary}@${version}`]
const { status } = spawnSync(
  "npm",
  ["install", "--prefix", folder, "--omit=optional", "--ignore-scripts", "--no-package-lock", "--silent", ...packages],
  { cwd: folder, stdio: "inherit", shell: process.platform === "win32" }
)
if (status !== 0) process.exit(status ?? 1)

const link = join(modules, "node-llama-cpp")
if (existsSync(link)) rmSync(link, { recursive: true })
symlinkSync(join(folder, "node_modules", "node-llama-cpp"), link, "junction")
console.log(packages.join(", "))
