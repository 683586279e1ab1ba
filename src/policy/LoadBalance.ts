/**
 * Spreads calls over clients that can stand for each other: by weight, by who is least busy, or by who answers soonest. One
 * whose circuit is open is passed over, and the call does not notice. Each layer is built once, when the balance is.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { LlmClient, type Service } from "../LlmClient.js"
import { type CircuitOpen, isLlmError, type LlmError, type Tag } from "../LlmError.js"
import * as StreamEnd from "../StreamEnd.js"
import type { StreamPart } from "../StreamPart.js"
import { RecentLatency } from "./RecentLatency.js"
import * as Several from "./Several.js"

/**
 * - `"weighted"`: at random, in proportion to the weights
 * - `"least-busy"`: who has the fewest calls in flight for its weight
 * - `"lowest-latency"`: who has answered soonest of late, or begun its stream, for its weight and its calls in flight. One
 *   that failed counts as slow, and is tried again after a while
 *
 * Who is equal is chosen between at random, by `Random`.
 */
export type LoadBalanceStrategy = "weighted" | "least-busy" | "lowest-latency"

/**
 * - `strategy`: default `"weighted"`
 * - `weights`: one for each layer, above 0. Default: all the same
 */
export interface LoadBalanceOptions {
  readonly strategy?: LoadBalanceStrategy | undefined
  readonly weights?: ReadonlyArray<number> | undefined
}

/**
 * An `LlmClient` over several that can stand for each other, such as one model in several regions or under several keys:
 * requests go to them as they are, embeddings too. What fails, fails: around it, `retry` tries another. A client that says
 * `CircuitOpen` was not asked, and the next one is; when all say so, the error is that of the one which is tried again
 * first.
 *
 * ```ts
 * const Llm = Policy.loadBalance([East.pipe(Policy.circuitBreaker()), West.pipe(Policy.circuitBreaker())])
 * ```
 */
export function loadBalance<const L extends ReadonlyArray<Several.AnyLayer>>(
  layers: L,
  options?: LoadBalanceOptions
): Layer.Layer<LlmClient, Several.ErrorOf<L[number]> | ConfigError.ConfigError, Several.NeedsOf<L[number]>>
export function loadBalance(
  layers: ReadonlyArray<Several.AnyLayer>,
  { strategy = "weighted", weights }: LoadBalanceOptions = {}
): Several.AnyLayer {
  return Several.join(
    LlmClient,
    layers.map((layer, index) => [index, layer]),
    (clients) =>
      Effect.map(checked(clients.length, strategy, weights), (weightOf) =>
        serve(
          clients.map(([index, client]) => new Member(client, weightOf(index))),
          strategy
        )
      )
  )
}

const invalid = (path: ReadonlyArray<string>, message: string): Effect.Effect<never, ConfigError.ConfigError> =>
  Effect.fail(ConfigError.InvalidData(["loadBalance", ...path], message))

const strategies: ReadonlyArray<string> = ["weighted", "least-busy", "lowest-latency"]

const checked = (
  count: number,
  strategy: string,
  weights: ReadonlyArray<number> | undefined
): Effect.Effect<(index: number) => number, ConfigError.ConfigError> => {
  if (count === 0) return invalid([], "there is no layer")
  if (!strategies.includes(strategy)) return invalid(["strategy"], `must be one of ${strategies.join(", ")}`)
  if (weights === undefined) return Effect.succeed(() => 1)
  if (weights.length !== count) return invalid(["weights"], `must be ${count}, one for each layer`)
  const bad = weights.find((weight) => !(weight > 0 && Number.isFinite(weight)))
  return bad === undefined
    ? Effect.succeed((index) => weights[index] ?? 1)
    : invalid(["weights"], `must be numbers above 0, not ${bad}`)
}

// -----------------------------------------------------------------------------
// Members
// -----------------------------------------------------------------------------

/** Kinds of calls, whose times are alike. */
type Kind = "complete" | "stream" | "embed"

class Member {
  inFlight = 0
  readonly latency: Readonly<Record<Kind, RecentLatency>> = {
    complete: new RecentLatency(),
    stream: new RecentLatency(),
    embed: new RecentLatency()
  }

  constructor(
    readonly client: Service,
    readonly weight: number
  ) {}

  /** The least comes first. */
  load(strategy: LoadBalanceStrategy, kind: Kind, now: number): number {
    const busy = (this.inFlight + 1) / this.weight
    return strategy === "least-busy" ? busy : this.latency[kind].estimate(now) * busy
  }
}

const choose = (
  members: ReadonlyArray<Member>,
  strategy: LoadBalanceStrategy,
  kind: Kind,
  now: number,
  random: number
): Member | undefined => {
  if (strategy === "weighted") {
    let left = random * members.reduce((sum, { weight }) => sum + weight, 0)
    return members.find(({ weight }) => (left -= weight) < 0) ?? members.at(-1)
  }
  const loads = members.map((member) => member.load(strategy, kind, now))
  const least = Math.min(...loads)
  const equal = members.filter((_, index) => loads[index] === least)
  return equal[Math.floor(random * equal.length)]
}

