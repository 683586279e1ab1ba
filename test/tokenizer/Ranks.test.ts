import { describe, expect, it } from "@effect/vitest"
import { absent, Ranks } from "../../src/tokenizer/Ranks.js"
import * as Utf8 from "../../src/tokenizer/Utf8.js"

// Lines of js-tiktoken: "a" to "c" from 0 on, "ab" and "abc" from 7 on.
const ranks = new Ranks("! 0 YQ== Yg== Yw==\n! 7 YWI= YWJj\n")
const abc = Utf8.encode("xabc")

describe("Ranks", () => {
  it("reads lines that begin with the id of their first token", () => {
    expect([0, 1, 2, 7, 8].map((id) => Utf8.decode(ranks.bytesOf(id) ?? new Uint8Array()))).toEqual([
      "a",
      "b",
      "c",
      "ab",
      "abc"
    ])
    expect(ranks.longest).toBe(3)
  })

  it("finds tokens by their bytes", () => {
    expect(ranks.find(abc, 1, 2)).toBe(0)
    expect(ranks.find(abc, 1, 3)).toBe(7)
    expect(ranks.find(abc, 1, 4)).toBe(8)
  })

  it("finds nothing where there is no token", () => {
    expect([ranks.find(abc, 0, 1), ranks.find(abc, 2, 4), ranks.find(abc, 0, 3), ranks.find(abc, 0, 4)]).toEqual([
      absent,
      absent,
      absent,
      absent
    ])
    expect([3, 6, 9, -1, 0.5].map((id) => ranks.bytesOf(id))).toEqual(Array.from({ length: 5 }))
  })
})
