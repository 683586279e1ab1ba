import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Either, Exit, FastCheck as fc, Stream } from "effect"
import { afterEach, vi } from "vitest"
import { Sse } from "../src/index.js"

const utf8 = new TextEncoder()

const joined = (reads: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(reads.reduce((sum, read) => sum + read.length, 0))
  let at = 0
  for (const read of reads) {
    whole.set(read, at)
    at += read.length
  }
  return whole
}

/** The event-stream format as the WHATWG text has it, over the whole text at once; the last event needs no blank line. */
const reference = (bytes: Uint8Array): ReadonlyArray<Sse.Event> => {
  const events: Array<Sse.Event> = []
  let data: Array<string> = []
  let event = ""
  let id: string | undefined = undefined
  const dispatch = (): void => {
    if (data.length > 0) events.push({ event: event === "" ? "message" : event, data: data.join("\n"), id })
    data = []
    event = ""
  }
  for (const line of new TextDecoder().decode(bytes).split(/\r\n|\n|\r/)) {
    if (line === "") dispatch()
    else {
      const [, field, value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? []
      if (field === "data") data.push(value)
      if (field === "event") event = value
      if (field === "id" && !value.includes("\0")) id = value
    }
  }
  dispatch()
  return events
}

const decodeReads = (reads: ReadonlyArray<Uint8Array>): ReadonlyArray<Sse.Event> => {
  const decoder = new Sse.Decoder()
  return [...reads.flatMap((read) => decoder.push([read])), ...decoder.end()]
}

const decodeText = (text: string): ReadonlyArray<Sse.Event> => decodeReads([utf8.encode(text)])

const cutAt = (bytes: Uint8Array, ...offsets: ReadonlyArray<number>): ReadonlyArray<Uint8Array> =>
  [...offsets, bytes.length].map((offset, place) => bytes.subarray(offsets[place - 1] ?? 0, offset))

const cutBySize = (bytes: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const reads: Array<Uint8Array> = []
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    reads.push(bytes.subarray(at, at + size))
    at += size
  }
  return reads
}

const message = (data: string): Sse.Event => ({ event: "message", data, id: undefined })

describe("the format", () => {
  it.each<readonly [string, string, ReadonlyArray<Sse.Event>]>([
    ["an event ends at a blank line", "data: a\n\ndata: b\n\n", [message("a"), message("b")]],
    [
      "one space behind the colon is no part of the data",
      "data:a\n\ndata: a\n\ndata:  a\n\n",
      [message("a"), message("a"), message(" a")]
    ],
    ["several data lines are joined by a line feed", "data: a\ndata: b\ndata:\n\n", [message("a\nb\n")]],
    ["empty data is data", "data:\n\ndata\n\ndata: \n\n", [message(""), message(""), message("")]],
    ["blank lines alone are nothing", "\n\n\n", []],
    ["a comment is nothing", ": ping\n\n:\n\ndata: a\n: ping\ndata: b\n\n", [message("a\nb")]],
    [
      "an event has the name that the server gave it, for this once",
      "event: error\ndata: a\n\ndata: b\n\n",
      [{ event: "error", data: "a", id: undefined }, message("b")]
    ],
    ["an event without data is none, and its name is forgotten", "event: error\n\ndata: b\n\n", [message("b")]],
    ["the last name counts", "event: a\nevent: b\ndata: x\n\n", [{ event: "b", data: "x", id: undefined }]],
    [
      "an id lasts until there is another",
      "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
      [
        { event: "message", data: "a", id: "1" },
        { event: "message", data: "b", id: "1" },
        { event: "message", data: "c", id: "" }
      ]
    ],
    ["an id with a NUL is none", "id: 1\nid: a\0b\ndata: a\n\n", [{ event: "message", data: "a", id: "1" }]],
    ["a retry field loses no events", "retry: 10\ndata: a\n\nretry: x\n\ndata: b\n\n", [message("a"), message("b")]],
    ["other fields are nothing", "foo: 1\ndata: a\nDATA: b\ndatas: c\n data: d\n\n", [message("a")]],
    ["a colon may be part of the data", 'data: {"a":1}\n\n', [message('{"a":1}')]],
    ["a byte order mark may come first", "\uFEFFdata: a\n\n", [message("a")]],
    ["a byte order mark elsewhere is text", "data: \uFEFFa\n\n\uFEFFdata: b\n\n", [message("\uFEFFa")]],
    ["only one byte order mark is stripped", "\uFEFF\uFEFFdata: a\n\ndata: b\n\n", [message("b")]],
    ["U+2028, U+2029 and U+0085 end no line", "data: a\u2028b\u2029c\u0085d\n\n", [message("a\u2028b\u2029c\u0085d")]],
    ["the last event may lack its blank line", "data: a\n\ndata: b\n", [message("a"), message("b")]],
    ["the last line may lack its ending", "data: a\n\ndata: b", [message("a"), message("b")]],
    ["a last name without data is nothing", "data: a\n\nevent: end\n", [message("a")]],
    ["nothing is nothing", "", []]
  ])("%s", (_, text, events) => {
    expect(decodeText(text)).toEqual(events)
    expect(reference(utf8.encode(text))).toEqual(events)
  })

  it.each(["\n", "\r", "\r\n"])("lines may end in %j", (ending) => {
    expect(decodeText(["event: a", "data: b", "", "data: c", "", ""].join(ending))).toEqual([
      { event: "a", data: "b", id: undefined },
      message("c")
    ])
  })

  it("bytes that are no UTF-8 become replacement characters, and end no line", () => {
    const bytes = joined([utf8.encode("data: "), Uint8Array.of(0xff, 0xc3), utf8.encode("\ndata: b\n\n")])
    expect(decodeReads([bytes])).toEqual([message("\uFFFD\uFFFD\nb")])
  })
})

