import { afterAll, describe, expect, it } from "@effect/vitest"
import { type ConfigError, Duration, Effect, Exit, Option, Scope, TestClock } from "effect"
import { ChatRequest, type LlmClient, Policy, StreamPart } from "effect-llm"
import { LmdbCache } from "effect-llm/lmdb"
import type { MockLlm } from "effect-llm/testing"
import { open } from "lmdb"
import { execFileSync, spawn } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { warningsIn } from "../policy/Warnings.js"
import { behind } from "../policy/Watched.js"

const folder = mkdtempSync(join(tmpdir(), "effect-llm-lmdb-"))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

let files = 0
const fresh = (): string => join(folder, `cache-${files++}.lmdb`)

const request = ChatRequest.make("Hello")
const answers: MockLlm.Answers = { reasoning: "Hm.", text: ["One ", "two"] }
const cachedIn = (path: string, options: Policy.CacheOptions = {}) =>
  Policy.cache({ store: LmdbCache.store({ path }), ...options })

/** What a client of its own layer answers; the layer, and with it the file, is closed when it has. */
const asked = <A, E>(
  policy: Policy.Policy<ConfigError.ConfigError>,
  ask: (client: LlmClient.Service) => Effect.Effect<A, E>,
  answer: MockLlm.Answers = answers
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { client, mock } = yield* behind(policy, answer)
      return { answer: yield* ask(client), calls: mock.starts.length }
    })
  )
const complete = (client: LlmClient.Service) => client.complete(request)
const collected = (client: LlmClient.Service) => StreamPart.collect(client.stream(request))

describe("LmdbCache", () => {
  for (const [from, first] of Object.entries({ complete, stream: collected })) {
    for (const [to, second] of Object.entries({ complete, stream: collected })) {
      it.effect(`answers ${to} with what ${from} was told in another life of the program`, () =>
        Effect.gen(function* () {
          const path = fresh()
          const before = yield* asked(cachedIn(path), first)
          const after = yield* asked(cachedIn(path), second)
          expect([before.calls, after.calls]).toEqual([1, 0])
          expect(after.answer).toEqual({ ...before.answer, cached: true, attempts: 0, latency: Duration.zero })
        })
      )
    }
  }

  it.effect("keeps the vectors of texts to the last digit", () =>
    Effect.gen(function* () {
      const path = fresh()
      const before = yield* asked(cachedIn(path), (client) => client.embed({ input: ["a", "b", "c"] }))
      const after = yield* asked(cachedIn(path), (client) => client.embed({ input: ["c", "a"] }))
      expect(after).toMatchObject({ calls: 0, answer: { cached: true, usage: { inputTokens: 0 } } })
      expect(after.answer.vectors).toEqual([before.answer.vectors[2], before.answer.vectors[0]])
    })
  )

  it.scoped("fifty equal requests at the same time are one call", () =>
    Effect.gen(function* () {
      const { client, mock } = yield* behind(cachedIn(fresh()), answers)
      const all = yield* Effect.all(Effect.replicate(complete(client), 50), { concurrency: "unbounded" })
      expect(all.filter(({ cached }) => !cached)).toHaveLength(1)
      expect(mock.starts).toHaveLength(1)
    })
  )

  it.effect("keeps what each namespace was told apart", () =>
    Effect.gen(function* () {
      const path = fresh()
      const of = (namespace: string, answer: string) =>
        Effect.map(asked(cachedIn(path, { namespace }), complete, answer), ({ answer: { text } }) => text)
      expect([yield* of("a", "for a"), yield* of("b", "for b"), yield* of("a", "?"), yield* of("b", "?")]).toEqual([
        "for a",
        "for b",
        "for a",
        "for b"
      ])
    })
  )

  it.effect("keeps no failure, and nothing of a request that bypasses it", () =>
    Effect.gen(function* () {
      const path = fresh()
      const bypass = ChatRequest.make({ prompt: "Hello", cacheControl: { mode: "bypass" } })
      const refresh = ChatRequest.make({ prompt: "Hello", cacheControl: { mode: "refresh" } })
      yield* asked(cachedIn(path), (client) => client.complete(bypass), "a")
      expect((yield* asked(cachedIn(path), complete, "b")).answer.text).toBe("b")
      expect((yield* asked(cachedIn(path), (client) => client.complete(refresh), "c")).answer.text).toBe("c")
      expect((yield* asked(cachedIn(path), complete, "d")).answer.text).toBe("c")
    })
  )

  it.effect("keeps an answer for its time to live and not a millisecond longer", () =>
    Effect.gen(function* () {
      const policy = cachedIn(fresh(), { timeToLive: "1 minute" })
      yield* asked(policy, complete)
      yield* TestClock.adjust("59999 millis")
      expect((yield* asked(policy, complete)).calls).toBe(0)
      yield* TestClock.adjust("1 millis")
      expect((yield* asked(policy, complete)).calls).toBe(1)
    })
  )

  it.effect("serves another layer on the same file when the first one is closed", () =>
    Effect.gen(function* () {
      const path = fresh()
      const scope = yield* Scope.make()
      const first = yield* Scope.extend(behind(cachedIn(path), answers), scope)
      yield* complete(first.client)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const second = yield* behind(cachedIn(path), answers)
          yield* Scope.close(scope, Exit.void)
          expect((yield* complete(second.client)).cached).toBe(true)
          expect((yield* second.client.complete(ChatRequest.make("other"))).cached).toBe(false)
        })
      )
    })
  )

  it.effect("is a file that others cannot read", () =>
    Effect.gen(function* () {
      const path = join(folder, "a", "new folder", "cache")
      yield* asked(cachedIn(path), complete)
      expect(statSync(path).mode & 0o077).toBe(0)
    })
  )
})

