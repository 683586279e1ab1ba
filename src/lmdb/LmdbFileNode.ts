/**
 * What must hold of a file before lmdb may touch it. lmdb itself ends the process, past every error handler, when it opens
 * a file that is none of its own or shorter than it should be, and when the disk is full as it writes: so a file is looked
 * at before it is opened, and the space for a write is taken before it.
 */
import { appendFileSync, closeSync, fstatSync, mkdirSync, openSync, readSync, statfsSync, statSync } from "node:fs"
import { dirname } from "node:path"

const mebibyte = 1024 * 1024

/** Free behind the last page, beside what writes need: for lists of free pages, and for other processes that write. */
const spare = 2 * mebibyte

/** Where the fields of a meta page are, and what they hold (LMDB's data version 2, which lmdb 3 writes). */
const meta = { magicAt: 24, magic: 0xbeefc0de, versionAt: 28, version: 2, pageSizeAt: 48, lastPageAt: 144, length: 160 }

/** Makes the file where there is none, readable by its owner only. Throws an `Error` that says why it cannot be used. */
export const prepare = (path: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  const known = statSync(path, { throwIfNoEntry: false })
  if (known?.isFile() === false) throw new Error(`${path} is no file`)
  const file = openSync(path, "a+", 0o600)
  try {
    const { size } = fstatSync(file)
    if (size === 0) mustBeFree(path, 2 * spare)
    else mustBeWhole(path, file, size)
  } finally {
    closeSync(file)
  }
}

const mustBeWhole = (path: string, file: number, size: number): void => {
  const first = metaOf(file, 0)
  const pageSize = first?.pageSize ?? 0
  const pages = [first, metaOf(file, pageSize)].map((each) => each?.lastPage)
  if (first === undefined || pages.every((page) => page === undefined)) {
    throw new Error(`${path} is no cache of effect-llm: name another file`)
  }
  // A page that another process is writing is above those that both metas know.
  const last = Math.max(...pages.map((page) => page ?? 0))
  if ((last + 1) * pageSize > size) {
    throw new Error(`${path} is shorter than it was: a part of it is lost; remove it, and it is made anew`)
  }
}

interface Meta {
  readonly pageSize: number
  readonly lastPage: number
}

const metaOf = (file: number, at: number): Meta | undefined => {
  const page = Buffer.alloc(meta.length)
  if (readSync(file, page, 0, meta.length, at) < meta.length) return undefined
  const isMeta = page.readUInt32LE(meta.magicAt) === meta.magic && page.readUInt32LE(meta.versionAt) === meta.version
  return isMeta
    ? { pageSize: page.readUInt32LE(meta.pageSizeAt), lastPage: Number(page.readBigUInt64LE(meta.lastPageAt)) }
    : undefined
}

const mustBeFree = (path: string, bytes: number): void => {
  const { bavail, bsize } = statfsSync(dirname(path))
  if (bavail * bsize < bytes) throw new Error(`the disk of ${path} is full`)
}

/** The space behind the last page of an open file, taken by appending zeros, which disturbs no other process. */
export class Reserve {
  private readonly file: number
  private pending = 0

  constructor(private readonly path: string) {
    this.file = openSync(path, "a")
  }

  /** Takes what a write may need, and gives it free for the next one when it is done. Throws where the disk is full. */
  take(usedBytes: number, neededBytes: number): () => void {
    const needed = this.pending + neededBytes
    this.extend(usedBytes + needed + spare)
    this.pending = needed
    return () => {
      this.pending -= neededBytes
    }
  }

  close(): void {
    closeSync(this.file)
  }

  private extend(to: number): void {
    const missing = to - fstatSync(this.file).size
    if (missing <= 0) return
    const chunks = Math.ceil(missing / mebibyte)
    // What is left of the disk is not ours alone.
    mustBeFree(this.path, 2 * chunks * mebibyte)
    const zeros = Buffer.alloc(mebibyte)
    for (let chunk = 0; chunk < chunks; chunk++) appendFileSync(this.file, zeros)
  }
}
