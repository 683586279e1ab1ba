/** Who may call the simulated Zhipu: the key itself as a bearer, or a token that was signed with its secret half. */
import { hmac } from "@noble/hashes/hmac"
import { sha256 } from "@noble/hashes/sha2"
import * as Either from "effect/Either"
import { decodeBase64UrlString, encodeBase64Url } from "effect/Encoding"
import * as Predicate from "effect/Predicate"
import type { Refused } from "./Wire.js"
import { refused } from "./ZhipuError.js"

/** How far the clock of a client may run ahead, in milliseconds. */
const mostAhead = 60_000

/** The longest life of a token, in milliseconds. */
const longestLife = 7 * 24 * 3_600_000

/** Undefined when the bearer is good; `apiKey` undefined takes any, as far as it can be checked without the key. */
export const check = (
  authorization: string | undefined,
  apiKey: string | undefined,
  now: number
): Refused | undefined => {
  const [scheme, bearer] = (authorization ?? "").split(/\s+/, 2)
  if (scheme?.toLowerCase() !== "bearer" || bearer === undefined || bearer === "") return absent
  const pieces = bearer.split(".")
  if (pieces.includes("")) return illegal
  if (pieces.length === 2) return apiKey === undefined || bearer === apiKey ? undefined : failed
  return pieces.length === 3 ? checkToken(bearer, apiKey, now) : illegal
}

const checkToken = (token: string, apiKey: string | undefined, now: number): Refused | undefined => {
  const [header = "", payload = "", signature = ""] = token.split(".")
  const { alg, sign_type: signType } = decode(header)
  if (alg !== "HS256" || signType !== "SIGN") return illegal
  const { api_key: id, exp, timestamp } = decode(payload)
  if (typeof id !== "string" || !Number.isInteger(exp) || !Number.isInteger(timestamp)) return illegal
  const [begins, ends] = [Number(timestamp), Number(exp)]
  if (ends <= begins || ends - begins > longestLife || begins > now + mostAhead) return illegal
  if (apiKey !== undefined) {
    const [ownId, secret = ""] = apiKey.split(".")
    const expected = encodeBase64Url(hmac(sha256, secret, `${header}.${payload}`))
    if (id !== ownId || signature !== expected) return failed
  }
  return ends > now ? undefined : expired
}

const decode = (text: string): Readonly<Record<string, unknown>> => {
  const json = Either.flatMap(decodeBase64UrlString(text), (decoded) => Either.try((): unknown => JSON.parse(decoded)))
  return Either.isRight(json) && Predicate.isRecord(json.right) ? json.right : {}
}

const absent = refused(401, "1001", "There is no Authentication in the header: the call cannot be authenticated.")
const illegal = refused(401, "1002", "The Authentication Token is illegal. Please pass a right one.")
const expired = refused(401, "1003", "The Authentication Token has expired. Please get another one.")
const failed = refused(401, "1004", "The verification of the Authentication Token has failed.")
