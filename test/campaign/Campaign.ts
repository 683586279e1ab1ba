/**
 * A campaign: many calls under seeded faults, in virtual time, against a simulator in process. Each call must end exactly
 * once, with the right value or the right error, and the bill must be the simulator's own.
 */
import {
  Chunk,
  Context,
  Effect,
  Either,
  Exit,
  Fiber,
  Layer,
  Random,
  Redacted,
  Stream,
  Supervisor,
  TestClock,
  TestContext
} from "effect"
import {
  Attempts,
  ChatRequest,
  LlmClient,
  type LlmError,
  OpenAi,
  Policy,
  RetryPolicy,
  StreamPart,
  Usage
} from "effect-llm"
import { Fault, Simulator } from "effect-llm/testing"

export interface Options {
  readonly seed: number
  readonly calls: number
}

/** What a campaign found. `problems` is empty where everything holds. */
export interface Report {
  readonly seed: number
  readonly calls: number
  readonly attempts: number
  readonly succeeded: number
  readonly failed: Readonly<Record<string, number>>
  readonly left: number
  readonly problems: ReadonlyArray<string>
}

const rates = {
  "429": 0.03,
  "500": 0.02,
  overloaded: 0.03,
  "400": 0.01,
  "401": 0.01,
  "502": 0.01,
  reset: 0.02,
  noAnswer: 0.01,
  slowFirstToken: 0.03,
  cut: 0.03,
  cutClean: 0.02,
  stall: 0.01,
  malformedChunk: 0.01,
  missingDone: 0.01,
  errorEvent: 0.02,
  htmlPage: 0.01,
  emptyBody: 0.01,
  jsonError200: 0.01
} satisfies Partial<Record<Fault.RateName, number>>

const Llm = OpenAi.layer({ apiKey: Redacted.make("campaign-key"), model: "gpt-4.1-mini" }).pipe(
  Policy.attemptTimeout("20 seconds"),
  Policy.firstPartTimeout("8 seconds"),
  Policy.idleTimeout("8 seconds"),
  Policy.concurrency(24),
  Policy.retry(RetryPolicy.standard),
  Layer.orDie
)

// -----------------------------------------------------------------------------
// Calls
// -----------------------------------------------------------------------------

interface Call {
  readonly prompt: string
  readonly streamed: boolean
  /** Milliseconds from the beginning until the caller starts, and how long it waits before it leaves, if it does. */
  readonly startsAt: number
  readonly leavesAfter: number | undefined
}

interface Ended {
  readonly exit: Exit.Exit<
    { readonly text: string; readonly attempts: number; readonly usage: Usage.Usage },
    LlmError.LlmError
  >
  /** The text that came before the end. */
  readonly seen: string
}

/** Short, because in virtual time each token is a step; no two questions have the same. */
const answerTo = (prompt: string): string => `Yes to ${prompt.replace("question ", "")}.`

const drawCall = (seed: number, index: number): Effect.Effect<Call> =>
  Effect.gen(function* () {
    const leaves = (yield* Random.next) < 0.05
    return {
      prompt: `question ${index} of ${seed}`,
      streamed: yield* Random.nextBoolean,
      startsAt: 1000 * (yield* Random.nextIntBetween(0, 120)),
      leavesAfter: leaves ? yield* Random.nextIntBetween(0, 6000) : undefined
    }
  })

const make = (llm: LlmClient.Service, call: Call): Effect.Effect<Ended> => {
  const request = ChatRequest.make(call.prompt)
  let seen = ""
  const answer = call.streamed
    ? StreamPart.collect(
        Stream.tap(llm.stream(request), (part) =>
          Effect.sync(() => {
            if (part._tag === "TextDelta") seen += part.text
          })
        )
      )
    : llm.complete(request)
  const patient =
    call.leavesAfter === undefined
      ? answer
      : Effect.raceFirst(answer, Effect.zipRight(Effect.sleep(call.leavesAfter), Effect.interrupt))
  return Effect.sleep(call.startsAt).pipe(
    Effect.zipRight(Effect.exit(patient)),
    Effect.map((exit) => ({ exit, seen }))
  )
}

// -----------------------------------------------------------------------------
// Judgement
// -----------------------------------------------------------------------------

