/**
 * What all calls of a rate-limited layer go through: each waits for its turn, takes what it may use, and settles when it
 * ends.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ChatRequest } from "../ChatRequest.js"
import * as Limits from "../Limits.js"
import type { Service } from "../LlmClient.js"
import { ConnectionFailed, InvalidRequest, isLlmError, type LlmError, notSent } from "../LlmError.js"
import * as StreamEnd from "../StreamEnd.js"
import type { StreamPart } from "../StreamPart.js"
import type { Usage } from "../Usage.js"
import { Places } from "../Places.js"
import type { RateLimitLessons } from "./RateLimitLessons.js"
import type { Amounts, Claim, Lesson, RateLimitStore, RateLimitStoreFailed } from "./RateLimitStore.js"
import * as TokenEstimate from "./TokenEstimate.js"

/** The tokens of a prompt, where they can be counted. */
export type Counter = (request: ChatRequest) => Effect.Effect<Option.Option<number>>

/** One call on its way through the gate. */
interface Pass {
  readonly request: TokenEstimate.Request
  readonly promptTokens: number
  readonly amounts: Amounts
  readonly claim: Claim
  /** When it went on to the provider; `undefined` while it waits. */
  began: number | undefined
}

export class RateLimitGate {
  private readonly estimates = new TokenEstimate.TokenEstimate()
  private readonly line = new Places(1)
  /** What headers taught, until the store is told: they come where no effect can be run. */
  private lessons: Array<readonly [Lesson, number]> = []
  /** Ends the sleep of the first in the line. */
  private changed: Deferred.Deferred<void> | undefined

  constructor(
    private readonly next: Service,
    private readonly store: RateLimitStore,
    private readonly key: string,
    private readonly learned: RateLimitLessons,
    private readonly counter: Counter | undefined
  ) {}

  call<A extends { readonly usage: Usage }>(
    request: TokenEstimate.Request,
    call: Effect.Effect<A, LlmError>
  ): Effect.Effect<A, LlmError> {
    return Effect.flatMap(this.pass(request), (pass) =>
      Effect.onExit(Effect.zipRight(this.enter(pass), Limits.listening(this.hearing(pass))(call)), (exit) =>
        this.leave(pass, exit, Exit.isSuccess(exit) ? exit.value.usage : undefined)
      )
    )
  }

  stream(request: ChatRequest, stream: Stream.Stream<StreamPart, LlmError>): Stream.Stream<StreamPart, LlmError> {
    return Stream.fromChannel(
      Channel.flatMap(Channel.fromEffect(this.pass(request)), (pass) => {
        let usage: Usage | undefined
        const noted = (parts: Chunk.Chunk<StreamPart>): Chunk.Chunk<StreamPart> => {
          for (const part of parts) if (part._tag === "Finish") usage = part.usage
          return parts
        }
        const parts = Stream.toChannel(Limits.listeningStream(this.hearing(pass))(stream))
        return Channel.flatMap(Channel.fromEffect(this.enter(pass)), () => Channel.mapOut(parts, noted)).pipe(
          StreamEnd.ensuringWith((exit) => this.leave(pass, exit, usage))
        )
      })
    )
  }

  // ---------------------------------------------------------------------------
  // Before
  // ---------------------------------------------------------------------------

  /** What a call takes, or why it never could. An estimate that is only likely is cut to the limit by the store. */
  private pass(request: TokenEstimate.Request): Effect.Effect<Pass, LlmError> {
    const counted = "prompt" in request && this.counter !== undefined ? this.counter(request) : noCount
    return Effect.flatMap(counted, (count) => {
      const promptTokens = Option.getOrElse(count, () => TokenEstimate.promptTokens(request))
      const { inputTokens, isCertain, outputTokens } = this.estimates.of(request, promptTokens)
      const limit = this.learned.limits.tokens
      const least = promptTokens + (isCertain ? outputTokens : 0)
      if (limit !== undefined && least > limit) return Effect.fail(this.tooLarge(request, least, limit))
      const amounts: Amounts = { requests: 1, tokens: Math.ceil(inputTokens + outputTokens) }
      const claim = this.store.claim(this.key, amounts)
      return Effect.succeed({ request, promptTokens, amounts, claim, began: undefined })
    })
  }

  /** Waits for a call's turn. */
  private enter(pass: Pass): Effect.Effect<void, LlmError> {
    return this.line.hold(
      Effect.mapError(
        this.turn(pass),
        ({ message }) =>
          new ConnectionFailed({
            ...this.origin(pass.request),
            ...notSent,
            message: `the store of the rate limits cannot be reached: ${message}`
          })
      )
    )
  }

