import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as LineDiff from "../../../src/testing/cassette/LineDiff.js"

const lines = (text: string): ReadonlyArray<string> => text.split(" ")

describe("LineDiff.print", () => {
  const table: ReadonlyArray<readonly [name: string, before: string, after: string, expected: ReadonlyArray<string>]> =
    [
      ["a line that changed", "h a b c", "h a x c", ["  h", "  a", "- b", "+ x", "  c"]],
      ["a line too many", "h a b", "h a b c", ["  h", "  a", "  b", "+ c"]],
      ["a line too few", "h a b", "h b", ["  h", "- a", "  b"]],
      [
        "what is alike far from it left out",
        "h 1 2 3 4 5 a",
        "h 1 2 3 4 5 b",
        ["  h", "  …", "  4", "  5", "- a", "+ b"]
      ],
      [
        "two differences, and what is alike between them",
        "h a 1 2 3 4 5 6 b",
        "h x 1 2 3 4 5 6 y",
        ["  h", "- a", "+ x", "  1", "  2", "  …", "  5", "  6", "- b", "+ y"]
      ],
      ["lines that moved", "h a b", "h b a", ["  h", "- a", "  b", "+ a"]],
      ["nothing at all in common", "a", "b", ["- a", "+ b"]]
    ]
  it.each(table)("shows %s", (_name, before, after, expected) => {
    expect(LineDiff.print(lines(before), lines(after))).toEqual(expected)
  })

  it("shows no more than can be read", () => {
    const many = (mark: string) => Array.from({ length: 5000 }, (_, n) => `${mark}${n}${"…".repeat(400)}`)
    const shown = LineDiff.print(many("a"), many("b"))
    expect(shown.length).toBeLessThanOrEqual(81)
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(210)
  })

  const words = FastCheck.array(FastCheck.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 12 })
  it("tells both texts, when nothing is left out", () => {
    FastCheck.assert(
      FastCheck.property(words, words, (before, after) => {
        const shown = LineDiff.print(before, after).filter((line) => line !== "  …")
        const side = (mark: string) =>
          shown.filter((line) => [" ", mark].includes(line[0] ?? "")).map((line) => line.slice(2))
        const isPart = (part: ReadonlyArray<string>, whole: ReadonlyArray<string>) => {
          let at = 0
          for (const line of whole) if (line === part[at]) at++
          return at === part.length
        }
        expect(isPart(side("-"), before)).toBe(true)
        expect(isPart(side("+"), after)).toBe(true)
        expect(shown.filter((line) => line[0] !== " ").length).toBeGreaterThanOrEqual(
          Math.abs(before.length - after.length)
        )
        expect(shown.some((line) => line[0] !== " ")).toBe(before.join() !== after.join())
      })
    )
  })
})

describe("LineDiff.likeness", () => {
  it("is 1 for the same lines, 0 for none in common", () => {
    expect(LineDiff.likeness(lines("a b b"), lines("b a b"))).toBe(1)
    expect(LineDiff.likeness(lines("a"), lines("b"))).toBe(0)
    expect(LineDiff.likeness(lines("a b"), lines("a c"))).toBe(0.5)
  })
})
