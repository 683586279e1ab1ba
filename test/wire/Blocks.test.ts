import { describe, expect, it } from "@effect/vitest"
import { Blocks } from "../../src/wire/Blocks.js"

describe("a block", () => {
  it("is given out once, in pieces or whole", () => {
    const blocks = new Blocks()
    expect([blocks.piece("text", 0, 0), blocks.piece("text", 0, 0), blocks.whole("text", 0, 0)]).toEqual([
      true,
      true,
      false
    ])
    expect([blocks.whole("text", 1, 0), blocks.whole("text", 1, 0), blocks.piece("text", 1, 0)]).toEqual([
      true,
      false,
      false
    ])
  })

  it("is another one in another part, another item, or of another kind", () => {
    const blocks = new Blocks()
    blocks.piece("text", 0, 0)
    expect([blocks.whole("text", 0, 1), blocks.whole("text", 1, 0), blocks.whole("call", 0)]).toEqual([
      true,
      true,
      true
    ])
  })

  it("that does not say its item is the next whole one of its kind", () => {
    const blocks = new Blocks()
    blocks.piece("text", undefined)
    expect([blocks.whole("text", 0, 0), blocks.whole("text", 1, 0)]).toEqual([false, true])
  })

  it("that never said its item is not said again at the end", () => {
    const blocks = new Blocks()
    expect(blocks.whole("text", undefined)).toBe(true)
    expect(blocks.whole("text", 0, 0, true)).toBe(false)
  })

  it("that does not say its part stands for all parts of its item", () => {
    const blocks = new Blocks()
    blocks.piece("text", 0)
    expect(blocks.whole("text", 0, 3)).toBe(false)
  })
})

describe("the place of an item", () => {
  it("is its index, by which its ids are known", () => {
    const blocks = new Blocks()
    expect(blocks.place(3, "a", "b")).toBe(3)
    expect([blocks.known("b"), blocks.known("c"), blocks.place(undefined, "a")]).toEqual([3, undefined, 3])
  })

  it("is its own where only an id tells it, and none where nothing does", () => {
    const blocks = new Blocks()
    const [a, b] = [blocks.place(undefined, "a"), blocks.place(undefined, "b")]
    expect(a).not.toBe(b)
    expect(blocks.place("0", "a")).toBe(a)
    expect(blocks.place(undefined, undefined, "", 7)).toBeUndefined()
  })

  it("is not told by an id that two items have", () => {
    const blocks = new Blocks()
    blocks.place(0, "same")
    blocks.place(1, "same")
    expect(blocks.known("same")).toBeUndefined()
  })
})
