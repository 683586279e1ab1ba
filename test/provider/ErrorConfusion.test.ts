/**
 * The errors of all providers, through the providers themselves: which tag each one must get, and which it gets.
 */
import { beforeAll, describe, expect, it } from "@effect/vitest"
import { HttpClient } from "@effect/platform"
import { type ConfigError, Duration, Effect, Redacted, TestClock, TestContext } from "effect"
import {
  Anthropic,
  AzureMetaLlama,
  AzureOpenAi,
  Gemini,
  HuggingFace,
  type LlmClient,
  LlmError,
  OpenAi,
  OpenAiCompatible,
  Prompt,
  Zhipu
} from "effect-llm"
import { casesOf, type ErrorCase, errorCases, jsonOf, now, titleOf } from "../errors/Answers.js"
import * as HttpStub from "./HttpStub.js"

// --- The providers -------------------------------------------------------------

type Made = Effect.Effect<LlmClient.Service, ConfigError.ConfigError, HttpClient.HttpClient>

const apiKey = Redacted.make("id-5b7c9d1e3f.secret-5b7c9d1e3f")
const model = "some-model"

const server = (provider: string): Made =>
  OpenAiCompatible.make({ provider, apiKey, model, baseUrl: "https://llm.test/v1" })

/** By the names of the files. */
const providers: Readonly<Record<string, Made>> = {
  anthropic: Anthropic.make({ apiKey, model }),
  "azure-meta-llama": AzureMetaLlama.make({ apiKey, model, endpoint: "https://x.inference.ml.azure.com/score" }),
  "azure-openai": AzureOpenAi.make({ apiKey, deployment: model, endpoint: "https://x.openai.azure.com" }),
  cerebras: OpenAiCompatible.make({ vendor: "cerebras", apiKey, model }),
  deepseek: OpenAiCompatible.make({ vendor: "deepseek", apiKey, model }),
  fireworks: OpenAiCompatible.make({ vendor: "fireworks", apiKey, model }),
  gateways: server("gateway"),
  gemini: Gemini.make({ apiKey, model }),
  groq: OpenAiCompatible.make({ vendor: "groq", apiKey, model }),
  huggingface: HuggingFace.make({ apiKey, model }),
  "llama-cpp": OpenAiCompatible.make({ vendor: "llama-cpp", model }),
  "lm-studio": OpenAiCompatible.make({ vendor: "lm-studio", model }),
  mistral: OpenAiCompatible.make({ vendor: "mistral", apiKey, model }),
  moonshot: OpenAiCompatible.make({ vendor: "moonshot", apiKey, model }),
  ollama: OpenAiCompatible.make({ vendor: "ollama", model }),
  openai: OpenAi.make({ apiKey, model }),
  openrouter: OpenAiCompatible.make({ vendor: "openrouter", apiKey, model }),
  qwen: OpenAiCompatible.make({ vendor: "qwen", apiKey, model }),
  "text-embeddings-inference": HuggingFace.make({ model, baseUrl: "http://tei.test/v1" }),
  "text-generation-inference": HuggingFace.make({ model, baseUrl: "http://tgi.test/v1" }),
  together: OpenAiCompatible.make({ vendor: "together", apiKey, model }),
  vllm: OpenAiCompatible.make({ vendor: "vllm", model }),
  xai: OpenAiCompatible.make({ vendor: "xai", apiKey, model }),
  zhipu: Zhipu.make({ apiKey, model })
}

// --- The ways an error can come --------------------------------------------------

const prompt = Prompt.make("Hello?")

/** What has come of a stream when the error does. */
const begun = ({ of }: ErrorCase): string => {
  switch (of) {
    case "anthropic":
      return [
        { type: "message_start", message: { id: "msg_1", model, content: [], usage: { input_tokens: 3 } } },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hel" } }
      ]
        .map((event) => `event: ${event.type}\n${HttpStub.frames(event)}`)
        .join("")
    case "gemini":
      return HttpStub.frames({ candidates: [{ index: 0, content: { role: "model", parts: [{ text: "Hel" }] } }] })
    default:
      return HttpStub.frames(HttpStub.chunk({ content: "Hel" }))
  }
}

