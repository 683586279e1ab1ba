/**
 * Everything that makes a call dependable, as functions from a layer of `LlmClient` to another. The order in a pipe is
 * inside to outside: a place is not held while a retry waits, a cached answer costs no quota.
 */
export { budget } from "./BudgetPolicy.js"
export { cache, type CacheOptions } from "./Cache.js"
export type { CacheBacking } from "./CacheBacking.js"
export { circuitBreaker, type CircuitBreakerOptions, type CircuitChange, type CircuitState } from "./CircuitBreaker.js"
export { concurrency } from "./Concurrency.js"
export { fallback, type FallbackOptions, fallbackTags } from "./Fallback.js"
export { hedge, type HedgeOptions } from "./Hedge.js"
export { loadBalance, type LoadBalanceOptions, type LoadBalanceStrategy } from "./LoadBalance.js"
export { make, type Policy } from "./Make.js"
export { mapCompletion, mapRequest } from "./Map.js"
export { rateLimit, type RateLimitOptions } from "./RateLimit.js"
export { retry } from "./Retry.js"
export { type Destination, route, type Routes } from "./Route.js"
export { streamRecovery, type StreamRecoveryOptions } from "./StreamRecovery.js"
export { telemetry, type TelemetryOptions } from "./Telemetry.js"
export { throttle } from "./Throttle.js"
export { attemptTimeout, firstPartTimeout, idleTimeout, totalTimeout } from "./Timeout.js"
