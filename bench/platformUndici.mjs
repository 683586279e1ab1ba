// The platform's own HttpClient over undici with a limit of connections.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createRequire } from "node:module"

const { Agent } = createRequire(new URL("../package.json", import.meta.url))("undici")

export const layer = (connections) =>
  NodeHttpClient.layerUndiciWithoutDispatcher.pipe(
    Layer.provide(
      Layer.scoped(
        NodeHttpClient.Dispatcher,
        Effect.acquireRelease(
          Effect.sync(() => new Agent({ connections, headersTimeout: 0, bodyTimeout: 0 })),
          (agent) => Effect.promise(() => agent.close())
        )
      )
    )
  )
