// A test over recorded traffic: it was run against the provider once, and runs from its tape ever since, offline and for
// nothing. A tape is a file to read, to review and to commit: tapes/translate.json, tapes/slow.json.
// npx vitest run examples/cassette.test.ts
// To record anew: CASSETTE_MODE=record OPENAI_API_KEY=… npx vitest run examples/cassette.test.ts
// (These two were recorded from a simulated OpenAI, so that this repository needs no key.)
import { expect, it } from "@effect/vitest"
import { Config, Effect, Either, Layer, Redacted, Stream, TestClock } from "effect"
import { LlmClient, OpenAi, Policy } from "effect-llm"
import { Cassette } from "effect-llm/testing"

// What is to be tested. It knows no provider, no policy and no tape.
const translate = (text: string) => LlmClient.complete(`Into French: ${text}`)

const spoken = (text: string) => LlmClient.streamText(`Into French: ${text}`).pipe(Stream.runCollect)

// A replay needs no key: any will do, and none is on the tape.
const apiKey = Config.withDefault(Config.redacted("OPENAI_API_KEY"), Redacted.make("none"))

const Llm = Layer.unwrapEffect(Effect.map(apiKey, (apiKey) => OpenAi.layer({ apiKey, model: "gpt-4.1-mini" })))

// One tape per test. The path is that from the folder in which the tests are run; a URL finds it from anywhere.
const tape = (name: string, options?: Cassette.Options) =>
  Cassette.layer(new URL(`tapes/${name}.json`, import.meta.url), options)

it.effect("translates, whole and as a stream", () =>
  Effect.gen(function* () {
    const completion = yield* translate("good evening")
    expect(completion.text).toBe("Bonsoir, mon ami.")
    expect([...(yield* spoken("good evening"))].join("")).toBe("Bonsoir, mon ami.")
    // Nothing was recorded that is not asked for any more.
    yield* Cassette.assertUsed
  }).pipe(Effect.provide(Llm), Effect.provide(tape("translate")))
)

it.effect("gives up on an answer that is as slow as it was that day", () =>
  Effect.gen(function* () {
    const answer = yield* Effect.fork(Effect.either(spoken("good evening")))
    yield* TestClock.adjust("10 seconds")
    expect(Either.flip(yield* answer)).toMatchObject({ right: { _tag: "RequestTimeout", limit: "first-part" } })
  }).pipe(
    Effect.provide(Llm.pipe(Policy.firstPartTimeout("2 seconds"))),
    // Every part comes at its time, by the test's clock: nobody waits.
    Effect.provide(tape("slow", { timing: "recorded" }))
  )
)
