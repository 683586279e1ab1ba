/**
 * JSON that is still being written: what there is of it so far, as a value. Each character is read once, whatever the
 * pieces are; `JSON.parse` of every beginning would take time in the square of the text's length.
 *
 * Strings are there as far as they have come; numbers, `true`, `false` and `null` once they are whole.
 */
type Container = Array<unknown> | Record<string, unknown>

interface Frame {
  readonly container: Container
  /** The key whose value comes next; only in objects. */
  key: string | undefined
  size: number
}

/** What may come next. */
type Expected =
  | "value"
  | "value-or-end"
  | "key"
  | "key-or-end"
  | "colon"
  | "comma-or-end"
  | "string"
  | "token"
  | "nothing"

/**
 * - `value`: what there is so far
 * - `open`: the keys and indices that lead to what is still being written
 * - `isOpen`: whether anything is
 */
export interface Snapshot {
  readonly value: unknown
  readonly open: ReadonlyArray<string | number>
  readonly isOpen: boolean
}

/** The values amid a text, and whether the text ends within one. */
export interface Found {
  readonly values: ReadonlyArray<unknown>
  readonly isCut: boolean
}

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const openBracket = 0x5b

const tokenPattern = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/

/** Deeper than any answer: a model that only opens brackets must not take the stack of whoever reads the value. */
export const deepest = 256

/** No number that means anything has so many digits. */
const longestToken = 1000

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t"
}

const words: ReadonlySet<string> = new Set(["true", "false", "null"])

/** Letters, digits, `.`, `+`, `-`. */
const isOfToken = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x2b && code <= 0x39 && code !== 0x2c && code !== 0x2f) || code === 0x45

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

/** Never part of a value: whoever copies an object key by key would let the model choose the prototype of the copy. */
export const prototypeKey = "__proto__"

const setKey = (record: Record<string, unknown>, key: string, value: unknown): void => {
  if (key !== prototypeKey) record[key] = value
}

/** How often a text amid which no value was found may be read again, from behind what looked like one. */
const rereads = 16

/**
 * Reads one JSON text as it comes. With `prose` it looks for objects and arrays amid other text, in code fences for
 * example: the last one is the value. Owned by one reader.
 */
export class PartialJson {
  /** Grows with everything that changes the value. */
  version = 0
  /** Whether the text is no JSON: nothing is read any more. Never with `prose`. */
  failed = false
  /** The whole objects and arrays that were found amid prose. */
  readonly found: Array<unknown> = []
  private readonly stack: Array<Frame> = []
  private expected: Expected
  private root: unknown
  private hasRoot = false
  private isKey = false
  private text = ""
  private token = ""
  private escape: string | undefined
  /** Amid prose: what was read since the value began, to be read again where it turns out to be none. */
  private attempt: Array<string> = []
  private budget = 0

  constructor(private readonly prose = false) {
    this.expected = prose ? "nothing" : "value"
  }

  push(text: string): void {
    this.budget += text.length * rereads
    let rest = text
    for (;;) {
      const again = this.read(rest)
      if (again === undefined) return
      rest = again
    }
  }

  /** How many values a `snapshot` has to copy. */
  get cost(): number {
    // A string that grows is copied whole when it is looked at, at many characters a step.
    let cost = 1 + (this.text.length >> 8)
    for (const frame of this.stack) cost += frame.size
    return cost
  }

  /** Whether a value has begun that is not whole. */
  get isCut(): boolean {
    return this.stack.length > 0 || this.expected === "string" || this.expected === "token"
  }

  /** What there is so far; `undefined` before anything is. It is not changed by what comes later. */
  snapshot(): Snapshot | undefined {
    const open: Array<string | number> = []
    let hasChild = this.expected === "string" && !this.isKey
    let child: unknown = hasChild ? wellFormed(this.text) : undefined
    if (this.stack.length === 0) {
      if (hasChild) return { value: child, open, isOpen: true }
      return this.hasRoot ? { value: this.root, open, isOpen: false } : undefined
    }
    for (let index = this.stack.length - 1; index >= 0; index--) {
      const frame = this.stack[index]
      if (frame === undefined) break
      const { container, key } = frame
      if (Array.isArray(container)) {
        if (hasChild) open.push(container.length)
        child = hasChild ? [...container, child] : container.slice()
      } else {
        const copy = { ...container }
        if (hasChild && key !== undefined) {
          open.push(key)
          setKey(copy, key, child)
        }
        child = copy
      }
      hasChild = true
    }
    return { value: child, open: open.reverse(), isOpen: true }
  }

  // ---------------------------------------------------------------------------
  // Reading
  // ---------------------------------------------------------------------------

  /** Reads a text. What comes back is to be read again: amid prose, what began like a value was none. */
  private read(text: string): string | undefined {
    let index = 0
    /** Where in this text the value began that is being read. */
    let start = 0
    while (index < text.length && !this.failed) {
      if (this.prose && this.stack.length === 0) {
        index = this.seek(text, index)
        start = index
        if (index === text.length) return undefined
      }
      const next = this.step(text, index)
      if (next >= 0) index = next
      else if (!this.prose) this.failed = true
      else {
        const seen = this.attempt.join("")
        const length = seen.length + index - start
        this.restart()
        if (length > this.budget) continue
        this.budget -= length
        if (seen !== "") return seen.slice(1) + text
        index = start + 1
      }
    }
    if (this.prose && this.stack.length > 0) this.attempt.push(text.slice(start))
    return undefined
  }

