/** How each provider's own variables are set, so that its `layerConfig` calls the simulator. */
import type * as Simulator from "../testing/Simulator.js"

interface Row {
  readonly provider: Simulator.Provider
  readonly url: string
  readonly key: string
  readonly model: string
  /** One that the simulator knows. */
  readonly value: string
}

const named = (provider: Simulator.Provider, prefix: string, value: string): Row => ({
  provider,
  url: `${prefix}_BASE_URL`,
  key: `${prefix}_API_KEY`,
  model: `${prefix}_MODEL`,
  value
})

const rows: ReadonlyArray<Row> = [
  {
    provider: "azure-openai",
    url: "AZURE_OPENAI_ENDPOINT",
    key: "AZURE_OPENAI_API_KEY",
    model: "AZURE_DEPLOYMENT_NAME",
    value: "gpt-4.1-mini"
  },
  {
    provider: "azure-meta-llama",
    url: "LLAMA_ENDPOINT",
    key: "LLAMA_API_KEY",
    model: "LLAMA_MODEL",
    value: "Meta-Llama-3.1-8B-Instruct"
  },
  named("anthropic", "ANTHROPIC", "claude-sonnet-4-5"),
  named("gemini", "GEMINI", "gemini-2.5-flash"),
  { ...named("zhipu", "ZHIPU", "glm-4.6"), key: "ZHIPUAI_API_KEY" },
  { ...named("huggingface", "HF", "meta-llama/Llama-3.3-70B-Instruct"), key: "HF_TOKEN" },
  named("deepseek", "DEEPSEEK", "deepseek-chat"),
  named("groq", "GROQ", "llama-3.3-70b-versatile"),
  named("mistral", "MISTRAL", "mistral-small-latest"),
  named("moonshot", "MOONSHOT", "kimi-k2-thinking"),
  named("ollama", "OLLAMA", "llama3.2")
]

/** One line per provider beside OpenAI, for a shell. Zhipu's keys have two halves. */
export const exports = (urls: Simulator.Service["urls"], key: string): string =>
  rows
    .map(({ key: keyName, model, provider, url, value }) => {
      const ownKey = provider === "zhipu" && !key.startsWith("$") ? `${key}.secret` : key
      return `  export ${url}=${urls[provider]} ${keyName}=${ownKey} ${model}=${value}`
    })
    .join("\n")
