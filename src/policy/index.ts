export * as Policy from "./Policy.js"
export * as RetryPolicy from "./RetryPolicy.js"
