import { Redacted } from "effect"
import { AzureMetaLlama } from "effect-llm"
import { laws } from "../laws.js"
import { httpClients, onSimulator, type ProviderOn } from "../worlds.js"

const llama: ProviderOn = (url, key) =>
  AzureMetaLlama.layer({
    endpoint: new URL("/score", url).href,
    apiKey: Redacted.make(key),
    model: "Meta-Llama-3.1-70B-Instruct"
  })

for (const [name, http] of Object.entries(httpClients)) {
  laws(
    onSimulator(`AzureMetaLlama over ${name}`, http, undefined, {
      provider: llama,
      embeds: false,
      streams: false,
      callsTools: false,
      saysUsage: false
    })
  )
}