// -----------------------------------------------------------------------------
// Bounds
// -----------------------------------------------------------------------------

const keysIn = (path: string): Promise<ReadonlyArray<string>> =>
  rows(path, (pages) => [...pages.getKeys()].sort((a, b) => Number(a) - Number(b)))

const rows = async <A>(
  path: string,
  use: (pages: ReturnType<typeof openRows>["pages"]) => A | Promise<A>
): Promise<A> => {
  const { pages, root } = openRows(path)
  try {
    return await use(pages)
  } finally {
    await root.close()
  }
}

const openRows = (path: string) => {
  const root = open<Buffer, string>({ path, noSubdir: true, encoding: "binary" })
  return { root, pages: root.openDB<Buffer, string>({ name: "effect-llm", encoding: "binary" }) }
}

describe("LmdbCache, when it is full", () => {
  const fill = (options: LmdbCache.Options, from: number, to: number, timeToLive: Option.Option<Duration.Duration>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const store = yield* LmdbCache.store(options)
        for (let n = from; n < to; n++) {
          yield* store.set(String(n), "x".repeat(3000), timeToLive)
          yield* TestClock.adjust("1 millis")
        }
      })
    )

  it.effect("the oldest entries leave", () =>
    Effect.gen(function* () {
      const options: LmdbCache.Options = { path: fresh(), maxEntries: 20 }
      yield* fill(options, 0, 65, Option.none())
      const keys = yield* Effect.promise(() => keysIn(options.path))
      expect(keys.length).toBeLessThanOrEqual(20)
      expect(keys.length).toBeGreaterThanOrEqual(18)
      expect(keys).toEqual(Array.from({ length: keys.length }, (_, i) => String(65 - keys.length + i)))
    })
  )

  it.effect("those whose time is over leave first", () =>
    Effect.gen(function* () {
      const options: LmdbCache.Options = { path: fresh(), maxEntries: 20 }
      yield* fill(options, 0, 10, Option.none())
      yield* fill(options, 10, 20, Option.some(Duration.seconds(1)))
      yield* TestClock.adjust("1 minute")
      yield* fill(options, 20, 21, Option.none())
      const keys = yield* Effect.promise(() => keysIn(options.path))
      expect(keys).toEqual([...Array.from({ length: 10 }, (_, n) => String(n)), "20"])
    })
  )

  it.effect("it keeps within its bytes", () =>
    Effect.gen(function* () {
      const options: LmdbCache.Options = { path: fresh(), maxBytes: 200_000 }
      yield* fill(options, 0, 200, Option.none())
      const keys = yield* Effect.promise(() => keysIn(options.path))
      expect(keys.length * 3000).toBeLessThanOrEqual(200_000)
      expect(keys.at(-1)).toBe("199")
      expect(statSync(options.path).size).toBeLessThan(5_000_000)
    })
  )

  it.effect("an answer larger than half of it is not kept, with a warning", () =>
    Effect.gen(function* () {
      const policy = Policy.cache({ store: LmdbCache.store({ path: fresh(), maxBytes: 50_000 }) })
      const [answer, warnings] = yield* warningsIn(asked(policy, complete, "long".repeat(10_000)))
      expect(answer.answer.text).toHaveLength(40_000)
      expect(warnings.join()).toContain("larger than half of LmdbCache.maxBytes")
    })
  )
})

// -----------------------------------------------------------------------------
// Hostile contents
// -----------------------------------------------------------------------------

