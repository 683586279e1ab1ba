/**
 * Takes secrets out of all that goes onto a tape or into an error: by the names they stand under, by their shape, and
 * the values that stood under such a name wherever else they show up, as in an error that echoes the key.
 */
import * as Bytes from "./Bytes.js"
import * as JsonPath from "./JsonPath.js"
import * as JsonText from "./JsonText.js"
import * as SecretNames from "./SecretNames.js"
import type { Read } from "./TapeBody.js"

/** What is secret beside keys, tokens and cookies. */
export interface Rules {
  /** Names of headers, of requests and answers. */
  readonly headers?: ReadonlyArray<string>
  /** Names of query parameters. */
  readonly query?: ReadonlyArray<string>
  /** Places in JSON bodies and in events: `user`, `messages.*.name`. */
  readonly body?: ReadonlyArray<string>
  /** Is given every URL, header, body and error as a text, and returns what may be seen of it. */
  readonly text?: (text: string) => string
}

type Headers = Readonly<Record<string, string>>

/** From one place of a text to another, and what is to stand there. */
interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** They say nothing that the body does not say, and differ where a secret was taken out. */
const droppedHeaders: ReadonlySet<string> = new Set(["content-length", "transfer-encoding", "connection", "keep-alive"])

export class Redaction {
  /** Values that stood under a secret name. */
  private readonly known = new Set<string>()
  private knownPattern: RegExp | undefined
  private readonly headerNames: ReadonlySet<string>
  private readonly parameterNames: ReadonlySet<string>

  constructor(private readonly rules: Rules) {
    this.headerNames = new Set(rules.headers?.map((name) => name.toLowerCase()))
    this.parameterNames = new Set(rules.query)
  }

  // --- what is secret ----------------------------------------------------------

  /** Remembers the secrets of a request, to find them elsewhere. */
  learnRequest(url: URL, headers: Headers): void {
    this.learn(decoded(url.username), decoded(url.password))
    for (const [name, value] of url.searchParams) if (this.isSecretParameter(name)) this.learn(value)
    for (const [name, value] of Object.entries(headers))
      if (this.isSecretOfRequest(name, value)) this.learnHeader(name, value)
  }

  /** Remembers the secrets of an answer. */
  learnResponse(headers: Headers): void {
    for (const [name, value] of Object.entries(headers)) if (this.isSecretHeader(name)) this.learnHeader(name, value)
  }

  private learnHeader(name: string, value: string): void {
    // Behind the first pair of a set-cookie stand domain and path, which are none.
    const cookies = /cookie/i.test(name) ? (/^set-/i.test(name) ? (value.split(";", 1)[0] ?? "") : value) : undefined
    if (cookies !== undefined) this.learn(...cookies.split(/[;,]\s*/).map((pair) => pair.slice(pair.indexOf("=") + 1)))
    // An organization may be called as any word is.
    else if (!/organization/i.test(name) || /[\d_-]/.test(value)) this.learn(value, value.replace(/^\w+\s+/, ""))
  }

  private learn(...secrets: ReadonlyArray<string>): void {
    for (const secret of secrets) {
      if (secret.length < SecretNames.shortestSecret || secret.includes(SecretNames.redacted)) continue
      if (this.known.has(secret) || /\p{Surrogate}/u.test(secret)) continue
      this.known.add(secret)
      this.knownPattern = undefined
    }
  }

  private isSecretHeader(name: string): boolean {
    return SecretNames.isHeader(name) || this.headerNames.has(name.toLowerCase())
  }

  private isSecretOfRequest(name: string, value: string): boolean {
    if (this.isSecretHeader(name)) return true
    return !SecretNames.plainHeaders.has(name.toLowerCase()) && SecretNames.isKeyLike(value)
  }

  private isSecretParameter(name: string): boolean {
    return SecretNames.isParameter(name) || this.parameterNames.has(name)
  }

  // --- texts -------------------------------------------------------------------

  text(text: string): string {
    const binary = Bytes.toBinary(Bytes.fromText(text))
    const blotted = this.edits(binary).reduceRight(
      (whole, { end, start, text: instead }) => whole.slice(0, start) + instead + whole.slice(end),
      binary
    )
    const clean = blotted === binary ? text : (Bytes.toText(Bytes.fromBinary(blotted)) ?? SecretNames.redacted)
    return this.rules.text?.(clean) ?? clean
  }

  url(url: URL): string {
    const query = url.search.replaceAll(/([?&])([^=&]+)=([^&]*)/g, (whole, mark: string, name: string) =>
      this.isSecretParameter(decoded(name)) ? `${mark}${name}=${SecretNames.redacted}` : whole
    )
    return this.text(url.origin + url.pathname + query)
  }

  requestHeaders(headers: Headers): Headers {
    return this.headers(headers, (name, value) => this.isSecretOfRequest(name, value))
  }

  responseHeaders(headers: Headers): Headers {
    return this.headers(headers, (name) => this.isSecretHeader(name))
  }

