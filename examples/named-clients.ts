// Many clients by name, as data, and one client that picks among them by the model that a request names.
// Everything is simulated, in this process: with keys of your own, provide FetchHttpClient.layer instead.
// npx tsx examples/named-clients.ts
import { ConfigProvider, Console, Effect, Layer } from "effect"
import { Anthropic, Clients, LlmClient, Policy, RetryPolicy } from "effect-llm"
import { Simulator } from "effect-llm/testing"

const clients = Clients.layer({
  fast: { provider: "openai", model: "gpt-4.1-mini" },
  open: { provider: "zhipu", model: "glm-4.6", defaults: { temperature: 0 } },
  // A layer does as well: here with a policy of its own.
  safe: Anthropic.layerConfig({ model: "claude-sonnet-4-5" }).pipe(Policy.retry(RetryPolicy.standard))
})

// "claude-…" is asked for as it is, "openai/gpt-4.1" as "gpt-4.1", and "cheap" is another name of ours.
const routed = Policy.route({
  "openai/*": Clients.layerOf("fast"),
  "claude-*": Clients.layerOf("safe"),
  cheap: { layer: Clients.layerOf("open"), model: "glm-4.6" },
  default: Clients.layerOf("fast")
})

const named = Effect.gen(function* () {
  const safe = yield* Clients.get("safe")
  yield* Console.log(safe.provider, safe.model)
  // -> anthropic claude-sonnet-4-5
  const unknown = yield* Effect.flip(Clients.get("slow"))
  yield* Console.log(unknown.message)
  // -> there is no client "slow"; there are fast, open, safe
})

const picked = Effect.gen(function* () {
  for (const model of ["openai/gpt-4.1", "claude-sonnet-4-5", "cheap", undefined]) {
    const completion = yield* LlmClient.complete({ prompt: "Which model are you?", model })
    yield* Console.log(`${model} is ${completion.model}`)
  }
  // -> openai/gpt-4.1 is gpt-4.1-…
  // -> claude-sonnet-4-5 is claude-sonnet-4-5-…
  // -> cheap is glm-4.6
  // -> undefined is gpt-4.1-mini-…
  const lost = yield* Effect.flip(LlmClient.complete({ prompt: "Hi", model: "gemini-2.5-flash" }))
  yield* Console.log(lost._tag, lost.message)
  // -> ModelNotFound no route fits the model "gemini-2.5-flash": the routes are "openai/*", "claude-*", "cheap"
})

const keys = Layer.setConfigProvider(
  ConfigProvider.fromJson({ OPENAI_API_KEY: "simulated", ANTHROPIC_API_KEY: "simulated", ZHIPUAI_API_KEY: "id.secret" })
)

await Effect.runPromise(
  Effect.zipRight(named, Effect.provide(picked, routed)).pipe(
    Effect.provide(clients.pipe(Layer.provide(keys), Layer.provide(Simulator.layerHttpClient())))
  )
)