const asEvent = (one: ErrorCase): string => (one.of === "anthropic" ? "event: error\n" : "") + HttpStub.frames(one.body)

interface Way {
  readonly takes: (one: ErrorCase) => boolean
  readonly answer: (one: ErrorCase) => Response
  readonly ask: (client: LlmClient.Service) => Effect.Effect<unknown, LlmError.LlmError>
}

const whole = ({ body, headers, status }: ErrorCase): Response => new Response(body, { status, headers })

const streamed = ({ stream }: LlmClient.Service) =>
  Effect.flatMap(HttpStub.watch(stream({ prompt })), ({ error }) =>
    error === undefined ? Effect.void : Effect.fail(error)
  )

const comesAsEvent = (one: ErrorCase): boolean =>
  jsonOf(one) !== undefined && !one.isToldByStatus && one.of !== "azure-meta-llama"

const ways: Readonly<Record<string, Way>> = {
  "in place of an answer": { takes: () => true, answer: whole, ask: ({ complete }) => complete({ prompt }) },
  "in place of a stream": { takes: () => true, answer: whole, ask: streamed },
  "in place of embeddings": {
    takes: (one) => one.of !== "anthropic" && one.of !== "azure-meta-llama",
    answer: whole,
    ask: ({ embed }) =>
      Effect.catchTag(embed({ input: ["Hello?"] }), "UnsupportedFeature", () => Effect.succeed("has no embeddings"))
  },
  "as the first event": {
    takes: comesAsEvent,
    answer: (one) => HttpStub.events(asEvent(one), one.headers),
    ask: streamed
  },
  "amid a stream": {
    takes: comesAsEvent,
    answer: (one) => HttpStub.events(begun(one) + asEvent(one), one.headers),
    ask: streamed
  }
}

// --- What comes of them ----------------------------------------------------------

interface Outcome {
  readonly one: ErrorCase
  readonly way: string
  /** `undefined`: the provider was not asked, because it offers no such operation. */
  readonly error: LlmError.LlmError | undefined
}

const outcomeOf = (one: ErrorCase, way: string): Effect.Effect<Outcome> =>
  Effect.gen(function* () {
    const { answer, ask } = ways[way] ?? (yield* Effect.dieMessage(`no way ${way}`))
    const stub = HttpStub.make(() => answer(one))
    const client = yield* Effect.provideService(
      providers[one.of] ?? Effect.dieMessage(`${one.of}.txt has no provider`),
      HttpClient.HttpClient,
      stub.http
    ).pipe(Effect.orDie)
    const result = yield* Effect.either(ask(client))
    if (result._tag === "Left") return { one, way, error: result.left }
    if (stub.sent.length > 0) return yield* Effect.dieMessage(`${titleOf(one)} ${way} became a success`)
    return { one, way, error: undefined }
  })

const allOutcomes: Effect.Effect<ReadonlyArray<Outcome>> = Effect.zipRight(
  TestClock.setTime(now),
  Effect.forEach(
    Object.entries(ways).flatMap(([way, { takes }]) => errorCases.filter(takes).map((one) => [one, way] as const)),
    ([one, way]) => outcomeOf(one, way)
  )
).pipe(Effect.provide(TestContext.TestContext))

/** One with an error. */
interface Failure extends Outcome {
  readonly error: LlmError.LlmError
}

const isFailure = (outcome: Outcome): outcome is Failure => outcome.error !== undefined

/** Behind the first part a retryable error is the cause of a `StreamInterrupted`. */
const tagOf = (error: LlmError.LlmError): LlmError.Tag =>
  error._tag === "StreamInterrupted" ? (error.cause?._tag ?? error._tag) : error._tag