  private headers(headers: Headers, isSecret: (name: string, value: string) => boolean): Headers {
    return Object.fromEntries(
      Object.entries(headers)
        .filter(([name]) => !droppedHeaders.has(name.toLowerCase()))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => [name, isSecret(name, value) ? SecretNames.redacted : this.text(value)])
    )
  }

  json(value: unknown): unknown {
    return JsonPath.changeAll(value, this.rules.body ?? [], () => SecretNames.redacted)
  }

  // --- bodies ------------------------------------------------------------------

  /** A body in one piece. */
  body(bytes: Uint8Array): Uint8Array {
    return Bytes.concat(this.reads([{ ms: 0, bytes }]).map((read) => read.bytes))
  }

  /**
   * The same reads, with what is secret replaced, also where a border cuts it: the replacement stands in the read in
   * which the secret begins.
   */
  reads(reads: ReadonlyArray<Read>): ReadonlyArray<Read> {
    const clean = this.pass(reads, (binary) => this.edits(binary))
    const { body, text } = this.rules
    const withoutFields = body === undefined ? clean : this.pass(clean, (binary) => this.fieldEdits(binary))
    return text === undefined ? withoutFields : this.pass(withoutFields, (binary) => ownEdit(binary, text))
  }

  private pass(reads: ReadonlyArray<Read>, find: (binary: string) => ReadonlyArray<Edit>): ReadonlyArray<Read> {
    const binary = Bytes.toBinary(Bytes.concat(reads.map(({ bytes }) => bytes)))
    const edits = find(binary)
    if (edits.length === 0) return reads
    let start = 0
    return reads.map(({ bytes, ms }, index) => {
      const end = start + bytes.length
      const isLast = index === reads.length - 1
      let at = start
      let text = ""
      for (const edit of edits) {
        const beginsHere = edit.start >= start && (edit.start < end || isLast)
        if (!beginsHere && (edit.start >= end || edit.end <= start)) continue
        text += binary.slice(at, Math.max(at, edit.start))
        if (beginsHere) text += edit.text
        at = Math.min(end, edit.end)
      }
      text += binary.slice(at, end)
      start = end
      return { ms, bytes: Bytes.fromBinary(text) }
    })
  }

  /** All secrets by shape and by value, none overlapping another. */
  private edits(binary: string): ReadonlyArray<Edit> {
    const found = [...SecretNames.shapes, this.patternOfKnown()].flatMap((pattern) =>
      Array.from(binary.matchAll(pattern), (match) => ({ start: match.index, end: match.index + match[0].length }))
    )
    const merged: Array<{ readonly start: number; end: number }> = []
    for (const { end, start } of found.sort((a, b) => a.start - b.start)) {
      const last = merged.at(-1)
      if (last !== undefined && start < last.end) last.end = Math.max(last.end, end)
      else if (end > start) merged.push({ start, end })
    }
    return merged.map((range) => ({ ...range, text: SecretNames.redacted }))
  }

  /** As they are, and as JSON and URLs write them. */
  private patternOfKnown(): RegExp {
    if (this.knownPattern !== undefined) return this.knownPattern
    const forms = [...this.known].flatMap((secret) => {
      const json = JSON.stringify(secret).slice(1, -1)
      return [secret, json, json.replaceAll("/", "\\/"), encodeURIComponent(secret)]
    })
    const longestFirst = [...new Set(forms.map((form) => Bytes.toBinary(Bytes.fromText(form))))].sort(
      (a, b) => b.length - a.length
    )
    const source = longestFirst.map((form) => form.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|")
    // Without a secret it matches nothing.
    return (this.knownPattern = new RegExp(source || "(?!)", "g"))
  }

  /** What stands at the user's places, in a JSON text or in the events of a stream. */
  private fieldEdits(binary: string): ReadonlyArray<Edit> {
    const whole = this.fieldEdit(binary, 0)
    if (whole !== undefined) return whole
    return Array.from(
      binary.matchAll(/(?<=^data: ?)\S.*$/gm),
      (match) => this.fieldEdit(match[0], match.index) ?? []
    ).flat()
  }

  private fieldEdit(binary: string, start: number): ReadonlyArray<Edit> | undefined {
    const text = Bytes.toText(Bytes.fromBinary(binary)) ?? ""
    const json = JsonText.container(text)
    if (json === undefined) return undefined
    const clean = this.json(json)
    return JSON.stringify(clean) === JSON.stringify(json)
      ? []
      : difference(binary, JsonText.print({ ...JsonText.read(text), json: clean }), start)
  }
}

/** What a function of the user's takes out of a text. */
const ownEdit = (binary: string, f: (text: string) => string): ReadonlyArray<Edit> => {
  const text = Bytes.toText(Bytes.fromBinary(binary))
  return text === undefined ? [] : difference(binary, f(text), 0)
}

/** The one edit that makes a text of another, which begins and ends as the two differ. */
const difference = (binary: string, after: string, offset: number): ReadonlyArray<Edit> => {
  const wanted = Bytes.toBinary(Bytes.fromText(after))
  if (wanted === binary) return []
  const most = Math.min(binary.length, wanted.length)
  let head = 0
  while (head < most && binary[head] === wanted[head]) head++
  let tail = 0
  while (tail < most - head && binary.at(-1 - tail) === wanted.at(-1 - tail)) tail++
  const [start, end] = [offset + head, offset + binary.length - tail]
  return [{ start, end, text: wanted.slice(head, wanted.length - tail) }]
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
