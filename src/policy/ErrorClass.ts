/**
 * Errors by class: a list of tags, or a function that says which.
 */
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import { type LlmError, RetryableError, type Tag, TerminalError } from "../LlmError.js"

export type ErrorClass = ReadonlyArray<Tag> | ((error: LlmError) => boolean)

const known: ReadonlySet<string> = new Set(
  [...TerminalError.members, ...RetryableError.members].map((member) => member._tag)
)

const isTags = (errors: ErrorClass): errors is ReadonlyArray<Tag> => Array.isArray(errors)

/** Whether an error is of the class; or the `ConfigError` of a layer that was given a class without errors. */
export const make = (
  option: ReadonlyArray<string>,
  errors: ErrorClass
): Effect.Effect<(error: LlmError) => boolean, ConfigError.ConfigError> => {
  if (!isTags(errors)) return Effect.succeed(errors)
  const unknown = errors.find((tag) => !known.has(tag))
  if (unknown !== undefined)
    return Effect.fail(ConfigError.InvalidData([...option], `there is no error ${JSON.stringify(unknown)}`))
  if (errors.length === 0) return Effect.fail(ConfigError.InvalidData([...option], "names no error"))
  const tags: ReadonlySet<Tag> = new Set(errors)
  return Effect.succeed((error) => tags.has(error._tag))
}
