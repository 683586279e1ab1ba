/**
 * What the simulator counts. Mutable inside, as it is written at every piece of every stream; what it hands out is
 * immutable.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Fault from "./Fault.js"
import type { SimulatorRequest } from "./Wire.js"

export interface ModelStats {
  readonly attempts: number
  /** Answers that were given whole, without a fault that spoils them. */
  readonly completed: number
  /** Billed prompt tokens. */
  readonly inputTokens: number
  /** Billed tokens of answers, reasoning included. */
  readonly outputTokens: number
}

export interface Stats {
  /** All requests that arrived, however they ended. */
  readonly attempts: number
  readonly inFlight: number
  readonly maxInFlight: number
  /** Answers that were given whole, without a fault that spoils them. */
  readonly completed: number
  /** Requests whose client went away before the answer was complete. */
  readonly closedByClient: number
  /** Sockets; always 0 in process. */
  readonly connections: { readonly open: number; readonly opened: number }
  /** How many answers of each status. */
  readonly answered: Readonly<Record<string, number>>
  /** How many faults of each tag. */
  readonly faults: Readonly<Record<string, number>>
  readonly models: Readonly<Record<string, ModelStats>>
}

/**
 * How a request ended: `complete` when all went out that was meant to, `cut` when the simulator broke the connection,
 * `closedByClient` when the client left before.
 */
export type Ending = "complete" | "cut" | "closedByClient"

export interface RecordedRequest {
  /** Requests that came before this one. */
  readonly index: number
  readonly method: string
  readonly path: string
  /** Without what may hold a key: of `authorization` only the scheme is kept, of other such headers that they came. */
  readonly headers: Readonly<Record<string, string>>
  /** The JSON that was sent; undefined when it was none. */
  readonly body: unknown
  readonly model: string
  readonly stream: boolean
  /** Milliseconds of the Clock at arrival. */
  readonly at: number
  /** Undefined while the request is in flight. */
  readonly outcome?: Outcome
}

export interface Outcome {
  readonly ending: Ending
  /** Undefined when no headers were sent. */
  readonly status: number | undefined
  /** `None` when all went well. */
  readonly fault: Fault.Tag
  /** Billed. */
  readonly inputTokens: number
  /** Billed. */
  readonly outputTokens: number
  /** Milliseconds of the Clock at the end. */
  readonly at: number
}

/** One request while it is in flight. */
export interface Entry {
  readonly index: number
  readonly answered: (status: number) => void
  readonly bill: (inputTokens: number, outputTokens: number) => void
  /** Only the first call counts; `whole` says that the client got an answer it can use. */
  readonly end: (ending: Ending, at: number, whole?: boolean) => void
}

export interface Arrival {
  readonly request: SimulatorRequest
  readonly json: unknown
  readonly model: string
  readonly stream: boolean
  readonly fault: Fault.Tag
  readonly at: number
}

export interface Ledger {
  readonly arrive: (arrival: Arrival) => Entry
  readonly attempts: () => number
  readonly connectionOpened: () => void
  readonly connectionClosed: () => void
  readonly stats: Effect.Effect<Stats>
  readonly awaitStats: (predicate: (stats: Stats) => boolean) => Effect.Effect<Stats>
  readonly requests: Effect.Effect<ReadonlyArray<RecordedRequest>>
  readonly ended: Stream.Stream<RecordedRequest>
  readonly reset: Effect.Effect<void>
}

type Writable<A> = { -readonly [K in keyof A]: A[K] }

interface Counters {
  attempts: number
  inFlight: number
  maxInFlight: number
  completed: number
  closedByClient: number
  readonly answered: Map<string, number>
  readonly faults: Map<string, number>
  readonly models: Map<string, Writable<ModelStats>>
  readonly requests: Array<RecordedRequest>
}

const fresh = (): Counters => ({
  attempts: 0,
  inFlight: 0,
  maxInFlight: 0,
  completed: 0,
  closedByClient: 0,
  answered: new Map(),
  faults: new Map(),
  models: new Map(),
  requests: []
})

// A simulator that runs for days must not keep every request it ever saw.
const keptRequests = 10_000

