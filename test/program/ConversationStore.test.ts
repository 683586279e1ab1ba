import { KeyValueStore } from "@effect/platform"
import { SystemError } from "@effect/platform/Error"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Either, Exit, Layer, Logger, Option, Ref, TestClock } from "effect"
import { Conversation, History, LlmError, Prompt, StreamPart } from "effect-llm"
import { MockLlm } from "effect-llm/testing"

const broken = new LlmError.ServerFailed({ provider: "mock", model: "mock-model", message: "down" })

const echo: MockLlm.Answers = (request) => `${request.prompt.slice(-1).map(Prompt.textOf).join("")}!`

const texts = (history: History.History): ReadonlyArray<string> => history.messages.map(Prompt.textOf)

/** What each test has: a store of its own, and a model that says back what it is told. */
const world = (answers: MockLlm.Answers = echo) =>
  Effect.provide(Layer.mergeAll(KeyValueStore.layerMemory, MockLlm.layer(answers)))

const storedText = Effect.map(
  Effect.flatMap(KeyValueStore.KeyValueStore, (store) => store.get("conversation/ada")),
  Option.getOrElse(() => "nothing")
)

const open = Conversation.makePersisted({ id: "ada" })

describe("a conversation in a store", () => {
  it.effect("is there again in the next process", () =>
    Effect.gen(function* () {
      const first = yield* Conversation.makePersisted({ id: "ada", system: "Be kind." })
      yield* first.send("a")
      yield* StreamPart.collect(first.stream("b"))
      const second = yield* open
      expect(yield* second.history).toEqual(yield* first.history)
      expect((yield* second.history).system).toBe("Be kind.")
      yield* second.send("c")
      expect(texts(yield* second.history)).toEqual(["a", "a!", "b", "b!", "c", "c!"])
      const other = yield* Conversation.makePersisted({ id: "bob" })
      expect(yield* other.history).toEqual(History.empty)
    }).pipe(world())
  )

  it.effect("is saved after each whole turn, and not for one that fails", () =>
    Effect.gen(function* () {
      const conversation = yield* open
      expect(yield* storedText).toBe("nothing")
      yield* conversation.send("a")
      const before = yield* storedText
      expect(JSON.parse(before)).toMatchObject({ version: 1, revision: 1, history: { messages: [{}, {}] } })
      yield* Effect.flip(conversation.send("b"))
      expect(yield* storedText).toBe(before)
      yield* conversation.reset
      expect(JSON.parse(yield* storedText)).toMatchObject({ revision: 2, history: { messages: [] } })
    }).pipe(world(["one", broken]))
  )

  it.effect("takes the system message of today, and begins with a history where nothing is stored", () =>
    Effect.gen(function* () {
      const history = History.make({ messages: [Prompt.user("x"), Prompt.assistant("y")] })
      const first = yield* Conversation.makePersisted({ id: "ada", system: "old", history })
      yield* first.send("a")
      const second = yield* Conversation.makePersisted({ id: "ada", system: "new", history: History.empty })
      expect((yield* second.history).system).toBe("new")
      expect(texts(yield* second.history)).toEqual(["x", "y", "a", "a!"])
    }).pipe(world())
  )

  it.effect("keeps what a message may have: parts, calls, results, thoughts, pictures", () =>
    Effect.gen(function* () {
      const first = yield* open
      yield* first.send([Prompt.text("a"), Prompt.imageBytes(new Uint8Array([1, 2]), "image/png")])
      yield* first.send(Prompt.toolResult("1", "lone \uD800", { isError: true }))
      expect(yield* (yield* open).history).toEqual(yield* first.history)
    }).pipe(world([{ reasoning: "Hm.", text: "b", toolCalls: [{ id: "1", name: "f", arguments: "{" }] }, "c"]))
  )

  it.effect("has forks that are not stored", () =>
    Effect.gen(function* () {
      const conversation = yield* open
      yield* conversation.send("a")
      const before = yield* storedText
      const fork = yield* conversation.fork
      yield* fork.send("b")
      expect(yield* storedText).toBe(before)
    }).pipe(world())
  )
})

