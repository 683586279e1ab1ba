/**
 * The answer of a model that continues a text: without the word of its own role at its beginning, and without what it goes
 * on with when nobody stops it. Piece by piece, however it is cut.
 */

/**
 * - `label`: what the answer may begin with, such as `assistant:`
 * - `stops`: what ends it; some servers leave them in, or do not stop
 * - `trail`: what of a separator stands before the stop string, and is no part of the answer
 */
export interface Shape {
  readonly label: string
  readonly stops: ReadonlyArray<string>
  readonly trail: string
}

/** Owned by one answer. */
export class AnswerText {
  /** The beginning, as long as it may become the label; undefined once that is decided. */
  private beginning: string | undefined
  /** The end, as long as it may become a stop string. */
  private held = ""
  /** Whether a stop string has come: nothing behind it is part of the answer. */
  isCut = false

  constructor(private readonly shape: Shape) {
    this.beginning = shape.label === "" ? undefined : ""
  }

  /** What can be given out by now. */
  push(text: string): string {
    if (this.isCut) return ""
    if (this.beginning === undefined) return this.pass(text)
    this.beginning += text
    const label = this.shape.label.toLowerCase()
    const start = this.beginning.trimStart().toLowerCase()
    if (start.startsWith(label)) {
      const rest = this.beginning.trimStart().slice(label.length)
      // A space may follow the label.
      if (rest === "") return ""
      return this.decided(rest.replace(/^ /, ""))
    }
    return label.startsWith(start) ? "" : this.decided(this.beginning)
  }

  /** What was held back and is part of the answer after all. */
  end(): string {
    if (this.isCut) return ""
    const beginning = this.beginning ?? ""
    const isLabel = beginning !== "" && beginning.trim().toLowerCase() === this.shape.label.toLowerCase()
    const out = isLabel ? "" : this.decided(beginning)
    const { held } = this
    this.held = ""
    return held === this.shape.trail ? out : out + held
  }

  private decided(text: string): string {
    this.beginning = undefined
    return this.pass(text)
  }

  private pass(text: string): string {
    const all = this.held + text
    const { stops } = this.shape
    const places = stops.map((stop) => all.indexOf(stop)).filter((place) => place >= 0)
    if (places.length > 0) {
      this.isCut = true
      this.held = ""
      return all.slice(0, Math.min(...places))
    }
    const longest = Math.max(0, ...stops.map((stop) => stop.length - 1))
    let keep = Math.min(longest, all.length)
    while (keep > 0 && !stops.some((stop) => stop.startsWith(all.slice(all.length - keep)))) keep--
    this.held = all.slice(all.length - keep)
    return all.slice(0, all.length - keep)
  }
}
