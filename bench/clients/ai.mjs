// The AI SDK over its OpenAI provider, in Chat Completions mode.
import { createOpenAI } from "@ai-sdk/openai"
import { generateText, streamText } from "ai"
import { limitConnections } from "../limitConnections.mjs"
import { model as modelName, prompt } from "../payload.mjs"

export const make = ({ baseUrl, connections }) => {
  const close = limitConnections(connections)
  const model = createOpenAI({ apiKey: "key", baseURL: baseUrl }).chat(modelName)

  return {
    complete: async () => (await generateText({ model, prompt, maxRetries: 0 })).text,
    stream: async (onText) => {
      let failure
      const { textStream } = streamText({ model, prompt, maxRetries: 0, onError: ({ error }) => (failure = error) })
      for await (const text of textStream) onText(text)
      if (failure !== undefined) throw failure
    },
    close
  }
}
