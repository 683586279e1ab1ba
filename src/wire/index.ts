export * as ChatCompletions from "./ChatCompletions.js"
export * as ErrorClassification from "./ErrorClassification.js"
export * as RetryAfter from "./RetryAfter.js"
export * as Wire from "./Wire.js"