describe("an entry that cannot be read", () => {
  const corrupt = (text: string) =>
    Effect.flatMap(KeyValueStore.KeyValueStore, (store) => store.set("conversation/ada", text))

  it.effect.each([
    ["cut JSON", '{"version":1,"revision":3,"history":{"mess'],
    ["another version", '{"version":2,"revision":3,"history":{"messages":[],"summaries":[]}}'],
    [
      "no conversation",
      '{"version":1,"revision":3,"history":{"messages":[{"role":"robot","content":[]}],"summaries":[]}}'
    ],
    ["nothing", ""]
  ] as const)("%s is an error, and stays where it is", ([, text]) =>
    Effect.gen(function* () {
      yield* corrupt(text)
      const error = yield* Effect.flip(open)
      expect(error).toMatchObject({ _tag: "ConversationError", reason: "Corrupt", id: "ada" })
      expect(error.message).toContain("conversation/ada")
      expect(yield* storedText).toBe(text)
    }).pipe(world())
  )

  it.effect("is put aside for a fresh start, with a warning, where that was asked for", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel.label} ${String(message)}`))
      yield* TestClock.setTime(1234)
      yield* corrupt("{")
      const conversation = yield* Conversation.makePersisted({ id: "ada", onCorrupt: "fresh" }).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      expect(yield* conversation.history).toEqual(History.empty)
      const store = yield* KeyValueStore.KeyValueStore
      expect(yield* store.get("conversation/ada/corrupt-1234")).toEqual(Option.some("{"))
      expect(lines).toEqual([expect.stringMatching(/^WARN .*conversation\/ada\/corrupt-1234/)])
      yield* conversation.send("a")
      expect(texts(yield* (yield* open).history)).toEqual(["a", "a!"])
    }).pipe(world())
  )
})

describe("a process that ends while it saves", () => {
  /** A store that ends the process at the nth write, with so many characters of it written. */
  const ending = (write: number, characters: number) =>
    Layer.effect(
      KeyValueStore.KeyValueStore,
      Effect.gen(function* () {
        const store = yield* KeyValueStore.KeyValueStore
        const writes = yield* Ref.make(0)
        return {
          ...store,
          set: (key: string, value: string | Uint8Array) =>
            Effect.flatMap(
              Ref.updateAndGet(writes, (count) => count + 1),
              (count) =>
                count === write
                  ? Effect.zipRight(store.set(key, value.slice(0, characters)), Effect.die("killed"))
                  : store.set(key, value)
            )
        }
      })
    )

  it.effect.each([
    [1, 0, ["a", "a!"]],
    [1, 40, ["a", "a!"]],
    [2, 0, ["a", "a!", "b", "b!"]],
    [2, 40, ["a", "a!", "b", "b!"]]
  ] as const)(
    "leaves the conversation with or without its last turn: write %s, %s characters",
    ([write, characters, said]) =>
      Effect.gen(function* () {
        yield* Effect.flatMap(open, (conversation) => conversation.send("a"))
        const exit = yield* Effect.flatMap(open, (conversation) => conversation.send("b")).pipe(
          Effect.provide(ending(write, characters)),
          Effect.exit
        )
        expect(Exit.isFailure(exit)).toBe(true)
        const again = yield* open
        expect(texts(yield* again.history)).toEqual(said)
        yield* again.send("c")
        expect(texts(yield* (yield* open).history)).toEqual([...said, "c", "c!"])
        const store = yield* KeyValueStore.KeyValueStore
        expect(yield* store.size).toBe(1)
      }).pipe(world())
  )
})

describe("two processes with one conversation", () => {
  it.effect("do not overwrite each other: the second fails before it pays", () =>
    Effect.gen(function* () {
      const first = yield* open
      const second = yield* open
      yield* first.send("a")
      const calls = (yield* MockLlm.calls).length
      expect(yield* Effect.flip(second.send("b"))).toMatchObject({ _tag: "ConversationError", reason: "Conflict" })
      expect(yield* MockLlm.calls).toHaveLength(calls)
      expect(yield* second.history).toEqual(History.empty)
      yield* second.reload
      yield* second.send("b")
      expect(texts(yield* second.history)).toEqual(["a", "a!", "b", "b!"])
      expect(texts(yield* (yield* open).history)).toEqual(["a", "a!", "b", "b!"])
      expect(yield* Effect.flip(first.send("c"))).toMatchObject({ reason: "Conflict" })
      expect(yield* Effect.flip(first.reset)).toMatchObject({ reason: "Conflict" })
    }).pipe(world())
  )

  it.effect.each(["send", "stream"] as const)(
    "the answer that came while the other wrote is in the error, and in no history: %s",
    (how) =>
      Effect.gen(function* () {
        const other = yield* Ref.make<Effect.Effect<unknown>>(Effect.void)
        const answers: MockLlm.Answers = (request) =>
          request.prompt.length === 1 && Prompt.textOf(request.prompt[0] ?? Prompt.user("")) === "b"
            ? Effect.as(Effect.flatten(Ref.get(other)), { text: "paid" })
            : "a!"
        yield* Effect.gen(function* () {
          const first = yield* open
          const second = yield* open
          yield* Ref.set(other, Effect.orDie(first.send("a")))
          const answer = how === "send" ? second.send("b") : StreamPart.collect(second.stream("b"))
          const error = yield* Effect.flip(answer)
          expect(error).toMatchObject({ reason: "Conflict", completion: { text: "paid" } })
          expect(yield* second.history).toEqual(History.empty)
          expect((yield* second.usage).answers.outputTokens).toBeGreaterThan(0)
          expect(texts(yield* (yield* open).history)).toEqual(["a", "a!"])
        }).pipe(world(answers))
      })
  )
})

describe("a store that fails", () => {
  const failure = new SystemError({ reason: "Busy", module: "KeyValueStore", method: "set", description: "disk full" })

  it.effect("fails the turn, whose answer is in the error; it can be sent again", () =>
    Effect.gen(function* () {
      const store = Context.get(yield* Layer.build(KeyValueStore.layerMemory), KeyValueStore.KeyValueStore)
      const isFull = yield* Ref.make(true)
      const full = Layer.succeed(KeyValueStore.KeyValueStore, {
        ...store,
        set: (key, value) =>
          Effect.flatMap(Ref.get(isFull), (fails) => (fails ? Effect.fail(failure) : store.set(key, value)))
      })
      yield* Effect.gen(function* () {
        const conversation = yield* open
        const error = yield* Effect.flip(conversation.send("a"))
        expect(error).toMatchObject({ _tag: "ConversationError", reason: "Store", completion: { text: "a!" } })
        expect(error.message).toContain("disk full")
        expect(yield* conversation.history).toEqual(History.empty)
        yield* Ref.set(isFull, false)
        expect(Either.isRight(yield* Effect.either(conversation.send("a")))).toBe(true)
        expect(texts(yield* (yield* open).history)).toEqual(["a", "a!"])
      }).pipe(Effect.provide(full), Effect.provide(MockLlm.layer(echo)))
    }).pipe(Effect.scoped)
  )

  it.effect("that cannot be read is an error, not a new conversation", () =>
    Effect.gen(function* () {
      const store = Context.get(yield* Layer.build(KeyValueStore.layerMemory), KeyValueStore.KeyValueStore)
      const error = yield* Effect.flip(open).pipe(
        Effect.provideService(KeyValueStore.KeyValueStore, { ...store, get: () => Effect.fail(failure) }),
        Effect.provide(MockLlm.layer(echo))
      )
      expect(error).toMatchObject({ reason: "Store", id: "ada" })
    }).pipe(Effect.scoped)
  )
})
