// One cell: `node worker.mjs CLIENT SCENARIO full|smoke SERVER_ORIGIN`, a fresh process for each client and round.
// Prints one line of JSON: { "value": number } or { "wrong": why }.
import { scenarios, WrongAnswer } from "./scenarios.mjs"

const [clientName, scenarioName, size, origin] = process.argv.slice(2)
const scenario = scenarios[scenarioName]
const sizes = scenario[size]
const { make } = await import(`./clients/${clientName}.mjs`)
const open = (path, connections) => make({ baseUrl: `${origin}/${path}/v1`, connections })

await scenario.prepare?.(open)
const client = open(scenario.path(sizes), scenario.connections)

const result = await scenario.run(client, sizes).then(
  (value) => ({ value }),
  (error) => {
    if (error instanceof WrongAnswer) return { wrong: error.message }
    throw error
  }
)
await client.close()
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
