// On Node, effect-llm/node costs a fraction of fetch's CPU time per call: provide it where fetch's layer would stand.
// Needs undici: npm install undici@7
// npx tsx examples/node-client.ts
import { Console, Effect, Layer, Redacted } from "effect"
import { LlmClient, OpenAi, Policy } from "effect-llm"
import { UndiciHttpClient } from "effect-llm/node"
import { Simulator } from "effect-llm/testing"

const Llm = Layer.unwrapEffect(
  Effect.map(Simulator.Simulator, ({ url }) =>
    OpenAi.layer({ apiKey: Redacted.make("simulated"), model: "gpt-4.1-mini", baseUrl: url })
  )
).pipe(
  Policy.concurrency(32),
  // As many connections as calls: none waits for a socket, none is opened for nothing.
  Layer.provide(UndiciHttpClient.layerWith({ connections: 32 }))
)

const program = Effect.gen(function* () {
  const simulator = yield* Simulator.Simulator
  yield* Effect.forEach(
    Array.from({ length: 500 }, (_, n) => `Question ${n}`),
    LlmClient.complete,
    {
      concurrency: "unbounded"
    }
  ).pipe(Effect.provide(Llm))
  const { completed, connections, maxInFlight } = yield* simulator.stats
  yield* Console.log(`${completed} calls, at most ${maxInFlight} at once, over ${connections.opened} connections`)
  // -> 500 calls, at most 32 at once, over 32 connections
})

await Effect.runPromise(Effect.provide(program, Simulator.layer({ firstToken: "20 millis" })))
