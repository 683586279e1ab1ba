/**
 * Events of the protocols whose events name their own type, in their payload as in their frame.
 */
import type * as Sse from "../Sse.js"
import * as ErrorClassification from "./ErrorClassification.js"
import * as Json from "./Json.js"
import { malformed } from "./Malformed.js"
import type { StreamAssembly } from "./StreamAssembly.js"
import type { Received } from "./Wire.js"

/** The payload of an event. `undefined`: it says nothing, or it was an error, which the assembly has. */
export const read = (
  { data, event }: Sse.Event,
  assembly: StreamAssembly,
  received: Received
): Json.JsonRecord | undefined => {
  if (data === "" && event !== "error") return undefined
  const json = Json.parse(data)
  const message = Json.record(json)
  const type = message?.type
  if (event === "error" || ((type === undefined || type === "error") && ErrorClassification.isErrorPayload(json))) {
    assembly.fail(ErrorClassification.classifyPayload(received.origin, json === undefined ? data : json, received))
    return undefined
  }
  if (message === undefined) assembly.fail(malformed(received, data, "an event of the stream is no JSON object"))
  return message
}
