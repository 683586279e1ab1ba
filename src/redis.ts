export * as RedisCache from "./redis/RedisCache.js"
export * as RedisClient from "./redis/RedisClientNode.js"
export * as RedisRateLimit from "./redis/RedisRateLimit.js"
