import { describe, expect, it, layer } from "@effect/vitest"
import { Chunk, Deferred, Effect, Exit, Fiber, Random, Ref, Schema, Stream } from "effect"
import { type ChatRequest, Completion, LlmClient, Prompt, StreamPart, Tool } from "effect-llm"
import { LocalLlama } from "effect-llm/local"
import { fileOf, isInstalled, note } from "../LocalEngine.js"
import * as TinyModel from "../TinyModel.js"

const lamp = "A lamp turns above the sea."

const lookUp: Tool.ToolDefinition = {
  name: "look_up",
  description: "Looks a word up",
  parameters: Tool.jsonSchema(Schema.Struct({ word: Schema.String }))
}

/** The engine's own way to write a call in a template that has none. */
const callPieces = ["||call:", " look_up", "(", '{"word": "', "lamp", '"}', ")"]

const scripted = fileOf(
  "scripted.gguf",
  TinyModel.scripted([
    { text: lamp },
    { when: "Explain", text: callPieces },
    { when: "gives light", text: ["It", " gives", " light."] },
    { when: "Ticket", text: ['{"label"', ": ", '"billing"', "}"] },
    { when: "emoji", text: [..."🌊é好"] }
  ])
)

const random = fileOf("random.gguf", TinyModel.random())

const drawing = fileOf(
  "drawing.gguf",
  TinyModel.scripted([{ text: ["||call:", " draw", "(", '{"sign": "', "🌊", '"}', ")"] }])
)

const cpu = { gpu: false, threads: 1 } as const

const ask = (prompt: Prompt.Input, settings: ChatRequest.Settings = {}) => LlmClient.complete({ ...settings, prompt })

const partsOf = (input: ChatRequest.Input) =>
  Effect.map(Stream.runCollect(LlmClient.stream(input)), Chunk.toReadonlyArray)

/** Runs with a fresh layer. */
const withModel = <A, E>(
  options: Omit<LocalLlama.Options, "model"> & { readonly model?: string },
  use: Effect.Effect<A, E, LlmClient.LlmClient>
) => Effect.provide(use, LocalLlama.layer({ model: random, ...cpu, ...options }))

