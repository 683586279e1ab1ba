/**
 * The operations of `LlmClient` on a model in memory.
 */
import type * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as Attempts from "../Attempts.js"
import * as ChatRequest from "../ChatRequest.js"
import type { Completion } from "../Completion.js"
import * as Embeddings from "../Embeddings.js"
import type { Service } from "../LlmClient.js"
import {
  ContextLengthExceeded,
  InvalidRequest,
  type LlmError,
  MalformedResponse,
  ModelNotFound,
  notSent,
  ServerFailed,
  UnsupportedFeature
} from "../LlmError.js"
import { Collector, type StreamPart } from "../StreamPart.js"
import { StreamAssembly } from "../wire/StreamAssembly.js"
import type { Origin } from "../wire/Wire.js"
import * as AttemptSpan from "./AttemptSpan.js"
import * as Connection from "./Connection.js"
import * as LocalLlamaAnswer from "./LocalLlamaAnswer.js"
import type { EmbeddingContext } from "./LocalLlamaEngine.js"
import type { Loaded } from "./LocalLlamaModel.js"
import * as LocalLlamaPrompt from "./LocalLlamaPrompt.js"

const provider = "local-llama"

/** What errors, spans and cache keys call a model in memory. */
export const originOf = ({ name }: Loaded): Origin => ({ provider, model: name })

type Emit = (parts: Chunk.Chunk<StreamPart>) => void

/** A request that the model can read, and where its answer is put together. */
interface Call {
  readonly rendered: LocalLlamaAnswer.Rendered
  readonly assembly: StreamAssembly
}

/** A client of a model in memory. */
export const make = (loaded: Loaded, defaults: ChatRequest.Settings | undefined): Service => {
  const origin = originOf(loaded)

  // --- chat ------------------------------------------------------------------

  const prepare = (input: ChatRequest.ChatRequest): Effect.Effect<Call, LlmError> =>
    Effect.flatMap(Random.nextIntBetween(0, 0x7fffffff), (random) => {
      const request = ChatRequest.withDefaults(input, defaults)
      const problem = ChatRequest.validate(request)
      if (Option.isSome(problem)) return Effect.fail(new InvalidRequest({ ...origin, ...problem.value, ...notSent }))
      if (request.model !== undefined && request.model !== loaded.name)
        return Effect.fail(notThis(request.model, loaded))
      return Either.map(
        Either.flatMap(LocalLlamaPrompt.prepare(request, origin, random), (prepared) =>
          LocalLlamaAnswer.render(loaded, prepared, origin)
        ),
        (rendered): Call => {
          const assembly = new StreamAssembly({ ...origin, requestId: undefined, warnings: rendered.warnings })
          assembly.id = `local-${random.toString(36)}`
          return { rendered, assembly }
        }
      )
    })

  const run = ({ assembly, rendered }: Call, emit: Emit): Effect.Effect<void, LlmError> =>
    LocalLlamaAnswer.answer(loaded, rendered, assembly, emit)

  const complete = (input: ChatRequest.ChatRequest): Effect.Effect<Completion, LlmError> =>
    Effect.flatMap(prepare(input), (call) =>
      AttemptSpan.traced(
        "chat",
        origin,
        Effect.suspend(() => {
          const collector = new Collector()
          const collect: Emit = (parts) => {
            for (const part of parts) collector.push(part)
          }
          return Effect.flatMap(run(call, collect), () => {
            const completion = collector.completion()
            return completion === undefined
              ? Effect.fail(new MalformedResponse({ ...origin, message: "the engine ended without an answer" }))
              : Effect.succeed(completion)
          })
        })
      )
    )

  const stream = (input: ChatRequest.ChatRequest): Stream.Stream<StreamPart, LlmError> =>
    Stream.unwrap(
      Effect.map(prepare(input), (call) =>
        // What the engine has made waits for a slow consumer: it is no longer than the context.
        Stream.asyncPush<StreamPart, LlmError>(
          (push) =>
            Effect.flatMap(AttemptSpan.startStream("chat", origin), (span) =>
              run(call, (parts) => {
                span.answered(parts)
                push.chunk(parts)
              }).pipe(
                Effect.mapError((error) => call.assembly.seen(error)),
                Effect.tapError((error) => Effect.sync(() => span.failed(error))),
                Effect.onExit((exit) => span.end(exit)),
                Effect.onExit((exit) => Effect.sync(() => (Exit.isSuccess(exit) ? push.end() : push.halt(exit.cause)))),
                Effect.forkScoped
              )
            ),
          { bufferSize: "unbounded" }
        )
      )
    )

  // --- embeddings ------------------------------------------------------------

  const size = loaded.model.embeddingVectorSize

  const embed = (request: Embeddings.EmbedRequest): Effect.Effect<Embeddings.Embeddings, LlmError> =>
    Effect.suspend(() => {
      const problem = Embeddings.validateRequest(request)
      if (Option.isSome(problem)) return Effect.fail(new InvalidRequest({ ...origin, ...problem.value, ...notSent }))
      if (request.model !== undefined && request.model !== loaded.name)
        return Effect.fail(notThis(request.model, loaded))
      if (request.dimensions !== undefined && request.dimensions !== size) {
        const message = `the model's vectors have ${size} dimensions, and cannot be shortened`
        return Effect.fail(new UnsupportedFeature({ ...origin, ...notSent, feature: "dimensions", message }))
      }
      return AttemptSpan.traced(
        "embeddings",
        origin,
        Effect.clockWith((clock) => {
          const started = clock.unsafeCurrentTimeMillis()
          return loaded.embeddings.use(
            () =>
              Effect.mapError(loaded.embedding, (cause) => failed(origin, cause)).pipe(
                Effect.flatMap((context) => vectorsOf(context, request.input, loaded, origin)),
                Effect.map(({ inputTokens, vectors }): Embeddings.Embeddings => ({
                  vectors,
                  model: loaded.name,
                  usage: { inputTokens, totalTokens: inputTokens },
                  cached: false,
                  attempts: 1,
                  latency: Duration.millis(Math.max(0, clock.unsafeCurrentTimeMillis() - started))
                }))
              ),
            (waiting) => LocalLlamaAnswer.queueFull(origin, waiting)
          )
        })
      )
    })

  return Attempts.observed({ provider, model: loaded.name, complete, stream, embed })
}

