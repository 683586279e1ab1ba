// A prompt of text and pictures: one sent along, one that the provider fetches itself.
// npx tsx examples/images.ts
import { Console, Effect } from "effect"
import { LlmClient, Prompt } from "effect-llm"
import * as Support from "./support.js"

// The smallest PNG there is: one pixel. Yours comes from a file or from a form.
const pixel = Uint8Array.from(
  atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="),
  (character) => character.charCodeAt(0)
)

const program = LlmClient.complete({
  prompt: [
    Prompt.system("You describe pictures in one sentence."),
    Prompt.user([
      Prompt.text("What do these two have in common?"),
      Prompt.imageBytes(pixel, "image/png", { detail: "low" }),
      Prompt.imageUrl("https://upload.wikimedia.org/wikipedia/commons/4/47/PNG_transparency_demonstration_1.png")
    ])
  ],
  maxTokens: 100
}).pipe(Effect.flatMap((completion) => Console.log(completion.text)))
// -> Both are PNG pictures.

await Effect.runPromise(Effect.provide(program, Support.layer({ answer: () => "Both are PNG pictures." })))
