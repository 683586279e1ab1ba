/**
 * The recorded payloads, and what is in them: read by the letter, without the code under test.
 */
import { readFileSync } from "node:fs"

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8")

/** The text of a recorded body. */
export const body = (name: string): string => read(`${name}.json`)

/** A value inside a JSON value, by keys and places. */
export const at = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce(
    (inner: unknown, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value
  )

export interface RecordedStream {
  readonly name: string
  /** One JSON text per event. */
  readonly payloads: ReadonlyArray<string>
  /** As a server sends it. */
  readonly bytes: Uint8Array
}

const stream = (name: string): RecordedStream => {
  const payloads = read(`${name}.chunks.txt`)
    .split("\n")
    .filter((line) => line !== "")
  const sent = [...payloads, "[DONE]"].map((payload) => `data: ${payload}\n\n`).join("")
  return { name, payloads, bytes: new TextEncoder().encode(sent) }
}

export const answers = ["openai/text", "deepseek/text", "mistral/text", "groq/text"] as const

export const streams: ReadonlyArray<RecordedStream> = [
  "openai/text",
  "azure/model-router",
  "deepseek/text",
  "mistral/text"
].map(stream)

/** What the events of a stream hold: every `delta.content` in a row, the finish reason, the figures of the last usage. */
export const contentOf = (
  payloads: ReadonlyArray<string>
): {
  readonly text: string
  readonly finishReason: string | undefined
  readonly usage: unknown
} => {
  let text = ""
  let finishReason: string | undefined
  let usage: unknown
  for (const payload of payloads) {
    const chunk: unknown = JSON.parse(payload)
    const content = at(chunk, "choices", 0, "delta", "content")
    const reason = at(chunk, "choices", 0, "finish_reason")
    if (typeof content === "string") text += content
    if (typeof reason === "string") finishReason = reason
    usage = at(chunk, "usage") ?? usage
  }
  return { text, finishReason, usage }
}

export interface Arrived {
  readonly text: string
  /** A finish reason or `[DONE]` was among it. */
  readonly isWhole: boolean
}

/** What had arrived at an offset. A payload counts from its last byte on: its line ending tells nothing more. */
export const arrivals = (recorded: RecordedStream): ((offset: number) => Arrived) => {
  const steps: Array<Arrived & { readonly from: number }> = []
  let text = ""
  let isWhole = false
  let end = 0
  for (const payload of recorded.payloads) {
    const content = contentOf([payload])
    text += content.text
    isWhole ||= content.finishReason !== undefined
    end += "data: ".length + new TextEncoder().encode(payload).length
    steps.unshift({ from: end, text, isWhole })
    end += "\n\n".length
  }
  steps.unshift({ from: end + "data: [DONE]".length, text, isWhole: true })
  return (offset) => steps.find((step) => step.from <= offset) ?? { text: "", isWhole: false }
}
