import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import { Duration, Effect, FastCheck as fc, Option, Schema } from "effect"
import { LlmError } from "../src/index.js"

const common = {
  provider: "acme",
  model: "acme-1",
  message: "no",
  status: 500,
  requestId: "req_1",
  body: '{"error":"no"}',
  attempts: 3
}
const retryable = { ...common, retryAfter: Duration.millis(1500) }
const usage = { inputTokens: 12, outputTokens: 3 }

/** One error of every class, with every field filled. */
const one: { readonly [T in LlmError.Tag]: Extract<LlmError.LlmError, { readonly _tag: T }> } = {
  InvalidRequest: new LlmError.InvalidRequest({ ...common, param: "temperature", code: "unsupported_value" }),
  AuthenticationFailed: new LlmError.AuthenticationFailed(common),
  PermissionDenied: new LlmError.PermissionDenied(common),
  ModelNotFound: new LlmError.ModelNotFound(common),
  ContextLengthExceeded: new LlmError.ContextLengthExceeded(common),
  RequestTooLarge: new LlmError.RequestTooLarge(common),
  ContentFiltered: new LlmError.ContentFiltered({
    ...common,
    categories: [
      { name: "hate", filtered: true, severity: "high" },
      { name: "jailbreak", filtered: false }
    ],
    text: "so far",
    usage
  }),
  QuotaExhausted: new LlmError.QuotaExhausted(common),
  UnsupportedFeature: new LlmError.UnsupportedFeature({ ...common, feature: "embeddings" }),
  InvalidOutput: new LlmError.InvalidOutput({ ...common, text: "{", usage }),
  BudgetExceeded: new LlmError.BudgetExceeded(common),
  RateLimited: new LlmError.RateLimited(retryable),
  Overloaded: new LlmError.Overloaded(retryable),
  ServerFailed: new LlmError.ServerFailed(retryable),
  RequestTimeout: new LlmError.RequestTimeout({ ...retryable, limit: "first-part" }),
  ConnectionFailed: new LlmError.ConnectionFailed(retryable),
  MalformedResponse: new LlmError.MalformedResponse(retryable),
  StreamInterrupted: new LlmError.StreamInterrupted({
    ...retryable,
    text: "so far",
    usage,
    cause: new LlmError.Overloaded({ ...retryable, message: "the cause" })
  }),
  CircuitOpen: new LlmError.CircuitOpen(retryable)
}

const all: ReadonlyArray<LlmError.LlmError> = Object.values(one)
const named = all.map((error) => [error._tag, error] as const)

const retryableTags: ReadonlySet<string> = new Set([
  "RateLimited",
  "Overloaded",
  "ServerFailed",
  "RequestTimeout",
  "ConnectionFailed",
  "MalformedResponse",
  "StreamInterrupted",
  "CircuitOpen"
])

describe("an error crosses processes", () => {
  const json = Schema.parseJson(LlmError.LlmError)

  it.each(named)("%s comes back from JSON as it went", (_, error) => {
    const text = Schema.encodeSync(json)(error)
    const back = Schema.decodeSync(json)(text)
    expect(back).toBeInstanceOf(error.constructor)
    expect({ ...back }).toEqual({ ...error })
    expect(back.message).toBe(error.message)
    expect(Schema.encodeSync(json)(back)).toBe(text)
  })

  it("a wait is written in milliseconds", () => {
    expect(Schema.encodeSync(LlmError.RateLimited)(one.RateLimited)).toMatchObject({ retryAfter: 1500 })
  })

  it("what broke a stream comes back as the error that it was", () => {
    const back = Schema.decodeSync(json)(Schema.encodeSync(json)(one.StreamInterrupted))
    expect(back).toMatchObject({ text: "so far", usage })
    expect(back._tag === "StreamInterrupted" && back.cause).toBeInstanceOf(LlmError.Overloaded)
    expect(back._tag === "StreamInterrupted" && back.cause?.message).toBe("the cause")
  })

  it("a minimal error leaves out what is not known", () => {
    const minimal = new LlmError.ServerFailed({ provider: "acme", model: "acme-1", message: "no" })
    expect(minimal.attempts).toBe(1)
    expect(Schema.decodeSync(json)(Schema.encodeSync(json)(minimal))).toMatchObject({
      _tag: "ServerFailed",
      attempts: 1
    })
    const filtered = new LlmError.ContentFiltered({ provider: "acme", model: "acme-1", message: "no" })
    expect(filtered.categories).toEqual([])
  })

  it.each([undefined, null, "RateLimited", {}, new Error("x"), { _tag: "RateLimited" }].map((value) => [value]))(
    "%o is no error of ours",
    (value) => {
      expect(LlmError.isLlmError(value)).toBe(false)
    }
  )
})

