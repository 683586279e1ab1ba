// OpenAI's Responses API: what the model thought, in short, and its own thoughts back to it with the next question.
// Without a key, a simulated one answers.
// npx tsx examples/responses.ts
import { FetchHttpClient } from "@effect/platform"
import { Config, Console, Effect, Layer, Redacted } from "effect"
import { Completion, LlmClient, OpenAi, Prompt } from "effect-llm"
import { Simulator } from "effect-llm/testing"

const options = { model: "gpt-5-mini", api: "responses" } as const

const answers = ["It is 7.", "Because 3 and 4 are 7."]

const simulated = Layer.unwrapEffect(
  Effect.map(Simulator.Simulator, ({ url }) =>
    OpenAi.layer({ ...options, apiKey: Redacted.make("simulated"), baseUrl: url })
  )
).pipe(Layer.provide(Simulator.layer({ answer: ({ messages }) => answers[messages.length > 1 ? 1 : 0] ?? "" })))

const llm = Layer.unwrapEffect(
  Effect.map(Config.option(Config.string("OPENAI_API_KEY")), (key) =>
    key._tag === "Some" ? OpenAi.layerConfig(options) : simulated
  )
)

const program = Effect.gen(function* () {
  const question = Prompt.user("What is 3 + 4?")
  const settings = { reasoningEffort: "high", providerOptions: { reasoning: { summary: "auto" } } } as const
  const first = yield* LlmClient.complete({ ...settings, prompt: [question] })
  yield* Console.log(first.text, first.reasoning === undefined ? "without a thought" : "after a thought")
  // -> It is 7. after a thought

  // Its thoughts are parts of the answer: encrypted, they go back with the rest.
  const prompt = [question, Completion.toMessage(first), Prompt.user("Why?")]
  const second = yield* LlmClient.complete({ ...settings, prompt })
  yield* Console.log(second.text, `${second.usage.reasoningTokens} tokens of thought`)
  // -> Because 3 and 4 are 7. … tokens of thought
})

await Effect.runPromise(program.pipe(Effect.provide(llm), Effect.provide(FetchHttpClient.layer)))
