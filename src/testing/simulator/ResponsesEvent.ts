/** The events of a Responses stream. */
import * as Predicate from "effect/Predicate"

export type Fields = Readonly<Record<string, unknown>>

export const record = (value: unknown): Fields => (Predicate.isRecord(value) ? value : {})

/** An event, with its number in the stream. */
export const event = (fields: Fields, number: number): string =>
  `event: ${String(fields["type"])}\ndata: ${JSON.stringify({ ...fields, sequence_number: number })}\n\n`
