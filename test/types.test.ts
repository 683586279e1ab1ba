import type { HttpClient } from "@effect/platform"
import { assertType, describe, expectTypeOf, it } from "@effect/vitest"
import { type ConfigError, Context, Effect, Either, Layer, Schedule, type Schema, type Stream } from "effect"
import {
  ChatRequest,
  type Completion,
  type Embeddings,
  LlmClient,
  LlmError,
  OpenAi,
  Policy,
  RetryPolicy,
  type StreamPart
} from "effect-llm"
import { Cassette } from "effect-llm/testing"

// What the compiler takes or refuses is written inside of functions that nobody runs.

declare const call: Effect.Effect<string, LlmError.LlmError>
declare const error: LlmError.LlmError

describe("the types of calls", () => {
  it("say what comes back, what can go wrong and what is needed", () => {
    expectTypeOf(LlmClient.complete).returns.toEqualTypeOf<
      Effect.Effect<Completion.Completion, LlmError.LlmError, LlmClient.LlmClient>
    >()
    expectTypeOf(LlmClient.stream).returns.toEqualTypeOf<
      Stream.Stream<StreamPart.StreamPart, LlmError.LlmError, LlmClient.LlmClient>
    >()
    expectTypeOf(LlmClient.streamText).returns.toEqualTypeOf<
      Stream.Stream<string, LlmError.LlmError, LlmClient.LlmClient>
    >()
    expectTypeOf(LlmClient.embed).returns.toEqualTypeOf<
      Effect.Effect<Embeddings.Embeddings, LlmError.LlmError, LlmClient.LlmClient>
    >()
  })

  it("take a prompt alone, or with settings", () => {
    assertType(() => [
      LlmClient.complete("Hello"),
      LlmClient.complete({ role: "user", content: "Hello" }),
      LlmClient.complete([
        { role: "system", content: "Be kind." },
        { role: "user", content: "Hello" }
      ]),
      LlmClient.complete({ prompt: "Hello", temperature: 0.5, stop: ["\n"], toolChoice: { tool: "look_up" } }),
      LlmClient.embed("Hello"),
      LlmClient.embed(["Hello"]),
      LlmClient.embed({ input: ["Hello"], dimensions: 3 })
    ])
  })

  it("do not take a request without a prompt, a setting of the wrong type or an unknown one", () => {
    // @ts-expect-error a request has a prompt
    assertType(() => LlmClient.complete({ temperature: 0.5 }))
    // @ts-expect-error a temperature is a number
    assertType(() => LlmClient.complete({ prompt: "Hello", temperature: "0.5" }))
    // @ts-expect-error there is no such setting
    assertType(() => LlmClient.complete({ prompt: "Hello", temprature: 0.5 }))
    // @ts-expect-error there is no such role
    assertType(() => LlmClient.complete({ role: "robot", content: "Hello" }))
    // @ts-expect-error there is no such effort
    assertType(() => LlmClient.complete({ prompt: "Hello", reasoningEffort: "heroic" }))
    // @ts-expect-error a prompt is no number
    assertType(() => LlmClient.stream(42))
    // @ts-expect-error a text to embed is no number
    assertType(() => LlmClient.embed([42]))
  })

  it("do not run without a client", () => {
    // @ts-expect-error LlmClient is missing
    assertType(() => Effect.runPromise(LlmClient.complete("Hello")))
  })

  it("requests cannot be changed", () => {
    const request = ChatRequest.make("Hello")
    // @ts-expect-error a request is readonly
    assertType(() => (request.temperature = 1))
    // @ts-expect-error and so is its prompt
    assertType(() => request.prompt.push({ role: "user", content: [] }))
  })
})

