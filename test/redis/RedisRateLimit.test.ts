import { describe, expect, it } from "@effect/vitest"
import { Array as Arrays, Context, Effect, Fiber, Layer, Logger, TestClock } from "effect"
import { ChatRequest, LlmClient, Policy } from "effect-llm"
import { RedisClient, RedisRateLimit } from "effect-llm/redis"
import { MockLlm } from "effect-llm/testing"
import * as RedisServer from "./RedisServer.js"

const request = ChatRequest.make({ prompt: "Hi", maxTokens: 10 })
const one = { requests: 1, tokens: 0 }
const quota = (requests: number | undefined, tokens?: number) => ({ requests, tokens })

/** A store of a process: a connection of its own. */
const storeAt = (url: string) => Effect.map(RedisClient.make({ url }), RedisRateLimit.make)

describe.skipIf(!RedisServer.isInstalled)("RedisRateLimit", () => {
  it.scoped("two processes together take no more than there is, and wait behind it", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.start()
      const stores = [yield* storeAt(url), yield* storeAt(url)]
      const waits = yield* Effect.forEach(
        Arrays.makeBy(12, (n) => stores[n % 2]),
        (store) => store?.claim("k", one).ask(quota(10)) ?? Effect.succeed(-1)
      )
      expect(waits.slice(0, 10)).toEqual(Arrays.replicate(0, 10))
      // A minute has 10: each one behind them waits 6 seconds longer, and asks again after one at most.
      expect(waits.slice(10)).toEqual([1000, 1000])
    })
  )

  it.scoped("what is given back is there for all, and no more than the limit ever", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.start()
      const [mine, theirs] = [yield* storeAt(url), yield* storeAt(url)]
      const tokens = { requests: 1, tokens: 100 }
      const claim = mine.claim("k", tokens)
      expect(yield* claim.ask(quota(undefined, 100))).toBe(0)
      const waiting = theirs.claim("k", tokens)
      expect(yield* waiting.ask(quota(undefined, 100))).toBeGreaterThan(0)
      yield* claim.settle({ requests: 1, tokens: 0 })
      expect(yield* waiting.ask(quota(undefined, 100))).toBe(0)
      expect(yield* mine.claim("k", { requests: 1, tokens: 50 }).ask(quota(undefined, 100))).toBeGreaterThan(0)
    })
  )

  it.scoped("a large call is not passed by small ones, and who leaves makes way", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.start()
      const store = yield* storeAt(url)
      const of = (tokens: number) => store.claim("k", { requests: 1, tokens })
      const perMinute = quota(undefined, 100)
      const running = of(60)
      expect(yield* running.ask(perMinute)).toBe(0)
      const large = of(90)
      expect(yield* large.ask(perMinute)).toBeGreaterThan(0)
      const small = of(10)
      // 40 are there, but the large one was first.
      expect(yield* small.ask(perMinute)).toBeGreaterThan(0)
      yield* large.settle({ requests: 0, tokens: 0 })
      expect(yield* small.ask(perMinute)).toBe(0)
    })
  )

  it.scoped("a pause is for all, and keys expire", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.start()
      const [mine, theirs] = [yield* storeAt(url), yield* storeAt(url)]
      yield* mine.learn("k", { pause: 60_000 }, quota(10))
      expect(yield* theirs.claim("k", one).ask(quota(10))).toBe(1000)
      yield* mine.learn("other", { atMost: { requests: 0 } }, quota(10))
      expect(yield* theirs.claim("other", one).ask(quota(10))).toBe(1000)
      const { use } = yield* RedisClient.make({ url })
      const lives = yield* use((redis) => redis.pttl("effect-llm:rate-limit:{k}"))
      expect(lives).toBeGreaterThan(60_000)
      expect(lives).toBeLessThanOrEqual(121_000)
    })
  )

  it.scoped("the same policy runs over it", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.start()
      const mock = yield* MockLlm.make("Hi")
      const layer = mock.layer.pipe(
        Policy.rateLimit({ requestsPerMinute: 5, tokensPerMinute: 1000, store: RedisRateLimit.store }),
        Layer.provide(RedisClient.layer({ url }))
      )
      const clients = yield* Effect.forEach([1, 2], () =>
        Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, LlmClient.LlmClient))
      )
      const fibers = yield* Effect.forEach(clients, (client) =>
        Effect.fork(Effect.forEach(Arrays.replicate(request, 4), client.complete))
      )
      // As many as a minute has; the others wait on the server's clock.
      yield* Effect.repeat(Effect.zipRight(Effect.yieldNow(), TestClock.adjust(1)), {
        until: () => Effect.map(mock.calls, (calls) => calls.length === 5)
      })
      yield* Fiber.interruptAll(fibers)
      expect(yield* mock.calls).toHaveLength(5)
    })
  )

  it.scoped("a server that is killed: fail says so, and local goes on with one warning until it is back", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.start()
      const mock = yield* MockLlm.make("Hi")
      const lines: Array<unknown> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => lines.push(String(message)))
      )
      const clientOf = (onStoreFailure: "fail" | "local") =>
        Effect.map(
          Layer.build(
            mock.layer.pipe(
              Policy.rateLimit({ requestsPerMinute: 6000, store: RedisRateLimit.store, onStoreFailure }),
              Layer.provide(RedisClient.layer({ url: server.url }))
            )
          ),
          (context) => Context.get(context, LlmClient.LlmClient)
        )
      const failing = yield* clientOf("fail")
      const local = yield* clientOf("local")
      yield* failing.complete(request)
      yield* Effect.provide(local.complete(request), logger)
      yield* server.kill
      const error = yield* Effect.flip(failing.complete(request))
      expect(error).toMatchObject({ _tag: "ConnectionFailed", outcome: "not-sent", attempts: 0 })
      yield* Effect.provide(
        Effect.forEach([1, 2, 3], () => local.complete(request)),
        logger
      )
      expect(lines).toHaveLength(1)
      expect(lines[0]).toContain("rate limits are not shared for now")
      yield* RedisServer.start(server.port)
      yield* Effect.repeat(
        Effect.zipRight(TestClock.adjust("6 seconds"), Effect.provide(local.complete(request), logger)),
        {
          until: () => lines.length > 1
        }
      )
      expect(lines).toEqual([lines[0], "rate limits are shared again"])
    })
  )
})

describe("RedisClient", () => {
  it.scoped("of a server that is away fails in its type, and closes", () =>
    Effect.gen(function* () {
      const { use } = yield* RedisClient.make({ url: "redis://127.0.0.1:1", commandTimeout: "200 millis" })
      const error = yield* Effect.flip(use((redis) => redis.get("key")))
      expect(error._tag).toBe("RedisError")
      expect(error.message).not.toBe("")
    })
  )
})
