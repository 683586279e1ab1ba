// The same, in the protocol of Gemini.
import { UndiciHttpClient } from "../../dist/bundled/node.js"
import { gemini, makeOver } from "../effectLlm.mjs"

export const make = makeOver((connections) => UndiciHttpClient.layerWith({ connections }), gemini)
