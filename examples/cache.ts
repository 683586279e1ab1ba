// Equal requests are paid for once: those that come later, and those that come at the same time.
// npx tsx examples/cache.ts
import { Console, Effect } from "effect"
import { LlmClient, Policy } from "effect-llm"
import * as Support from "./support.js"

const program = Effect.gen(function* () {
  const first = yield* LlmClient.complete("Why is the sky blue?")
  const second = yield* LlmClient.complete("Why is the sky blue?")
  yield* Console.log(`first: cached ${first.cached}, ${first.attempts} request`)
  yield* Console.log(`second: cached ${second.cached}, ${second.attempts} requests`)
  // -> first: cached false, 1 request
  // -> second: cached true, 0 requests

  const together = yield* Effect.all(Effect.replicate(LlmClient.complete("Why is grass green?"), 20), {
    concurrency: "unbounded"
  })
  yield* Console.log(`${together.length} callers at once, ${together.filter((one) => !one.cached).length} request`)
  // -> 20 callers at once, 1 request

  // A request has the last word.
  const fresh = yield* LlmClient.complete({ prompt: "Why is the sky blue?", cacheControl: { mode: "refresh" } })
  yield* Console.log(`refreshed: cached ${fresh.cached}`)
  // -> refreshed: cached false
})

const layer = Support.layer().pipe(Policy.cache({ timeToLive: "1 day", capacity: 500 }))
await Effect.runPromise(Effect.provide(program, layer))
