import { Redacted } from "effect"
import { AzureOpenAi, OpenAi } from "effect-llm"
import { laws } from "../laws.js"
import { httpClients, onSimulator, type ProviderOn } from "../worlds.js"

const openAi =
  (model: string): ProviderOn =>
  (url, key) =>
    OpenAi.layer({ apiKey: Redacted.make(key), baseUrl: url, model, api: "responses" })

const azure: ProviderOn = (url, key) =>
  AzureOpenAi.layer({
    endpoint: new URL(url).origin,
    deployment: "gpt-4.1-mini",
    embeddingDeployment: "text-embedding-3-small",
    apiKey: Redacted.make(key),
    api: "responses"
  })

for (const [name, http] of Object.entries(httpClients)) {
  laws(onSimulator(`OpenAi with responses over ${name}`, http, undefined, { provider: openAi("gpt-4.1-mini") }))
}

const http = httpClients["effect-llm/node"]

laws(onSimulator("OpenAi with responses and a model that thinks", http, undefined, { provider: openAi("gpt-5-mini") }))

laws(onSimulator("AzureOpenAi with responses", http, undefined, { provider: azure }))
