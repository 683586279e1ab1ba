import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as Bytes from "../../../src/testing/cassette/Bytes.js"
import * as Tape from "../../../src/testing/cassette/Tape.js"
import * as TapeBody from "../../../src/testing/cassette/TapeBody.js"

/** Through the text of a file and back. */
const throughFile = (reads: ReadonlyArray<TapeBody.Read>): ReadonlyArray<TapeBody.Read> => {
  const body = TapeBody.toTape(reads)
  const text = Tape.print(
    Tape.make([
      {
        request: { method: "GET", url: "http://a/", headers: {} },
        response: { ms: 0, status: 200, headers: {}, ...(body === undefined ? {} : { body }) }
      }
    ])
  )
  const response = Either.getOrThrow(Tape.parse("tape", text)).interactions[0]?.response
  return response !== undefined && "status" in response ? TapeBody.fromTape(response.body) : []
}

const plain = (reads: ReadonlyArray<TapeBody.Read>) => reads.map(({ bytes, ms }) => ({ ms, bytes: [...bytes] }))

/** Bytes cut at some places; each piece comes a millisecond after the one before. */
const cut = (bytes: Uint8Array, places: ReadonlyArray<number>): ReadonlyArray<TapeBody.Read> => {
  const borders = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return borders.slice(1).map((end, index) => ({ ms: index, bytes: bytes.slice(borders[index], end) }))
}

const places = FastCheck.array(FastCheck.nat(), { maxLength: 6 })
const json = FastCheck.json({ maxDepth: 3 })
const event = FastCheck.tuple(FastCheck.constantFrom("", "event: ping\n", "event: a: b\n", ": note\n"), json).map(
  ([head, data]) => `${head}data: ${data}\n\n`
)
const sse = FastCheck.array(FastCheck.oneof(event, FastCheck.constantFrom("data: [DONE]\n\n", "data:\r\n\r\n", "\n\n")))

const texts: Readonly<Record<string, FastCheck.Arbitrary<string>>> = {
  text: FastCheck.string({ unit: "grapheme" }),
  JSON: FastCheck.tuple(json, FastCheck.constantFrom("", "\n", " ")).map(([text, end]) => text + end),
  "JSON that is laid out": FastCheck.tuple(FastCheck.jsonValue(), FastCheck.constantFrom(0, 1, 2, 3, 4, "\t")).map(
    ([value, indent]) => JSON.stringify(value, null, indent)
  ),
  "Server-Sent Events": sse.map((events) => events.join(""))
}

describe("a body comes back from a tape with the same bytes in the same reads at the same times", () => {
  it("whatever the bytes are", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.uint8Array({ maxLength: 200 }), places, (bytes, at) => {
        const reads = cut(bytes, at)
        expect(plain(throughFile(reads))).toEqual(plain(reads))
      })
    )
  })

  it.each(Object.entries(texts))("also %s", (_name, text) => {
    FastCheck.assert(
      FastCheck.property(text, places, (whole, at) => {
        const reads = cut(new TextEncoder().encode(whole), at)
        expect(plain(throughFile(reads))).toEqual(plain(reads))
      })
    )
  })
})

const written = (...pieces: ReadonlyArray<string | Uint8Array>): Tape.Body | undefined =>
  TapeBody.toTape(pieces.map((piece, ms) => ({ ms, bytes: typeof piece === "string" ? Bytes.fromText(piece) : piece })))

describe("a body is written as what it is", () => {
  const [eAcute1 = 0, eAcute2 = 0] = new TextEncoder().encode("é")
  const table: ReadonlyArray<readonly [string, ReadonlyArray<string | Uint8Array>, unknown]> = [
    ["JSON as JSON", ['{"a":[1,"é"]}'], { ms: 0, json: { a: [1, "é"] } }],
    ["JSON with its layout", ['{\n  "a": 1\n}\n'], { ms: 0, json: { a: 1 }, indent: 2, newline: true }],
    [
      "JSON in several reads with their lengths",
      ['{"a":', "1}"],
      {
        reads: [
          { ms: 0, bytes: 5 },
          { ms: 1, bytes: 2 }
        ],
        json: { a: 1 }
      }
    ],
    ["JSON that would not come back exactly as text", ['{"a":1.0}'], { chunks: [{ ms: 0, text: '{"a":1.0}' }] }],
    ["text as its lines", ["a\nb\n"], { chunks: [{ ms: 0, text: ["a", "b", ""] }] }],
    [
      "events as events",
      ['data: {"a":1}\n\n', "event: end\ndata: [DONE]\n\n"],
      {
        chunks: [
          { ms: 0, events: [{ data: { a: 1 } }] },
          { ms: 1, events: [{ event: "end", data: "[DONE]" }] }
        ]
      }
    ],
    [
      "a torn event as text",
      ['data: {"a"', ":1}\n\n"],
      {
        chunks: [
          { ms: 0, text: 'data: {"a"' },
          { ms: 1, text: [":1}", "", ""] }
        ]
      }
    ],
    [
      "a torn character as base64",
      [Uint8Array.of(0x64, eAcute1), Uint8Array.of(eAcute2)],
      {
        chunks: [
          { ms: 0, base64: "ZMM=" },
          { ms: 1, base64: "qQ==" }
        ]
      }
    ],
    ["nothing as nothing", [], undefined]
  ]
  it.each(table)("%s", (_name, pieces, expected) => {
    expect(written(...pieces)).toEqual(expected)
  })
})

describe("a JSON body that was edited by hand", () => {
  it("comes whole, the last read with all that is left", () => {
    const reads = TapeBody.fromTape({
      reads: [
        { ms: 0, bytes: 4 },
        { ms: 9, bytes: 1 }
      ],
      json: { longer: "than before" }
    })
    expect(reads.map(({ bytes, ms }) => [ms, Bytes.toText(bytes)])).toEqual([
      [0, '{"lo'],
      [9, 'nger":"than before"}']
    ])
  })
})
