/**
 * The main job in a terminal: a streamed answer, a hundred prompts at a server that fails, and an error that ends at once.
 *
 *   npm run demo              needs no key: it starts a simulated provider on this machine
 *   npm run demo -- --live    the same against OpenAI, with OPENAI_API_KEY (costs about a cent)
 */
import { NodeRuntime } from "@effect/platform-node"
import { Chunk, Clock, Config, Duration, Effect, Layer, Redacted, Ref, Schedule, Stream } from "effect"
import { type Completion, LlmClient, OpenAi, Policy, RetryPolicy, Usage } from "effect-llm"
import { UndiciHttpClient } from "effect-llm/node"
import { Fault, Simulator } from "effect-llm/testing"
import { bold, dim, green, progressBar, red, table, write, writeLine } from "./terminal.js"

const isLive = process.argv.includes("--live")
const model = "gpt-4.1-mini"
const concurrency = 10

// --- The client: a provider, and what makes its calls dependable ---------------

/** What the demo's own policy sees of every attempt, which is more than the calls show. */
interface Seen {
  readonly attempts: number
  readonly upstream: Duration.Duration
  readonly retried: Readonly<Record<string, number>>
}

const watched = (seen: Ref.Ref<Seen>): Policy.Policy =>
  Policy.make((next) =>
    Effect.succeed({
      ...next,
      complete: (request) =>
        Effect.timedWith(Effect.either(next.complete(request)), Clock.currentTimeNanos).pipe(
          Effect.tap(([time, outcome]) =>
            Ref.update(seen, ({ attempts, retried, upstream }) => ({
              attempts: attempts + 1,
              upstream: Duration.sum(upstream, time),
              retried:
                outcome._tag === "Right"
                  ? retried
                  : { ...retried, [outcome.left._tag]: (retried[outcome.left._tag] ?? 0) + 1 }
            }))
          ),
          Effect.flatMap(([, outcome]) => outcome)
        )
    })
  )

/** A provider on this machine: every ninth request is refused for a moment, every thirteenth fails. */
const simulator = Simulator.layer({
  firstToken: "120 millis",
  perToken: "1 millis",
  faults: ({ index, stream }) =>
    stream
      ? Fault.none
      : index % 9 === 4
        ? Fault.status(429, { headers: { "retry-after-ms": "250" } })
        : index % 13 === 7
          ? Fault.status(500)
          : Fault.none
})

const simulated = Layer.unwrapEffect(
  Effect.map(Simulator.Simulator, ({ url }) =>
    OpenAi.layer({ apiKey: Redacted.make("no-key-needed"), baseUrl: url, model })
  )
)

const provider = isLive ? OpenAi.layerConfig({ model }) : Layer.provide(simulated, simulator)

const client = (seen: Ref.Ref<Seen>) =>
  provider.pipe(
    watched(seen),
    Policy.attemptTimeout("30 seconds"),
    Policy.concurrency(concurrency),
    // A fifth of the requests fail here; the usual budget of retries is a tenth of the calls.
    Policy.retry(RetryPolicy.exponential({ base: "100 millis" }), { budget: { ratio: 0.5 } }),
    Policy.cache(),
    Layer.provide(UndiciHttpClient.layerWith({ connections: concurrency }))
  )

// --- 1. A streamed answer ------------------------------------------------------

const streamed = Effect.gen(function* () {
  yield* writeLine(bold("1. A streamed answer"))
  const start = yield* Clock.currentTimeMillis
  const first = yield* Ref.make(0)
  const parts = yield* LlmClient.stream("Describe a harbour town at dawn, in three sentences.").pipe(
    Stream.tap((part) =>
      part._tag === "TextDelta"
        ? Effect.zipRight(
            Effect.flatMap(Clock.currentTimeMillis, (now) => Ref.update(first, (before) => before || now - start)),
            write(part.text)
          )
        : Effect.void
    ),
    // A typing speed that a person can follow; the answer itself comes faster.
    isLive ? (stream) => stream : Stream.schedule(Schedule.spaced("8 millis")),
    Stream.runCollect
  )
  const finish = Chunk.unsafeLast(parts)
  const tokens = finish._tag === "Finish" ? (finish.usage.outputTokens ?? 0) : 0
  yield* writeLine(`\n${dim(`first token after ${yield* Ref.get(first)} ms, ${tokens} tokens, finish part: yes`)}\n`)
})

