/**
 * The laws that everything obeys that calls itself an `LlmClient`: providers, policies, mocks, adapters.
 */
import { describe, expect, it } from "@effect/vitest"
import {
  Chunk,
  Duration,
  Effect,
  Either,
  Exit,
  Fiber,
  Inspectable,
  type Layer,
  Option,
  Ref,
  type Scope,
  Stream
} from "effect"
import { type ChatRequest, type Completion, LlmClient, LlmError, StreamPart } from "effect-llm"

/**
 * What the side behind the client does in a law. `cut` breaks a streamed answer behind its third piece; `stall` gives two
 * pieces of it and is silent then; `silent` never answers; `refused` is a terminal failure, `failing` a retryable one that
 * stays.
 */
export type Scenario = "well" | "tools" | "cut" | "stall" | "silent" | "refused" | "failing"

/** A client in a scenario, and what the side behind it saw. */
export interface World {
  readonly layer: Layer.Layer<LlmClient.LlmClient>
  /** Waits until a call was abandoned by the client. */
  readonly abandoned: Effect.Effect<void>
  /** How many requests have come. */
  readonly requests: Effect.Effect<number>
}

/** A way to build an `LlmClient`. */
export interface Subject {
  readonly name: string
  readonly build: (scenario: Scenario) => Effect.Effect<World, unknown, Scope.Scope>
  /** A text that must never be seen: the key, where there is one. */
  readonly secret?: string
  /** The client holds back a stream until it is whole. */
  readonly holdsBack?: boolean
  /** False: the provider offers no embeddings. */
  readonly embeds?: boolean
  /** False: the provider gives its answers whole; a stream of them has one delta. */
  readonly streams?: boolean
  /** False: the provider takes no tools. */
  readonly callsTools?: boolean
  /** False: the provider does not say how many tokens a call took. */
  readonly saysUsage?: boolean
}

const prompt = "Tell me about the lighthouse."

const toolRequest: ChatRequest.RequestInput = {
  prompt,
  toolChoice: "required",
  tools: [
    {
      name: "look_up",
      description: "Looks a word up",
      parameters: {
        type: "object",
        properties: { word: { type: "string" } },
        required: ["word"],
        additionalProperties: false
      }
    }
  ]
}

/** What two answers to the same request share: not when and how they came. */
const essence = ({
  finishReason,
  model,
  parts,
  reasoning,
  text,
  toolCalls,
  usage,
  warnings
}: Completion.Completion) => ({
  finishReason,
  model,
  parts,
  reasoning,
  text,
  toolCalls: toolCalls.map(({ arguments: value, name }) => ({ name, value })),
  usage,
  warnings
})

const textOf = (parts: Iterable<StreamPart.StreamPart>): string => {
  let text = ""
  for (const part of parts) if (part._tag === "TextDelta") text += part.text
  return text
}

/** All parts that came before the stream ended, and how it ended. */
const watch = (stream: Stream.Stream<StreamPart.StreamPart, LlmError.LlmError, LlmClient.LlmClient>) =>
  Effect.gen(function* () {
    const seen = yield* Ref.make<ReadonlyArray<StreamPart.StreamPart>>([])
    const end = yield* stream.pipe(
      Stream.runForEach((part) => Ref.update(seen, (parts) => [...parts, part])),
      Effect.either
    )
    return { parts: yield* Ref.get(seen), end }
  })