describe("what became of the request", () => {
  const named = { provider: "acme", model: "acme-1", message: "no" }

  it.each([
    ["rejected", [LlmError.InvalidRequest, LlmError.RateLimited, LlmError.Overloaded, LlmError.ServerFailed]],
    ["unknown", [LlmError.ConnectionFailed, LlmError.MalformedResponse]],
    ["not-sent", [LlmError.BudgetExceeded, LlmError.CircuitOpen]]
  ] as const)("is %s where nothing else is said", (outcome, classes) => {
    for (const Class of classes) expect(new Class(named).outcome).toBe(outcome)
  })

  it("is what is said, and stays so", () => {
    const error = new LlmError.ConnectionFailed({ ...named, ...LlmError.notSent })
    expect(LlmError.withAttempts(error, 3)).toMatchObject({ outcome: "not-sent", attempts: 3 })
    const back = Schema.decodeSync(LlmError.LlmError)(Schema.encodeSync(LlmError.LlmError)(error))
    expect(back.outcome).toBe("not-sent")
  })

  it("is the usual one in an error that was written before it was said", () => {
    const old = { _tag: "RequestTimeout", ...named, attempts: 1, limit: "attempt" }
    expect(Schema.decodeUnknownSync(LlmError.LlmError)(old).outcome).toBe("unknown")
  })
})

describe("the two unions", () => {
  it.each(named)("%s is in exactly one", (tag, error) => {
    expect(LlmError.isRetryable(error)).toBe(retryableTags.has(tag))
    expect(LlmError.isTerminal(error)).toBe(!retryableTags.has(tag))
    expect(Schema.is(LlmError.RetryableError)(error)).toBe(retryableTags.has(tag))
    expect(Schema.is(LlmError.TerminalError)(error)).toBe(!retryableTags.has(tag))
    expect(LlmError.isLlmError(error)).toBe(true)
  })

  it("narrow, and leave nothing between them", () => {
    const narrow = (error: LlmError.LlmError): void => {
      if (LlmError.isRetryable(error)) expectTypeOf(error).toEqualTypeOf<LlmError.RetryableError>()
      else expectTypeOf(error).toEqualTypeOf<LlmError.TerminalError>()
      if (LlmError.isTerminal(error)) expectTypeOf(error).toEqualTypeOf<LlmError.TerminalError>()
      else expectTypeOf(error).toEqualTypeOf<LlmError.RetryableError>()
    }
    all.forEach(narrow)
    expectTypeOf<LlmError.TerminalError | LlmError.RetryableError>().toEqualTypeOf<LlmError.LlmError>()
    expectTypeOf<Extract<LlmError.TerminalError["_tag"], LlmError.RetryableError["_tag"]>>().toEqualTypeOf<never>()
    expectTypeOf(LlmError.isLlmError).guards.toEqualTypeOf<LlmError.LlmError>()
  })
})

describe("retryAfter", () => {
  it("is the wait that the provider asked for", () => {
    for (const error of all) {
      expect(Option.getOrUndefined(LlmError.retryAfter(error))).toEqual(
        retryableTags.has(error._tag) ? Duration.millis(1500) : undefined
      )
    }
  })

  it("is none where the provider asked for none", () => {
    expect(LlmError.retryAfter(new LlmError.Overloaded(common))).toEqual(Option.none())
  })
})

describe("match", () => {
  const describe_ = LlmError.match({
    InvalidRequest: (error) => `param ${error.param}`,
    AuthenticationFailed: () => "key",
    PermissionDenied: () => "permission",
    ModelNotFound: (error) => `model ${error.model}`,
    ContextLengthExceeded: () => "context",
    RequestTooLarge: () => "size",
    ContentFiltered: (error) => error.categories.map((category) => category.name),
    QuotaExhausted: () => "credit",
    UnsupportedFeature: (error) => `feature ${error.feature}`,
    InvalidOutput: (error) => error.text,
    BudgetExceeded: () => "budget",
    RateLimited: (error) => (error.retryAfter === undefined ? 0 : Duration.toMillis(error.retryAfter)),
    Overloaded: () => "load",
    ServerFailed: () => "server",
    RequestTimeout: (error) => `limit ${error.limit}`,
    ConnectionFailed: () => "connection",
    MalformedResponse: () => "malformed",
    StreamInterrupted: (error) => error.text,
    CircuitOpen: () => "breaker"
  })

  it.each([
    ["InvalidRequest", "param temperature"],
    ["ContentFiltered", ["hate", "jailbreak"]],
    ["UnsupportedFeature", "feature embeddings"],
    ["RateLimited", 1500],
    ["RequestTimeout", "limit first-part"],
    ["StreamInterrupted", "so far"],
    ["CircuitOpen", "breaker"]
  ] as const)("calls the case of %s", (tag, result) => {
    expect(describe_(one[tag])).toEqual(result)
  })

  it("gives what the cases give", () => {
    expectTypeOf(describe_).returns.toEqualTypeOf<string | number | Array<string>>()
  })

  it("wants a case for every tag", () => {
    // @ts-expect-error all the others are missing
    const partial = LlmError.match({ RateLimited: () => 1 })
    expect(partial(one.RateLimited)).toBe(1)
  })
})

