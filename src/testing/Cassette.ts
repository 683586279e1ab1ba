/**
 * An `HttpClient` that records real traffic once, into one readable file per test, and answers from the file ever after,
 * without a network. Keys, tokens and cookies are not in the file.
 *
 * ```ts
 * import { Effect, Layer, Redacted } from "effect"
 * import { LlmClient, OpenAi } from "effect-llm"
 * import { Cassette } from "effect-llm/testing"
 *
 * const Llm = OpenAi.layer({ apiKey: Redacted.make("any"), model: "gpt-4.1-mini" }).pipe(
 *   Layer.provide(Cassette.layer("test/tapes/capital.json"))
 * )
 *
 * const program = LlmClient.complete("What is the capital of France?").pipe(Effect.provide(Llm))
 * ```
 *
 * `CASSETTE_MODE=record`, with a real key, makes the file.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { CassetteError } from "./cassette/CassetteError.js"
import type * as Matching from "./cassette/Matching.js"
import * as Player from "./cassette/Player.js"
import * as Recorder from "./cassette/Recorder.js"
import { Redaction, type Rules } from "./cassette/Redaction.js"
import * as Tape from "./cassette/Tape.js"

export { CassetteError, NotOnTape } from "./cassette/CassetteError.js"
export type { Request as MatchedRequest } from "./cassette/Matching.js"
export type { Rules as Redact } from "./cassette/Redaction.js"

// -----------------------------------------------------------------------------
// Options
// -----------------------------------------------------------------------------

const modes = ["replay", "record", "auto", "passthrough"] as const

/**
 * - `replay`: every answer comes from the tape, and a request that is not on it fails
 * - `record`: every request is sent, and the tape is written anew
 * - `auto`: `record` where there is no tape yet, and `replay` where there is one, or where `CI` is set
 * - `passthrough`: every request is sent, and there is no tape
 */
export type Mode = (typeof modes)[number]

const isMode = (text: string): text is Mode => modes.some((mode) => mode === text)

const variable = "CASSETTE_MODE"

/** What `CASSETTE_MODE` says. Default: `replay`. */
export const mode: Config.Config<Mode> = Config.string(variable).pipe(
  Config.withDefault("replay"),
  Config.mapOrFail((text) => {
    const named = text.trim().toLowerCase()
    return named === ""
      ? Either.right("replay")
      : isMode(named)
        ? Either.right(named)
        : Either.left(
            ConfigError.InvalidData([variable], `must be one of ${modes.join(", ")}, and is ${JSON.stringify(text)}`)
          )
  })
)

export interface Options<E = never, R = never> {
  /** Default: what `CASSETTE_MODE` says, or `replay`. */
  readonly mode?: Mode
  /** What requests are sent with, where they are sent; not built for a replay. Default: fetch. */
  readonly http?: Layer.Layer<HttpClient.HttpClient, E, R>
  /** What is secret beside keys, tokens, cookies and organizations. The tape has `<redacted>` in its place. */
  readonly redact?: Rules
  /** Places in JSON bodies that are not compared: `metadata.sentAt`, `messages.*.id`. */
  readonly ignore?: ReadonlyArray<string>
  /** What is compared. Default: method, URL and body. Headers are not, unless this says so. */
  readonly match?: (request: Matching.Request) => unknown
  /**
   * A request that is made more often than it was recorded gets its last answer again. Default: false, it fails. Equal
   * requests get their answers in the order of the recording.
   */
  readonly repeatLast?: boolean
  /** `recorded`: every read of the network comes at its time by the Clock, so `TestClock` drives it. Default: `none`. */
  readonly timing?: "none" | "recorded"
  /** `fail`: what was recorded and not asked for is a defect when a test ends well. Default: `allow`. */
  readonly unused?: "allow" | "fail"
  /** What a recording is timed by. Default: the real clock, also under a `TestClock`. */
  readonly clock?: Clock.Clock
}

// -----------------------------------------------------------------------------
// Layer
// -----------------------------------------------------------------------------

/** A tape in use. */
export class Cassette extends Context.Tag("effect-llm/testing/Cassette")<Cassette, Service>() {}

export interface Service {
  readonly file: string
  /** What is done in fact: `auto` has become one of the others. */
  readonly mode: Exclude<Mode, "auto">
  /** What is on the tape and was not asked for yet, as `2: POST https://…`. Empty unless this is a replay. */
  readonly unused: Effect.Effect<ReadonlyArray<string>>
  /** Fails if there is something unused. */
  readonly assertUsed: Effect.Effect<void, CassetteError>
}

