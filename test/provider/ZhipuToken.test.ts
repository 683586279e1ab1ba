import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, FastCheck as fc, Inspectable, Redacted, TestClock } from "effect"
import { createHmac } from "node:crypto"
import * as ZhipuToken from "../../src/provider/ZhipuToken.js"

const secret = "S3cr3tHalf51e2d84"
const credentials: ZhipuToken.Credentials = { id: "7f3a9c51", secret: Redacted.make(secret) }

const minute = 60_000

const pieces = (token: Redacted.Redacted): ReadonlyArray<string> => Redacted.value(token).split(".")

const json = (piece: string | undefined): unknown => JSON.parse(Buffer.from(piece ?? "", "base64url").toString("utf8"))

const timesOf = (token: Redacted.Redacted): unknown => json(pieces(token)[1])

describe("a token", () => {
  const token = ZhipuToken.sign(credentials, 1_760_000_000_123, minute)

  it("says how it was signed, and nothing else, in its header", () => {
    expect(json(pieces(token)[0])).toEqual({ alg: "HS256", sign_type: "SIGN" })
  })

  it("names the key's id, and its times in milliseconds", () => {
    expect(json(pieces(token)[1])).toEqual({
      api_key: "7f3a9c51",
      exp: 1_760_000_060_123,
      timestamp: 1_760_000_000_123
    })
  })

  it("is signed with the secret as text, for any secret and time", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.nat(), fc.integer({ min: 1, max: 1e9 }), (secret, now, life) => {
        const [header, payload, signature] = pieces(
          ZhipuToken.sign({ id: "id", secret: Redacted.make(secret) }, now, life)
        )
        expect(signature).toBe(createHmac("sha256", secret).update(`${header}.${payload}`).digest("base64url"))
      })
    )
  })

  it("holds neither padding nor what a URL escapes, and not the secret", () => {
    expect(Redacted.value(token)).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
    expect(Redacted.value(token)).not.toContain(secret)
    expect(Inspectable.toStringUnknown({ token, credentials })).not.toContain(secret)
  })
})

describe("the token of the moment", () => {
  it.effect("is the same for the first half of its life, and new from then on", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_760_000_000_000)
      const current = ZhipuToken.current(credentials, minute)
      const first = yield* current
      expect(timesOf(first)).toMatchObject({ timestamp: 1_760_000_000_000, exp: 1_760_000_060_000 })
      yield* TestClock.adjust(Duration.millis(minute / 2 - 1))
      expect(Redacted.value(yield* current)).toBe(Redacted.value(first))
      yield* TestClock.adjust(Duration.millis(1))
      expect(timesOf(yield* current)).toMatchObject({ timestamp: 1_760_000_030_000, exp: 1_760_000_090_000 })
    })
  )

  it.effect("is good for at least half of its life whenever it is asked for", () =>
    Effect.gen(function* () {
      const current = ZhipuToken.current(credentials, 1000)
      for (let now = 0; now < 5000; now += 37) {
        yield* TestClock.setTime(now)
        const { exp, timestamp } = Object(timesOf(yield* current))
        expect(timestamp).toBeLessThanOrEqual(now)
        expect(exp - now).toBeGreaterThanOrEqual(500)
      }
    })
  )

  it.effect("is new when the clock was set back: it may not be good yet", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_760_000_000_000)
      const current = ZhipuToken.current(credentials, minute)
      yield* current
      yield* TestClock.setTime(1_750_000_000_000)
      expect(timesOf(yield* current)).toMatchObject({ timestamp: 1_750_000_000_000 })
    })
  )
})

describe("a key", () => {
  it.effect("is an id and a secret", () =>
    Effect.gen(function* () {
      const { id, secret: half } = yield* ZhipuToken.credentials("apiKey", Redacted.make(`7f3a9c51.${secret}`))
      expect([id, Redacted.value(half)]).toEqual(["7f3a9c51", secret])
    })
  )

  it.effect.each(["", ".", "no-dot", `.${secret}`, `${secret}.`, `7f.${secret}.`, `7f.3a.${secret}`, `..${secret}`])(
    "like %j is refused, by its name and without showing it",
    (key) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(ZhipuToken.credentials("ZHIPUAI_API_KEY", Redacted.make(key)))
        expect(error).toMatchObject({ _op: "InvalidData", path: ["ZHIPUAI_API_KEY"] })
        expect(Inspectable.toStringUnknown(error)).not.toContain(secret)
      })
  )
})

describe("the life of a token", () => {
  it.effect.each(["1 millis", "60 seconds", "1 hour", 1500.9] as const)("may be %s", (life) =>
    Effect.gen(function* () {
      expect(yield* ZhipuToken.timeToLive("tokenTimeToLive", life)).toBe(Math.floor(Duration.toMillis(life)))
    })
  )

  it.effect.each([0, -1, 0.5, Infinity, Number.NaN])("cannot be %s", (life) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ZhipuToken.timeToLive("tokenTimeToLive", life))
      expect(error).toMatchObject({ _op: "InvalidData", path: ["tokenTimeToLive"] })
    })
  )
})
