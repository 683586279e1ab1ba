import { Effect, Redacted } from "effect"
import { AzureOpenAi } from "effect-llm"
import { laws } from "../laws.js"
import { httpClients, onSimulator, type ProviderOn } from "../worlds.js"

const azureWith =
  (options: (key: string) => Partial<AzureOpenAi.Options>): ProviderOn =>
  (url, key) =>
    AzureOpenAi.layer({
      endpoint: new URL(url).origin,
      deployment: "gpt-4.1-mini",
      embeddingDeployment: "text-embedding-3-small",
      ...options(key)
    })

const byKey = (key: string): Partial<AzureOpenAi.Options> => ({ apiKey: Redacted.make(key), apiVersion: "2024-10-21" })

for (const [name, http] of Object.entries(httpClients)) {
  laws(onSimulator(`AzureOpenAi over ${name}`, http, undefined, { provider: azureWith(byKey) }))
}

laws(
  onSimulator("AzureOpenAi on the v1 surface", httpClients["effect-llm/node"], undefined, {
    provider: azureWith((key) => ({ apiKey: Redacted.make(key) }))
  })
)

laws(
  onSimulator("AzureOpenAi with a token", httpClients["effect-llm/node"], undefined, {
    provider: azureWith((key) => ({ token: Effect.succeed(Redacted.make(key)), apiVersion: "2024-10-21" }))
  })
)
