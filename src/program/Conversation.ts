/**
 * Conversations: what was said is sent again at every turn, as much of it as fits, and turns follow each other.
 */
export { ConversationError, makePersisted, type Persisted, type PersistedOptions } from "./ConversationStore.js"
export { type Conversation, type Input, make, type Options, type Spent } from "./ConversationTurns.js"
export type { SummarizeOptions } from "./Summarizing.js"
