/** The models that the simulator knows, and what it takes to behave like each. */
export interface Model {
  /** As clients ask for it. */
  readonly id: string
  /** As answers name it: with the date of its version, as OpenAI does. */
  readonly snapshot: string
  readonly kind: "chat" | "embedding"
  /** Thinks before it answers, and refuses `max_tokens` and every sampling setting but the default. */
  readonly reasoning: boolean
  /** Of an embedding model. */
  readonly dimensions: number
}

const snapshots: Readonly<Record<string, string>> = {
  "gpt-5": "gpt-5-2025-08-07",
  "gpt-5-mini": "gpt-5-mini-2025-08-07",
  "gpt-5-nano": "gpt-5-nano-2025-08-07",
  "gpt-4.1": "gpt-4.1-2025-04-14",
  "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
  "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
  "gpt-4o": "gpt-4o-2024-08-06",
  "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
  o1: "o1-2024-12-17",
  o3: "o3-2025-04-16",
  "o3-mini": "o3-mini-2025-01-31",
  "o4-mini": "o4-mini-2025-04-16",
  "claude-haiku-4-5": "claude-haiku-4-5-20251001",
  "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
  "claude-opus-4-5": "claude-opus-4-5-20251101"
}

/** The default list. */
export const defaultModels: ReadonlyArray<string> = [
  ...Object.keys(snapshots),
  "claude-opus-4-6",
  "claude-sonnet-5",
  "text-embedding-3-small",
  "text-embedding-3-large",
  "text-embedding-ada-002"
]

const dimensions: Readonly<Record<string, number>> = {
  "text-embedding-3-large": 3072,
  "embedding-3": 2048,
  "gemini-embedding-001": 3072
}

const reasoningFamily = /^(?:o[134](?:-|$)|gpt-5(?!-chat))/

/** What is known of a model by its name; a name without a known version answers under its own. */
export const describe = (id: string): Model => ({
  id,
  snapshot: snapshots[id] ?? id,
  kind: id.includes("embed") ? "embedding" : "chat",
  reasoning: reasoningFamily.test(id),
  dimensions: dimensions[id] ?? 1536
})

/** Finds a model by its name or by the name of its version. */
export const find = (models: ReadonlyArray<string>, name: string): Model | undefined => {
  const id = models.includes(name) ? name : models.find((model) => snapshots[model] === name)
  return id === undefined ? undefined : describe(id)
}
