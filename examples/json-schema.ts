// An answer with a shape: a Schema says what is asked for, and reads what comes back.
// npx tsx examples/json-schema.ts
import { Console, Effect, Schema } from "effect"
import { type ChatRequest, LlmClient, Tool } from "effect-llm"
import * as Support from "./support.js"

const Ticket = Schema.Struct({ label: Schema.Literal("bug", "billing", "other"), urgent: Schema.Boolean })

const responseFormat: ChatRequest.ResponseFormat = {
  _tag: "JsonSchema",
  name: "ticket",
  schema: Tool.jsonSchema(Ticket),
  strict: true
}

const classify = (ticket: string) =>
  LlmClient.complete({ prompt: `Label this support ticket: ${ticket}`, responseFormat, temperature: 0 }).pipe(
    Effect.flatMap((completion) => Schema.decode(Schema.parseJson(Ticket))(completion.text))
  )

const program = Effect.gen(function* () {
  const ticket = yield* classify("I was charged twice!")
  // ticket is { label: "bug" | "billing" | "other", urgent: boolean }
  yield* Console.log(`${ticket.label}, ${ticket.urgent ? "urgent" : "not urgent"}`)
  // -> billing, urgent
})

const answer = () => JSON.stringify({ label: "billing", urgent: true })
await Effect.runPromise(Effect.provide(program, Support.layer({ answer })))
