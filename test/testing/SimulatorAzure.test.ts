import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fault from "../../src/testing/simulator/Fault.js"
import * as Simulator from "../../src/testing/Simulator.js"
import { chat, chunks, payloads, post, type Seen, tokens } from "./SimulatorCalls.js"

type Headers = Readonly<Record<string, string>>

const ask = (path: string, body: unknown, headers: Headers = {}): Effect.Effect<Seen, never, Simulator.Simulator> =>
  Effect.flatMap(Simulator.Simulator, ({ url }) => post(`${new URL(url).origin}${path}`, body, { headers }))

const json = (seen: Seen) => JSON.parse(seen.text)

const version = "?api-version=2024-10-21"
const deployment = "/openai/deployments/gpt-4.1-mini"

describe("Simulator, Azure OpenAI", () => {
  it.live("answers on both surfaces alike, with what its filters found", () =>
    Effect.gen(function* () {
      const old = json(yield* ask(`${deployment}/chat/completions${version}`, { messages: chat().messages }))
      const v1 = json(yield* ask("/openai/v1/chat/completions", chat()))
      expect(old).toEqual(v1)
      expect(old).toMatchObject({
        model: "gpt-4.1-mini-2025-04-14",
        prompt_filter_results: [
          { prompt_index: 0, content_filter_results: { hate: { filtered: false, severity: "safe" } } }
        ],
        choices: [
          { finish_reason: "stop", content_filter_results: { violence: { filtered: false, severity: "safe" } } }
        ]
      })
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("streams the same text; its first chunk has no choices, no id and no model", () =>
    Effect.gen(function* () {
      const whole = json(yield* ask("/openai/v1/chat/completions", chat()))
      const { text } = yield* ask(`${deployment}/chat/completions${version}`, chat(undefined, { stream: true }))
      expect(JSON.parse(payloads(text)[0] ?? "")).toMatchObject({
        choices: [],
        id: "",
        model: "",
        prompt_filter_results: [{}]
      })
      expect(tokens(text).join("")).toBe(whole.choices[0].message.content)
      expect(chunks(text)[2]).toMatchObject({
        choices: [{ content_filter_results: { hate: { filtered: false } }, index: 0 }]
      })
      expect(payloads(text).at(-1)).toBe("[DONE]")
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("embeds", () =>
    Effect.gen(function* () {
      const old = yield* ask(`/openai/deployments/text-embedding-3-small/embeddings${version}`, { input: "a" })
      const v1 = yield* ask("/openai/v1/embeddings", { input: "a", model: "text-embedding-3-small" })
      expect(json(old).data[0].embedding).toHaveLength(1536)
      expect(old.text).toBe(v1.text)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("knows a deployment by its unescaped name", () =>
    Effect.gen(function* () {
      const seen = yield* ask(`/openai/deployments/team%2Fgpt%204/chat/completions${version}`, {
        messages: chat().messages
      })
      expect(json(seen).model).toBe("team/gpt 4")
    }).pipe(Effect.provide(Simulator.layer({ models: ["team/gpt 4"] })))
  )

  const table: ReadonlyArray<readonly [why: string, path: string, status: number, code: string]> = [
    ["no such deployment", `/openai/deployments/nope/chat/completions${version}`, 404, "DeploymentNotFound"],
    ["a torn escape", `/openai/deployments/%E0%A4%A/chat/completions${version}`, 404, "DeploymentNotFound"],
    ["no version", `${deployment}/chat/completions`, 404, "404"],
    ["no version's name", `${deployment}/chat/completions?api-version=new`, 404, "404"]
  ]
  it.live.each(table)("refuses: %s", ([, path, status, code]) =>
    Effect.gen(function* () {
      const seen = yield* ask(path, { messages: chat().messages })
      expect(seen.status).toBe(status)
      expect(json(seen).error.code).toBe(code)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("refuses what the model behind it refuses, in its words", () =>
    Effect.gen(function* () {
      const seen = yield* ask("/openai/v1/chat/completions", chat(undefined, { temperature: 3 }))
      expect(seen.status).toBe(400)
      expect(json(seen).error).toMatchObject({ type: "invalid_request_error", param: "temperature" })
    }).pipe(Effect.provide(Simulator.layer()))
  )

  const credentials: ReadonlyArray<readonly [Headers, number]> = [
    [{ "api-key": "secret", authorization: "" }, 200],
    [{ authorization: "Bearer secret" }, 200],
    [{ "api-key": "other", authorization: "" }, 401],
    [{ authorization: "Bearer other" }, 401],
    [{ authorization: "secret" }, 401],
    [{ authorization: "" }, 401]
  ]
  it.live.each(credentials)("answers %j with %s", ([headers, status]) =>
    Effect.gen(function* () {
      expect((yield* ask("/openai/v1/chat/completions", chat(), headers)).status).toBe(status)
    }).pipe(Effect.provide(Simulator.layer({ apiKey: "secret" })))
  )

  it.live("keeps no key among the recorded headers", () =>
    Effect.gen(function* () {
      yield* ask("/openai/v1/chat/completions", chat(), { "api-key": "secret" })
      const [request] = yield* Effect.flatMap(Simulator.Simulator, (simulator) => simulator.requests)
      expect(request?.headers["api-key"]).toBe("present")
    }).pipe(Effect.provide(Simulator.layer({ apiKey: "secret" })))
  )

  it.live("says how long to wait, as Azure does", () =>
    Effect.gen(function* () {
      const seen = yield* ask("/openai/v1/chat/completions", chat())
      expect(seen.status).toBe(429)
      expect(seen.headers["retry-after"]).toBe("20")
      expect(json(seen).error.message).toContain("retry after 20 seconds")
    }).pipe(Effect.provide(Simulator.layer({ faults: [Fault.status(429)] })))
  )
})

describe("Simulator, Azure ML scoring", () => {
  const body = { input_data: { input_string: chat().messages, parameters: { temperature: 0.5, max_new_tokens: 5 } } }
  const model = { "azureml-model-deployment": "Meta-Llama-3.1-8B-Instruct" }

  it.live("answers with a text, at most as long as asked", () =>
    Effect.gen(function* () {
      const seen = yield* ask("/score", body, model)
      expect(seen.status).toBe(200)
      expect(Object.keys(json(seen))).toEqual(["output"])
      expect(json(seen).output.split(" ").length).toBeLessThanOrEqual(5)
      const stats = yield* Effect.flatMap(Simulator.Simulator, (simulator) => simulator.stats)
      expect(stats.models["Meta-Llama-3.1-8B-Instruct"]).toMatchObject({ attempts: 1, completed: 1, outputTokens: 5 })
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live("answers by its first deployment where none is named", () =>
    Effect.gen(function* () {
      expect((yield* ask("/score", body)).status).toBe(200)
    }).pipe(Effect.provide(Simulator.layer()))
  )

  it.live.each<readonly [why: string, body: unknown, headers: Headers, status: number]>([
    ["a deployment that is not there", body, { "azureml-model-deployment": "nope" }, 404],
    ["a wrong key", body, { ...model, authorization: "Bearer other" }, 401],
    ["a key in another header", body, { ...model, authorization: "", "api-key": "secret" }, 401],
    ["OpenAI's body", chat(), model, 424],
    ["no JSON", "Hi", model, 424],
    ["no parameters", { input_data: { input_string: [] } }, model, 424],
    ["no messages", { input_data: { input_string: [], parameters: {} } }, model, 400]
  ])("refuses %s", ([, body, headers, status]) =>
    Effect.gen(function* () {
      expect((yield* ask("/score", body, { authorization: "Bearer secret", ...headers })).status).toBe(status)
    }).pipe(Effect.provide(Simulator.layer({ apiKey: "secret" })))
  )
})
