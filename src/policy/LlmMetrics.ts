/**
 * The metrics of calls and attempts, as Effect Metrics. Histograms of time are in seconds, as OpenTelemetry has it.
 */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricLabel from "effect/MetricLabel"
import type { Attempt } from "../Attempts.js"

const seconds = MetricBoundaries.exponential({ start: 0.01, factor: 2, count: 14 })

const tokens = MetricBoundaries.exponential({ start: 1, factor: 4, count: 12 })

/** A call that has ended, as the metrics see it. `error`: its tag, or `aborted` */
export interface Ended {
  readonly operation: Attempt["operation"]
  readonly provider: string
  readonly model: string
  readonly seconds: number
  readonly error: string | undefined
}

const labels = (of: { readonly operation: string; readonly provider: string; readonly model: string }) => [
  MetricLabel.make("gen_ai.operation.name", of.operation),
  MetricLabel.make("gen_ai.provider.name", of.provider),
  MetricLabel.make("gen_ai.request.model", of.model)
]

export class LlmMetrics {
  private inFlight = 0
  private readonly duration = Metric.histogram("gen_ai.client.operation.duration", seconds, "seconds a call took")
  private readonly usage = Metric.histogram("gen_ai.client.token.usage", tokens, "tokens of an attempt")
  private readonly firstPart = Metric.histogram(
    "effect_llm.time_to_first_token",
    seconds,
    "seconds until the first part of a stream"
  )
  private readonly queue = Metric.histogram(
    "effect_llm.queue.duration",
    seconds,
    "seconds that a call waited before its first attempt"
  )
  private readonly attempts = Metric.counter("effect_llm.attempts", { description: "attempts, by result and error" })
  private readonly retries = Metric.counter("effect_llm.retries", {
    description: "retries, by the error that they follow"
  })
  private readonly hits = Metric.counter("effect_llm.cache.hits", { description: "answers that a cache gave" })
  private readonly current = Metric.gauge("effect_llm.calls.in_flight", { description: "calls under way" })

  began(): void {
    this.current.unsafeUpdate(++this.inFlight, [])
  }

  queued(attempt: Attempt, millis: number): void {
    this.queue.unsafeUpdate(Math.max(0, millis) / 1000, labels(attempt))
  }

  attempted(attempt: Attempt): void {
    const of = labels(attempt)
    if (attempt.result === "cached") return this.hits.unsafeUpdate(1, of)
    const error = attempt.error === undefined ? [] : [MetricLabel.make("error.type", attempt.error._tag)]
    this.attempts.unsafeUpdate(1, [...of, MetricLabel.make("effect_llm.result", attempt.result), ...error])
    if (attempt.after !== undefined) {
      this.retries.unsafeUpdate(1, [...of, MetricLabel.make("error.type", attempt.after)])
    }
    if (attempt.firstPartMillis !== undefined) this.firstPart.unsafeUpdate(attempt.firstPartMillis / 1000, of)
    const { inputTokens, outputTokens } = attempt.usage
    for (const [type, count] of [
      ["input", inputTokens],
      ["output", outputTokens]
    ] as const) {
      if (count !== undefined) this.usage.unsafeUpdate(count, [...of, MetricLabel.make("gen_ai.token.type", type)])
    }
  }

  ended(call: Ended): void {
    this.current.unsafeUpdate(--this.inFlight, [])
    const error = call.error === undefined ? [] : [MetricLabel.make("error.type", call.error)]
    this.duration.unsafeUpdate(call.seconds, [...labels(call), ...error])
  }
}

const openness = { closed: 0, "half-open": 1, open: 2 } as const

/** A circuit breaker has changed: a gauge per client, 0 closed, 1 half-open, 2 open. */
export const circuitChanged = (
  client: { readonly provider: string; readonly model: string },
  to: keyof typeof openness
): void => {
  const state = Metric.gauge("effect_llm.circuit.state", { description: "0 closed, 1 half-open, 2 open" })
  state.unsafeUpdate(openness[to], [
    MetricLabel.make("gen_ai.provider.name", client.provider),
    MetricLabel.make("gen_ai.request.model", client.model)
  ])
}
