// `node bench/run.mjs [--smoke] [--rounds N] [--clients a,b] [--scenarios x,y] [--json]`
// Progress on stderr, the table (or, with --json, the JSON) on stdout, both in bench/results/.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import os from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { clientList } from "./clientList.mjs"
import { importSubjects } from "./importCost.mjs"
import { killAll, runCommand, runWorker, startServer } from "./processes.mjs"
import { toMarkdown } from "./report.mjs"
import { Results } from "./results.mjs"
import { scenarios } from "./scenarios.mjs"
import { judge } from "./targets.mjs"

const say = (line) => process.stderr.write(`${line}\n`)
const stop = (line, code) => {
  killAll()
  say(line)
  process.exit(code)
}
process.on("exit", killAll)
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop(`stopped by ${signal}`, 130))

// ---- What to run

const usage = `usage: node bench/run.mjs [--smoke] [--rounds N] [--clients a,b] [--scenarios x,y] [--json]
  clients:   ${Object.keys(clientList).join(", ")}
  scenarios: ${Object.keys(scenarios).join(", ")}`

const readOptions = () => {
  try {
    return parseArgs({
      options: {
        smoke: { type: "boolean", default: false },
        rounds: { type: "string" },
        clients: { type: "string" },
        scenarios: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false }
      }
    }).values
  } catch (error) {
    return stop(`${error.message}\n${usage}`, 2)
  }
}

const choose = (text, known, fallback) => {
  const chosen = text?.split(",").map((name) => name.trim()) ?? fallback
  const unknown = chosen.filter((name) => !(name in known))
  if (unknown.length > 0) stop(`unknown: ${unknown.join(", ")}\n${usage}`, 2)
  return chosen
}

const options = readOptions()
if (options.help) stop(usage, 0)
const size = options.smoke ? "smoke" : "full"
const rounds = Number(options.rounds ?? (options.smoke ? 1 : 5))
if (!Number.isInteger(rounds) || rounds < 1) stop(`--rounds takes a whole number above 0\n${usage}`, 2)
const importRounds = options.smoke ? 1 : Math.max(9, rounds)
const everywhere = Object.keys(clientList).filter((client) => !options.smoke || clientList[client].from === "root")
const clients = choose(options.clients, clientList, everywhere)
const chosenScenarios = choose(options.scenarios, scenarios, Object.keys(scenarios))

// ---- What must be there

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const isBuilt = existsSync(here("../dist/bundled/index.js"))

if (!isBuilt && clients.some((client) => clientList[client].built)) {
  stop("effect-llm is not built: run `npm run build` first, or name other --clients", 2)
}
const peers = clients
  .filter((client) => clientList[client].from === "bench")
  .flatMap((client) => clientList[client].packages)
if (peers.some((name) => !existsSync(here(`./node_modules/${name}`)))) {
  say("installing the peers into bench/node_modules (once)")
  await runCommand("npm", ["install"], here("."))
}
// Two copies of effect would be a different program from the one that users run, and its contexts would not match.
if (existsSync(here("./node_modules/effect"))) stop("bench/node_modules must not hold a copy of effect", 2)

// A package of the bench's own, or one of the project's.
const versionOf = (client, name) => {
  const folder = clientList[client].from === "bench" ? "./node_modules" : "../node_modules"
  return JSON.parse(readFileSync(here(`${folder}/${name}/package.json`), "utf8")).version
}
const versions = Object.fromEntries(
  clients.flatMap((client) => clientList[client].packages.map((name) => [name, versionOf(client, name)]))
)
const machine = {
  cpu: os.cpus()[0]?.model.trim() ?? "unknown processor",
  cores: os.availableParallelism(),
  memory: `${Math.round(os.totalmem() / 2 ** 30)} GB`,
  node: process.versions.node,
  platform: `${os.platform()} ${os.release()}`,
  loadBefore: os.loadavg()[0]
}

// ---- The plan: rounds outermost, then scenarios, then clients, so that what is compared is measured side by side

const rotate = (list, by) => [...list.slice(by % list.length), ...list.slice(0, by % list.length)]
const plan = []

