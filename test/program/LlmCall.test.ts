import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Duration, Effect, Either, Fiber, Ref, Schema, Stream, TestClock } from "effect"
import { Ledger, LlmCall, LlmError, Prompt, Template, Usage } from "effect-llm"
import { MockLlm } from "effect-llm/testing"

const Ticket = Schema.Struct({ label: Schema.Literal("bug", "billing", "other"), urgent: Schema.Boolean })
const ticket = { label: "billing", urgent: true } as const
const ticketText = JSON.stringify(ticket)

const classify = LlmCall.make({
  system: "You label support tickets.",
  user: "Ticket: {{ticket}}",
  output: Ticket
})

const translate = LlmCall.make({
  system: "You translate into {{language}}.",
  user: "{{words}} ({{language}})",
  model: "big",
  settings: { temperature: 0, metadata: { user: "u" } }
})

const requests = Effect.map(MockLlm.calls, (calls) =>
  calls.flatMap((call) => (call.operation === "embed" ? [] : [call.request]))
)

describe("a call", () => {
  it.effect("gives the text of the answer", () =>
    Effect.gen(function* () {
      expect(yield* translate({ language: "French", words: "good evening" })).toBe("bonsoir")
      expect(yield* requests).toEqual([
        {
          prompt: [Prompt.system("You translate into French."), Prompt.user("good evening (French)")],
          model: "big",
          temperature: 0,
          metadata: { user: "u" }
        }
      ])
    }).pipe(Effect.provide(MockLlm.layer("bonsoir")))
  )

  it.effect("gives the decoded value where it has an output", () =>
    Effect.gen(function* () {
      expect(yield* classify({ ticket: "I was charged twice" })).toEqual(ticket)
      expect(yield* requests).toMatchObject([
        { prompt: [Prompt.system("You label support tickets."), Prompt.user("Ticket: I was charged twice")] }
      ])
    }).pipe(Effect.provide(MockLlm.layer(ticketText)))
  )

  it.effect("may have no variables, and no system message", () =>
    Effect.gen(function* () {
      expect(yield* LlmCall.make({ user: "Say hello." })()).toBe("hello")
      expect(yield* requests).toEqual([{ prompt: [Prompt.user("Say hello.")] }])
    }).pipe(Effect.provide(MockLlm.layer("hello")))
  )

  it.effect("takes templates that were made or parsed before", () =>
    Effect.gen(function* () {
      const list = yield* Template.parse(
        Schema.Struct({ items: Schema.Array(Schema.String) }),
        "{{#items}}- {{.}}\n{{/items}}"
      )
      const call = LlmCall.make({ system: Template.make("Sort {{how}}."), user: list })
      yield* call({ how: "upwards", items: ["b", "a"] })
      expect(yield* requests).toMatchObject([{ prompt: [Prompt.system("Sort upwards."), Prompt.user("- b\n- a\n")] }])
    }).pipe(Effect.provide(MockLlm.layer("a, b")))
  )

  it.effect("never reads a value as a part of a template", () =>
    Effect.gen(function* () {
      yield* translate({ language: "{{words}}", words: "{{language}}" })
      expect(yield* requests).toMatchObject([
        { prompt: [Prompt.system("You translate into {{words}}."), Prompt.user("{{language}} ({{words}})")] }
      ])
    }).pipe(Effect.provide(MockLlm.layer("x")))
  )

  it("says what it would send", () => {
    expect(translate.request({ language: "French", words: "x" })).toMatchObject({ model: "big", temperature: 0 })
    expect(classify.request({ ticket: "x" }).responseFormat).toMatchObject({ _tag: "JsonSchema", name: "answer" })
    const told = LlmCall.make({ user: "{{ticket}}", output: Ticket, mode: "instructions" })
    expect(told.request({ ticket: "x" }).prompt[0]?.content[0]).toMatchObject({
      text: expect.stringContaining("urgent")
    })
  })

  it.effect("tells of the whole answer", () =>
    Effect.gen(function* () {
      const usage = { inputTokens: 1, outputTokens: 2 }
      const answer = yield* Effect.provide(
        translate.detailed({ language: "French", words: "x" }),
        MockLlm.layer({ text: "bonsoir", usage })
      )
      expect(answer).toMatchObject({ text: "bonsoir", usage, model: "big" })
      const generated = yield* Effect.provide(classify.detailed({ ticket: "x" }), MockLlm.layer(ticketText))
      expect(generated).toMatchObject({ value: ticket, mode: "native", reasks: 0, completion: { text: ticketText } })
    })
  )

  it.effect("streams text as it comes, or what there is of the value", () =>
    Effect.gen(function* () {
      const texts = yield* Stream.runCollect(translate.stream({ language: "French", words: "x" }))
      expect(Chunk.toReadonlyArray(texts).join("")).toBe(ticketText)
      const parts = yield* Stream.runCollect(classify.stream({ ticket: "x" }))
      expect(Chunk.toReadonlyArray(parts).map(({ value }) => value)).toEqual([{}, { label: "billing" }, ticket, ticket])
    }).pipe(Effect.provide(MockLlm.layer({ text: [...ticketText] })))
  )

  it.effect("whose answer has no text fails, and keeps the usage", () =>
    Effect.gen(function* () {
      const call = { toolCalls: [{ id: "1", name: "look_up", arguments: "{}" }], usage: { outputTokens: 3 } }
      const error = yield* Effect.flip(
        Effect.provide(translate({ language: "French", words: "x" }), MockLlm.layer(call))
      )
      expect(error).toMatchObject({ _tag: "InvalidOutput", usage: { outputTokens: 3 }, text: "" })
      expect(error.message).toContain("tool-calls")
      const streamed = yield* translate
        .stream({ language: "French", words: "x" })
        .pipe(Stream.runDrain, Effect.flip, Effect.provide(MockLlm.layer(call)))
      expect(streamed).toEqual(error)
    })
  )

  it.effect("that lacks a value, which does not compile, is an InvalidRequest that names it", () =>
    Effect.gen(function* () {
      // @ts-expect-error words is missing
      const call = translate({ language: "French" })
      const error = yield* Effect.flip(call)
      expect(error).toMatchObject({ _tag: "InvalidRequest", param: "variables", attempts: 0 })
      expect(error.message).toContain("{{words}}")
      expect(yield* requests).toEqual([])
    }).pipe(Effect.provide(MockLlm.layer([])))
  )
})