  /** Where an object or an array may begin. */
  private seek(text: string, from: number): number {
    this.attempt = []
    let index = from
    while (index < text.length) {
      const code = text.charCodeAt(index)
      if (code === openBrace || code === openBracket) break
      index++
    }
    this.expected = "value"
    return index
  }

  private restart(): void {
    this.stack.length = 0
    this.attempt = []
    this.text = ""
    this.token = ""
    this.escape = undefined
    this.isKey = false
    this.version++
  }

  /** Reads what stands at a place, and says where to go on; -1: it does not belong there. */
  private step(text: string, index: number): number {
    if (this.expected === "string") return this.readString(text, index)
    if (this.expected === "token") return this.readToken(text, index)
    const code = text.charCodeAt(index)
    if (isSpace(code)) return index + 1
    switch (this.expected) {
      case "value":
      case "value-or-end":
        if (code === 0x5d && this.expected === "value-or-end") return this.close(index)
        return this.begin(code, index)
      case "key":
      case "key-or-end":
        if (code === 0x7d && this.expected === "key-or-end") return this.close(index)
        if (code !== quote) return -1
        this.isKey = true
        this.expected = "string"
        return index + 1
      case "colon":
        if (code !== 0x3a) return -1
        this.expected = "value"
        return index + 1
      case "comma-or-end":
        return this.separate(code, index)
      case "nothing":
        return -1
      default:
        return this.expected satisfies never
    }
  }

  private begin(code: number, index: number): number {
    if (code === openBrace || code === openBracket) {
      if (this.stack.length === deepest) return -1
      const container: Container = code === openBrace ? {} : []
      this.stack.push({ container, key: undefined, size: 1 })
      this.expected = code === openBrace ? "key-or-end" : "value-or-end"
      this.version++
      return index + 1
    }
    if (code === quote) {
      this.isKey = false
      this.expected = "string"
      this.version++
      return index + 1
    }
    this.expected = "token"
    return index
  }

  private separate(code: number, index: number): number {
    const frame = this.stack.at(-1)
    const isArray = Array.isArray(frame?.container)
    if (code === (isArray ? 0x5d : 0x7d)) return this.close(index)
    if (code !== 0x2c) return -1
    this.expected = isArray ? "value" : "key"
    return index + 1
  }

  private close(index: number): number {
    const frame = this.stack.pop()
    if (frame !== undefined) this.put(frame.container)
    return index + 1
  }

  /** A value is whole. */
  private put(value: unknown): void {
    this.version++
    const frame = this.stack.at(-1)
    if (frame === undefined) {
      this.root = value
      this.hasRoot = true
      this.expected = "nothing"
      if (this.prose) this.found.push(value)
      return
    }
    if (Array.isArray(frame.container)) frame.container.push(value)
    else if (frame.key !== undefined) setKey(frame.container, frame.key, value)
    frame.key = undefined
    frame.size++
    this.expected = "comma-or-end"
  }

  private readString(text: string, from: number): number {
    let index = from
    while (index < text.length) {
      if (this.escape !== undefined) {
        const next = this.readEscape(text, index)
        if (next < 0) return -1
        index = next
        continue
      }
      let end = index
      while (end < text.length) {
        const code = text.charCodeAt(end)
        if (code === quote || code === backslash) break
        if (code < 0x20) return -1
        end++
      }
      if (end > index) {
        this.text += text.slice(index, end)
        if (!this.isKey) this.version++
      }
      if (end === text.length) return end
      if (text.charCodeAt(end) === quote) {
        this.endString()
        return end + 1
      }
      this.escape = ""
      index = end + 1
    }
    return index
  }

  /** Behind a backslash: one character, or `u` and four digits. */
  private readEscape(text: string, from: number): number {
    let index = from
    let escape = this.escape ?? ""
    do {
      escape += text.charAt(index++)
    } while (escape.startsWith("u") && escape.length < 5 && index < text.length)
    if (escape.startsWith("u")) {
      if (!/^u[0-9a-fA-F]*$/.test(escape)) return -1
      this.escape = escape.length < 5 ? escape : undefined
      if (escape.length === 5) this.text += String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    } else {
      const character = escapes[escape]
      if (character === undefined) return -1
      this.escape = undefined
      this.text += character
    }
    if (!this.isKey) this.version++
    return index
  }

  private endString(): void {
    const text = this.text
    this.text = ""
    if (!this.isKey) {
      this.put(text)
      return
    }
    const frame = this.stack.at(-1)
    if (frame !== undefined) frame.key = text
    this.isKey = false
    this.expected = "colon"
  }

  private readToken(text: string, from: number): number {
    let end = from
    while (end < text.length && isOfToken(text.charCodeAt(end))) end++
    this.token += text.slice(from, end)
    if (this.token.length > longestToken) return -1
    // A number may go on in the next piece; a word is whole with its last letter.
    if (end === text.length && !words.has(this.token)) return end
    if (!tokenPattern.test(this.token)) return -1
    const value: unknown = JSON.parse(this.token)
    this.token = ""
    this.put(value)
    return end
  }
}

/** A character of two halves whose second one has not come is not shown yet. */
const wellFormed = (text: string): string => {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text
}

/** All whole objects and arrays amid a text, in time linear in its length. */
export const find = (text: string): Found => {
  const reader = new PartialJson(true)
  reader.push(text)
  return { values: reader.found, isCut: reader.isCut }
}
