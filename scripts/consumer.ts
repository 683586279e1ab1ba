// A program of somebody who installed the package: package-check copies it into an empty project, checks its types under
// every module resolution, and runs it. It needs the required peers only.
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { Effect, Layer, Redacted, Stream } from "effect"
import {
  ConfigFile,
  LlmClient,
  LlmError,
  OpenAi,
  Policy,
  Prompt,
  RetryPolicy,
  StreamPart,
  Tokenizer,
  type Tool
} from "effect-llm"
import * as Policies from "effect-llm/policy"
import * as Providers from "effect-llm/provider"
import { Fault, MockLlm, Simulator } from "effect-llm/testing"
import * as Wires from "effect-llm/wire"

const check = (what: string, holds: boolean): void => {
  if (!holds) throw new Error(`does not hold: ${what}`)
  console.log(`  ${what}`)
}

const dependable = <E, R>(layer: Layer.Layer<LlmClient.LlmClient, E, R>) =>
  layer.pipe(
    Policy.attemptTimeout("10 seconds"),
    Policy.concurrency(4),
    Policy.retry(RetryPolicy.exponential({ base: "1 millis", retries: 2 })),
    Policy.cache({ timeToLive: "1 hour" })
  )

const program = Effect.gen(function* () {
  const completion = yield* LlmClient.complete({ prompt: [Prompt.user("Name a river.")], temperature: 0 })
  const repeated = yield* LlmClient.complete({ prompt: [Prompt.user("Name a river.")], temperature: 0 })
  const streamed = yield* LlmClient.streamText("Name a lake.").pipe(Stream.mkString)
  const folded = yield* StreamPart.collect(LlmClient.stream("Name a lake."))
  const { vectors } = yield* LlmClient.embed(["river", "lake"])
  return { completion, repeated, streamed, folded, vectors }
})

/** What the compiler must know: a guard splits the two unions, and a tag narrows to its fields. */
const advice = program.pipe(
  Effect.as("no error"),
  Effect.catchIf(LlmError.isRetryable, (error) =>
    Effect.succeed(`${error._tag}: wait ${error.retryAfter ?? "a little"}`)
  ),
  Effect.catchTag("InvalidRequest", (error) => Effect.succeed(`${error.param ?? "something"} is wrong`)),
  Effect.catchAll((error: LlmError.TerminalError) => Effect.succeed(`${error._tag}: never`))
)

const tool: Tool.ToolDefinition = { name: "weather", parameters: { type: "object", properties: {} } }

const mocked = Effect.gen(function* () {
  const { completion, streamed, vectors } = yield* program
  check(
    "MockLlm answers complete, stream and embed",
    completion.text === "Nile" && streamed === "Erie" && vectors.length === 2
  )
  check("MockLlm remembers its calls", (yield* MockLlm.calls).length === 5)
}).pipe(Effect.provide(MockLlm.layer(["Nile", "Nile", "Erie", "Erie"])))

const simulated = Effect.gen(function* () {
  const simulator = yield* Simulator.Simulator
  yield* simulator.inject(Fault.status(503))
  const llm = dependable(
    OpenAi.layer({ apiKey: Redacted.make("simulated-key"), model: "gpt-4.1-mini", baseUrl: simulator.url })
  )
  const { completion, repeated, streamed, folded, vectors } = yield* Effect.provide(program, llm)
  check("OpenAi over fetch retries a 503", completion.text !== "" && completion.attempts === 2)
  check("an equal request comes from the cache", repeated.cached && repeated.text === completion.text)
  check("a stream folds to the same text", streamed !== "" && folded.text === streamed)
  check("embeddings have a vector per text", vectors.length === 2 && vectors[0]?.length === 1536)
  const chosen = LlmClient.layerFromConfig({ apiKey: Redacted.make("simulated-key"), baseUrl: simulator.url }).pipe(
    Layer.provide(ConfigFile.layerText('[OpenAI]\nMODEL = "gpt-4.1"\n', "toml"))
  )
  const { model } = yield* Effect.provide(LlmClient.complete("Name a river."), chosen)
  check("a TOML file chooses the model", model.startsWith("gpt-4.1-2"))
  yield* simulator.inject(Fault.status(401))
  const fresh = OpenAi.layer({ apiKey: Redacted.make("simulated-key"), model: "gpt-4.1-mini", baseUrl: simulator.url })
  check("a terminal error has its tag", (yield* Effect.provide(advice, fresh)) === "AuthenticationFailed: never")
}).pipe(Effect.provide(Simulator.layer({ seed: 1 })), Effect.provide(FetchHttpClient.layer))

const counted = Effect.gen(function* () {
  check("Tokenizer loads its data", (yield* Tokenizer.count("tiktoken is great!", { model: "gpt-4o" })) === 6)
}).pipe(Effect.provide(Tokenizer.layer))

check(
  "every subpath gives its namespaces",
  [
    Policies.RetryPolicy.standard === RetryPolicy.standard,
    Providers.OpenAi.layer === OpenAi.layer,
    typeof Wires.ChatCompletions.make === "function",
    tool.name === "weather"
  ].every(Boolean)
)

await Effect.runPromise(Effect.all([mocked, simulated, counted]))
