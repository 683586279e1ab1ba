/**
 * A file for `Policy.cache`, by lmdb: many processes may use it at once, and one that is killed leaves it whole. The oldest
 * entries leave when it is full, those whose time is over first.
 *
 * The backing of `@effect/experimental` for lmdb is not used: it ends the process where lmdb does (see `LmdbFileNode.ts`)
 * or where an expired entry cannot be removed, a second one on the same file stops working when the first is closed, and
 * it has no bound.
 */
import * as Clock from "effect/Clock"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { type Database, open, type RootDatabase } from "lmdb"
import { resolve } from "node:path"
import type { CacheBacking } from "../policy/CacheBacking.js"
import { positiveInteger } from "../policy/Make.js"
import { prepare, Reserve } from "./LmdbFileNode.js"

/**
 * - `path`: the file; it and its folder are made where they are not. Beside it, lmdb keeps `PATH-lock`
 * - `maxEntries`: how many entries are kept at most. Default: 100,000
 * - `maxBytes`: how many bytes they may take. Default: 1 GiB. The file may be a few MiB larger, and does not shrink
 */
export interface Options {
  readonly path: string
  readonly maxEntries?: number
  readonly maxBytes?: number
}

type Pages = Database<Uint8Array, string>

interface Bounds {
  readonly maxEntries: number
  readonly maxBytes: number
}

/**
 * The file as a `store` of `Policy.cache`, open as long as the scope. A file that is not a cache, or is damaged, is a
 * `ConfigError`, and stays as it is.
 */
export const store = (options: Options): Effect.Effect<CacheBacking, ConfigError.ConfigError, Scope.Scope> =>
  Effect.gen(function* () {
    const bounds: Bounds = {
      maxEntries: yield* positiveInteger("LmdbCache.maxEntries", options.maxEntries ?? 100_000),
      maxBytes: yield* positiveInteger("LmdbCache.maxBytes", options.maxBytes ?? 1024 ** 3)
    }
    const path = resolve(options.path)
    const opened = yield* Effect.acquireRelease(
      Effect.try({
        try: () => {
          prepare(path)
          const root = open<Uint8Array, string>({ path, noSubdir: true, encoding: "binary" })
          return { root, pages: root.openDB({ name: "effect-llm", encoding: "binary" }), reserve: new Reserve(path) }
        },
        catch: (error) => ConfigError.InvalidData(["LmdbCache.path"], messageOf(error))
      }),
      // Only the root: closing a database closes it for everybody in this process who has the same file.
      ({ reserve, root }) =>
        Effect.zipRight(
          Effect.ignore(Effect.tryPromise(() => root.close())),
          Effect.sync(() => reserve.close())
        )
    )
    return makeBacking(opened, bounds)
  })

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : "it could not be opened")

interface Opened {
  readonly root: RootDatabase<Uint8Array, string>
  readonly pages: Pages
  readonly reserve: Reserve
}

const makeBacking = ({ pages, reserve, root }: Opened, bounds: Bounds): CacheBacking => {
  let isSweeping = false

  const written = (needed: number, write: () => ReadonlyArray<Promise<boolean>>): Effect.Effect<void, unknown> =>
    Effect.tryPromise(async () => {
      const { lastPageNumber, pageSize } = sizesOf(root)
      const release = reserve.take((lastPageNumber + 1) * pageSize, needed)
      try {
        await Promise.all(write().map(settled))
      } finally {
        release()
      }
    })

  const setMany: CacheBacking["setMany"] = (entries) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const rows = entries.map(([key, value, timeToLive]) => [key, encode(value, now, timeToLive)] as const)
      if (rows.some(([, bytes]) => bytes.length > bounds.maxBytes / 2)) {
        return yield* Effect.fail(new Error("an entry is larger than half of LmdbCache.maxBytes"))
      }
      yield* written(
        rows.reduce((sum, [, bytes]) => sum + costOf(bytes.length), 0),
        () => rows.map(([key, bytes]) => pages.put(key, bytes))
      )
      if (isSweeping || !isAbove(pages, bounds)) return
      isSweeping = true
      yield* Effect.ensuring(
        sweep(pages, bounds, now, written),
        Effect.sync(() => {
          isSweeping = false
        })
      )
    })

  const read = (key: string): Option.Option<unknown> => {
    const bytes = pages.get(key)
    return bytes === undefined ? Option.none() : Option.some(decode(bytes))
  }

  return {
    get: (key) => Effect.try(() => read(key)),
    getMany: (keys) => Effect.try(() => keys.map(read)),
    set: (key, value, timeToLive) => setMany([[key, value, timeToLive]]),
    setMany
  }
}