/** There is one model in memory. */
const notThis = (model: string, loaded: Loaded): LlmError =>
  new ModelNotFound({
    provider,
    model,
    ...notSent,
    message: `this client has ${JSON.stringify(loaded.name)} in memory, and no model named ${JSON.stringify(model)}`
  })

const failed = (origin: Origin, cause: unknown): LlmError =>
  new ServerFailed({ ...origin, message: `the engine failed: ${Connection.wordsOf(cause)}` })

// -----------------------------------------------------------------------------
// Vectors
// -----------------------------------------------------------------------------

interface Vectors {
  readonly vectors: ReadonlyArray<ReadonlyArray<number>>
  readonly inputTokens: number
}

const vectorsOf = (
  context: EmbeddingContext,
  texts: ReadonlyArray<string>,
  loaded: Loaded,
  origin: Origin
): Effect.Effect<Vectors, LlmError> =>
  Effect.gen(function* () {
    const lengths = yield* Effect.try({
      try: () => texts.map((text) => context.calculateInputLength(text)),
      catch: (cause) => failed(origin, cause)
    })
    const tooLong = lengths.findIndex((length) => length >= loaded.contextSize)
    if (tooLong >= 0) {
      const message = `text ${tooLong} has ${lengths[tooLong]} tokens, and the context ${loaded.contextSize}`
      return yield* Effect.fail(new ContextLengthExceeded({ ...origin, ...notSent, message }))
    }
    const vectors = yield* Effect.forEach(texts, (text) => vectorOf(context, text, origin))
    return { vectors, inputTokens: lengths.reduce((sum, length) => sum + length, 0) }
  })

/** Hears no signal: an interruption waits for the vector, so that the next call finds the engine idle. */
const vectorOf = (
  context: EmbeddingContext,
  text: string,
  origin: Origin
): Effect.Effect<ReadonlyArray<number>, LlmError> =>
  Effect.map(
    Effect.uninterruptible(
      Effect.tryPromise({ try: () => context.getEmbeddingFor(text), catch: (cause) => failed(origin, cause) })
    ),
    ({ vector }) => unit(vector)
  )

/** Of length 1, as those of most providers: a dot product compares them. */
const unit = (vector: ReadonlyArray<number>): ReadonlyArray<number> => {
  const length = Math.hypot(...vector)
  return length === 0 ? vector : vector.map((number) => number / length)
}