describe("the types of errors", () => {
  it("are two unions that share nothing, and are all there is", () => {
    expectTypeOf<Extract<LlmError.TerminalError, LlmError.RetryableError>>().toBeNever()
    expectTypeOf<LlmError.TerminalError | LlmError.RetryableError>().toEqualTypeOf<LlmError.LlmError>()
    expectTypeOf<Schema.Schema.Type<typeof LlmError.LlmError>>().toEqualTypeOf<LlmError.LlmError>()
  })

  it("are narrowed by catchTag", () => {
    assertType(() => {
      const caught = call.pipe(
        Effect.catchTag("RateLimited", (error) => {
          expectTypeOf(error).toEqualTypeOf<LlmError.RateLimited>()
          return Effect.succeed("later")
        })
      )
      expectTypeOf<Effect.Effect.Error<typeof caught>>().toEqualTypeOf<
        Exclude<LlmError.LlmError, LlmError.RateLimited>
      >()
    })
  })

  it("leave exactly the terminal ones when all retryable ones are caught", () => {
    assertType(() => {
      const again = () => Effect.succeed("later")
      const caught = call.pipe(
        Effect.catchTags({
          RateLimited: again,
          Overloaded: again,
          ServerFailed: again,
          RequestTimeout: again,
          ConnectionFailed: again,
          MalformedResponse: again,
          StreamInterrupted: again,
          CircuitOpen: again
        })
      )
      expectTypeOf<Effect.Effect.Error<typeof caught>>().toEqualTypeOf<LlmError.TerminalError>()
    })
  })

  it("are narrowed in both branches by isRetryable and isTerminal", () => {
    assertType(() => {
      if (LlmError.isRetryable(error)) expectTypeOf(error).toEqualTypeOf<LlmError.RetryableError>()
      else expectTypeOf(error).toEqualTypeOf<LlmError.TerminalError>()
      if (LlmError.isTerminal(error)) expectTypeOf(error).toEqualTypeOf<LlmError.TerminalError>()
      else expectTypeOf(error).toEqualTypeOf<LlmError.RetryableError>()
      const split = Effect.either(call).pipe(
        Effect.map(Either.mapLeft((error) => (LlmError.isRetryable(error) ? error.retryAfter : error.message)))
      )
      expectTypeOf<Effect.Effect.Error<typeof split>>().toBeNever()
    })
  })

  it("have only the fields of their class", () => {
    assertType(() => {
      expectTypeOf(error.provider).toBeString()
      expectTypeOf(error.attempts).toBeNumber()
      // @ts-expect-error a terminal error knows of no wait
      return error.retryAfter
    })
  })

  it("are matched by all their tags or not at all", () => {
    const terminal = {
      InvalidRequest: (error: LlmError.InvalidRequest) => error.param,
      AuthenticationFailed: () => "a",
      PermissionDenied: () => "a",
      ModelNotFound: () => "a",
      ContextLengthExceeded: () => "a",
      RequestTooLarge: () => "a",
      ContentFiltered: () => "a",
      QuotaExhausted: () => "a",
      UnsupportedFeature: () => "a",
      InvalidOutput: () => "a",
      BudgetExceeded: () => 1
    }
    const most = {
      RateLimited: () => "a",
      Overloaded: () => "a",
      ServerFailed: () => "a",
      RequestTimeout: () => "a",
      ConnectionFailed: () => "a",
      MalformedResponse: () => "a",
      StreamInterrupted: () => "a"
    }
    assertType(() => {
      const all = LlmError.match({ ...terminal, ...most, CircuitOpen: () => null })
      expectTypeOf(all).returns.toEqualTypeOf<string | number | null | undefined>()
    })
    // @ts-expect-error CircuitOpen is missing
    assertType(() => LlmError.match({ ...terminal, ...most }))
    assertType(() =>
      // @ts-expect-error a case takes the error of its tag
      LlmError.match({ ...terminal, ...most, CircuitOpen: (error: LlmError.RateLimited) => error._tag })
    )
  })
})

describe("the types of policies over several clients and of streams", () => {
  it("take tags and modes that there are", () => {
    assertType(() => [
      Policy.fallback(OpenAi.layerConfig(), { when: ["ContentFiltered", ...Policy.fallbackTags] }),
      Policy.fallback(OpenAi.layerConfig(), {
        when: (error) => error._tag === "Overloaded",
        model: { name: "gpt-4.1" }
      }),
      Policy.streamRecovery({ mode: "restart", attempts: 2 }),
      Policy.hedge({ after: "p95" })
    ])
    // @ts-expect-error there is no such tag
    assertType(() => Policy.fallback(OpenAi.layerConfig(), { when: ["ServerDown"] }))
    // @ts-expect-error there is no such mode
    assertType(() => Policy.streamRecovery({ mode: "resume" }))
    // @ts-expect-error what is held back is not tried again here
    assertType(() => Policy.streamRecovery({ mode: "buffer", attempts: 2 }))
    // @ts-expect-error a hedge has to know when
    assertType(() => Policy.hedge({}))
    // @ts-expect-error a change of state cannot fail
    assertType(() => Policy.circuitBreaker({ onStateChange: () => Effect.fail("no") }))
  })
})

