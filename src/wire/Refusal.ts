/**
 * How a wire says, amid the writing of a request, that it cannot write it: the walk over the prompt ends there, and what
 * is left is the error.
 */
import * as Either from "effect/Either"
import { InvalidRequest, type LlmError, UnsupportedFeature, notSent } from "../LlmError.js"
import type { Origin } from "./Wire.js"

/** Thrown within `encoding` only. */
class Refusal {
  constructor(readonly error: LlmError) {}
}

/** The protocol has no words for this; `feature` names it. */
export const refuse = (origin: Origin, feature: string, message: string): never => {
  throw new Refusal(new UnsupportedFeature({ ...origin, ...notSent, feature, message }))
}

/** The request contradicts itself, or lacks what the protocol needs; `param` names the setting. */
export const invalid = (origin: Origin, param: string, message: string): never => {
  throw new Refusal(new InvalidRequest({ ...origin, ...notSent, param, message }))
}

/** Runs the writing of a request, or of a part of one. Left: what it was refused for. */
export const encoding = <A>(write: () => A): Either.Either<A, LlmError> => {
  try {
    return Either.right(write())
  } catch (error) {
    if (error instanceof Refusal) return Either.left(error.error)
    throw error
  }
}