/** A failed commit has a second promise, which would end the process if nobody heard of its failure. */
const settled = (written: Promise<boolean>): Promise<boolean> =>
  written.catch((error: unknown) => {
    if (!Predicate.hasProperty(error, "commitError") || !(error.commitError instanceof Promise)) throw error
    return error.commitError.then(
      () => {
        throw error
      },
      (cause: unknown) => {
        throw cause
      }
    )
  })

/** What a write of so many bytes may take at most: the pages of the value, and those of the tree that are written anew. */
const costOf = (bytes: number): number => bytes + 32 * 1024

// -----------------------------------------------------------------------------
// Rows
// -----------------------------------------------------------------------------

/** A line with the times of an entry, by which it is swept, and its JSON. */
const encode = (value: unknown, now: number, timeToLive: Option.Option<Duration.Duration>): Uint8Array => {
  const expires = Option.match(timeToLive, {
    onNone: () => "",
    onSome: (duration) => now + Duration.toMillis(duration)
  })
  return Buffer.from(`${now} ${expires}\n${JSON.stringify(value)}`)
}

/** What is no JSON is no entry; the parser's own message would show what it is. */
const decode = (bytes: Uint8Array): unknown => {
  const text = Buffer.from(bytes).toString()
  try {
    return JSON.parse(text.slice(text.indexOf("\n") + 1))
  } catch {
    return undefined
  }
}

/** When a row was written and when it ends. One that does not say was not written by us, and is the oldest. */
const timesOf = (bytes: Uint8Array): { readonly stored: number; readonly expires: number } => {
  const [, stored, expires] = /^(\d+) ([\d.]*)\n/.exec(Buffer.from(bytes.subarray(0, 48)).toString("latin1")) ?? []
  return { stored: Number(stored ?? 0), expires: expires === "" ? Number.POSITIVE_INFINITY : Number(expires ?? 0) }
}

// -----------------------------------------------------------------------------
// Bounds
// -----------------------------------------------------------------------------

interface Sizes {
  readonly pageSize: number
  readonly lastPageNumber: number
  readonly entries: number
  readonly bytes: number
}

const numberOf = (stats: unknown, field: string): number =>
  Predicate.hasProperty(stats, field) && Predicate.isNumber(stats[field]) ? stats[field] : 0

const sizesOf = (database: Pick<Pages, "getStats">): Sizes => {
  const stats: unknown = database.getStats()
  const pageSize = numberOf(stats, "pageSize")
  const pageCount =
    numberOf(stats, "treeBranchPageCount") + numberOf(stats, "treeLeafPageCount") + numberOf(stats, "overflowPages")
  return {
    pageSize,
    lastPageNumber: numberOf(stats, "lastPageNumber"),
    entries: numberOf(stats, "entryCount"),
    bytes: pageCount * pageSize
  }
}

const isAbove = (pages: Pages, { maxBytes, maxEntries }: Bounds): boolean => {
  const { bytes, entries } = sizesOf(pages)
  return entries > maxEntries || bytes > maxBytes
}

interface Row {
  readonly key: string
  readonly bytes: number
  readonly stored: number
  readonly expires: number
}

const step = 500

/** Removes what has ended, and then the oldest, until a tenth of the bounds is free: it reads all, so it runs seldom. */
const sweep = (
  pages: Pages,
  { maxBytes, maxEntries }: Bounds,
  now: number,
  written: (needed: number, write: () => ReadonlyArray<Promise<boolean>>) => Effect.Effect<void, unknown>
): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const rows: Array<Row> = []
    let start: string | undefined
    for (;;) {
      const from = start
      const some = yield* Effect.try(() =>
        [...pages.getRange({ limit: step, ...(from === undefined ? {} : { start: from, exclusiveStart: true }) })].map(
          ({ key, value }): Row => ({ key, bytes: value.length, ...timesOf(value) })
        )
      )
      rows.push(...some)
      start = some.at(-1)?.key
      if (start === undefined || some.length < step) break
      yield* Effect.yieldNow()
    }
    rows.sort((a, b) => Number(a.expires > now) - Number(b.expires > now) || a.stored - b.stored)
    let entries = rows.length
    // A tree takes more than its values: in the same proportion before and after.
    const perByte =
      sizesOf(pages).bytes /
      Math.max(
        1,
        rows.reduce((sum, { bytes }) => sum + bytes, 0)
      )
    let bytes = sizesOf(pages).bytes
    const leaving: Array<string> = []
    for (const row of rows) {
      if (row.expires > now && entries <= maxEntries * 0.9 && bytes <= maxBytes * 0.9) break
      entries--
      bytes -= row.bytes * perByte
      leaving.push(row.key)
    }
    for (let at = 0; at < leaving.length; at += step) {
      const keys = leaving.slice(at, at + step)
      yield* written(keys.length * costOf(0), () => keys.map((key) => pages.remove(key)))
    }
  })
