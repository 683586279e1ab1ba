/**
 * Rate limits that many processes share: one script in Redis, on the server's clock, over one key per quota that expires
 * when nobody uses it. Exact over all processes: a call that waits has its place before those of other processes that came
 * later, and a large one is not passed by small ones for ever.
 */
import * as Effect from "effect/Effect"
import type { Redis } from "ioredis"
import {
  type Amounts,
  type Claim,
  type Lesson,
  type Quota,
  type RateLimitStore,
  RateLimitStoreFailed
} from "../policy/RateLimitStore.js"
import { RedisClient, type Service } from "./RedisClientNode.js"

/** Before the key of a quota. The braces keep what belongs to one quota on one server of a cluster. */
const prefix = "effect-llm:rate-limit:"

/** In milliseconds: others may have given something back meanwhile. */
const longestSleep = 1000

/**
 * The state of a quota is a hash: for requests (r) and tokens (t) the level, below 0 where calls wait that have taken
 * already, and the sum of all that was ever taken; the time it is of, and the time before which nobody may begin.
 *
 * A call takes first and waits then. Its ticket is the sum right behind it: what was taken later does not concern it. One
 * that leaves while it waits takes its part out of the sum, too.
 *
 * ARGV: what to do, limits, amounts, and its tickets or its pause. Answers the milliseconds to wait and the tickets.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local todo = ARGV[1]
local stored = redis.call('HMGET', KEYS[1], 'at', 'pause', 'r', 'rs', 't', 'ts')
local at = tonumber(stored[1]) or now
local pause = tonumber(stored[2]) or 0
local passed = math.max(0, now - at)
local wait = pause - now
local longest = wait
local sums = {}
redis.call('HSET', KEYS[1], 'at', math.max(at, now))
for i, name in ipairs({'r', 't'}) do
  local limit = tonumber(ARGV[1 + i])
  local amount = tonumber(ARGV[3 + i])
  local extra = tonumber(ARGV[5 + i])
  local sum = tonumber(stored[2 + 2 * i]) or 0
  if limit > 0 then
    local full = limit * 60000
    local level = math.min(full, (tonumber(stored[1 + 2 * i]) or full) + passed * limit)
    if todo == 'take' then
      local cost = math.min(amount, limit) * 60000
      level = level - cost
      sum = sum + cost
      extra = sum
    elseif todo == 'give' then
      level = math.min(full, level + amount * 60000)
    elseif todo == 'leave' then
      level = math.min(full, level + amount * 60000)
      sum = sum - amount * 60000
    elseif todo == 'learn' and amount >= 0 then
      level = math.min(level, math.floor(amount * 60000))
    end
    if todo == 'take' or todo == 'ask' then
      local missing = -(level + math.max(0, sum - extra))
      wait = math.max(wait, math.ceil(missing / limit))
    end
    longest = math.max(longest, math.ceil((full - level) / limit))
    redis.call('HSET', KEYS[1], name, string.format('%.0f', level), name .. 's', string.format('%.0f', sum))
  end
  sums[i] = string.format('%.0f', sum)
end
if todo == 'learn' and tonumber(ARGV[6]) > 0 then
  pause = math.max(pause, now + tonumber(ARGV[6]))
  redis.call('HSET', KEYS[1], 'pause', string.format('%.0f', pause))
  longest = math.max(longest, pause - now)
end
redis.call('PEXPIRE', KEYS[1], math.max(0, longest) + 60000)
return { tostring(math.max(0, wait)), sums[1], sums[2] }
`

type Todo = "take" | "ask" | "give" | "leave" | "learn"

/** Answers a list of three numbers as texts. */
const run = (
  redis: Redis,
  key: string,
  todo: Todo,
  quota: Quota,
  amounts: Quota,
  extra: readonly [number | string, number | string]
): Promise<unknown> =>
  redis.eval(
    script,
    1,
    `${prefix}{${key}}`,
    todo,
    quota.requests ?? 0,
    quota.tokens ?? 0,
    amounts.requests ?? -1,
    amounts.tokens ?? -1,
    ...extra
  )

const numbers = (answer: unknown): ReadonlyArray<number> | undefined => {
  if (!Array.isArray(answer)) return undefined
  const read = answer.map(Number)
  return read.length === 3 && read.every(Number.isFinite) ? read : undefined
}

/** A store over a client of Redis. */
export const make = (client: Service): RateLimitStore => {
  const call = (
    ...[key, todo, quota, amounts, extra]: readonly [string, Todo, Quota, Quota, readonly [number, number]]
  ): Effect.Effect<ReadonlyArray<number>, RateLimitStoreFailed> =>
    client
      .use((redis) => run(redis, key, todo, quota, amounts, extra))
      .pipe(
        Effect.mapError(({ message }) => new RateLimitStoreFailed({ message })),
        Effect.flatMap((answer) => {
          const read = numbers(answer)
          return read === undefined
            ? Effect.fail(new RateLimitStoreFailed({ message: "Redis answered something else than its script does" }))
            : Effect.succeed(read)
        })
      )

  return {
    claim: (key, amounts): Claim => {
      /** The quota by which something was taken, and the place in the line. */
      let isThrough = false
      let taken:
        | { readonly quota: Quota; readonly cost: Amounts; readonly tickets: readonly [number, number] }
        | undefined
      return {
        ask: (quota) =>
          Effect.map(
            taken === undefined
              ? call(key, "take", quota, amounts, [0, 0])
              : call(key, "ask", taken.quota, nothing, taken.tickets),
            ([wait = 0, requests = 0, tokens = 0]) => {
              taken ??= { quota, cost: cutTo(quota, amounts), tickets: [requests, tokens] }
              isThrough = wait <= 0
              return Math.min(wait, longestSleep)
            }
          ),
        settle: (actual) =>
          Effect.suspend(() => {
            if (taken === undefined) return Effect.void
            const { cost, quota } = taken
            if (!isThrough) return Effect.asVoid(call(key, "leave", quota, cost, [0, 0]))
            const back = { requests: cost.requests - actual.requests, tokens: cost.tokens - actual.tokens }
            return back.requests === 0 && back.tokens === 0
              ? Effect.void
              : Effect.asVoid(call(key, "give", quota, back, [0, 0]))
          })
      }
    },
    learn: (key, { atMost = {}, pause = 0 }: Lesson, quota) =>
      Effect.asVoid(
        call(key, "learn", quota, { requests: atMost.requests, tokens: atMost.tokens }, [Math.ceil(pause), 0])
      )
  }
}

const nothing: Amounts = { requests: 0, tokens: 0 }

const cutTo = ({ requests, tokens }: Quota, amounts: Amounts): Amounts => ({
  requests: requests === undefined ? 0 : Math.min(requests, amounts.requests),
  tokens: tokens === undefined ? 0 : Math.min(tokens, amounts.tokens)
})

/** For `Policy.rateLimit({ store })`. */
export const store: Effect.Effect<RateLimitStore, never, RedisClient> = Effect.map(RedisClient, make)