describe("any cut gives the same events", () => {
  const hostile = utf8.encode(
    '\uFEFF: hello\r\n\r\nevent: größe\rdata: {"a":"ü€😀"}\r\rdata:first\r\ndata: second\u2028still\n\n' +
      "id: 7\rdata\r\n\r\nretry: 3\n\n\r\n\r\r\ndata: 😀\rdata: 😀\r\r\nfoo\nevent:x\n:c\ndata:  two\n\ndata: [DONE]\r\n\r\ndata: é"
  )

  it("one cut, at every offset", () => {
    const whole = decodeReads([hostile])
    expect(whole).toEqual(reference(hostile))
    expect(whole.length).toBe(7)
    for (let at = 0; at <= hostile.length; at++) expect(decodeReads(cutAt(hostile, at))).toEqual(whole)
  })

  it("two cuts, at every pair of offsets", () => {
    const bytes = utf8.encode("\uFEFFevent: ü\r\ndata: 😀\r\rdata:b\n\r\ndata: c\r\n\n")
    const whole = reference(bytes)
    expect(whole.length).toBe(3)
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        expect(decodeReads(cutAt(bytes, first, second))).toEqual(whole)
      }
    }
  })

  it.each([1, 2, 3, 5, 7, 16, 64])("reads of %d bytes", (size) => {
    expect(decodeReads(cutBySize(hostile, [size]))).toEqual(reference(hostile))
  })

  const endings = ["\n", "\r", "\r\n"] as const
  const mixes = endings.flatMap((a) =>
    endings.flatMap((b) => endings.flatMap((c) => endings.map((d) => [a, b, c, d] as const)))
  )

  it.each(mixes)("with the line endings %j, %j, %j and %j, at every offset", (a, b, c, d) => {
    const bytes = utf8.encode(`event: e${a}data: ü${b}${c}data: [DONE]${d}${a}`)
    const whole = reference(bytes)
    for (let at = 0; at <= bytes.length; at++) expect(decodeReads(cutAt(bytes, at))).toEqual(whole)
  })

  it("several reads at once are as good as one after another", () => {
    const decoder = new Sse.Decoder()
    const reads = cutBySize(hostile, [3])
    expect([...decoder.push(reads), ...decoder.end()]).toEqual(reference(hostile))
  })

  const ending = fc.constantFrom(...endings)
  const value = fc.oneof(
    fc.fullUnicodeString({ maxLength: 12 }),
    fc.constantFrom("", " ", "  x", '{"a":1}', "[DONE]", "\u2028", "\uFEFF", "ü€😀", "a\0b", "a: b")
  )
  const line = fc.oneof(
    { weight: 5, arbitrary: value.map((text) => `data: ${text}`) },
    { weight: 2, arbitrary: value.map((text) => `data:${text}`) },
    { weight: 4, arbitrary: fc.constant("") },
    value.map((text) => `event: ${text}`),
    value.map((text) => `id: ${text}`),
    value.map((text) => `:${text}`),
    value,
    fc.constantFrom("data", "event", "id", "retry: 1", "retry", "datum: x")
  )
  const eventStream = fc
    .tuple(
      fc.boolean(),
      fc.array(
        fc.tuple(line, ending).map((both) => both.join("")),
        { maxLength: 30 }
      ),
      fc.oneof(line, fc.constant(""))
    )
    .map(([mark, lines, last]) => utf8.encode((mark ? "\uFEFF" : "") + lines.join("") + last))
  const sizes = fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 6 })
    .filter((all) => all.some((size) => size > 0))

  it("any event stream, at random cuts", () => {
    fc.assert(
      fc.property(eventStream, sizes, (bytes, cut) => {
        const expected = reference(bytes)
        expect(decodeReads([bytes])).toEqual(expected)
        expect(decodeReads(cutBySize(bytes, cut))).toEqual(expected)
      }),
      { numRuns: 500 }
    )
  })

  const byte = fc.oneof(
    fc.constantFrom(10, 13, 58, 32, 0, 0xef, 0xbb, 0xbf, 0xc3, 0xbc, 0xe2, 0x80, 0xa8, 0xf0, 0x9f),
    fc.integer({ min: 0, max: 255 })
  )
  const rubbish = fc
    .array(
      fc.oneof(
        byte.map((one) => Uint8Array.of(one)),
        fc.constant(utf8.encode("data:")),
        fc.constant(utf8.encode("\n\n"))
      )
    )
    .map(joined)

  it("any bytes at all, at random cuts", () => {
    fc.assert(
      fc.property(rubbish, sizes, (bytes, cut) => {
        const expected = reference(bytes)
        expect(decodeReads([bytes])).toEqual(expected)
        expect(decodeReads(cutBySize(bytes, cut))).toEqual(expected)
      }),
      { numRuns: 500 }
    )
  })

  it("the stream gives what the decoder gives", () => {
    fc.assert(
      fc.property(eventStream, sizes, (bytes, cut) => {
        const events = Effect.runSync(Stream.runCollect(Sse.decode(Stream.fromIterable(cutBySize(bytes, cut)))))
        expect(Chunk.toReadonlyArray(events)).toEqual(reference(bytes))
      })
    )
  })
})

