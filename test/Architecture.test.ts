/**
 * What the lint rules cannot see, because it takes more than one file: which floor imports which, that nothing goes in a
 * circle, and that what is public can be reached.
 */
import { describe, expect, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { basename, join, posix } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (file: string): string => readFileSync(join(root, file), "utf8")

interface Import {
  readonly specifier: string
  /** Whether it is still there in JavaScript, and loaded at once. */
  readonly kind: "value" | "type" | "dynamic"
}

const withoutComments = (source: string): string => source.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "")

const importsOf = (source: string): ReadonlyArray<Import> => {
  const code = withoutComments(source)
  const statics = [...code.matchAll(/^(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm)]
  const dynamics = [...code.matchAll(/\bimport\("([^"]+)"\)/g)]
  return [
    ...statics.map(([, type, specifier = ""]): Import => ({ specifier, kind: type === undefined ? "value" : "type" })),
    ...dynamics.map(([, specifier = ""]): Import => ({ specifier, kind: "dynamic" }))
  ]
}

/** Every source file by its path under src/, with what it imports. */
const sources: ReadonlyMap<string, ReadonlyArray<Import>> = new Map(
  readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".ts"))
    .sort()
    .map((file) => [file, importsOf(read(`src/${file}`))])
)
const files = [...sources.keys()]

const targetOf = (file: string, specifier: string): string =>
  posix.join(posix.dirname(file), specifier).replace(/\.js$/, ".ts")

/** The files of ours that a file imports, in the given ways. */
const neighbours = (file: string, kinds: ReadonlyArray<Import["kind"]>): ReadonlyArray<string> =>
  (sources.get(file) ?? [])
    .filter(({ kind, specifier }) => specifier.startsWith(".") && kinds.includes(kind))
    .map(({ specifier }) => targetOf(file, specifier))

const reachable = (entries: ReadonlyArray<string>, kinds: ReadonlyArray<Import["kind"]>): ReadonlySet<string> => {
  const seen = new Set(entries)
  for (const file of seen) for (const next of neighbours(file, kinds)) seen.add(next)
  return seen
}

// -----------------------------------------------------------------------------
// Floors
// -----------------------------------------------------------------------------

type Floor = keyof typeof below

const library = ["domain", "client", "tokenizer", "wire", "provider", "policy", "program"] as const

/** What each floor may import, beside itself. */
const below = {
  domain: [],
  client: ["domain"],
  tokenizer: ["domain"],
  wire: ["domain"],
  provider: ["domain", "client", "tokenizer", "wire"],
  policy: ["domain", "client", "tokenizer"],
  program: ["domain", "client", "tokenizer"],
  node: ["domain"],
  lmdb: ["domain", "client", "policy"],
  redis: ["domain", "client", "policy"],
  // What a configuration says chooses providers and policies, which do not know each other.
  config: ["domain", "client", "provider", "policy"],
  testing: library,
  interop: library,
  gateway: [...library, "config", "node"],
  cli: [...library, "config", "node", "testing", "interop", "gateway"],
  entry: [...library, "config", "node", "lmdb", "redis", "testing", "interop", "gateway"]
} as const

const isFloor = (name: string): name is Floor => Object.hasOwn(below, name)

const floorOf = (file: string): Floor | undefined => {
  const folder = file.includes("/") ? file.slice(0, file.indexOf("/")) : ""
  if (folder !== "") return isFloor(folder) ? folder : undefined
  if (["index.ts", "lmdb.ts", "local.ts", "node.ts", "redis.ts"].includes(file)) return "entry"
  if (["Attempts.ts", "Ledger.ts", "LlmClient.ts"].includes(file)) return "client"
  if (file === "Tokenizer.ts") return "tokenizer"
  return file.endsWith("Node.ts") ? "node" : "domain"
}

