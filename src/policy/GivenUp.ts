/**
 * Which errors a retry policy has given up: another one further out does not begin anew, or their attempts would multiply.
 */
import { copy, isRetryable, type LlmError } from "../LlmError.js"

const key = Symbol.for("effect-llm/policy/GivenUp")

/** The same error, marked. A copy, because a mock or a breaker may give out one error many times. */
export const mark = <E extends LlmError>(error: E): E =>
  is(error) ? error : Object.defineProperty(copy(error), key, { value: true })

export const is = (error: LlmError): boolean => key in error

/** The error that ends a call of several attempts: marked where one of those before it was. */
export const inherit = (error: LlmError, before: ReadonlyArray<LlmError>): LlmError =>
  isRetryable(error) && before.some(is) ? mark(error) : error
