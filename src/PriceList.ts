/**
 * What providers ask for, as their public price lists had it on the date below: the standard tier, text, without discounts
 * for batches or commitments. In US dollars per million tokens.
 */
/** In US dollars per million tokens. */
export interface Price {
  readonly input: number
  /** Left out for models that write nothing, such as those of embeddings. */
  readonly output?: number
  /** Of tokens read from the provider's prompt cache. Default: as `input` */
  readonly cachedInput?: number
  /** Of tokens written to it. Default: as `input` */
  readonly cacheWrite?: number
  /** Of tokens spent on reasoning. Default: as `output` */
  readonly reasoning?: number
  /** What all tokens of a call cost whose prompt has more than `inputTokens`. Default: the same */
  readonly above?: Omit<Price, "above"> & { readonly inputTokens: number }
}

/** `provider` and `model` are the words of `LlmClient`; dates and `-latest` at the end of a model's name are left out. */
export interface Row extends Price {
  readonly provider: string
  readonly model: string
}

/** `date`: the day that the prices were looked up, as `2026-11-25`. */
export interface PriceTable {
  readonly date: string
  readonly rows: ReadonlyArray<Row>
}

type Figures = Omit<Row, "provider" | "model">

const rows = (provider: string, models: Readonly<Record<string, Figures>>): ReadonlyArray<Row> =>
  Object.entries(models).map(([model, figures]) => ({ provider, model, ...figures }))

const openAi = rows("openai", {
  "gpt-5.5": {
    input: 5,
    output: 30,
    cachedInput: 0.5,
    above: { inputTokens: 272_000, input: 10, output: 45, cachedInput: 1 }
  },
  "gpt-5.4": {
    input: 2.5,
    output: 15,
    cachedInput: 0.25,
    above: { inputTokens: 272_000, input: 5, output: 22.5, cachedInput: 0.5 }
  },
  "gpt-5.4-mini": { input: 0.75, output: 4.5, cachedInput: 0.075 },
  "gpt-5.4-nano": { input: 0.2, output: 1.25, cachedInput: 0.02 },
  "gpt-5.2": { input: 1.75, output: 14, cachedInput: 0.175 },
  "gpt-5.1": { input: 1.25, output: 10, cachedInput: 0.125 },
  "gpt-5": { input: 1.25, output: 10, cachedInput: 0.125 },
  "gpt-5-mini": { input: 0.25, output: 2, cachedInput: 0.025 },
  "gpt-5-nano": { input: 0.05, output: 0.4, cachedInput: 0.005 },
  "gpt-5-pro": { input: 15, output: 120 },
  "gpt-4.1": { input: 2, output: 8, cachedInput: 0.5 },
  "gpt-4.1-mini": { input: 0.4, output: 1.6, cachedInput: 0.1 },
  "gpt-4.1-nano": { input: 0.1, output: 0.4, cachedInput: 0.025 },
  "gpt-4o-2024-05-13": { input: 5, output: 15 },
  "gpt-4o": { input: 2.5, output: 10, cachedInput: 1.25 },
  "gpt-4o-mini": { input: 0.15, output: 0.6, cachedInput: 0.075 },
  o1: { input: 15, output: 60, cachedInput: 7.5 },
  o3: { input: 2, output: 8, cachedInput: 0.5 },
  "o3-pro": { input: 20, output: 80 },
  "o3-mini": { input: 1.1, output: 4.4, cachedInput: 0.55 },
  "o4-mini": { input: 1.1, output: 4.4, cachedInput: 0.275 },
  "gpt-4-turbo": { input: 10, output: 30 },
  "gpt-4": { input: 30, output: 60 },
  "gpt-3.5-turbo-0301": { input: 1.5, output: 2 },
  "gpt-3.5-turbo-0613": { input: 1.5, output: 2 },
  "gpt-3.5-turbo-1106": { input: 1, output: 2 },
  "gpt-3.5-turbo": { input: 0.5, output: 1.5 },
  "text-embedding-3-small": { input: 0.02 },
  "text-embedding-3-large": { input: 0.13 },
  "text-embedding-ada-002": { input: 0.1 }
})