describe("withAttempts", () => {
  it.each(named)("gives %s with another count, and all else the same", (_, error) => {
    const before = { ...error }
    const copy = LlmError.withAttempts(error, 7)
    expect(copy).not.toBe(error)
    expect(copy).toBeInstanceOf(error.constructor)
    expect(copy).toBeInstanceOf(Error)
    expect(copy.attempts).toBe(7)
    expect(copy.stack).toBe(error.stack)
    expect(copy.message).toBe(error.message)
    expect({ ...copy, attempts: 3 }).toEqual(before)
    expect({ ...error }).toEqual(before)
    expect(Schema.is(LlmError.LlmError)(copy)).toBe(true)
  })

  it("gives the error itself where the count is right already", () => {
    expect(LlmError.withAttempts(one.RateLimited, 3)).toBe(one.RateLimited)
  })

  it("keeps the type", () => {
    expectTypeOf(LlmError.withAttempts(one.RateLimited, 2)).toEqualTypeOf<LlmError.RateLimited>()
  })

  it.effect("gives an error that can still be thrown and caught by its tag", () =>
    Effect.gen(function* () {
      const caught = yield* LlmError.withAttempts(one.RateLimited, 5).pipe(
        Effect.catchTag("RateLimited", (error) => Effect.succeed(error.attempts))
      )
      expect(caught).toBe(5)
    })
  )
})

describe("excerpt", () => {
  const bytes = (text: string): number => new TextEncoder().encode(text).length
  const isWhole = (text: string): boolean =>
    !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text)

  it("keeps a short text as it is", () => {
    for (const text of ["", "x", "ü".repeat(2048), "a".repeat(4096), "😀".repeat(1024)])
      expect(LlmError.excerpt(text)).toBe(text)
  })

  it.each(["a", "ü", "€", "😀"])("fills the 4 KiB with %s as far as whole characters go", (character) => {
    for (const offset of [0, 1, 2, 3]) {
      const text = LlmError.excerpt("a".repeat(offset) + character.repeat(5000))
      expect(bytes(text)).toBeLessThanOrEqual(4096)
      expect(bytes(text)).toBeGreaterThan(4096 - bytes(character))
      expect(isWhole(text)).toBe(true)
    }
  })

  it("is always a beginning of the text, at most 4,096 bytes long, with no character cut", () => {
    const piece = fc.fullUnicodeString({ minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(piece, fc.integer({ min: 1, max: 400 }), (part, times) => {
        const whole = `{${part.repeat(times)}`
        const text = LlmError.excerpt(whole)
        expect(bytes(text)).toBeLessThanOrEqual(4096)
        expect(whole.startsWith(text)).toBe(true)
        expect(isWhole(text)).toBe(true)
        if (bytes(whole) > 4096) expect(bytes(text)).toBeGreaterThan(4092)
        else expect(text).toBe(whole)
      })
    )
  })
})

describe("on the error channel", () => {
  const failing = (error: LlmError.LlmError): Effect.Effect<string, LlmError.LlmError> => Effect.fail(error)

  it.effect("one tag can be caught, and the rest stays in the type", () =>
    Effect.gen(function* () {
      const program = failing(one.RateLimited).pipe(
        Effect.catchTag("RateLimited", (error) => Effect.succeed(`wait ${Duration.toMillis(error.retryAfter ?? 0)}`))
      )
      expectTypeOf<Effect.Effect.Error<typeof program>>().toEqualTypeOf<
        Exclude<LlmError.LlmError, LlmError.RateLimited>
      >()
      expect(yield* program).toBe("wait 1500")
    })
  )

  it.effect("with all retryable errors caught, only terminal ones are left", () =>
    Effect.gen(function* () {
      const guarded = (error: LlmError.LlmError) =>
        failing(error).pipe(Effect.catchIf(LlmError.isRetryable, (retryable) => Effect.succeed(retryable._tag)))
      expectTypeOf<Effect.Effect.Error<ReturnType<typeof guarded>>>().toEqualTypeOf<LlmError.TerminalError>()
      for (const error of all) {
        const result = yield* Effect.either(guarded(error))
        expect(result._tag).toBe(LlmError.isRetryable(error) ? "Right" : "Left")
      }
    })
  )
})