describe("imports point one way", () => {
  it("every file stands on a floor", () => {
    expect(files.length).toBeGreaterThan(20)
    expect(files.filter((file) => floorOf(file) === undefined)).toEqual([])
  })

  it("every import of ours leads to a file", () => {
    const lost = files.flatMap((file) =>
      neighbours(file, ["value", "type", "dynamic"])
        .filter((target) => !sources.has(target))
        .map((target) => `${file} -> ${target}`)
    )
    expect(lost).toEqual([])
  })

  it.each(Object.keys(below).filter(isFloor))("%s imports only from below it", (floor) => {
    const allowed: ReadonlyArray<Floor> = [floor, ...below[floor]]
    const upwards = files
      .filter((file) => floorOf(file) === floor)
      .flatMap((file) =>
        neighbours(file, ["value", "type", "dynamic"])
          .filter((target) => !allowed.some((each) => each === floorOf(target)))
          .map((target) => `${file} -> ${target}`)
      )
    expect(upwards).toEqual([])
  })

  it("nothing goes in a circle", () => {
    const circles = files.filter((file) =>
      reachable(neighbours(file, ["value", "type", "dynamic"]), ["value", "type", "dynamic"]).has(file)
    )
    expect(circles).toEqual([])
  })
})

// -----------------------------------------------------------------------------
// What can be reached
// -----------------------------------------------------------------------------

interface Manifest {
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
}

const manifest: Manifest = JSON.parse(read("package.json"))