for (let round = 0; round < rounds; round++) {
  for (const scenario of chosenScenarios) {
    if (scenario === "import" || scenario === "program") continue
    if (scenarios[scenario].kept !== undefined) {
      if (clients.includes("effect-llm")) plan.push({ round, of: rounds, scenario, client: "effect-llm" })
      continue
    }
    for (const client of rotate(clients, round)) {
      const { rounds: fewer, scenarios: only } = clientList[client]
      if (only !== undefined && !only.includes(scenario)) continue
      if (round < (fewer?.[scenario] ?? rounds)) plan.push({ round, of: rounds, scenario, client })
    }
  }
}
if (chosenScenarios.includes("import")) {
  const subjects = importSubjects(
    clients.filter((client) => clientList[client].scenarios === undefined),
    isBuilt
  )
  for (let round = 0; round < importRounds; round++) {
    for (const [client, url] of rotate(subjects, round)) {
      plan.push({ round, of: importRounds, scenario: "import", client, url })
    }
  }
}
if (chosenScenarios.includes("program") && isBuilt) {
  for (let round = 0; round < rounds; round++) {
    plan.push({ round, of: rounds, scenario: "program", client: "effect-llm" })
  }
}

// ---- The run

const results = new Results()

const runCell = async ({ round, scenario, client, url }, origin) => {
  try {
    if (scenario === "import") {
      const { milliseconds, megabytes } = await runWorker("./importWorker.mjs", [url])
      results.add("import", client, round, milliseconds)
      results.add("import-memory", client, round, megabytes)
      return `${milliseconds.toFixed(0)} ms, ${megabytes.toFixed(0)} MB`
    }
    if (scenario === "program") {
      const figures = Object.entries(await runWorker("./programWorker.mjs", [size]))
      for (const [program, figure] of figures) results.add(scenario, program, round, figure)
      return figures.map(([program, figure]) => `${program} ${figure.toFixed(1)}`).join(", ")
    }
    const { kept } = scenarios[scenario]
    const { value, wrong } =
      kept === undefined
        ? await runWorker("./worker.mjs", [client, scenario, size, origin])
        : await runWorker("./cacheHit.mjs", [kept, size])
    if (wrong !== undefined) {
      results.fail(scenario, client, "wrong", wrong)
      return `WRONG: ${wrong}`
    }
    results.add(scenario, client, round, value)
    return `${value.toFixed(1)} ${scenarios[scenario].unit}`
  } catch (error) {
    results.fail(scenario, client, "crashed", error.message)
    return `CRASHED: ${error.message}`
  }
}

const durations = new Map()
const keyOf = ({ scenario, client }) => `${scenario} ${client}`
/** What is left, from how long the same cell took in an earlier round, or from the average cell. */
const secondsLeft = (cells) => {
  const known = [...durations.values()]
  const average = known.reduce((sum, each) => sum + each, 0) / known.length
  return cells.reduce((sum, cell) => sum + (durations.get(keyOf(cell)) ?? average), 0) / 1000
}
const timeText = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`)

const started = performance.now()
const origin = await startServer(() => stop("the server died: see above", 1))
say(
  `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; load ${machine.loadBefore.toFixed(2)}; ` +
    `${plan.length} cells`
)

for (const [index, cell] of plan.entries()) {
  const cellStarted = performance.now()
  const outcome = await runCell(cell, origin)
  durations.set(keyOf(cell), performance.now() - cellStarted)
  const left = timeText(secondsLeft(plan.slice(index + 1)))
  say(
    `[${String(index + 1).padStart(String(plan.length).length)}/${plan.length}] round ${cell.round + 1}/${cell.of} ` +
      `${cell.scenario.padEnd(11)} ${cell.client.padEnd(19)} ${outcome}  (${left} left)`
  )
}

// ---- The report

const seconds = (performance.now() - started) / 1000
const judgement = judge(results)
// What a program adds is no row of a client: its figures stand among the targets.
const columns = chosenScenarios
  .filter((name) => name !== "program")
  .map((name) => [name, `${scenarios[name].title}, ${scenarios[name].unit}`])
if (chosenScenarios.includes("import")) columns.push(["import-memory", "memory that the import takes, MB"])
const rows = clients.map((client) => [client, clientList[client].title])
const markdown = toMarkdown({
  machine,
  versions,
  rounds,
  seconds,
  smoke: options.smoke,
  results,
  clients: rows,
  scenarios: columns,
  judgement
})
const json = JSON.stringify(
  { date: new Date().toISOString(), size, rounds, seconds, machine, versions, results, targets: judgement },
  null,
  2
)
const name = options.smoke ? "latest-smoke" : "latest"
mkdirSync(here("./results"), { recursive: true })
writeFileSync(here(`./results/${name}.json`), `${json}\n`)
writeFileSync(here(`./results/${name}.md`), markdown)
process.exitCode = results.hasFailures ? 1 : 0
process.stdout.write(options.json ? `${json}\n` : markdown, () => process.exit())
