/** When a cassette records, when it replays, and what becomes of the file. */
import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Either, Exit, Fiber, Layer, Stream } from "effect"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { pathToFileURL } from "node:url"
import { Cassette } from "effect-llm/testing"
import { answering, ask, filesBeside, newFile, post, send, tapeOf, textOf, withTape } from "./cassette/Tapes.js"

const config = (entries: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(entries))))

/** Answers with what it was asked, and counts. */
const echoes = () => {
  const server = {
    requests: 0,
    layer: answering(async (request) => {
      server.requests++
      return new Response(`echo ${await request.text()}`)
    })
  }
  return server
}

const nobody = answering(() => {
  throw new Error("nobody may be asked")
})

describe("CASSETTE_MODE", () => {
  it.scoped("left out is a replay, which fails where there is no tape, and asks nobody", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      const error = yield* ask(1).pipe(withTape(file, { http: Layer.die("built") }), config({}), Effect.flip)
      expect(error).toMatchObject({ _tag: "CassetteError", reason: "missing", file })
      expect(String(error)).toContain("CASSETTE_MODE=record")
      expect(existsSync(file)).toBe(false)
    })
  )

  it.scoped("record sends and writes, and replay gives the same without sending", () =>
    Effect.gen(function* () {
      const [file, server] = [yield* newFile, echoes()]
      const recorded = yield* ask(1).pipe(withTape(file, { http: server.layer }), config({ CASSETTE_MODE: "record" }))
      for (const CASSETTE_MODE of ["replay", "Replay ", ""]) {
        const replayed = yield* ask(1).pipe(withTape(file, { http: nobody }), config({ CASSETTE_MODE }))
        expect(replayed).toBe(recorded)
      }
      expect([recorded, server.requests]).toEqual(["echo 1", 1])
    })
  )

  it.scoped("passthrough sends, and neither reads nor writes a tape", () =>
    Effect.gen(function* () {
      const [file, server] = [yield* newFile, echoes()]
      const twice = Effect.zipRight(ask(1), ask(2))
      const text = yield* twice.pipe(withTape(file, { http: server.layer }), config({ CASSETTE_MODE: "passthrough" }))
      expect([text, server.requests, filesBeside(file)]).toEqual(["echo 2", 2, []])
    })
  )

  it.scoped("auto records where there is no tape, and replays where there is one", () =>
    Effect.gen(function* () {
      const [file, server] = [yield* newFile, echoes()]
      const run = (body: number) =>
        Effect.either(ask(body)).pipe(withTape(file, { http: server.layer }), config({ CASSETTE_MODE: "auto" }))
      expect(yield* run(1)).toEqual(Either.right("echo 1"))
      expect(yield* run(1)).toEqual(Either.right("echo 1"))
      expect(Either.isLeft(yield* run(2))).toBe(true)
      expect([server.requests, tapeOf(file).interactions.length]).toEqual([1, 1])
    })
  )

  it.scoped("auto records nothing where CI is set", () =>
    Effect.gen(function* () {
      const [file, server] = [yield* newFile, echoes()]
      for (const CI of ["true", "1", "drone"]) {
        const run = ask(1).pipe(withTape(file, { http: server.layer }), config({ CASSETTE_MODE: "auto", CI }))
        expect(yield* Effect.flip(run)).toMatchObject({ reason: "missing" })
      }
      expect(server.requests).toBe(0)
      yield* ask(1).pipe(withTape(file, { http: server.layer }), config({ CASSETTE_MODE: "auto", CI: "false" }))
      expect(server.requests).toBe(1)
    })
  )

  it.scoped("that is none of these is a ConfigError that lists them", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      const error = yield* ask(1).pipe(withTape(file, { http: nobody }), config({ CASSETTE_MODE: "rec" }), Effect.flip)
      expect(error).toMatchObject({ _op: "InvalidData", path: ["CASSETTE_MODE"] })
      expect(String(error)).toContain('replay, record, auto, passthrough, and is "rec"')
    })
  )

  it.scoped("gives way to the option", () =>
    Effect.gen(function* () {
      const [file, server] = [yield* newFile, echoes()]
      yield* ask(1).pipe(withTape(file, { mode: "record", http: server.layer }), config({ CASSETTE_MODE: "replay" }))
      const mode = Effect.map(Cassette.Cassette, (cassette) => cassette.mode)
      expect(yield* mode.pipe(withTape(file, { mode: "auto" }), config({ CASSETTE_MODE: "record" }))).toBe("replay")
    })
  )
})

