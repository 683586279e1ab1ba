import { Redacted } from "effect"
import { Zhipu } from "effect-llm"
import { laws } from "../laws.js"
import { httpClients, onSimulator, type ProviderOn } from "../worlds.js"

const secret = "S3cr3tHalf51e2d84"
const key = `7f3a9c51e2d84b60.${secret}`

const zhipuWith =
  (options: Partial<Zhipu.Options>): ProviderOn =>
  (url, key) =>
    Zhipu.layer({
      apiKey: Redacted.make(key),
      baseUrl: new URL("/api/paas/v4", url).href,
      model: "glm-4.6",
      ...options
    })

for (const [name, http] of Object.entries(httpClients)) {
  laws(onSimulator(`Zhipu over ${name}`, http, undefined, { key, secret, provider: zhipuWith({}) }))
}

laws(
  onSimulator("Zhipu with its plain key", httpClients["effect-llm/node"], undefined, {
    key,
    secret,
    provider: zhipuWith({ auth: "key" })
  })
)
