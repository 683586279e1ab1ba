// An answer as it comes: its text, and then everything else. Leaving a stream early closes the connection.
// npx tsx examples/stream.ts
import { Console, Effect, Stream } from "effect"
import { LlmClient, StreamPart } from "effect-llm"
import * as Support from "./support.js"

const program = Effect.gen(function* () {
  // Only the text, written as it comes.
  yield* LlmClient.streamText("Count to five.").pipe(
    Stream.runForEach((text) => Effect.sync(() => process.stdout.write(text)))
  )
  yield* Console.log("")

  // All parts: what is shown meanwhile, and what it folds to.
  const completion = yield* LlmClient.stream("Count to five.").pipe(
    Stream.tap((part) => (part._tag === "ReasoningDelta" ? Console.log(`thinking: ${part.text}`) : Effect.void)),
    StreamPart.collect
  )
  yield* Console.log(`${completion.text.length} characters, ${completion.usage.outputTokens} tokens`)
  // -> 28 characters, … tokens

  // The first two pieces: what is not received need not be paid for, where the provider stops when we leave.
  const beginning = yield* LlmClient.streamText("Count to five.").pipe(Stream.take(2), Stream.mkString)
  yield* Console.log(`It begins with: ${beginning}`)
  // -> It begins with: one…
})

const layer = Support.layer({ answer: () => "one, two, three, four, five.", perToken: "20 millis" })
await Effect.runPromise(Effect.provide(program, layer))