const statusTags: Readonly<Record<number, string>> = {
  400: "InvalidRequest",
  401: "AuthenticationFailed",
  429: "RateLimited",
  500: "ServerFailed",
  502: "ServerFailed",
  503: "Overloaded",
  529: "Overloaded"
}

/** The tags that an attempt with this fault may end in; none: it must succeed. */
const tagsOf = ({ fault, status }: Simulator.Outcome, streamed: boolean): ReadonlyArray<string> => {
  switch (fault) {
    case "None":
    case "MissingDone":
    case "SlowHeaders":
    case "SlowFirstToken":
      return []
    case "Status":
      return [statusTags[status ?? 0] ?? "?"]
    case "ResetBeforeHeaders":
      return ["ConnectionFailed"]
    case "NoAnswer":
      return ["RequestTimeout"]
    case "Cut":
      return streamed ? ["StreamInterrupted"] : ["ConnectionFailed", "MalformedResponse"]
    case "Stall":
      return streamed ? ["StreamInterrupted", "RequestTimeout"] : ["RequestTimeout"]
    case "MalformedChunk":
    case "HtmlPage":
    case "EmptyBody":
    case "OversizedEvent":
      return ["MalformedResponse", "StreamInterrupted"]
    case "ErrorEvent":
    case "JsonError200":
      return ["ServerFailed", "Overloaded", "RateLimited", "StreamInterrupted", "MalformedResponse"]
  }
}

const terminal = new Set(["InvalidRequest", "AuthenticationFailed"])

const judge = (
  call: Call,
  ends: ReadonlyArray<Ended>,
  requests: ReadonlyArray<Simulator.RecordedRequest>
): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const wrong = (what: string): void => {
    problems.push(`${JSON.stringify(call.prompt)}${call.streamed ? " (streamed)" : ""}: ${what}`)
  }
  const [end, ...more] = ends
  if (end === undefined) return [`${call.prompt}: never ended`]
  if (more.length > 0) wrong(`ended ${ends.length} times`)
  const last = requests.at(-1)?.outcome
  for (const { index, outcome } of requests) if (outcome === undefined) wrong(`request ${index} is still under way`)
  const answer = answerTo(call.prompt)
  if (!answer.startsWith(end.seen)) wrong(`gave out ${JSON.stringify(end.seen)}`)
  if (Exit.isSuccess(end.exit)) {
    const { attempts, text, usage } = end.exit.value
    if (text !== answer) wrong(`answered ${JSON.stringify(text)}`)
    if (call.streamed && end.seen !== answer) wrong(`streamed ${JSON.stringify(end.seen)}`)
    if (attempts !== requests.length) wrong(`says ${attempts} attempts of ${requests.length}`)
    if (last === undefined || (tagsOf(last, call.streamed).length > 0 && last.ending !== "complete"))
      wrong(`succeeded over ${last?.fault}`)
    if (usage.inputTokens !== last?.inputTokens || usage.outputTokens !== last?.outputTokens)
      wrong(`has another bill than the provider: ${JSON.stringify(usage)}`)
  } else if (Exit.isInterrupted(end.exit)) {
    if (call.leavesAfter === undefined) wrong("was interrupted by nobody")
  } else {
    const error = Either.getOrUndefined(Either.flip(Effect.runSync(Effect.either(end.exit))))
    if (error === undefined) return [...problems, `${call.prompt}: died`]
    if (last === undefined || !tagsOf(last, call.streamed).includes(error._tag))
      wrong(`failed with ${error._tag} over ${last?.fault} ${last?.status}: ${error.message}`)
    if (error.attempts !== requests.length) wrong(`says ${error.attempts} attempts of ${requests.length}`)
    if (error._tag === "StreamInterrupted" && error.text !== end.seen) wrong(`keeps ${JSON.stringify(error.text)}`)
  }
  for (const { outcome } of requests.slice(0, -1)) {
    if (outcome === undefined) continue
    const tags = tagsOf(outcome, call.streamed)
    if (tags.length === 0) wrong(`was repeated over ${outcome.fault}`)
    if (tags.some((tag) => terminal.has(tag))) wrong(`was repeated over ${outcome.status}`)
  }
  return problems
}

const promptOf = ({ body }: Simulator.RecordedRequest): string => {
  const text = JSON.stringify(body)
  return /question \d+ of -?\d+/.exec(text)?.[0] ?? ""
}

// -----------------------------------------------------------------------------
// The campaign
// -----------------------------------------------------------------------------