describe("withRetries", () => {
  const wrong = '{"label":"angry","urgent":true}'

  it.effect("asks again with what is wrong, and every question is a call that can be seen", () =>
    Effect.gen(function* () {
      expect(yield* classify.withRetries(2)({ ticket: "x" })).toEqual(ticket)
      const asked = yield* requests
      expect(asked.map(({ metadata }) => metadata?.["reask"])).toEqual([undefined, 1, 2])
      expect(JSON.stringify(asked[1]?.prompt)).toContain("angry")
    }).pipe(Effect.provide(MockLlm.layer([wrong, wrong, ticketText])))
  )

  it.effect("is bounded", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(classify.withRetries(1)({ ticket: "x" }))
      expect(error).toMatchObject({ _tag: "InvalidOutput", attempts: 2 })
      expect(yield* requests).toHaveLength(2)
    }).pipe(Effect.provide(MockLlm.layer(wrong)))
  )

  it.effect("is in the ledger, answer by answer", () =>
    Effect.gen(function* () {
      yield* classify.withRetries(2)({ ticket: "x" })
      const entries = yield* Ledger.entries
      expect(entries.map(({ metadata }) => metadata["reask"])).toEqual([undefined, 1, 2])
      expect((yield* Ledger.totals).all.outputTokens).toBe(6)
    }).pipe(
      Effect.provide(
        MockLlm.layer([wrong, wrong, ticketText].map((text) => ({ text, usage: { inputTokens: 1, outputTokens: 2 } })))
      ),
      Effect.provide(Ledger.layer())
    )
  )

  it.effect("leaves the call that it was made of as it was", () =>
    Effect.gen(function* () {
      expect(classify.withRetries(3)).not.toBe(classify)
      yield* Effect.flip(classify({ ticket: "x" }))
      expect(yield* requests).toHaveLength(1)
    }).pipe(Effect.provide(MockLlm.layer(wrong)))
  )

  it.effect("holds for streams", () =>
    Effect.gen(function* () {
      const last = yield* Stream.runLast(classify.withRetries(1).stream({ ticket: "x" }))
      expect(last).toMatchObject({ value: { _tag: "Final", value: ticket, reasks: 1 } })
    }).pipe(Effect.provide(MockLlm.layer([wrong, ticketText])))
  )
})

describe("chain", () => {
  const outline = LlmCall.make({ user: "Outline: {{topic}}" })
  const draft = LlmCall.make({ user: "Draft: {{outline}}" })
  const rate = LlmCall.make({
    user: "Rate: {{text}}",
    output: Schema.Struct({ language: Schema.String, words: Schema.String })
  })
  const text = (request: { readonly prompt: Prompt.Prompt }) => Prompt.textOf(request.prompt.at(-1) ?? Prompt.user(""))

  it.effect("hands a text to the one variable of the next call, and an object to those of its names", () =>
    Effect.gen(function* () {
      const answer = yield* LlmCall.chain(outline, draft, rate, translate)({ topic: "sea" })
      expect(answer).toBe("fin")
      expect((yield* requests).map(text)).toEqual(["Outline: sea", "Draft: one", "Rate: two", "w (l)"])
    }).pipe(Effect.provide(MockLlm.layer(["one", "two", '{"language":"l","words":"w"}', "fin"])))
  )

  it.effect("has functions in between, which give a value or an Effect", () =>
    Effect.gen(function* () {
      const chained = LlmCall.chain(
        outline,
        (text) => ({ language: "French", words: text.toUpperCase() }),
        translate,
        (text) => Effect.succeed(text.length)
      )
      expect(yield* chained({ topic: "sea" })).toBe(4)
      expect((yield* requests).map(text)).toEqual(["Outline: sea", "ONE (French)"])
    }).pipe(Effect.provide(MockLlm.layer(["one", "long"])))
  )

  it.effect("stops at the first failure", () =>
    Effect.gen(function* () {
      const busy = new LlmError.RateLimited({ provider: "mock", model: "m", message: "slow down" })
      const mock = yield* MockLlm.make([busy])
      const error = yield* Effect.flip(Effect.provide(LlmCall.chain(outline, draft)({ topic: "sea" }), mock.layer))
      expect(error).toBe(busy)
      expect(yield* mock.calls).toHaveLength(1)
    })
  )

  it.effect("can be chained itself, and starts anew at every run", () =>
    Effect.gen(function* () {
      const article = LlmCall.chain(LlmCall.chain(outline, draft), draft)({ topic: "sea" })
      expect([yield* article, yield* article]).toEqual(["three", "six"])
    }).pipe(Effect.provide(MockLlm.layer(["one", "two", "three", "four", "five", "six"])))
  )
})

