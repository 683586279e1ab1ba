import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as GenerateContentEmbeddings from "../../src/wire/GenerateContentEmbeddings.js"
import { origin, received } from "./GenerateContentStream.js"

const { decode, encode, maxInputs } = GenerateContentEmbeddings.make(3)

describe("embeddings beside generateContent", () => {
  it("are asked for with one request per text, each of which has all settings", () => {
    const { body, warnings } = encode(
      { input: ["a", "b"], dimensions: 8, providerOptions: { taskType: "RETRIEVAL_QUERY" } },
      origin
    )
    const request = { model: "models/acme-1", outputDimensionality: 8, taskType: "RETRIEVAL_QUERY" }
    expect(body).toEqual({
      requests: [
        { ...request, content: { parts: [{ text: "a" }] } },
        { ...request, content: { parts: [{ text: "b" }] } }
      ]
    })
    expect([warnings, maxInputs]).toEqual([[], 3])
  })

  it("name the model as the provider's lists do, also when it was given that way", () => {
    expect(encode({ input: ["a"] }, { ...origin, model: "models/acme-2" }).body).toMatchObject({
      requests: [{ model: "models/acme-2" }]
    })
  })

  it("come in the order of the texts", () => {
    expect(decode({ embeddings: [{ values: [1, 2] }, { values: [3, 4] }] }, received)).toEqual(
      Either.right({
        vectors: [
          [1, 2],
          [3, 4]
        ],
        model: "acme-1",
        usage: {}
      })
    )
  })

  it("say what they cost where the provider does", () => {
    const json = { embeddings: [{ values: [1] }], usageMetadata: { promptTokenCount: 4 } }
    expect(Either.map(decode(json, received), ({ usage }) => usage)).toEqual(Either.right({ inputTokens: 4 }))
  })

  it.each([
    ["no list", {}],
    ["an empty list", { embeddings: [] }],
    ["one without values", { embeddings: [{ values: [1] }, {}] }],
    ["empty values", { embeddings: [{ values: [] }] }],
    ["values that are no numbers", { embeddings: [{ values: ["1"] }] }],
    ["no object", 7]
  ])("are malformed when there is %s", (_, json) => {
    expect(Either.getOrThrow(Either.flip(decode(json, received)))).toMatchObject({
      _tag: "MalformedResponse",
      requestId: "req-1"
    })
  })

  it("are the provider's error where it sent one", () => {
    const json = { error: { code: 404, message: "models/acme-1 is not found", status: "NOT_FOUND" } }
    expect(Either.getOrThrow(Either.flip(decode(json, received)))).toMatchObject({ _tag: "ModelNotFound" })
  })
})
