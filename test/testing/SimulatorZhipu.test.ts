import { HttpClient, HttpClientRequest } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Redacted, TestClock } from "effect"
import { LlmClient, Policy, RetryPolicy, StreamPart, Zhipu } from "effect-llm"
import { Fault, Simulator } from "effect-llm/testing"
import { createHmac } from "node:crypto"

const secret = "S3cr3tHalf51e2d84"
const key = `7f3a9c51.${secret}`

const now = 1_760_000_000_000

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

/** A token as Zhipu's documentation makes it, by another library than the provider's. */
const tokenOf = (
  payload: object = {},
  {
    header = { alg: "HS256", sign_type: "SIGN" },
    secret: signer = secret
  }: { readonly header?: object; readonly secret?: string } = {}
): string => {
  const signed = `${base64url(header)}.${base64url({ api_key: "7f3a9c51", exp: now + 60_000, timestamp: now, ...payload })}`
  return `${signed}.${createHmac("sha256", signer).update(signed).digest("base64url")}`
}

const post = (path: string, body: unknown, authorization?: string) =>
  Effect.gen(function* () {
    const http = yield* HttpClient.HttpClient
    const request = HttpClientRequest.post(`http://simulator.invalid/api/paas/v4${path}`).pipe(
      HttpClientRequest.bodyUnsafeJson(body)
    )
    const response = yield* http.execute(
      authorization === undefined ? request : HttpClientRequest.setHeader(request, "authorization", authorization)
    )
    const json: unknown = JSON.parse(yield* response.text)
    return { status: response.status, json, headers: response.headers }
  })

const chat = { model: "glm-4.6", messages: [{ role: "user", content: "Hi" }] }

const seenWith = (authorization: string | undefined, options: Simulator.Options = { apiKey: key }) =>
  Effect.zipRight(TestClock.setTime(now), post("/chat/completions", chat, authorization)).pipe(
    Effect.provide(Simulator.layerHttpClient(options))
  )

describe("the simulated Zhipu lets in", () => {
  it.effect.each<readonly [string, string]>([
    ["the key itself", key],
    ["a token", tokenOf()],
    ["a token of a clock that runs a little ahead", tokenOf({ timestamp: now + 30_000, exp: now + 90_000 })],
    ["a token in its last millisecond", tokenOf({ timestamp: now - 60_000, exp: now + 1 })]
  ])("%s", ([, bearer]) =>
    Effect.gen(function* () {
      const { headers, status } = yield* seenWith(`Bearer ${bearer}`)
      expect(status).toBe(200)
      expect(headers["x-log-id"]).not.toBe("")
    })
  )

  it.effect("any key and any token in its time, when it is told no key", () =>
    Effect.gen(function* () {
      expect((yield* seenWith("Bearer a.b", {})).status).toBe(200)
      expect((yield* seenWith(`Bearer ${tokenOf({ api_key: "other" }, { secret: "other" })}`, {})).status).toBe(200)
      expect((yield* seenWith(`Bearer ${tokenOf({ timestamp: 0, exp: 1 })}`, {})).status).toBe(401)
    })
  )
})

describe("the simulated Zhipu refuses", () => {
  it.effect.each<readonly [string, string | undefined, string]>([
    ["nothing", undefined, "1001"],
    ["another scheme", `Basic ${key}`, "1001"],
    ["a key without a dot", "Bearer 7f3a9c51", "1002"],
    ["an empty half", "Bearer .x", "1002"],
    ["another key", "Bearer 7f3a9c51.other", "1004"],
    ["a token signed with another secret", `Bearer ${tokenOf({}, { secret: "other" })}`, "1004"],
    ["a token of another id", `Bearer ${tokenOf({ api_key: "other" })}`, "1004"],
    ["a token without a signature", `Bearer ${tokenOf().split(".").slice(0, 2).join(".")}.x`, "1004"],
    ["an expired token", `Bearer ${tokenOf({ timestamp: now - 60_000, exp: now })}`, "1003"],
    ["a token that counts in seconds", `Bearer ${tokenOf({ timestamp: now / 1000, exp: now / 1000 + 60 })}`, "1003"],
    ["a token from the future", `Bearer ${tokenOf({ timestamp: now + 120_000, exp: now + 180_000 })}`, "1002"],
    ["a token that ends before it begins", `Bearer ${tokenOf({ exp: now - 1 })}`, "1002"],
    ["a token for months", `Bearer ${tokenOf({ exp: now + 1e10 })}`, "1002"],
    ["a token without times", `Bearer ${tokenOf({ exp: undefined })}`, "1002"],
    ["another algorithm", `Bearer ${tokenOf({}, { header: { alg: "none", sign_type: "SIGN" } })}`, "1002"],
    ["a usual JWT header", `Bearer ${tokenOf({}, { header: { alg: "HS256", typ: "JWT" } })}`, "1002"],
    ["a token that is none", "Bearer a.b.c", "1002"]
  ])("%s", ([, authorization, code]) =>
    Effect.gen(function* () {
      const { json, status } = yield* seenWith(authorization)
      expect(status).toBe(401)
      expect(json).toMatchObject({ error: { code } })
    })
  )

  it.effect.each<readonly [string, string, object, string]>([
    ["an unknown model", "/chat/completions", { ...chat, model: "glm-0" }, "1211"],
    ["no messages", "/chat/completions", { model: "glm-4.6" }, "1213"],
    ["a temperature out of range", "/chat/completions", { ...chat, temperature: 3 }, "1214"],
    [
      "more than 64 texts",
      "/embeddings",
      { model: "embedding-3", input: Array.from({ length: 65 }, () => "a") },
      "1214"
    ],
    ["dimensions that the model has not", "/embeddings", { model: "embedding-3", input: "a", dimensions: 100 }, "1214"]
  ])("%s", ([, path, body, code]) =>
    Effect.gen(function* () {
      const { json, status } = yield* Effect.provide(
        post(path, body, `Bearer ${key}`),
        Simulator.layerHttpClient({ apiKey: key })
      )
      expect(status).toBeGreaterThanOrEqual(400)
      expect(json).toMatchObject({ error: { code } })
    })
  )
})

