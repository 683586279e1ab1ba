// Calls one after the other: what one gives is what the next one takes, and what does not fit does not compile.
// npx tsx examples/chain.ts
import { Console, Effect, Schema } from "effect"
import { LlmCall } from "effect-llm"
import * as Support from "./support.js"

const outline = LlmCall.make({
  system: "You plan articles.",
  user: "An outline in three points about {{topic}}."
})

const draft = LlmCall.make({
  system: "You write in a {{tone}} tone.",
  user: "Write the article of this outline:\n\n{{outline}}"
})

const critique = LlmCall.make({
  system: "You are a strict editor.",
  user: "What is missing here?\n\n{{article}}",
  output: Schema.Struct({ missing: Schema.Array(Schema.String), grade: Schema.Int.pipe(Schema.between(1, 5)) })
})

// A text goes into the one variable of the next call; a function makes the two of `draft`.
const review = LlmCall.chain(
  outline,
  (text) => ({ outline: text, tone: "dry" }),
  draft,
  (text) => Effect.as(Console.log(`the draft has ${text.length} characters`), text),
  critique
)

const program = Effect.gen(function* () {
  const { grade, missing } = yield* review({ topic: "lighthouses" })
  yield* Console.log(`grade ${grade}, missing: ${missing.join(", ")}`)
  // -> the draft has 24 characters
  // -> grade 4, missing: storms, keepers

  // The same by hand: calls are Effects.
  const text = yield* outline({ topic: "harbours" }).pipe(
    Effect.flatMap((text) => draft({ outline: text, tone: "kind" }))
  )
  yield* Console.log(text)
  // -> Lamps turn over the sea.
})

const answers: ReadonlyArray<readonly [string, string]> = [
  ["You plan", "1. Lamps 2. Sea 3. Night"],
  ["You write", "Lamps turn over the sea."],
  ["strict editor", JSON.stringify({ missing: ["storms", "keepers"], grade: 4 })]
]
const answer: Support.Answer = ({ messages }) =>
  answers.find(([role]) => messages[0]?.text.includes(role))?.[1] ?? "I do not know."

await Effect.runPromise(Effect.provide(program, Support.layer({ answer })))
