/** JSON as a model writes it: any text may come, and any depth. */
import * as Either from "effect/Either"
import { deepest } from "./PartialJson.js"

const childrenOf = (value: unknown): ReadonlyArray<unknown> =>
  typeof value === "object" && value !== null ? Object.values(value) : []

const isTooDeep = (value: unknown): boolean => {
  let level: ReadonlyArray<unknown> = [value]
  for (let depth = 0; depth <= deepest; depth++) {
    if (level.length === 0) return false
    level = level.flatMap(childrenOf)
  }
  return true
}

/** The value of a JSON text. Left: why it is none. */
export const parseJson = (text: string): Either.Either<unknown, string> =>
  Either.flatMap(
    Either.try({
      try: (): unknown => JSON.parse(text),
      catch: (error) => (error instanceof Error ? error.message : String(error))
    }),
    // Each level takes two brackets.
    (value) =>
      text.length > 2 * deepest && isTooDeep(value)
        ? Either.left(`it is nested more than ${deepest} deep`)
        : Either.right(value)
  )
