import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Fault, Simulator } from "effect-llm/testing"
import { post } from "./SimulatorCalls.js"

type Body = Readonly<Record<string, unknown>>

const ask = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(Simulator.Simulator, ({ url }) => post(`${url}/responses`, body, { headers }))

const hello = (more: Body = {}): Body => ({ model: "gpt-4.1-mini", input: "Tell me about the harbour", ...more })

const thinking = (more: Body = {}): Body =>
  hello({
    model: "gpt-5-mini",
    reasoning: { effort: "high", summary: "auto" },
    include: ["reasoning.encrypted_content"],
    store: false,
    ...more
  })

const tool = {
  type: "function",
  name: "get_weather",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false
  }
}

const eventsOf = (raw: string) =>
  raw
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => {
      const [, name, data] = /^event: ([\w.]+)\ndata: (.*)$/.exec(event) ?? []
      return { name, data: JSON.parse(data ?? "null") }
    })

const errorOf = (raw: string) => JSON.parse(raw).error

describe("Simulator, responses", () => {
  it.live("answers like OpenAI, with the dated model and a usage", () =>
    Effect.gen(function* () {
      const seen = yield* ask(hello())
      const body = JSON.parse(seen.text)
      expect(seen.status).toBe(200)
      expect(seen.headers["x-request-id"]).toMatch(/^req_/)
      expect(body).toMatchObject({
        object: "response",
        status: "completed",
        model: "gpt-4.1-mini-2025-04-14",
        output: [{ type: "message", role: "assistant", content: [{ type: "output_text" }] }],
        error: null,
        incomplete_details: null
      })
      expect(body.id).toMatch(/^resp_\w{48}$/)
      expect(body.usage.output_tokens).toBeGreaterThan(20)
      expect(body.usage.total_tokens).toBe(body.usage.input_tokens + body.usage.output_tokens)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("streams what it answers whole, each event under its name and with its number, without [DONE]", () =>
    Effect.gen(function* () {
      const whole = JSON.parse((yield* ask(hello())).text)
      const events = eventsOf((yield* ask(hello({ stream: true }))).text)
      expect(events.every(({ data, name }) => data.type === name)).toBe(true)
      expect(events.map(({ data }) => data.sequence_number)).toEqual(events.map((_, n) => n))
      const names = events.map(({ name }) => name?.replace("response.", ""))
      expect(names.slice(0, 5)).toEqual([
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta"
      ])
      expect(names.slice(-5)).toEqual([
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed"
      ])
      expect(events.map(({ data }) => data.delta ?? "").join("")).toBe(whole.output[0].content[0].text)
      expect(events.at(-2)?.data.item).toEqual(whole.output[0])
      expect(events.at(-1)?.data.response).toEqual(whole)
      expect(events[0]?.data.response).toMatchObject({ id: whole.id, status: "in_progress", output: [], usage: null })
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("hides the length of its pieces, unless it is told not to", () =>
    Effect.gen(function* () {
      const deltas = (options: unknown) =>
        Effect.map(ask(hello({ stream: true, stream_options: options })), ({ text }) =>
          eventsOf(text).filter(({ name }) => name?.endsWith("delta"))
        )
      expect((yield* deltas(undefined)).every(({ data }) => typeof data.obfuscation === "string")).toBe(true)
      expect((yield* deltas({ include_obfuscation: false })).some(({ data }) => "obfuscation" in data)).toBe(false)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("thinks, and shows and encrypts its thoughts where it is asked to", () =>
    Effect.gen(function* () {
      const whole = JSON.parse((yield* ask(thinking())).text)
      expect(whole.output.map((item: { readonly type: string }) => item.type)).toEqual(["reasoning", "message"])
      expect(whole.output[0].encrypted_content).toMatch(/^gAAAA/)
      expect(whole.output[0].summary).toHaveLength(1)
      expect(whole.usage.output_tokens_details.reasoning_tokens).toBeGreaterThan(0)
      const events = eventsOf((yield* ask(thinking({ stream: true }))).text)
      const summary = events.filter(({ name }) => name === "response.reasoning_summary_text.delta")
      expect(summary.map(({ data }) => data.delta).join("")).toBe(whole.output[0].summary[0].text)
      const [plain] = JSON.parse((yield* ask(thinking({ include: [], reasoning: {} }))).text).output
      expect(plain).toMatchObject({ type: "reasoning", summary: [] })
      expect(plain).not.toHaveProperty("encrypted_content")
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("calls tools, streamed or not, and takes their results", () =>
    Effect.gen(function* () {
      const body = hello({ input: "Call get_weather", tools: [tool] })
      const whole = JSON.parse((yield* ask(body)).text)
      const [call] = whole.output
      expect(call).toMatchObject({ type: "function_call", name: "get_weather", status: "completed" })
      expect(JSON.parse(call.arguments)).toHaveProperty("city")
      const events = eventsOf((yield* ask({ ...body, stream: true })).text)
      expect(events[2]).toMatchObject({
        name: "response.output_item.added",
        data: { output_index: 0, item: { call_id: call.call_id, arguments: "" } }
      })
      const pieces = events.filter(({ name }) => name === "response.function_call_arguments.delta")
      expect(pieces.map(({ data }) => data.delta).join("")).toBe(call.arguments)
      const answer = yield* ask({
        ...body,
        input: [
          { role: "user", content: "Call get_weather" },
          { type: "function_call", call_id: call.call_id, name: call.name, arguments: call.arguments },
          { type: "function_call_output", call_id: call.call_id, output: "sunny" }
        ]
      })
      expect(JSON.parse(answer.text).output[0].type).toBe("message")
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("is incomplete where there was no room", () =>
    Effect.gen(function* () {
      const whole = JSON.parse((yield* ask(hello({ max_output_tokens: 16 }))).text)
      expect(whole).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } })
      expect(whole.usage.output_tokens).toBe(16)
      const last = eventsOf((yield* ask(hello({ max_output_tokens: 16, stream: true }))).text).at(-1)
      expect(last).toMatchObject({ name: "response.incomplete", data: { response: whole } })
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("wants its key, and the right one", () =>
    Effect.gen(function* () {
      const none = yield* ask(hello(), { authorization: "" })
      const wrong = yield* ask(hello(), { authorization: "Bearer other" })
      const right = yield* ask(hello(), { authorization: "Bearer the-key" })
      expect([none.status, wrong.status, right.status]).toEqual([401, 401, 200])
      expect(errorOf(wrong.text).code).toBe("invalid_api_key")
    }).pipe(Effect.provide(Simulator.layer({ apiKey: "the-key" })))
  )

  it.live("speaks for Azure too, on its v1 surface", () =>
    Effect.gen(function* () {
      const { url } = yield* Simulator.Simulator
      const at = (headers: Readonly<Record<string, string>>) =>
        post(`${new URL(url).origin}/openai/v1/responses`, hello(), { headers: { authorization: "", ...headers } })
      expect([(yield* at({ "api-key": "the-key" })).status, (yield* at({ "api-key": "other" })).status]).toEqual([
        200, 401
      ])
    }).pipe(Effect.provide(Simulator.layer({ apiKey: "the-key" })))
  )

  const message = (content: unknown, role = "user"): Body => ({ role, content })

  const openCall = { type: "function_call", call_id: "call_1", name: "f", arguments: "{}" }

  it.live.each<readonly [words: string, body: unknown, param: string | null]>([
    ["could not parse the JSON", "{", null],
    ["Missing required parameter: 'model'", hello({ model: undefined }), "model"],
    ["cannot be used with the Responses API", hello({ model: "text-embedding-3-small" }), "model"],
    ["has moved to 'input'", hello({ messages: [] }), "messages"],
    ["has moved to 'max_output_tokens'", hello({ max_tokens: 64 }), "max_tokens"],
    ["has moved to 'text.format'", hello({ response_format: {} }), "response_format"],
    ["has moved to 'reasoning.effort'", hello({ reasoning_effort: "low" }), "reasoning_effort"],
    ["Unknown parameter: 'stop'", hello({ stop: ["x"] }), "stop"],
    ["Unknown parameter: 'seed'", hello({ seed: 7 }), "seed"],
    ["must be provided", hello({ input: undefined }), "input"],
    ["Invalid type for 'input'", hello({ input: 7 }), "input"],
    ["Invalid type for 'input[0]'", hello({ input: ["x"] }), "input[0]"],
    ["Supported values", hello({ input: [{ type: "item_of_the_future" }] }), "input[0]"],
    ["Supported values", hello({ input: [message("x", "robot")] }), "input[0].role"],
    ["'input[0].role'", hello({ input: [{ content: "x" }] }), "input[0].role"],
    ["'input[0].content'", hello({ input: [{ role: "user" }] }), "input[0].content"],
    ["Unknown parameter", hello({ input: [{ ...message("x"), name: "ann" }] }), "input[0].name"],
    ["'input_text'", hello({ input: [message([{ type: "text", text: "x" }])] }), "input[0].content[0]"],
    [
      "'output_text'",
      hello({ input: [message([{ type: "input_text", text: "x" }], "assistant")] }),
      "input[0].content[0]"
    ],
    ["'input[0].content[0].text'", hello({ input: [message([{ type: "input_text" }])] }), "input[0].content[0].text"],
    ["image_url", hello({ input: [message([{ type: "input_image" }])] }), "input[0].content[0]"],
    [
      "data URL",
      hello({ input: [message([{ type: "input_file", file_data: "AQID" }])] }),
      "input[0].content[0].file_data"
    ],
    ["No tool output found for function call call_1", hello({ input: [openCall] }), "input"],
    ["No tool call found", hello({ input: [{ type: "function_call_output", call_id: "x", output: "y" }] }), "input"],
    ["'input[0].call_id'", hello({ input: [{ ...openCall, call_id: undefined }] }), "input[0].call_id"],
    ["'input[0].summary'", thinking({ input: [{ type: "reasoning" }] }), "input[0].summary"],
    [
      "could not be verified",
      thinking({ input: [{ type: "reasoning", summary: [], encrypted_content: "gAAAAAB" }] }),
      null
    ],
    ["only be provided to a reasoning", hello({ input: [{ type: "reasoning", summary: [] }] }), "input"],
    ["below minimum", hello({ max_output_tokens: 15 }), "max_output_tokens"],
    ["above maximum", hello({ temperature: 3 }), "temperature"],
    ["not supported with this model", thinking({ temperature: 0.2 }), "temperature"],
    ["not supported with this model", hello({ reasoning: { effort: "low" } }), "reasoning.effort"],
    ["Supported values", thinking({ reasoning: { effort: "most" } }), "reasoning.effort"],
    ["Supported values", thinking({ reasoning: { summary: "long" } }), "reasoning.summary"],
    ["Encrypted content is not supported", hello({ include: ["reasoning.encrypted_content"] }), "include"],
    ["Supported values", hello({ include: ["everything"] }), "include[0]"],
    ["not found", hello({ previous_response_id: "resp_1" }), "previous_response_id"],
    ["'tools[0].name'", hello({ tools: [{ type: "function", name: "a b" }] }), "tools[0].name"],
    ["Supported values", hello({ tools: [{ type: "magic" }] }), "tools[0].type"],
    [
      "additionalProperties",
      hello({ tools: [{ ...tool, strict: true, parameters: { type: "object", properties: {} } }] }),
      "tools[0].parameters"
    ],
    ["not found in 'tools'", hello({ tools: [tool], tool_choice: { type: "function", name: "x" } }), "tool_choice"],
    ["Tool choice", hello({ tool_choice: "required" }), "tool_choice"],
    ["the word 'json'", hello({ text: { format: { type: "json_object" } } }), "input"],
    ["'text.format.name'", hello({ text: { format: { type: "json_schema" } } }), "text.format.name"],
    [
      "Invalid schema for text.format",
      hello({ text: { format: { type: "json_schema", name: "x", strict: true, schema: { type: "object" } } } }),
      "text.format"
    ],
    ["context window", hello({ input: "word ".repeat(130_000) }), "input"]
  ])("says %j to what the real one refuses, case %#", ([words, body, param]) =>
    Effect.gen(function* () {
      const seen = yield* ask(body)
      expect([400, 404]).toContain(seen.status)
      expect(errorOf(seen.text).message).toContain(words)
      expect(errorOf(seen.text).param).toBe(param)
      expect(errorOf(seen.text).type).toBe("invalid_request_error")
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("does not know thoughts by their id, for it has kept none", () =>
    Effect.gen(function* () {
      const seen = yield* ask(thinking({ input: [{ type: "reasoning", id: "rs_1", summary: [] }] }))
      expect(seen.status).toBe(404)
      expect(errorOf(seen.text).message).toContain("Items are not persisted")
    }).pipe(Effect.provide(Simulator.layer()))
  )

  const slow = { message: "Slow down", type: "requests", code: "rate_limit_exceeded" }

  it.live("breaks off with an error and the response that failed, whose numbers go on", () =>
    Effect.gen(function* () {
      const events = eventsOf((yield* ask(hello({ stream: true }))).text)
      expect(events.map(({ data }) => data.sequence_number)).toEqual(events.map((_, n) => n))
      expect(events.slice(-2)).toMatchObject([
        { name: "error", data: { type: "error", error: { code: "rate_limit_exceeded", message: "Slow down" } } },
        {
          name: "response.failed",
          data: {
            response: { id: events[0]?.data.response.id, status: "failed", error: { code: "rate_limit_exceeded" } }
          }
        }
      ])
    }).pipe(Effect.provide(Simulator.layer({ faults: [Fault.errorEvent({ afterTokens: 3, error: slow })] })))
  )

  it.live("has the other shapes of that error, too", () =>
    Effect.gen(function* () {
      const flat = eventsOf((yield* ask(hello({ stream: true }))).text)
      expect(flat.at(-2)?.data).toMatchObject({ type: "error", code: "rate_limit_exceeded", message: "Slow down" })
      const bare = yield* ask(hello({ stream: true }))
      expect(bare.text).toContain('event: error\ndata: "Slow down"')
      const whole = yield* ask(hello())
      expect(JSON.parse(whole.text)).toMatchObject({ error: { code: "rate_limit_exceeded" } })
    }).pipe(
      Effect.provide(
        Simulator.layer({
          faults: (["flat", "string", "object"] as const).map((shape) =>
            Fault.errorEvent({ afterTokens: 1, error: slow, shape })
          )
        })
      )
    )
  )

  it.live("counts what it gave, thoughts included", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      const whole = JSON.parse((yield* ask(thinking())).text)
      yield* ask(thinking({ stream: true }))
      const { models } = yield* simulator.stats
      const stats = models["gpt-5-mini"]
      expect(stats?.outputTokens).toBe(2 * whole.usage.output_tokens)
      expect(stats?.inputTokens).toBe(2 * whole.usage.input_tokens)
    }).pipe(Effect.provide(Simulator.layer()))
  )
})