const record = (file: string | URL, http: ReturnType<typeof answering> = echoes().layer) =>
  withTape(file, { mode: "record", http })

describe("the file of a recording", () => {
  it.scoped("is written when the test ends, with its folder, and nothing beside it", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      yield* Effect.andThen(
        ask(1),
        Effect.sync(() => expect(filesBeside(file)).toEqual([]))
      ).pipe(record(file))
      expect(filesBeside(file)).toEqual(["test.json"])
    })
  )

  it.scoped("replaces the one before it as a whole", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      yield* Effect.all([ask(1), ask(2)]).pipe(record(file))
      yield* ask(3).pipe(record(file))
      expect(tapeOf(file).interactions.map(({ request }) => request.body)).toEqual([{ text: "3" }])
      expect(filesBeside(file)).toEqual(["test.json"])
    })
  )

  it.scoped("is written after a test that failed, too, when there was an answer", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      const exit = yield* Effect.exit(Effect.zipRight(ask(1), Effect.fail("the test")).pipe(record(file)))
      expect(exit).toEqual(Exit.fail("the test"))
      expect(tapeOf(file).interactions.length).toBe(1)
    })
  )

  it.scoped("stays as it was when a test failed and nobody answered", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      yield* ask(1).pipe(record(file))
      const before = textOf(file)
      const offline = answering(() => Promise.reject(new Error("offline")))
      expect(Exit.isFailure(yield* Effect.exit(ask(2).pipe(record(file, offline))))).toBe(true)
      expect(textOf(file)).toBe(before)
    })
  )

  it.scoped("is empty for a test that asks nothing, so that it can be replayed", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      yield* Effect.void.pipe(record(file))
      expect(tapeOf(file)).toEqual({ cassette: 1, interactions: [] })
      const error = yield* ask(1).pipe(withTape(file, { mode: "replay" }), Effect.flip)
      expect(String(error)).toContain("which is empty")
    })
  )

  it.scoped("has the requests in the order in which they were made, whichever is answered first", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      let answerFirst = (_answer: Response): void => {}
      const first = new Promise<Response>((resolve) => (answerFirst = resolve))
      const http = answering(async (request) => {
        const text = await request.text()
        if (text === "1") return first
        answerFirst(new Response("late"))
        return new Response("soon")
      })
      yield* Effect.all([ask(1), ask(2)], { concurrency: "unbounded" }).pipe(record(file, http))
      expect(tapeOf(file).interactions.map(({ request }) => request.body)).toEqual([{ text: "1" }, { text: "2" }])
    })
  )

  it.scoped("has no request that was left before its answer came", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      let isAsked = false
      const http = answering(async (request) => {
        isAsked = true
        return (await request.text()) === "1" ? new Promise<Response>(() => {}) : new Response("ok")
      })
      yield* Effect.gen(function* () {
        const left = yield* Effect.fork(ask(1))
        yield* Effect.repeat(Effect.yieldNow(), { until: () => isAsked })
        yield* Fiber.interrupt(left)
        yield* ask(2)
      }).pipe(record(file, http))
      expect(tapeOf(file).interactions.map(({ request }) => request.body)).toEqual([{ text: "2" }])
    })
  )

  it.scoped("may be named by a URL", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      yield* ask(1).pipe(record(pathToFileURL(file)))
      expect(yield* ask(1).pipe(withTape(pathToFileURL(file), { mode: "replay" }))).toBe("echo 1")
      const elsewhere = yield* Effect.flip(ask(1).pipe(withTape(new URL("https://a/tape.json"), { mode: "replay" })))
      expect(elsewhere).toMatchObject({ _tag: "CassetteError", file: "https://a/tape.json" })
    })
  )

  it.scoped("belongs to one recording at a time", () =>
    Effect.gen(function* () {
      const [file, other] = [yield* newFile, yield* newFile]
      const outcome = yield* Effect.either(ask(2).pipe(record(file))).pipe(record(file))
      expect(outcome).toMatchObject({ _tag: "Left", left: { _tag: "CassetteError", reason: "busy" } })
      yield* ask(3).pipe(record(other), Effect.zipRight(ask(4)), record(file))
      expect(tapeOf(file).interactions.map(({ request }) => request.body)).toEqual([{ text: "4" }])
    })
  )

  it.scoped("that cannot be written fails before anything is sent", () =>
    Effect.gen(function* () {
      const [file, server] = [yield* newFile, echoes()]
      mkdirSync(file, { recursive: true })
      const folder = yield* Effect.flip(ask(1).pipe(record(file, server.layer)))
      expect(folder).toMatchObject({ _tag: "CassetteError", reason: "unwritable" })
      writeFileSync(`${file}/taken`, "")
      const below = yield* Effect.flip(ask(1).pipe(record(`${file}/taken/tape.json`, server.layer)))
      expect(below).toMatchObject({ _tag: "CassetteError", reason: "unwritable" })
      const noName = yield* Effect.flip(ask(1).pipe(record(`${file}/new/`, server.layer)))
      expect(noName).toMatchObject({ _tag: "CassetteError", reason: "unwritable" })
      expect(server.requests).toBe(0)
    })
  )

  it.scoped("that cannot be written in the end is a defect, not a silent loss", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      const exit = yield* Effect.exit(
        Effect.zipRight(
          ask(1),
          Effect.sync(() => mkdirSync(file))
        ).pipe(record(file))
      )
      expect(exit).toMatchObject({ cause: { _tag: "Die", defect: { _tag: "CassetteError", reason: "unwritable" } } })
      expect(filesBeside(file)).toEqual(["test.json"])
    })
  )

  it.scoped("that cannot be read is an error of its own", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      mkdirSync(file, { recursive: true })
      const error = yield* Effect.flip(ask(1).pipe(withTape(file, { mode: "replay" })))
      expect(error).toMatchObject({ _tag: "CassetteError", reason: "unreadable", file })
    })
  )

  it.scoped("that is broken fails the layer, and is left as it is", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      mkdirSync(dirname(file))
      writeFileSync(file, "{")
      for (const mode of ["replay", "auto"] as const) {
        const error = yield* Effect.flip(ask(1).pipe(withTape(file, { mode, http: nobody })))
        expect(error).toMatchObject({ _tag: "CassetteError", reason: "corrupt", at: "line 1, column 2" })
      }
      expect(textOf(file)).toBe("{")
    })
  )
})

