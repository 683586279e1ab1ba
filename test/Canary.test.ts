/**
 * A key that is searched for in everything that leaves the library: errors, log lines, spans, cache entries, answers and
 * what the test servers remember. The server behind it does its worst and echoes the key wherever it can.
 */
import { describe, expect, it } from "@effect/vitest"
import {
  Cause,
  Context,
  Effect,
  Exit,
  Layer,
  Logger,
  LogLevel,
  Metric,
  Option,
  Redacted,
  Schema,
  Stream,
  Tracer
} from "effect"
import { Attempts, LlmClient, LlmError, OpenAi, Policy, RetryPolicy } from "effect-llm"
import { LmdbCache } from "effect-llm/lmdb"
import { Fault, Simulator } from "effect-llm/testing"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { everyWord } from "./laws.js"
import { canary, httpClients } from "./worlds.js"

const echo = JSON.stringify({
  error: {
    message: `Incorrect API key provided: ${canary}.`,
    type: "invalid_request_error",
    param: canary,
    code: canary
  }
})

const faults: Readonly<Record<string, ReadonlyArray<Fault.Fault>>> = {
  "no fault": [],
  "an error that echoes the key": [Fault.status(401, { body: echo }), Fault.status(401, { body: echo })],
  "a page that echoes the key": [Fault.status(502, { body: `<html><title>${canary}</title></html>` })],
  "headers that echo the key": [Fault.status(429, { headers: { "x-echo": canary, "retry-after-ms": "1" } })],
  "an error event that echoes the key": [
    Fault.errorEvent({ afterTokens: 2, error: { message: `bad key ${canary}`, type: "server_error", code: canary } })
  ],
  "a reset": [Fault.resetBeforeHeaders],
  "a cut": [Fault.cut({ afterTokens: 2, ending: "abrupt" })],
  "a page with status 200": [Fault.htmlPage]
}

/** Every span, with all that is said of it. */
const recordingTracer = (spans: Array<unknown>): Tracer.Tracer =>
  Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const events: Array<unknown> = []
      spans.push({ name, parent: Option.map(parent, (span) => span.spanId), attributes, events, kind, links })
      let status: Tracer.SpanStatus = { _tag: "Started", startTime }
      return {
        _tag: "Span",
        name,
        spanId: `${spans.length}`,
        traceId: "trace",
        parent,
        context,
        get status() {
          return status
        },
        attributes,
        links,
        sampled: true,
        kind,
        end: (endTime, exit) => {
          status = { _tag: "Ended", startTime, endTime, exit }
          events.push(exit)
        },
        attribute: (key, value) => attributes.set(key, value),
        event: (event, time, more) => events.push([event, time, more]),
        addLinks: () => {}
      }
    },
    context: (f) => f()
  })

/** Both of OpenAI's protocols, which say errors differently. */
const callers = [
  ...Object.entries(httpClients).map(([name, http]) => ({ name, http, api: "chat-completions" }) as const),
  { name: "effect-llm/node and by responses", http: httpClients["effect-llm/node"], api: "responses" } as const
]

