// An agent with two tools: the model says what to call, the toolkit calls it, until the model has its answer. Each step is
// shown as it happens, and what changes something in the world is asked about first.
// npx tsx examples/agent.ts
import { Console, Effect, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect-llm"
import * as Support from "./support.js"

const weather = Tool.make("weather", {
  description: "The forecast for a city",
  parameters: Schema.Struct({ city: Schema.Literal("Lisbon", "Oslo") }),
  success: Schema.Struct({ celsius: Schema.Number })
})
const book = Tool.make("book", {
  description: "Books a table outside",
  parameters: Schema.Struct({ guests: Schema.Literal(2, 4) }),
  failure: Schema.Literal("fully booked")
})
const toolkit = Toolkit.make(weather, book)

// Handlers are a Layer: they may need services of your own. Their arguments are what the Schemas say.
const Handlers = Toolkit.layer(toolkit, {
  weather: ({ city }) => Effect.succeed({ celsius: city === "Lisbon" ? 24 : 9 }),
  book: ({ guests }) => (guests > 6 ? Effect.fail("fully booked" as const) : Effect.succeed("T-1"))
})

const write = (text: string) => Effect.sync(() => process.stdout.write(text))

const program = Toolkit.stream("Look up the weather, and book a table.", {
  toolkit,
  maxSteps: 5,
  approve: ({ call }) => Effect.as(Console.log(`may it call ${call.name}? yes`), true)
}).pipe(
  Stream.runForEach((event) => {
    if (event._tag === "Part" && event.part._tag === "TextDelta") return write(event.part.text)
    if (event._tag === "ToolEnd") return Console.log(`${event.call.name}: ${event.outcome._tag}`)
    if (event._tag !== "Finish") return Effect.void
    const { cost, steps, usage } = event.run
    return Console.log(`\n${steps.length} steps, ${usage.totalTokens} tokens, ${cost?.toFixed(6)} US dollars`)
  }),
  // Whatever ends a run, what was done before and what it cost is in `progress`.
  Effect.catchTag("CallFailed", ({ cause, progress }) => Console.log(cause._tag, progress.usage.totalTokens))
)
// -> may it call weather? yes
// -> may it call book? yes
// -> weather: Succeeded
// -> book: Succeeded
// -> A table is booked: T-1.
// -> 2 steps, … tokens, … US dollars

await Effect.runPromise(
  program.pipe(Effect.provide(Handlers), Effect.provide(Support.layer({ answer: () => "A table is booked: T-1." })))
)
