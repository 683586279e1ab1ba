/**
 * Which blocks of an answer have come, for the protocols that send a block in pieces and then say the whole of it, once or
 * several times more. Any of these may be missing, and so may whatever tells which block is meant. The state of one answer.
 *
 * A block is of a kind, stands in an item of the answer, and is one of the item's parts.
 */
export class Blocks {
  /** Where an item stands, by the ids that it goes by; an id that several items have tells none. */
  private readonly places = new Map<string, number | undefined>()
  private readonly given = new Set<string>()
  private readonly closed = new Set<string>()
  /** Kinds of which something came that did not say its item, and of these the ones whose whole is still to come. */
  private readonly loose = new Set<string>()
  private readonly open = new Set<string>()
  /** The block of the last piece: the next one is mostly of the same. */
  private kind = ""
  private item: number | undefined
  private part: number | undefined

  /** The place of an item that has gone by one of these ids. */
  known(...ids: ReadonlyArray<unknown>): number | undefined {
    for (const id of ids) {
      const place = typeof id === "string" ? this.places.get(id) : undefined
      if (place !== undefined) return place
    }
    return undefined
  }

  /** The place of an item: its index, or else the one that goes with an id. A new id makes one, which is no index. */
  place(index: unknown, ...ids: ReadonlyArray<unknown>): number | undefined {
    const names = ids.flatMap((id) => (typeof id === "string" && id !== "" ? [id] : []))
    const place =
      typeof index === "number"
        ? index
        : (this.known(...names) ?? (names.length === 0 ? undefined : -1 - this.places.size))
    if (place !== undefined) {
      for (const name of names) {
        const isTold = this.places.has(name) && this.places.get(name) !== place
        this.places.set(name, isTold ? undefined : place)
      }
    }
    return place
  }

  /** A piece has come. False: its block was whole already. */
  piece(kind: string, item: number | undefined, part?: number | undefined): boolean {
    if (this.kind === kind && this.item === item && this.part === part) return true
    if (item === undefined) {
      this.loose.add(kind)
      this.open.add(kind)
      return true
    }
    if (this.closed.has(key(kind, item, part))) return false
    this.note(kind, item, part)
    this.kind = kind
    this.item = item
    this.part = part
    return true
  }

  /** The whole of a block has come. False: it has been given out, in pieces or whole. `last`: the answer says all of it again. */
  whole(kind: string, item: number | undefined, part?: number | undefined, last = false): boolean {
    this.kind = ""
    if (item === undefined) {
      this.loose.add(kind)
      return !this.open.delete(kind)
    }
    const isNews = !this.has(kind, item, part) && !this.open.delete(kind) && !(last && this.loose.has(kind))
    this.note(kind, item, part)
    this.closed.add(key(kind, item, part))
    return isNews
  }

  /** Whether any of a block has been given out; without a part, any of its item. */
  has(kind: string, item: number | undefined, part?: number | undefined): boolean {
    return this.given.has(key(kind, item, part)) || this.given.has(key(kind, item, -1))
  }

  private note(kind: string, item: number, part: number | undefined): void {
    this.given.add(key(kind, item, undefined))
    this.given.add(key(kind, item, part ?? -1))
  }
}

const key = (kind: string, item: number | undefined, part: number | undefined): string =>
  part === undefined ? `${kind} ${item}` : `${kind} ${item} ${part}`
