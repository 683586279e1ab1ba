// The same, in the protocol of Anthropic.
import { UndiciHttpClient } from "../../dist/bundled/node.js"
import { anthropic, makeOver } from "../effectLlm.mjs"

export const make = makeOver((connections) => UndiciHttpClient.layerWith({ connections }), anthropic)
