/**
 * A token that is short-lived, and so is asked for again at every attempt; and a key, where a provider takes either.
 */
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { AuthenticationFailed, isLlmError, type LlmError, notSent, withOutcome } from "../LlmError.js"
import { safeMessage } from "../wire/ErrorClassification.js"
import { isRecord } from "../wire/Json.js"
import type { Origin } from "../wire/Wire.js"
import * as Connection from "./Connection.js"
import type * as HttpProvider from "./HttpProvider.js"
import * as Settings from "./Settings.js"

/** Run for every attempt: whoever makes tokens keeps them as long as they are good. */
export type AccessToken = Effect.Effect<Redacted.Redacted, unknown>

/**
 * The value of the `authorization` header. A failure becomes an `AuthenticationFailed` with its words; an `LlmError` stays
 * as it is, so that one that may pass can be retried.
 */
export const bearer = (token: AccessToken, origin: Origin): Effect.Effect<string, LlmError> => {
  const refused = (message: string): LlmError => new AuthenticationFailed({ ...origin, ...notSent, message })
  return Effect.matchEffect(token, {
    onFailure: (error) =>
      Effect.fail(
        isLlmError(error) ? withOutcome(error, "not-sent") : refused(safeMessage(`no token: ${wordsOf(error)}`))
      ),
    onSuccess: (made) => {
      const text = Redacted.value(made)
      return Settings.isKey(text)
        ? Effect.succeed(`Bearer ${text}`)
        : Effect.fail(refused("the token is empty, or holds a blank, a line break or a character that no header takes"))
    }
  })
}

/** What is given of a key and a token; `headers` are those of every request. */
interface Given {
  readonly apiKey?: Redacted.Redacted | undefined
  readonly token?: AccessToken | undefined
  readonly headers?: HttpProvider.Headers | undefined
}

/** Authentication by a key or by a token, where they exclude each other. `named` is what they are called in errors. */
export const orKey = (
  { apiKey, headers, token }: Given,
  named: { readonly apiKey: string; readonly token: string },
  keyHeader: (key: string) => HttpProvider.Headers
): Effect.Effect<Pick<HttpProvider.Options, "headers" | "secrets">, ConfigError.ConfigError> => {
  if (apiKey !== undefined && token !== undefined) {
    const message = `${named.apiKey} and ${named.token} exclude each other: leave one out`
    return Effect.fail(ConfigError.InvalidData([named.apiKey], message))
  }
  if (token !== undefined) {
    return Effect.map(Settings.headers(headers ?? {}), (checked) => ({
      headers: (origin) => Effect.map(bearer(token, origin), (authorization) => ({ ...checked, authorization })),
      secrets: []
    }))
  }
  return apiKey === undefined
    ? Effect.fail(ConfigError.MissingData([named.apiKey], `either ${named.apiKey} or ${named.token} is needed`))
    : Effect.map(Settings.key(named.apiKey, apiKey), (key) => ({
        headers: { ...headers, ...keyHeader(Redacted.value(key)) },
        secrets: [key]
      }))
}

/** Errors that are told apart by their tags may have no message. */
const wordsOf = (error: unknown): string => {
  const words = Connection.wordsOf(error)
  return words === "unknown" && isRecord(error) && typeof error["_tag"] === "string" ? error["_tag"] : words
}