/** Runs every law on a client built this way. */
export const laws = (subject: Subject): void => {
  const law = <E>(
    sentence: string,
    scenario: Scenario,
    test: (world: World) => Effect.Effect<unknown, E, LlmClient.LlmClient>
  ): void =>
    it.scopedLive(
      sentence,
      () => Effect.flatMap(subject.build(scenario), (world) => Effect.provide(test(world), world.layer)),
      20_000
    )

  describe(`laws: ${subject.name}`, () => {
    law("a stream folds to what complete returns", "well", () =>
      Effect.gen(function* () {
        const whole = yield* LlmClient.complete(prompt)
        const folded = yield* StreamPart.collect(LlmClient.stream(prompt))
        expect(whole.text.length).toBeGreaterThan(0)
        expect(essence(folded)).toEqual(essence(whole))
      })
    )

    if (subject.callsTools === false) {
      law("tools are an UnsupportedFeature before anything is sent", "tools", ({ requests }) =>
        Effect.gen(function* () {
          const whole = yield* Effect.flip(LlmClient.complete(toolRequest))
          const streamed = yield* Effect.flip(Stream.runDrain(LlmClient.stream(toolRequest)))
          expect([whole, streamed]).toMatchObject(
            Array.from({ length: 2 }, () => ({ _tag: "UnsupportedFeature", attempts: 0 }))
          )
          expect(yield* requests).toBe(0)
        })
      )
    } else
      law("tool calls fold to what complete returns", "tools", () =>
        Effect.gen(function* () {
          const whole = yield* LlmClient.complete(toolRequest)
          const { parts } = yield* watch(LlmClient.stream(toolRequest))
          const folded = yield* StreamPart.collect(Stream.fromIterable(parts))
          expect(whole.toolCalls.map((call) => call.name)).toEqual(["look_up"])
          expect(JSON.parse(whole.toolCalls[0]?.arguments ?? "")).toHaveProperty("word")
          expect(essence(folded).toolCalls).toEqual(essence(whole).toolCalls)
          expect(whole.finishReason.unified).toBe("tool-calls")
          const pieces = parts.map((part) => (part._tag === "ToolCallDelta" ? part.arguments : "")).join("")
          expect(pieces).toBe(whole.toolCalls[0]?.arguments)
        })
      )

    law("a stream ends in exactly one Finish, and it is the last part", "well", () =>
      Effect.gen(function* () {
        const { end, parts } = yield* watch(LlmClient.stream(prompt))
        expect(Either.isRight(end)).toBe(true)
        expect(parts.filter((part) => part._tag === "Finish")).toHaveLength(1)
        expect(parts.at(-1)?._tag).toBe("Finish")
      })
    )

    law("the same stream can be run again, and gives the same answer", "well", () =>
      Effect.gen(function* () {
        const stream = LlmClient.stream(prompt)
        const [first, second] = yield* Effect.all([StreamPart.collect(stream), StreamPart.collect(stream)])
        expect(essence(second)).toEqual(essence(first))
      })
    )

    law("an answer says what it cost", "well", () =>
      Effect.gen(function* () {
        const answer = yield* LlmClient.complete(prompt)
        if (subject.saysUsage === false) expect(answer.usage).toEqual({})
        else {
          expect(answer.usage.inputTokens).toBeGreaterThan(0)
          expect(answer.usage.outputTokens).toBeGreaterThan(0)
        }
        expect(answer.attempts).toBe(1)
        expect(answer.cached).toBe(false)
        expect(answer.model).not.toBe("")
      })
    )

    law("calls at the same time do not mix", "well", () =>
      Effect.gen(function* () {
        const prompts = Array.from({ length: 12 }, (_, n) => `${prompt} ${n}`)
        const alone = yield* Effect.forEach(prompts, (one) => LlmClient.complete(one))
        const together = yield* Effect.forEach(
          prompts,
          (one, n) => (n % 2 === 0 ? LlmClient.complete(one) : StreamPart.collect(LlmClient.stream(one))),
          { concurrency: "unbounded" }
        )
        expect(together.map(essence)).toEqual(alone.map(essence))
      })
    )

    if (subject.embeds === false) {
      law("embeddings are unsupported, which is said before anything is sent", "well", ({ requests }) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(LlmClient.embed("a harbour"))
          expect([error._tag, error.attempts]).toEqual(["UnsupportedFeature", 0])
          expect(yield* requests).toBe(0)
        })
      )
    } else {
      law("embeddings come one per text, in their order", "well", () =>
        Effect.gen(function* () {
          const both = yield* LlmClient.embed(["a harbour", "a bakery"])
          const first = yield* LlmClient.embed("a harbour")
          expect(both.vectors).toHaveLength(2)
          expect(both.vectors[0]).toEqual(first.vectors[0])
          expect(both.vectors[1]).not.toEqual(both.vectors[0])
        })
      )
    }

    if (subject.streams === false) {
      law("an answer that breaks off is a ConnectionFailed, and no part of it is given out", "cut", () =>
        Effect.gen(function* () {
          const whole = yield* Effect.flip(LlmClient.complete(prompt))
          const { end, parts } = yield* watch(LlmClient.stream(prompt))
          expect(whole._tag).toBe("ConnectionFailed")
          expect(Either.getLeft(end).pipe(Option.map((error) => error._tag))).toEqual(Option.some("ConnectionFailed"))
          expect(parts).toEqual([])
        })
      )
    } else
      law("a cut stream fails with StreamInterrupted, which keeps the text; it never ends well", "cut", () =>
        Effect.gen(function* () {
          const { end, parts } = yield* watch(LlmClient.stream(prompt))
          expect(parts.filter((part) => part._tag === "Finish")).toEqual([])
          const error = Option.getOrThrow(Either.getLeft(end))
          expect(error._tag).toBe("StreamInterrupted")
          const kept = error._tag === "StreamInterrupted" ? error.text : ""
          expect(kept.length).toBeGreaterThan(0)
          if (subject.holdsBack === true) expect(parts).toEqual([])
          else expect(textOf(parts)).toBe(kept)
          expect(LlmError.isLlmError(error)).toBe(true)
        })
      )

    law("a terminal failure keeps its tag, at once, for complete and for stream", "refused", ({ requests }) =>
      Effect.gen(function* () {
        const whole = yield* Effect.flip(LlmClient.complete(prompt))
        const streamed = yield* watch(LlmClient.stream(prompt))
        expect(whole._tag).toBe("InvalidRequest")
        expect(Either.getLeft(streamed.end).pipe(Option.map((error) => error._tag))).toEqual(
          Option.some("InvalidRequest")
        )
        expect(streamed.parts).toEqual([])
        expect(yield* requests).toBe(2)
      })
    )

    law(
      "a retryable failure that stays is the error in the end, and says how many attempts it cost",
      "failing",
      ({ requests }) =>
        Effect.gen(function* () {
          const whole = yield* Effect.flip(LlmClient.complete(prompt))
          const made = yield* requests
          const streamed = yield* watch(LlmClient.stream(prompt))
          expect(whole._tag).toBe("ServerFailed")
          expect(whole.attempts).toBe(made)
          expect(Either.getLeft(streamed.end).pipe(Option.map((error) => error._tag))).toEqual(
            Option.some("ServerFailed")
          )
          expect(streamed.parts).toEqual([])
        })
    )

    law("a request that nobody could take fails before anything is sent", "well", ({ requests }) =>
      Effect.gen(function* () {
        const bad: ReadonlyArray<ChatRequest.Input> = [
          "",
          [],
          { prompt, temperature: Number.NaN },
          { prompt, maxTokens: 0 },
          { prompt, maxTokens: -1 },
          { prompt, topP: 0 },
          { prompt, toolChoice: "required" }
        ]
        for (const input of bad) {
          const whole = yield* Effect.flip(LlmClient.complete(input))
          const streamed = yield* Effect.flip(Stream.runDrain(LlmClient.stream(input)))
          expect([whole._tag, streamed._tag]).toEqual(["InvalidRequest", "InvalidRequest"])
          expect([whole.attempts, streamed.attempts]).toEqual([0, 0])
        }
        const embedding = yield* Effect.flip(LlmClient.embed([]))
        expect(embedding._tag).toBe("InvalidRequest")
        expect(yield* requests).toBe(0)
      })
    )

    law("interrupting complete abandons the call", "silent", ({ abandoned, requests }) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(LlmClient.complete(prompt))
        yield* until(requests, (n) => n === 1)
        const exit = yield* Fiber.interrupt(fiber)
        expect(Exit.isInterrupted(exit)).toBe(true)
        yield* abandoned
      })
    )

    law("interrupting a stream that waits abandons the call", "stall", ({ abandoned, requests }) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(Stream.runDrain(LlmClient.stream(prompt)))
        yield* until(requests, (n) => n === 1)
        const exit = yield* Fiber.interrupt(fiber)
        expect(Exit.isInterrupted(exit)).toBe(true)
        yield* abandoned
      })
    )

    if (subject.holdsBack !== true && subject.streams !== false) {
      law("leaving a stream early abandons the call", "stall", ({ abandoned }) =>
        Effect.gen(function* () {
          const parts = yield* Stream.runCollect(Stream.take(LlmClient.stream(prompt), 1))
          expect(Chunk.size(parts)).toBe(1)
          yield* abandoned
        })
      )
    }

    law("a timeout around a call abandons it", "silent", ({ abandoned }) =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.timeout(LlmClient.complete(prompt), Duration.millis(200)))
        expect(Exit.isFailure(exit)).toBe(true)
        yield* abandoned
      })
    )

    const { secret } = subject
    if (secret !== undefined) {
      for (const scenario of ["well", "cut", "refused", "failing"] as const) {
        law(`nothing secret is in what comes back (${scenario})`, scenario, () =>
          Effect.gen(function* () {
            const whole = yield* Effect.either(LlmClient.complete(prompt))
            const streamed = yield* watch(LlmClient.stream(prompt))
            const embedded = yield* Effect.either(LlmClient.embed("a harbour"))
            for (const value of [whole, streamed, embedded]) expect(everyWord(value)).not.toContain(secret)
          })
        )
      }
    }
  })
}

/** Waits for the other side of a socket. */
const until = (current: Effect.Effect<number>, isReached: (n: number) => boolean): Effect.Effect<void> =>
  Effect.flatMap(current, (n) =>
    isReached(n) ? Effect.void : Effect.zipRight(Effect.sleep(Duration.millis(2)), until(current, isReached))
  )

/** Everything that can be read from a value: its fields, hidden ones and those of its causes, and how it prints. */
export const everyWord = (value: unknown, seen: Set<unknown> = new Set()): string => {
  if (typeof value !== "object" || value === null) return String(value)
  if (seen.has(value)) return ""
  seen.add(value)
  const own = Object.getOwnPropertyNames(value).map((key) => `${key}: ${everyWord(Reflect.get(value, key), seen)}`)
  const entries = value instanceof Map || value instanceof Set ? [...value].map((entry) => everyWord(entry, seen)) : []
  // An object without a prototype has no text of its own.
  const text = "toString" in value ? String(value) : ""
  return [...own, ...entries, Inspectable.toStringUnknown(value), text].join("\n")
}