describe.skipIf(!isInstalled)(`a local model on the real engine${note}`, () => {
  layer(LocalLlama.layer({ model: scripted, ...cpu, contextSize: 2048 }), { excludeTestServices: true })(
    "with scripted weights",
    (it) => {
      it.effect("answers as its weights say, and stops at its end of turn", () =>
        Effect.gen(function* () {
          const answer = yield* ask("What is there?")
          expect(answer).toMatchObject({
            text: lamp,
            finishReason: { unified: "stop", raw: "eogToken" },
            model: "scripted",
            warnings: [],
            attempts: 1,
            cached: false
          })
          // Six pieces, and the end of the turn.
          expect(answer.usage.outputTokens).toBe(7)
          expect(answer.usage.totalTokens).toBe((answer.usage.inputTokens ?? 0) + 7)
        })
      )

      it.effect("streams token by token", () =>
        Effect.gen(function* () {
          const parts = yield* partsOf("What is there?")
          expect(parts.slice(0, -1)).toEqual(
            ["A", " lamp", " turns", " above", " the", " sea."].map((text) => ({ _tag: "TextDelta", text }))
          )
          expect(parts.at(-1)).toMatchObject({ _tag: "Finish", finishReason: { unified: "stop" } })
        })
      )

      it.effect("gives out whole characters", () =>
        Effect.gen(function* () {
          expect((yield* ask("An emoji, please")).text).toBe("🌊é好")
          const parts = yield* partsOf("An emoji, please")
          const texts = parts.flatMap((part) => (part._tag === "TextDelta" ? [part.text] : []))
          expect(texts).toEqual(["🌊", "é", "好"])
        })
      )

      it.effect("stops before a stop text, which is no part of the answer", () =>
        Effect.gen(function* () {
          const answer = yield* ask("What is there?", { stop: [" above"] })
          expect([answer.text, answer.finishReason]).toEqual([
            "A lamp turns",
            { unified: "stop", raw: "customStopTrigger" }
          ])
          // Across the borders of tokens, and with others beside it.
          expect((yield* ask("What is there?", { stop: ["nowhere", "ps"] })).text).toBe(lamp)
          expect((yield* ask("What is there?", { stop: ["p tu"] })).text).toBe("A lam")
          const streamed = yield* StreamPart.collect(LlmClient.stream({ prompt: "What is there?", stop: ["p tu"] }))
          expect(streamed.text).toBe("A lam")
        })
      )

      it.effect("stops at maxTokens", () =>
        Effect.gen(function* () {
          const answer = yield* ask("What is there?", { maxTokens: 3 })
          expect(answer).toMatchObject({
            text: "A lamp turns",
            finishReason: { unified: "length", raw: "maxTokens" },
            usage: { outputTokens: 3 }
          })
        })
      )

      it.effect("calls a tool where it wants to, and reads its result", () =>
        Effect.gen(function* () {
          const question = Prompt.user("Explain a lamp")
          const asked = yield* ask(question, { tools: [lookUp] })
          expect(asked).toMatchObject({
            text: "",
            toolCalls: [{ name: "look_up", arguments: '{"word": "lamp"}' }],
            finishReason: { unified: "tool-calls", raw: "functionCalls" }
          })
          const [call] = asked.toolCalls
          const result = Prompt.toolResult(call?.id ?? "", JSON.stringify({ means: "gives light" }))
          const answer = yield* ask([question, Completion.toMessage(asked), result], { tools: [lookUp] })
          expect(answer.text).toBe("It gives light.")
        })
      )

      it.effect("streams a call as it is written, without the blanks behind it", () =>
        Effect.gen(function* () {
          const parts = yield* partsOf({ prompt: "Explain a lamp", tools: [lookUp] })
          const id = parts[0]?._tag === "ToolCallStart" ? parts[0].id : ""
          expect(parts.slice(0, -1)).toEqual([
            { _tag: "ToolCallStart", id, name: "look_up" },
            ...['{"word": "', "lamp", '"}'].map((text) => ({ _tag: "ToolCallDelta", id, arguments: text })),
            { _tag: "ToolCallEnd", id, name: "look_up", arguments: '{"word": "lamp"}' }
          ])
        })
      )

      it.effect("calls the tool that it must call, though it would say something else", () =>
        Effect.gen(function* () {
          const other = { ...lookUp, name: "remember", parameters: { type: "object", properties: {} } }
          const required = yield* ask("What is there?", { tools: [lookUp], toolChoice: "required" })
          expect(required.toolCalls).toMatchObject([{ name: "look_up", arguments: '{"word": "lamp"}' }])
          const named = yield* ask("What is there?", { tools: [lookUp, other], toolChoice: { tool: "remember" } })
          expect(named.toolCalls.map(({ arguments: text, name }) => [name, JSON.parse(text)])).toEqual([
            ["remember", {}]
          ])
          const none = yield* ask("What is there?", { tools: [lookUp], toolChoice: "none" })
          expect(none.text).toBe(lamp)
        })
      )

      it.effect("gives JSON that its weights say", () =>
        Effect.gen(function* () {
          const label = Schema.Struct({ label: Schema.Literal("bug", "billing") })
          const answer = yield* ask("Ticket: I was charged twice", {
            responseFormat: { _tag: "JsonSchema", name: "ticket", schema: Tool.jsonSchema(label) }
          })
          expect(yield* Schema.decode(Schema.parseJson(label))(answer.text)).toEqual({ label: "billing" })
          expect(answer.finishReason.unified).toBe("stop")
          expect(answer.text).toBe(answer.text.trim())
        })
      )

      it.effect("does not take control words in a user's text for its own", () =>
        Effect.gen(function* () {
          const plain = yield* ask("What is there?")
          const answer = yield* ask("What is there?<|eot_id|>")
          expect(answer.text).toBe(lamp)
          // Letter by letter, not as one token.
          expect((answer.usage.inputTokens ?? 0) - (plain.usage.inputTokens ?? 0)).toBe("<|eot_id|>".length)
        })
      )

      it.effect("refuses a prompt that is longer than its context, before it waits in the line", () =>
        Effect.gen(function* () {
          const whole = yield* Effect.flip(ask("a".repeat(2048)))
          const streamed = yield* Effect.flip(partsOf("a".repeat(2048)))
          for (const error of [whole, streamed]) {
            expect(error).toMatchObject({ _tag: "ContextLengthExceeded", attempts: 0, model: "scripted" })
            expect(error.message).toMatch(/the prompt has \d+ tokens, and the context 2048/)
          }
        })
      )

      it.effect("answers to the end of its context, and says that the answer is not whole", () =>
        Effect.gen(function* () {
          const { usage } = yield* ask("a")
          const room = 2048 - (usage.inputTokens ?? 0)
          const answer = yield* ask("a".repeat(room - 4))
          expect(answer.finishReason.unified).toBe("length")
          expect(lamp.startsWith(answer.text)).toBe(true)
          expect(answer.text).not.toBe("")
        })
      )

      it.effect("has one model in memory, and says so of another", () =>
        Effect.gen(function* () {
          expect((yield* ask("What is there?", { model: "scripted" })).text).toBe(lamp)
          expect(yield* Effect.flip(ask("What is there?", { model: "gpt-4.1" }))).toMatchObject({
            _tag: "ModelNotFound",
            model: "gpt-4.1",
            attempts: 0
          })
          expect(yield* Effect.flip(LlmClient.embed({ input: ["a"], model: "other" }))).toMatchObject({
            _tag: "ModelNotFound"
          })
        })
      )

      it.effect("refuses images before anything is done", () =>
        Effect.gen(function* () {
          const picture = Prompt.user([Prompt.imageUrl("https://example.com/a.png")])
          expect(yield* Effect.flip(ask(picture))).toMatchObject({ _tag: "UnsupportedFeature", feature: "images" })
        })
      )
    }
  )

  layer(LocalLlama.layer({ model: random, ...cpu, sequences: 2, defaults: { maxTokens: 24 } }), {
    excludeTestServices: true
  })("with random weights", (it) => {
    it.effect("gives the same answer at temperature 0, which is the default", () =>
      Effect.gen(function* () {
        const [first, second] = yield* Effect.all([ask("Hello"), ask("Hello", { temperature: 0, seed: 5 })])
        expect(second.text).toBe(first.text)
        expect(first.text).not.toBe("")
      })
    )

    it.effect("gives the same answer to the same seed, and others to others", () =>
      Effect.gen(function* () {
        const warm = (seed: number) => Effect.map(ask("Hello", { temperature: 1.5, seed }), ({ text }) => text)
        expect(yield* warm(1)).toBe(yield* warm(1))
        expect(yield* warm(-1)).toBe(yield* warm(-1))
        expect(new Set([yield* warm(1), yield* warm(2), yield* warm(3)]).size).toBe(3)
      })
    )

    it.effect("without a seed takes one from Effect's Random", () =>
      Effect.gen(function* () {
        const warm = Effect.map(ask("Hello", { temperature: 1.5 }), ({ text }) => text)
        const seeded = (seed: number) => Effect.withRandom(warm, Random.make(seed))
        expect(yield* seeded(1)).toBe(yield* seeded(1))
        expect(yield* seeded(1)).not.toBe(yield* seeded(2))
        expect(yield* warm).not.toBe(yield* warm)
      })
    )

    it.effect("topK 1 and topP near 0 leave nothing to chance; penalties change what comes", () =>
      Effect.gen(function* () {
        const cold = yield* ask("Hello")
        const narrow = { temperature: 1.5, seed: 3 }
        expect((yield* ask("Hello", { ...narrow, providerOptions: { topK: 1 } })).text).toBe(cold.text)
        expect((yield* ask("Hello", { ...narrow, topP: 0.000001 })).text).toBe(cold.text)
        const long = { maxTokens: 100 }
        const repeated = yield* ask("Hello", long)
        expect((yield* ask("Hello", { ...long, frequencyPenalty: 2 })).text).not.toBe(repeated.text)
        expect((yield* ask("Hello", { ...long, providerOptions: { repeatPenalty: 2 } })).text).not.toBe(repeated.text)
      })
    )

    const Ticket = Schema.Struct({
      label: Schema.Literal("bug", "billing", "other"),
      urgent: Schema.Boolean,
      tags: Schema.Array(Schema.String.pipe(Schema.maxLength(3))).pipe(Schema.maxItems(2)),
      place: Schema.NullOr(Schema.Struct({ city: Schema.Literal("Lisbon") }))
    })

    it.effect("holds an answer to a schema, whatever the weights would say", () =>
      Effect.gen(function* () {
        for (const seed of [1, 2, 3, 4, 5]) {
          const answer = yield* ask("Label it", {
            temperature: 1,
            seed,
            maxTokens: 400,
            responseFormat: { _tag: "JsonSchema", name: "ticket", schema: Tool.jsonSchema(Ticket) }
          })
          expect(answer.finishReason.unified).toBe("stop")
          const ticket = yield* Schema.decode(Schema.parseJson(Ticket))(answer.text)
          expect(["bug", "billing", "other"]).toContain(ticket.label)
        }
      })
    )

    it.effect("streams such an answer as it is written", () =>
      Effect.gen(function* () {
        const request = {
          prompt: "Label it",
          maxTokens: 400,
          responseFormat: { _tag: "JsonSchema", name: "ticket", schema: Tool.jsonSchema(Ticket) }
        } as const
        const whole = yield* LlmClient.complete(request)
        const parts = yield* partsOf(request)
        expect(parts.length).toBeGreaterThan(10)
        expect((yield* StreamPart.collect(Stream.fromIterable(parts))).text).toBe(whole.text)
      })
    )

    it.effect("follows references in a schema, recursive ones too", () =>
      Effect.gen(function* () {
        const answer = yield* ask("Go", {
          maxTokens: 400,
          responseFormat: {
            _tag: "JsonSchema",
            name: "nested",
            schema: {
              $ref: "#/$defs/Nested",
              $defs: {
                Nested: {
                  type: "object",
                  properties: { more: { anyOf: [{ type: "null" }, { $ref: "#/$defs/Nested" }] } }
                }
              }
            }
          }
        })
        // It may go on for ever; as far as it came, each level is an object with that one key.
        expect(answer.text).toMatch(/^(?:\{\s*"more":\s*)+/)
      })
    )

    it.effect("gives a JSON object where no schema says which", () =>
      Effect.gen(function* () {
        const answer = yield* ask("Hello", { responseFormat: { _tag: "Json" } })
        expect(answer.text).toMatch(/^\{/)
      })
    )

    it.effect("makes vectors of length 1, and counts the tokens of the texts", () =>
      Effect.gen(function* () {
        const { model, usage, vectors } = yield* LlmClient.embed(["a harbour", "a bakery"])
        const dot = (a: ReadonlyArray<number> = [], b: ReadonlyArray<number> = []): number =>
          a.reduce((sum, number, index) => sum + number * (b[index] ?? 0), 0)
        expect(vectors.map(({ length }) => length)).toEqual([64, 64])
        expect(dot(vectors[0], vectors[0])).toBeCloseTo(1)
        expect(dot(vectors[0], vectors[1])).toBeLessThan(0.99)
        // A token a letter, but one for " h", and one that begins each text.
        expect(usage).toEqual({ inputTokens: 9 + 9, totalTokens: 9 + 9 })
        expect(model).toBe("random")
      })
    )

    it.effect("refuses texts that are too long to embed, and dimensions that it does not have", () =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(LlmClient.embed(["a", "a".repeat(5000)]))).toMatchObject({
          _tag: "ContextLengthExceeded",
          message: "text 1 has 5001 tokens, and the context 4096"
        })
        expect(yield* Effect.flip(LlmClient.embed({ input: ["a"], dimensions: 8 }))).toMatchObject({
          _tag: "UnsupportedFeature",
          feature: "dimensions"
        })
        expect((yield* LlmClient.embed({ input: ["a"], dimensions: 64 })).vectors).toHaveLength(1)
      })
    )
  })

  describe("shared by many calls", () => {
    it.live("answers as many at a time as it has sequences, and the others in order of arrival", () =>
      withModel(
        { sequences: 2, defaults: { maxTokens: 12 } },
        Effect.gen(function* () {
          const ended = yield* Ref.make<ReadonlyArray<number>>([])
          const texts = yield* Effect.forEach(
            Array.from({ length: 10 }, (_, n) => n),
            (n) =>
              Effect.zipLeft(
                ask(`Number ${n}`),
                Ref.update(ended, (before) => [...before, n])
              ),
            { concurrency: "unbounded" }
          )
          const alone = yield* Effect.forEach([0, 5, 9], (n) => ask(`Number ${n}`))
          expect(alone.map(({ text }) => text)).toEqual([0, 5, 9].map((n) => texts[n]?.text))
          // Two run beside each other, so neighbours may change places.
          const order = yield* Ref.get(ended)
          for (const [place, n] of order.entries()) expect(Math.abs(place - n)).toBeLessThanOrEqual(2)
        })
      )
    )

    it.live("is Overloaded when as many wait as may", () =>
      withModel(
        { maxQueue: 2, defaults: { maxTokens: 200 } },
        Effect.gen(function* () {
          const results = yield* Effect.forEach([1, 2, 3, 4, 5], (n) => Effect.either(ask(`Number ${n}`)), {
            concurrency: "unbounded"
          })
          expect(results.map(({ _tag }) => _tag)).toEqual(["Right", "Right", "Right", "Left", "Left"])
          expect(results[3]).toMatchObject({ left: { _tag: "Overloaded", attempts: 0, provider: "local-llama" } })
        })
      )
    )

    it.live("stops when a call is interrupted, and has its sequence back at once", () =>
      withModel(
        { maxQueue: 0 },
        Effect.gen(function* () {
          for (const way of ["complete", "stream", "take"] as const) {
            const begun = yield* Deferred.make<void>()
            const endless = LlmClient.stream({ prompt: "Hello", temperature: 1 }).pipe(
              Stream.tap(() => Deferred.succeed(begun, undefined))
            )
            if (way === "take") yield* Stream.runDrain(Stream.take(endless, 1))
            else {
              const running =
                way === "stream"
                  ? Stream.runDrain(endless)
                  : Effect.zipRight(Deferred.succeed(begun, undefined), ask("Hello", { temperature: 1 }))
              const fiber = yield* Effect.fork(running)
              yield* Deferred.await(begun)
              expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
            }
            // Nobody may wait: the sequence must be free.
            expect((yield* ask("Hello", { maxTokens: 2 })).usage.outputTokens).toBe(2)
          }
        })
      )
    )

    it.live("stops in the middle of a long prompt, too", () =>
      withModel(
        { maxQueue: 0, contextSize: 8192 },
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(ask("a".repeat(8000), { maxTokens: 1 }))
          // It is in the engine now, which reads the first piece.
          yield* Effect.yieldNow()
          const exit = yield* Fiber.interrupt(fiber)
          expect(Exit.isInterrupted(exit)).toBe(true)
          expect((yield* ask("Hello", { maxTokens: 2 })).usage.outputTokens).toBe(2)
        })
      )
    )

    it.live("leaves the line when one who waits is interrupted", () =>
      withModel(
        { maxQueue: 1 },
        Effect.gen(function* () {
          const first = yield* Effect.fork(ask("Hello", { maxTokens: 300, temperature: 1, seed: 1 }))
          yield* Effect.yieldNow()
          const second = yield* Effect.fork(ask("Hello", { maxTokens: 2 }))
          yield* Effect.yieldNow()
          yield* Fiber.interrupt(second)
          const third = yield* Effect.fork(ask("Hello", { maxTokens: 2 }))
          expect((yield* Fiber.join(third)).usage.outputTokens).toBe(2)
          yield* Fiber.interrupt(first)
        })
      )
    )

    it.live("reads a long prompt in pieces to the same effect", () =>
      withModel(
        { contextSize: 4096, defaults: { maxTokens: 8 } },
        Effect.gen(function* () {
          const prompt = "Once upon a time. ".repeat(60)
          const first = yield* ask(prompt)
          expect((yield* ask(prompt)).text).toBe(first.text)
          expect(first.usage.inputTokens).toBeGreaterThan(1000)
          expect(first.usage.outputTokens).toBe(8)
        })
      )
    )

    it.live("reads on where a conversation goes on, if it keeps what it has read", () =>
      withModel(
        { promptCache: true, defaults: { maxTokens: 4 } },
        Effect.gen(function* () {
          const first = yield* ask("Tell me of the harbour")
          const question = [Prompt.user("Tell me of the harbour"), Completion.toMessage(first), Prompt.user("More")]
          const second = yield* ask(question)
          const again = yield* ask(question)
          expect(first.usage.cachedInputTokens).toBe(0)
          expect(second.usage.cachedInputTokens).toBeGreaterThan((first.usage.inputTokens ?? 0) - 2)
          expect(again.usage.cachedInputTokens).toBe((again.usage.inputTokens ?? 0) - 1)
          expect(again.text).toBe(second.text)
          expect(again.usage.inputTokens).toBe(second.usage.inputTokens)
        })
      )
    )
  })

  describe("and its layers", () => {
    it.live("two models live side by side, and one outlives the other", () =>
      Effect.gen(function* () {
        const { long, short } = yield* Effect.scoped(
          Effect.gen(function* () {
            const long = yield* LocalLlama.make({ model: scripted, ...cpu })
            const short = yield* withModel({}, ask("Hello", { maxTokens: 2 }))
            return { short: short.text, long: (yield* long.complete({ prompt: [Prompt.user("Hello")] })).text }
          })
        )
        expect(long).toBe(lamp)
        expect(short).not.toBe("")
      })
    )

    it.live("a client that outlives its model fails, and does nothing worse", () =>
      Effect.gen(function* () {
        const client = yield* Effect.scoped(LocalLlama.make({ model: random, ...cpu }))
        const asked = yield* Effect.flip(client.complete({ prompt: [Prompt.user("Hello")] }))
        const embedded = yield* Effect.flip(client.embed({ input: ["Hello"] }))
        for (const error of [asked, embedded]) expect(error.message).toContain("disposed")
      })
    )

    it.live("what came of its loading is heard, the end included", () =>
      Effect.gen(function* () {
        const heard = yield* Ref.make<ReadonlyArray<LocalLlama.Progress>>([])
        const onProgress = (progress: LocalLlama.Progress) => Ref.update(heard, (before) => [...before, progress])
        yield* withModel({ onProgress }, Effect.void)
        expect((yield* Ref.get(heard)).at(-1)).toEqual({ _tag: "Load", fraction: 1 })
      })
    )

    it.live("gives out a call whose arguments the engine's own check refuses: it counts halves of a character", () =>
      withModel(
        { model: drawing },
        Effect.gen(function* () {
          const sign = { type: "string", maxLength: 1 }
          const draw: Tool.ToolDefinition = { name: "draw", parameters: { type: "object", properties: { sign } } }
          const answer = yield* ask("Draw the sea", { tools: [draw] })
          expect(answer.toolCalls).toMatchObject([{ name: "draw", arguments: '{"sign": "🌊"}' }])
          expect(answer.finishReason.unified).toBe("tool-calls")
        })
      )
    )

    it.live("a template of one's own takes the place of the model's", () =>
      Effect.gen(function* () {
        const chatTemplate =
          "{%- for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}{%- endfor %}{%- if add_generation_prompt %}assistant: {% endif %}"
        const own = yield* withModel({ chatTemplate }, ask("Hello", { maxTokens: 2 }))
        const models = yield* withModel({}, ask("Hello", { maxTokens: 2 }))
        expect(own.usage.inputTokens).not.toBe(models.usage.inputTokens)
      })
    )

    it.live("a model without a template is asked as most models are", () =>
      Effect.gen(function* () {
        const model = fileOf("bare.gguf", TinyModel.random({ chatTemplate: null }))
        const answer = yield* withModel({ model }, ask("Hello", { maxTokens: 2 }))
        expect(answer.usage.outputTokens).toBe(2)
      })
    )

    it.live("a prompt that the template refuses is an InvalidRequest", () =>
      Effect.gen(function* () {
        const refusing = `{%- if messages | length > 6 %}{{ raise_exception('no more than six') }}{%- endif %}${TinyModel.template}`
        const prompt = Array.from({ length: 7 }, (_, n) =>
          n % 2 === 0 ? Prompt.user("And?") : Prompt.assistant("So.")
        )
        const error = yield* withModel({ chatTemplate: refusing }, Effect.flip(ask(prompt, { maxTokens: 2 })))
        expect(error).toMatchObject({ _tag: "InvalidRequest", param: "prompt", attempts: 0 })
        expect(error.message).toContain("no more than six")
      })
    )

    it.live("200 calls in a row leave no more memory in use than 50 did", () =>
      withModel(
        { defaults: { maxTokens: 4 } },
        Effect.gen(function* () {
          const calls = (count: number) =>
            Effect.forEach(
              Array.from({ length: count }, (_, n) => n),
              (n) => (n % 2 === 0 ? ask(`Number ${n}`) : Stream.runDrain(LlmClient.stream(`Number ${n}`)))
            )
          yield* calls(50)
          const before = process.memoryUsage().rss
          yield* calls(200)
          expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
        })
      )
    )
  })
})
