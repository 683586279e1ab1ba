// A value while it is being written: what there is of it so far, in its types, and the whole, decoded, at the end.
// npx tsx examples/structured-stream.ts
import { Console, Effect, Schema, Stream } from "effect"
import { StructuredOutput } from "effect-llm"
import * as Support from "./support.js"

const Recipe = Schema.Struct({
  title: Schema.String,
  minutes: Schema.Int.pipe(Schema.between(1, 600)),
  steps: Schema.NonEmptyArray(Schema.Struct({ text: Schema.String, ingredient: Schema.optional(Schema.String) }))
})

const show = (recipe: StructuredOutput.DeepPartial<typeof Recipe.Type>) => {
  const step = recipe.steps?.at(-1)?.text
  return `${recipe.title ?? "…"}${step === undefined ? "" : ` | ${recipe.steps?.length}. ${step}`}`
}

const program = StructuredOutput.stream(Recipe, "A recipe for pancakes.").pipe(
  Stream.runForEach((part) =>
    // Everything may still be missing in a partial value; the compiler says so.
    part._tag === "Partial"
      ? Console.log(show(part.value))
      : Console.log(`done: ${part.value.minutes} minutes, ${part.usage.outputTokens} tokens`)
  )
)
// -> Pancakes
// -> Pancakes | 1. Whisk …
// -> Pancakes | 2. Fry them.
// -> done: 20 minutes, … tokens

const answer = () =>
  JSON.stringify({
    title: "Pancakes",
    minutes: 20,
    steps: [
      { text: "Whisk eggs and flour.", ingredient: "eggs" },
      { text: "Fry them.", ingredient: null }
    ]
  })

await Effect.runPromise(Effect.provide(program, Support.layer({ answer, perToken: "10 millis" })))
