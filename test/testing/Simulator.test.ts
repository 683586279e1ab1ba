import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Net from "node:net"
import * as Simulator from "../../src/testing/Simulator.js"
import { chat, chunks, payloads, post, tokens } from "./SimulatorCalls.js"

const url = Effect.map(Simulator.Simulator, (simulator) => simulator.url)
const ask = (body: unknown, path = "/chat/completions") => Effect.flatMap(url, (base) => post(`${base}${path}`, body))
const json = (body: unknown, path?: string) => Effect.map(ask(body, path), (seen) => JSON.parse(seen.text))

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: {
      type: "object",
      properties: { city: { type: "string" }, unit: { enum: ["celsius", "fahrenheit"] } },
      required: ["city", "unit"]
    }
  }
}
const clock = { type: "function", function: { name: "get_time" } }

describe("Simulator, chat", () => {
  it.live("answers like OpenAI, with the dated model and a usage that adds up", () =>
    Effect.gen(function* () {
      const seen = yield* ask(chat())
      const body = JSON.parse(seen.text)
      expect(seen.status).toBe(200)
      expect(seen.headers["content-type"]).toBe("application/json")
      expect(seen.headers["x-request-id"]).toMatch(/^req_[0-9a-f]{32}$/)
      expect(seen.headers["openai-processing-ms"]).toMatch(/^\d+$/)
      expect(body).toMatchObject({ object: "chat.completion", model: "gpt-4.1-mini-2025-04-14" })
      expect(body.id).toMatch(/^chatcmpl-\w{29}$/)
      expect(body.choices[0]).toMatchObject({ index: 0, finish_reason: "stop", message: { role: "assistant" } })
      expect(body.usage.completion_tokens).toBeGreaterThan(20)
      expect(body.usage.total_tokens).toBe(body.usage.prompt_tokens + body.usage.completion_tokens)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("streams the same text and usage that it answers whole", () =>
    Effect.gen(function* () {
      const whole = yield* json(chat())
      const { headers, text } = yield* ask(chat(undefined, { stream: true, stream_options: { include_usage: true } }))
      expect(headers["content-type"]).toMatch(/^text\/event-stream/)
      expect(tokens(text).join("")).toBe(whole.choices[0].message.content)
      expect(tokens(text)).toHaveLength(whole.usage.completion_tokens)
      expect(chunks(text).at(-1)).toMatchObject({ choices: [], usage: whole.usage })
      expect(chunks(text)[0]).toMatchObject({ choices: [{ delta: { role: "assistant" } }] })
      expect(payloads(text).at(-1)).toBe("[DONE]")
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("sends the usage of a stream only when it is asked for", () =>
    Effect.gen(function* () {
      const { text } = yield* ask(chat(undefined, { stream: true }))
      expect(text).not.toContain('"usage"')
      expect(chunks(text).at(-1)).toMatchObject({ choices: [{ finish_reason: "stop" }] })
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("gives equal requests equal bytes, whatever came between and in whatever order fields stand", () =>
    Effect.gen(function* () {
      const first = yield* ask(chat("one", { temperature: 0.5 }))
      const other = yield* ask(chat("two", { temperature: 0.5 }))
      const again = yield* ask({
        temperature: 0.5,
        messages: [{ content: "one", role: "user" }],
        model: "gpt-4.1-mini"
      })
      expect(again.text).toBe(first.text)
      expect(other.text).not.toBe(first.text)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("follows its seed", () =>
    Effect.gen(function* () {
      const of = (seed: number) => ask(chat()).pipe(Effect.provide(Simulator.layer({ seed })))
      const [zero, one, zeroAgain] = yield* Effect.all([of(0), of(1), of(0)])
      expect(zeroAgain.text).toBe(zero.text)
      expect(one.text).not.toBe(zero.text)
    })
  )

  it.live("ends at the token limit with finish reason length, on a prefix of the same text", () =>
    Effect.gen(function* () {
      const whole = yield* json(chat())
      const short = yield* json(chat(undefined, { max_completion_tokens: 7 }))
      expect(short.choices[0].finish_reason).toBe("length")
      expect(short.usage.completion_tokens).toBe(7)
      expect(whole.choices[0].message.content.startsWith(short.choices[0].message.content)).toBe(true)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("ends before a stop string", () =>
    Effect.gen(function* () {
      const cut = yield* json(chat(undefined, { stop: [" then", " middle"] }))
      expect(cut.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "The start, the" } })
    }).pipe(Effect.provide(Simulator.layer({ answer: () => "The start, the middle, then the end." })))
  )

  it.live("answers what it is told to, knowing the request", () =>
    Effect.gen(function* () {
      const body = yield* json(chat("hello"))
      expect(body.choices[0].message.content).toBe("gpt-4.1-mini got hello")
    }).pipe(Effect.provide(Simulator.layer({ answer: (r) => `${r.model} got ${r.messages[0]?.text}` })))
  )

  it.live("calls the tools that the user names, with arguments that fit, whole and streamed alike", () =>
    Effect.gen(function* () {
      const asked = chat("Use get_weather and get_time", { tools: [weather, clock] })
      const whole = yield* json(asked)
      const calls = whole.choices[0].message.tool_calls
      expect(whole.choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: null } })
      expect(calls.map((call: { function: { name: string } }) => call.function.name)).toEqual([
        "get_weather",
        "get_time"
      ])
      const given = JSON.parse(calls[0].function.arguments)
      expect(typeof given.city).toBe("string")
      expect(["celsius", "fahrenheit"]).toContain(given.unit)

      const { text } = yield* ask({ ...asked, stream: true })
      const pieces = chunks(text).flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])
      expect(pieces[0]).toMatchObject({ index: 0, id: calls[0].id, function: { name: "get_weather", arguments: "" } })
      expect(
        pieces
          .filter((piece) => piece.index === 0)
          .map((piece) => piece.function.arguments)
          .join("")
      ).toBe(calls[0].function.arguments)
      expect(pieces.filter((piece) => piece.id !== undefined)).toHaveLength(2)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("calls a tool when it must, and speaks once it has the result", () =>
    Effect.gen(function* () {
      const must = chat("Hello", { tools: [weather], tool_choice: "required" })
      const called = yield* json(must)
      const call = called.choices[0].message
      expect(call.tool_calls).toHaveLength(1)
      const after = yield* json({
        ...must,
        messages: [...must.messages, call, { role: "tool", tool_call_id: call.tool_calls[0].id, content: "18" }]
      })
      expect(after.choices[0].message.tool_calls).toBeUndefined()
      expect(after.choices[0].message.content).not.toBe("")
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("answers a JSON schema with a value of it", () =>
    Effect.gen(function* () {
      const schema = {
        type: "object",
        properties: { label: { enum: ["bug", "other"] }, score: { type: "integer", minimum: 1, maximum: 5 } },
        required: ["label", "score"],
        additionalProperties: false
      }
      const format = { type: "json_schema", json_schema: { name: "ticket", strict: true, schema } }
      const body = yield* json(chat("x", { response_format: format }))
      const value = JSON.parse(body.choices[0].message.content)
      expect(["bug", "other"]).toContain(value.label)
      expect([1, 2, 3, 4, 5]).toContain(value.score)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("thinks first when the model is a reasoning model, and bounds both together", () =>
    Effect.gen(function* () {
      const asked = { ...chat(), model: "gpt-5", reasoning_effort: "high" }
      const free = yield* json(asked)
      const bounded = yield* json({ ...asked, max_completion_tokens: 100 })
      const thought = free.usage.completion_tokens_details.reasoning_tokens
      expect(thought % 64).toBe(0)
      expect(thought).toBeGreaterThanOrEqual(384)
      expect(free.usage.completion_tokens).toBeGreaterThan(thought)
      expect(bounded.choices[0]).toMatchObject({ finish_reason: "length", message: { content: "" } })
      expect(bounded.usage.completion_tokens).toBe(100)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("reads a long prefix from its cache the second time", () =>
    Effect.gen(function* () {
      const long = "word ".repeat(1500)
      const first = yield* json(chat(`${long} one`))
      const second = yield* json(chat(`${long} two`))
      expect(first.usage.prompt_tokens_details.cached_tokens).toBe(0)
      expect(second.usage.prompt_tokens_details.cached_tokens).toBe(1408)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("takes images, which cost tokens", () =>
    Effect.gen(function* () {
      const text = yield* json(chat("what is this"))
      const image = yield* json({
        model: "gpt-4o",
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "what is this" },
              { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }
            ]
          }
        ]
      })
      expect(image.usage.prompt_tokens).toBe(text.usage.prompt_tokens + 765)
    }).pipe(Effect.provide(Simulator.layer()))
  )
})

describe("Simulator, refusals", () => {
  const reasoning = (more: Readonly<Record<string, unknown>>) => ({ ...chat(), model: "o3-mini", ...more })
  const strict = {
    type: "json_schema",
    json_schema: { name: "x", strict: true, schema: { type: "object", properties: {} } }
  }
  const refusals: ReadonlyArray<readonly [string, unknown, number, Readonly<Record<string, unknown>>]> = [
    ["a body that is no JSON", '{"model":', 400, { type: "invalid_request_error" }],
    ["no model", { messages: [] }, 400, { message: "you must provide a model parameter" }],
    ["an unknown model", { ...chat(), model: "gpt-9" }, 404, { code: "model_not_found" }],
    ["an embedding model", { ...chat(), model: "text-embedding-3-small" }, 404, { param: "model" }],
    ["no messages", { model: "gpt-4o" }, 400, { param: "messages", code: "missing_required_parameter" }],
    ["empty messages", { model: "gpt-4o", messages: [] }, 400, { param: "messages", code: "empty_array" }],
    [
      "an unknown role",
      { model: "gpt-4o", messages: [{ role: "robot", content: "x" }] },
      400,
      {
        param: "messages[0].role",
        code: "invalid_value"
      }
    ],
    [
      "a tool result without a call",
      { model: "gpt-4o", messages: [{ role: "tool", content: "x", tool_call_id: "y" }] },
      400,
      {
        param: "messages.[0].role"
      }
    ],
    [
      "a temperature above 2",
      chat("x", { temperature: 3 }),
      400,
      { param: "temperature", code: "decimal_above_max_value" }
    ],
    [
      "a temperature that is a text",
      chat("x", { temperature: "hot" }),
      400,
      { param: "temperature", code: "invalid_type" }
    ],
    ["a token limit of 0", chat("x", { max_tokens: 0 }), 400, { param: "max_tokens", code: "integer_below_min_value" }],
    [
      "max_tokens for a reasoning model",
      reasoning({ max_tokens: 9 }),
      400,
      {
        message:
          "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        type: "invalid_request_error",
        param: "max_tokens",
        code: "unsupported_parameter"
      }
    ],
    [
      "a temperature for a reasoning model",
      reasoning({ temperature: 0.2 }),
      400,
      { param: "temperature", code: "unsupported_value" }
    ],
    [
      "a top_p for a reasoning model",
      reasoning({ top_p: 0.2 }),
      400,
      { param: "top_p", code: "unsupported_parameter" }
    ],
    ["no tools in a list of tools", chat("x", { tools: [] }), 400, { param: "tools", code: "empty_array" }],
    ["a strict schema that is open", chat("x", { response_format: strict }), 400, { param: "response_format" }],
    ["a prompt above the context", chat("word ".repeat(200)), 400, { code: "context_length_exceeded" }]
  ]

  for (const [what, body, status, error] of refusals) {
    it.live(`refuses ${what}`, () =>
      Effect.gen(function* () {
        const seen = yield* ask(body)
        expect(seen.status).toBe(status)
        expect(JSON.parse(seen.text).error).toMatchObject(error)
      }).pipe(Effect.provide(Simulator.layer({ contextTokens: 150 })))
    )
  }

  it.live("refuses a call without a key, or with another than its own, and names neither", () =>
    Effect.gen(function* () {
      const base = yield* url
      const none = yield* post(`${base}/chat/completions`, chat(), { headers: { authorization: "" } })
      const wrong = yield* post(`${base}/chat/completions`, chat(), { headers: { authorization: "Bearer mine" } })
      const right = yield* post(`${base}/chat/completions`, chat(), { headers: { authorization: "Bearer yours" } })
      expect([none.status, wrong.status, right.status]).toEqual([401, 401, 200])
      expect(JSON.parse(none.text).error.code).toBe(null)
      expect(JSON.parse(wrong.text).error.code).toBe("invalid_api_key")
      expect(wrong.text).not.toMatch(/mine|yours/)
    }).pipe(Effect.provide(Simulator.layer({ apiKey: "yours" })))
  )

  it.live("has no other routes and methods", () =>
    Effect.gen(function* () {
      const base = yield* url
      const unknown = yield* post(`${base}/nothing`, {})
      const wrong = yield* post(`${base}/models`, {})
      expect([unknown.status, JSON.parse(unknown.text).error.code]).toEqual([404, "unknown_url"])
      expect([wrong.status, JSON.parse(wrong.text).error.code]).toEqual([405, "method_not_supported"])
    }).pipe(Effect.provide(Simulator.layer()))
  )
})

describe("Simulator, embeddings and models", () => {
  const embed = (more: Readonly<Record<string, unknown>>) =>
    json({ model: "text-embedding-3-small", ...more }, "/embeddings")

  it.live("embeds texts in order, equal texts alike, as unit vectors of the length asked for", () =>
    Effect.gen(function* () {
      const body = yield* embed({ input: ["a", "b", "a"], dimensions: 64 })
      const vectors: ReadonlyArray<ReadonlyArray<number>> = body.data.map((d: { embedding: unknown }) => d.embedding)
      expect(body.data.map((d: { index: number }) => d.index)).toEqual([0, 1, 2])
      expect(vectors[2]).toEqual(vectors[0])
      expect(vectors[1]).not.toEqual(vectors[0])
      for (const vector of vectors) {
        expect(vector).toHaveLength(64)
        expect(vector.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(1, 5)
      }
      expect(body.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 })
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("gives the same vector as base64", () =>
    Effect.gen(function* () {
      const plain = yield* embed({ input: "a" })
      const packed = yield* embed({ input: "a", encoding_format: "base64" })
      const bytes = Buffer.from(packed.data[0].embedding, "base64")
      const floats = Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4))
      expect(floats).toHaveLength(1536)
      expect(floats).toEqual(plain.data[0].embedding)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("refuses what it cannot embed", () =>
    Effect.gen(function* () {
      const statusOf = (body: unknown) => Effect.map(ask(body, "/embeddings"), (seen) => seen.status)
      const model = "text-embedding-3-small"
      expect(yield* statusOf({ model: "gpt-4o", input: "a" })).toBe(400)
      expect(yield* statusOf({ model, input: [] })).toBe(400)
      expect(yield* statusOf({ model, input: { text: "a" } })).toBe(400)
      expect(yield* statusOf({ model, input: "a", dimensions: 4000 })).toBe(400)
      expect(yield* statusOf({ model, input: Array.from({ length: 2049 }, () => "a") })).toBe(400)
      expect(yield* statusOf({ model, input: Array.from({ length: 2048 }, () => "a"), dimensions: 1 })).toBe(200)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("lists its models", () =>
    Effect.gen(function* () {
      const base = yield* url
      const get = (path: string) =>
        Effect.promise(() =>
          fetch(`${base}${path}`, { headers: { authorization: "Bearer test" } }).then((r) => r.json())
        )
      expect(yield* get("/models")).toMatchObject({ object: "list", data: [{ id: "tiny", object: "model" }] })
      expect(yield* get("/models/tiny")).toMatchObject({ id: "tiny" })
      expect(yield* get("/models/huge")).toMatchObject({ error: { code: "model_not_found" } })
    }).pipe(Effect.provide(Simulator.layer({ models: ["tiny"] })))
  )
})

describe("Simulator, server", () => {
  it.live("says which port is taken", () =>
    Effect.gen(function* () {
      const { port } = yield* Simulator.Simulator
      const error = yield* Effect.flip(Effect.scoped(Effect.provide(url, Simulator.layer({ port }))))
      expect(error._tag).toBe("ListenFailed")
      expect(error.message).toBe(`port ${port} on 127.0.0.1 is in use`)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("frees its port and closes what is open when its scope ends", () =>
    Effect.gen(function* () {
      const [port, socket, closed] = yield* Effect.gen(function* () {
        const simulator = yield* Simulator.Simulator
        const socket = Net.connect(simulator.port, "127.0.0.1")
        const closed = new Promise((resolve) => socket.once("close", resolve))
        yield* simulator.awaitStats((stats) => stats.connections.open === 1)
        return [simulator.port, socket, closed] as const
      }).pipe(Effect.provide(Simulator.layer()))
      yield* Effect.promise(() => closed)
      expect(socket.destroyed).toBe(true)
      expect(yield* url.pipe(Effect.provide(Simulator.layer({ port })))).toContain(`:${port}/`)
    })
  )

  it.live("answers calls one after another on one connection, also when they come at once", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      const request = "GET /v1/models/gpt-4o HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test\r\n\r\n"
      const answers = yield* exchange(
        simulator.port,
        request.repeat(3),
        (text) => text.split('"id":"gpt-4o"').length > 3
      )
      expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(3)
      expect((yield* simulator.stats).connections.opened).toBe(1)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("survives garbage", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.Simulator
      expect(yield* exchange(simulator.port, "\u0000\u0001 garbage\r\n\r\n", () => false)).toContain("400 Bad Request")
      expect((yield* ask(chat())).status).toBe(200)
    }).pipe(Effect.provide(Simulator.layer()))
  )
})

/** Sends the text over a bare socket and reads until it has what it wants, or the other side closes. */
const exchange = (port: number, text: string, enough: (seen: string) => boolean): Effect.Effect<string> =>
  Effect.async<string>((resume) => {
    let seen = ""
    const socket = Net.connect(port, "127.0.0.1", () => socket.write(text))
    socket.on("data", (part) => {
      seen += part.toString()
      if (enough(seen)) socket.destroy()
    })
    socket.on("error", () => socket.destroy())
    socket.on("close", () => resume(Effect.succeed(seen)))
  })
