/**
 * What holds for every stack of policies, whatever happens to its calls: of each attempt, of each call, and of all
 * together. Each law gives the sentences that say how it was broken.
 */
import { Exit } from "effect"
import { Policy, Usage } from "effect-llm"
import type { Simulator } from "effect-llm/testing"
import { answerOf, type Call, type Ended, errorIn, type Tried } from "./Record.js"
import type { Stack } from "./Stack.js"

export interface World {
  readonly stack: Stack
  readonly calls: ReadonlyArray<Call>
  readonly ends: ReadonlyMap<number, ReadonlyArray<Ended>>
  readonly attempts: ReadonlyArray<Tried>
  /** How many answers the ledger has from a cache, by the call that got them. */
  readonly fromCache: ReadonlyMap<number, number>
}

// -----------------------------------------------------------------------------
// Faults
// -----------------------------------------------------------------------------

const statusTags: Readonly<Record<number, string>> = {
  400: "InvalidRequest",
  401: "AuthenticationFailed",
  404: "ModelNotFound",
  429: "RateLimited",
  500: "ServerFailed",
  502: "ServerFailed",
  503: "Overloaded",
  529: "Overloaded"
}

/** The tags that an attempt with this fault may end in; none: it must succeed. */
const tagsOf = (
  { fault, status }: Simulator.Outcome,
  { endsByName, streamed }: Pick<Tried, "endsByName" | "streamed">
): ReadonlyArray<string> => {
  switch (fault) {
    case "None":
    case "SlowHeaders":
    case "SlowFirstToken":
    case "OversizedEvent":
      return status !== undefined && status >= 400 ? [statusTags[status] ?? "?"] : []
    case "MissingDone":
      return streamed && endsByName ? ["StreamInterrupted"] : []
    case "Status":
      return [statusTags[status ?? 0] ?? "?"]
    case "ResetBeforeHeaders":
      return ["ConnectionFailed"]
    case "NoAnswer":
      return ["RequestTimeout"]
    case "Cut":
      return streamed ? ["StreamInterrupted", "ConnectionFailed"] : ["ConnectionFailed", "MalformedResponse"]
    case "Stall":
      return streamed ? ["StreamInterrupted", "RequestTimeout"] : ["RequestTimeout"]
    case "MalformedChunk":
    case "HtmlPage":
    case "EmptyBody":
      return ["MalformedResponse", "StreamInterrupted"]
    case "ErrorEvent":
    case "JsonError200":
      return ["ServerFailed", "Overloaded", "RateLimited", "StreamInterrupted", "MalformedResponse"]
  }
}

const terminal = new Set(["InvalidRequest", "AuthenticationFailed"])

const outcomeOf = ({ request }: Tried): Simulator.Outcome | undefined => request?.outcome

const tagsOfAttempt = (tried: Tried): ReadonlyArray<string> => {
  const outcome = outcomeOf(tried)
  return outcome === undefined ? [] : tagsOf(outcome, tried)
}

/** Sent whole by the provider, and by nobody given up before. */
const isWhole = (tried: Tried): boolean => {
  const outcome = outcomeOf(tried)
  return outcome?.ending === "complete" && tagsOf(outcome, tried).length === 0
}

const beganAt = ({ request }: Tried): number => request?.at ?? 0
const endedAt = (tried: Tried): number => outcomeOf(tried)?.at ?? Number.POSITIVE_INFINITY

// -----------------------------------------------------------------------------
// Attempts
// -----------------------------------------------------------------------------

