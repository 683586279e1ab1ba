import { Effect } from "effect"
import { Policy, RetryPolicy } from "effect-llm"
import { laws } from "./laws.js"
import { type AnyPolicy, httpClients, onMock, onSimulator } from "./worlds.js"

const quickRetry = RetryPolicy.exponential({ base: "1 millis", retries: 2 })

const policies: Readonly<Record<string, AnyPolicy>> = {
  "a policy that does nothing": Policy.make(Effect.succeed),
  retry: Policy.retry(quickRetry),
  attemptTimeout: Policy.attemptTimeout("30 seconds"),
  totalTimeout: Policy.totalTimeout("30 seconds"),
  idleTimeout: Policy.idleTimeout("30 seconds"),
  firstPartTimeout: Policy.firstPartTimeout("30 seconds"),
  concurrency: Policy.concurrency(4),
  throttle: Policy.throttle("1 millis"),
  budget: Policy.budget({ maxTokens: 1_000_000, maxCost: 100, unpriced: "ignore" }),
  rateLimit: Policy.rateLimit({ requestsPerMinute: 6000, tokensPerMinute: 1_000_000 }),
  cache: Policy.cache(),
  telemetry: Policy.telemetry(),
  mapRequest: Policy.mapRequest((request) => ({ ...request, metadata: { seen: true } })),
  mapCompletion: Policy.mapCompletion((completion) => completion),
  route: (layer) =>
    Policy.route({ "elsewhere/*": layer, default: layer }).pipe(
      Policy.mapRequest((request) => ({ ...request, model: "elsewhere/gpt-4.1-mini" }))
    ),
  circuitBreaker: Policy.circuitBreaker(),
  hedge: Policy.hedge({ after: "30 seconds" }),
  "hedge (p95, another layer)": (layer) =>
    layer.pipe(Policy.hedge({ after: "p95", other: layer.pipe(Policy.mapRequest((request) => request)) })),
  loadBalance: (layer) => Policy.loadBalance([layer, layer.pipe(Policy.circuitBreaker())]),
  "loadBalance (lowest-latency)": (layer) =>
    Policy.loadBalance([layer, layer.pipe(Policy.circuitBreaker())], { strategy: "lowest-latency" }),
  fallback: (layer) => layer.pipe(Policy.fallback(layer.pipe(Policy.mapRequest((request) => request)))),
  "streamRecovery (fail)": Policy.streamRecovery(),
  "streamRecovery (buffer)": Policy.streamRecovery({ mode: "buffer" }),
  "streamRecovery (restart)": Policy.streamRecovery({ mode: "restart" }),
  "streamRecovery (continue)": Policy.streamRecovery({ mode: "continue" }),
  "the whole stack": (layer) =>
    layer.pipe(
      Policy.attemptTimeout("30 seconds"),
      Policy.firstPartTimeout("30 seconds"),
      Policy.idleTimeout("30 seconds"),
      Policy.concurrency(4),
      Policy.throttle("1 millis"),
      Policy.retry(quickRetry),
      Policy.totalTimeout("30 seconds"),
      Policy.cache({ timeToLive: "1 minute" })
    )
}

const holdsBack: ReadonlySet<string> = new Set(["mapCompletion", "streamRecovery (buffer)"])

for (const [name, http] of Object.entries(httpClients)) laws(onSimulator(`OpenAi over ${name}`, http))

laws(onMock("MockLlm"))

for (const [name, policy] of Object.entries(policies)) {
  const options = holdsBack.has(name) ? { holdsBack: true } : {}
  laws(onSimulator(`OpenAi with ${name}`, httpClients["effect-llm/node"], policy, options))
  laws(onMock(`MockLlm with ${name}`, policy, options))
}
