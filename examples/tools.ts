// Tools are data: the model says which to call with what, the program calls it and says what came of it.
// npx tsx examples/tools.ts
import { Console, Effect, Schema } from "effect"
import { Completion, LlmClient, Prompt, Tool } from "effect-llm"
import * as Support from "./support.js"

const Arguments = Schema.Struct({ city: Schema.String, unit: Schema.Literal("celsius", "fahrenheit") })

const weather: Tool.ToolDefinition = {
  name: "weather",
  description: "The weather of a city, now",
  parameters: Tool.jsonSchema(Arguments)
}

const lookUp = ({ city, unit }: typeof Arguments.Type) => Effect.succeed({ city, unit, temperature: 21 })

const program = Effect.gen(function* () {
  const question = Prompt.make("What is the weather in Lisbon?")
  const asked = yield* LlmClient.complete({ prompt: question, tools: [weather], toolChoice: "required" })
  yield* Console.log(`it calls ${asked.toolCalls.map((call) => call.name).join()}, ${asked.finishReason.unified}`)
  // -> it calls weather, tool-calls

  // What a model writes is text until a Schema has read it.
  const results = yield* Effect.forEach(asked.toolCalls, (call) =>
    Schema.decode(Schema.parseJson(Arguments))(call.arguments).pipe(
      Effect.flatMap(lookUp),
      Effect.match({
        onSuccess: (result) => Prompt.toolResult(call.id, JSON.stringify(result)),
        onFailure: (error) => Prompt.toolResult(call.id, error.message, { isError: true })
      })
    )
  )
  const answer = yield* LlmClient.complete({
    prompt: [...question, Completion.toMessage(asked), ...results],
    tools: [weather]
  })
  yield* Console.log(answer.text)
  // -> It is 21 °C in Lisbon.
})

await Effect.runPromise(Effect.provide(program, Support.layer({ answer: () => "It is 21 °C in Lisbon." })))