const sourceOf = (built: string): string => built.replace(/^\.?\/?dist\//, "").replace(/\.js$/, ".ts")

/** The source of every subpath that can be imported. */
const entries: ReadonlyMap<string, string> = new Map(
  Object.entries(manifest.exports).flatMap(([subpath, target]) =>
    typeof target === "string" ? [] : [[subpath, sourceOf(target.default)]]
  )
)

const namespacesOf = (file: string): ReadonlyArray<string> =>
  [...withoutComments(read(`src/${file}`)).matchAll(/^export \* as (\w+) from/gm)].map(([, name = ""]) => name)

/** Files beside the public ones that only those use. */
const internal = [
  "BodyReader.ts",
  "CanonicalJson.ts",
  "GenAiSpan.ts",
  "Listening.ts",
  "Places.ts",
  "PriceList.ts",
  "StreamEnd.ts",
  "UndiciConnectorNode.ts",
  "UndiciResponseNode.ts"
]

describe("what is public can be reached, and nothing else lies about", () => {
  it("every subpath of package.json has its source, and its path in the tests' tsconfig", () => {
    expect([...entries.values()].filter((file) => !sources.has(file))).toEqual([])
    const {
      compilerOptions
    }: { readonly compilerOptions: { readonly paths: Readonly<Record<string, ReadonlyArray<string>>> } } = JSON.parse(
      read("tsconfig.json")
    )
    const expected = [...entries].map(([subpath, file]) => [subpath.replace(".", "effect-llm"), [`./src/${file}`]])
    expect(compilerOptions.paths).toEqual(Object.fromEntries(expected))
  })

  it("every file is reached from a subpath or from the command", () => {
    const used = reachable(
      [...entries.values(), ...Object.values(manifest.bin).map(sourceOf)],
      ["value", "type", "dynamic"]
    )
    expect(files.filter((file) => !used.has(file))).toEqual([])
  })

  it("every module at the top is a namespace of index or node, or is named as internal here", () => {
    const top = files.filter((file) => !file.includes("/") && floorOf(file) !== "entry" && !internal.includes(file))
    const direct = [...neighbours("index.ts", ["value"]), ...neighbours("node.ts", ["value"])]
    // A namesake on a floor above adds what the module itself could not import.
    const throughNamesakes = direct.flatMap((file) =>
      neighbours(file, ["value"]).filter((target) => basename(target) === basename(file))
    )
    const exported = [...direct, ...throughNamesakes]
    expect(top.filter((file) => !exported.includes(file))).toEqual([])
    expect(internal.filter((file) => exported.includes(file) || !sources.has(file))).toEqual([])
  })

  it("every provider and every policy has its place in index", () => {
    const providers = files.filter(
      (file) => /^provider\/\w+\.ts$/.test(file) && /^export const layer\b/m.test(read(`src/${file}`))
    )
    expect(providers.length).toBeGreaterThan(0)
    for (const file of providers) {
      // The one that runs a model itself needs Node: it has an entry of its own, and no other leads to it.
      const isLocal = file === "provider/LocalLlama.ts"
      expect(neighbours("local.ts", ["value"]).includes(file)).toBe(isLocal)
      expect(neighbours("index.ts", ["value"]).includes(file)).toBe(!isLocal)
      expect(neighbours("provider/index.ts", ["value"]).includes(file)).toBe(!isLocal)
    }
    const policies = files.filter(
      (file) => /^policy\/\w+\.ts$/.test(file) && /^export const \w+ = [^\n]*Policy</m.test(read(`src/${file}`))
    )
    expect(policies.length).toBeGreaterThan(0)
    for (const file of policies) expect(neighbours("policy/Policy.ts", ["value"])).toContain(file)
  })

  it.each([...entries])(
    "%s exports namespaces named after their files, each with a docstring at the top",
    (_subpath, entry) => {
      const modules = neighbours(entry, ["value"])
      expect(modules.map((file) => basename(file, ".ts").replace(/Node$/, ""))).toEqual(namespacesOf(entry))
      expect(modules.filter((file) => !read(`src/${file}`).startsWith("/**"))).toEqual([])
    }
  )

  it("a vendor of the OpenAI-compatible family is a row of at most 10 lines", () => {
    const rows = read("src/provider/Vendors.ts").split(/^export const vendors = \{$|^\} as const satisfies/m)[1] ?? ""
    const vendors = rows.split(/^ {2}(?=["\w-]+: \{)/m).slice(1)
    expect(vendors.length).toBeGreaterThan(10)
    expect(vendors.filter((vendor) => vendor.trimEnd().split("\n").length > 10)).toEqual([])
  })

  it("no file is named after nothing", () => {
    expect(files.filter((file) => /(?:^|\/)(?:utils?|helpers?|common|misc|shared)\b/i.test(file))).toEqual([])
    expect(files.filter((file) => !/^(?:index|lmdb|local|main|node|redis|[A-Z]\w*)\.ts$/.test(basename(file)))).toEqual(
      []
    )
  })
})

describe("the core runs anywhere", () => {
  it.each([...entries].filter(([subpath]) => !["./lmdb", "./local", "./node", "./redis"].includes(subpath)))(
    "%s loads no module of Node, no undici, no barrel",
    (_subpath, entry) => {
      const foreign = [...reachable([entry], ["value"])].flatMap((file) =>
        (sources.get(file) ?? [])
          .filter(({ kind, specifier }) => kind === "value" && !specifier.startsWith("."))
          .map(({ specifier }) => `${file} -> ${specifier}`)
      )
      expect(foreign.length).toBeGreaterThan(0)
      expect(foreign.filter((each) => !/ -> (?:effect|@effect\/platform|@noble\/hashes)\/[\w/]+$/.test(each))).toEqual(
        []
      )
    }
  )

  it("./local loads modules of Node, but not the engine: that comes by import() when a layer is built", () => {
    const foreign = [...reachable(["local.ts"], ["value"])].flatMap((file) =>
      (sources.get(file) ?? []).filter(({ kind, specifier }) => kind === "value" && !specifier.startsWith("."))
    )
    const beyond = foreign.filter(({ specifier }) => !/^(?:effect|@effect\/platform)\/[\w/]+$/.test(specifier))
    expect(new Set(beyond.map(({ specifier }) => specifier))).toEqual(
      new Set(["node:fs/promises", "node:os", "node:path", "node:url"])
    )
  })

  it("only ./local leads to what needs the engine", () => {
    const others = [...entries.values()].filter((entry) => entry !== "local.ts")
    const reached = [...reachable(others, ["value", "type", "dynamic"])]
    expect(reached.filter((file) => file.includes("LocalLlama"))).toEqual([])
  })
})