describe("the types of retries", () => {
  it("any Schedule over LlmErrors is a RetryPolicy, and a RetryPolicy is a Schedule", () => {
    assertType(() => {
      expectTypeOf(RetryPolicy.standard).toExtend<Schedule.Schedule<unknown, LlmError.LlmError>>()
      expectTypeOf(Schedule.recurs(2)).toExtend<RetryPolicy.RetryPolicy>()
      expectTypeOf(Schedule.spaced("1 second")).toExtend<RetryPolicy.RetryPolicy>()
      const policies: ReadonlyArray<RetryPolicy.RetryPolicy> = [
        RetryPolicy.none,
        RetryPolicy.linear({ unit: "60 seconds", cap: "5 minutes", jitter: { plus: "1 minute" } }),
        RetryPolicy.standard.pipe(RetryPolicy.upTo("2 minutes")),
        Schedule.fibonacci("1 second").pipe(RetryPolicy.retryableOnly, RetryPolicy.honorRetryAfter()),
        Schedule.recurWhile((error: LlmError.LlmError) => error._tag === "RateLimited")
      ]
      expectTypeOf(Effect.retry(call, RetryPolicy.standard)).toEqualTypeOf<typeof call>()
      return policies
    })
  })

  it("a foreign error cannot be retried by one", () => {
    const foreign: Effect.Effect<string, Error> = Effect.fail(new Error("not ours"))
    // @ts-expect-error an Error is no LlmError
    assertType(() => Effect.retry(foreign, RetryPolicy.standard))
    // @ts-expect-error nor is a string
    assertType(() => Effect.retry(Effect.fail("no"), RetryPolicy.exponential({ retries: 1 })))
    // @ts-expect-error a Schedule over other errors is no RetryPolicy
    assertType(() => Policy.retry(Schedule.recurWhile((n: number) => n > 1)))
  })

  it("options are checked", () => {
    // @ts-expect-error there is no such jitter
    assertType(() => RetryPolicy.exponential({ jitter: "some" }))
    // @ts-expect-error a duration has a unit
    assertType(() => RetryPolicy.exponential({ base: "500" }))
    // @ts-expect-error seconds are no permits
    assertType(() => Policy.concurrency("10 seconds"))
  })
})

describe("the types of layers", () => {
  it("a provider's layer can fail by its configuration and needs an HttpClient", () => {
    type Llm = Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>
    expectTypeOf(OpenAi.layerConfig).returns.toEqualTypeOf<Llm>()
    expectTypeOf(OpenAi.layer).returns.toEqualTypeOf<Llm>()
  })

  it("a program with a provider needs an HttpClient and nothing else", () => {
    assertType(() => {
      const program = LlmClient.complete("Hello").pipe(
        Effect.map((answer) => answer.text),
        Effect.provide(OpenAi.layerConfig().pipe(Policy.retry(RetryPolicy.standard)))
      )
      expectTypeOf(program).toEqualTypeOf<
        Effect.Effect<string, LlmError.LlmError | ConfigError.ConfigError, HttpClient.HttpClient>
      >()
    })
  })

  it("a key is no string, and a setting of the wrong name is none", () => {
    // @ts-expect-error a key is Redacted
    assertType(() => OpenAi.layer({ apiKey: "sk-1", model: "m" }))
    // @ts-expect-error there is no such option
    assertType(() => OpenAi.layerConfig({ modle: "m" }))
  })

  it("a policy wraps clients and nothing else", () => {
    class Other extends Context.Tag("Other")<Other, string>() {}
    // @ts-expect-error this layer has no client
    assertType(() => Layer.succeed(Other, "other").pipe(Policy.concurrency(1)))
  })
})

describe("the types of a cassette", () => {
  it("ask for no network: what sends is an option, with its own errors and needs", () => {
    type Given = HttpClient.HttpClient | Cassette.Cassette
    type Failure = Cassette.CassetteError | ConfigError.ConfigError
    expectTypeOf(Cassette.layer("tape.json")).toEqualTypeOf<Layer.Layer<Given, Failure>>()
    expectTypeOf(Cassette.layer("tape.json", { mode: "replay" })).toEqualTypeOf<Layer.Layer<Given, Failure>>()
    const http = (): Layer.Layer<HttpClient.HttpClient, "broken", LlmClient.LlmClient> => Layer.die("nobody runs it")
    expectTypeOf(Cassette.layer("tape.json", { http: http() })).toEqualTypeOf<
      Layer.Layer<Given, Failure | "broken", LlmClient.LlmClient>
    >()
  })
})
