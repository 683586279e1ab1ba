// `node bench/rateLimit.mjs [--minutes N] [--processes N] [--limit N]`
// How much of a quota several processes use that share it through Redis, and how often they are turned down. Takes its
// minutes of real time. Needs redis-server, and effect-llm as built.
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { Clock, Effect, Layer, Redacted } from "effect"
import { fork, spawn } from "node:child_process"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { LlmClient, OpenAi, Policy } from "../dist/bundled/index.js"
import { RedisClient, RedisRateLimit } from "../dist/bundled/redis.js"
import { Simulator } from "../dist/bundled/testing/index.js"

const minute = 60_000

/** One process: callers that never rest until the time is over. What is turned down is not repeated here. */
const work = ({ callers, limit, redis, until, url }) => {
  const llm = OpenAi.layer({ apiKey: Redacted.make("simulated-key"), model: "gpt-4.1-mini", baseUrl: url }).pipe(
    Policy.rateLimit({ requestsPerMinute: limit, store: RedisRateLimit.store, onStoreFailure: "fail" }),
    Layer.provide(RedisClient.layer({ url: redis })),
    Layer.provide(FetchHttpClient.layer)
  )
  const call = Effect.zipRight(Effect.ignore(LlmClient.complete("Name a river.")), Clock.currentTimeMillis)
  const caller = Effect.repeat(call, { while: (now) => now < until })
  return Effect.forEach(Array.from({ length: callers }), () => caller, {
    concurrency: "unbounded",
    discard: true
  }).pipe(Effect.timeoutOption(until - Date.now()), Effect.provide(llm))
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const startRedis = async (port) => {
  const child = spawn("redis-server", ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", tmpdir()])
  await new Promise((resolve, reject) => {
    child.once("error", () => reject(new Error("redis-server is not installed")))
    child.stdout.on("data", (data) => String(data).includes("Ready to accept") && resolve())
  })
  return child
}

const main = async () => {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "3" },
      processes: { type: "string", default: "3" },
      limit: { type: "string", default: "600" }
    }
  })
  const [minutes, processes, limit] = [values.minutes, values.processes, values.limit].map(Number)
  if (![minutes, processes, limit].every((n) => Number.isInteger(n) && n > 0) || minutes < 2 || minutes > 10) {
    throw new Error("--minutes takes 2 to 10, --processes and --limit whole numbers above 0")
  }
  const port = await freePort()
  const children = [await startRedis(port)]
  process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")))
  const program = Effect.gen(function* () {
    const simulator = yield* Simulator.Simulator
    const started = Date.now()
    const task = {
      callers: 40,
      limit,
      redis: `redis://127.0.0.1:${port}`,
      until: started + minutes * minute,
      url: simulator.url
    }
    yield* Effect.promise(() =>
      Promise.all(
        Array.from({ length: processes }, () => {
          const child = fork(fileURLToPath(import.meta.url), ["worker"])
          children.push(child)
          child.send(task)
          return new Promise((resolve) => child.once("exit", resolve))
        })
      )
    )
    const requests = yield* simulator.requests
    const first = requests[0]?.at ?? started
    const of = (n) => requests.filter(({ at }) => Math.floor((at - first) / minute) === n)
    const rows = Array.from({ length: minutes }, (_, n) => ({
      minute: n + 1,
      accepted: of(n).filter(({ outcome }) => outcome?.status !== 429).length,
      refused: of(n).filter(({ outcome }) => outcome?.status === 429).length
    }))
    console.table(rows)
    // The processes begin a moment after the clock does: the last minute is whole only up to then.
    const later = requests.filter(({ at }) => at - first >= minute && at < task.until)
    const seconds = (task.until - first - minute) / 1000
    const accepted = later.filter(({ outcome }) => outcome?.status !== 429).length
    const refused = later.length - accepted
    const share = accepted / ((limit * seconds) / 60)
    console.log(
      `${processes} processes, ${limit} requests a minute, behind the first minute: ${(100 * share).toFixed(1)} % of the quota used, ${refused} turned down`
    )
    process.exitCode = refused === 0 && share >= 0.95 ? 0 : 1
  })
  await Effect.runPromise(
    Effect.provide(program, Simulator.layer({ rateLimit: { requestsPerMinute: limit }, firstToken: "300 millis" }))
  )
  for (const child of children) child.kill("SIGKILL")
}

if (process.argv[2] === "worker") {
  process.once("message", async (task) => {
    await Effect.runPromise(work(task))
    process.exit(0)
  })
} else await main()
