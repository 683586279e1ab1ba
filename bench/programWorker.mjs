// What a program adds to the call that it makes: `node programWorker.mjs full|smoke`, over a client that answers at once.
// Bare calls and calls of a program take turns in one process, since the difference is small; medians over the turns.
// Prints one line of JSON: microseconds above the bare call, by program.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Completion, LlmCall, LlmClient, StructuredOutput } from "../dist/bundled/index.js"
import { answer, model } from "./payload.mjs"

const sizes = {
  full: { turns: 60, calls: 2000, warmUp: 20, text: 1_000_000 },
  smoke: { turns: 5, calls: 100, warmUp: 2, text: 10_000 }
}
const { turns, calls, warmUp, text } = sizes[process.argv[2]]

const completionOf = (text) =>
  Completion.make({
    parts: [{ _tag: "Text", text }],
    finishReason: { unified: "stop", raw: "stop" },
    usage: { inputTokens: 20, outputTokens: 10, totalTokens: 30 },
    model,
    id: "bench",
    warnings: [],
    cached: false,
    attempts: 1,
    latency: Duration.zero
  })
const clientOf = (text, parts = Stream.empty) => {
  const completion = completionOf(text)
  return { provider: "bench", model, complete: () => Effect.succeed(completion), stream: () => parts }
}

const summary = LlmCall.make({
  system: "You are a careful {{role}}.",
  user: "Summarise in {{count}} sentences: {{article}}"
})
const classify = LlmCall.make({
  system: "You label support tickets.",
  user: "Ticket: {{ticket}}",
  output: Schema.Struct({ label: Schema.Literal("bug", "billing", "other"), urgent: Schema.Boolean })
})
const label = { label: "billing", urgent: true }

const programs = {
  "call-of-text": {
    text: answer,
    expected: answer,
    call: () => summary({ role: "editor", count: 2, article: answer })
  },
  "call-with-output": {
    text: JSON.stringify(label),
    expected: label,
    call: () => classify({ ticket: "I was charged twice" })
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1]

const microseconds = async (call, client) => {
  const many = Effect.forEach(Array.from({ length: calls }), call, { discard: true })
  const start = performance.now()
  await Effect.runPromise(Effect.provideService(many, LlmClient.LlmClient, client))
  return ((performance.now() - start) * 1000) / calls
}

const results = {}
for (const [name, { call, expected, text }] of Object.entries(programs)) {
  const client = clientOf(text)
  const given = await Effect.runPromise(Effect.provideService(call(), LlmClient.LlmClient, client))
  if (JSON.stringify(given) !== JSON.stringify(expected)) throw new Error(`${name}: ${JSON.stringify(given)}`)
  const bare = () => Effect.map(LlmClient.complete("Summarise."), (completion) => completion.text)
  const differences = []
  for (let turn = 0; turn < warmUp + turns; turn++) {
    const alone = await microseconds(bare, client)
    const whole = await microseconds(call, client)
    if (turn >= warmUp) differences.push(whole - alone)
  }
  results[name] = median(differences)
}

// A long value in small pieces: what a piece costs must not grow with the text.
const items = Array.from({ length: text / 40 }, (_, index) => ({ n: index, text: `item ${index} of a list` }))
const json = JSON.stringify({ items })
const Items = Schema.Struct({ items: Schema.Array(Schema.Struct({ n: Schema.Int, text: Schema.String })) })
const perPiece = async (share) => {
  const pieces = JSON.stringify({ items: items.slice(0, items.length * share) }).match(/[^]{1,4}/g)
  const finish = { ...completionOf(json), _tag: "Finish" }
  const stream = Stream.fromIterable([...pieces.map((text) => ({ _tag: "TextDelta", text })), finish])
  const start = performance.now()
  const last = await Effect.runPromise(
    StructuredOutput.stream(Items, "Hi").pipe(
      Stream.runLast,
      Effect.provideService(LlmClient.LlmClient, clientOf(json, stream))
    )
  )
  if (last.value._tag !== "Final") throw new Error("the stream has no final value")
  return ((performance.now() - start) * 1000) / pieces.length
}
await perPiece(0.1)
results["stream-growth"] = (await perPiece(1)) / (await perPiece(0.1))

process.stdout.write(`${JSON.stringify(results)}\n`)