export const make = (): Ledger => {
  // Entries keep the counters that they began with, so those still in flight do not write into the ones after a reset.
  let counters = fresh()
  let open = 0
  let opened = 0
  const waiting = new Set<{ readonly predicate: (stats: Stats) => boolean; readonly resume: (stats: Stats) => void }>()
  const listening = new Set<(request: RecordedRequest) => void>()

  const snapshot = (): Stats => ({
    attempts: counters.attempts,
    inFlight: counters.inFlight,
    maxInFlight: counters.maxInFlight,
    completed: counters.completed,
    closedByClient: counters.closedByClient,
    connections: { open, opened },
    answered: Object.fromEntries(counters.answered),
    faults: Object.fromEntries(counters.faults),
    models: Object.fromEntries(Array.from(counters.models, ([name, model]) => [name, { ...model }]))
  })

  const changed = (): void => {
    if (waiting.size === 0) return
    const stats = snapshot()
    for (const waiter of waiting) {
      if (!waiter.predicate(stats)) continue
      waiting.delete(waiter)
      waiter.resume(stats)
    }
  }

  const arrive = ({ at, fault, json, model, request, stream }: Arrival): Entry => {
    const own = counters
    const index = own.attempts++
    own.inFlight++
    own.maxInFlight = Math.max(own.maxInFlight, own.inFlight)
    if (fault !== "None") increment(own.faults, fault)
    const bills = model === "" ? undefined : modelStats(own.models, model)
    if (bills !== undefined) bills.attempts++
    const record: Writable<RecordedRequest> = {
      index,
      method: request.method,
      path: request.path,
      headers: withoutSecrets(request.headers),
      body: json,
      model,
      stream,
      at
    }
    own.requests.push(record)
    if (own.requests.length > keptRequests) own.requests.shift()
    changed()

    let ended = false
    let status: number | undefined
    let inputTokens = 0
    let outputTokens = 0
    return {
      index,
      answered: (code) => {
        status = code
        increment(own.answered, String(code))
        changed()
      },
      bill: (input, output) => {
        inputTokens += input
        outputTokens += output
        if (bills === undefined) return
        bills.inputTokens += input
        bills.outputTokens += output
        changed()
      },
      end: (ending, endedAt, whole = false) => {
        if (ended) return
        ended = true
        own.inFlight--
        if (ending === "closedByClient") own.closedByClient++
        if (whole) {
          own.completed++
          if (bills !== undefined) bills.completed++
        }
        record.outcome = { ending, status, fault, inputTokens, outputTokens, at: endedAt }
        changed()
        for (const listener of listening) listener({ ...record })
      }
    }
  }

  return {
    arrive,
    attempts: () => counters.attempts,
    connectionOpened: () => {
      open++
      opened++
      changed()
    },
    connectionClosed: () => {
      open--
      changed()
    },
    stats: Effect.sync(snapshot),
    awaitStats: (predicate) =>
      Effect.async<Stats>((resume) => {
        const now = snapshot()
        if (predicate(now)) return resume(Effect.succeed(now))
        const waiter = { predicate, resume: (stats: Stats) => resume(Effect.succeed(stats)) }
        waiting.add(waiter)
        return Effect.sync(() => waiting.delete(waiter))
      }),
    requests: Effect.sync(() => counters.requests.map((request) => ({ ...request }))),
    ended: Stream.asyncPush<RecordedRequest>(
      (emit) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const listener = (request: RecordedRequest): void => {
              emit.single(request)
            }
            listening.add(listener)
            return listener
          }),
          (listener) => Effect.sync(() => listening.delete(listener))
        ),
      { bufferSize: "unbounded" }
    ),
    reset: Effect.sync(() => {
      counters = fresh()
      opened = open
      changed()
    })
  }
}

const increment = (counts: Map<string, number>, key: string): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

const modelStats = (models: Map<string, Writable<ModelStats>>, name: string): Writable<ModelStats> => {
  const known = models.get(name)
  if (known !== undefined) return known
  const added = { attempts: 0, completed: 0, inputTokens: 0, outputTokens: 0 }
  models.set(name, added)
  return added
}

const secretName = /authorization|cookie|key|token|secret/

const withoutSecrets = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (!secretName.test(name)) return [name, value]
      return [name, name === "authorization" && value.includes(" ") ? value.slice(0, value.indexOf(" ")) : "present"]
    })
  )