/** One attempt is one request, one entry in the ledger, and the bill of the provider. */
export const ofAttempt = (tried: Tried): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const wrong = (what: string): void => {
    problems.push(`attempt ${tried.number} of call ${tried.call}${tried.streamed ? " (streamed)" : ""}: ${what}`)
  }
  const outcome = outcomeOf(tried)
  const [entry, ...more] = tried.entries
  if (entry === undefined) return [`attempt ${tried.number} of call ${tried.call} is not in the ledger`]
  if (more.length > 0) wrong(`is ${tried.entries.length} times in the ledger`)
  if (tried.request === undefined) wrong("never reached the provider")
  else if (outcome === undefined) wrong("is still under way")
  if (outcome === undefined) return problems
  const tags = tagsOf(outcome, tried)
  const over = `over ${outcome.fault} ${outcome.status ?? ""} ${outcome.ending}`
  if (entry.result === "completed" && !isWhole(tried)) wrong(`completed ${over}`)
  if (entry.error !== undefined && !tags.includes(entry.error._tag)) wrong(`failed with ${entry.error._tag} ${over}`)
  if (entry.result === "aborted" && outcome.ending === "cut") wrong(`was aborted ${over}`)
  const { inputTokens = 0, outputTokens = 0 } = entry.usage
  if (entry.isExact && (inputTokens !== outcome.inputTokens || outputTokens !== outcome.outputTokens))
    wrong(`is booked with ${inputTokens} + ${outputTokens}, billed ${outcome.inputTokens} + ${outcome.outputTokens}`)
  return problems
}

// -----------------------------------------------------------------------------
// Calls
// -----------------------------------------------------------------------------

/** A call and all that may have had a part in how it ended. */
interface Case {
  readonly world: World
  readonly call: Call
  readonly end: Ended
  /** Paid for by this call. */
  readonly own: ReadonlyArray<Tried>
  /** Paid for by calls with which it may share answers; itself among them. */
  readonly family: ReadonlyArray<Tried>
  readonly isAlone: boolean
  /** When the last of those has ended. */
  readonly over: number
}

type Law = (it: Case) => ReadonlyArray<string>

const broken = (holds: boolean, what: () => string): ReadonlyArray<string> => (holds ? [] : [what()])

/** Whether the cache stands around all that makes calls, so that a caller either pays for all of an answer or for nothing. */
const isOutermostCache = ({ isInside }: Stack): boolean =>
  (["retry", "fallback", "streamRecovery", "circuitBreaker"] as const).every((name) => !isInside("cache", name))

/** An answer is one that the provider sent whole to this question; a stream gave out just that. */
const answersAreWhole: Law = ({ call, end: { exit, seen }, family, own }) => {
  const given = family.filter(isWhole).flatMap(({ goesOn, number, side }) =>
    // An answer that was gone on with is the whole of it, whoever has begun it.
    (goesOn ? (["main", "second"] as const) : [side]).map((each) => answerOf(call.question, each, number))
  )
  if (Exit.isFailure(exit))
    return broken(
      [...family, ...own].some(({ number, side }) => answerOf(call.question, side, number).startsWith(seen)) ||
        seen === "",
      () => `gave out ${JSON.stringify(seen)}`
    )
  const { text } = exit.value
  return [
    ...broken(given.includes(text), () => `answered ${JSON.stringify(text)}, of ${JSON.stringify(given)}`),
    ...broken(!call.streamed || seen === text, () => `streamed ${JSON.stringify(seen)} for ${JSON.stringify(text)}`)
  ]
}

/** What an answer says that it took is what the provider billed. */
const usageIsBilled: Law = ({ end: { exit }, family }) => {
  if (Exit.isFailure(exit)) return []
  const { usage } = exit.value
  const bills = family.filter(isWhole).flatMap((tried) => outcomeOf(tried) ?? [])
  const least = bills.some(
    ({ inputTokens, outputTokens }) =>
      (usage.inputTokens ?? 0) >= inputTokens && (usage.outputTokens ?? 0) >= outputTokens
  )
  const all = family.flatMap((tried) => outcomeOf(tried) ?? []).reduce(Usage.add, Usage.unknown)
  const isRecovered = exit.value.attempts > 1 || exit.value.cached
  const exact = bills.some(
    ({ inputTokens, outputTokens }) => usage.inputTokens === inputTokens && usage.outputTokens === outputTokens
  )
  const most =
    (usage.inputTokens ?? 0) <= (all.inputTokens ?? 0) && (usage.outputTokens ?? 0) <= (all.outputTokens ?? 0)
  return broken(
    exact || (isRecovered && least && most),
    () => `has another bill than the provider: ${JSON.stringify(usage)}`
  )
}

