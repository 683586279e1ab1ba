/** `effect-llm simulate`: the simulator as a server on this machine, until Ctrl-C. */
import { type Command, InvalidArgumentError } from "commander"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Fault from "../testing/simulator/Fault.js"
import * as Simulator from "../testing/Simulator.js"
import * as SimulatedProviders from "./SimulatedProviders.js"

/** How a command's effect is run; by the main program. */
export type Run = (effect: Effect.Effect<void, unknown>) => void

/** Adds the command to the program. */
export const register = (program: Command, run: Run): void => {
  program
    .command("simulate")
    .description("serve simulated models on this machine, in the protocols of OpenAI and all other providers")
    .option("--port <number>", "port to listen on; 0 takes any that is free", whole(0, 65_535), 4010)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--seed <number>", "what the answers and faults follow from", whole(0, Number.MAX_SAFE_INTEGER), 0)
    .option("--first-token <ms>", "milliseconds before the first token", whole(0, 3_600_000), 0)
    .option("--per-token <ms>", "milliseconds from each token to the next", whole(0, 3_600_000), 0)
    .option("--rpm <number>", "requests per minute of each model (default: no limit)", whole(1, 1_000_000_000))
    .option("--tpm <number>", "tokens per minute of each model (default: no limit)", whole(1, 1_000_000_000))
    .option("--api-key <key>", "the only key that is accepted (default: any)")
    .option<Rates>(
      "--fail <kind=rate...>",
      `share of requests that fail, such as 429=0.1 or cut=0.02; a status or one of ${Fault.rateNames.join(", ")}`,
      rate
    )
    .action((flags: Flags) => run(simulate(flags)))
}

type Rates = Readonly<Partial<Record<Fault.RateName, number>>>

interface Flags {
  readonly port: number
  readonly host: string
  readonly seed: number
  readonly firstToken: number
  readonly perToken: number
  readonly rpm?: number
  readonly tpm?: number
  readonly apiKey?: string
  readonly fail?: Rates
}

const simulate = (flags: Flags): Effect.Effect<void, Simulator.ListenFailed> =>
  Effect.gen(function* () {
    const simulator = yield* Simulator.Simulator
    yield* print(banner(simulator, flags.apiKey !== undefined))
    yield* Stream.runForEach(simulator.ended, (request) => print(requestLine(request, process.stdout.isTTY === true)))
  }).pipe(
    Effect.onInterrupt(() =>
      Effect.gen(function* () {
        const simulator = yield* Simulator.Simulator
        yield* print(summary(yield* simulator.stats))
      })
    ),
    Effect.provide(
      Simulator.layer({
        port: flags.port,
        host: flags.host,
        seed: flags.seed,
        firstToken: flags.firstToken,
        perToken: flags.perToken,
        apiKey: flags.apiKey,
        rateLimit: { requestsPerMinute: flags.rpm, tokensPerMinute: flags.tpm },
        faults: flags.fail === undefined ? [] : Fault.random({ seed: flags.seed, rates: flags.fail })
      })
    ),
    Effect.tapError((error) =>
      Effect.sync(() => {
        process.stderr.write(`effect-llm simulate: ${error.message}; choose another with --port, or 0 for any\n`)
      })
    )
  )

const print = (text: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stdout.write(`${text}\n`)
  })

const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (text.trim() === "" || !Number.isInteger(value) || value < least || value > most) {
      throw new InvalidArgumentError(
        most === Number.MAX_SAFE_INTEGER
          ? `It must be a whole number from ${least} up.`
          : `It must be a whole number from ${least} to ${most}.`
      )
    }
    return value
  }

const rate = (text: string, others: Rates = {}): Rates => {
  const [name = "", share = ""] = text.split("=", 2)
  if (!Fault.isRateName(name)) {
    throw new InvalidArgumentError(`The kind must be a status from 400 to 599 or one of ${Fault.rateNames.join(", ")}.`)
  }
  const value = Number(share)
  if (share.trim() === "" || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError(`It must be ${name}=RATE, with a rate from 0 to 1.`)
  }
  const rates = { ...others, [name]: value }
  const sum = Object.values(rates).reduce((total, one) => total + one, 0)
  // Shares such as 0.7 and 0.3 need not add up to exactly 1 in binary.
  if (sum > 1 + 1e-9) throw new InvalidArgumentError("All rates together must not be more than 1.")
  return rates
}

const banner = ({ url, urls }: Simulator.Service, ownKey: boolean): string => {
  const key = ownKey ? "$OPENAI_API_KEY" : "simulated"
  return `Simulating OpenAI at ${url}, and other providers beside it (Ctrl-C stops)

  export OPENAI_BASE_URL=${url}
  export OPENAI_API_KEY=${ownKey ? "(the key given as --api-key)" : key}

  curl ${url}/chat/completions \\
    -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" \\
    -d '{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"Hello"}]}'

Or as another provider:

${SimulatedProviders.exports(urls, key)}
`
}

const endings: Readonly<Record<Simulator.Ending, string>> = {
  complete: "",
  cut: "cut",
  closedByClient: "left by client"
}

const requestLine = (request: Simulator.RecordedRequest, terminal: boolean): string => {
  const outcome = request.outcome
  const status = outcome?.status
  const notes =
    outcome === undefined
      ? []
      : [outcome.fault === "None" ? "" : outcome.fault, endings[outcome.ending]].filter((note) => note !== "")
  const cells = [
    new Date(request.at).toISOString().slice(11, 19),
    request.model === "" ? `${request.method} ${request.path}` : request.model,
    request.stream ? "stream" : "whole",
    status === undefined ? "---" : String(status),
    `${outcome?.inputTokens ?? 0}+${outcome?.outputTokens ?? 0} tokens`,
    `${Math.round((outcome?.at ?? request.at) - request.at)} ms`
  ]
  if (!terminal) return [...cells, ...notes].map(singleLine).join("  ")
  const widths = [8, 24, 6, 3, 16, 8]
  const row = cells.map((cell, index) => singleLine(cell).padEnd(widths[index] ?? 0)).join("  ")
  const color = notes.length > 0 || status === undefined || status >= 400 ? "33" : "32"
  return `\u001b[${color}m${row}\u001b[0m  ${notes.join(", ")}`
}

// Models and paths come from clients: nothing of theirs may steer the terminal.
const singleLine = (text: string): string => text.replace(/\p{Cc}/gu, "?").slice(0, 80)

const summary = (stats: Simulator.Stats): string => {
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} × ${count}`)
      .join(", ") || "none"
  const rows = [
    ["model", "attempts", "completed", "input tokens", "output tokens"],
    ...Object.entries(stats.models).map(([name, model]) => [
      singleLine(name),
      String(model.attempts),
      String(model.completed),
      String(model.inputTokens),
      String(model.outputTokens)
    ])
  ]
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const table = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
  )
  return `
Requests: ${stats.attempts}, at most ${stats.maxInFlight} at once, ${stats.closedByClient} left by the client
Answered: ${list(stats.answered)}
Faults:   ${list(stats.faults)}
${Object.keys(stats.models).length === 0 ? "" : `\n${table.join("\n")}\n`}`
}