describe("an event comes as soon as it is whole", () => {
  it("with the read that ends it", () => {
    const decoder = new Sse.Decoder()
    expect(decoder.push([utf8.encode("data: a\n")])).toEqual([])
    expect(decoder.push([utf8.encode("\ndata: b")])).toEqual([message("a")])
    expect(decoder.push([utf8.encode("\n\n")])).toEqual([message("b")])
    expect(decoder.end()).toEqual([])
  })

  it("with the CR that ends it, without waiting for an LF", () => {
    const decoder = new Sse.Decoder()
    expect(decoder.push([utf8.encode("data: a\r\r")])).toEqual([message("a")])
    expect(decoder.push([utf8.encode("\ndata: b\r\n\r")])).toEqual([message("b")])
    expect(decoder.push([utf8.encode("\n")])).toEqual([])
    expect(decoder.end()).toEqual([])
  })

  it.effect("all events of one read come as one Chunk", () =>
    Effect.gen(function* () {
      const reads = ["data: 1\n\ndata: 2\n\ndata: 3\n\nda", "ta: 4", "\n\ndata: 5\n\n", "data: 6"].map((text) =>
        utf8.encode(text)
      )
      const chunks = yield* Sse.decode(Stream.fromIterable(reads).pipe(Stream.rechunk(1))).pipe(
        Stream.chunks,
        Stream.map((chunk) => Chunk.toReadonlyArray(chunk).map((event) => event.data)),
        Stream.filter((chunk) => chunk.length > 0),
        Stream.runCollect
      )
      expect(Chunk.toReadonlyArray(chunks)).toEqual([["1", "2", "3"], ["4", "5"], ["6"]])
    })
  )

  it.effect("reads that came together are one Chunk too", () =>
    Effect.gen(function* () {
      const together = Chunk.make(utf8.encode("data: 1\n\nda"), utf8.encode("ta: 2\n\n"))
      const chunks = yield* Sse.decode(Stream.fromChunk(together)).pipe(
        Stream.chunks,
        Stream.filter(Chunk.isNonEmpty),
        Stream.runCollect
      )
      expect(chunks.length).toBe(1)
    })
  )

  it.effect("a failure of the source comes behind the events that came before it", () =>
    Effect.gen(function* () {
      const source = Stream.concat(Stream.make(utf8.encode("data: 1\n\ndata: 2")), Stream.fail("reset" as const))
      const seen: Array<string> = []
      const exit = yield* Sse.decode(source).pipe(
        Stream.runForEach((event) => Effect.sync(() => seen.push(event.data))),
        Effect.exit
      )
      expect(exit).toEqual(Exit.fail("reset"))
      expect(seen).toEqual(["1"])
    })
  )

  it.effect("a stream can be run twice", () =>
    Effect.gen(function* () {
      const stream = Sse.decode(Stream.make(utf8.encode("data: 1\n\nid: 3\ndata: 2")))
      const first = yield* Stream.runCollect(stream)
      expect(yield* Stream.runCollect(stream)).toEqual(first)
    })
  )
})