describe("a key is never seen", () => {
  for (const { api, http, name: clientName } of callers) {
    for (const [name, queue] of Object.entries(faults)) {
      it.scopedLive(`over ${clientName}, with ${name}`, () =>
        Effect.gen(function* () {
          const spans: Array<unknown> = []
          const lines: Array<string> = []
          const simulator = Context.get(yield* Layer.build(Simulator.layer({ apiKey: canary })), Simulator.Simulator)
          const client = OpenAi.layer({
            apiKey: Redacted.make(canary),
            baseUrl: simulator.url,
            model: "gpt-4.1-mini",
            api
          }).pipe(
            Policy.retry(RetryPolicy.exponential({ base: "1 millis", retries: 1 })),
            Policy.cache(),
            Policy.telemetry({ recordContent: true }),
            Layer.provide(http)
          )
          const heard: Array<unknown> = []
          const calls = Effect.gen(function* () {
            const outcomes: Array<unknown> = []
            const each: ReadonlyArray<Effect.Effect<unknown, LlmError.LlmError, LlmClient.LlmClient>> = [
              LlmClient.complete("one"),
              Stream.runCollect(LlmClient.stream("two")),
              Stream.runCollect(LlmClient.stream("one")),
              LlmClient.embed("three")
            ]
            for (const call of each) {
              yield* simulator.inject(...queue)
              const exit = yield* Effect.exit(call)
              yield* Effect.logError("the call ended", exit)
              outcomes.push(exit)
              if (Exit.isFailure(exit)) {
                outcomes.push(Cause.pretty(exit.cause, { renderErrorCause: true }))
                const error = Option.getOrThrow(Cause.failureOption(exit.cause))
                outcomes.push(yield* Schema.encode(LlmError.LlmError)(error), error.stack)
              }
            }
            return outcomes
          }).pipe(Effect.annotateLogs("test", "canary"), Effect.withLogSpan("calls"))

          const outcomes = yield* calls.pipe(
            Effect.provide(client),
            Attempts.listening((attempt) => heard.push(attempt)),
            Effect.provide(
              Layer.merge(
                Logger.replace(
                  Logger.defaultLogger,
                  Logger.make((entry) => {
                    for (const format of [Logger.stringLogger, Logger.logfmtLogger, Logger.jsonLogger])
                      lines.push(format.log(entry))
                  })
                ),
                Logger.minimumLogLevel(LogLevel.All)
              )
            ),
            Effect.provide(Layer.setTracer(recordingTracer(spans)))
          )

          expect(lines.length).toBeGreaterThanOrEqual(12)
          expect(spans.length).toBeGreaterThanOrEqual(3)
          expect(everyWord(outcomes)).not.toContain(canary)
          expect(lines.join("\n")).not.toContain(canary)
          expect(everyWord(spans)).not.toContain(canary)
          expect(heard.length).toBeGreaterThanOrEqual(3)
          expect(everyWord(heard)).not.toContain(canary)
          expect(everyWord(yield* Metric.snapshot)).not.toContain(canary)
          expect(everyWord(yield* simulator.requests)).not.toContain(canary)
        })
      )
    }
  }

  it.scopedLive("in what comes out of a cache", () =>
    Effect.gen(function* () {
      const simulator = Context.get(yield* Layer.build(Simulator.layer({ apiKey: canary })), Simulator.Simulator)
      const client = OpenAi.layer({
        apiKey: Redacted.make(canary),
        baseUrl: simulator.url,
        model: "gpt-4.1-mini"
      }).pipe(Policy.cache(), Layer.provide(httpClients.fetch))
      const outcome = yield* Effect.gen(function* () {
        yield* LlmClient.complete("one")
        return yield* Effect.all([LlmClient.complete("one"), Stream.runCollect(LlmClient.stream("one"))])
      }).pipe(Effect.provide(client))
      expect(outcome[0].cached).toBe(true)
      expect(everyWord(outcome)).not.toContain(canary)
    })
  )

  it.scopedLive("in the file of a cache", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "effect-llm-canary-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
      const simulator = Context.get(yield* Layer.build(Simulator.layer({ apiKey: canary })), Simulator.Simulator)
      const client = OpenAi.layer({
        apiKey: Redacted.make(canary),
        baseUrl: simulator.url,
        model: "gpt-4.1-mini"
      }).pipe(
        Policy.cache({ store: LmdbCache.store({ path: join(folder, "answers.lmdb") }) }),
        Layer.provide(httpClients.fetch)
      )
      yield* Effect.provide(Effect.zip(LlmClient.complete("one"), LlmClient.embed("two")), client)
      const bytes = readdirSync(folder).map((file) => readFileSync(join(folder, file), "latin1"))
      expect(bytes.join("").length).toBeGreaterThan(1000)
      expect(bytes.join("")).not.toContain(canary)
    })
  )

  it.scopedLive("in a client, a layer or a service that is printed", () =>
    Effect.gen(function* () {
      const client = OpenAi.layer({
        apiKey: Redacted.make(canary),
        baseUrl: "http://127.0.0.1:1",
        model: "gpt-4.1-mini"
      })
      const built = yield* Layer.build(Layer.provide(client, httpClients.fetch))
      expect(everyWord(Context.get(built, LlmClient.LlmClient))).not.toContain(canary)
      expect(everyWord(client)).not.toContain(canary)
    })
  )
})

it("the search would find a key", () => {
  const error = new Error("outer", { cause: new Error(`inner ${canary}`) })
  expect(everyWord({ deep: [new Map([["a", { b: canary }]])] })).toContain(canary)
  expect(everyWord(error)).toContain(canary)
})
