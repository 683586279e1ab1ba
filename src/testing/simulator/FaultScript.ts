/** A plan and a fault make a script: what is sent, when, and how it ends. Pure. */
import * as Duration from "effect/Duration"
import type { Fault } from "./Fault.js"
import type { Events, Frame, Whole, Wire } from "./Wire.js"

/** Milliseconds. */
export interface Pace {
  readonly firstToken: number
  readonly perToken: number
}

export interface Script {
  /** Milliseconds before the headers. */
  readonly wait: number
  readonly contentType: string
  readonly contentLength: number | undefined
  /** Billed before anything is sent; the rest is billed step by step. */
  readonly bill: { readonly inputTokens: number; readonly outputTokens: number }
  readonly steps: ReadonlyArray<Step>
  readonly ending: Ending
  /** Whether the client gets an answer that it can use. */
  readonly whole: boolean
}

export interface Step {
  readonly text: string
  /** Billed when it is sent. */
  readonly tokens: number
  /** Milliseconds after the headers. */
  readonly due: number
}

export type Ending =
  | { readonly _tag: "Clean" }
  | { readonly _tag: "Cut" }
  | { readonly _tag: "Silence"; readonly comments: number | undefined }

const clean: Ending = { _tag: "Clean" }
const abrupt: Ending = { _tag: "Cut" }

/** An answer in one body. It is billed in full at once: a client that leaves does not stop it. */
export const ofWhole = (plan: Whole, fault: Fault, pace: Pace, wire: Wire): Script => {
  const script = (body: string, changes: Partial<Script> = {}): Script => {
    const contentLength = byteLength(plan.body)
    return {
      wait: delayOf(fault) + (plan.outputTokens === 0 ? 0 : pace.firstToken + pace.perToken * (plan.outputTokens - 1)),
      contentType: "application/json",
      contentLength: body === plan.body || changes.ending !== undefined ? contentLength : byteLength(body),
      bill: { inputTokens: plan.inputTokens, outputTokens: plan.outputTokens },
      steps: [{ text: body, tokens: 0, due: 0 }],
      ending: clean,
      whole: spares(fault),
      ...changes
    }
  }
  const half = plan.body.slice(0, Math.ceil(plan.body.length / 2))
  switch (fault._tag) {
    case "Cut":
      return script(half, { ending: abrupt })
    case "Stall":
      return script(half, { ending: { _tag: "Silence", comments: undefined } })
    case "MalformedChunk":
      return script(half)
    case "ErrorEvent":
      return script(wire.errorBody(fault.error), { bill: { inputTokens: 0, outputTokens: 0 } })
    case "OversizedEvent":
      return script(padded(plan.body, fault.bytes))
    default:
      return script(plan.body)
  }
}

/**
 * An answer as a stream of events. The prompt is billed at once, and with it what the model thinks before it speaks;
 * each token as it goes out.
 */
export const ofEvents = (plan: Events, fault: Fault, pace: Pace, wire: Wire): Script => {
  const first = pace.firstToken + (fault._tag === "SlowFirstToken" ? Duration.toMillis(fault.delay) : 0)
  const due = (index: number): number => first + pace.perToken * index
  const thought = plan.outputTokens - plan.tokens.reduce((sum, frame) => sum + frame.tokens, 0)
  const last = due(Math.max(0, plan.tokens.length - 1))

  const opening = plan.opening.map((text): Step => ({ text, tokens: 0, due: 0 }))
  const token = ({ text, tokens }: Frame, index: number): Step => ({ text, tokens, due: due(index) })
  const closing = (text: string): Step => ({ text, tokens: 0, due: last })
  const upTo = (count: number): ReadonlyArray<Step> => [...opening, ...plan.tokens.slice(0, count).map(token)]
  const everything = [...upTo(plan.tokens.length), ...plan.closing.map(closing)]
  const done = plan.terminator === "" ? [] : [closing(plan.terminator)]

  const script = (steps: ReadonlyArray<Step>, ending: Ending = clean): Script => ({
    wait: fault._tag === "SlowHeaders" ? Duration.toMillis(fault.delay) : 0,
    contentType: "text/event-stream; charset=utf-8",
    contentLength: undefined,
    bill: { inputTokens: plan.inputTokens, outputTokens: thought },
    steps,
    ending,
    whole: spares(fault)
  })
  const change = (index: number, f: (text: string) => string): ReadonlyArray<Step> =>
    everything.map((step, at) => (at === index ? { ...step, text: f(step.text) } : step))

  switch (fault._tag) {
    case "Cut":
      return script(upTo(fault.afterTokens), fault.ending === "clean" ? clean : abrupt)
    case "Stall":
      return script(upTo(fault.afterTokens), {
        _tag: "Silence",
        comments: fault.comments === undefined ? undefined : Duration.toMillis(fault.comments)
      })
    case "MalformedChunk":
      return script([...change(opening.length + Math.min(fault.afterTokens, plan.tokens.length), torn), ...done])
    case "MissingDone":
      return script(everything)
    case "ErrorEvent": {
      const before = upTo(fault.afterTokens)
      const sent = before.map((step) => step.text)
      const failed = { text: wire.errorFrame(fault.error, fault.shape, sent), tokens: 0, due: before.at(-1)?.due ?? 0 }
      return script([...before, failed])
    }
    case "OversizedEvent":
      return script([...change(opening.length, (text) => padded(text, fault.bytes)), ...done])
    default:
      return script([...everything, ...done])
  }
}

// The faults after which the answer is still whole.
const spares = (fault: Fault): boolean =>
  fault._tag === "None" ||
  fault._tag === "SlowHeaders" ||
  fault._tag === "SlowFirstToken" ||
  fault._tag === "OversizedEvent"

const delayOf = (fault: Fault): number =>
  fault._tag === "SlowHeaders" || fault._tag === "SlowFirstToken" ? Duration.toMillis(fault.delay) : 0

const torn = (frame: string): string => `${frame.slice(0, Math.ceil(frame.length * 0.6)).trimEnd()}\n\n`

const padded = (json: string, bytes: number): string => json.replace("{", `{"padding":"${"x".repeat(bytes)}",`)

const byteLength = (text: string): number => new TextEncoder().encode(text).length
