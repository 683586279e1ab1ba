/**
 * Getting a model's file from where it lies on the network, with progress. The engine's download waits for ever where no
 * answer comes, and then hears no signal: it is given up when nothing has come for a time.
 */
import * as Cause from "effect/Cause"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Connection from "./Connection.js"
import type { Engine } from "./LocalLlamaEngine.js"

/** How far the loading of a model is: first its bytes come, then its weights go into memory (`fraction` from 0 to 1). */
export type Progress =
  | { readonly _tag: "Download"; readonly downloadedBytes: number; readonly totalBytes: number }
  | { readonly _tag: "Load"; readonly fraction: number }

/** What is done with progress; the loading does not wait for it. */
export type OnProgress = (progress: Progress) => Effect.Effect<void>

export interface Options {
  /** The option or variable that errors name. */
  readonly option: string
  readonly uri: string
  readonly directory: string | undefined
  readonly token: Redacted.Redacted | undefined
  readonly endpoint: string | undefined
  /** The longest wait for the next bytes. */
  readonly timeout: Duration.Duration
}

// -----------------------------------------------------------------------------
// Progress
// -----------------------------------------------------------------------------

const gigabytes = (bytes: number): string => `${(bytes / 1_000_000_000).toFixed(2)} GB`

/** A line in the log at every tenth of a download. */
export const logged = (model: string): OnProgress => {
  let said = -1
  return (progress) =>
    Effect.suspend(() => {
      if (progress._tag === "Load" || progress.totalBytes <= 0) return Effect.void
      const tenth = Math.floor((10 * progress.downloadedBytes) / progress.totalBytes)
      if (tenth <= said) return Effect.void
      said = tenth
      return Effect.logInfo(`downloading ${model}: ${tenth * 10} % of ${gigabytes(progress.totalBytes)}`)
    })
}

/**
 * Runs what reports progress from callbacks, and `onProgress` beside it. Who is slow to hear misses some; the last report
 * is heard before the end.
 */
export const reporting = <A, E, R>(
  onProgress: OnProgress,
  run: (report: (progress: Progress) => void) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const news = yield* Effect.makeLatch(false)
    let latest: Progress | undefined
    let isDone = false
    const hear: Effect.Effect<void> = Effect.suspend(() => {
      if (latest !== undefined) {
        const progress = latest
        latest = undefined
        return Effect.zipRight(onProgress(progress), hear)
      }
      if (isDone) return Effect.void
      news.unsafeClose()
      return Effect.zipRight(news.await, hear)
    })
    const hearing = yield* Effect.fork(hear)
    const report = (progress: Progress): void => {
      latest = progress
      news.unsafeOpen()
    }
    const heard = Effect.suspend(() => {
      isDone = true
      news.unsafeOpen()
      return Fiber.join(hearing)
    })
    return yield* Effect.ensuring(Effect.zipLeft(run(report), heard), Fiber.interrupt(hearing))
  })

// -----------------------------------------------------------------------------
// Download
// -----------------------------------------------------------------------------

/** Fails when the count stays as it was for the whole of a timeout. */
const stalled = (count: () => number, options: Options): Effect.Effect<never, ConfigError.ConfigError> => {
  const watch = (before: number): Effect.Effect<never, ConfigError.ConfigError> =>
    Effect.flatMap(Effect.sleep(options.timeout), () => {
      const now = count()
      return now === before
        ? Effect.fail(failed(options, `nothing came for ${Duration.format(options.timeout)}: is there a network?`))
        : watch(now)
    })
  return Effect.suspend(() => watch(count()))
}

const failed = ({ option, uri }: Options, words: string): ConfigError.ConfigError =>
  ConfigError.SourceUnavailable([option], `${uri} could not be downloaded: ${words}`, Cause.empty)

const withoutSecret = (words: string, token: Redacted.Redacted | undefined): string =>
  token === undefined ? words : words.replaceAll(Redacted.value(token), "<redacted>")

/** The path of the file, downloaded unless it is there already. */
export const download = (
  engine: Engine,
  options: Options,
  report: (progress: Progress) => void
): Effect.Effect<string, ConfigError.ConfigError> =>
  Effect.suspend(() => {
    const { directory, endpoint, token, uri } = options
    let reports = 0
    const resolved = Effect.tryPromise({
      try: (signal) =>
        engine.resolveModelFile(uri, {
          cli: false,
          signal,
          directory,
          tokens: token === undefined ? undefined : { huggingFace: Redacted.value(token) },
          endpoints: endpoint === undefined ? undefined : { huggingFace: endpoint },
          onProgress: ({ downloadedSize, totalSize }) => {
            reports++
            report({ _tag: "Download", downloadedBytes: downloadedSize, totalBytes: totalSize })
          }
        }),
      catch: (cause) => failed(options, withoutSecret(Connection.wordsOf(cause), token))
    })
    return Effect.raceFirst(
      resolved,
      stalled(() => reports, options)
    )
  })
