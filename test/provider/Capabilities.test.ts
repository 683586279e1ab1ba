import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Either, Schema } from "effect"
import { type ChatRequest, HuggingFace, LlmClient, type LlmError, Prompt, StreamPart, Tool } from "effect-llm"
import { Simulator } from "effect-llm/testing"
import { readFileSync } from "node:fs"
import { nameOf, type Subject, subjects } from "./Capabilities.js"

// --- What a provider does ------------------------------------------------------

const onSimulator = <A, E>(
  { layer }: Pick<Subject, "layer">,
  program: Effect.Effect<A, E, LlmClient.LlmClient | Simulator.Simulator>
) => program.pipe(Effect.provide(layer), Effect.provide(Simulator.layerHttpClient({ seed: 7 })))

/** What is sent for a request; a refusal before that is `undefined`, and names the feature. */
const isTaken = (request: ChatRequest.Input, feature: RegExp) =>
  Effect.gen(function* () {
    const result = yield* Effect.either(LlmClient.complete(request))
    const { attempts } = yield* (yield* Simulator.Simulator).stats
    if (Either.isRight(result)) {
      expect(attempts).toBe(1)
      return result.right
    }
    expect(result.left).toMatchObject({
      _tag: "UnsupportedFeature",
      attempts: 0,
      feature: expect.stringMatching(feature)
    } satisfies Partial<Record<keyof LlmError.UnsupportedFeature, unknown>>)
    expect(attempts).toBe(0)
    return undefined
  })

const Answer = Schema.Struct({ city: Schema.String, isLarge: Schema.Boolean })

const schema = Tool.jsonSchema(Answer)

const tool: Tool.ToolDefinition = { name: "look_up", description: "Looks a city up", parameters: schema }

const picture = Prompt.imageBytes(new Uint8Array([0x89, 0x50, 0x4e, 0x47]), "image/png")

describe.each(subjects.map((subject) => [nameOf(subject), subject] as const))("%s", (_, subject) => {
  it.effect(`streams in ${subject.streaming === "pieces" ? "pieces" : "one piece"}`, () =>
    onSimulator(
      subject,
      Effect.gen(function* () {
        let deltas = 0
        yield* LlmClient.stream("Tell me of the sea, at length.").pipe(
          StreamPart.forEachChunk((parts) =>
            Effect.sync(() => {
              for (const part of parts) if (part._tag === "TextDelta") deltas++
            })
          )
        )
        expect([deltas > 1, deltas > 0]).toEqual([subject.streaming === "pieces", true])
      })
    )
  )

  it.effect(`${subject.tools ? "calls" : "refuses"} tools`, () =>
    onSimulator(
      subject,
      Effect.gen(function* () {
        const completion = yield* isTaken({ prompt: "Where?", tools: [tool], toolChoice: "required" }, /^tools$/)
        expect(completion?.toolCalls.map(({ name }) => name)).toEqual(subject.tools ? ["look_up"] : undefined)
      })
    )
  )

  it.effect(`${subject.images ? "takes" : "refuses"} images`, () =>
    onSimulator(
      subject,
      Effect.gen(function* () {
        const completion = yield* isTaken([Prompt.user([Prompt.text("What is this?"), picture])], /^prompt\.Image$/)
        expect(completion !== undefined).toBe(subject.images)
      })
    )
  )

  it.effect(`${subject.jsonSchema ? "holds answers" : "refuses to hold answers"} to a JSON schema`, () =>
    onSimulator(
      subject,
      Effect.gen(function* () {
        const responseFormat: ChatRequest.ResponseFormat = { _tag: "JsonSchema", name: "answer", schema, strict: true }
        const completion = yield* isTaken({ prompt: "Which?", responseFormat }, /^(?:json-schema|responseFormat)$/)
        expect(completion !== undefined).toBe(subject.jsonSchema)
        if (completion !== undefined) yield* Schema.decode(Schema.parseJson(Answer))(completion.text)
      })
    )
  )

  it.effect(subject.embeddings === 0 ? "refuses embeddings" : `embeds ${subject.embeddings} texts a request`, () =>
    onSimulator(
      subject,
      Effect.gen(function* () {
        const simulator = yield* Simulator.Simulator
        const embed = (count: number) =>
          LlmClient.embed({ input: Array.from({ length: count }, (_, index) => `text ${index}`), dimensions: 256 })
        if (subject.embeddings === 0) {
          expect(yield* Effect.flip(embed(1))).toMatchObject({ _tag: "UnsupportedFeature", feature: "embeddings" })
          expect((yield* simulator.stats).attempts).toBe(0)
          return
        }
        const full = yield* embed(subject.embeddings)
        expect([full.vectors.length, full.attempts]).toEqual([subject.embeddings, 1])
        const more = yield* embed(subject.embeddings + 1)
        expect([more.vectors.length, more.attempts]).toEqual([subject.embeddings + 1, 2])
      })
    )
  )

  it.effect(`knows of reasoning: ${subject.reasoning}`, () =>
    onSimulator(
      { layer: subject.reasoningLayer ?? subject.layer },
      Effect.gen(function* () {
        const simulator = yield* Simulator.Simulator
        const completion = yield* LlmClient.complete({
          prompt: "Why?",
          model: subject.reasoningModel,
          reasoningEffort: "low",
          providerOptions: subject.reasoningOptions
        })
        const [sent] = yield* simulator.requests
        const isTold = /reasoning_effort|"effort"|thinking/i.test(JSON.stringify(sent?.body))
        expect(isTold).toBe(subject.reasoning !== "no")
        expect(completion.warnings.some(({ setting }) => setting === "reasoningEffort")).toBe(!isTold)
        expect((completion.reasoning ?? "") !== "").toBe(subject.reasoning === "effort and thoughts")
      })
    )
  )
})

