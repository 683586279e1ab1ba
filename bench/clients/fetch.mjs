// Global fetch and JSON.parse: what a program without any library does.
import { limitConnections } from "../limitConnections.mjs"
import { model, prompt } from "../payload.mjs"
import { readTexts } from "../readTexts.mjs"

const messages = [{ role: "user", content: prompt }]
const headers = { "content-type": "application/json", authorization: "Bearer key" }

export const make = ({ baseUrl, connections }) => {
  const close = limitConnections(connections)
  const post = async (request) => {
    const response = await fetch(`${baseUrl}/chat/completions`, {
      method: "POST",
      headers,
      body: JSON.stringify(request)
    })
    if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`)
    return response
  }

  return {
    complete: async () => {
      const response = await post({ model, messages })
      return (await response.json()).choices[0].message.content
    },
    stream: async (onText) => {
      const response = await post({ model, messages, stream: true, stream_options: { include_usage: true } })
      await readTexts(response.body, onText)
    },
    close
  }
}
