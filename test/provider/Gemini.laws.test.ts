import { Redacted } from "effect"
import { type ChatRequest, Gemini } from "effect-llm"
import { laws } from "../laws.js"
import { httpClients, onSimulator, type ProviderOn } from "../worlds.js"

const geminiOn =
  (model: string, defaults?: ChatRequest.Settings): ProviderOn =>
  (url, key) =>
    Gemini.layer({ apiKey: Redacted.make(key), baseUrl: new URL(url).origin, model, defaults })

const subjects: Readonly<Record<string, ProviderOn>> = {
  "Gemini, which does not think": geminiOn("gemini-2.0-flash"),
  "Gemini, which thinks": geminiOn("gemini-2.5-flash"),
  "Gemini, which signs its calls": geminiOn("gemini-3-pro-preview"),
  "Gemini, which gives out its thoughts": geminiOn("gemini-3-flash-preview", { reasoningEffort: "low" })
}

for (const [name, provider] of Object.entries(subjects)) {
  laws(onSimulator(name, httpClients["effect-llm/node"], (layer) => layer, { provider }))
}