describe("what is no part of the format", () => {
  const foreignOf = (...texts: ReadonlyArray<string>): string => {
    const decoder = new Sse.Decoder()
    decoder.push(texts.map((text) => utf8.encode(text)))
    decoder.end()
    return decoder.foreign
  }

  it("a JSON error in place of events, or behind them, is kept", () => {
    const error = '{"error":{"code":503,"message":"overloaded"}}'
    expect(JSON.parse(foreignOf(error))).toEqual(JSON.parse(error))
    expect(JSON.parse(foreignOf(`data: {}\n\n${error.slice(0, 10)}`, `${error.slice(10)}\n`))).toEqual(
      JSON.parse(error)
    )
    expect(JSON.parse(foreignOf(JSON.stringify(JSON.parse(error), null, 2)))).toEqual(JSON.parse(error))
  })

  it("events, comments and retry fields are no such text", () => {
    expect(foreignOf(": ping\r\nretry: 3\r\nevent: x\r\nid: 1\r\ndata: y\r\n\r\n")).toBe("")
  })

  it("at most 16 KiB of it are kept", () => {
    expect(foreignOf("x".repeat(100_000)).length).toBeLessThanOrEqual(16 * 1024)
    expect(foreignOf("x".repeat(16_000) + "\n", "y".repeat(16_000) + "\n").length).toBeLessThanOrEqual(16 * 1024)
    expect(foreignOf("<p>hello</p>\n".repeat(100_000)).length).toBeLessThanOrEqual(16 * 1024)
  })
})

