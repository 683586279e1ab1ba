import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Logger, Redacted, Ref, TestClock } from "effect"
import { LlmClient } from "effect-llm"
import { LocalLlama } from "effect-llm/local"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as LocalLlamaDownload from "../../src/provider/LocalLlamaDownload.js"
import type { DownloadOptions, Engine } from "../../src/provider/LocalLlamaEngine.js"
import { isInstalled, note } from "../LocalEngine.js"
import * as TinyModel from "../TinyModel.js"

const uri = "hf:owner/tiny/tiny.gguf"

const unused = (): never => {
  throw new Error("not asked for in these tests")
}

/** An engine whose downloads do as they are told. */
const downloading = (resolveModelFile: (options: DownloadOptions) => Promise<string>): Engine => ({
  getLlama: unused,
  resolveChatWrapper: unused,
  resolveModelFile: (_uri, options) => resolveModelFile(options),
  JinjaTemplateChatWrapper: class {
    generateContextState = unused
  },
  LlamaChat: class {
    generateResponse = unused
    dispose = unused
  }
})

const download = (
  engine: Engine,
  options: Partial<LocalLlamaDownload.Options> = {},
  report: (progress: LocalLlamaDownload.Progress) => void = () => {}
) =>
  LocalLlamaDownload.download(
    engine,
    {
      option: "model",
      uri,
      directory: undefined,
      token: undefined,
      endpoint: undefined,
      timeout: Duration.minutes(1),
      ...options
    },
    report
  )

const never = (): Promise<never> => new Promise(() => {})

describe("getting a model's file", () => {
  it.effect("is given up when nothing comes, though the engine hears no signal", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.flip(download(downloading(never))))
      yield* TestClock.adjust("59 seconds")
      expect(yield* Fiber.poll(fiber)).toMatchObject({ _tag: "None" })
      yield* TestClock.adjust("1 seconds")
      expect(String(yield* Fiber.join(fiber))).toContain(
        `at model: "${uri} could not be downloaded: nothing came for 1m: is there a network?"`
      )
    })
  )

  it.effect("goes on as long as something comes", () =>
    Effect.gen(function* () {
      let asked: DownloadOptions | undefined
      let end: (path: string) => void = () => {}
      const engine = downloading((options) => {
        asked = options
        return new Promise((resolve) => (end = resolve))
      })
      const fiber = yield* Effect.fork(download(engine))
      for (const downloadedSize of [1, 2, 3, 4]) {
        yield* TestClock.adjust("40 seconds")
        asked?.onProgress({ totalSize: 4, downloadedSize })
      }
      end("/models/tiny.gguf")
      expect(yield* Fiber.join(fiber)).toBe("/models/tiny.gguf")
      expect(asked).toMatchObject({ cli: false })
    })
  )

  it.effect("tells the engine to stop when it is interrupted, and does not wait for it", () =>
    Effect.gen(function* () {
      let signal: AbortSignal | undefined
      const engine = downloading((options) => {
        signal = options.signal
        return never()
      })
      const fiber = yield* Effect.fork(download(engine))
      yield* Effect.yieldNow()
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      expect(signal?.aborted).toBe(true)
    })
  )

  it.effect("shows no token", () =>
    Effect.gen(function* () {
      const token = Redacted.make("hf_canary7f3a9c51")
      const engine = downloading(({ tokens }) => Promise.reject(new Error(`401 for ${tokens?.huggingFace}`)))
      const error = yield* Effect.flip(download(engine, { token }))
      expect(String(error)).toContain("401 for <redacted>")
      expect(JSON.stringify(error)).not.toContain("canary")
    })
  )
})

