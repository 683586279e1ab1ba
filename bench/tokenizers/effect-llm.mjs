// The default layer, as programs call it.
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Tokenizer } from "../../dist/bundled/index.js"

export const make = () => {
  const runtime = ManagedRuntime.make(Tokenizer.layer)
  const options = { encoding: "o200k_base" }
  return {
    count: (text) => runtime.runPromise(Tokenizer.count(text, options)),
    // Many texts in one program, as a limiter or a window of turns counts them.
    countAll: (texts) => runtime.runPromise(Effect.forEach(texts, (text) => Tokenizer.count(text, options)))
  }
}
