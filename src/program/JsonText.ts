/** JSON as a model writes it: any text may come, and any depth. */
import * as Either from "effect/Either"
import { deepest, prototypeKey } from "./PartialJson.js"

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

const withoutPrototypes = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutPrototypes)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (key === prototypeKey ? [] : [[key, withoutPrototypes(inner)]]))
  )
}

/** Most texts neither name it nor have a character escaped that could be one of its. */
const mayHavePrototypes = (text: string): boolean => text.includes(prototypeKey) || text.includes("\\u")

/** The value of a JSON text, without any key `__proto__`. Left: why it is none. */
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
        : Either.right(mayHavePrototypes(text) ? withoutPrototypes(value) : value)
  )
