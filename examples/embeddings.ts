// Search by meaning: texts become vectors, and near vectors mean near texts.
// npx tsx examples/embeddings.ts
import { Array, Console, Effect, Order } from "effect"
import { LlmClient, Policy } from "effect-llm"
import * as Support from "./support.js"

const texts = [
  "How do I reset my password?",
  "Where is my parcel?",
  "Can I pay by invoice?",
  "Parcels take three days."
]

/** Of unit vectors, as OpenAI's are, the product is the cosine. */
const similarity = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
  a.reduce((sum, x, index) => sum + x * (b[index] ?? 0), 0)

const nearest = (query: string) =>
  Effect.gen(function* () {
    const library = yield* LlmClient.embed(texts)
    const asked = yield* LlmClient.embed(query)
    const scored = Array.zipWith(texts, library.vectors, (text, vector) => ({
      text,
      score: similarity(vector, asked.vectors[0] ?? [])
    }))
    return Array.sort(
      scored,
      Order.mapInput(Order.reverse(Order.number), ({ score }: { score: number }) => score)
    )
  })

const program = Effect.gen(function* () {
  const [best, ...others] = yield* nearest("Where is my parcel?")
  yield* Console.log(`${best?.score.toFixed(2)} ${best?.text}`)
  // -> 1.00 Where is my parcel?
  yield* Console.log(`${others.length} others, all below ${Math.max(...others.map(({ score }) => score)) < 0.99}`)
  // -> 3 others, all below true
})

// The library's vectors are asked for at every search: a cache pays for them once.
await Effect.runPromise(Effect.provide(program, Support.layer().pipe(Policy.cache())))
