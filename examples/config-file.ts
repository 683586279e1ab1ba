// The provider, its settings and its policies from an INI file with TinyTroupe's names. The environment stands before the
// file: LLM_PROVIDER=groq or OPENAI_MODEL=gpt-4.1 needs no change of it. Without a key, a simulated OpenAI answers.
// npx tsx examples/config-file.ts
import { FetchHttpClient } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { Config, ConfigProvider, Console, Effect, Layer } from "effect"
import { ConfigFile, LlmClient } from "effect-llm"
import { Fault, Simulator } from "effect-llm/testing"
import { fileURLToPath } from "node:url"

const llm = LlmClient.layerFromConfig().pipe(
  Layer.provide(ConfigFile.layer(fileURLToPath(new URL("config.ini", import.meta.url))))
)

const simulated = Layer.unwrapEffect(
  Effect.map(Simulator.Simulator, ({ url }) =>
    Layer.setConfigProvider(
      ConfigProvider.fromMap(
        new Map([
          ["OPENAI_API_KEY", "simulated"],
          ["OPENAI_BASE_URL", url]
        ])
      )
    )
  )
).pipe(Layer.provide(Simulator.layer({ answer: () => "Paris.", faults: [Fault.status(503)] })))

const environment = Layer.unwrapEffect(
  Effect.map(Config.option(Config.string("OPENAI_API_KEY")), (key) => (key._tag === "Some" ? Layer.empty : simulated))
)

const program = Effect.gen(function* () {
  const first = yield* LlmClient.complete("What is the capital of France?")
  const second = yield* LlmClient.complete("What is the capital of France?")
  yield* Console.log(`${first.text} (${first.attempts} attempts, then ${second.cached ? "from the cache" : "again"})`)
  // -> Paris. (2 attempts, then from the cache)
})

await Effect.runPromise(
  program.pipe(
    Effect.provide(llm.pipe(Layer.provide(environment))),
    Effect.provide(Layer.merge(FetchHttpClient.layer, NodeFileSystem.layer))
  )
)