describe("its progress", () => {
  it.effect("is a line in the log at every tenth", () =>
    Effect.gen(function* () {
      const lines = yield* Ref.make<ReadonlyArray<string>>([])
      const logger = Logger.make(({ message }) => Effect.runSync(Ref.update(lines, (all) => [...all, String(message)])))
      const onProgress = LocalLlamaDownload.logged("tiny")
      for (let downloadedBytes = 0; downloadedBytes <= 2_000_000_000; downloadedBytes += 50_000_000) {
        yield* onProgress({ _tag: "Download", downloadedBytes, totalBytes: 2_000_000_000 }).pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger))
        )
      }
      const said = yield* Ref.get(lines)
      expect(said).toHaveLength(11)
      expect(said[3]).toBe("downloading tiny: 30 % of 2.00 GB")
    })
  )

  it.effect("is heard in order, the last of it before the end; who is slow misses some", () =>
    Effect.gen(function* () {
      const heard = yield* Ref.make<ReadonlyArray<number>>([])
      const result = yield* LocalLlamaDownload.reporting(
        (progress) =>
          progress._tag === "Load" ? Ref.update(heard, (before) => [...before, progress.fraction]) : Effect.void,
        (report) =>
          Effect.sync(() => {
            for (let step = 1; step <= 1000; step++) report({ _tag: "Load", fraction: step / 1000 })
            return "loaded"
          })
      )
      expect(result).toBe("loaded")
      const fractions = yield* Ref.get(heard)
      expect(fractions.at(-1)).toBe(1)
      expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
      expect(fractions.length).toBeLessThan(10)
    })
  )

  it.effect("ends with a failure", () =>
    Effect.gen(function* () {
      const failing = LocalLlamaDownload.reporting(
        () => Effect.never,
        (report) => Effect.suspend(() => (report({ _tag: "Load", fraction: 1 }), Effect.fail("no")))
      )
      expect(yield* Effect.flip(failing)).toBe("no")
    })
  )
})

describe.skipIf(!isInstalled)(`a model from the network${note}`, () => {
  /** Hugging Face, as far as one file of one model goes, which needs a token. */
  const served = Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly seen: Array<string>; readonly close: () => void }>((resume) => {
      const file = TinyModel.scripted([{ text: "From afar." }])
      const seen: Array<string> = []
      const server = createServer((request, response) => {
        seen.push(`${request.method} ${request.url?.split("?")[0]} ${request.headers.authorization ?? "-"}`)
        if (!request.url?.startsWith("/owner/tiny/resolve/main/tiny.gguf")) {
          response.writeHead(404).end()
          return
        }
        if (request.headers.authorization === undefined) {
          response.writeHead(401).end()
          return
        }
        const [, from = "0", to = ""] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "") ?? []
        const end = to === "" ? file.length : Number(to) + 1
        const part = file.subarray(Number(from), end)
        response.writeHead(request.headers.range === undefined ? 200 : 206, {
          "accept-ranges": "bytes",
          "content-length": part.length,
          "content-range": `bytes ${from}-${end - 1}/${file.length}`
        })
        response.end(request.method === "HEAD" ? undefined : part)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : undefined
        const close = (): void => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}/`, seen, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

  const folder = Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-llm-models-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )

  it.scopedLive("is downloaded once, with progress, and then in memory", () =>
    Effect.gen(function* () {
      const server = yield* served
      const modelsDirectory = yield* folder
      const heard = yield* Ref.make<ReadonlyArray<LocalLlama.Progress>>([])
      const ask = LlmClient.complete("Hello").pipe(
        Effect.provide(
          LocalLlama.layer({
            model: uri,
            endpoint: server.url,
            token: Redacted.make("hf_canary7f3a9c51"),
            modelsDirectory,
            gpu: false,
            threads: 1,
            onProgress: (progress) => Ref.update(heard, (before) => [...before, progress])
          })
        )
      )
      expect(yield* ask).toMatchObject({ text: "From afar.", model: uri })
      expect(readdirSync(modelsDirectory)).toHaveLength(1)
      const downloads = (yield* Ref.get(heard)).filter(({ _tag }) => _tag === "Download")
      expect(downloads.length).toBeGreaterThan(0)
      const requests = server.seen.length
      expect(server.seen.some((line) => line.includes("Bearer hf_canary7f3a9c51"))).toBe(true)
      expect((yield* ask).text).toBe("From afar.")
      expect(server.seen).toHaveLength(requests)
    })
  )

  it.scopedLive("that is not there is a ConfigError that names the option", () =>
    Effect.gen(function* () {
      const server = yield* served
      const modelsDirectory = yield* folder
      const options = { model: "hf:owner/tiny/gone.gguf", endpoint: server.url, modelsDirectory }
      const error = yield* Effect.flip(Effect.scoped(LocalLlama.make(options)))
      expect(String(error)).toMatch(/at model: .*hf:owner\/tiny\/gone.gguf could not be downloaded: /)
    })
  )
})
