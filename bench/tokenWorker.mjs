// One cell: `node tokenWorker.mjs TOKENIZER SCENARIO`, a fresh process. Prints { "value", "tokens" } as JSON.
import { tokenScenarios } from "./tokenScenarios.mjs"

const [name, scenarioName] = process.argv.slice(2)
const { figure, prepare = [], texts: textsOf, warmUp } = tokenScenarios[scenarioName]
const texts = textsOf()

const { make } = await import(`./tokenizers/${name}.mjs`)
const before = process.cpuUsage()
const tokenizer = await make()

const countAll = async (all) => {
  if (tokenizer.countAll !== undefined) return (await tokenizer.countAll(all)).reduce((sum, each) => sum + each, 0)
  let sum = 0
  for (const text of all) sum += await tokenizer.count(text)
  return sum
}
await countAll(prepare)
for (let round = 0; round < warmUp; round++) await countAll(texts)

const start = scenarioName === "first" ? before : process.cpuUsage()
const tokens = await countAll(texts)
const { user, system } = process.cpuUsage(start)
const value = figure((user + system) / 1000, texts)
process.stdout.write(`${JSON.stringify({ value, tokens })}\n`, () => process.exit(0))
