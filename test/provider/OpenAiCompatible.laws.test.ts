import { Redacted } from "effect"
import { HuggingFace, OpenAiCompatible } from "effect-llm"
import { laws } from "../laws.js"
import { httpClients, onSimulator, type ProviderOn } from "../worlds.js"

const at = (path: string, url: string): string => new URL(path, url).href

const subjects: Readonly<Record<string, ProviderOn>> = {
  HuggingFace: (url, key) =>
    HuggingFace.layer({
      apiKey: Redacted.make(key),
      baseUrl: at("/huggingface/v1", url),
      model: "meta-llama/Llama-3.3-70B-Instruct",
      embeddingModel: "BAAI/bge-embed"
    }),
  "a server by its base URL": (url, key) =>
    OpenAiCompatible.layer({
      apiKey: Redacted.make(key),
      baseUrl: url,
      model: "gpt-4.1-mini",
      embeddingModel: "text-embedding-3-small"
    }),
  groq: (url, key) =>
    OpenAiCompatible.layer({
      vendor: "groq",
      apiKey: Redacted.make(key),
      baseUrl: at("/groq/openai/v1", url),
      model: "llama-3.3-70b-versatile"
    }),
  deepseek: (url, key) =>
    OpenAiCompatible.layer({
      vendor: "deepseek",
      apiKey: Redacted.make(key),
      baseUrl: at("/deepseek/v1", url),
      model: "deepseek-chat"
    }),
  mistral: (url, key) =>
    OpenAiCompatible.layer({
      vendor: "mistral",
      apiKey: Redacted.make(key),
      baseUrl: at("/mistral/v1", url),
      model: "mistral-small-latest",
      embeddingModel: "mistral-embed"
    }),
  moonshot: (url, key) =>
    OpenAiCompatible.layer({
      vendor: "moonshot",
      apiKey: Redacted.make(key),
      baseUrl: at("/moonshot/v1", url),
      model: "kimi-k2-thinking"
    }),
  "ollama, which takes no key": (url) =>
    OpenAiCompatible.layer({
      vendor: "ollama",
      baseUrl: at("/ollama/v1", url),
      model: "llama3.2",
      embeddingModel: "nomic-embed-text"
    })
}

const withoutEmbeddings: ReadonlyArray<string> = ["deepseek", "groq", "moonshot"]

for (const [name, provider] of Object.entries(subjects)) {
  const embeds = !withoutEmbeddings.includes(name)
  laws(onSimulator(`OpenAiCompatible: ${name}`, httpClients["effect-llm/node"], undefined, { provider, embeds }))
}
