import { describe, expect, it } from "@effect/vitest"
import { Array as Arrays, Context, Duration, Effect, Layer, Logger, Option } from "effect"
import { ChatRequest, LlmClient, Policy } from "effect-llm"
import { RedisCache, RedisClient } from "effect-llm/redis"
import { MockLlm } from "effect-llm/testing"
import * as RedisServer from "./RedisServer.js"

const request = ChatRequest.make("Hi")

/** A process with a connection of its own, and the mock behind its cache. */
const processAt = (url: string, answers: MockLlm.Answers = "Hello", options: Policy.CacheOptions = {}) =>
  Effect.gen(function* () {
    const mock = yield* MockLlm.make(answers)
    const layer = mock.layer.pipe(
      Policy.cache({ ...options, store: RedisCache.store() }),
      Layer.provide(RedisClient.layer({ url }))
    )
    const client = Context.get(yield* Layer.build(layer), LlmClient.LlmClient)
    return { client, calls: Effect.map(mock.calls, (calls) => calls.length) }
  })

/** What is logged while an effect runs. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => lines.push(String(message)))
    return Effect.map(Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger)), (value) => ({
      value,
      lines
    }))
  })

describe.skipIf(!RedisServer.isInstalled)("a cache in Redis", () => {
  it.scoped("answers in another process what was answered in one, whole, streamed or embedded", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.start()
      const [mine, theirs] = [yield* processAt(url), yield* processAt(url)]
      yield* mine.client.complete(request)
      yield* mine.client.embed({ input: ["a", "b"] })
      const answer = yield* theirs.client.complete(request)
      expect(answer).toMatchObject({ text: "Hello", cached: true, attempts: 0 })
      yield* theirs.client.embed({ input: ["b", "a"] })
      expect(yield* theirs.calls).toBe(0)
      expect(yield* mine.calls).toBe(2)
    })
  )

  it.scoped("makes one call for fifty equal ones at the same time", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.start()
      const { calls, client } = yield* processAt(url)
      yield* Effect.all(Arrays.replicate(client.complete(request), 50), { concurrency: "unbounded" })
      expect(yield* calls).toBe(1)
    })
  )

  it.scoped("has entries expire by themselves, and keeps others", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.start()
      const redis = yield* RedisClient.make({ url })
      const backing = RedisCache.make(redis, { prefix: "p:" })
      yield* backing.set("short", { a: 1 }, Option.some(Duration.seconds(40)))
      yield* backing.set("long", { b: 2 }, Option.none())
      expect(yield* backing.getMany(["long", "none", "short"])).toEqual([
        Option.some({ b: 2 }),
        Option.none(),
        Option.some({ a: 1 })
      ])
      expect(yield* redis.use((commands) => commands.pttl("p:long"))).toBe(-1)
      const left = yield* redis.use((commands) => commands.pttl("p:short"))
      expect(left).toBeGreaterThan(0)
      expect(left).toBeLessThanOrEqual(40_000)
    })
  )

  const hostile = ["", "no JSON", "null", "[]", '{"version":99}', "\u0000\u0001", '{"__proto__":{"version":1}}']

  it.scoped.each(hostile)("asks anew where somebody wrote %j in its place, and says so", (text) =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.start()
      const { calls, client } = yield* processAt(url)
      yield* client.complete(request)
      const redis = yield* RedisClient.make({ url })
      const [key = ""] = yield* redis.use((commands) => commands.keys("*"))
      yield* redis.use((commands) => commands.set(key, text))
      const { lines, value } = yield* logged(client.complete(request))
      expect(value).toMatchObject({ text: "Hello", cached: false })
      expect(yield* calls).toBe(2)
      expect(lines.join()).toContain("cache")
    })
  )

  it.scoped("goes on without a server that is killed, with a warning, and holds no key and no prompt", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.start()
      const { calls, client } = yield* processAt(server.url)
      yield* client.complete({ ...request, prompt: [{ role: "user", content: [{ _tag: "Text", text: "a secret" }] }] })
      const redis = yield* RedisClient.make({ url: server.url })
      const keys = yield* redis.use((commands) => commands.keys("*"))
      const values = yield* redis.use((commands) => commands.mget(keys))
      expect(JSON.stringify([keys, values])).not.toContain("secret")
      yield* server.kill
      const { lines, value } = yield* logged(client.complete(request))
      expect(value).toMatchObject({ text: "Hello", cached: false })
      expect(yield* calls).toBe(2)
      expect(lines.join()).toMatch(/cache could not/)
    })
  )
})
