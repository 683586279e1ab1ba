/**
 * Puts tool calls together from the pieces that providers send: whole or in parts, with or without index, id and name.
 * The state of one answer; a call is whole only when the answer is (arguments that happen to be valid JSON may go on).
 */
import type { ToolCallPart } from "../Prompt.js"
import type { StreamPart } from "../StreamPart.js"
import * as ErrorBody from "./ErrorBody.js"

/** One piece of one call, as it came; any of it may be missing, empty or of another type. */
export interface Piece {
  readonly index?: unknown
  readonly id?: unknown
  readonly name?: unknown
  readonly arguments?: unknown
}

interface Call {
  id: string
  /** The provider has sent none. */
  madeId: boolean
  name: string
  arguments: string
  started: boolean
}

/** The id of a call whose provider sent none. */
const makeId = (answerId: string, place: number): string => `call_${answerId}_${place}`

/** Whether an id may be one that was made here: no provider gave it, and none needs it back. */
export const isMadeId = (id: string): boolean => /^call_.*_\d+$/s.test(id)

const filled = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

/** Most send text; some send the object itself, or null. */
const argumentsText = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined || value === null ? "" : ErrorBody.print(value)

/** A tool without parameters is called with nothing, `null` or `{}`. */
const wholeArguments = (text: string): string => {
  const trimmed = text.trim()
  return trimmed === "" || trimmed === "null" ? "{}" : text
}

/** Another id under the same index is another call, and so is another name, or any name where nothing else tells. */
const isAnother = (
  open: Call,
  id: string | undefined,
  name: string | undefined,
  index: number | undefined
): boolean => {
  if (id !== undefined && id !== open.id && !open.madeId) return true
  if (name === undefined || open.name === "") return false
  return name !== open.name || (id === undefined && index === undefined)
}

export class ToolCallAssembly {
  private readonly calls: Array<Call> = []
  /** The open call of an index. A Map: an index may be anything. */
  private readonly byIndex = new Map<number, Call>()

  get isEmpty(): boolean {
    return this.calls.length === 0
  }

  /** Whether a call has begun under this index. */
  has(index: unknown): boolean {
    return typeof index === "number" && this.byIndex.has(index)
  }

  /** Takes one piece; what can be told of its call goes to `out`. `answerId` makes ids where the provider sends none. */
  add(piece: Piece, answerId: string, out: Array<StreamPart>): void {
    const call = this.find(piece, answerId)
    const text = argumentsText(piece.arguments)
    if (call.name === "") call.name = filled(piece.name) ?? ""
    call.arguments += text
    this.adopt(filled(piece.id), call)
    if (call.name === "") return
    // What came before the name is given out with it.
    const news = call.started ? text : call.arguments
    if (!call.started) {
      call.started = true
      out.push({ _tag: "ToolCallStart", id: call.id, name: call.name })
    }
    if (news !== "") out.push({ _tag: "ToolCallDelta", id: call.id, arguments: news })
  }

  /** The whole calls, in the order in which they began; `undefined` when one of them never got a name. */
  whole(): ReadonlyArray<ToolCallPart> | undefined {
    if (this.calls.some((call) => call.name === "")) return undefined
    return this.calls.map((call) => ({
      _tag: "ToolCall",
      id: call.id,
      name: call.name,
      arguments: wholeArguments(call.arguments)
    }))
  }

  /** The provider's own id, where it comes late, but before anything of the call was given out. */
  private adopt(id: string | undefined, call: Call): void {
    if (id === undefined || !call.madeId || call.started || this.calls.some((other) => other.id === id)) return
    call.id = id
    call.madeId = false
  }

  private find(piece: Piece, answerId: string): Call {
    const id = filled(piece.id)
    const name = filled(piece.name)
    const index = typeof piece.index === "number" ? piece.index : undefined
    const sameId = id === undefined ? undefined : this.calls.find((call) => call.id === id)
    const open = index !== undefined ? this.byIndex.get(index) : id !== undefined ? sameId : this.calls.at(-1)
    if (open !== undefined && !isAnother(open, id, name, index)) return open
    // Calls that share an index and come in turns.
    if (open !== undefined && sameId !== undefined && sameId !== open) return sameId
    // An id that is taken stays with the first call: some servers give all calls of an answer the same.
    const ownId = sameId === undefined ? id : undefined
    const call: Call = {
      id: ownId ?? makeId(answerId, this.calls.length),
      madeId: ownId === undefined,
      name: "",
      arguments: "",
      started: false
    }
    this.calls.push(call)
    if (index !== undefined) this.byIndex.set(index, call)
    return call
  }
}