  private turn(pass: Pass): Effect.Effect<void, RateLimitStoreFailed> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const changed = Deferred.unsafeMake<void>(FiberId.none)
      this.changed = changed
      return Effect.zipRight(this.teach, Effect.uninterruptible(pass.claim.ask(this.learned.quota(now)))).pipe(
        Effect.flatMap((wait) =>
          wait <= 0
            ? Effect.map(Clock.currentTimeMillis, (began) => {
                pass.began = began
              })
            : Effect.zipRight(Effect.timeoutOption(Deferred.await(changed), Duration.millis(wait)), this.turn(pass))
        )
      )
    })
  }

  // ---------------------------------------------------------------------------
  // Behind
  // ---------------------------------------------------------------------------

  private hearing(pass: Pass): Limits.Listener {
    return (limits) => {
      const lesson = this.learned.heard(limits, pass.began ?? limits.at)
      if (lesson !== undefined) this.lessons.push([lesson, limits.at])
    }
  }

  /** Settles what the call took, and has the first of those who wait look again. */
  private leave(pass: Pass, exit: Exit.Exit<unknown, unknown>, usage: Usage | undefined): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const { amounts, began, claim, promptTokens, request } = pass
      const error = errorOf(exit)
      if (began !== undefined && usage !== undefined) {
        this.learned.answered()
        this.estimates.learn(request, promptTokens, usage)
      }
      if (began !== undefined && error?._tag === "RateLimited") {
        this.lessons.push([this.learned.refused(error, began, now), now])
      }
      const used = began === undefined ? nothing : usedOf(amounts, usage, error)
      return Effect.zipRight(Effect.ignore(claim.settle(used)), Effect.ignore(this.teach)).pipe(
        Effect.ensuring(Effect.sync(() => this.changed && Deferred.unsafeDone(this.changed, Effect.void)))
      )
    })
  }

  /** Tells the store what was learned, as it is by now. */
  private readonly teach: Effect.Effect<void, RateLimitStoreFailed> = Effect.suspend(() => {
    if (this.lessons.length === 0) return Effect.void
    const { lessons } = this
    this.lessons = []
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const quota = this.learned.quota(now)
      const since = (at: number, amount: number | undefined, limit: number | undefined): number | undefined =>
        amount === undefined || limit === undefined ? undefined : amount + (limit * (now - at)) / 60_000
      return Effect.forEach(
        lessons,
        ([{ atMost = {}, pause = 0 }, at]) =>
          this.store.learn(
            this.key,
            {
              pause: Math.max(0, pause - (now - at)),
              atMost: {
                requests: since(at, atMost.requests, quota.requests),
                tokens: since(at, atMost.tokens, quota.tokens)
              }
            },
            quota
          ),
        { discard: true }
      )
    })
  })

  private origin(request: TokenEstimate.Request): { readonly provider: string; readonly model: string } {
    return { provider: this.next.provider, model: request.model ?? this.next.model }
  }

  private tooLarge(request: TokenEstimate.Request, tokens: number, limit: number): LlmError {
    return new InvalidRequest({
      ...this.origin(request),
      ...notSent,
      param: !("prompt" in request) ? "input" : request.maxTokens === undefined ? "prompt" : "maxTokens",
      message: `the request may take ${tokens} tokens, and a minute has ${limit}: it would wait for ever. Make it shorter`
    })
  }
}

const noCount: Effect.Effect<Option.Option<number>> = Effect.succeed(Option.none())

const nothing: Amounts = { requests: 0, tokens: 0 }

const errorOf = (exit: Exit.Exit<unknown, unknown>): LlmError | undefined =>
  Exit.isFailure(exit) && Cause.isFailType(exit.cause) && isLlmError(exit.cause.error) ? exit.cause.error : undefined

/** What a call used: all that it took, where nobody knows. */
const usedOf = (taken: Amounts, answered: Usage | undefined, error: LlmError | undefined): Amounts => {
  const usage = answered ?? (error !== undefined && "usage" in error ? error.usage : undefined)
  const known = usage === undefined ? undefined : TokenEstimate.total(usage)
  if (known !== undefined) return { requests: 1, tokens: known }
  if (error?.outcome === "not-sent") return nothing
  return { requests: 1, tokens: error?.outcome === "rejected" ? 0 : taken.tokens }
}
