// A campaign of calls under seeded faults, in virtual time: npm run campaign -- [--calls 10000] [--seed 1]
// Each round is a campaign of its own seed, which draws its stack of policies; one that fails says how to replay it alone.
import { Effect } from "effect"
import { parseArgs } from "node:util"
import * as Campaign from "../test/campaign/Campaign.js"

const { values } = parseArgs({ options: { calls: { type: "string" }, seed: { type: "string" } } })

const numberOf = (name: "calls" | "seed", otherwise: number): number => {
  const value = Number(values[name] ?? otherwise)
  if (Number.isInteger(value) && (name === "seed" || value > 0)) return value
  console.error(`--${name} must be a ${name === "seed" ? "whole number" : "whole number above 0"}, not ${values[name]}`)
  process.exit(2)
}

const calls = numberOf("calls", 10_000)
const first = numberOf("seed", 1)
// Small rounds are many stacks. One that is asked for by its seed is no larger than what is to be replayed.
const perRound = Math.min(calls, 100)

const started = performance.now()
const sum = { calls: 0, attempts: 0, succeeded: 0, cached: 0, hedged: 0, recovered: 0, opened: 0, left: 0 }
const failed = new Map<string, number>()
const stacks = new Set<string>()
let broken = 0

for (let seed = first; sum.calls < calls; seed++) {
  const report = await Effect.runPromise(Campaign.run({ seed, calls: Math.min(perRound, calls - sum.calls) }))
  sum.calls += report.calls
  sum.attempts += report.attempts
  sum.succeeded += report.succeeded
  sum.cached += report.cached
  sum.hedged += report.hedged
  sum.recovered += report.recovered
  sum.opened += report.opened
  sum.left += report.left
  stacks.add(report.stack)
  for (const [tag, count] of Object.entries(report.failed)) failed.set(tag, (failed.get(tag) ?? 0) + count)
  if (process.stderr.isTTY) process.stderr.write(`\r${sum.calls} of ${calls} calls, ${sum.attempts} attempts `)
  if (report.problems.length === 0) continue
  broken += report.problems.length
  console.error(`\nseed ${seed}: ${report.stack}`)
  console.error(`replay with npm run campaign -- --seed ${seed} --calls ${report.calls}`)
  for (const problem of report.problems.slice(0, 10)) console.error(`  ${problem}`)
}

if (process.stderr.isTTY) process.stderr.write("\r\x1b[K")
console.log(
  `${sum.calls} calls through ${stacks.size} stacks, ${sum.attempts} attempts, ${sum.succeeded} answered (${sum.cached} from a cache), ${sum.left} left by their callers`
)
console.log(
  `${sum.hedged} second attempts of hedges, ${sum.recovered} streams recovered, ${sum.opened} openings of a breaker`
)
console.log(`failed: ${[...failed].map(([tag, count]) => `${tag} ${count}`).join(", ")}`)
console.log(`${broken} problems, ${((performance.now() - started) / 1000).toFixed(0)} s`)
process.exitCode = broken === 0 ? 0 : 1
