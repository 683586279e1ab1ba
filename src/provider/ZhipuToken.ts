/**
 * The short-lived tokens that Zhipu takes in place of a key: a JWT, signed with the secret half of the key, whose times
 * are in milliseconds (other JWTs count seconds, and so do the JWT libraries).
 */
import { hmac } from "@noble/hashes/hmac"
import { sha256 } from "@noble/hashes/sha2"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { encodeBase64Url } from "effect/Encoding"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/** The halves of a key `id.secret`. */
export interface Credentials {
  readonly id: string
  readonly secret: Redacted.Redacted
}

/** The halves of a key; `name` is the option or the variable that holds it. */
export const credentials = (
  name: string,
  apiKey: Redacted.Redacted
): Effect.Effect<Credentials, ConfigError.ConfigError> => {
  const [id, secret, ...more] = Redacted.value(apiKey).split(".")
  return id === undefined || id === "" || secret === undefined || secret === "" || more.length > 0
    ? Effect.fail(ConfigError.InvalidData([name], "the key must be an id and a secret with one dot between them"))
    : Effect.succeed({ id, secret: Redacted.make(secret) })
}

/** The time that a token lives, in whole milliseconds; `name` is the option that says it. */
export const timeToLive = (
  name: string,
  value: Duration.DurationInput
): Effect.Effect<number, ConfigError.ConfigError> => {
  const millis = Option.match(Duration.decodeUnknown(value), {
    onNone: () => Number.NaN,
    onSome: (duration) => Math.floor(Duration.toMillis(duration))
  })
  return Number.isSafeInteger(millis) && millis > 0
    ? Effect.succeed(millis)
    : Effect.fail(ConfigError.InvalidData([name], "a token must live for at least a millisecond, and not for ever"))
}

const header = encodeBase64Url(JSON.stringify({ alg: "HS256", sign_type: "SIGN" }))

/** A token that is good from `now`, in epoch milliseconds, for `timeToLive` milliseconds. */
export const sign = ({ id, secret }: Credentials, now: number, timeToLive: number): Redacted.Redacted => {
  const payload = encodeBase64Url(JSON.stringify({ api_key: id, exp: now + timeToLive, timestamp: now }))
  const signature = encodeBase64Url(hmac(sha256, Redacted.value(secret), `${header}.${payload}`))
  return Redacted.make(`${header}.${payload}.${signature}`)
}

/**
 * The token of the moment. One is used for the first half of its life: what is under way then still has the other half,
 * and calls in a row do not pay for a signature each.
 */
export const current = (credentials: Credentials, timeToLive: number): Effect.Effect<Redacted.Redacted> => {
  let issued: { readonly at: number; readonly token: Redacted.Redacted } | undefined
  return Effect.clockWith((clock) =>
    Effect.sync(() => {
      const now = clock.unsafeCurrentTimeMillis()
      // A clock may also be set back.
      if (issued === undefined || now < issued.at || now >= issued.at + timeToLive / 2) {
        issued = { at: now, token: sign(credentials, now, timeToLive) }
      }
      return issued.token
    })
  )
}
