import { ChatOpenAI } from "@langchain/openai"
import { limitConnections } from "../limitConnections.mjs"
import { model, prompt } from "../payload.mjs"

export const make = ({ baseUrl, connections }) => {
  const close = limitConnections(connections)
  const chat = new ChatOpenAI({ model, apiKey: "key", maxRetries: 0, configuration: { baseURL: baseUrl } })

  return {
    complete: async () => (await chat.invoke(prompt)).content,
    stream: async (onText) => {
      for await (const chunk of await chat.stream(prompt)) {
        if (chunk.content) onText(chunk.content)
      }
    },
    close
  }
}
