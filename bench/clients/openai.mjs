import OpenAI from "openai"
import { limitConnections } from "../limitConnections.mjs"
import { model, prompt } from "../payload.mjs"

const messages = [{ role: "user", content: prompt }]

export const make = ({ baseUrl, connections }) => {
  const close = limitConnections(connections)
  const client = new OpenAI({ apiKey: "key", baseURL: baseUrl, maxRetries: 0 })

  return {
    complete: async () => {
      const completion = await client.chat.completions.create({ model, messages })
      return completion.choices[0].message.content
    },
    stream: async (onText) => {
      const chunks = await client.chat.completions.create({
        model,
        messages,
        stream: true,
        stream_options: { include_usage: true }
      })
      for await (const chunk of chunks) {
        const content = chunk.choices[0]?.delta.content
        if (content) onText(content)
      }
    },
    close
  }
}