/** An error is of the fault that happened: of the last attempt's, where no other call had a part in it. */
const tagsAreRight: Law = ({ end, family, isAlone, own, world: { stack } }) => {
  const error = Exit.isFailure(end.exit) ? errorIn(end.exit.cause) : undefined
  if (error === undefined) return []
  if (error._tag === "CircuitOpen")
    return broken(stack.has("circuitBreaker"), () => "failed by a breaker that is not there")
  const near = family.filter((tried) => beganAt(tried) <= end.endedAt && endedAt(tried) >= end.startedAt)
  const ended = isAlone ? own : near
  const last = Math.max(...ended.map(endedAt))
  const few = isAlone && stack.recovery === undefined ? ended.filter((tried) => endedAt(tried) === last) : ended
  return [
    ...broken(
      few.some((tried) => tagsOfAttempt(tried).includes(error._tag)),
      () =>
        `failed with ${error._tag} over ${few.map((tried) => `${outcomeOf(tried)?.fault} ${outcomeOf(tried)?.status}`).join(", ")}: ${error.message}`
    ),
    ...broken(
      error._tag !== "StreamInterrupted" || stack.recovery === "buffer" || end.seen === "" || error.text === end.seen,
      () =>
        error._tag === "StreamInterrupted" ? `keeps ${JSON.stringify(error.text)} of ${JSON.stringify(end.seen)}` : ""
    )
  ]
}

/** An answer and an error say how many requests went out. */
const attemptsAreCounted: Law = ({ end: { exit }, family, isAlone, own, world: { stack } }) => {
  const said = Exit.isSuccess(exit) ? exit.value.attempts : errorIn(exit.cause)?.attempts
  if (said === undefined) return []
  const isFree = Exit.isSuccess(exit) && exit.value.cached && isOutermostCache(stack)
  if (isFree) return broken(said === 0, () => `says ${said} attempts for an answer from the cache`)
  const isPaid = isAlone || (Exit.isSuccess(exit) && isOutermostCache(stack))
  return broken(isPaid ? said === own.length : said <= family.length, () => `says ${said} attempts of ${own.length}`)
}

/** What a cache gives costs nothing, is entered in the ledger, and is not given to who wants none. */
const cacheIsFree: Law = ({ call, end: { exit }, own, world: { fromCache, stack } }) => {
  if (Exit.isFailure(exit) || !exit.value.cached) return []
  return [
    ...broken(stack.has("cache"), () => "was answered from a cache that is not there"),
    ...broken(call.mode !== "bypass", () => "was answered from the cache that it goes around"),
    ...broken(!own.some(isWhole), () => "was answered from the cache, and has paid for an answer"),
    ...broken((fromCache.get(call.index) ?? 0) > 0, () => "was answered from the cache, which is not in the ledger")
  ]
}

/** Nothing goes on behind a call, nothing is asked again that was answered or refused, and only a hedge asks twice at once. */
const nothingIsDoubled: Law = ({ end, over, own, world: { stack } }) => {
  const problems: Array<string> = []
  const mostAtOnce = stack.has("hedge") ? 2 : 1
  for (const tried of own) {
    const { number } = tried
    const others = own.filter((other) => other !== tried)
    if (endedAt(tried) > Math.max(end.endedAt, over))
      problems.push(`attempt ${number} went on when nobody waited for it`)
    const atOnce = 1 + others.filter((other) => other.number < number && endedAt(other) > beganAt(tried)).length
    if (atOnce > mostAtOnce) problems.push(`has ${atOnce} attempts at once`)
    const behind = others.filter((other) => other.number > number && beganAt(other) >= endedAt(tried))
    // In the instant of the answer, the other attempt of a hedge may get the place that has become free.
    const later = stack.has("hedge") ? behind.filter((other) => beganAt(other) > endedAt(tried)) : behind
    if (later.length > 0 && isWhole(tried)) problems.push(`was asked again behind the answer of attempt ${number}`)
    const isAlone = others.every((other) => behind.includes(other) || endedAt(other) <= beganAt(tried))
    // The other attempt of a hedge may have waited for its turn meanwhile.
    const allowed = stack.has("hedge") ? 1 : 0
    if (behind.length > allowed && isAlone && tagsOfAttempt(tried).some((tag) => terminal.has(tag)))
      problems.push(`was asked again behind ${outcomeOf(tried)?.status}`)
    // A stream that has begun to answer has won; where it is held back, one that is whole.
    const isHeldBack = stack.recovery === "buffer" && stack.isInside("streamRecovery", "hedge")
    const wonAt = isHeldBack ? (isWhole(tried) ? endedAt(tried) : undefined) : tried.firstPartAt
    if (wonAt === undefined) continue
    const losers = others.filter((other) => beganAt(other) < wonAt && endedAt(other) > wonAt)
    if (losers.some(({ firstPartAt }) => firstPartAt === undefined || firstPartAt > wonAt || isHeldBack))
      problems.push(`went on with an attempt that had lost to ${number}`)
  }
  return problems
}

