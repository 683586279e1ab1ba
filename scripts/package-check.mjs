// Packs the package and uses it as a stranger would: in an empty project, with the peers that package.json names.
// `npm run package-check`; exit code 1 at the first thing that is wrong.
import { spawn, spawnSync } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { homedir, tmpdir } from "node:os"
import { dirname, join, posix } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const temporary = mkdtempSync(join(tmpdir(), "effect-llm-package-"))
const isWindows = process.platform === "win32"

// ---- Steps

const started = new Set()
const cleanUp = () => {
  for (const child of started) child.kill("SIGKILL")
  rmSync(temporary, { recursive: true, force: true })
}
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    cleanUp()
    process.exit(130)
  })
}

const step = async (title, body) => {
  const since = performance.now()
  const seconds = () => `${((performance.now() - since) / 1000).toFixed(1)} s`
  try {
    const note = await body()
    console.log(`ok    ${title}${note === undefined ? "" : `: ${note}`} (${seconds()})`)
  } catch (error) {
    console.log(`FAIL  ${title} (${seconds()})\n${error.message}`)
    cleanUp()
    process.exit(1)
  }
}

const must = (holds, message) => {
  if (!holds) throw new Error(message)
}
const mustBeEmpty = (list, message) =>
  must(list.length === 0, `${message}:\n${list.map((each) => `  ${each}`).join("\n")}`)

/** Runs a command to its end and gives its output; anything but exit code 0 is an error that holds the output. */
const run = (command, commandArguments, folder) => {
  const { error, status, stdout, stderr } = spawnSync(command, commandArguments, {
    cwd: folder,
    encoding: "utf8",
    shell: isWindows,
    timeout: 300_000,
    maxBuffer: 64 * 1024 * 1024
  })
  if (error !== undefined) throw error
  must(status === 0, `${command} ${commandArguments.join(" ")} ended with ${status}\n${stdout}${stderr}`)
  return stdout
}

const tool = (name) => join(root, "node_modules", ".bin", name)

// ---- The tarball

let tarball = ""
let shipped = []
const unpacked = join(temporary, "unpacked", "package")
const text = (file) => readFileSync(join(unpacked, file), "utf8")

await step("npm pack builds the tarball", () => {
  const output = run("npm", ["pack", "--json", "--silent", "--pack-destination", temporary], root)
  const packed = JSON.parse(output.slice(output.search(/^[[{]/m)))
  // npm 12 gives an object by name where earlier ones give a list.
  const [{ filename, files, size, unpackedSize }] = Object.values(packed)
  tarball = join(temporary, filename)
  shipped = files.map((file) => file.path)
  mkdirSync(dirname(unpacked))
  run("tar", ["-xzf", tarball, "-C", dirname(unpacked)], root)
  return `${shipped.length} files, ${Math.round(size / 1024)} KB packed, ${Math.round(unpackedSize / 1024)} KB unpacked`
})

await step("it holds what package.json names, and nothing else", () => {
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target)
  )
  const named = [...targets, ...Object.values(manifest.bin)].map((path) => posix.normalize(path))
  mustBeEmpty(
    named.filter((path) => !shipped.includes(path)),
    "named in package.json, but not shipped"
  )
  const allowed = /^(dist\/.+\.(js|d\.ts)(\.map)?|src\/.+\.ts|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/
  mustBeEmpty(
    shipped.filter((path) => !allowed.test(path) || /\.test\.|(^|\/)(test|bench|examples)\//.test(path)),
    "shipped without need"
  )
  mustBeEmpty(
    ["README.md", "CHANGELOG.md", "LICENSE"].filter((path) => !shipped.includes(path)),
    "not shipped"
  )
  for (const path of Object.values(manifest.bin)) {
    must(text(path).startsWith("#!/usr/bin/env node\n"), `${path} does not begin with #!/usr/bin/env node`)
  }
})

await step("every source map leads to a shipped source", () => {
  const maps = shipped.filter((path) => path.endsWith(".map"))
  must(maps.length > 0, "no source maps")
  const lost = maps.flatMap((path) =>
    JSON.parse(text(path))
      .sources.map((source) => posix.join(posix.dirname(path), source))
      .filter((source) => !shipped.includes(source))
      .map((source) => `${path} -> ${source}`)
  )
  mustBeEmpty(lost, "not shipped")
  return `${maps.length} maps`
})

await step("it names no folder of the machine that built it", () => {
  // A home of one short name, such as /root, is a word that sources may hold.
  const folders = [root.replace(/[\\/]$/, ""), temporary, ...(homedir().length > 8 ? [homedir()] : [])]
  mustBeEmpty(
    shipped.filter((path) => folders.some((folder) => text(path).includes(folder))),
    "files with such a path"
  )
})

/** What a module imports at load: `import()` is for later, and types are gone from built files. */
const importsOf = (file) =>
  [...text(file).matchAll(/^(?:import|export)\s(?:[^"';]*?\sfrom\s*)?["']([^"']+)["']/gm)].map((match) => match[1])

const graphOf = (entry) => {
  const seen = new Set([entry])
  const foreign = new Map()
  for (const file of seen) {
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith(".")) seen.add(posix.join(posix.dirname(file), specifier))
      else foreign.set(specifier, file)
    }
  }
  return { files: seen, foreign }
}

await step("only /node, /local, /lmdb and /redis load what is not portable, and nothing loads a barrel", () => {
  const portable = /^(effect|@effect\/platform|@noble\/hashes)\/[\w/-]+$/
  const notes = []
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    if (typeof target === "string") continue
    const graphs = [target.default, target.node].map((path) => graphOf(posix.normalize(path)))
    const own = {
      "./node": /^(node:[\w/]+|undici)$/,
      "./lmdb": /^(node:[\w/]+|lmdb)$/,
      "./local": /^node:[\w/]+$/,
      "./redis": /^ioredis$/
    }[subpath]
    const allowed = (specifier) => portable.test(specifier) || own?.test(specifier) === true
    mustBeEmpty(
      graphs.flatMap(({ foreign }) =>
        [...foreign].filter(([name]) => !allowed(name)).map(([name, file]) => `${file} imports ${name}`)
      ),
      `${subpath} loads`
    )
    notes.push(`${subpath} ${graphs.map(({ files }) => files.size).join("/")}`)
  }
  return `modules, and files that Node loads: ${notes.join(", ")}`
})

await step("publint finds nothing", () => {
  run(tool("publint"), ["run", tarball, "--strict"], root)
})

await step("attw finds nothing (esm-only)", () => {
  run(tool("attw"), ["--profile", "esm-only", "--no-color", tarball], root)
})

// ---- An empty project

const project = join(temporary, "project")
const pinned = (...names) => names.map((name) => `${name}@${manifest.devDependencies[name]}`)
const requiredPeers = Object.keys(manifest.peerDependencies).filter(
  (name) => !manifest.peerDependenciesMeta[name]?.optional
)

await step("it installs into an empty project with its required peers", () => {
  mkdirSync(project)
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }))
  writeFileSync(join(project, ".npmrc"), "package-lock=false\nfund=false\naudit=false\nupdate-notifier=false\n")
  run("npm", ["install", "--silent", tarball, ...pinned(...requiredPeers)], project)
  must(!existsSync(join(project, "node_modules", "undici")), "an optional peer was installed")
  return `${readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith(".")).length} folders in node_modules`
})

