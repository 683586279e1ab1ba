// A call as a function of its variables, whose answer a Schema decodes: the compiler knows both.
// npx tsx examples/classify.ts
import { Console, Effect, Schema } from "effect"
import { LlmCall } from "effect-llm"
import * as Support from "./support.js"

const classify = LlmCall.make({
  system: "You label support tickets.",
  user: "Ticket: {{ticket}}",
  output: Schema.Struct({
    label: Schema.Literal("bug", "billing", "other"),
    urgent: Schema.Boolean.annotations({ description: "Whether someone should look at it today" })
  }),
  settings: { temperature: 0 }
})

const program = Effect.gen(function* () {
  const { label, urgent } = yield* classify({ ticket: "I was charged twice!" })
  yield* Console.log(label, urgent)
  // -> billing true

  // An answer that does not fit the Schema is asked for again, with what is wrong with it.
  const answer = yield* classify.withRetries(2).detailed({ ticket: "It crashes, and I am angry." })
  yield* Console.log(answer.value.label, `after ${answer.reasks} more question, ${answer.usage.outputTokens} tokens`)
  // -> bug after 1 more question, … tokens

  // Without another question it is an error that says what is wrong, and keeps what was paid for.
  const error = yield* Effect.flip(classify({ ticket: "It crashes, and I am angry." }))
  if (error._tag === "InvalidOutput") yield* Console.log(error.issues?.[0]?.path.join("."), error.text)
  // -> label {"label":"angry","urgent":true}
})

/** Stands for a model that is taken in by angry people until it is told. */
const answer: Support.Answer = ({ messages }) => {
  const asked = messages.map(({ text }) => text).join("\n")
  if (!asked.includes("angry")) return JSON.stringify({ label: "billing", urgent: true })
  return JSON.stringify({ label: asked.includes("cannot be used") ? "bug" : "angry", urgent: true })
}

await Effect.runPromise(Effect.provide(program, Support.layer({ answer })))
