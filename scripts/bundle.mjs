// Writes dist/bundled, which Node loads. Finding and linking a module costs Node more than half a millisecond, and
// effect-llm has 170 of them: here all that `effect-llm` loads is two files, which the other subpaths share. Bundlers
// get the modules of dist, of which they keep what a program uses.
//
// esbuild joins the modules, in a form that takes half the memory of Rollup's; Rollup joins what esbuild leaves apart,
// as esbuild makes a chunk of every set of modules that the same subpaths use.
import { build } from "esbuild"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { rollup } from "rollup"

const root = fileURLToPath(new URL("..", import.meta.url))
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const subpaths = Object.values(exports).filter((target) => target.node !== undefined)
const bundled = join(root, "dist", "bundled")
const apart = join(root, "dist", "apart")
const partOf = (target) => join(apart, relative("dist", target.default))

await build({
  absWorkingDir: root,
  entryPoints: subpaths.map((target) => target.default),
  outbase: "dist",
  outdir: apart,
  bundle: true,
  splitting: true,
  packages: "external",
  format: "esm",
  platform: "neutral",
  target: "node20",
  chunkNames: "chunks/[name]-[hash]",
  sourcemap: true,
  sourcesContent: false,
  logLevel: "warning"
})

/** Where esbuild says that a line comes from. */
const sourceMaps = {
  name: "source-maps",
  load: (id) =>
    existsSync(`${id}.map`) ? { code: readFileSync(id, "utf8"), map: readFileSync(`${id}.map`, "utf8") } : null
}

/** All that a module imports, and what that imports, and so on; `import()` is for later. */
const graphFrom = (entry, importsOf) => {
  const graph = new Set([entry])
  for (const id of graph) for (const imported of importsOf(id)) graph.add(imported)
  return graph
}

let core
const chunkOf = (id, { getModuleInfo }) => {
  core ??= graphFrom(partOf(exports["."]), (each) => getModuleInfo(each)?.importedIds ?? [])
  return core.has(id) && subpaths.every((target) => partOf(target) !== id) ? "core" : undefined
}

const bundle = await rollup({
  input: Object.fromEntries(
    subpaths.map((target) => [relative("dist/bundled", target.node).replace(/\.js$/, ""), partOf(target)])
  ),
  external: (id) => !id.startsWith(".") && !existsSync(id),
  treeshake: { moduleSideEffects: false },
  plugins: [sourceMaps],
  onwarn: ({ message }) => {
    throw new Error(message)
  }
})
await bundle.write({
  dir: bundled,
  format: "esm",
  generatedCode: "es2015",
  manualChunks: chunkOf,
  chunkFileNames: "chunks/[name].js",
  hoistTransitiveImports: false,
  sourcemap: true,
  sourcemapExcludeSources: true
})
rmSync(apart, { recursive: true, force: true })