const opus = { input: 5, output: 25, cachedInput: 0.5, cacheWrite: 6.25 }
const sonnet = { input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75 }

const anthropic = rows("anthropic", {
  "claude-opus-4-7": opus,
  "claude-opus-4-6": opus,
  "claude-opus-4-5": opus,
  "claude-opus-4-1": { input: 15, output: 75, cachedInput: 1.5, cacheWrite: 18.75 },
  "claude-opus-4": { input: 15, output: 75, cachedInput: 1.5, cacheWrite: 18.75 },
  "claude-sonnet-4-6": sonnet,
  "claude-sonnet-4-5": {
    ...sonnet,
    above: { inputTokens: 200_000, input: 6, output: 22.5, cachedInput: 0.6, cacheWrite: 7.5 }
  },
  "claude-sonnet-4": sonnet,
  "claude-3-7-sonnet": sonnet,
  "claude-haiku-4-5": { input: 1, output: 5, cachedInput: 0.1, cacheWrite: 1.25 },
  "claude-3-5-haiku": { input: 0.8, output: 4, cachedInput: 0.08, cacheWrite: 1 },
  "claude-3-haiku": { input: 0.25, output: 1.25, cachedInput: 0.03, cacheWrite: 0.3 }
})

const gemini3Pro = {
  input: 2,
  output: 12,
  cachedInput: 0.2,
  above: { inputTokens: 200_000, input: 4, output: 18, cachedInput: 0.4 }
}

const gemini = rows("gemini", {
  "gemini-3.1-pro": gemini3Pro,
  "gemini-3-pro": gemini3Pro,
  "gemini-3-flash": { input: 0.5, output: 3, cachedInput: 0.05 },
  "gemini-2.5-pro": {
    input: 1.25,
    output: 10,
    cachedInput: 0.125,
    above: { inputTokens: 200_000, input: 2.5, output: 15, cachedInput: 0.25 }
  },
  "gemini-2.5-flash": { input: 0.3, output: 2.5, cachedInput: 0.03 },
  "gemini-2.5-flash-lite": { input: 0.1, output: 0.4, cachedInput: 0.01 },
  "gemini-2.0-flash": { input: 0.1, output: 0.4, cachedInput: 0.025 },
  "gemini-2.0-flash-lite": { input: 0.075, output: 0.3 },
  "gemini-embedding-001": { input: 0.15 }
})

const others = [
  ...rows("groq", {
    "llama-3.3-70b-versatile": { input: 0.59, output: 0.79 },
    "llama-3.1-8b-instant": { input: 0.05, output: 0.08 },
    "openai/gpt-oss-120b": { input: 0.15, output: 0.6, cachedInput: 0.075 },
    "openai/gpt-oss-20b": { input: 0.075, output: 0.3, cachedInput: 0.0375 }
  }),
  ...rows("mistral", {
    "mistral-large": { input: 2, output: 6 },
    "mistral-medium": { input: 1.5, output: 7.5, cachedInput: 0.15 },
    "mistral-small": { input: 0.1, output: 0.3 },
    codestral: { input: 0.3, output: 0.9 }
  }),
  ...rows("xai", {
    "grok-4": { input: 3, output: 15, cachedInput: 0.75 },
    "grok-3": { input: 3, output: 15, cachedInput: 0.75 },
    "grok-3-mini": { input: 0.3, output: 0.5, cachedInput: 0.075 },
    "grok-code-fast-1": { input: 0.2, output: 1.5, cachedInput: 0.02 }
  }),
  ...rows("moonshot", {
    "kimi-k2-0905-preview": { input: 0.6, output: 2.5, cachedInput: 0.15 },
    "kimi-k2-thinking": { input: 0.6, output: 2.5, cachedInput: 0.15 }
  }),
  ...rows("cerebras", {
    "gpt-oss-120b": { input: 0.35, output: 0.75 },
    "llama3.1-8b": { input: 0.1, output: 0.1 }
  })
]

export const priceList: PriceTable = { date: "2026-11-25", rows: [...openAi, ...anthropic, ...gemini, ...others] }
