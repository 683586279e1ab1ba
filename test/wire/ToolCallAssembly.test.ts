import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import type { StreamPart } from "../../src/index.js"
import { isMadeId, type Piece, ToolCallAssembly } from "../../src/wire/ToolCallAssembly.js"

const assemble = (
  ...pieces: ReadonlyArray<Piece>
): {
  readonly calls: ReadonlyArray<ReadonlyArray<string>> | undefined
  readonly out: ReadonlyArray<StreamPart.StreamPart>
} => {
  const assembly = new ToolCallAssembly()
  const out: Array<StreamPart.StreamPart> = []
  for (const piece of pieces) assembly.add(piece, "r1", out)
  return { out, calls: assembly.whole()?.map((call) => [call.id, call.name, call.arguments]) }
}

describe("the pieces of tool calls", () => {
  it.each<[string, ReadonlyArray<Piece>, ReadonlyArray<ReadonlyArray<string>>]>([
    [
      "a beginning and then arguments",
      [
        { index: 0, id: "a", name: "f", arguments: "" },
        { index: 0, arguments: '{"x"' },
        { index: 0, arguments: ":1}" }
      ],
      [["a", "f", '{"x":1}']]
    ],
    ["a whole call at once", [{ index: 0, id: "a", name: "f", arguments: '{"x":1}' }], [["a", "f", '{"x":1}']]],
    [
      "an empty id behind the first",
      [
        { index: 0, id: "a", name: "f", arguments: "{" },
        { index: 0, id: "", arguments: "}" }
      ],
      [["a", "f", "{}"]]
    ],
    [
      "an empty name behind the first",
      [
        { index: 0, id: "a", name: "f", arguments: "{" },
        { index: 0, name: "", arguments: "}" }
      ],
      [["a", "f", "{}"]]
    ],
    [
      "null for what does not change",
      [
        { index: 0, id: "a", name: "f", arguments: "{" },
        { index: 0, id: null, name: null, arguments: "}" }
      ],
      [["a", "f", "{}"]]
    ],
    [
      "id and name on every piece",
      [
        { index: 0, id: "a", name: "f", arguments: "{" },
        { index: 0, id: "a", name: "f", arguments: "}" }
      ],
      [["a", "f", "{}"]]
    ],
    [
      "no index, with ids",
      [
        { id: "a", name: "f", arguments: "{}" },
        { id: "b", name: "g", arguments: "{}" }
      ],
      [
        ["a", "f", "{}"],
        ["b", "g", "{}"]
      ]
    ],
    ["no index, in pieces", [{ id: "a", name: "f", arguments: "{" }, { arguments: "}" }], [["a", "f", "{}"]]],
    [
      "no index, in turns by id",
      [
        { id: "a", name: "f", arguments: "{" },
        { id: "b", name: "g", arguments: "{" },
        { id: "a", arguments: "}" },
        { id: "b", arguments: "}" }
      ],
      [
        ["a", "f", "{}"],
        ["b", "g", "{}"]
      ]
    ],
    [
      "no index and no id, whole calls",
      [
        { name: "f", arguments: '{"x":1}' },
        { name: "f", arguments: '{"x":2}' }
      ],
      [
        ["call_r1_0", "f", '{"x":1}'],
        ["call_r1_1", "f", '{"x":2}']
      ]
    ],
    [
      "an index that starts at 1",
      [
        { index: 1, id: "a", name: "f", arguments: "{" },
        { index: 1, arguments: "}" }
      ],
      [["a", "f", "{}"]]
    ],
    [
      "indexes in turns",
      [
        { index: 0, id: "a", name: "f", arguments: "{" },
        { index: 1, id: "b", name: "g", arguments: "{" },
        { index: 0, arguments: "}" },
        { index: 1, arguments: "}" }
      ],
      [
        ["a", "f", "{}"],
        ["b", "g", "{}"]
      ]
    ],
    [
      "an index that a new id uses again",
      [
        { index: 0, id: "a", name: "f", arguments: "{}" },
        { index: 0, id: "b", name: "f", arguments: "{" },
        { index: 0, arguments: "}" }
      ],
      [
        ["a", "f", "{}"],
        ["b", "f", "{}"]
      ]
    ],
    [
      "one index for calls in turns",
      [
        { index: 0, id: "a", name: "f", arguments: "{" },
        { index: 0, id: "b", name: "g", arguments: "{" },
        { index: 0, id: "a", arguments: "}" },
        { index: 0, id: "b", arguments: "}" }
      ],
      [
        ["a", "f", "{}"],
        ["b", "g", "{}"]
      ]
    ],
    [
      "one index and no ids, told apart by their names",
      [
        { index: 0, name: "f", arguments: "{}" },
        { index: 0, name: "g", arguments: "{}" }
      ],
      [
        ["call_r1_0", "f", "{}"],
        ["call_r1_1", "g", "{}"]
      ]
    ],
    [
      "one index, and an id only from the second on",
      [
        { index: 0, name: "f", arguments: "{}" },
        { index: 0, id: "b", name: "g", arguments: "{}" }
      ],
      [
        ["call_r1_0", "f", "{}"],
        ["b", "g", "{}"]
      ]
    ],
    [
      "one id for all",
      [
        { index: 0, id: "a", name: "f", arguments: "{}" },
        { index: 1, id: "a", name: "f", arguments: "{" },
        { index: 1, id: "a", arguments: "}" }
      ],
      [
        ["a", "f", "{}"],
        ["call_r1_1", "f", "{}"]
      ]
    ],
    [
      "one id for all, and no index",
      [
        { id: "a", name: "f", arguments: "{}" },
        { id: "a", name: "g", arguments: "{}" }
      ],
      [
        ["a", "f", "{}"],
        ["call_r1_1", "g", "{}"]
      ]
    ],
    [
      "a name that comes late",
      [
        { index: 0, id: "a", arguments: '{"x"' },
        { index: 0, arguments: ":1" },
        { index: 0, name: "f", arguments: "}" }
      ],
      [["a", "f", '{"x":1}']]
    ],
    [
      "an id that comes late: the one that was made stays",
      [
        { index: 0, name: "f", arguments: "{" },
        { index: 0, id: "a", arguments: "}" }
      ],
      [["call_r1_0", "f", "{}"]]
    ],
    [
      "an id that comes late, with the name: nothing was given out before it",
      [
        { index: 0, arguments: "{" },
        { index: 0, id: "a", name: "f", arguments: "}" }
      ],
      [["a", "f", "{}"]]
    ],
    ["no arguments", [{ index: 0, id: "a", name: "f" }], [["a", "f", "{}"]]],
    ["empty arguments", [{ index: 0, id: "a", name: "f", arguments: "" }], [["a", "f", "{}"]]],
    ["blank arguments", [{ index: 0, id: "a", name: "f", arguments: " \n" }], [["a", "f", "{}"]]],
    ["null arguments", [{ index: 0, id: "a", name: "f", arguments: null }], [["a", "f", "{}"]]],
    ["the word null for arguments", [{ index: 0, id: "a", name: "f", arguments: "null" }], [["a", "f", "{}"]]],
    ["an empty object for arguments", [{ index: 0, id: "a", name: "f", arguments: {} }], [["a", "f", "{}"]]],
    ["an object for arguments", [{ index: 0, id: "a", name: "f", arguments: { x: [1] } }], [["a", "f", '{"x":[1]}']]],
    [
      "a beginning that is whole JSON by chance",
      [
        { index: 0, id: "a", name: "f", arguments: "1" },
        { index: 0, arguments: "2" }
      ],
      [["a", "f", "12"]]
    ],
    [
      "an id of the prototype's",
      [{ index: 0, id: "__proto__", name: "constructor", arguments: "{}" }],
      [["__proto__", "constructor", "{}"]]
    ]
  ])("with %s", (_, pieces, calls) => {
    expect(assemble(...pieces).calls).toEqual(calls)
  })

  it("are given out as they come, but not before their name", () => {
    expect(
      assemble(
        { index: 0, id: "a", arguments: '{"x"' },
        { index: 0, name: "f", arguments: ":1" },
        { index: 0, arguments: "" },
        { index: 0, arguments: "}" }
      ).out
    ).toEqual([
      { _tag: "ToolCallStart", id: "a", name: "f" },
      { _tag: "ToolCallDelta", id: "a", arguments: '{"x":1' },
      { _tag: "ToolCallDelta", id: "a", arguments: "}" }
    ])
  })

  it("make no whole calls while one has no name", () => {
    expect(assemble({ index: 0, id: "a", name: "f" }, { index: 1, id: "b" }).calls).toBeUndefined()
  })

  it("tell whether there is any call", () => {
    const assembly = new ToolCallAssembly()
    expect(assembly.isEmpty).toBe(true)
    assembly.add({ index: 0 }, "", [])
    expect(assembly.isEmpty).toBe(false)
  })
})

