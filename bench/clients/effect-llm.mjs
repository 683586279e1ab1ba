// effect-llm over its own HttpClient.
import { UndiciHttpClient } from "../../dist/bundled/node.js"
import { makeOver } from "../effectLlm.mjs"

export const make = makeOver((connections) => UndiciHttpClient.layerWith({ connections }))