const providerWith = (options: Partial<Zhipu.Options>) =>
  Zhipu.layer({
    apiKey: Redacted.make(key),
    baseUrl: "http://simulator.invalid/api/paas/v4",
    model: "glm-4.6",
    ...options
  })

describe("the provider on the simulated Zhipu", () => {
  it.effect("gets answers, with their reasoning where it is asked for, and vectors as long as it asks", () =>
    Effect.gen(function* () {
      const asked = { prompt: "Why?", providerOptions: { thinking: { type: "enabled" } } }
      const whole = yield* LlmClient.complete(asked)
      const folded = yield* StreamPart.collect(LlmClient.stream(asked))
      expect(whole.reasoning).not.toBe("")
      expect([folded.text, folded.reasoning, folded.usage]).toEqual([whole.text, whole.reasoning, whole.usage])
      expect((yield* LlmClient.embed({ input: ["a"], dimensions: 256 })).vectors[0]).toHaveLength(256)
      expect((yield* LlmClient.embed("a")).vectors[0]).toHaveLength(2048)
      expect((yield* LlmClient.embed(Array.from({ length: 65 }, (_, n) => `text ${n}`))).vectors).toHaveLength(65)
    }).pipe(Effect.provide(providerWith({})), Effect.provide(Simulator.layerHttpClient({ apiKey: key })))
  )

  it.effect("is let in at any time of a long day", () =>
    Effect.gen(function* () {
      for (let minute = 0; minute < 60; minute++) {
        yield* TestClock.adjust("23 seconds")
        yield* LlmClient.complete("Hi")
      }
    }).pipe(
      Effect.provide(providerWith({ tokenTimeToLive: "30 seconds" })),
      Effect.provide(Simulator.layerHttpClient({ apiKey: key }))
    )
  )

  it.effect("is let in at every attempt, however long the waits between them", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(
        Fault.status(500, { headers: { "retry-after": "50" } }),
        Fault.status(500, { headers: { "retry-after": "50" } })
      )
      const fiber = yield* Effect.fork(LlmClient.complete("Hi"))
      yield* TestClock.adjust("5 minutes")
      expect((yield* fiber).attempts).toBe(3)
      expect((yield* simulator.stats).attempts).toBe(3)
    }).pipe(
      Effect.provide(Policy.retry(RetryPolicy.standard)(providerWith({}))),
      Effect.provide(Simulator.layerHttpClient({ apiKey: key }))
    )
  )

  it.effect("is told when its secret is wrong", () =>
    Effect.gen(function* () {
      const wrong = providerWith({ apiKey: Redacted.make("7f3a9c51.another-secret") })
      const error = yield* Effect.flip(LlmClient.complete("Hi")).pipe(Effect.provide(wrong))
      expect(error).toMatchObject({ _tag: "AuthenticationFailed", status: 401 })
    }).pipe(Effect.provide(Simulator.layerHttpClient({ apiKey: key })))
  )

  it.effect("hears Zhipu's words for every fault", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      const kinds = [
        [400, "InvalidRequest"],
        [401, "AuthenticationFailed"],
        [402, "QuotaExhausted"],
        [403, "PermissionDenied"],
        [404, "ModelNotFound"],
        [413, "RequestTooLarge"],
        [429, "RateLimited"],
        [500, "ServerFailed"],
        [503, "Overloaded"]
      ] as const
      for (const [status, tag] of kinds) {
        yield* simulator.inject(Fault.status(status))
        expect((yield* Effect.flip(LlmClient.complete("Hi")))._tag).toBe(tag)
      }
      for (const shape of ["object", "flat", "string", "null"] as const) {
        yield* simulator.inject(Fault.errorEvent({ afterTokens: 2, shape }))
        const end = yield* Effect.either(StreamPart.collect(LlmClient.stream("Hi")))
        expect(Either.isLeft(end) ? end.left : end.right).toMatchObject({
          _tag: "StreamInterrupted",
          cause: { _tag: "ServerFailed" }
        })
      }
    }).pipe(Effect.provide(providerWith({})), Effect.provide(Simulator.layerHttpClient({ apiKey: key })))
  )

  it.effect("is slowed down by limits", () =>
    Effect.gen(function* () {
      yield* LlmClient.complete("Hi")
      expect((yield* Effect.flip(LlmClient.complete("Hi")))._tag).toBe("RateLimited")
    }).pipe(
      Effect.provide(providerWith({})),
      Effect.provide(Simulator.layerHttpClient({ apiKey: key, rateLimit: { requestsPerMinute: 1 } }))
    )
  )
})
