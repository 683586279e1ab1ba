/** What the simulated model says to a chat request, before it is put into a body or a stream. */
import type * as Arr from "effect/Array"
import * as JsonSchemaValue from "./JsonSchemaValue.js"
import type { ChatTask } from "./OpenAiChatRequest.js"
import type { Tool } from "./OpenAiTools.js"
import * as Prose from "./Prose.js"
import * as Seed from "./Seed.js"
import * as Token from "./Token.js"
import type { World } from "./Wire.js"

export interface ChatAnswer {
  /** Stands for the request in all that follows from it: text, identifiers, fillings. */
  readonly key: string
  readonly text: ReadonlyArray<string>
  readonly toolCalls: ReadonlyArray<ToolCall>
  readonly finishReason: "stop" | "length" | "tool_calls"
  readonly reasoningTokens: number
  /** All of it, reasoning included. */
  readonly outputTokens: number
}

export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly nameTokens: number
  readonly arguments: ReadonlyArray<string>
}

// These change how the answer is sent or how far it goes, not what it says.
const withoutInfluence = new Set([
  "stream",
  "stream_options",
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "include",
  "stop",
  "stop_sequences",
  "n",
  "user",
  "metadata",
  "store",
  "service_tier"
])

export const answer = (task: ChatTask, world: World): ChatAnswer => {
  const asked = Object.entries(task.body).filter(([name]) => name !== "model" && !withoutInfluence.has(name))
  const key = Seed.fingerprint(`${world.seed} ${task.model.id} ${Seed.canonical(Object.fromEntries(asked))}`)
  const reasoningTokens = limited(reasoning(task, key), task.maxTokens)
  const room = task.maxTokens === undefined ? Infinity : task.maxTokens - reasoningTokens

  const called = calledTools(task, key)
  if (called.length > 0) {
    const { calls, cut, tokens } = fit(
      called.map((tool, index) => toolCall(tool, `${key} ${index}`)),
      room
    )
    return {
      key,
      text: [],
      toolCalls: calls,
      // A call that was forced by name ends in `stop`, as OpenAI documents.
      finishReason: cut ? "length" : typeof task.toolChoice === "object" ? "stop" : "tool_calls",
      reasoningTokens,
      outputTokens: reasoningTokens + tokens
    }
  }

  const text = Token.split(untilStop(textOf(task, world, key), task.stop))
  const cut = text.length > room
  const given = cut ? text.slice(0, room) : text
  return {
    key,
    text: given,
    toolCalls: [],
    finishReason: cut ? "length" : "stop",
    reasoningTokens,
    outputTokens: reasoningTokens + given.length
  }
}

const limited = (tokens: number, limit: number | undefined): number =>
  limit === undefined ? tokens : Math.min(tokens, limit)

const reasoningSteps: Readonly<Record<string, readonly [number, number]>> = {
  none: [0, 0],
  minimal: [0, 0],
  low: [1, 2],
  medium: [2, 6],
  high: [6, 16]
}

// OpenAI reports reasoning in steps of 64 tokens.
const reasoning = (task: ChatTask, key: string): number => {
  if (!task.model.reasoning) return 0
  const [least, most] = reasoningSteps[task.reasoningEffort] ?? [2, 6]
  return 64 * Seed.choices(key, "reasoning").integer(least, most)
}

const textOf = (task: ChatTask, world: World, key: string): string => {
  if (world.answer !== undefined) {
    return world.answer({ model: task.model.id, messages: task.messages, stream: task.stream, body: task.body })
  }
  const choose = Seed.choices(key, "text")
  switch (task.format._tag) {
    case "Text":
      return Prose.paragraph(choose)
    case "JsonObject":
      return JSON.stringify({ answer: Prose.phrase(choose), confidence: choose.integer(0, 100) / 100 })
    case "JsonSchema":
      return JSON.stringify(JsonSchemaValue.generate(task.format.schema, choose))
  }
}

const untilStop = (text: string, stops: ReadonlyArray<string>): string => {
  const found = stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0)
  return found.length === 0 ? text : text.slice(0, Math.min(...found))
}

/** The tools that the model calls now; none when it has a result to speak about. */
const calledTools = (task: ChatTask, key: string): ReadonlyArray<Tool> => {
  const choice = task.toolChoice
  const last = task.messages.at(-1)
  if (choice === "none" || last === undefined || last.role === "tool" || last.role === "function") return []
  if (typeof choice === "object") return task.tools.filter((tool) => tool.name === choice.name).slice(0, 1)
  const question = task.messages.reduce((text, message) => (message.role === "user" ? message.text : text), "")
  const mentioned = task.tools.filter((tool) => question.includes(tool.name))
  if (mentioned.length > 0) return task.parallelToolCalls ? mentioned : mentioned.slice(0, 1)
  const [first, ...others] = task.tools
  if (choice !== "required" || first === undefined) return []
  const all: Arr.NonEmptyReadonlyArray<Tool> = [first, ...others]
  return [Seed.choices(key, "tool").pick(all)]
}

const toolCall = (tool: Tool, key: string): ToolCall => ({
  id: `call_${Seed.choices(key, "id").text(24)}`,
  name: tool.name,
  nameTokens: Token.count(tool.name),
  arguments: Token.split(JSON.stringify(JsonSchemaValue.generate(objectSchema(tool.parameters), Seed.choices(key))))
})

// A tool without parameters still takes an object.
const objectSchema = (parameters: unknown): unknown =>
  typeof parameters === "object" && parameters !== null && Object.keys(parameters).length > 0
    ? parameters
    : { type: "object" }

/** As much of the calls as there is room for. */
const fit = (
  calls: ReadonlyArray<ToolCall>,
  room: number
): { readonly calls: ReadonlyArray<ToolCall>; readonly cut: boolean; readonly tokens: number } => {
  const given: Array<ToolCall> = []
  let tokens = 0
  for (const call of calls) {
    if (tokens + call.nameTokens > room) return { calls: given, cut: true, tokens }
    tokens += call.nameTokens
    const pieces = call.arguments.slice(0, room - tokens)
    given.push({ ...call, arguments: pieces })
    tokens += pieces.length
    if (pieces.length < call.arguments.length) return { calls: given, cut: true, tokens }
  }
  return { calls: given, cut: false, tokens }
}
