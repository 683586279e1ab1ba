// Clients over global fetch take their connection limit from the global dispatcher.
import { createRequire } from "node:module"

const { Agent, setGlobalDispatcher } = createRequire(new URL("../package.json", import.meta.url))("undici")

/** Limits global fetch to `connections` sockets to an origin; the result closes them. */
export const limitConnections = (connections) => {
  const agent = new Agent({ connections })
  setGlobalDispatcher(agent)
  return () => agent.close()
}
