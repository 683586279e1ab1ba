/**
 * Conversations as one text, for models and servers that know no messages: roles, separators and stop strings, there and
 * back. What people say cannot pass for a turn of another, whatever it holds.
 */
export { type Options, presets, type Speaker } from "./ConversationPresets.js"
export { policy, toRequest } from "./ConversationRequest.js"
export { type ConversationTemplate, ConversationTemplateError, make, type Rendered } from "./ConversationText.js"