describe("any calls", () => {
  const call = fc.record({
    name: fc.stringMatching(/^[a-z]{1,8}$/),
    text: fc.jsonValue().map((value) => JSON.stringify({ value })),
    cuts: fc.array(fc.nat(), { maxLength: 5 })
  })

  const pieced = (text: string, cuts: ReadonlyArray<number>): ReadonlyArray<string> => {
    const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length]
    return places.slice(1).map((place, n) => text.slice(places[n], place))
  }

  it("come out whole, however they are cut and interleaved, and their pieces join to their arguments", () => {
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 4 }), fc.infiniteStream(fc.nat()), (calls, choices) => {
        const queues = calls.map(({ cuts, name, text }, index) =>
          pieced(text, cuts).map((piece, n): Piece =>
            n === 0 ? { index, id: `id${index}`, name, arguments: piece } : { index, arguments: piece }
          )
        )
        const assembly = new ToolCallAssembly()
        const out: Array<StreamPart.StreamPart> = []
        // Calls begin in their order; then whichever comes next.
        for (const queue of queues) assembly.add(queue.shift() ?? {}, "r1", out)
        while (queues.some((queue) => queue.length > 0)) {
          const open = queues.filter((queue) => queue.length > 0)
          const piece = open[choices.next().value % open.length]?.shift()
          if (piece !== undefined) assembly.add(piece, "r1", out)
        }
        const expected = calls.map(({ name, text }, index) => ({
          _tag: "ToolCall",
          id: `id${index}`,
          name,
          arguments: text
        }))
        expect(assembly.whole()).toEqual(expected)
        for (const { arguments: whole, id } of expected) {
          expect(
            out.map((part) => (part._tag === "ToolCallDelta" && part.id === id ? part.arguments : "")).join("")
          ).toBe(whole)
          expect(out.filter((part) => part._tag === "ToolCallStart" && part.id === id)).toHaveLength(1)
        }
      })
    )
  })

  it("have ids of their own, whatever the pieces say", () => {
    const value = fc.oneof(fc.constantFrom("a", "b", "", null, 0, 1, -1, 1e9, "__proto__"), fc.jsonValue())
    const piece = fc.record({ index: value, id: value, name: value, arguments: value }, { requiredKeys: [] })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const { calls, out } = assemble(...pieces)
        const started = out.flatMap((part) => (part._tag === "ToolCallStart" ? [part.id] : []))
        expect(new Set(started).size).toBe(started.length)
        for (const [id] of calls ?? []) expect(started).toContain(id)
      }),
      { numRuns: 500 }
    )
  })
})

describe("the id of a tool call", () => {
  it("is known as made here where the provider sent none", () => {
    const { calls } = assemble({ name: "f", arguments: "{}" })
    expect(calls?.map(([id = ""]) => isMadeId(id))).toEqual([true])
  })

  it.each(["call_9Xk2", "toolu_01", "function-call-123", "a_1"])("%s is not", (id) => {
    expect(isMadeId(id)).toBe(false)
  })
})
