/**
 * A campaign: many calls under seeded faults, in virtual time, against two simulated providers, through a stack of policies
 * that the seed draws. Every attempt, every call and all of them together are judged by the laws; then the faults end, and
 * the stack must be as good as new.
 */
import { Chunk, Context, Effect, Exit, Fiber, Layer, Random, Stream, Supervisor, TestClock, TestContext } from "effect"
import { Attempts, ChatRequest, Ledger, LlmClient, StreamPart } from "effect-llm"
import { Fault, Simulator } from "effect-llm/testing"
import * as Laws from "./Laws.js"
import { answerOf, type Call, type Ended, errorIn, numberIn, questionIn, type Tried } from "./Record.js"
import * as Stack from "./Stack.js"

export interface Options {
  readonly seed: number
  readonly calls: number
}

/** What a campaign found. `problems` is empty where everything holds. */
export interface Report {
  readonly seed: number
  readonly calls: number
  /** The policies, in the order of their pipe. */
  readonly stack: string
  readonly attempts: number
  readonly succeeded: number
  readonly cached: number
  /** Second attempts of hedges; streams that were brought to their end by another attempt; openings of the breaker. */
  readonly hedged: number
  readonly recovered: number
  readonly opened: number
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
  "404": 0.01,
  "502": 0.01,
  reset: 0.02,
  noAnswer: 0.01,
  slowFirstToken: 0.03,
  cut: 0.04,
  cutClean: 0.03,
  stall: 0.02,
  malformedChunk: 0.02,
  missingDone: 0.01,
  errorEvent: 0.03,
  htmlPage: 0.01,
  emptyBody: 0.01,
  jsonError200: 0.01
} satisfies Partial<Record<Fault.RateName, number>>

/** `drawn`: faults as the seed has them; `down`: nothing but failures; `calm`: none. */
type Weather = "drawn" | "down" | "calm"

/** Faults at random, with an outage in between: most of so many requests in a row. */
const faultsOf = (seed: number, calls: number, weather: () => Weather): ((attempt: Fault.Attempt) => Fault.Fault) => {
  const random = Fault.random({ seed, rates, afterTokens: 6 })
  const outage = Fault.random({ seed: seed + 1, rates: { "500": 0.3, overloaded: 0.3, reset: 0.2 } })
  return (attempt) =>
    weather() === "calm"
      ? Fault.none
      : weather() === "down"
        ? Fault.status(500)
        : attempt.index >= calls / 3 && attempt.index < calls / 3 + 15
          ? outage(attempt)
          : random(attempt)
}

// -----------------------------------------------------------------------------
// Calls
// -----------------------------------------------------------------------------

const drawCalls = (seed: number, count: number, takesOdd: boolean): Effect.Effect<Array<Call>> =>
  Effect.gen(function* () {
    const calls: Array<Call> = []
    for (let index = 0; index < count; index++) {
      const draw = yield* Random.next
      const twin = calls[yield* Random.nextIntBetween(0, index + 1)]
      const isOdd = takesOdd && (yield* Random.next) < 0.15
      const mode = yield* Random.next
      // Some ask what was asked before: at the same time, or later.
      const same = draw < 0.3 ? twin : undefined
      const isSoon = yield* Random.nextBoolean
      calls.push({
        index,
        question: same?.question ?? `${isOdd ? "odd " : ""}question ${index} of ${seed}`,
        streamed: yield* Random.nextBoolean,
        mode: mode < 0.05 ? "bypass" : mode < 0.1 ? "refresh" : "use",
        startsAt:
          same !== undefined && isSoon
            ? same.startsAt + 250 * (yield* Random.nextIntBetween(0, 12))
            : 1000 * (yield* Random.nextIntBetween(0, Math.ceil(1.2 * count))),
        leavesAfter: (yield* Random.next) < 0.08 ? yield* Random.nextIntBetween(0, 6000) : undefined
      })
    }
    return calls
  })

