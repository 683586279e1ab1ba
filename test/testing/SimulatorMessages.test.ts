import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted, Schema, Stream, TestClock } from "effect"
import { Anthropic, type ChatRequest, LlmClient, LlmError, Prompt, StreamPart, Tool } from "effect-llm"
import { Fault, Simulator } from "effect-llm/testing"
import { post } from "./SimulatorCalls.js"

const headers = { "x-api-key": "test", "anthropic-version": "2023-06-01" }

const ask = (body: unknown, more: Readonly<Record<string, string>> = headers) =>
  Effect.flatMap(Simulator.Simulator, ({ url }) => post(`${url}/messages`, body, { headers: more }))

const hello = (more: Readonly<Record<string, unknown>> = {}) => ({
  model: "claude-sonnet-4-5",
  max_tokens: 1000,
  messages: [{ role: "user", content: "Tell me about the harbour" }],
  ...more
})

const eventsOf = (raw: string) =>
  raw
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? []
      return { name, data: JSON.parse(data ?? "null") }
    })

describe("Simulator, messages", () => {
  it.live("answers like Anthropic, with the dated model and a usage", () =>
    Effect.gen(function* () {
      const seen = yield* ask(hello())
      const body = JSON.parse(seen.text)
      expect(seen.status).toBe(200)
      expect(seen.headers["request-id"]).toMatch(/^req_/)
      expect(body).toMatchObject({
        type: "message",
        role: "assistant",
        model: "claude-sonnet-4-5-20250929",
        content: [{ type: "text" }],
        stop_reason: "end_turn"
      })
      expect(body.id).toMatch(/^msg_01\w{22}$/)
      expect(body.usage.output_tokens).toBeGreaterThan(20)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("streams the same text and usage that it answers whole, each event under its name", () =>
    Effect.gen(function* () {
      const whole = JSON.parse((yield* ask(hello())).text)
      const events = eventsOf((yield* ask(hello({ stream: true }))).text)
      expect(events.every(({ data, name }) => data.type === name)).toBe(true)
      expect(events.slice(0, 3).map(({ name }) => name)).toEqual(["message_start", "content_block_start", "ping"])
      expect(events.slice(-3).map(({ name }) => name)).toEqual(["content_block_stop", "message_delta", "message_stop"])
      expect(events.map(({ data }) => data.delta?.text ?? "").join("")).toBe(whole.content[0].text)
      expect(events.at(-2)?.data.usage).toMatchObject({ output_tokens: whole.usage.output_tokens })
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("wants its key, and the right one", () =>
    Effect.gen(function* () {
      const version = { "anthropic-version": "2023-06-01" }
      const none = yield* ask(hello(), version)
      const wrong = yield* ask(hello(), { ...version, "x-api-key": "other" })
      const right = yield* ask(hello(), { ...version, "x-api-key": "the-key" })
      expect([none.status, wrong.status, right.status]).toEqual([401, 401, 200])
      expect(JSON.parse(wrong.text)).toEqual({
        type: "error",
        error: { type: "authentication_error", message: "invalid x-api-key" }
      })
    }).pipe(Effect.provide(Simulator.layer({ apiKey: "the-key" })))
  )

  it.live.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ["max_tokens", { max_tokens: undefined }],
    ["seed: Extra inputs", { seed: 7 }],
    ["messages.0.role", { messages: [{ role: "system", content: "x" }] }],
    ["must be non-empty", { messages: [{ role: "user", content: [{ type: "text", text: "" }] }] }],
    [
      "trailing whitespace",
      {
        messages: [
          { role: "user", content: "a" },
          { role: "assistant", content: "b " }
        ]
      }
    ],
    [
      "without `tool_result` blocks",
      {
        messages: [
          { role: "user", content: "a" },
          { role: "assistant", content: [{ type: "tool_use", id: "t", name: "f", input: {} }] },
          { role: "user", content: "b" }
        ]
      }
    ],
    [
      "unexpected `tool_use_id`",
      { messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "t" }] }] }
    ],
    [
      "Invalid `signature`",
      {
        messages: [
          { role: "user", content: "a" },
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "b", signature: "c" },
              { type: "text", text: "d" }
            ]
          },
          { role: "user", content: "e" }
        ]
      }
    ],
    [
      "media_type",
      {
        messages: [
          { role: "user", content: [{ type: "image", source: { type: "base64", media_type: "image/bmp", data: "" } }] }
        ]
      }
    ],
    ["non-whitespace", { stop_sequences: ["\n"] }],
    ["temperature: range", { temperature: 1.5 }],
    ["cannot both be specified", { temperature: 0.5, top_p: 0.5 }],
    ["greater than `thinking.budget_tokens`", { thinking: { type: "enabled", budget_tokens: 1024 } }],
    [
      "may only be set to 1",
      { max_tokens: 2000, thinking: { type: "enabled", budget_tokens: 1024 }, temperature: 0.5 }
    ],
    ["adaptive thinking is not supported", { thinking: { type: "adaptive" } }],
    [
      "is not supported for this model",
      { model: "claude-sonnet-5", thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 2000 }
    ],
    ["tool_choice may only be", { tool_choice: { type: "auto" } }],
    ["input_schema", { tools: [{ name: "f", input_schema: { type: "string" } }] }],
    [
      "'additionalProperties' must be",
      { output_config: { format: { type: "json_schema", schema: { type: "object", properties: {} } } } }
    ],
    [
      "'minimum' is not supported",
      { output_config: { format: { type: "json_schema", schema: { type: "integer", minimum: 1 } } } }
    ]
  ])("refuses what Anthropic refuses: %s", ([words, more]) =>
    Effect.gen(function* () {
      const seen = yield* ask(hello(more))
      expect(seen.status).toBe(400)
      expect(JSON.parse(seen.text)).toMatchObject({
        type: "error",
        error: { type: "invalid_request_error", message: expect.stringContaining(words) }
      })
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("wants the version of the protocol, a model that it has and a path that it knows", () =>
    Effect.gen(function* () {
      const { url } = yield* Simulator.Simulator
      expect((yield* ask(hello(), { "x-api-key": "test" })).status).toBe(400)
      expect((yield* ask(hello({ model: "claude-none" }))).status).toBe(404)
      expect((yield* post(`${url}/messages`, "{", { headers })).status).toBe(400)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("announces its limits in Anthropic's headers, and asks to wait in seconds", () =>
    Effect.gen(function* () {
      const first = yield* ask(hello())
      const second = yield* ask(hello())
      expect(first.headers).toMatchObject({
        "anthropic-ratelimit-requests-limit": "1",
        "anthropic-ratelimit-requests-remaining": "0"
      })
      expect(Date.parse(first.headers["anthropic-ratelimit-requests-reset"] ?? "")).toBeGreaterThan(0)
      expect(first.headers).not.toHaveProperty("x-ratelimit-limit-requests")
      expect([second.status, JSON.parse(second.text).error.type]).toEqual([429, "rate_limit_error"])
      expect(Number(second.headers["retry-after"])).toBeGreaterThan(50)
    }).pipe(Effect.provide(Simulator.layer({ rateLimit: { requestsPerMinute: 1 } })))
  )
})

// -----------------------------------------------------------------------------
// With the provider
// -----------------------------------------------------------------------------

const onSimulator = <A, E>(
  program: Effect.Effect<A, E, LlmClient.LlmClient | Simulator.Simulator>,
  options: Simulator.Options = {},
  model = "claude-sonnet-4-5"
) =>
  program.pipe(
    Effect.provide(
      Anthropic.layer({ apiKey: Redacted.make("test-key-1234"), baseUrl: "http://simulator.invalid", model })
    ),
    Effect.provide(Simulator.layerHttpClient(options))
  )

describe("Anthropic on the Simulator", () => {
  const tools = [{ name: "look_up", parameters: Tool.jsonSchema(Schema.Struct({ word: Schema.String })), strict: true }]

  it.effect.each(["claude-sonnet-4-5", "claude-opus-4-6", "claude-sonnet-5"])(
    "thinks, whole and streamed alike, and takes its thoughts back (%s)",
    (model) =>
      onSimulator(
        Effect.gen(function* () {
          const request: ChatRequest.RequestInput = { prompt: "Use look_up", reasoningEffort: "medium", tools }
          const whole = yield* LlmClient.complete(request)
          const folded = yield* StreamPart.collect(LlmClient.stream(request))
          expect(folded.parts).toEqual(whole.parts)
          expect([folded.usage, folded.finishReason]).toEqual([whole.usage, whole.finishReason])
          expect(whole.parts.map((part) => part._tag)).toEqual(["Reasoning", "ToolCall"])
          expect(whole.reasoning).not.toBe("")
          expect(whole.usage.reasoningTokens).toBeGreaterThan(0)
          const next = yield* LlmClient.complete({
            ...request,
            prompt: [
              Prompt.user("Use look_up"),
              { role: "assistant", content: whole.parts },
              Prompt.toolResult(whole.toolCalls[0]?.id ?? "", "a lamp")
            ]
          })
          expect(next.finishReason.unified).toBe("stop")
          expect(next.warnings).toEqual([])
        }),
        {},
        model
      )
  )

  it.effect("is held to a schema, bounds and all told", () =>
    onSimulator(
      Effect.gen(function* () {
        class Ticket extends Schema.Class<Ticket>("Ticket")({
          label: Schema.Literal("bug", "billing"),
          stars: Schema.Int.pipe(Schema.between(1, 5))
        }) {}
        const answer = yield* LlmClient.complete({
          prompt: "Hi",
          responseFormat: { _tag: "JsonSchema", name: "ticket", schema: Tool.jsonSchema(Ticket) }
        })
        expect(JSON.parse(answer.text)).toHaveProperty("label")
        expect(answer.warnings.map((warning) => warning.setting)).toEqual(["responseFormat"])
      })
    )
  )

  it.effect.each<readonly [ChatRequest.Settings, string]>([
    [{ reasoningEffort: "xhigh", temperature: 0.3, topP: 0.3 }, "claude-sonnet-5"],
    [{ reasoningEffort: "none", temperature: 0.3, topP: 0.3, seed: 1 }, "claude-sonnet-5"],
    [{ reasoningEffort: "xhigh", temperature: 0.3, topP: 0.3 }, "claude-opus-4-6"],
    [{ temperature: 1.7, topP: 0.3, frequencyPenalty: 1, stop: ["\n"] }, "claude-sonnet-4-5"],
    [{ reasoningEffort: "minimal", temperature: 0.3, maxTokens: 1500 }, "claude-sonnet-4-5"],
    [{ reasoningEffort: "high", toolChoice: "required", tools }, "claude-sonnet-4-5"],
    [{ reasoningEffort: "high", toolChoice: { tool: "look_up" }, tools }, "claude-sonnet-5"]
  ])("is never refused for settings that it does not take: %j to %s", ([settings, model]) =>
    onSimulator(
      Effect.gen(function* () {
        const answer = yield* LlmClient.complete({ prompt: "Hi", ...settings })
        expect(answer.usage.outputTokens).toBeGreaterThan(0)
      }),
      {},
      model
    )
  )

  it.effect("reads what is cached, in whole and streamed answers", () =>
    onSimulator(
      Effect.gen(function* () {
        const request: ChatRequest.RequestInput = {
          prompt: "lamp ".repeat(1500),
          providerOptions: { cache_control: { type: "ephemeral" } }
        }
        const first = yield* LlmClient.complete(request)
        const second = yield* StreamPart.collect(LlmClient.stream(request))
        expect(first.usage.cachedInputTokens).toBe(0)
        expect(second.usage.cachedInputTokens).toBeGreaterThan(1000)
        expect(second.usage.inputTokens).toBe(first.usage.inputTokens)
      })
    )
  )

  it.effect("ends at its limit", () =>
    onSimulator(
      Effect.gen(function* () {
        const short = yield* StreamPart.collect(LlmClient.stream({ prompt: "Hi", maxTokens: 7 }))
        expect([short.finishReason, short.usage.outputTokens]).toEqual([{ unified: "length", raw: "max_tokens" }, 7])
      })
    )
  )

  it.effect.each<readonly [Fault.Fault, LlmError.Tag]>([
    [Fault.status(529), "Overloaded"],
    [Fault.status(503), "Overloaded"],
    [Fault.status(429), "RateLimited"],
    [Fault.status(402), "QuotaExhausted"],
    [Fault.status(401), "AuthenticationFailed"],
    [Fault.status(403), "PermissionDenied"],
    [Fault.status(404), "ModelNotFound"],
    [Fault.status(413), "RequestTooLarge"],
    [Fault.status(500), "ServerFailed"],
    [Fault.status(504), "ServerFailed"],
    [Fault.htmlPage, "MalformedResponse"],
    [Fault.emptyBody, "StreamInterrupted"],
    [Fault.jsonError200, "ServerFailed"],
    [Fault.missingDone, "StreamInterrupted"],
    [Fault.malformedChunk({ afterTokens: 2 }), "StreamInterrupted"],
    [Fault.cut({ afterTokens: 2, ending: "abrupt" }), "StreamInterrupted"],
    [Fault.errorEvent({ afterTokens: 2 }), "StreamInterrupted"],
    [Fault.errorEvent({ afterTokens: 0, error: { type: "overloaded_error", message: "Overloaded" } }), "Overloaded"],
    [Fault.errorEvent({ afterTokens: 0, shape: "flat" }), "ServerFailed"],
    [Fault.errorEvent({ afterTokens: 0, shape: "string" }), "ServerFailed"],
    [Fault.errorEvent({ afterTokens: 0, shape: "null" }), "ServerFailed"]
  ])("a fault (%j) in a stream is %s", ([fault, tag]) =>
    onSimulator(
      Effect.gen(function* () {
        const error = yield* Effect.flip(Stream.runDrain(LlmClient.stream("Hi")))
        expect(error._tag).toBe(tag)
        expect(error.provider).toBe("anthropic")
      }),
      { faults: [fault] }
    )
  )

  it.effect("a stream with an event of a megabyte is whole", () =>
    onSimulator(
      Effect.gen(function* () {
        const answer = yield* StreamPart.collect(LlmClient.stream("Hi"))
        expect(answer.text).not.toBe("")
      }),
      { faults: [Fault.oversizedEvent({ bytes: 1 << 20 })] }
    )
  )

  it.effect("a prompt that is too long is ContextLengthExceeded", () =>
    onSimulator(
      Effect.gen(function* () {
        expect((yield* Effect.flip(LlmClient.complete("lamp ".repeat(200))))._tag).toBe("ContextLengthExceeded")
      }),
      { contextTokens: 100 }
    )
  )

  it.effect("a limit that is hit says how long to wait", () =>
    onSimulator(
      Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        yield* LlmClient.complete("Hi")
        const error = yield* Effect.flip(LlmClient.complete("Hi"))
        expect(error._tag).toBe("RateLimited")
        expect(LlmError.retryAfter(error)).toMatchObject({ _tag: "Some", value: { value: { millis: 60_000 } } })
      }),
      { rateLimit: { requestsPerMinute: 1 } }
    )
  )
})
