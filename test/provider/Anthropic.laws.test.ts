import { Redacted } from "effect"
import { Anthropic } from "effect-llm"
import { laws } from "../laws.js"
import { httpClients, onSimulator, type ProviderOn } from "../worlds.js"

const provider: ProviderOn = (url, key) =>
  Anthropic.layer({ apiKey: Redacted.make(key), baseUrl: new URL(url).origin, model: "claude-sonnet-4-5" })

for (const [name, http] of Object.entries(httpClients)) {
  laws(onSimulator(`Anthropic over ${name}`, http, undefined, { provider, embeds: false }))
}