const make = (llm: LlmClient.Service, call: Call): Effect.Effect<Ended> => {
  const request = ChatRequest.make({
    prompt: call.question,
    metadata: { call: call.index },
    cacheControl: { mode: call.mode }
  })
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
  return Effect.gen(function* () {
    yield* Effect.sleep(call.startsAt)
    const startedAt = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const exit = yield* Effect.exit(patient)
    return { exit, seen, startedAt, endedAt: yield* Effect.clockWith((clock) => clock.currentTimeMillis) }
  })
}

/** What the simulated models say: behind the beginning of an answer, whoever gave it, the one that takes it says the rest. */
const say = (stack: Stack.Stack, { body, messages, model }: Simulator.ChatSeen): string => {
  const side = model.startsWith("gpt") === (stack.mainProvider === "openai") ? "main" : "second"
  const question = questionIn(messages.find(({ role }) => role === "user")?.text ?? "")
  const wholes = (["main", "second"] as const).map((each) => answerOf(question, each, numberIn(body)))
  const last = messages.at(-1)
  const begun =
    last?.role === "assistant" && model.startsWith("claude")
      ? wholes.find((whole) => whole.startsWith(last.text))?.slice(last.text.length)
      : undefined
  return begun ?? answerOf(question, side, numberIn(body))
}

// -----------------------------------------------------------------------------
// The campaign
// -----------------------------------------------------------------------------

