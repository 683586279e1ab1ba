// Tokens before the call: what a request will be billed, which documents fit into a budget, and where a text is cut.
// npx tsx examples/tokens.ts
import { Console, Effect, Schema } from "effect"
import { Prompt, Tokenizer, Tool } from "effect-llm"

const model = "gpt-4o"

const documents = [
  { name: "short", text: "The parcel left on Monday." },
  { name: "long", text: "It stopped in every town between here and the sea. ".repeat(40) },
  { name: "Slovak", text: "Balík odišiel v pondelok a príde o tri dni." }
]

/** Takes documents as long as they fit, and the beginning of the first that does not. */
const fill = (budget: number) =>
  Effect.gen(function* () {
    let left = budget
    const taken: Array<string> = []
    for (const { name, text } of documents) {
      const fits = yield* Tokenizer.fits(text, left, { model })
      const part = fits ? text : yield* Tokenizer.truncate(text, left, { model })
      const tokens = yield* Tokenizer.count(part, { model })
      left -= tokens
      taken.push(`${name} ${tokens}${fits ? "" : " (cut)"}`)
      if (!fits) break
    }
    return taken.join(", ")
  })

const lookUp: Tool.ToolDefinition = {
  name: "look_up_parcel",
  description: "Where a parcel is",
  parameters: Tool.jsonSchema(Schema.Struct({ number: Schema.String }))
}

const program = Effect.gen(function* () {
  yield* Console.log(yield* fill(100))
  // -> short 6, long 94 (cut)

  const prompt = [Prompt.system("You track parcels."), Prompt.user("Where is parcel 4711?")]
  const plain = yield* Tokenizer.countChatDetailed({ prompt, model })
  yield* Console.log(`messages: ${plain.messages.join(" + ")} + ${plain.reply} = ${plain.tokens}`)
  // -> messages: 8 + 11 + 3 = 22

  const withTool = yield* Tokenizer.countChatDetailed({ prompt, tools: [lookUp], model })
  yield* Console.log(`with a tool about ${withTool.tokens}, an estimate of the ${withTool.estimated.join(", ")}`)
  // -> with a tool about 58, an estimate of the tools

  // The ids of a text, and what each of them stands for.
  const ids = yield* Tokenizer.encode("unhappiness", { model })
  const pieces = yield* Effect.forEach(ids, (id) => Tokenizer.decode([id], { model }))
  yield* Console.log(ids.length, pieces.join("|"))
  // -> 3 un|h|appiness
})

await Effect.runPromise(Effect.provide(program, Tokenizer.layer))
