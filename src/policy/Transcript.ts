/**
 * What a stream has given out, against which another run of the same request is laid: what was there is skipped exactly,
 * what is new goes on, and the first difference ends it. How text is cut into pieces makes no difference.
 */
import type {
  Finish,
  ReasoningDelta,
  StreamPart,
  TextDelta,
  ToolCallDelta,
  ToolCallEnd,
  ToolCallStart
} from "../StreamPart.js"

/** A run of text or of reasoning, or a tool call. `isOver`: nothing more can belong to it. */
interface Segment {
  readonly kind: "Text" | "Reasoning" | "ToolCall"
  /** A call's id, as it was given out first. */
  readonly id: string
  readonly name: string
  /** A call's arguments, as they came in pieces. */
  text: string
  /** A call's whole arguments. */
  whole: string | undefined
  isOver: boolean
}

/** What all runs of one stream have given out. */
export class Transcript {
  readonly segments: Array<Segment> = []
}

/** One run of the stream. */
export class Replay {
  /** Whether it says something else than was given out. */
  differs = false
  /** How many segments it has begun, and how much it has said of each. */
  private begun = 0
  private readonly said: Array<number> = []
  private open: "Text" | "Reasoning" | undefined
  /** Where its tool calls are: another run may give them other ids. */
  private readonly calls = new Map<string, number>()

  constructor(private readonly transcript: Transcript) {}

  /** The part as it is to be given out: only what is new of it. */
  push(part: StreamPart): StreamPart | undefined {
    switch (part._tag) {
      case "TextDelta":
        return this.text(part)
      case "ReasoningDelta":
        return this.reasoning(part)
      case "ToolCallStart":
        return this.start(part)
      case "ToolCallDelta":
        return this.delta(part)
      case "ToolCallEnd":
        return this.end(part)
      case "Finish":
        return this.finish(part)
      default:
        return part satisfies never
    }
  }

  private text(part: TextDelta): StreamPart | undefined {
    if (part.text === "") return undefined
    const rest = this.add(this.block("Text"), part.text)
    return rest === "" ? undefined : rest === part.text ? part : { ...part, text: rest }
  }

  private reasoning(part: ReasoningDelta): StreamPart | undefined {
    const at = this.block("Reasoning")
    const rest = this.add(at, part.text)
    if (part.signature === undefined) return rest === "" ? undefined : { ...part, text: rest }
    // Of the same thought there are many signatures: the first one given out is the one.
    const segment = this.transcript.segments[at]
    const isSigned = segment?.isOver === true
    this.close()
    if (segment !== undefined) segment.isOver = true
    return isSigned ? undefined : { ...part, text: rest }
  }

  private start(part: ToolCallStart): StreamPart | undefined {
    this.close()
    const at = this.begin("ToolCall", part.id, part.name)
    this.calls.set(part.id, at)
    const segment = this.transcript.segments[at]
    if (segment === undefined || segment.name !== part.name) this.differs = true
    return this.isNew ? part : undefined
  }

  private delta(part: ToolCallDelta): StreamPart | undefined {
    const at = this.calls.get(part.id)
    if (at === undefined) return part
    const rest = this.add(at, part.arguments)
    return rest === "" ? undefined : { ...part, id: this.idAt(at), arguments: rest }
  }

  private end(part: ToolCallEnd): StreamPart | undefined {
    const at = this.calls.get(part.id) ?? this.whole(part)
    const segment = this.transcript.segments[at]
    if (segment === undefined) return part
    if (segment.whole === undefined) {
      this.checkWhole(at)
      segment.whole = part.arguments
      segment.isOver = true
      return { ...part, id: segment.id }
    }
    if (segment.whole !== part.arguments) this.differs = true
    return undefined
  }

  /** A call that came without a beginning. */
  private whole({ id, name }: ToolCallEnd): number {
    this.close()
    const at = this.begin("ToolCall", id, name)
    if (this.transcript.segments[at]?.name !== name) this.differs = true
    return at
  }

  private finish(part: Finish): StreamPart {
    this.close()
    if (this.begun < this.transcript.segments.length) this.differs = true
    for (let at = 0; at < this.begun; at++) this.checkWhole(at)
    return part
  }

  // --- segments --------------------------------------------------------------

  /** Whether the last segment begun is one that no run had begun before. */
  private isNew = false

  private begin(kind: Segment["kind"], id = "", name = ""): number {
    const at = this.begun++
    this.said[at] = 0
    const { segments } = this.transcript
    this.isNew = at === segments.length
    if (this.isNew) segments.push({ kind, id, name, text: "", whole: undefined, isOver: false })
    else if (segments[at]?.kind !== kind) this.differs = true
    return at
  }

  /** The block of text or reasoning that is under way, or a new one. */
  private block(kind: "Text" | "Reasoning"): number {
    if (this.open === kind) return this.begun - 1
    this.close()
    this.open = kind
    return this.begin(kind)
  }

  private close(): void {
    if (this.open !== undefined) this.checkWhole(this.begun - 1)
    this.open = undefined
  }

  /** This run says no more of a segment: it must have said all that was given out. */
  private checkWhole(at: number): void {
    if ((this.said[at] ?? 0) < (this.transcript.segments[at]?.text.length ?? 0)) this.differs = true
  }

  /** Lays text against a segment, and says what of it is new. */
  private add(at: number, text: string): string {
    const segment = this.transcript.segments[at]
    if (segment === undefined) return text
    const said = this.said[at] ?? 0
    this.said[at] = said + text.length
    const known = segment.text.slice(said, said + text.length)
    if (!text.startsWith(known)) {
      this.differs = true
      return ""
    }
    const rest = known === "" ? text : text.slice(known.length)
    if (rest === "") return ""
    const isLast = segment.kind === "ToolCall" || at === this.transcript.segments.length - 1
    if (segment.isOver || !isLast) this.differs = true
    segment.text += rest
    return rest
  }

  private idAt(at: number): string {
    return this.transcript.segments[at]?.id ?? ""
  }
}