describe("forEach", () => {
  const tickets = ["a", "b", "c", "d"].map((ticket) => ({ ticket }))
  const busy = new LlmError.RateLimited({ provider: "mock", model: "m", message: "slow down" })

  it.effect("gives an Either per input, in the order of the inputs", () =>
    Effect.gen(function* () {
      const delays: Readonly<Record<string, number>> = { a: 3, b: 1, c: 2, d: 4 }
      const layer = MockLlm.layer((request) => {
        const name = JSON.stringify(request.prompt.at(-1)).match(/Ticket: (\w)/)?.[1] ?? ""
        return name === "b" ? busy : { text: ticketText, delay: Duration.seconds(delays[name] ?? 0) }
      })
      const fiber = yield* Effect.fork(Effect.provide(LlmCall.forEach(classify, tickets), layer))
      yield* TestClock.adjust("4 seconds")
      const results = yield* Fiber.join(fiber)
      expect(results).toEqual([Either.right(ticket), Either.left(busy), Either.right(ticket), Either.right(ticket)])
    })
  )

  it.effect("has at most so many calls under way, and refills at once", () =>
    Effect.gen(function* () {
      const now = yield* Ref.make(0)
      const most = yield* Ref.make(0)
      const call = (n: number) =>
        Effect.gen(function* () {
          const running = yield* Ref.updateAndGet(now, (count) => count + 1)
          yield* Ref.update(most, (count) => Math.max(count, running))
          yield* Effect.sleep(n === 0 ? "9 seconds" : "1 seconds")
          yield* Ref.update(now, (count) => count - 1)
          return n
        })
      const fiber = yield* Effect.fork(
        LlmCall.forEach(
          call,
          Array.from({ length: 10 }, (_, n) => n),
          { concurrency: 2 }
        )
      )
      // One of two is slow for nine seconds: the other place runs the nine others meanwhile.
      yield* TestClock.adjust("9 seconds")
      expect(yield* Fiber.join(fiber)).toHaveLength(10)
      expect(yield* Ref.get(most)).toBe(2)
    })
  )

  it.effect("tells how far it is, one call at a time", () =>
    Effect.gen(function* () {
      const seen = yield* Ref.make<ReadonlyArray<LlmCall.Progress<unknown, unknown>>>([])
      yield* Effect.provide(
        LlmCall.forEach(classify, tickets, {
          concurrency: "unbounded",
          onProgress: (progress) =>
            Effect.zipRight(
              Effect.yieldNow(),
              Ref.update(seen, (all) => [...all, progress])
            )
        }),
        MockLlm.layer([ticketText, busy, ticketText, ticketText])
      )
      const all = yield* Ref.get(seen)
      expect(all.map(({ done }) => done)).toEqual([1, 2, 3, 4])
      expect(all.at(-1)).toMatchObject({ failed: 1, total: 4 })
      expect(all.filter(({ result }) => Either.isLeft(result))).toHaveLength(1)
    })
  )

  it.effect("stops all calls when it is interrupted", () =>
    Effect.gen(function* () {
      const stopped = yield* Ref.make(0)
      const started = yield* Deferred.make<void>()
      const call = (n: number) =>
        Effect.zipRight(n === 2 ? Deferred.succeed(started, undefined) : Effect.void, Effect.never).pipe(
          Effect.onInterrupt(() => Ref.update(stopped, (count) => count + 1))
        )
      const fiber = yield* Effect.fork(LlmCall.forEach(call, [1, 2, 3, 4], { concurrency: 2 }))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      expect(yield* Ref.get(stopped)).toBe(2)
    })
  )

  it.effect("sums up with the usage of detailed calls", () =>
    Effect.gen(function* () {
      const results = yield* LlmCall.forEach(classify.detailed, tickets)
      const usage = results
        .filter(Either.isRight)
        .reduce((sum, { right }) => Usage.add(sum, right.usage), Usage.unknown)
      expect(usage.outputTokens).toBe(8)
    }).pipe(Effect.provide(MockLlm.layer({ text: ticketText, usage: { outputTokens: 2 } })))
  )

  it.effect("of nothing is nothing", () =>
    Effect.gen(function* () {
      expect(yield* LlmCall.forEach(classify, [])).toEqual([])
    }).pipe(Effect.provide(MockLlm.layer([])))
  )
})