/** Where there is another provider, it is asked before a call fails with what it may be spared. */
const fallbackIsAsked: Law = ({ end, isAlone, own, world: { stack } }) => {
  const error = Exit.isFailure(end.exit) ? errorIn(end.exit.cause) : undefined
  if (error === undefined || !stack.has("fallback") || !isAlone) return []
  const isFor = Policy.fallbackTags.some((tag) => tag === error._tag)
  const isOut = stack.isInside("fallback", "circuitBreaker") && error._tag === "CircuitOpen"
  const hasGivenOut = end.seen !== "" || error._tag === "StreamInterrupted"
  return broken(
    !isFor || isOut || hasGivenOut || own.some(({ side }) => side === "second"),
    () => `did not fall back from ${error._tag}`
  )
}

const laws: ReadonlyArray<Law> = [
  answersAreWhole,
  usageIsBilled,
  tagsAreRight,
  attemptsAreCounted,
  cacheIsFree,
  nothingIsDoubled,
  fallbackIsAsked
]

/** How a call ended, judged. */
export const ofCall = (world: World, call: Call): ReadonlyArray<string> => {
  const name = `call ${call.index} ${JSON.stringify(call.question)}${call.streamed ? " (streamed)" : ""}`
  const [end, ...more] = world.ends.get(call.index) ?? []
  if (end === undefined) return [`${name} never ended`]
  if (more.length > 0) return [`${name} ended ${more.length + 1} times`]
  const { exit } = end
  if (Exit.isFailure(exit) && errorIn(exit.cause) === undefined && !Exit.isInterrupted(exit))
    return [`${name} died: ${String(exit.cause)}`]
  if (Exit.isInterrupted(exit) && call.leavesAfter === undefined) return [`${name} was interrupted by nobody`]
  const shares = world.stack.has("cache") && call.mode !== "bypass"
  const relatives = world.calls.filter(
    (other) => other === call || (shares && other.mode !== "bypass" && other.question === call.question)
  )
  const ids = new Set(relatives.map(({ index }) => index))
  const it: Case = {
    world,
    call,
    end,
    own: world.attempts.filter((tried) => tried.call === call.index),
    family: world.attempts.filter((tried) => ids.has(tried.call)),
    isAlone: relatives.length === 1,
    over: Math.max(...relatives.flatMap(({ index }) => (world.ends.get(index) ?? []).map((each) => each.endedAt)))
  }
  return laws.flatMap((law) => law(it)).map((what) => `${name}: ${what}`)
}

// -----------------------------------------------------------------------------
// All together
// -----------------------------------------------------------------------------

/** The most requests of these that were under way at once. */
const mostAtOnce = (attempts: ReadonlyArray<Tried>): number => {
  const steps = attempts
    .flatMap((tried) => [[beganAt(tried), 1] as const, [endedAt(tried), -1] as const])
    .sort(([a, up], [b, down]) => a - b || up - down)
  let now = 0
  let most = 0
  for (const [, step] of steps) most = Math.max(most, (now += step))
  return most
}

const minutesOf = (attempts: ReadonlyArray<Tried>): number =>
  Math.ceil(Math.max(0, ...attempts.map(beganAt)) / 60_000) + 1

