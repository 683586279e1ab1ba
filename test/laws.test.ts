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
  cache: Policy.cache(),
  telemetry: Policy.telemetry(),
  mapRequest: Policy.mapRequest((request) => ({ ...request, metadata: { seen: true } })),
  mapCompletion: Policy.mapCompletion((completion) => completion),
  route: (layer) =>
    Policy.route({ "elsewhere/*": layer, default: layer }).pipe(
      Policy.mapRequest((request) => ({ ...request, model: "elsewhere/gpt-4.1-mini" }))
    ),
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

for (const [name, http] of Object.entries(httpClients)) laws(onSimulator(`OpenAi over ${name}`, http))

laws(onMock("MockLlm"))

for (const [name, policy] of Object.entries(policies)) {
  const options = name === "mapCompletion" ? { holdsBack: true } : {}
  laws(onSimulator(`OpenAi with ${name}`, httpClients["effect-llm/node"], policy, options))
  laws(onMock(`MockLlm with ${name}`, policy, options))
}
