import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as Tape from "../../../src/testing/cassette/Tape.js"

const tape = Tape.make([
  {
    request: { method: "POST", url: "https://a/b", headers: { accept: "*/*" }, body: { json: { n: 1 } } },
    response: {
      ms: 3,
      status: 200,
      headers: {},
      body: {
        chunks: [
          { ms: 4, events: [{ data: { delta: "x".repeat(200) } }] },
          { ms: 5, text: ["a", "b"] }
        ]
      },
      end: "left"
    }
  },
  { request: { method: "GET", url: "https://a/c", headers: {} }, response: { ms: 1, failure: "reset" } }
])

const file = "tapes/a.json"
const failureOf = (text: string) => Either.getOrThrow(Either.flip(Tape.parse(file, text)))

describe("a tape", () => {
  it("is printed as JSON that says the same", () => {
    expect(Tape.parse(file, Tape.print(tape))).toEqual(Either.right(tape))
  })

  it("may have been laid out by another tool, and with a byte order mark", () => {
    expect(Tape.parse(file, `\uFEFF${JSON.stringify(tape, null, "\t")}`)).toEqual(Either.right(tape))
  })

  it("has one line per chunk, however long it is, and short objects on one line", () => {
    const lines = Tape.print(tape).split("\n")
    expect(lines.filter((line) => line.includes('"ms": 4'))).toEqual([
      `            { "ms": 4, "events": [{ "data": { "delta": "${"x".repeat(200)}" } }] },`
    ])
    expect(lines).toContain('            { "ms": 5, "text": ["a", "b"] }')
    expect(lines.at(-1)).toBe("")
  })

  it("has the numbers of a vector on one line", () => {
    const vector = Array.from({ length: 100 }, (_, n) => n / 7)
    const text = Tape.print(
      Tape.make([
        {
          request: { method: "GET", url: "u", headers: {} },
          response: { ms: 0, status: 200, headers: {}, body: { ms: 0, json: { vector } } }
        }
      ])
    )
    expect(text.split("\n").filter((line) => line.includes("0.14285714285714285")).length).toBe(1)
  })
})

const changed = (from: string, to: string): string => {
  const text = Tape.print(tape)
  expect(text).toContain(from)
  return text.replace(from, to)
}

describe("a file that is no good tape says where and why", () => {
  const table: ReadonlyArray<
    readonly [name: string, text: () => string, reason: string, at: string | undefined, words: RegExp]
  > = [
    ["an empty file", () => "", "corrupt", "line 1, column 1", /no JSON/],
    ["a file that was cut", () => Tape.print(tape).slice(0, 60), "corrupt", "line 5, column 16", /no JSON/],
    [
      "a merge conflict",
      () => changed('"cassette": 1,', '"cassette": 1,\n<<<<<<< HEAD'),
      "corrupt",
      "line 3, column 1",
      /no JSON/
    ],
    ["other JSON", () => '{"log":{"version":"1.2"}}', "corrupt", undefined, /no tape/],
    ["a list", () => "[]", "corrupt", undefined, /no tape/],
    [
      "another version",
      () => changed('"cassette": 1', '"cassette": 2'),
      "version",
      "cassette",
      /version 2, and this is for version 1/
    ],
    [
      "a status that is no number",
      () => changed('"status": 200', '"status": "200"'),
      "corrupt",
      "interactions[0].response.status",
      /number/
    ],
    [
      "a field with a wrong name",
      () => changed('"method": "GET"', '"verb": "GET"'),
      "corrupt",
      "interactions[1].request.verb",
      /unexpected/
    ],
    [
      "a field too many",
      () => changed('"ms": 1,', '"ms": 1, "note": 1,'),
      "corrupt",
      "interactions[1].response.note",
      /unexpected/
    ],
    [
      "a time before the request",
      () => changed('"ms": 4', '"ms": -4'),
      "corrupt",
      "interactions[0].response.body.chunks[0].ms",
      /non-negative/
    ],
    [
      "bytes that are no base64",
      () => changed('"text": ["a", "b"]', '"base64": "%"'),
      "corrupt",
      "interactions[0].response.body.chunks[1].base64",
      /no base64/
    ],
    [
      "a field too many in one of several kinds",
      () => changed('"text": ["a", "b"]', '"text": ["a", "b"], "note": 1'),
      "corrupt",
      "interactions[0].response.body.chunks[1].note",
      /unexpected/
    ],
    [
      "a chunk of no kind",
      () => changed('"text": ["a", "b"]', '"txt": "a"'),
      "corrupt",
      "interactions[0].response.body.chunks[1].txt",
      /unexpected/
    ]
  ]
  it.each(table)("%s", (_name, text, reason, at, words) => {
    const error = failureOf(text())
    expect(error).toMatchObject({ _tag: "CassetteError", file, reason, at })
    expect(error.message).toMatch(words)
    expect(error.message).toContain(file)
    expect(error.message).toContain("CASSETTE_MODE=record")
  })
})
