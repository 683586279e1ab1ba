// effect-llm over the platform's own undici client, for those who have that already.
import { makeOver } from "../effectLlm.mjs"
import { layer } from "../platformUndici.mjs"

export const make = makeOver(layer)