// --- 2. A hundred prompts at once ---------------------------------------------

const topics = ["tides", "lighthouses", "bakeries", "maps", "bridges", "orchards", "clocks", "rivers", "markets"]
/** One in ten was asked before. */
const prompts = Array.from({ length: 100 }, (_, n) => {
  const asked = n % 10 === 9 ? n - 9 : n
  return `In one sentence, what is worth knowing about ${topics[asked % topics.length]}? (${asked})`
})

const batch = (seen: Ref.Ref<Seen>) =>
  Effect.gen(function* () {
    const faults = isLive ? "" : "; the server refuses every 9th request and fails every 13th"
    yield* writeLine(bold("2. A hundred prompts") + dim(`  ${concurrency} at a time${faults}`))
    const before = yield* Ref.get(seen)
    const progress = yield* progressBar(prompts.length)
    const [wall, answers] = yield* Effect.timed(
      Effect.forEach(
        prompts,
        (prompt) => Effect.tap(Effect.either(LlmClient.complete({ prompt, maxTokens: 60 })), progress.tick),
        {
          concurrency: 2 * concurrency
        }
      )
    )
    yield* progress.done
    const { attempts, retried, upstream } = yield* Ref.get(seen)
    const completions = answers.flatMap((answer): ReadonlyArray<Completion.Completion> =>
      answer._tag === "Right" ? [answer.right] : []
    )
    const usage = completions
      .filter((answer) => !answer.cached)
      .map((answer) => answer.usage)
      .reduce(Usage.add, Usage.unknown)
    const sequential = Duration.subtract(upstream, before.upstream)
    const failures = answers.length - completions.length
    yield* writeLine(
      table([
        ["calls", `${answers.length}`, failures === 0 ? green("all answered") : red(`${failures} failed`)],
        ["attempts", `${attempts - before.attempts}`, "requests that went out"],
        ...Object.entries(retried).map(([tag, count]): Row => ["retried", `${count}`, tag]),
        ["cache hits", `${completions.filter((answer) => answer.cached).length}`, "asked before: no request"],
        [
          "tokens",
          `${(usage.inputTokens ?? 0) + (usage.outputTokens ?? 0)}`,
          `${usage.inputTokens ?? 0} in, ${usage.outputTokens ?? 0} out`
        ],
        ["wall time", seconds(wall), ""],
        [
          "one by one",
          seconds(sequential),
          `${(Duration.toMillis(sequential) / Duration.toMillis(wall)).toFixed(1)} times as long`
        ]
      ])
    )
  })

type Row = readonly [string, string, string]

const seconds = (duration: Duration.Duration): string => `${(Duration.toMillis(duration) / 1000).toFixed(2)} s`

// --- 3. An error that no retry can mend ----------------------------------------

const refused = Effect.gen(function* () {
  yield* writeLine(bold("3. An error that no retry can mend"))
  const [time, error] = yield* Effect.timed(
    Effect.flip(LlmClient.complete({ prompt: "Hello?", model: "gpt-imaginary" }))
  )
  yield* writeLine(`${red(error._tag)}  ${error.message}`)
  yield* writeLine(
    dim(
      `after ${Duration.toMillis(time).toFixed(0)} ms and ${error.attempts} attempt, HTTP ${error.status}, request ${error.requestId ?? "unknown"}`
    )
  )
})

// -----------------------------------------------------------------------------

const main = Effect.gen(function* () {
  const hasKey = (yield* Config.option(Config.redacted("OPENAI_API_KEY")))._tag === "Some"
  yield* writeLine(
    isLive
      ? dim(`Calling OpenAI (${model}).\n`)
      : dim(
          `No key needed: a simulated provider answers on this machine.${hasKey ? " With --live, OpenAI does." : ""}\n`
        )
  )
  const seen = yield* Ref.make<Seen>({ attempts: 0, upstream: Duration.zero, retried: {} })
  yield* Effect.gen(function* () {
    yield* streamed
    yield* batch(seen)
    yield* writeLine("")
    yield* refused
  }).pipe(Effect.provide(client(seen)))
}).pipe(Effect.tapError((error) => writeLine(red(String(error)))))

NodeRuntime.runMain(main, { disableErrorReporting: true })
