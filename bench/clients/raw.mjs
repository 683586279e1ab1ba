// The limit: undici's pool, JSON.parse, and the least that reads server-sent events correctly. No retries, no checks.
import { createRequire } from "node:module"
import { model, prompt } from "../payload.mjs"
import { readTexts } from "../readTexts.mjs"

// The copy of undici that effect-llm uses, not one that a peer brings along.
const { Pool } = createRequire(new URL("../../package.json", import.meta.url))("undici")

const messages = [{ role: "user", content: prompt }]
const headers = { "content-type": "application/json", authorization: "Bearer key" }

const fail = async (response) => {
  throw new Error(`status ${response.statusCode}: ${await response.body.text()}`)
}

export const make = ({ baseUrl, connections }) => {
  const { origin, pathname } = new URL(baseUrl)
  const pool = new Pool(origin, { connections, headersTimeout: 0, bodyTimeout: 0 })
  const post = (request) =>
    pool.request({ path: `${pathname}/chat/completions`, method: "POST", headers, body: JSON.stringify(request) })

  return {
    complete: async () => {
      const response = await post({ model, messages })
      if (response.statusCode !== 200) return fail(response)
      return JSON.parse(await response.body.text()).choices[0].message.content
    },
    stream: async (onText) => {
      const response = await post({ model, messages, stream: true, stream_options: { include_usage: true } })
      if (response.statusCode !== 200) return fail(response)
      await readTexts(response.body, onText)
    },
    close: () => pool.close()
  }
}