describe("LmdbCache, with contents that are not its own", () => {
  const text = (value: unknown): string => `0 \n${JSON.stringify(value)}`
  const corruptions: Readonly<Record<string, (entry: Record<string, unknown>, bytes: Buffer) => string | Buffer>> = {
    "nothing at all": () => "",
    "bytes that are no text": () => Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3]),
    "half an entry": (_, bytes) => bytes.subarray(0, bytes.length / 2),
    "a number": () => text(1),
    null: () => text(null),
    "a list": () => text([1, 2]),
    "an older version": (entry) => text({ ...entry, version: 0 }),
    "a newer version": (entry) => text({ ...entry, version: 2, more: true }),
    "no version": (entry) => text({ ...entry, version: undefined }),
    "an entry of another key": (entry) => text({ ...entry, key: "0".repeat(64) }),
    "an entry of another kind": (entry) => text({ ...entry, kind: "text" }),
    "an end that is no time": (entry) => text({ ...entry, expires: "never" }),
    "no answer": (entry) => text({ ...entry, answer: undefined }),
    "an answer without its text": (entry) => text({ ...entry, answer: { ...Object(entry["answer"]), text: 1 } }),
    "an answer with more than it may have": (entry) =>
      text({ ...entry, answer: { ...Object(entry["answer"]), secret: "sesame" } }),
    "a prototype": (entry) => text(entry).replace('"text":', '"__proto__":{"text":"hacked"},"text":')
  }
  for (const [name, corrupt] of Object.entries(corruptions)) {
    it.effect(`takes ${name} for a miss, with a warning that shows nothing of it, and mends it`, () =>
      Effect.gen(function* () {
        const path = fresh()
        yield* asked(cachedIn(path), complete, "sesame")
        yield* Effect.promise(() =>
          rows(path, async (pages) => {
            const all = [...pages.getRange()]
            for (const { key, value } of all) {
              const { 1: json = "" } = value.toString().split("\n")
              await pages.put(key, Buffer.from(corrupt(JSON.parse(json), value)))
            }
          })
        )
        const [miss, warnings] = yield* warningsIn(asked(cachedIn(path), complete, "fresh"))
        expect(miss).toMatchObject({ calls: 1, answer: { text: "fresh", cached: false } })
        expect(warnings).toHaveLength(1)
        expect(warnings[0]).toMatch(/^an entry of the cache .*, and is not used$/)
        expect(warnings[0]).not.toContain("sesame")
        expect(yield* asked(cachedIn(path), complete, "?")).toMatchObject({ calls: 0, answer: { text: "fresh" } })
      })
    )
  }

  const wrongFiles: Readonly<Record<string, readonly [make: (path: string) => void, message: string]>> = {
    "a file of something else": [
      (path) => writeFileSync(path, "\x80\x04\x95".repeat(5000)),
      "is no cache of effect-llm"
    ],
    "a short file": [(path) => writeFileSync(path, "hello"), "is no cache of effect-llm"],
    "a folder": [(path) => mkdirSync(path), ""]
  }
  for (const [name, [make, message]] of Object.entries(wrongFiles)) {
    it.effect(`is a ConfigError over ${name}, which stays as it is`, () =>
      Effect.gen(function* () {
        const path = fresh()
        make(path)
        const before = statSync(path).isFile() ? readFileSync(path) : undefined
        const error = yield* Effect.flip(asked(cachedIn(path), complete))
        expect(error).toMatchObject({ _op: "InvalidData", path: ["LmdbCache.path"] })
        expect(String(error)).toContain(message)
        expect(before === undefined ? undefined : readFileSync(path)).toEqual(before)
      })
    )
  }

  it.effect("is a ConfigError over a file that has lost its end", () =>
    Effect.gen(function* () {
      const path = fresh()
      yield* asked(cachedIn(path), (client) =>
        Effect.forEach(Array.from({ length: 30 }), (_, n) => client.complete(ChatRequest.make(String(n))))
      )
      truncateSync(path, 3 * 4096)
      expect(String(yield* Effect.flip(asked(cachedIn(path), complete)))).toContain("is shorter than it was")
    })
  )

  const wrong: ReadonlyArray<readonly [Partial<LmdbCache.Options>, string]> = [
    [{ maxEntries: 0 }, "LmdbCache.maxEntries"],
    [{ maxBytes: -1 }, "LmdbCache.maxBytes"],
    [{ path: "/dev/null/cache" }, "LmdbCache.path"]
  ]
  for (const [options, path] of wrong) {
    it.scoped(`is a ConfigError with ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(LmdbCache.store({ path: fresh(), ...options }))
        expect(error).toMatchObject({ _op: "InvalidData", path: [path] })
      })
    )
  }
})

// -----------------------------------------------------------------------------
// Processes and disks
// -----------------------------------------------------------------------------

/** A process that writes; its lines so far are counted in `written`. */
const writer = (path: string, name: string, count: number) => {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", fileURLToPath(new URL("Writer.ts", import.meta.url)), path, name, String(count)],
    { stdio: ["ignore", "pipe", "pipe"] }
  )
  let output = ""
  let errors = ""
  let whenMany: () => void = () => {}
  const state = {
    child,
    lines: () => output.split("\n").slice(0, -1).length,
    /** When so many entries were written. */
    many: (least: number) =>
      new Promise<void>((resolve) => {
        whenMany = () => {
          if (state.lines() >= least) resolve()
        }
        whenMany()
      }),
    ended: new Promise<string>((resolve) => {
      child.on("close", (code, signal) => resolve(errors === "" ? `${code ?? signal}` : errors))
    })
  }
  child.stderr.on("data", (part) => {
    errors += part
  })
  child.stdout.on("data", (part) => {
    output += part
    whenMany()
  })
  return state
}

const readBack = (path: string, name: string, count: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const store = yield* LmdbCache.store({ path })
      const found = yield* store.getMany(Array.from({ length: count }, (_, n) => `${name}-${n}`))
      return found.map((each) => Option.getOrUndefined(each))
    })
  )
const entriesOf = (name: string, count: number) =>
  Array.from({ length: count }, (_, n) => ({ n, text: `${name}${n}`.repeat(200) }))

describe("LmdbCache, processes", () => {
  it.effect("one that is killed as it writes loses nothing that was written, and the file goes on", () =>
    Effect.gen(function* () {
      const path = fresh()
      let count = 0
      for (const round of ["a", "b", "c"]) {
        const process = writer(path, round, 1_000_000)
        yield* Effect.promise(() => Promise.race([process.many(20 + 7 * count++), process.ended]))
        process.child.kill("SIGKILL")
        expect(yield* Effect.promise(() => process.ended)).toBe("SIGKILL")
        const lines = process.lines()
        expect(lines).toBeGreaterThanOrEqual(20)
        expect(yield* readBack(path, round, lines)).toEqual(entriesOf(round, lines))
      }
      expect((yield* asked(cachedIn(path), complete)).calls).toBe(1)
      expect((yield* asked(cachedIn(path), complete)).calls).toBe(0)
    })
  )

  it.effect("several write at once, and all of them are read", () =>
    Effect.gen(function* () {
      const path = fresh()
      const names = ["a", "b", "c"]
      const writers = names.map((name) => writer(path, name, 60))
      // This process has it open, too.
      yield* asked(cachedIn(path), complete)
      expect(yield* Effect.promise(() => Promise.all(writers.map(({ ended }) => ended)))).toEqual(["0", "0", "0"])
      for (const name of names) expect(yield* readBack(path, name, 60)).toEqual(entriesOf(name, 60))
      expect((yield* asked(cachedIn(path), complete)).calls).toBe(0)
    })
  )
})

const tinyDisk = join(folder, "tiny")
mkdirSync(tinyDisk)
const mounts = (): boolean => {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", tinyDisk], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}
const isMounted = mounts()
afterAll(() => {
  if (isMounted) execFileSync("umount", ["-l", tinyDisk])
})

describe("LmdbCache, on a full disk", () => {
  it.effect.skipIf(!isMounted)("answers with a warning, reads what it has, and writes again when there is space", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const path = join(tinyDisk, "cache")
        const { client } = yield* behind(cachedIn(path), "long".repeat(10_000))
        yield* complete(client)
        writeFileSync(join(tinyDisk, "others"), Buffer.alloc(10_000_000))
        const ask = (n: number) => client.complete(ChatRequest.make(String(n)))
        const numbers = Array.from({ length: 400 }, (_, n) => n)
        const [given, warnings] = yield* warningsIn(Effect.forEach(numbers, ask, { concurrency: 8 }))
        for (const { text } of given) expect(text).toHaveLength(40_000)
        expect(warnings).toHaveLength(1)
        expect(warnings[0]).toMatch(/^the cache could not write: the disk of .* is full$/)
        expect((yield* complete(client)).cached).toBe(true)
        rmSync(join(tinyDisk, "others"))
        yield* ask(1000)
        expect((yield* ask(1000)).cached).toBe(true)
      })
    )
  )

  it.effect.skipIf(!isMounted)("is not made where there is no space for it", () =>
    Effect.gen(function* () {
      const filler = join(tinyDisk, "filler")
      rmSync(join(tinyDisk, "cache"), { force: true })
      writeFileSync(filler, Buffer.alloc(14_000_000))
      const path = join(tinyDisk, "other cache")
      expect(String(yield* Effect.flip(asked(cachedIn(path), complete)))).toContain("is full")
      expect(existsSync(`${path}-lock`)).toBe(false)
      rmSync(filler)
    })
  )

  it.skipIf(isMounted)("needs the right to mount a small disk: skipped", () => {
    expect(isMounted).toBe(false)
  })
})
