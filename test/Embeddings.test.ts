import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Duration, Option, Schema } from "effect"
import { Embeddings } from "effect-llm"

describe("Embeddings.makeRequest", () => {
  it("takes one text, texts, or a request as it stands", () => {
    expect(Embeddings.makeRequest("a")).toStrictEqual({ input: ["a"] })
    expect(Embeddings.makeRequest(["a", "b"])).toStrictEqual({ input: ["a", "b"] })
    expect(Embeddings.makeRequest({ input: ["a"], dimensions: 3 })).toStrictEqual({ input: ["a"], dimensions: 3 })
  })
})

describe("Embeddings.validateRequest", () => {
  it("takes texts and a length of vectors", () => {
    expect(Embeddings.validateRequest({ input: ["a", " "] })).toEqual(Option.none())
    expect(Embeddings.validateRequest({ input: ["a"], dimensions: 256 })).toEqual(Option.none())
    expect(Embeddings.validateRequest({ input: ["a"], dimensions: undefined })).toEqual(Option.none())
  })

  const bad: ReadonlyArray<readonly [name: string, input: Embeddings.Input, param: string]> = [
    ["no text", [], "input"],
    ["an empty text", "", "input[0]"],
    ["an empty text among others", ["a", "b", ""], "input[2]"],
    ["no dimensions", { input: ["a"], dimensions: 0 }, "dimensions"],
    ["half a dimension", { input: ["a"], dimensions: 1.5 }, "dimensions"],
    ["dimensions of NaN", { input: ["a"], dimensions: Number.NaN }, "dimensions"]
  ]
  for (const [name, input, param] of bad) {
    it(`refuses ${name}`, () => {
      const problem = Option.getOrThrow(Embeddings.validateRequest(Embeddings.makeRequest(input)))
      expect(problem.param).toBe(param)
      expect(problem.message).not.toBe("")
    })
  }
})

describe("Embeddings, as data", () => {
  // Schema.Record loses a key of this name.
  const requests = Arbitrary.make(Embeddings.EmbedRequest).filter(
    ({ metadata = {}, providerOptions = {} }) =>
      ![metadata, providerOptions].some((record) => Object.hasOwn(record, "__proto__"))
  )

  it.prop("a request comes back as it was", [requests], ([request]) => {
    const encoded = Schema.encodeSync(Embeddings.EmbedRequest)(request)
    expect(Schema.decodeSync(Embeddings.EmbedRequest)(encoded)).toEqual(request)
  })

  // A latency is kept in milliseconds: what a double cannot hold of its nanoseconds is lost.
  const answers = Arbitrary.make(Embeddings.Embeddings).map((answer): Embeddings.Embeddings => ({
    ...answer,
    latency: Duration.millis(Math.trunc(Duration.toMillis(answer.latency)))
  }))

  it.prop("an answer comes back as it was", [answers], ([answer]) => {
    const encoded = Schema.encodeSync(Embeddings.Embeddings)(answer)
    expect(Schema.decodeSync(Embeddings.Embeddings)(encoded)).toEqual(answer)
  })
})
