/** The file of a tape, on Node and whatever has `node:fs`. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { CassetteError } from "./CassetteError.js"

/** A path as it is given, or that of a URL such as `new URL("./tape.json", import.meta.url)`. */
export const pathOf = (file: string | URL): Effect.Effect<string, CassetteError> =>
  typeof file === "string"
    ? Effect.succeed(file)
    : Effect.try({
        try: () => fileURLToPath(file),
        catch: () =>
          new CassetteError({ file: file.href, reason: "unreadable", message: `${file.href} is no URL of a file` })
      })

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : String(cause)

/** The text of the file; `undefined` when there is none. */
export const read = (file: string): Effect.Effect<string | undefined, CassetteError> =>
  Effect.tryPromise({ try: () => Fs.readFile(file, "utf8"), catch: codeOf }).pipe(
    Effect.catchAll((code) =>
      code === "ENOENT"
        ? Effect.succeed(undefined)
        : Effect.fail(new CassetteError({ file, reason: "unreadable", message: `${file} cannot be read: ${code}` }))
    )
  )

const unwritable = (file: string) => (cause: unknown) =>
  new CassetteError({ file, reason: "unwritable", message: `${file} cannot be written: ${codeOf(cause)}` })

/** Who records where, in this process. */
const recording = new Set<string>()

/**
 * Takes the file for a recording, so that nothing is paid for that cannot be kept: makes its folder, and fails where it
 * cannot be written, or where another recording to it is under way.
 */
export const reserve = (file: string): Effect.Effect<void, CassetteError, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = Path.dirname(Path.resolve(file))
    yield* Effect.tryPromise({
      try: async () => {
        await Fs.mkdir(folder, { recursive: true })
        await Fs.access(folder, Fs.constants.W_OK)
        if (/[\\/]$/.test(file) || (await isFolder(file))) throw Object.assign(new Error(), { code: "EISDIR" })
      },
      catch: unwritable(file)
    })
    yield* Effect.acquireRelease(
      Effect.suspend(() => {
        const key = Path.resolve(file)
        if (recording.has(key)) {
          const message = `${file} is being recorded to by another test: give each its own tape`
          return Effect.fail(new CassetteError({ file, reason: "busy", message }))
        }
        recording.add(key)
        return Effect.succeed(key)
      }),
      (key) => Effect.sync(() => recording.delete(key))
    )
  })

const isFolder = (file: string): Promise<boolean> =>
  Fs.stat(file).then(
    (found) => found.isDirectory(),
    () => false
  )

/** Replaces the file: whoever reads it sees the old one or the new one, whole. */
export const write = (file: string, text: string): Effect.Effect<void, CassetteError> =>
  Effect.tryPromise({
    try: async () => {
      const temporary = `${file}.${randomUUID()}.tmp`
      try {
        await Fs.writeFile(temporary, text)
        await Fs.rename(temporary, file)
      } catch (cause) {
        await Fs.rm(temporary, { force: true })
        throw cause
      }
    },
    catch: unwritable(file)
  })