/**
 * The `HttpClient` of one test, by the path of its tape or a `file:` URL. Needs `node:fs`.
 *
 * A recording is written when the layer's Scope closes, in one step, in place of what was there; after a test that
 * failed, too, if any request was answered. Where a provider signs tokens with the time, as Zhipu does, recording needs
 * the real clock: `it.live`.
 *
 * It fails to build with a `CassetteError` where there is no tape, or none that can be used, and with a `ConfigError` for
 * an unknown mode.
 */
export const layer = <E = never, R = never>(
  file: string | URL,
  options: Options<E, R> = {}
): Layer.Layer<HttpClient.HttpClient | Cassette, CassetteError | ConfigError.ConfigError | E, R> =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const files = yield* loadFiles
      const path = yield* files.pathOf(file)
      const chosen = options.mode ?? (yield* mode)
      const http: Layer.Layer<HttpClient.HttpClient, E, R> = options.http ?? FetchHttpClient.layer
      if (chosen === "passthrough") return Layer.merge(http, Layer.succeed(Cassette, idle(path, chosen)))
      const text = chosen === "record" ? undefined : yield* files.read(path)
      const isRecording = chosen === "record" || (chosen === "auto" && text === undefined && !(yield* isOnCi))
      return isRecording
        ? Layer.provide(Layer.scopedContext(recording(path, options)), http)
        : Layer.scopedContext(replay(path, text, options))
    })
  )

/** Fails with a `CassetteError` that lists what is on the tape and was not asked for. */
export const assertUsed: Effect.Effect<void, CassetteError, Cassette> = Effect.flatMap(
  Cassette,
  (cassette) => cassette.assertUsed
)

// Loaded here, so that importing effect-llm/testing works where there is no Node.
const loadFiles = Effect.promise(() => import("./cassette/TapeFileNode.js"))

/** Where nobody would notice a new tape, none is made. */
const isOnCi: Effect.Effect<boolean, ConfigError.ConfigError> = Effect.map(
  Config.option(Config.string("CI")),
  Option.exists((text) => !["", "0", "false"].includes(text.trim().toLowerCase()))
)

const idle = (file: string, mode: Service["mode"]): Service => ({
  file,
  mode,
  unused: Effect.succeed([]),
  assertUsed: Effect.void
})

type Built = Context.Context<HttpClient.HttpClient | Cassette>

const built = (client: HttpClient.HttpClient, cassette: Service): Built =>
  Context.make(HttpClient.HttpClient, client).pipe(Context.add(Cassette, cassette))

const recording = (
  file: string,
  options: Omit<Options, "http">
): Effect.Effect<Built, CassetteError, HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function* () {
    const files = yield* loadFiles
    yield* files.reserve(file)
    const recorder = Recorder.make(yield* HttpClient.HttpClient, options.clock ?? Clock.make())
    const save = Effect.gen(function* () {
      yield* recorder.settled
      const interactions = recorder.interactions(new Redaction(options.redact ?? {}))
      yield* files.write(file, Tape.print(Tape.make(interactions)))
      yield* Effect.logInfo(`recorded to ${file}, requests: ${interactions.length}`)
    })
    // A test that only failed to connect must not cost the tape that there was.
    yield* Effect.addFinalizer((exit) =>
      Exit.isSuccess(exit) || recorder.hasAnswers() ? Effect.orDie(save) : Effect.void
    )
    return built(recorder.client, idle(file, "record"))
  })

const replay = (
  file: string,
  text: string | undefined,
  options: Omit<Options, "http">
): Effect.Effect<Built, CassetteError, Scope.Scope> =>
  Effect.gen(function* () {
    if (text === undefined) {
      const message = `there is no tape ${file}: record it, with CASSETTE_MODE=record, and keep it with the tests`
      return yield* new CassetteError({ file, reason: "missing", message })
    }
    const player = Player.make(file, yield* Tape.parse(file, text), options)
    const assertUsed = Effect.suspend(() => {
      const unused = player.unused()
      if (unused.length === 0) return Effect.void
      const message = `${file} has requests that nobody made:\n${unused.join("\n")}`
      return new CassetteError({ file, reason: "unused", message })
    })
    if (options.unused === "fail") {
      yield* Effect.addFinalizer((exit) => (Exit.isSuccess(exit) ? Effect.orDie(assertUsed) : Effect.void))
    }
    return built(player.client, { file, mode: "replay", unused: Effect.sync(player.unused), assertUsed })
  })
