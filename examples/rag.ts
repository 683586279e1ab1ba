// Answers from a text of one's own: its pieces and the question become vectors, the nearest pieces go into the prompt, and
// every quotation of the answer is looked up in them. The text is the README of this project.
// npx tsx examples/rag.ts
import { Array, Console, Effect, Order, Schema } from "effect"
import { LlmCall, LlmClient } from "effect-llm"
import { readFileSync } from "node:fs"
import * as Support from "./support.js"
import * as WordVectors from "./word-vectors.js"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8").replace(/```[^]*?```/g, "")

/** Paragraphs, each under the heading that it belongs to. */
const pieces = readme.split(/^## /m).flatMap((section) => {
  const [heading = "", ...paragraphs] = section.split(/\n\n+/)
  return paragraphs.filter((text) => text.length > 80).map((text) => `${heading}: ${text}`)
})

const cosine = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
  a.reduce((sum, x, index) => sum + x * (b[index] ?? 0), 0) / (Math.hypot(...a) * Math.hypot(...b) || 1)

const nearest = (question: string, count: number) =>
  Effect.gen(function* () {
    const { vectors } = yield* LlmClient.embed(pieces)
    const [asked = []] = (yield* LlmClient.embed(question)).vectors
    const scored = Array.zipWith(pieces, vectors, (text, vector) => ({ text, score: cosine(vector, asked) }))
    const best = Order.mapInput(Order.reverse(Order.number), ({ score }: { score: number }) => score)
    return Array.take(Array.sort(scored, best), count).map(({ text }) => text)
  })

const answer = LlmCall.make({
  system: "Answer from the sources alone. Quote the words that your answer rests on.",
  user: "{{sources}}\n\nQuestion: {{question}}",
  output: Schema.Struct({
    answer: Schema.String,
    quotations: Schema.Array(Schema.Struct({ source: Schema.Int, words: Schema.String }))
  })
})

const program = Effect.gen(function* () {
  const question = "Which errors are never retried?"
  const sources = yield* nearest(question, 3)
  const numbered = sources.map((text, index) => `[${index + 1}] ${text}`).join("\n\n")
  const { answer: text, quotations } = yield* answer.withRetries(1)({ sources: numbered, question })
  yield* Console.log(text)
  // -> Terminal errors.
  for (const { source, words } of quotations) {
    const isThere = sources[source - 1]?.includes(words) === true
    yield* Console.log(`[${source}] "${words}" ${isThere ? "stands there" : "is made up"}`)
  }
  // -> [1] "A terminal error is never retried" stands there
})

const quotations = [{ source: 1, words: "A terminal error is never retried" }]
const simulated = Support.layer({ answer: () => JSON.stringify({ answer: "Terminal errors.", quotations }) })
await Effect.runPromise(Effect.provide(program, simulated.pipe(WordVectors.unlessReal)))
