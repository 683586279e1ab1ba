/**
 * A mock client that can be watched: when calls began, how many were in flight, how they ended.
 */
import { type ConfigError, Clock, Context, Effect, Exit, Fiber, Layer, type Scope, Stream, TestClock } from "effect"
import { LlmClient, type LlmError, type Policy, type StreamPart } from "effect-llm"
import { MockLlm } from "effect-llm/testing"

export interface Watched {
  /** When calls began, in milliseconds of the test's clock, oldest first. */
  readonly starts: Array<number>
  /** The prompts of these calls. */
  readonly prompts: Array<string>
  inFlight: number
  mostInFlight: number
  /** How many calls were interrupted, or streams left, before they were done. */
  left: number
  readonly client: LlmClient.Service
  readonly layer: Layer.Layer<LlmClient.LlmClient>
}

/** Watches a mock that answers like this. */
export const make = (answers: MockLlm.Answers): Effect.Effect<Watched> =>
  Effect.map(MockLlm.make(answers), (mock) => watch(mock.client))

/** Watches a client. */
export const watch = (next: LlmClient.Service): Watched => {
  const begin = (prompt: string) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      watched.starts.push(now)
      watched.prompts.push(prompt)
      watched.inFlight++
      watched.mostInFlight = Math.max(watched.mostInFlight, watched.inFlight)
    })
  const end = (isLeft: boolean): void => {
    watched.inFlight--
    if (isLeft) watched.left++
  }
  const call = <A, E>(prompt: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      begin(prompt),
      () => effect,
      (_, exit) => Effect.sync(() => end(Exit.isInterrupted(exit)))
    )
  const client: LlmClient.Service = {
    ...next,
    complete: (request) => call(JSON.stringify(request.prompt), next.complete(request)),
    embed: (request) => call(JSON.stringify(request.input), next.embed(request)),
    stream: (request) =>
      Stream.unwrapScoped(
        Effect.suspend(() => {
          let isDone = false
          const done = Effect.sync(() => {
            isDone = true
          })
          return Effect.as(
            Effect.acquireRelease(begin(JSON.stringify(request.prompt)), () => Effect.sync(() => end(!isDone))),
            next.stream(request).pipe(
              Stream.tap((part) => (part._tag === "Finish" ? done : Effect.void)),
              Stream.tapError(() => done)
            )
          )
        })
      )
  }
  const watched: Watched = {
    starts: [],
    prompts: [],
    inFlight: 0,
    mostInFlight: 0,
    left: 0,
    client,
    layer: Layer.succeed(LlmClient.LlmClient, client)
  }
  return watched
}

/** The client that a layer makes; the layer lives as long as the scope. */
export const built = <E>(
  layer: Layer.Layer<LlmClient.LlmClient, E>
): Effect.Effect<LlmClient.Service, E, Scope.Scope> =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, LlmClient.LlmClient))

/** A watched mock behind a policy. */
export const behind = (
  policy: Policy.Policy<ConfigError.ConfigError>,
  answers: MockLlm.Answers
): Effect.Effect<
  { readonly client: LlmClient.Service; readonly mock: Watched },
  ConfigError.ConfigError,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const mock = yield* make(answers)
    return { client: yield* built(policy(mock.layer)), mock }
  })

/** Runs an effect to its end on the test's clock, which moves as far as it needs to, up to a day. */
export const inVirtualTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust("1 day")
    return yield* Fiber.join(fiber)
  })

/** An effect's value or error, and the milliseconds of the test's clock that it took. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const result = yield* Effect.either(effect)
    return { result, millis: (yield* Clock.currentTimeMillis) - start }
  })

/** All parts that came, and the error or `undefined` when the stream ended well. */
export const seen = (stream: Stream.Stream<StreamPart.StreamPart, LlmError.LlmError>) =>
  Effect.gen(function* () {
    const parts: Array<StreamPart.StreamPart> = []
    const error = yield* stream.pipe(
      Stream.runForEach((part) => Effect.sync(() => parts.push(part))),
      Effect.as(undefined),
      Effect.catchAll((error) => Effect.succeed(error))
    )
    return { parts, error }
  })