describe("an event beyond the bound", () => {
  const failure = (reads: ReadonlyArray<Uint8Array>, maxEventBytes: number) =>
    Sse.decode(Stream.fromIterable(reads), { maxEventBytes }).pipe(Stream.runCollect, Effect.either)

  it.effect.each<readonly [string, ReadonlyArray<string>]>([
    ["one line, in one read", [`data: ${"x".repeat(2000)}\n\n`]],
    ["one line, in many reads", Array.from({ length: 200 }, () => "0123456789")],
    ["many lines", [`${"data: 0123456789\n".repeat(200)}\n`]],
    ["many lines, a read each", Array.from({ length: 200 }, () => "data: 0123456789\n")],
    ["text that never ends a line", ["x".repeat(5000)]]
  ])("fails: %s", ([, texts]) =>
    Effect.gen(function* () {
      const result = yield* failure(
        texts.map((text) => utf8.encode(text)),
        1000
      )
      expect(Either.isLeft(result) && result.left).toBeInstanceOf(Sse.EventTooLarge)
      expect(Either.isLeft(result) && result.left.maxEventBytes).toBe(1000)
      expect(Either.isLeft(result) && result.left.message).toContain("1000 bytes")
    })
  )

  it.effect("many events of less than the bound are no harm", () =>
    Effect.gen(function* () {
      const text = `data: ${"x".repeat(900)}\n\n`.repeat(50)
      for (const size of [7, 500, 100_000]) {
        const result = yield* failure(cutBySize(utf8.encode(text), [size]), 1000)
        expect(Either.isRight(result) && result.right.length).toBe(50)
      }
    })
  )

  it("a decoder of one's own throws it", () => {
    const decoder = new Sse.Decoder({ maxEventBytes: 10 })
    expect(() => decoder.push([utf8.encode("data: 0123456789012345")])).toThrow(Sse.EventTooLarge)
  })

  it("events of megabytes are in order, unless a bound is set", () => {
    const data = "x".repeat(8 * 1024 * 1024)
    expect(decodeText(`data: ${data}\n\n`)[0]?.data.length).toBe(data.length)
  })
})

describe("the work is linear in the bytes, however they are cut", () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  /** The bytes that were decoded and that were copied, and how often the decoder went about it. */
  const workOf = (
    reads: ReadonlyArray<Uint8Array>
  ): { readonly decoded: number; readonly copied: number; readonly decodes: number; readonly events: number } => {
    const decode = vi.spyOn(TextDecoder.prototype, "decode")
    const set = vi.spyOn(Uint8Array.prototype, "set")
    const events = decodeReads(reads).length
    const sizeOf = (bytes: unknown): number => (bytes instanceof Uint8Array ? bytes.length : 0)
    const work = {
      decoded: decode.mock.calls.reduce((sum, [bytes]) => sum + sizeOf(bytes), 0),
      copied: set.mock.calls.reduce((sum, [bytes]) => sum + sizeOf(bytes), 0),
      decodes: decode.mock.calls.length,
      events
    }
    vi.restoreAllMocks()
    return work
  }

  it.each([1, 2])("an event of %d MB in reads of 10 bytes is copied once and decoded once", (megabytes) => {
    const bytes = utf8.encode(`data: ${"x".repeat(megabytes * 1024 * 1024)}\n\n`)
    const work = workOf(cutBySize(bytes, [10]))
    expect(work.events).toBe(1)
    expect(work.decoded).toBe(bytes.length)
    expect(work.copied).toBeLessThanOrEqual(bytes.length)
    expect(work.decodes).toBeLessThanOrEqual(2)
  })

  it("a read of 64 KB full of tiny events is decoded in one go, and not copied", () => {
    const bytes = utf8.encode("data: a\n\n".repeat(7281))
    expect(workOf([bytes])).toEqual({ decoded: bytes.length, copied: 0, decodes: 1, events: 7281 })
  })

  it.each([1, 10, 1000, 16_384])("no byte is decoded or copied twice in reads of %d bytes", (size) => {
    const bytes = utf8.encode('event: delta\r\ndata: {"text":"ü€😀"}\r\n\r\n: ping\n\n'.repeat(500))
    const work = workOf(cutBySize(bytes, [size]))
    expect(work.events).toBe(500)
    expect(work.decoded).toBeLessThanOrEqual(bytes.length)
    expect(work.copied).toBeLessThanOrEqual(bytes.length)
  })

  it("lines of a long event are joined, not copied again for each line", () => {
    const lines = 50_000
    const bytes = utf8.encode(`${"data: 0123456789\n".repeat(lines)}\n`)
    const decoder = new Sse.Decoder()
    const events = cutBySize(bytes, [17]).flatMap((read) => decoder.push([read]))
    expect(events[0]?.data.length).toBe(lines * 11 - 1)
  })
})
