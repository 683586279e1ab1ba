import * as Persistence from "@effect/experimental/Persistence"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Layer, Option, TestClock } from "effect"
import { ChatRequest, type LlmClient, Policy } from "effect-llm"
import { warningsIn } from "./Warnings.js"
import { behind, built, make } from "./Watched.js"

const request = ChatRequest.make("Hello")
const complete = (client: LlmClient.Service) => client.complete(request)

/** A store that remembers how it was used, and can be made to fail. */
const makeBacking = () => {
  const entries = new Map<string, unknown>()
  const state = { reads: 0, writes: 0, timesToLive: new Array<number | undefined>() }
  const broken: { read?: Effect.Effect<never, unknown>; write?: Effect.Effect<never, unknown> } = {}
  const get = (key: string) =>
    Effect.suspend(() => {
      state.reads++
      return broken.read ?? Effect.succeed(Option.fromNullable(entries.get(key)))
    })
  const set = (key: string, value: unknown, timeToLive: Option.Option<Duration.Duration>) =>
    Effect.suspend(() => {
      state.writes++
      state.timesToLive.push(Option.getOrUndefined(Option.map(timeToLive, Duration.toMillis)))
      // What a store keeps is bytes.
      return broken.write ?? Effect.sync(() => void entries.set(key, JSON.parse(JSON.stringify(value))))
    })
  const backing: Policy.CacheBacking = {
    get,
    set,
    getMany: (keys) => Effect.forEach(keys, get),
    setMany: (all) => Effect.forEach(all, (each) => set(...each), { discard: true })
  }
  return { store: Effect.succeed(backing), entries, state, broken }
}

describe("Policy.cache over a store", () => {
  it.scoped("any backing of @effect/experimental's Persistence is one", () =>
    Effect.gen(function* () {
      const mock = yield* make("Hi")
      const store = Effect.flatMap(Persistence.BackingPersistence, (backing) => backing.make("answers"))
      const policy = Policy.cache({ store })
      const persistence = yield* Layer.build(Persistence.layerMemory)
      const clients = [1, 2].map(() => built(mock.layer.pipe(policy, Layer.provide(Layer.succeedContext(persistence)))))
      for (const client of clients) yield* complete(yield* client)
      expect(mock.starts).toHaveLength(1)
    })
  )

  it.scoped("nothing of the request is stored but its hash", () =>
    Effect.gen(function* () {
      const { entries, store } = makeBacking()
      const { client } = yield* behind(Policy.cache({ store, namespace: "tenant-7" }), "Hi")
      const secret = { prompt: "my-secret", providerOptions: { password: "my-secret" }, metadata: { a: "my-secret" } }
      yield* client.complete(ChatRequest.make(secret))
      yield* client.embed({ input: ["my-secret"] })
      expect(entries.size).toBe(2)
      expect(JSON.stringify([...entries])).not.toMatch(/my-secret|tenant-7/)
      for (const key of entries.keys()) expect(key).toMatch(/^[0-9a-f]{64}$/)
    })
  )

  for (const [name, failure] of [
    ["fails", Effect.fail(new Error("the disk is full"))],
    ["dies", Effect.die(new Error("the disk is full"))]
  ] as const) {
    for (const way of ["read", "write"] as const) {
      it.scoped(`that ${name} as it should ${way} fails no call, and warns`, () =>
        Effect.gen(function* () {
          const { broken, store } = makeBacking()
          broken[way] = failure
          const { client, mock } = yield* behind(Policy.cache({ store }), "Hi")
          const [answers, warnings] = yield* warningsIn(Effect.all([complete(client), client.embed({ input: ["a"] })]))
          expect(answers).toMatchObject([{ text: "Hi", cached: false }, { cached: false }])
          expect(warnings).toEqual([`the cache could not ${way}: the disk is full`])
          expect(mock.starts).toHaveLength(2)
        })
      )
    }
  }

  it.scoped("warnings are no flood: one a minute, with how many there would have been", () =>
    Effect.gen(function* () {
      const { broken, store } = makeBacking()
      broken.write = Effect.fail("no space")
      const { client } = yield* behind(Policy.cache({ store }), "Hi")
      const ask = Effect.forEach(Array.from({ length: 100 }), (_, n) => client.complete(ChatRequest.make(String(n))))
      const [, warnings] = yield* warningsIn(
        Effect.zipRight(ask, Effect.zipRight(TestClock.adjust("1 minute"), complete(client)))
      )
      expect(warnings).toEqual([
        "the cache could not write: no space",
        "the cache could not write: no space (and 99 times since the last warning)"
      ])
    })
  )

  it.scoped("an answer that JSON cannot hold is given, and not kept", () =>
    Effect.gen(function* () {
      const { store } = makeBacking()
      const unholdable = Policy.mapCompletion((completion) => ({ ...completion, raw: { big: 1n } }))
      const { client } = yield* behind((layer) => layer.pipe(unholdable, Policy.cache({ store })), "Hi")
      const [answers, warnings] = yield* warningsIn(Effect.all([complete(client), complete(client)]))
      expect(answers.map(({ cached }) => cached)).toEqual([false, false])
      expect(warnings).toHaveLength(1)
    })
  )

  it.scoped("is told how long an answer lives, in whole milliseconds, or for ever", () =>
    Effect.gen(function* () {
      const { state, store } = makeBacking()
      const { client } = yield* behind(Policy.cache({ store, timeToLive: "1500 micros" }), "Hi")
      yield* complete(client)
      const forever = (yield* behind(Policy.cache({ store }), "Hi")).client
      yield* forever.complete(ChatRequest.make("other"))
      expect(state.writes).toBe(2)
      expect(state.timesToLive).toEqual([2, undefined])
    })
  )

  it.scoped("behind a memory of its own is not asked for what that has", () =>
    Effect.gen(function* () {
      const { state, store } = makeBacking()
      const policy = Policy.cache({ store, capacity: 1, timeToLive: "1 minute" })
      yield* complete((yield* behind(policy, "Hi")).client)
      const { client, mock } = yield* behind(policy, "Hi")
      state.reads = 0
      for (const _ of [1, 2, 3]) expect((yield* complete(client)).cached).toBe(true)
      expect(state.reads).toBe(1)
      yield* TestClock.adjust("1 minute")
      expect((yield* complete(client)).cached).toBe(false)
      expect(mock.starts).toHaveLength(1)
    })
  )

  it.scoped("behind a memory of its own gives the vectors that it does not have", () =>
    Effect.gen(function* () {
      const { store } = makeBacking()
      const policy = Policy.cache({ store, capacity: 10 })
      const before = yield* (yield* behind(policy, "")).client.embed({ input: ["a", "b", "c"] })
      const { client, mock } = yield* behind(policy, "")
      yield* client.embed({ input: ["b"] })
      expect((yield* client.embed({ input: ["c", "b", "a"] })).vectors).toEqual([...before.vectors].reverse())
      expect(mock.starts).toHaveLength(0)
    })
  )

  it.scoped("that cannot be opened fails the layer with its own error", () =>
    Effect.gen(function* () {
      const mock = yield* make("Hi")
      const store: Effect.Effect<Policy.CacheBacking, "away"> = Effect.fail("away")
      expect(yield* Effect.flip(Effect.asVoid(Layer.build(mock.layer.pipe(Policy.cache({ store })))))).toBe("away")
    })
  )
})
