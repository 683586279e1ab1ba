import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as OpenAiEmbeddings from "../../src/wire/OpenAiEmbeddings.js"
import { origin, received } from "./ChatStream.js"

const embeddings = OpenAiEmbeddings.make(2048)

const decode = (json: unknown) => embeddings.decode(json, received)

const failure = (json: unknown) => Either.getOrThrow(Either.flip(decode(json)))

const base64 = (vector: ReadonlyArray<number>): string =>
  Buffer.from(new Float32Array(vector).buffer).toString("base64")

describe("an embeddings request", () => {
  const sent = (request: Parameters<typeof embeddings.encode>[0]): unknown =>
    JSON.parse(JSON.stringify(embeddings.encode(request, origin).body))

  it("is the model, the texts and the wish for floats", () => {
    expect(sent({ input: ["a", "b"] })).toEqual({ model: "acme-1", input: ["a", "b"], encoding_format: "float" })
  })

  it("has dimensions where they are asked for, and providerOptions last; never metadata", () => {
    expect(
      sent({
        input: ["a"],
        dimensions: 256,
        providerOptions: { encoding_format: "base64", user: "u" },
        metadata: { secret: "x" },
        cacheControl: { mode: "bypass" }
      })
    ).toEqual({ model: "acme-1", input: ["a"], dimensions: 256, encoding_format: "base64", user: "u" })
  })
})

describe("an embeddings answer", () => {
  const vectors = [
    [0.5, -0.25],
    [0.125, 1]
  ]

  it("is a vector per text, the model and the usage", () => {
    const json = {
      object: "list",
      model: "acme-embed-1",
      data: vectors.map((embedding, index) => ({ object: "embedding", index, embedding })),
      usage: { prompt_tokens: 4, total_tokens: 4 }
    }
    expect(decode(json)).toEqual(
      Either.right({ vectors, model: "acme-embed-1", usage: { inputTokens: 4, totalTokens: 4 } })
    )
  })

  it.each<[string, ReadonlyArray<unknown>]>([
    [
      "floats",
      [
        { index: 0, embedding: vectors[0] },
        { index: 1, embedding: vectors[1] }
      ]
    ],
    [
      "base64 of float32",
      [
        { index: 0, embedding: base64(vectors[0] ?? []) },
        { index: 1, embedding: base64(vectors[1] ?? []) }
      ]
    ],
    [
      "another order",
      [
        { index: 1, embedding: vectors[1] },
        { index: 0, embedding: vectors[0] }
      ]
    ],
    ["no index", [{ embedding: vectors[0] }, { embedding: vectors[1] }]],
    [
      "null for an index",
      [
        { index: null, embedding: vectors[0] },
        { index: null, embedding: vectors[1] }
      ]
    ]
  ])("is read with %s", (_, data) => {
    expect(Either.map(decode({ data }), (decoded) => decoded.vectors)).toEqual(Either.right(vectors))
  })

  it("names the model that was asked and knows no usage where it says nothing of them", () => {
    expect(decode({ data: [{ embedding: [1] }] })).toEqual(Either.right({ vectors: [[1]], model: "acme-1", usage: {} }))
  })

  it.each<[string, unknown]>([
    ["no data", { object: "list" }],
    ["an empty list", { data: [] }],
    ["a text without a vector", { data: [{ index: 0, embedding: [1] }, { index: 1 }] }],
    ["a vector of no numbers", { data: [{ index: 0, embedding: [] }] }],
    ["null for a vector", { data: [{ index: 0, embedding: null }] }],
    ["a vector of other things than numbers", { data: [{ index: 0, embedding: [1, "2"] }] }],
    ["a text that is no base64", { data: [{ index: 0, embedding: "@@@" }] }],
    ["bytes that are no whole floats", { data: [{ index: 0, embedding: "AQID" }] }],
    ["another shape", [1, 2]],
    ["null", null]
  ])("is none with %s: the error keeps it", (_, json) => {
    expect(failure(json)).toMatchObject({ _tag: "MalformedResponse", requestId: "req-1", body: JSON.stringify(json) })
  })

  it("is an error of the provider's where it holds one", () => {
    expect(failure({ error: { message: "no credit", code: "insufficient_quota" } })).toMatchObject({
      _tag: "QuotaExhausted"
    })
  })

  it("gives back every float32 from base64, and never throws", () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true }), { minLength: 1 }), (vector) => {
        expect(Either.map(decode({ data: [{ embedding: base64(vector) }] }), (decoded) => decoded.vectors)).toEqual(
          Either.right([vector])
        )
      })
    )
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (outer, inner) => {
        expect(Either.isEither(decode(outer))).toBe(true)
        expect(Either.isEither(decode({ data: inner, usage: outer }))).toBe(true)
        expect(Either.isEither(decode({ data: [{ index: outer, embedding: inner }] }))).toBe(true)
      })
    )
    expect(failure(JSON.parse("[".repeat(100_000) + "]".repeat(100_000)))._tag).toBe("MalformedResponse")
  })
})
