// `node bench/templates.mjs [--rounds N]`: what a template and a turn of a conversation cost, in microseconds of this process,
// without a model. Medians; the command fails where a template takes more than its target.
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

if (!existsSync(fileURLToPath(new URL("../dist/bundled/index.js", import.meta.url)))) {
  throw new Error("effect-llm is not built: run `npm run build` first")
}
const { Duration, Effect, Schema } = await import("effect")
const { Completion, Conversation, ConversationTemplate, LlmClient, Prompt, Template } =
  await import("../dist/bundled/index.js")

const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "15" } } })
const rounds = Number(options.rounds)
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds takes a whole number above 0")

/** In microseconds; a call and what is around it must stay below this. */
const target = 20

const letter = Template.make("Dear {{name}}, you are {{age}} and live in {{city}}. Bye, {{name}}!")
const chat = Template.chat(Template.system("You are {{who}}."), Template.user("{{question}}"))
const Order = Schema.Struct({ name: Schema.String, items: Schema.Array(Schema.Struct({ title: Schema.String })) })
const order = await Effect.runPromise(Template.parse(Order, "Dear {{name}},\n{{#items}}\n- {{title}}\n{{/items}}\n"))
const items = ["pen", "ink", "paper"].map((title) => ({ title }))
const chatml = ConversationTemplate.make(ConversationTemplate.presets.chatml)
const dialogue = [Prompt.system("Be brief."), Prompt.user("Hello"), Prompt.assistant("Hi!"), Prompt.user("Why?")]

const answer = Completion.make({
  parts: [Prompt.text("Yes.")],
  finishReason: { unified: "stop", raw: "stop" },
  usage: {},
  model: "none",
  id: "none",
  warnings: [],
  cached: false,
  attempts: 1,
  latency: Duration.zero
})
const client = { provider: "none", model: "none", complete: () => Effect.succeed(answer) }
const withClient = Effect.provideService(LlmClient.LlmClient, client)
const times = (count, effect) => Effect.runSync(Effect.repeatN(effect, count - 1))
/** Turns of conversations that begin anew, so that their length is the same in each round. */
const turns = (count) => times(count, withClient(Effect.flatMap(Conversation.make(), ({ send }) => send("Hello"))))
const calls = (count) => times(count, withClient(LlmClient.complete("Hello")))
const loop = (f) => (count) => {
  for (let n = 0; n < count; n++) f()
}

const scenarios = {
  "Template.make: 4 variables": [loop(() => letter.render({ name: "Ada", age: 36, city: "London" })), 20_000],
  "Template.chat: 2 messages": [loop(() => chat.render({ who: "kind", question: "Why?" })), 20_000],
  "Template.parse: a list of 3": [loop(() => order.render({ name: "Ada", items })), 20_000],
  "ConversationTemplate: 4 messages": [loop(() => chatml.render(dialogue)), 5_000],
  "Conversation: make, and a turn": [turns, 1_000],
  "for comparison: a call": [calls, 1_000]
}

const figures = Object.fromEntries(Object.keys(scenarios).map((name) => [name, []]))
for (let round = 0; round < rounds; round++) {
  for (const [name, [run, count]] of Object.entries(scenarios)) {
    const started = performance.now()
    run(count)
    figures[name].push(((performance.now() - started) * 1000) / count)
  }
}
const medians = Object.entries(figures).map(([name, all]) => [name, all.sort((a, b) => a - b)[Math.floor(rounds / 2)]])
for (const [name, median] of medians) console.log(`${name.padEnd(42)} ${median.toFixed(2).padStart(8)} µs`)
const slow = medians.filter(([name, median]) => name.startsWith("Template") && median > target)
if (slow.length > 0) throw new Error(`more than ${target} µs: ${slow.map(([name]) => name).join(", ")}`)