it.effect("Hugging Face's router has no embeddings, but a server of one's own does", () =>
  Effect.gen(function* () {
    const own = subjects.find(({ provider }) => provider === "HuggingFace")
    expect(own?.embeddings).toBe(32)
    const router = HuggingFace.layerConfig({ model: "owner/model" })
    const error = yield* onSimulator({ layer: router }, Effect.flip(LlmClient.embed("Hi"))).pipe(
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["HF_TOKEN", "hf_any"]])))
    )
    expect(error).toMatchObject({ _tag: "UnsupportedFeature", feature: "embeddings" })
  })
)

// --- What the README says of it --------------------------------------------------

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8")

/** The rows of the table whose head is this, by their first cells. */
const table = (head: string): ReadonlyMap<string, ReadonlyArray<string>> =>
  new Map(
    readme
      .slice(readme.indexOf(head))
      .split("\n\n", 1)
      .join("")
      .split("\n")
      .slice(2)
      .map((line) =>
        line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim())
      )
      .map(([first = "", ...cells]) => [first.replaceAll("`", ""), cells] as const)
  )

const quoted = (cell: string): ReadonlyArray<string> => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name)

describe("the README", () => {
  // LocalLlama has no HTTP that a Simulator could answer: its own tests ask its engine.
  const features = new Map(table("| | streaming | tools | images | JSON schema | embeddings | reasoning |"))
  features.delete("LocalLlama")
  const vendors = table("| vendor | its key | what is different |")
  const of = (provider: string): ReadonlyArray<Subject> => subjects.filter((subject) => subject.provider === provider)
  const columns = [
    ["tools", 1],
    ["images", 2],
    ["jsonSchema", 3]
  ] as const

  it("has a row for each provider and for each vendor", () => {
    expect([...features.keys()].sort()).toEqual([...new Set(subjects.map(({ provider }) => provider))].sort())
    expect([...vendors.keys()].sort()).toEqual(subjects.flatMap(({ vendor }) => vendor ?? []).sort())
  })

  it.each([...features])("says of %s what its tests say", (provider, cells) => {
    const known = of(provider)
    expect(known.length).toBeGreaterThan(0)
    const [streaming = "", , , , embeddings = "", reasoning = ""] = cells
    expect(streaming === "yes").toBe(known.every((subject) => subject.streaming === "pieces"))
    for (const [feature, column] of columns) {
      const cell = cells[column] ?? ""
      const lacking = known.filter((subject) => !subject[feature])
      // Which models of a provider do is told in words; which vendors do not, by their names.
      if (lacking.length === known.length) expect(cell).toMatch(/^no(?:,|$)/)
      else expect([cell, quoted(cell)]).toEqual([cell, lacking.flatMap(({ vendor }) => vendor ?? [])])
    }
    const counts = known.map((subject) => subject.embeddings)
    if (known.length === 1) expect(embeddings.match(/\d+/)?.[0] ?? "no").toBe(String(counts[0] || "no"))
    else expect(embeddings).toBe("where the vendor has them")
    const most = known.some((subject) => subject.reasoning === "effort and thoughts")
      ? "effort and thoughts"
      : (known[0]?.reasoning ?? "")
    expect(reasoning.split(/[,;]/, 1)[0]).toBe(most)
  })

  it.each([...vendors])("says of the vendor %s what is different", (name, [, difference = ""]) => {
    const subject = subjects.find(({ vendor }) => vendor === name)
    const says = (words: string): boolean => difference.split(/[,;] /).some((part) => part.startsWith(words))
    expect(says("no embeddings")).toBe(subject?.embeddings === 0)
    expect(says("no images")).toBe(subject?.images === false)
    expect(says("no JSON schema")).toBe(subject?.jsonSchema === false)
    const count = /embeddings of (\d+) texts/.exec(difference)?.[1]
    if (subject?.embeddings !== 0) expect(Number(count ?? 256)).toBe(subject?.embeddings)
  })
})
