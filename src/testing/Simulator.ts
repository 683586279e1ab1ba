/**
 * A language-model service for tests and demos that answers from a seed instead of a model: the same request gets the
 * same answer, every fault can be made to happen, and what a real service would bill is counted.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Fault, Simulator } from "effect-llm/testing"
 *
 * const program = Effect.gen(function*() {
 *   const simulator = yield* Simulator.Simulator
 *   yield* simulator.inject(Fault.status(429), Fault.cut({ afterTokens: 5, ending: "abrupt" }))
 *   // … call simulator.url …
 *   return yield* simulator.stats
 * }).pipe(Effect.provide(Simulator.layer({ seed: 7 })))
 * ```
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import * as Core from "./simulator/Core.js"
import type { Fault } from "./simulator/Fault.js"
import * as InProcess from "./simulator/InProcess.js"
import type { RecordedRequest, Stats } from "./simulator/Ledger.js"
import type { ListenFailed } from "./simulator/ListenFailed.js"
import type { Options } from "./simulator/Options.js"
import { type Provider, urlsAt } from "./simulator/Places.js"

export type { Attempt, ErrorDetail, ErrorShape, Fault, Faults } from "./simulator/Fault.js"
export type { Ending, ModelStats, Outcome, RecordedRequest, Stats } from "./simulator/Ledger.js"
export { ListenFailed } from "./simulator/ListenFailed.js"
export type { Options } from "./simulator/Options.js"
export type { Provider } from "./simulator/Places.js"
export type { ChatSeen } from "./simulator/Wire.js"

/** A running simulator. */
export class Simulator extends Context.Tag("effect-llm/testing/Simulator")<Simulator, Service>() {}

export interface Service {
  /** What OpenAI and what speaks its protocol takes as its base URL, such as `http://127.0.0.1:4010/v1`. */
  readonly url: string
  /** What each provider takes as its `baseUrl`, and Azure's two as their `endpoint`, by their names in errors. */
  readonly urls: Readonly<Record<Provider, string>>
  /** The port it listens on; 0 in process. */
  readonly port: number
  /** Queues faults: each request takes the next one, ahead of those of the options. */
  readonly inject: (...faults: ReadonlyArray<Fault>) => Effect.Effect<void>
  readonly stats: Effect.Effect<Stats>
  /** Waits until the stats are so, however long it takes; for what happens on the other side of a socket. */
  readonly awaitStats: (predicate: (stats: Stats) => boolean) => Effect.Effect<Stats>
  /** The last 10,000 requests, in order of arrival. */
  readonly requests: Effect.Effect<ReadonlyArray<RecordedRequest>>
  /** Each request as it ends, from now on. */
  readonly ended: Stream.Stream<RecordedRequest>
  /** Forgets counts, requests, queued faults, used limits and cached prompts. Connections stay. */
  readonly reset: Effect.Effect<void>
}

/** An HTTP server on a loopback port, for the lifetime of the layer. Needs Node. */
export const layer = (options: Options = {}): Layer.Layer<Simulator, ListenFailed> =>
  Layer.scoped(
    Simulator,
    Effect.gen(function* () {
      const core = Core.make(options)
      // Loaded here, so that importing effect-llm/testing works where there is no Node.
      const { listen } = yield* Effect.promise(() => import("./simulator/ServerNode.js"))
      const host = options.host ?? "127.0.0.1"
      const port = yield* listen(core, { host, port: options.port ?? 0, flushEach: options.flushEach ?? false })
      return service(core, `http://${host.includes(":") ? `[${host}]` : host}:${port}`, port)
    })
  )

/**
 * The simulator as the HttpClient itself, without a socket: every request goes to it, whatever its host. Delays are
 * those of the Clock of the fiber that calls, so `TestClock` drives them. `host` and `port` are ignored.
 */
export const layerHttpClient = (options: Options = {}): Layer.Layer<Simulator | HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.sync(() => {
      const core = Core.make(options)
      return Context.make(Simulator, service(core, "https://simulator.invalid", 0)).pipe(
        Context.add(HttpClient.HttpClient, InProcess.make(core))
      )
    })
  )

const service = (core: Core.Core, origin: string, port: number): Service => ({
  url: `${origin}/v1`,
  urls: urlsAt(origin),
  port,
  inject: (...faults) => core.inject(faults),
  stats: core.ledger.stats,
  awaitStats: core.ledger.awaitStats,
  requests: core.ledger.requests,
  ended: core.ledger.ended,
  reset: core.reset
})
