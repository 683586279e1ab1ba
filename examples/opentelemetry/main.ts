// Spans and metrics go to OpenTelemetry's collector, over HTTP: a span per call, and below it one per attempt. Here the
// collector is a few lines on this machine, which print what arrives; yours is a URL.
// npm install --prefix examples/opentelemetry && npx tsx examples/opentelemetry/main.ts
import * as Otlp from "@effect/opentelemetry/Otlp"
import { FetchHttpClient } from "@effect/platform"
import { Effect, Layer, Redacted, Schedule } from "effect"
import { LlmClient, OpenAi, Policy } from "effect-llm"
import { Fault, Simulator } from "effect-llm/testing"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

interface Span {
  readonly name: string
  readonly kind: number
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Readonly<Record<string, unknown>> }>
}

const seen: Array<string> = []
const wanted = ["error.type", "effect_llm.attempts", "gen_ai.response.model"]

const collector = createServer((request, response) => {
  let body = ""
  request.on("data", (text) => (body += text))
  request.on("end", () => {
    response.end("{}")
    const { resourceMetrics = [], resourceSpans = [] } = JSON.parse(body)
    for (const { scopeSpans } of resourceSpans) {
      for (const { spans } of scopeSpans) {
        for (const { attributes, kind, name } of spans as ReadonlyArray<Span>) {
          const values = attributes
            .filter(({ key }) => wanted.includes(key))
            .map(({ value }) => Object.values(value)[0])
          seen.push(`span ${name} (${kind === 3 ? "attempt" : "call"}): ${values.join(", ")}`)
        }
      }
    }
    for (const { scopeMetrics } of resourceMetrics) {
      for (const { metrics } of scopeMetrics) for (const { name } of metrics) seen.push(`metric ${name}`)
    }
  })
}).listen(0, "127.0.0.1")
await new Promise((resolve) => collector.once("listening", resolve))
const { port } = collector.address() as AddressInfo

const program = Effect.gen(function* () {
  const simulator = yield* Simulator.Simulator
  yield* simulator.inject(Fault.status(503))
  yield* LlmClient.complete("Are you there?")
})

const Llm = OpenAi.layer({ apiKey: Redacted.make("simulated"), model: "gpt-4.1-mini" }).pipe(
  Policy.retry(Schedule.recurs(2)),
  Policy.telemetry(), // outermost; { recordContent: true } for prompts and answers
  Layer.provideMerge(Simulator.layerHttpClient())
)

const Telemetry = Otlp.layerJson({
  baseUrl: `http://127.0.0.1:${port}`,
  resource: { serviceName: "example" }
}).pipe(Layer.provide(FetchHttpClient.layer))

await Effect.runPromise(program.pipe(Effect.provide(Llm), Effect.provide(Telemetry)))
collector.close()
console.log(
  [...new Set(seen)]
    .filter((line) => !line.includes("effect_fiber"))
    .sort()
    .join("\n")
)
// -> metric effect_llm.attempts
// -> metric gen_ai.client.operation.duration
// -> span chat gpt-4.1-mini (attempt): Overloaded
// -> span chat gpt-4.1-mini (attempt): gpt-4.1-mini-2025-04-14
// -> span chat gpt-4.1-mini (call): …