const waitOf = (error: LlmError.LlmError): number | undefined =>
  LlmError.isRetryable(error) && error.retryAfter !== undefined ? Duration.toMillis(error.retryAfter) : undefined

const tags: ReadonlyArray<LlmError.Tag> = [...new Set(errorCases.map((one) => one.tag))].sort()

/** How often an error that must get the tag of the row got the tag of the column. */
const matrixOf = (seen: ReadonlyArray<Failure>): string => {
  const columns = [...new Set([...tags, ...seen.map(({ error }) => tagOf(error))])]
  const count = (row: string, column: string): number =>
    seen.filter(({ error, one }) => one.tag === row && tagOf(error) === column).length
  const width = Math.max(...columns.map((tag) => tag.length))
  const line = (name: string, cells: ReadonlyArray<string>): string =>
    [name.padEnd(width), ...cells.map((cell) => cell.padStart(4))].join(" ")
  return [
    line(
      "must be \\ is",
      columns.map((tag) => tag.replace(/[a-z]/g, "").padEnd(2, tag.slice(1, 2)))
    ),
    ...tags.map((row) =>
      line(
        row,
        columns.map((column) => String(count(row, column) || "."))
      )
    )
  ].join("\n")
}

const where = ({ one, way }: Outcome): string => `${titleOf(one)} ${way}`

describe("the errors of all providers", () => {
  let failures: ReadonlyArray<Failure> = []

  beforeAll(async () => {
    failures = (await Effect.runPromise(allOutcomes)).filter(isFailure)
  }, 30_000)

  it("are at least 8 of each provider", () => {
    expect(Object.keys(providers).filter((name) => casesOf(name).length < 8)).toEqual([])
    expect([...new Set(errorCases.map((one) => one.of))]).toEqual(Object.keys(providers).sort())
  })

  it("get the tag that they must: nothing stands off the diagonal of the confusion matrix", () => {
    const matrix = matrixOf(failures)
    process.stdout.write(`\n${errorCases.length} errors, ${failures.length} answers\n${matrix}\n`)
    const confused = failures
      .filter(({ error, one }) => tagOf(error) !== one.tag)
      .map((outcome) => `${where(outcome)}: must be ${outcome.one.tag}, is ${tagOf(outcome.error)}`)
    expect(confused).toEqual([])
  })

  it("are a StreamInterrupted amid a stream if they may go away, with the text so far", () => {
    for (const outcome of failures) {
      const { error, one, way } = outcome
      const isInterrupted = way === "amid a stream" && LlmError.isRetryable(error)
      expect(error._tag, where(outcome)).toBe(isInterrupted ? "StreamInterrupted" : one.tag)
      if (error._tag === "StreamInterrupted") expect(error.text).toBe("Hel")
    }
  })

  it("ask to wait as long as they say, wherever they come", () => {
    for (const outcome of failures) expect(waitOf(outcome.error), where(outcome)).toBe(outcome.one.wait)
  })

  it("say what the provider says", () => {
    for (const outcome of failures) {
      const { error, one } = outcome
      expect(error.message, where(outcome)).not.toBe("")
      if (one.says === undefined || error._tag === "StreamInterrupted") continue
      expect(error.message.trim(), where(outcome)).toBe(one.says.trim())
    }
  })

  it("have the status, and name the setting and the kinds of content, where that is told", () => {
    for (const outcome of failures) {
      const { error, one, way } = outcome
      if (way === "in place of an answer") expect(error.status, where(outcome)).toBe(one.errorStatus)
      if (error._tag === "InvalidRequest") {
        if (one.code !== undefined) expect(error.code, where(outcome)).toBe(one.code)
        if (one.param !== undefined) expect(error.param, where(outcome)).toBe(one.param)
      }
      if (error._tag === "ContentFiltered" && one.categories.length > 0) {
        const found = error.categories.filter(({ filtered }) => filtered).map(({ name }) => name)
        expect(found, where(outcome)).toEqual(one.categories)
      }
    }
  })
})