const campaign = ({ calls: count, seed }: Options): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const attempts: Array<Tried> = []
    const problems: Array<string> = []
    const problem = (holds: boolean, what: string): void => {
      if (!holds) problems.push(what)
    }
    const stack = yield* Stack.draw(attempts, (what) => problems.push(what))
    // An answer that is gone on with has to be the same.
    const calls = yield* drawCalls(seed, count, stack.recovery !== "continue")
    let weather: Weather = "drawn"
    const simulated = Simulator.layerHttpClient({
      seed,
      flushEach: true,
      firstToken: "300 millis",
      perToken: "250 millis",
      answer: (seen) => say(stack, seen),
      faults: faultsOf(seed, count, () => weather),
      ...(stack.requestsPerMinute !== undefined && stack.limitsAreExact
        ? { rateLimit: { requestsPerMinute: stack.requestsPerMinute } }
        : {})
    })
    const ends = new Map<number, ReadonlyArray<Ended>>()
    const supervisor = yield* Supervisor.track

    return yield* Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      const ledger = yield* Ledger.Ledger
      const entries: Array<Attempts.Attempt> = []

      /** Makes calls until all have ended, or nobody waits for them any more. */
      const makeAll = (llm: LlmClient.Service, all: ReadonlyArray<Call>) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forEach(
            all,
            (call) =>
              Effect.map(make(llm, call), (end) => ends.set(call.index, [...(ends.get(call.index) ?? []), end])),
            { concurrency: "unbounded", discard: true }
          ).pipe(
            Attempts.listening((attempt) => entries.push(attempt)),
            Effect.supervised(supervisor),
            Effect.fork
          )
          yield* TestClock.adjust("1 hour")
          yield* Fiber.interruptFork(fiber)
        })

      yield* Effect.gen(function* () {
        const llm = Context.get(yield* Layer.build(stack.layer), LlmClient.LlmClient)
        yield* makeAll(llm, calls)

        let more = count
        const extra = (howMany: number, leavesAfter?: number): ReadonlyArray<Call> =>
          Array.from({ length: howMany }, () => ({
            index: more,
            question: `question ${more} of ${seed}`,
            streamed: more++ % 2 === 0,
            mode: "use",
            startsAt: 0,
            leavesAfter
          }))
        const isAnswered = ({ index }: Call): boolean => Laws.isAnswered(ends, index)

        // All is down, then up again; but the first to come leave at once, whatever they hold.
        weather = "down"
        const down = extra(12)
        yield* makeAll(llm, down)
        weather = "calm"
        const leaving = extra(4, 100)
        yield* makeAll(llm, leaving)

        // Nothing is held any more: alone, then as many at once as there are places, calls go through as at the beginning.
        const alone = extra(4)
        for (const call of alone) yield* makeAll(llm, [call])
        problem(alone.every(isAnswered), "some of the calls behind the faults failed")
        const atOnce = extra(Math.min(stack.concurrency ?? 8, stack.requestsPerMinute ?? 24))
        yield* makeAll(llm, atOnce)
        problem(atOnce.every(isAnswered), `of ${atOnce.length} calls at once behind the faults, some failed`)
        calls.push(...down, ...leaving, ...alone, ...atOnce)
        // By the provider that they are for: a fallback would hide what is still held.
        for (const { index } of [...alone, ...atOnce]) {
          const first = attempts.find(({ call }) => call === index)
          problem(first?.side === "main", `call ${index}, behind the faults, did not reach its provider`)
        }
      }).pipe(Effect.scoped)

      const requests = yield* simulator.requests
      const stats = yield* simulator.stats
      for (const request of requests) {
        const tried = attempts[numberIn(request.body)]
        problem(tried !== undefined && tried.request === undefined, `request ${request.index} is of no attempt`)
        if (tried !== undefined) tried.request = request
      }
      const fromCache = new Map<number, number>()
      for (const { metadata, result } of entries)
        if (result === "cached")
          fromCache.set(Number(metadata["call"]), 1 + (fromCache.get(Number(metadata["call"])) ?? 0))
      const world: Laws.World = { stack, calls, ends, attempts, fromCache }
      problems.push(
        ...attempts.flatMap(Laws.ofAttempt),
        ...calls.flatMap((call) => Laws.ofCall(world, call)),
        ...Laws.ofAll(world)
      )

      // The ledger is the simulator's own bill: every request is in it, and the exact part to the token.
      const { all: totals } = yield* ledger.totals
      const made = entries.filter(({ result }) => result !== "cached")
      const billed = attempts
        .filter((tried) => tried.entries[0]?.isExact === true)
        .flatMap(({ request }) => request?.outcome ?? [])
        .reduce((sum, { inputTokens, outputTokens }) => sum + inputTokens + outputTokens, 0)
      const booked = totals.inputTokens + totals.outputTokens - totals.estimatedTokens
      problem(booked === billed, `the ledger has ${booked} exact tokens, the provider ${billed}`)
      problem(
        totals.attempts === stats.attempts,
        `the ledger has ${totals.attempts} attempts, the provider ${stats.attempts}`
      )
      problem(
        made.length === stats.attempts,
        `${made.length} attempts were told of, the provider has ${stats.attempts}`
      )

      // Nothing is left.
      const { reserved } = yield* stack.budget.state
      problem(reserved.tokens === 0, `the budget holds ${reserved.tokens} tokens for nobody`)
      problem(stats.inFlight === 0, `${stats.inFlight} requests are still under way`)
      problem(Chunk.isEmpty(yield* TestClock.sleeps()), "timers are left")
      const fibers = (yield* supervisor.value).filter((fiber) => fiber.unsafePoll() === null)
      problem(fibers.length === 0, `${fibers.length} fibers are left`)

      const exits = calls.slice(0, count).flatMap(({ index }) => (ends.get(index) ?? []).map(({ exit }) => exit))
      const answers = exits.flatMap((exit) => (Exit.isSuccess(exit) ? [exit.value] : []))
      const failed: Record<string, number> = {}
      for (const exit of exits) {
        const tag = Exit.isFailure(exit) ? errorIn(exit.cause)?._tag : undefined
        if (tag !== undefined) failed[tag] = (failed[tag] ?? 0) + 1
      }
      return {
        seed,
        calls: count,
        stack: stack.label,
        attempts: attempts.filter(({ call }) => call < count).length,
        succeeded: answers.length,
        cached: answers.filter(({ cached }) => cached).length,
        hedged: entries.filter(({ tags }) => tags["hedge"] === "second").length,
        recovered: Laws.recovered(world),
        opened: stack.breaker.opened(),
        failed,
        left: exits.filter(Exit.isInterrupted).length,
        problems
      }
    }).pipe(Effect.provide(Layer.merge(simulated, Layer.orDie(Ledger.layer()))))
  }).pipe(Effect.withRandom(Random.make(seed)))

/** Runs one campaign: the same seed and number of calls give the same one. */
export const run = (options: Options): Effect.Effect<Report> =>
  Effect.provide(campaign(options), TestContext.TestContext)