await step("the command runs with the required peers only", () => {
  must(
    /simulate/.test(run("npx", ["--no-install", "effect-llm", "--help"], project)),
    "--help does not name the command simulate"
  )
  const version = run("npx", ["--no-install", "effect-llm", "--version"], project).trim()
  must(version === manifest.version, `--version says ${version}, package.json ${manifest.version}`)
})

await step("effect-llm simulate answers, and ends on Ctrl-C", async () => {
  const command = join(project, "node_modules", manifest.name, manifest.bin["effect-llm"])
  const child = spawn(process.execPath, [command, "simulate", "--port", "0"], { cwd: project })
  started.add(child)
  let output = ""
  const ended = new Promise((resolve) => child.on("exit", resolve))
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no address within 20 s\n${output}`)), 20_000)
    const read = (part) => {
      output += part
      const found = /OPENAI_BASE_URL=(\S+)/.exec(output)?.[1]
      if (found === undefined) return
      clearTimeout(timer)
      resolve(found)
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
  })
  const response = await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer simulated", "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-4.1-mini", messages: [{ role: "user", content: "Hello" }] })
  })
  const answer = await response.text()
  must(response.status === 200 && answer.includes("choices"), `it answered ${response.status} ${answer}`)
  child.kill("SIGINT")
  const code = await ended
  started.delete(child)
  must(isWindows || code === 0, `it ended with ${code}\n${output}`)
})

await step("the compiler's packages and the optional peers install beside it", () => {
  // Most programs are still checked by TypeScript 5: the declarations must be good for both.
  run(
    "npm",
    [
      "install",
      "--silent",
      ...pinned("undici", "ioredis", "lmdb", "@types/node", "typescript"),
      "typescript-5@npm:typescript@5.9.3"
    ],
    project
  )
  copyFileSync(join(root, "scripts", "consumer.ts"), join(project, "consumer.ts"))
  copyFileSync(join(root, "scripts", "consumerNode.ts"), join(project, "consumerNode.ts"))
})

const check = (compiler, module, moduleResolution, emit) => {
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        target: "ES2022",
        lib: ["ES2022", "DOM", "DOM.Iterable"],
        types: ["node"],
        module,
        moduleResolution,
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        verbatimModuleSyntax: true,
        skipLibCheck: false,
        outDir: "out",
        noEmit: !emit
      },
      files: ["consumer.ts", "consumerNode.ts"]
    })
  )
  run(process.execPath, [join(project, "node_modules", compiler, "bin", "tsc"), "-p", "tsconfig.json"], project)
}

for (const [compiler, module, resolution] of [
  ["typescript", "ESNext", "bundler"],
  ["typescript", "Node16", "node16"],
  ["typescript", "NodeNext", "nodenext"],
  ["typescript-5", "NodeNext", "nodenext"]
]) {
  await step(`a strict program checks under ${compiler}, moduleResolution ${resolution}, skipLibCheck off`, () => {
    check(compiler, module, resolution, resolution === "nodenext")
  })
}

await step("the program runs", () => {
  const output =
    run(process.execPath, [join("out", "consumer.js")], project) +
    run(process.execPath, [join("out", "consumerNode.js")], project)
  return `\n${output.trimEnd()}\n     `
})

cleanUp()
console.log(`\n${manifest.name}@${manifest.version}: the package is good`)
