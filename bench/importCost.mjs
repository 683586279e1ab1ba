// What an import costs: fresh processes that do nothing else. effect-llm is compared with a process that imports
// just the modules of effect and its platform that effect-llm itself imports, found by walking its built files.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

export const packageAlone = "effect-llm-package"
export const effectModules = "its-effect-modules"

const importStatement = /^(?:import|export)\b(?:[^"'();=]*?\bfrom)?\s*(["'])([^"']+)\1/gm

/** The bare specifiers that the module graph from `entry` imports statically, outside of its own files. */
const bareImports = (entry) => {
  const files = new Set([entry.href])
  const bare = new Set()
  for (const file of files) {
    for (const [, , specifier] of readFileSync(fileURLToPath(file), "utf8").matchAll(importStatement)) {
      if (specifier.startsWith(".")) files.add(new URL(specifier, file).href)
      else bare.add(specifier)
    }
  }
  return [...bare].sort()
}

/**
 * The modules to import, by row: every client's file, which imports what a program with that client needs, and
 * the two that the target compares.
 */
export const importSubjects = (clients, hasPackage) => {
  const subjects = clients.map((client) => [client, new URL(`./clients/${client}.mjs`, import.meta.url).href])
  if (!hasPackage) return subjects
  const entry = new URL("../dist/bundled/index.js", import.meta.url)
  const baseline = new URL("./results/latest-effect-modules.mjs", import.meta.url)
  const modules = bareImports(entry).filter((specifier) => /^(effect|@effect\/platform)(\/|$)/.test(specifier))
  mkdirSync(new URL(".", baseline), { recursive: true })
  writeFileSync(baseline, modules.map((specifier) => `import "${specifier}"\n`).join(""))
  return [...subjects, [packageAlone, entry.href], [effectModules, baseline.href]]
}
