/**
 * What becomes of a stream that breaks behind its first part. It is never taken for an answer: it fails with
 * `StreamInterrupted`, is held back until it is whole, or is brought to its end by another attempt.
 *
 * Before the first part there is nothing to recover: that is for `retry` and `fallback`.
 */
import * as Chunk from "effect/Chunk"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Attempts from "../Attempts.js"
import type { ChatRequest } from "../ChatRequest.js"
import type { Service } from "../LlmClient.js"
import { isRetryable, type LlmError, retryAfter, StreamInterrupted } from "../LlmError.js"
import { Given, type StreamPart } from "../StreamPart.js"
import * as Usage from "../Usage.js"
import * as AttemptCount from "./AttemptCount.js"
import { make, type Policy, positiveInteger } from "./Make.js"
import * as Prefill from "./Prefill.js"
import { Replay, Transcript } from "./Transcript.js"

/**
 * - `"fail"`: `StreamInterrupted`, with the text so far. The default
 * - `"buffer"`: nothing is given out until the answer is whole, so that a retry or a fallback around it may begin anew
 * - `"restart"`: the request is made again, and what was given out is skipped; where the second answer differs from it, the
 *   stream fails with `StreamInterrupted` after all. For answers that repeat: a temperature of 0, a seed
 * - `"continue"`: the model is asked to go on behind the text so far. Anthropic (up to Claude 4.5), Mistral, Moonshot, vLLM
 *   and DeepSeek (at its beta address) can, for answers of text alone, without a `responseFormat`, to prompts that do not
 *   end in an assistant's message. All else is as with `"fail"`, and the error says why. A fallback or a hedge inside asks
 *   no other provider for the rest
 *
 * `attempts`: how many attempts may follow the first. Default: 1
 */
export type StreamRecoveryOptions =
  | { readonly mode?: "fail" | "buffer" | undefined }
  | { readonly mode: "restart" | "continue"; readonly attempts?: number | undefined }

/**
 * Streams that break off, recovered by this mode. Belongs around the limits of streams and around `retry`; `"buffer"`
 * belongs inside of `retry`. The `Finish` of a stream that took several attempts counts them, and has the sum of the usages
 * that were reported; of a broken attempt often none is, and the `Ledger` has an estimate of it. `complete` and `embed`
 * stay as they are.
 */
export const streamRecovery = (options: StreamRecoveryOptions = {}): Policy<ConfigError.ConfigError> =>
  make((next) => {
    const { mode = "fail" } = options
    switch (mode) {
      case "fail":
        return Effect.succeed({ ...next, stream: (request) => failing(next.stream(request)) })
      case "buffer":
        return Effect.succeed({ ...next, stream: (request) => heldBack(failing(next.stream(request))) })
      case "restart":
      case "continue":
        return Effect.map(
          positiveInteger("streamRecovery.attempts", ("attempts" in options ? options.attempts : undefined) ?? 1),
          (attempts): Service => ({
            ...next,
            stream: (request) =>
              Stream.unwrap(
                Effect.map(AttemptCount.steps, (step) => {
                  const recovery = mode === "restart" ? new Restart(next, request) : new Continue(next, request)
                  return new Recovering(recovery, attempts, step).run(recovery.first)
                })
              )
          })
        )
      default:
        mode satisfies never
        return Effect.fail(
          ConfigError.InvalidData(["streamRecovery", "mode"], "must be fail, buffer, restart or continue")
        )
    }
  })

type Parts = Stream.Stream<StreamPart, LlmError>

const failing = (stream: Parts): Parts =>
  Stream.suspend(() => {
    const given = new Given()
    return stream.pipe(
      Stream.mapChunks((parts) => {
        given.note(parts)
        return parts
      }),
      Stream.mapError((error) => given.failure(error))
    )
  })

const heldBack = (stream: Parts): Parts => Stream.unwrap(Effect.map(Stream.runCollect(stream), Stream.fromChunk))

// -----------------------------------------------------------------------------
// Attempts
// -----------------------------------------------------------------------------

/** An attempt at a stream, given out through `push`; what `push` gives back instead of parts is why it must fail. */
interface Attempt {
  readonly stream: Parts
  readonly push: (part: StreamPart) => ReadonlyArray<StreamPart> | string
}

/** How attempts are made. */
interface Recovery {
  readonly first: Attempt
  /** The next attempt behind what was given out, or why there is none. */
  readonly another: (given: ReadonlyArray<StreamPart["_tag"]>, text: string, usage: Usage.Usage) => Attempt | string
}

class Restart implements Recovery {
  private readonly transcript = new Transcript()

  constructor(
    private readonly client: Service,
    private readonly request: ChatRequest
  ) {}

  get first(): Attempt {
    const replay = new Replay(this.transcript)
    return { stream: this.client.stream(this.request), push: (part) => rest(replay.push(part)) }
  }

  readonly another = (): Attempt => {
    const replay = new Replay(this.transcript)
    return {
      stream: this.client.stream(this.request),
      push: (part) => {
        const fresh = rest(replay.push(part))
        return replay.differs ? "another attempt gave another answer" : fresh
      }
    }
  }
}

const rest = (part: StreamPart | undefined): ReadonlyArray<StreamPart> => (part === undefined ? [] : [part])