describe("while it is recorded", () => {
  it.scoped("a stream goes through read by read, and is not held back", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      let pushed = (_text: string | undefined): void => {}
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          pushed = (text) =>
            text === undefined ? controller.close() : controller.enqueue(new TextEncoder().encode(text))
        }
      })
      const seen = yield* Effect.gen(function* () {
        const response = yield* send(post(1))
        pushed("one")
        return yield* response.stream.pipe(
          Stream.decodeText(),
          // The next comes only when the one before has been seen.
          Stream.tap((text) => Effect.sync(() => pushed(text === "one" ? "two" : undefined))),
          Stream.runCollect
        )
      }).pipe(
        record(
          file,
          answering(() => new Response(body))
        )
      )
      expect([...seen]).toEqual(["one", "two"])
      expect(tapeOf(file).interactions[0]?.response).toMatchObject({
        body: { chunks: [{ text: "one" }, { text: "two" }] }
      })
    })
  )

  it.scoped("the program sees headers and cookies as they are", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      const http = answering(
        () => new Response("ok", { status: 201, headers: { "x-api-key": "secret-of-the-server" } })
      )
      const response = yield* send(post(1)).pipe(record(file, http))
      expect([response.status, response.headers["x-api-key"]]).toEqual([201, "secret-of-the-server"])
      expect(textOf(file)).not.toContain("secret-of-the-server")
    })
  )
})