/** Faults of a request, which say nothing about who was asked. */
const ofRequests: ReadonlySet<Tag> = new Set<Tag>([
  "InvalidRequest",
  "ContextLengthExceeded",
  "RequestTooLarge",
  "ContentFiltered",
  "UnsupportedFeature",
  "InvalidOutput",
  "BudgetExceeded",
  "CircuitOpen"
])

/** A call of a member. */
class Turn {
  private isMeasured = false

  constructor(
    readonly member: Member,
    private readonly kind: Kind,
    private readonly started: number
  ) {
    member.inFlight++
  }

  /** It has answered, or its stream has begun. */
  answered(now: number): void {
    if (this.isMeasured) return
    this.isMeasured = true
    this.latency.answered(Math.max(0, now - this.started), now)
  }

  ended(exit: Exit.Exit<unknown, unknown>, now: number): void {
    this.member.inFlight--
    const error = Exit.isFailure(exit) && Cause.isFailType(exit.cause) ? exit.cause.error : undefined
    if (isLlmError(error)) {
      if (!ofRequests.has(error._tag)) this.latency.failed(now)
    } else if (Exit.isSuccess(exit) && this.kind !== "stream") this.answered(now)
    else if (!this.isMeasured) this.latency.left(Math.max(0, now - this.started), now)
  }

  private get latency(): RecentLatency {
    return this.member.latency[this.kind]
  }
}

// -----------------------------------------------------------------------------
// Calls
// -----------------------------------------------------------------------------

const isPassedOver = (error: LlmError): error is CircuitOpen => error._tag === "CircuitOpen" && error.attempts === 0

/** The error of the one that is tried again first. */
const soonest = (error: CircuitOpen, before: CircuitOpen | undefined): CircuitOpen =>
  before !== undefined && waitOf(before) <= waitOf(error) ? before : error

const waitOf = ({ retryAfter }: CircuitOpen): number =>
  retryAfter === undefined ? Number.POSITIVE_INFINITY : Duration.toMillis(retryAfter)

const serve = (members: ReadonlyArray<Member>, strategy: LoadBalanceStrategy): Service => {
  const providers = new Set(members.map(({ client }) => client.provider))
  const [first] = members

  /** Gives the turn to one of these, if there is one. */
  const turn = (among: ReadonlyArray<Member>, kind: Kind): Effect.Effect<Turn | undefined> =>
    Effect.map(Effect.zip(Clock.currentTimeMillis, Random.next), ([now, random]) => {
      const member = choose(among, strategy, kind, now, random)
      return member === undefined ? undefined : new Turn(member, kind, now)
    })

  const end = (turn: Turn, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
    Effect.map(Clock.currentTimeMillis, (now) => turn.ended(exit, now))

  const call = <A>(
    kind: Kind,
    ask: (client: Service) => Effect.Effect<A, LlmError>,
    among = members,
    open?: CircuitOpen
  ): Effect.Effect<A, LlmError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(turn(among, kind), (turn) =>
        turn === undefined
          ? nobody(open)
          : Effect.catchAll(
              Effect.onExit(restore(ask(turn.member.client)), (exit) => end(turn, exit)),
              (error) =>
                isPassedOver(error)
                  ? restore(call(kind, ask, without(among, turn.member), soonest(error, open)))
                  : Effect.fail(error)
            )
      )
    )

  const stream = (
    ask: (client: Service) => Stream.Stream<StreamPart, LlmError>,
    among = members,
    open?: CircuitOpen
  ): Stream.Stream<StreamPart, LlmError> =>
    Stream.suspend(() => {
      let current: Turn | undefined
      let hasBegun = false
      const parts = Channel.flatMap(
        Channel.fromEffect(Effect.map(turn(among, "stream"), (turn) => (current = turn))),
        (turn) =>
          turn === undefined
            ? Channel.fromEffect(nobody(open))
            : Stream.toChannel(
                Stream.mapChunksEffect(ask(turn.member.client), (chunk) => {
                  if (hasBegun || Chunk.isEmpty(chunk)) return Effect.succeed(chunk)
                  hasBegun = true
                  return Effect.map(Clock.currentTimeMillis, (now) => {
                    turn.answered(now)
                    return chunk
                  })
                })
              )
      )
      return Stream.catchAll(
        Stream.fromChannel(
          StreamEnd.ensuringWith((exit) => (current === undefined ? Effect.void : end(current, exit)))(parts)
        ),
        (error) =>
          !hasBegun && current !== undefined && isPassedOver(error)
            ? stream(ask, without(among, current.member), soonest(error, open))
            : Stream.fail(error)
      )
    })

  return {
    provider: providers.size === 1 ? (first?.client.provider ?? "") : "load-balance",
    model: first?.client.model ?? "",
    complete: (request) => call("complete", (client) => client.complete(request)),
    embed: (request) => call("embed", (client) => client.embed(request)),
    stream: (request) => stream((client) => client.stream(request))
  }
}

const without = (members: ReadonlyArray<Member>, one: Member): ReadonlyArray<Member> =>
  members.filter((member) => member !== one)

/** All have been passed over. */
const nobody = (open: CircuitOpen | undefined): Effect.Effect<never, LlmError> =>
  open === undefined ? Effect.dieMessage("a load balance without clients") : Effect.fail(open)
