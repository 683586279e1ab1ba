/**
 * The file of a model: where it is, and whether it is whole. Most files that do not load are downloads that broke off, or
 * the page of an error: that is found here, from the file's own head, before anything else is loaded.
 */
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import { type FileHandle, open } from "node:fs/promises"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import * as Connection from "./Connection.js"

/** A model that is downloaded: `hf:owner/model:Q4_K_M`, `hf:owner/model/file.gguf`, or the URL of a GGUF file. */
export const isUri = (model: string): boolean => /^(?:hf|huggingface|https?):/i.test(model)

/** The path of a file, which may be written as a `file:` URL. */
export const pathOf = (model: string): string => (/^file:\/\//i.test(model) ? fileURLToPath(model) : model)

/** What a model is called in requests and answers: a URI by itself, a file by its name. */
export const nameOf = (model: string): string => {
  if (/^(?:hf|huggingface):/i.test(model)) return model
  const path = isUri(model) ? model.replace(/[?#].*$/, "") : pathOf(model)
  return basename(path).replace(/(?:-\d{5}-of-\d{5})?\.gguf$/i, "")
}

// -----------------------------------------------------------------------------
// The head of a GGUF file
// -----------------------------------------------------------------------------

/** What the head says: a problem, where the last weight ends, or nothing yet, since more of it must be read. */
type Head =
  | { readonly _tag: "Problem"; readonly message: string }
  | { readonly _tag: "End"; readonly offset: number }
  | { readonly _tag: "Short" }

/** Thrown when the bytes end within the head. */
class Short extends Error {}

/** Sizes of GGUF's scalar types in bytes, by their number; 8 is a string, 9 an array. */
const scalarSizes: ReadonlyArray<number> = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]

/** How many weights a block has, and how many bytes, by the number of the type. */
const blocks: ReadonlyMap<number, readonly [weights: number, bytes: number]> = new Map([
  [0, [1, 4]],
  [1, [1, 2]],
  [2, [32, 18]],
  [3, [32, 20]],
  [6, [32, 22]],
  [7, [32, 24]],
  [8, [32, 34]],
  [9, [32, 36]],
  [10, [256, 84]],
  [11, [256, 110]],
  [12, [256, 144]],
  [13, [256, 176]],
  [14, [256, 210]],
  [15, [256, 292]],
  [16, [256, 66]],
  [17, [256, 74]],
  [18, [256, 98]],
  [19, [256, 50]],
  [20, [32, 18]],
  [21, [256, 110]],
  [22, [256, 82]],
  [23, [256, 136]],
  [24, [1, 1]],
  [25, [1, 2]],
  [26, [1, 4]],
  [27, [1, 8]],
  [28, [1, 8]],
  [29, [256, 56]],
  [30, [1, 2]],
  [34, [256, 54]],
  [35, [256, 66]],
  [39, [32, 17]]
])

/** A type that is newer than this table takes at least a byte per 256 weights. */
const unknownBlock = [256, 1] as const

/** Reads the head from its beginning. */
class HeadReader {
  private at = 0
  private readonly view: DataView

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  read(): Head {
    const magic = new TextDecoder("latin1").decode(this.bytes.subarray(0, 4))
    if (magic !== "GGUF") {
      return { _tag: "Problem", message: `this is no GGUF file: it begins with ${JSON.stringify(magic)}` }
    }
    this.skip(4)
    const version = this.u32()
    if (version !== 2 && version !== 3) {
      return { _tag: "Problem", message: `this is a GGUF file of version ${version}; the engine reads 2 and 3` }
    }
    const tensors = this.u64()
    const entries = this.u64()
    let alignment = 32
    for (let entry = 0; entry < entries; entry++) {
      const key = this.string()
      const type = this.u32()
      if (key === "general.alignment" && type === 4) alignment = Math.max(1, this.u32())
      else if (!this.skipValue(type)) {
        return {
          _tag: "Problem",
          message: `the GGUF file is damaged: ${JSON.stringify(key)} has no type that there is`
        }
      }
    }
    let end = 0
    for (let tensor = 0; tensor < tensors; tensor++) end = Math.max(end, this.tensorEnd())
    return { _tag: "End", offset: Math.ceil(this.at / alignment) * alignment + end }
  }

  /** Where a tensor ends, counted from the first. */
  private tensorEnd(): number {
    this.string()
    let weights = 1
    for (let dimensions = this.u32(); dimensions > 0; dimensions--) weights *= this.u64()
    const [perBlock, bytes] = blocks.get(this.u32()) ?? unknownBlock
    return this.u64() + Math.ceil(weights / perBlock) * bytes
  }

  private skipValue(type: number): boolean {
    if (type === 8) this.string()
    else if (type === 9) {
      const inner = this.u32()
      const length = this.u64()
      const size = scalarSizes[inner]
      if (size === undefined) return false
      if (size > 0) this.skip(size * length)
      else for (let index = 0; index < length; index++) if (!this.skipValue(inner)) return false
    } else {
      const size = scalarSizes[type]
      if (size === undefined) return false
      this.skip(size)
    }
    return true
  }

  private string(): string {
    const length = this.u64()
    const start = this.at
    this.skip(length)
    // Only keys are compared, and those are short.
    return length > 64 ? "" : new TextDecoder().decode(this.bytes.subarray(start, this.at))
  }

  private u32(): number {
    this.skip(4)
    return this.view.getUint32(this.at - 4, true)
  }

  private u64(): number {
    this.skip(8)
    return Number(this.view.getBigUint64(this.at - 8, true))
  }

  private skip(length: number): void {
    if (this.at + length > this.bytes.length) throw new Short()
    this.at += length
  }
}

const headOf = (bytes: Uint8Array): Head => {
  try {
    return new HeadReader(bytes).read()
  } catch (error) {
    if (error instanceof Short) return { _tag: "Short" }
    throw error
  }
}

// -----------------------------------------------------------------------------
// The check
// -----------------------------------------------------------------------------

/** How much of a file is read at first; heads with great vocabularies are some megabytes long. */
const firstRead = 1024 * 1024

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`

const problemOf = async (path: string): Promise<string | undefined> => {
  const file = await open(path, "r")
  try {
    const stats = await file.stat()
    if (!stats.isFile()) return "this is a folder, not a GGUF file"
    return stats.size === 0 ? "the file is empty" : await problemWithin(file, stats.size, firstRead)
  } finally {
    await file.close()
  }
}

/** Reads so much of the file, and twice as much where the head is longer. */
const problemWithin = async (file: FileHandle, size: number, length: number): Promise<string | undefined> => {
  const bytes = new Uint8Array(Math.min(length, size))
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
  const head = headOf(bytes.subarray(0, bytesRead))
  switch (head._tag) {
    case "Problem":
      return head.message
    case "End":
      return head.offset <= size
        ? undefined
        : `the GGUF file is cut: ${megabytes(size)} of ${megabytes(head.offset)} are there; get it again`
    case "Short":
      return bytes.length === size
        ? "the GGUF file is cut within its head; get it again"
        : problemWithin(file, size, length * 2)
  }
}

const unreadable = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && cause.code === "ENOENT"
    ? "there is no file of this name"
    : `the file cannot be read: ${Connection.wordsOf(cause)}`

/** Whether a file is a whole GGUF file. Fails with a `ConfigError` that names the option and says what is wrong. */
export const check = (option: string, path: string): Effect.Effect<void, ConfigError.ConfigError> =>
  Effect.flatMap(
    Effect.matchEffect(
      Effect.tryPromise(() => problemOf(path)),
      { onFailure: ({ error }) => Effect.succeed(unreadable(error)), onSuccess: (problem) => Effect.succeed(problem) }
    ),
    (problem) =>
      problem === undefined ? Effect.void : Effect.fail(ConfigError.InvalidData([option], `${path}: ${problem}`))
  )