class Continue implements Recovery {
  constructor(
    private readonly client: Service,
    private readonly request: ChatRequest
  ) {}

  get first(): Attempt {
    return { stream: this.client.stream(this.request), push: (part) => [part] }
  }

  readonly another: Recovery["another"] = (given, text, usage) => {
    if (given.some((tag) => tag !== "TextDelta")) return "it was not continued: it is not of text alone"
    // What was reported in the midst of an answer is not of all of it.
    const tokens = Math.max(usage.outputTokens ?? 0, Math.ceil(text.length / 4))
    const continuation = Prefill.after(this.client, this.request, text, tokens)
    if (typeof continuation === "string") return `it was not continued: ${continuation}`
    const { joint, request } = continuation
    return {
      stream: this.client.stream(request),
      push: (part) => {
        const text = part._tag === "TextDelta" ? joint.push(part.text) : joint.end()
        const joined: ReadonlyArray<StreamPart> = text === "" ? [] : [{ _tag: "TextDelta", text }]
        return part._tag === "TextDelta" ? joined : [...joined, part]
      }
    }
  }
}

// -----------------------------------------------------------------------------
// Running
// -----------------------------------------------------------------------------

/** The longest wait before another attempt that a provider may ask for. */
const longestWait = Duration.seconds(60)

/** One run of a stream, over all its attempts. */
class Recovering {
  private readonly given = new Given()
  private readonly tags = new Set<StreamPart["_tag"]>()
  /** Of the attempts that have failed. */
  private failed = 0
  private usage: Usage.Usage = Usage.unknown
  /** What broke the stream first. */
  private broken: LlmError | undefined
  private isOver = false
  /** How many requests the attempt under way has made. */
  private begun = 0

  constructor(
    private readonly recovery: Recovery,
    private left: number,
    private readonly step: (made: number) => void
  ) {}

  run({ push, stream }: Attempt): Parts {
    return stream.pipe(
      Stream.mapChunksEffect((parts) => {
        const out: Array<StreamPart> = []
        for (const part of parts) {
          const pushed = push(part)
          if (typeof pushed === "string") return Effect.fail(this.differing(pushed))
          for (const each of pushed) out.push(each._tag === "Finish" ? this.finish(each) : each)
        }
        const chunk = Chunk.unsafeFromArray(out)
        this.given.note(chunk)
        for (const part of out) this.tags.add(part._tag)
        return Effect.succeed(chunk)
      }),
      Stream.catchAll((error) => this.recover(error))
    )
  }

  private finish(part: Extract<StreamPart, { readonly _tag: "Finish" }>): StreamPart {
    return this.failed === 0
      ? part
      : { ...part, attempts: part.attempts + this.failed, usage: Usage.add(this.usage, part.usage) }
  }

  private recover(error: LlmError): Parts {
    if (this.isOver || !this.given.visible) return Stream.fail(error)
    if (!isRetryable(error)) {
      // What the second attempt died of is not what broke the stream.
      return Stream.fail(
        this.broken === undefined ? error : this.failure(error, `another attempt failed: ${error.message}`)
      )
    }
    const failure = this.failure(error)
    if (this.left === 0) return Stream.fail(failure)
    const wait = Option.getOrElse(retryAfter(error), () => Duration.zero)
    if (Duration.greaterThan(wait, longestWait)) return Stream.fail(failure)
    const next = this.recovery.another([...this.tags], this.given.text, this.usage)
    if (typeof next === "string") return Stream.fail(this.interrupted(next))
    this.left--
    return Stream.unwrap(
      Effect.map(Duration.greaterThan(wait, Duration.zero) ? Effect.sleep(wait) : Effect.void, () => {
        this.step(this.failed)
        this.begun = 0
        return this.run({ ...next, stream: Attempts.beginningStream(() => this.begun++)(next.stream) })
      })
    )
  }

  /** Counts a failed attempt, and makes the error of the stream. */
  private failure(error: LlmError, why?: string): LlmError {
    this.broken ??= error
    this.failed += error.attempts
    if ("usage" in error && error.usage !== undefined) this.usage = Usage.add(this.usage, error.usage)
    return this.interrupted(why)
  }

  private differing(why: string): LlmError {
    this.isOver = true
    // A client that does not tell of its attempts is taken to have made one.
    this.failed += Math.max(1, this.begun)
    return this.interrupted(why)
  }

  /** What broke the stream, with all text that was given out, and the cost of all attempts. */
  private interrupted(why?: string): LlmError {
    const { broken } = this
    if (broken === undefined || !isRetryable(broken)) {
      return new StreamInterrupted({
        provider: "",
        model: "",
        message: why ?? "the stream broke",
        text: this.given.text
      })
    }
    const { body, model, provider, requestId, status } = broken
    const message = broken._tag === "StreamInterrupted" ? broken.message : `the stream broke: ${broken.message}`
    return new StreamInterrupted({
      provider,
      model,
      status,
      requestId,
      body,
      retryAfter: broken.retryAfter,
      message: why === undefined ? message : `${message}; ${why}`,
      attempts: this.failed,
      text: this.given.text,
      usage: this.usage,
      cause: broken._tag === "StreamInterrupted" ? broken.cause : broken
    })
  }
}
