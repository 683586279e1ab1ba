/**
 * The sides behind a client that the laws need: a Simulator on a real socket, and a mock.
 */
import { FetchHttpClient, type HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { type ConfigError, Context, Effect, Layer, Redacted, Ref, Stream } from "effect"
import { LlmClient, LlmError, OpenAi, type Policy } from "effect-llm"
import { UndiciHttpClient } from "effect-llm/node"
import { Fault, MockLlm, Simulator } from "effect-llm/testing"
import type { Scenario, Subject, World } from "./laws.js"

/** Searched for in everything that the tests can see. */
export const canary = "sk-canary-7f3a9c51e2d84b60"

export const httpClients = {
  fetch: FetchHttpClient.layer,
  "node undici": NodeHttpClient.layerUndici,
  "effect-llm/node": UndiciHttpClient.layer
} as const

const faultOf: Readonly<Record<Scenario, Fault.Faults>> = {
  well: [],
  tools: [],
  cut: () => Fault.cut({ afterTokens: 3, ending: "clean" }),
  stall: () => Fault.stall({ afterTokens: 2 }),
  silent: () => Fault.noAnswer,
  refused: () => Fault.status(400),
  failing: () => Fault.status(500)
}

/** A provider, given the URL of the Simulator and the key that it takes. */
export type ProviderOn = (
  url: string,
  key: string
) => Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>

const openAiOn: ProviderOn = (url, key) =>
  OpenAi.layer({ apiKey: Redacted.make(key), baseUrl: url, model: "gpt-4.1-mini" })

/** A provider, over HTTP, on a Simulator of its own; OpenAI where none is named. */
export const onSimulator = (
  name: string,
  http: Layer.Layer<HttpClient.HttpClient>,
  policy: AnyPolicy = (layer) => layer,
  options: Omit<Subject, "name" | "build"> & { readonly provider?: ProviderOn; readonly key?: string } = {}
): Subject => ({
  name,
  secret: canary,
  ...options,
  build: (scenario) =>
    Effect.gen(function* () {
      const key = options.key ?? canary
      const simulator = Context.get(
        yield* Layer.build(Simulator.layer({ apiKey: key, faults: faultOf[scenario] })),
        Simulator.Simulator
      )
      const client = (options.provider ?? openAiOn)(simulator.url, key)
      const world: World = {
        layer: Layer.orDie(policy(client)).pipe(Layer.provide(http)),
        abandoned: Effect.asVoid(simulator.awaitStats((stats) => stats.closedByClient === 1 && stats.inFlight === 0)),
        requests: Effect.map(simulator.stats, (stats) => stats.attempts)
      }
      return world
    })
})

export type AnyPolicy = Policy.Policy<ConfigError.ConfigError>

const failure = (tag: "InvalidRequest" | "ServerFailed" | "ConnectionFailed"): LlmError.LlmError =>
  new LlmError[tag]({ provider: "mock", model: "mock-model", message: "as scripted" })

const pieces = ["A lamp ", "turns ", "above ", "the sea."]

const answerOf = (scenario: Scenario): MockLlm.Answer => {
  switch (scenario) {
    case "tools":
      return { toolCalls: [{ id: "call_1", name: "look_up", arguments: '{"word":"lamp"}' }] }
    case "cut":
      return { text: pieces.slice(0, 3), error: failure("ConnectionFailed") }
    case "refused":
      return failure("InvalidRequest")
    case "failing":
      return failure("ServerFailed")
    default:
      return { text: pieces }
  }
}

/** `MockLlm`, with a watch on who leaves. */
export const onMock = (
  name: string,
  policy: AnyPolicy = (layer) => layer,
  options: Pick<Subject, "holdsBack"> = {}
): Subject => ({
  name,
  ...options,
  build: (scenario) =>
    Effect.gen(function* () {
      const left = yield* Effect.makeLatch(false)
      const requests = yield* Ref.make(0)
      const never = Effect.onInterrupt(Effect.never, () => left.open)
      const mock = yield* MockLlm.make(() =>
        Effect.zipRight(
          Ref.update(requests, (n) => n + 1),
          scenario === "silent" ? never : Effect.succeed(answerOf(scenario))
        )
      )
      const client: LlmClient.Service =
        scenario === "stall"
          ? { ...mock.client, stream: (request) => stalled(mock.client.stream(request), left.open) }
          : mock.client
      const world: World = {
        layer: Layer.orDie(policy(Layer.succeed(LlmClient.LlmClient, client))),
        abandoned: left.await,
        requests: Ref.get(requests)
      }
      return world
    })
})

/** Two parts, then silence. */
const stalled = <A, E>(stream: Stream.Stream<A, E>, onLeft: Effect.Effect<unknown>): Stream.Stream<A, E> =>
  Stream.take(stream, 2).pipe(Stream.concat(Stream.never), Stream.ensuring(onLeft))
