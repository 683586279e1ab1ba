// What an answer costs that is there already: `node cacheHit.mjs memory|lmdb full|smoke`, a process of its own. Prints one
// line of JSON: { "value": CPU microseconds per hit, the median of some rounds } or { "wrong": why }.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ChatRequest, Completion, LlmClient, Policy } from "../dist/bundled/index.js"
import { answer, prompt } from "./payload.mjs"

const [where, size] = process.argv.slice(2)
const { answers, rounds, hits } = {
  full: { answers: 200, rounds: 25, hits: 1000 },
  smoke: { answers: 20, rounds: 3, hits: 50 }
}[size]

let calls = 0
const client = {
  provider: "bench",
  model: "bench-model",
  stream: () => Stream.empty,
  embed: () => Effect.never,
  complete: () =>
    Effect.sync(() => {
      calls++
      return Completion.make({
        parts: [{ _tag: "Text", text: answer }],
        finishReason: { unified: "stop", raw: "stop" },
        usage: { inputTokens: 20, outputTokens: 100, totalTokens: 120 },
        model: "bench-model",
        id: `answer-${calls}`,
        warnings: [],
        cached: false,
        attempts: 1,
        latency: Duration.zero
      })
    })
}

const folder = mkdtempSync(join(tmpdir(), "effect-llm-bench-"))
const options =
  where === "memory"
    ? {}
    : { store: (await import("../dist/bundled/lmdb.js")).LmdbCache.store({ path: join(folder, "answers.lmdb") }) }

const program = Effect.gen(function* () {
  const { complete } = yield* LlmClient.LlmClient
  const requests = Array.from({ length: answers }, (_, n) => ChatRequest.make(`${prompt} ${n}`))
  for (const request of requests) yield* complete(request)
  const figures = []
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    for (let hit = 0; hit < hits; hit++) {
      const completion = yield* complete(requests[hit % answers])
      if (!completion.cached || completion.text !== answer)
        return { wrong: "an answer that is not the one that was kept" }
    }
    const { user, system } = process.cpuUsage(before)
    figures.push((user + system) / hits)
  }
  if (calls !== answers) return { wrong: `${calls} calls for ${answers} answers` }
  return { value: figures.sort((a, b) => a - b)[rounds >> 1] }
})

const layer = Layer.succeed(LlmClient.LlmClient, client).pipe(Policy.cache(options))
const result = await Effect.runPromise(Effect.provide(program, layer))
rmSync(folder, { recursive: true, force: true })
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
