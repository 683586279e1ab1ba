/**
 * A value as it comes: partial values while the model writes, the decoded value at the end. Between two partial values
 * the text grows by at least what it costs to look at it, so that the work stays in proportion to the text.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type LlmError, StreamInterrupted } from "../LlmError.js"
import { Collector, type StreamPart } from "../StreamPart.js"
import type { DeepPartial } from "./DeepPartial.js"
import { LenientDecoder } from "./LenientDecoding.js"
import * as OutputAsking from "./OutputAsking.js"
import * as OutputFormat from "./OutputFormat.js"
import { wrapper } from "./OutputSchema.js"
import { PartialJson, type Snapshot } from "./PartialJson.js"

export interface Partial<A> {
  readonly _tag: "Partial"
  readonly value: DeepPartial<A>
  readonly reask: number
}

export interface Final<A> extends OutputAsking.Generated<A> {
  readonly _tag: "Final"
}

/** Looking at so many values costs nothing beside the part that brought the text. */
const cheap = 64

/** Beyond, how many characters must come for each value that is looked at. */
const charactersPerValue = 2

/** Whether nothing new can be seen. What is whole is one object, however often it is looked at. */
const isSame = (a: unknown, b: unknown): boolean => {
  if (Equal.equals(a, b)) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  const prototype: unknown = Object.getPrototypeOf(a)
  if (prototype !== Object.getPrototypeOf(b) || (prototype !== Object.prototype && prototype !== Array.prototype))
    return false
  const entries = Object.entries(a)
  return (
    entries.length === Object.keys(b).length &&
    entries.every(([key, value]) => Object.hasOwn(b, key) && isSame(value, Reflect.get(b, key)))
  )
}

/** One answer as it comes. Owned by one run of one stream. */
class Reader<A, I, R> {
  private readonly collector = new Collector()
  private readonly parser: PartialJson
  private readonly decoder: LenientDecoder<A>
  private readonly tool: string
  private call: string | undefined
  private seenVersion = 0
  /** How many characters came since the value was looked at. */
  private unseen = 0
  private last: DeepPartial<A> | undefined
  text = ""

  constructor(
    private readonly question: OutputAsking.Question<A, I, R>,
    private readonly turn: OutputAsking.Turn
  ) {
    this.parser = new PartialJson(turn.mode === "instructions")
    this.decoder = new LenientDecoder<A>(question.schema.ast)
    this.tool = OutputFormat.toolName(question.format, turn.request)
  }

  /** The whole answer, once its end has come. */
  get completion(): ReturnType<Collector["completion"]> {
    return this.collector.completion()
  }

  push(parts: Chunk.Chunk<StreamPart>): Chunk.Chunk<Partial<A>> {
    const out: Array<Partial<A>> = []
    for (const part of parts) {
      this.collector.push(part)
      const text = this.written(part)
      if (text === "") continue
      this.parser.push(text)
      this.unseen += text.length
      const { cost, version } = this.parser
      if (version === this.seenVersion || (cost > cheap && cost * charactersPerValue > this.unseen)) continue
      this.seenVersion = version
      this.unseen = 0
      const value = this.look()
      if (Option.isNone(value) || isSame(value.value, this.last)) continue
      this.last = value.value
      out.push({ _tag: "Partial", value: value.value, reask: this.turn.reask })
    }
    return Chunk.unsafeFromArray(out)
  }

  /** The part's share of the text that the value stands in. */
  private written(part: StreamPart): string {
    if (part._tag === "TextDelta") {
      this.text += part.text
      return this.turn.mode === "tool" ? "" : part.text
    }
    if (this.turn.mode !== "tool") return ""
    if (part._tag === "ToolCallStart" && part.name === this.tool) this.call ??= part.id
    return part._tag === "ToolCallDelta" && part.id === this.call ? part.arguments : ""
  }

  private look(): Option.Option<DeepPartial<A>> {
    const snapshot = this.parser.snapshot()
    if (snapshot === undefined) return Option.none()
    const isWrapped = this.question.format.isWrapped && this.turn.mode !== "instructions"
    return Option.flatMap(isWrapped ? unwrap(snapshot) : Option.some(snapshot), (inner) => this.decoder.decode(inner))
  }
}

const unwrap = ({ isOpen, open, value }: Snapshot): Option.Option<Snapshot> => {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, wrapper)) return Option.none()
  const inner: unknown = Reflect.get(value, wrapper)
  const leads = isOpen && open[0] === wrapper
  return Option.some({ value: inner, open: leads ? open.slice(1) : [], isOpen: leads })
}

/** Asks until there is a value, and gives out what there is of each answer. */
export const stream = <A, I, R>(
  question: OutputAsking.Question<A, I, R>,
  turn: OutputAsking.Turn
): Stream.Stream<Partial<A> | Final<A>, LlmError, R> =>
  Stream.suspend(() => {
    const reader = new Reader(question, turn)
    let isOver = false
    const partials = question.client.stream(OutputAsking.asked(question, turn)).pipe(
      Stream.mapChunks((parts) => reader.push(parts)),
      Stream.catchAll((error): Stream.Stream<Partial<A> | Final<A>, LlmError, R> => {
        isOver = true
        const next = OutputAsking.otherwise(turn, error)
        return next === undefined ? Stream.fail(OutputAsking.withEarlier(turn, error)) : stream(question, next)
      })
    )
    const end = Stream.suspend(() => (isOver ? Stream.empty : Stream.unwrap(conclude(question, turn, reader))))
    return Stream.concat(partials, end)
  })

const conclude = <A, I, R>(
  question: OutputAsking.Question<A, I, R>,
  turn: OutputAsking.Turn,
  { completion, text }: Reader<A, I, R>
): Effect.Effect<Stream.Stream<Partial<A> | Final<A>, LlmError, R>, LlmError, R> => {
  if (completion === undefined) {
    const { model, provider } = question.client
    const message = "the stream ended without its Finish part"
    return Effect.fail(OutputAsking.withEarlier(turn, new StreamInterrupted({ provider, model, message, text })))
  }
  return Effect.map(OutputAsking.conclude(question, turn, completion), (next) =>
    OutputAsking.isTurn(next) ? stream(question, next) : Stream.succeed<Final<A>>({ _tag: "Final", ...next })
  )
}
