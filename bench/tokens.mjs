// `node bench/tokens.mjs [--smoke] [--rounds N] [--json]`: what counting tokens costs, beside other tokenizers.
// Progress on stderr, the table (or, with --json, the JSON) on stdout, both in bench/results/.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import os from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { killAll, runCommand, runWorker } from "./processes.mjs"
import { toMarkdown } from "./report.mjs"
import { Results } from "./results.mjs"
import { judge, tokenTargets } from "./targets.mjs"
import { tokenScenarios } from "./tokenScenarios.mjs"

const say = (line) => process.stderr.write(`${line}\n`)
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
process.on("exit", killAll)

const { values: options } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    rounds: { type: "string" },
    json: { type: "boolean", default: false }
  }
})
const rounds = Number(options.rounds ?? (options.smoke ? 1 : 5))
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds takes a whole number above 0")
if (!existsSync(here("../dist/bundled/index.js"))) throw new Error("effect-llm is not built: run `npm run build` first")

// The reference comes first: the others' counts are compared with its own.
const tokenizers = {
  tiktoken: { title: "tiktoken, WASM", from: "../node_modules", packages: ["tiktoken"] },
  "effect-llm": { title: "effect-llm Tokenizer", from: "../node_modules", packages: ["effect"] },
  "gpt-tokenizer": { title: "gpt-tokenizer", from: "./node_modules", packages: ["gpt-tokenizer"] },
  "js-tiktoken": { title: "js-tiktoken/lite", from: "../node_modules", packages: ["js-tiktoken"] }
}
const names = Object.keys(tokenizers).filter((name) => !options.smoke || tokenizers[name].from === "../node_modules")
// A smoke run leaves out what takes js-tiktoken seconds.
const scenarios = Object.keys(tokenScenarios).filter((name) => !options.smoke || !name.startsWith("letters-10k"))

if (!options.smoke && !existsSync(here("./node_modules/gpt-tokenizer"))) {
  say("installing the peers into bench/node_modules (once)")
  await runCommand("npm", ["install"], here("."))
}
const versionOf = (from, name) => JSON.parse(readFileSync(here(`${from}/${name}/package.json`), "utf8")).version
const versions = Object.fromEntries(
  names.flatMap((name) => tokenizers[name].packages.map((each) => [each, versionOf(tokenizers[name].from, each)]))
)

const results = new Results()
const references = new Map()
const started = performance.now()
for (let round = 0; round < rounds; round++) {
  for (const scenario of scenarios) {
    const { only, unit } = tokenScenarios[scenario]
    for (const name of only ?? names) {
      try {
        const { tokens, value } = await runWorker("./tokenWorker.mjs", [name, scenario])
        if (name === "tiktoken") references.set(scenario, tokens)
        const right = references.get(scenario) ?? tokens
        if (tokens === right) results.add(scenario, name, round, value)
        else results.fail(scenario, name, "wrong", `${tokens} tokens, not ${right}`)
        say(`round ${round + 1}/${rounds} ${scenario.padEnd(11)} ${name.padEnd(13)} ${value.toFixed(1)} ${unit}`)
      } catch (error) {
        results.fail(scenario, name, "crashed", error.message)
        say(`round ${round + 1}/${rounds} ${scenario.padEnd(11)} ${name.padEnd(13)} CRASHED: ${error.message}`)
      }
    }
  }
}

const machine = {
  cpu: os.cpus()[0]?.model.trim() ?? "unknown processor",
  cores: os.availableParallelism(),
  node: process.versions.node,
  platform: `${os.platform()} ${os.release()}`
}
const seconds = (performance.now() - started) / 1000
const judgement = judge(results, tokenTargets)
const markdown = toMarkdown({
  machine,
  versions,
  rounds,
  seconds,
  smoke: options.smoke,
  results,
  base: "js-tiktoken",
  clients: names.map((name) => [name, tokenizers[name].title]),
  scenarios: scenarios.map((name) => [name, `${tokenScenarios[name].title}, ${tokenScenarios[name].unit}`]),
  judgement
})
const json = JSON.stringify(
  { date: new Date().toISOString(), rounds, machine, versions, results, targets: judgement },
  null,
  2
)
const file = options.smoke ? "latest-tokens-smoke" : "latest-tokens"
mkdirSync(here("./results"), { recursive: true })
writeFileSync(here(`./results/${file}.json`), `${json}\n`)
writeFileSync(here(`./results/${file}.md`), markdown)
process.exitCode = results.hasFailures ? 1 : 0
process.stdout.write(options.json ? `${json}\n` : markdown, () => process.exit())