/** The limits of a stack, over all its calls. */
export const ofAll = ({ attempts, calls, stack }: World): ReadonlyArray<string> => {
  const main = attempts.filter(({ side }) => side === "main")
  const entries = attempts.flatMap((tried) => tried.entries)
  const minutes = minutesOf(attempts)
  const problems: Array<string> = []
  const problem = (holds: boolean, what: string): void => {
    if (!holds) problems.push(what)
  }

  // Retries: a tenth of the calls, or ten in each minute. Hedges: their share of the calls, or one in each minute.
  const isHedge = ({ tags }: (typeof entries)[number]): boolean => tags["hedge"] === "second"
  const firsts = entries.filter((entry) => entry.number === 1 && !isHedge(entry)).length
  const retries = entries.filter((entry) => entry.number > 1 && !isHedge(entry)).length
  problem(stack.has("retry") || retries === 0, `${retries} retries of nobody`)
  problem(
    retries <= Math.max(0.1 * firsts, 10 * minutes),
    `${retries} retries of ${firsts} calls in ${minutes} minutes`
  )
  const hedges = entries.filter(isHedge).length
  problem(
    hedges <= (stack.hedge === undefined ? 0 : Math.max(stack.hedge.maxShare * (firsts + retries), minutes)),
    `${hedges} second attempts of ${firsts + retries} in ${minutes} minutes`
  )

  // Places.
  const most = mostAtOnce(main)
  const { concurrency } = stack
  const perPlace = stack.isInside("hedge", "concurrency") ? 2 : 1
  problem(
    concurrency === undefined || most <= concurrency * perPlace,
    `${most} at once, where there are ${concurrency} places`
  )

  // The limiter, at the provider: exact where nothing waits or asks twice between them.
  const limited = main.filter((tried) => outcomeOf(tried)?.status === 429 && outcomeOf(tried)?.fault === "None")
  problem(limited.length === 0, `${limited.length} requests beyond the provider's limit`)
  problem(stack.limiter.outstanding() === 0, `the limiter has not settled ${stack.limiter.outstanding()} calls`)
  const isSettledOneByOne = (["hedge", "cache", "streamRecovery"] as const).every(
    (name) => !stack.isInside(name, "rateLimit")
  )
  if (stack.has("rateLimit") && isSettledOneByOne) {
    const settled = new Set(stack.limiter.settled.map(({ at, tokens }) => `${at} ${tokens}`))
    for (const tried of main) {
      const [entry] = tried.entries
      if (entry?.result !== "completed") continue
      const tokens = (entry.usage.inputTokens ?? 0) + (entry.usage.outputTokens ?? 0)
      problem(
        settled.has(`${entry.at} ${tokens}`),
        `the limiter did not settle ${tokens} tokens of attempt ${tried.number}`
      )
    }
  }

  // One call for all who ask the same at the same time.
  if (stack.has("cache") && isOutermostCache(stack)) {
    const shared = new Set(calls.filter(({ mode }) => mode !== "bypass").map(({ index }) => index))
    const questions = new Map(calls.map(({ index, question }) => [index, question]))
    const flown = attempts.filter(({ call }) => shared.has(call))
    for (const tried of flown) {
      const twin = flown.find(
        (other) =>
          other.call !== tried.call &&
          questions.get(other.call) === questions.get(tried.call) &&
          beganAt(other) < beganAt(tried) &&
          endedAt(other) > beganAt(tried)
      )
      problem(twin === undefined, `calls ${twin?.call} and ${tried.call} paid for the same at the same time`)
    }
  }
  return problems
}

/** Whether a call ended well. */
export const isAnswered = (ends: World["ends"], call: number): boolean =>
  (ends.get(call) ?? []).some(({ exit }) => Exit.isSuccess(exit))

/** How many streams broke behind their first part, and were brought to their end. */
export const recovered = ({ attempts, calls, ends, stack }: World): number =>
  stack.recovery === "restart" || stack.recovery === "continue"
    ? calls.filter(
        ({ index, streamed }) =>
          streamed &&
          isAnswered(ends, index) &&
          attempts.some(({ call, entries }) => call === index && entries.some(({ result }) => result === "cut"))
      ).length
    : 0
