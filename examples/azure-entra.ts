// Azure OpenAI without a key: a token of Entra ID, asked for at every attempt. `npm i @azure/identity` gives the credential
// that finds one wherever the program runs: a managed identity, the Azure CLI, the environment. Without an Azure: simulated.
// npx tsx examples/azure-entra.ts
import { FetchHttpClient } from "@effect/platform"
import { Config, Console, Effect, Layer, Redacted } from "effect"
import { AzureOpenAi, LlmClient, Policy, RetryPolicy } from "effect-llm"
import { Fault, Simulator } from "effect-llm/testing"

/** What is used of @azure/identity; a program that depends on it imports `DefaultAzureCredential` itself. */
interface Identity {
  readonly DefaultAzureCredential: new () => {
    readonly getToken: (scope: string) => Promise<{ readonly token: string }>
  }
}

const optionalPackage: string = "@azure/identity"

const azure = Layer.unwrapEffect(
  Effect.gen(function* () {
    const identity = yield* Effect.tryPromise((): Promise<Identity> => import(optionalPackage))
    // It keeps its tokens as long as they are good: asking at every attempt costs nothing.
    const credential = new identity.DefaultAzureCredential()
    const token = Effect.tryPromise(() => credential.getToken("https://cognitiveservices.azure.com/.default"))
    return AzureOpenAi.layerConfig({ token: Effect.map(token, ({ token }) => Redacted.make(token)) })
  })
)

let issued = 0

const simulated = Layer.unwrapEffect(
  Effect.map(Simulator.Simulator, ({ url }) =>
    AzureOpenAi.layer({
      endpoint: new URL(url).origin,
      deployment: "gpt-4.1-mini",
      apiVersion: "2024-10-21",
      token: Effect.sync(() => Redacted.make(`token-${++issued}`))
    })
  )
).pipe(Layer.provide(Simulator.layer({ answer: () => "Paris.", faults: [Fault.status(503)] })), Layer.orDie)

const llm = Layer.unwrapEffect(
  Effect.map(Config.option(Config.string("AZURE_OPENAI_ENDPOINT")), (endpoint) =>
    endpoint._tag === "Some" ? azure : simulated
  )
).pipe(Policy.retry(RetryPolicy.exponential({ base: "10 millis" })))

const program = Effect.gen(function* () {
  const { attempts, text } = yield* LlmClient.complete("What is the capital of France?")
  yield* Console.log(`${text} (${attempts} attempts, ${issued} tokens)`)
  // -> Paris. (2 attempts, 2 tokens)
})

await Effect.runPromise(program.pipe(Effect.provide(llm), Effect.provide(FetchHttpClient.layer)))
