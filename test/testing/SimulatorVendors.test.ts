import { HttpClient, HttpClientRequest } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Option, Redacted } from "effect"
import { type ChatRequest, HuggingFace, LlmClient, LlmError, OpenAiCompatible, StreamPart } from "effect-llm"
import { Fault, Simulator } from "effect-llm/testing"
import { at } from "../recorded/Payloads.js"
import { payloads } from "./SimulatorCalls.js"

const post = (path: string, body: unknown) =>
  Effect.gen(function* () {
    const http = yield* HttpClient.HttpClient
    const response = yield* http.execute(
      HttpClientRequest.post(`http://simulator.invalid${path}/chat/completions`, {
        headers: { authorization: "Bearer any" }
      }).pipe(HttpClientRequest.bodyUnsafeJson(body))
    )
    return { status: response.status, text: yield* response.text }
  }).pipe(Effect.provide(Simulator.layerHttpClient()))

/** The chunks of a stream, without the end marker. */
const chunks = (text: string): ReadonlyArray<unknown> =>
  payloads(text)
    .filter((payload) => payload !== "[DONE]")
    .map((payload): unknown => JSON.parse(payload))

interface Row {
  readonly vendor: "deepseek" | "groq" | "mistral" | "moonshot" | "ollama"
  readonly path: string
  readonly model: string
  /** Where the usage of a stream is, on its last chunk. */
  readonly usage: ReadonlyArray<string | number>
}

const rows: ReadonlyArray<Row> = [
  { vendor: "deepseek", path: "/deepseek/v1", model: "deepseek-chat", usage: ["usage"] },
  { vendor: "groq", path: "/groq/openai/v1", model: "openai/gpt-oss-20b", usage: ["x_groq", "usage"] },
  { vendor: "mistral", path: "/mistral/v1", model: "magistral-small-latest", usage: ["usage"] },
  { vendor: "moonshot", path: "/moonshot/v1", model: "kimi-k2-thinking", usage: ["choices", 0, "usage"] }
]

const messages = [{ role: "user", content: "Tell me about the harbour" }]

const tools: ChatRequest.ChatRequest["tools"] = [
  {
    name: "look_up",
    description: "Looks up",
    parameters: { type: "object", properties: { word: { type: "string" } }, required: ["word"] }
  },
  {
    name: "take_note",
    description: "Notes",
    parameters: { type: "object", properties: { note: { type: "string" } }, required: ["note"] }
  }
]

const wireTools = tools.map((tool) => ({ type: "function", function: tool }))

describe("the simulated vendors", () => {
  it.effect.each(rows)("$vendor reports a stream's usage in its own place, unasked", ({ model, path, usage }) =>
    Effect.gen(function* () {
      const { text } = yield* post(path, { model, messages, stream: true })
      const seen = chunks(text)
      expect(at(seen.at(-1), "choices", 0, "finish_reason")).toBe("stop")
      expect(at(seen.at(-1), ...usage, "total_tokens")).toBeGreaterThan(0)
      expect(payloads(text).at(-1)).toBe("[DONE]")
    })
  )

  it.effect.each([
    ["/groq/openai/v1", "llama-3.3-70b-versatile", ["function", "id", "index", "type"]],
    ["/mistral/v1", "mistral-small-latest", ["function", "id"]]
  ] as const)("%s sends a streamed call whole", ([path, model, fields]) =>
    Effect.gen(function* () {
      const question = [{ role: "user", content: "Use look_up, then take_note" }]
      const { text } = yield* post(path, { model, messages: question, tools: wireTools, stream: true })
      const calls = chunks(text).flatMap((chunk) => at(chunk, "choices", 0, "delta", "tool_calls") ?? [])
      expect(calls).toHaveLength(2)
      for (const call of calls) {
        expect(Object.keys(Object(call)).sort()).toEqual(fields)
        expect(() => JSON.parse(String(at(call, "function", "arguments")))).not.toThrow()
      }
    })
  )

  it.effect.each(["seed", "stream_options", "max_completion_tokens"])("mistral refuses the field %s", (field) =>
    Effect.gen(function* () {
      const { status, text } = yield* post("/mistral/v1", { model: "mistral-small-latest", messages, [field]: 1 })
      expect([status, text]).toEqual([422, expect.stringContaining(field)])
    })
  )

  it.effect("mistral has its own word for an answer that grew too long", () =>
    Effect.gen(function* () {
      const { text } = yield* post("/mistral/v1", { model: "mistral-small-latest", messages, max_tokens: 3 })
      expect(at(JSON.parse(text), "choices", 0, "finish_reason")).toBe("model_length")
    })
  )

  it.effect("ollama takes everyone", () =>
    Effect.gen(function* () {
      const ollama = OpenAiCompatible.layer({
        vendor: "ollama",
        baseUrl: "http://simulator.invalid/ollama/v1",
        model: "llama3.2"
      })
      const answer = yield* Effect.provide(LlmClient.complete("Hi"), ollama)
      expect(answer.text).not.toBe("")
    }).pipe(Effect.provide(Simulator.layerHttpClient({ apiKey: "sk-none-has-it" })))
  )
})

describe("a provider on a simulated vendor", () => {
  it.effect.each(rows)(
    "gets the same from $vendor whole and streamed: reasoning, text, usage, several calls",
    (row) => {
      const layer = OpenAiCompatible.layer({
        vendor: row.vendor,
        apiKey: Redacted.make("any"),
        baseUrl: `http://simulator.invalid${row.path}`,
        model: row.model
      })
      return Effect.gen(function* () {
        const requests: ReadonlyArray<ChatRequest.RequestInput> = [
          { prompt: "Why?", reasoningEffort: "low" },
          { prompt: "Why?", reasoningEffort: "low", maxTokens: 5, seed: 7 },
          { prompt: "Use look_up, then take_note", tools, reasoningEffort: "low" }
        ]
        for (const request of requests) {
          const whole = yield* LlmClient.complete(request)
          const folded = yield* StreamPart.collect(LlmClient.stream(request))
          expect(whole.reasoning).not.toBeUndefined()
          expect(whole.usage.reasoningTokens).toBeGreaterThan(0)
          expect([folded.parts, folded.usage, folded.finishReason]).toEqual([
            whole.parts,
            whole.usage,
            whole.finishReason
          ])
        }
        const called = yield* LlmClient.complete(requests[2] ?? "")
        expect(called.toolCalls.map((call) => call.name)).toEqual(["look_up", "take_note"])
        expect(called.finishReason.unified).toBe("tool-calls")
      }).pipe(Effect.provide(layer), Effect.provide(Simulator.layerHttpClient()))
    }
  )

  it.effect("hears from Hugging Face that the model is loading, and for how long", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      yield* simulator.inject(Fault.status(503))
      const error = yield* Effect.flip(LlmClient.complete("Hi"))
      expect(error._tag).toBe("Overloaded")
      expect(Option.map(LlmError.retryAfter(error), Duration.toSeconds)).toEqual(Option.some(20))
      expect((yield* LlmClient.complete("Hi")).text).not.toBe("")
    }).pipe(
      Effect.provide(
        HuggingFace.layer({
          apiKey: Redacted.make("any"),
          baseUrl: "http://simulator.invalid/huggingface/v1",
          model: "meta-llama/Llama-3.3-70B-Instruct"
        })
      ),
      Effect.provide(Simulator.layerHttpClient())
    )
  )
})
