/**
 * The JSON text of a request. Some settings may hold any value, also what JSON cannot: cycles, bigints and the like.
 */
import * as Either from "effect/Either"
import { InvalidRequest, notSent } from "../LlmError.js"
import type { Encoded, Origin } from "../wire/Wire.js"

const openSettings = ["providerOptions", "tools", "responseFormat"] as const

/** The request as its caller wrote it, so that the setting at fault can be named. */
export type Settings = { readonly [Setting in (typeof openSettings)[number]]?: unknown }

const stringify = (value: unknown): Either.Either<string, string> =>
  Either.flatMap(
    Either.try({ try: (): unknown => JSON.stringify(value), catch: (error) => String(error).split("\n", 1)[0] ?? "" }),
    (text) => (typeof text === "string" ? Either.right(text) : Either.left("it has no JSON form"))
  )

/** The text of a body. Left: an `InvalidRequest` that names the setting that JSON cannot hold. */
export const print = (
  body: Encoded["body"],
  settings: Settings,
  origin: Origin
): Either.Either<string, InvalidRequest> =>
  Either.mapLeft(stringify(body), (reason) => {
    const param =
      openSettings.find((setting) => Either.isLeft(stringify(settings[setting] ?? null))) ?? "providerOptions"
    return new InvalidRequest({ ...origin, ...notSent, param, message: `${param} holds what JSON cannot: ${reason}` })
  })
