// A chat in the terminal: answers come word by word, what was said is remembered as far as it fits into 4096 tokens, and
// Ctrl-C ends it at any time. Without a terminal it says the lines of a script.
// npx tsx examples/chat-terminal.ts
import { Terminal } from "@effect/platform"
import { Effect, Layer, Stream } from "effect"
import { Conversation, StreamPart, Tokenizer, TokenWindow } from "effect-llm"
import * as LineReader from "./line-reader.js"
import * as Support from "./support.js"

const program = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  const conversation = yield* Conversation.make({
    system: "You talk with people in a terminal. Be brief.",
    window: yield* TokenWindow.make({ contextLength: 4096 }),
    summarize: true
  })

  const turn = Effect.gen(function* () {
    yield* terminal.display("\n> ")
    const line = yield* terminal.readLine
    if (line.trim() === "") return
    yield* conversation.stream(line).pipe(StreamPart.text, Stream.runForEach(terminal.display))
    yield* terminal.display("\n")
  }).pipe(
    // A turn that failed is not part of what was said: the user can say it again.
    Effect.catchIf(
      (error) => error._tag !== "QuitException",
      (error) => terminal.display(`\n(${error.message}: say it again)\n`)
    )
  )

  const left = Effect.scoped(Effect.flatMap(terminal.readInput, (input) => input.take))
  yield* Effect.raceFirst(Effect.forever(turn), left).pipe(Effect.catchTag("QuitException", () => Effect.void))
  const { messages } = yield* conversation.history
  yield* terminal.display(`\nBye, after ${messages.length / 2} turns.\n`)
  // -> > Hello. You have said 1 thing.
  // -> > You are Ada. You have said 2 things.
  // -> Bye, after 2 turns.
})

const simulated = Support.layer({
  answer: ({ messages }) => {
    const said = messages.filter(({ role }) => role === "user").map(({ text }) => text)
    const name = /I am (\w+)/.exec(said.join("\n"))?.[1]
    const last = said.at(-1) ?? ""
    const greeting = last.startsWith("Who") && name !== undefined ? `You are ${name}.` : "Hello."
    return `${greeting} You have said ${said.length} ${said.length === 1 ? "thing" : "things"}.`
  },
  perToken: "20 millis"
})
const terminal = LineReader.layer(["Hello, I am Ada.", "Who am I?"])
await Effect.runPromise(Effect.provide(program, Layer.mergeAll(simulated, Tokenizer.layer, terminal)))
