/**
 * What answers say of the limits that their provider keeps, told to whoever listens: a policy that has calls wait learns
 * from it. Where nobody listens, nothing is read.
 */
import * as Context from "effect/Context"
import * as Listening from "./Listening.js"

/** One limit: how much there is of it when it is whole, and how much was left when the answer was made. */
export interface Limit {
  readonly limit: number | undefined
  readonly remaining: number | undefined
}

/** The limits that an answer named. `model`: the one that was asked for; `at`: epoch milliseconds */
export interface Limits {
  readonly provider: string
  readonly model: string
  readonly requests: Limit | undefined
  readonly tokens: Limit | undefined
  readonly at: number
}

/** Hears of the limits when the headers of an answer are there, in the fiber that made the call. Must not throw. */
export type Listener = (limits: Limits) => void

/** Who listens to the answers of an effect. */
export class Listeners extends Context.Reference<Listeners>()("effect-llm/Limits/Listeners", {
  defaultValue: (): ReadonlyArray<Listener> => []
}) {}

/** Has one more listener hear of the limits that the answers of an effect name. */
export const listening: Listening.InEffect<Listener> = Listening.inEffect(Listeners)

/** The same for the answers of a stream. */
export const listeningStream: Listening.InStream<Listener> = Listening.inStream(Listeners)