const campaign = ({ calls, seed }: Options): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const drawn = yield* Effect.forEach(
      Array.from({ length: calls }, (_, index) => index),
      (index) => drawCall(seed, index)
    )
    const simulator = yield* Simulator.Simulator
    const entries: Array<Attempts.Attempt> = []
    const supervisor = yield* Supervisor.track
    const ends = new Map<string, Array<Ended>>()
    yield* Effect.gen(function* () {
      const llm = Context.get(yield* Layer.build(Llm), LlmClient.LlmClient)
      const fiber = yield* Effect.forEach(
        drawn,
        (call) => Effect.map(make(llm, call), (end) => ends.set(call.prompt, [...(ends.get(call.prompt) ?? []), end])),
        { concurrency: "unbounded", discard: true }
      ).pipe(
        Attempts.listening((attempt) => entries.push(attempt)),
        Effect.supervised(supervisor),
        Effect.fork
      )
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(fiber)
    }).pipe(Effect.scoped)
    const requests = yield* simulator.requests
    const stats = yield* simulator.stats
    const byPrompt = new Map<string, Array<Simulator.RecordedRequest>>()
    for (const request of requests)
      byPrompt.set(promptOf(request), [...(byPrompt.get(promptOf(request)) ?? []), request])
    const problems = drawn.flatMap((call) => judge(call, ends.get(call.prompt) ?? [], byPrompt.get(call.prompt) ?? []))
    const problem = (holds: boolean, what: string): void => {
      if (!holds) problems.push(what)
    }

    // The ledger is the simulator's own bill, to the token, wherever it says that it is exact.
    const exact = entries.filter(({ isExact, result }) => isExact && result === "completed")
    const paid = exact.map(({ usage }) => usage).reduce(Usage.add, Usage.unknown)
    const all = Array.from(ends.values(), (list) => list.map(({ exit }) => exit)).flat()
    const whole = all.flatMap((exit) => (Exit.isSuccess(exit) ? [exit.value.usage] : []))
    const answered = whole.reduce(Usage.add, Usage.unknown)
    problem(
      paid.inputTokens === answered.inputTokens && paid.outputTokens === answered.outputTokens,
      `the ledger has ${JSON.stringify(paid)}, the answers ${JSON.stringify(answered)}`
    )
    problem(
      entries.length === stats.attempts,
      `the ledger has ${entries.length} attempts, the provider ${stats.attempts}`
    )

    // Retries stay within the budget: a tenth of the calls, or ten in each minute.
    const made = drawn.filter(({ prompt }) => byPrompt.has(prompt)).length
    const minutes = Math.ceil(Math.max(0, ...requests.map(({ at }) => at)) / 60_000) + 1
    const retries = requests.length - made
    problem(retries <= Math.max(0.1 * made, 10 * minutes), `${retries} retries of ${made} calls in ${minutes} minutes`)

    // Nothing is left.
    problem(stats.inFlight === 0, `${stats.inFlight} requests are still under way`)
    problem(Chunk.isEmpty(yield* TestClock.sleeps()), "timers are left")
    const fibers = (yield* supervisor.value).filter((fiber) => fiber.unsafePoll() === null)
    problem(fibers.length === 0, `${fibers.length} fibers are left`)

    const failed: Record<string, number> = {}
    for (const exit of all) {
      if (Exit.isSuccess(exit) || Exit.isInterrupted(exit)) continue
      const tag = Either.match(Effect.runSync(Effect.either(exit)), { onLeft: ({ _tag }) => _tag, onRight: () => "" })
      failed[tag] = (failed[tag] ?? 0) + 1
    }
    return {
      seed,
      calls,
      attempts: requests.length,
      succeeded: whole.length,
      failed,
      left: all.filter(Exit.isInterrupted).length,
      problems
    }
  }).pipe(
    Effect.provide(
      Simulator.layerHttpClient({
        seed,
        flushEach: true,
        firstToken: "300 millis",
        perToken: "250 millis",
        answer: ({ messages }) => answerTo(messages.at(-1)?.text ?? ""),
        faults: Fault.random({ seed, rates, afterTokens: 6 })
      })
    ),
    Effect.withRandom(Random.make(seed))
  )

/** Runs one campaign: the same seed gives the same one. */
export const run = (options: Options): Effect.Effect<Report> =>
  Effect.provide(campaign(options), TestContext.TestContext)
