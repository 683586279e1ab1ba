/** `/v1/messages`: the answer as one body, or as a stream of events. */
import * as Predicate from "effect/Predicate"
import * as ChatAnswer from "./ChatAnswer.js"
import * as MessagesError from "./MessagesError.js"
import * as MessagesPrompt from "./MessagesPrompt.js"
import * as MessagesSettings from "./MessagesSettings.js"
import * as Model from "./Model.js"
import type { ChatTask } from "./OpenAiChatRequest.js"
import * as Prose from "./Prose.js"
import * as Seed from "./Seed.js"
import * as Token from "./Token.js"
import type { Call, Events, Frame, Plan, Whole, World } from "./Wire.js"

export const messages = ({ headers, json }: Call, world: World): Plan => {
  if (headers["anthropic-version"] === undefined) return MessagesError.missingVersion
  if (!Predicate.isRecord(json)) return MessagesError.invalid("The request body is not valid JSON")
  const name = json["model"]
  if (typeof name !== "string" || name === "") return MessagesError.invalid("model: Field required")
  const model = Model.find(world.models, name)
  if (model === undefined || model.kind !== "chat") return MessagesError.unknownModel(name)
  const settings = MessagesSettings.check(json, model.id)
  if (settings._tag === "Refused") return settings
  const prompt = MessagesPrompt.check(json["system"], json["messages"])
  if ("_tag" in prompt) return prompt
  const promptTokens = prompt.tokens + settings.toolTokens
  if (promptTokens > world.contextTokens) return MessagesError.contextTooLong(world.contextTokens, promptTokens)
  const task: ChatTask = {
    _tag: "ChatTask",
    model: { ...model, reasoning: settings.isThinking },
    body: json,
    messages: prompt.list,
    prompt: prompt.pieces,
    promptTokens,
    stream: json["stream"] === true,
    includeUsage: true,
    includeObfuscation: false,
    maxTokens: settings.maxTokens,
    stop: settings.stop,
    tools: settings.tools,
    toolChoice: settings.toolChoice,
    parallelToolCalls:
      !Predicate.isRecord(json["tool_choice"]) || json["tool_choice"]["disable_parallel_tool_use"] !== true,
    format: settings.format,
    reasoningEffort: settings.effort
  }
  const answer = ChatAnswer.answer(task, world)
  const said = sayingOf(task, answer, settings.showsThoughts, world)
  return task.stream ? events(said) : whole(said)
}

// --- What is said ----------------------------------------------------------------

/** A block of content, whole and in the pieces of its stream. */
interface Block {
  readonly whole: unknown
  /** As it begins. */
  readonly start: unknown
  readonly startTokens: number
  readonly deltas: ReadonlyArray<{ readonly delta: unknown; readonly tokens: number }>
}

interface Saying {
  readonly model: string
  readonly head: Readonly<Record<string, unknown>>
  readonly blocks: ReadonlyArray<Block>
  readonly stopReason: string
  readonly usage: Readonly<Record<string, unknown>>
  readonly inputTokens: number
  readonly outputTokens: number
}

const thoughtBlock = (pieces: ReadonlyArray<string>): Block => {
  const thinking = pieces.join("")
  const signature = MessagesPrompt.signatureOf(thinking)
  return {
    whole: { type: "thinking", thinking, signature },
    start: { type: "thinking", thinking: "", signature: "" },
    startTokens: 0,
    deltas: [
      ...pieces.map((piece) => ({ delta: { type: "thinking_delta", thinking: piece }, tokens: 1 })),
      { delta: { type: "signature_delta", signature }, tokens: 0 }
    ]
  }
}

const textBlock = (pieces: ReadonlyArray<string>): Block => ({
  whole: { type: "text", text: pieces.join("") },
  start: { type: "text", text: "" },
  startTokens: 0,
  deltas: pieces.map((piece) => ({ delta: { type: "text_delta", text: piece }, tokens: 1 }))
})

const toolBlock = (call: ChatAnswer.ToolCall): Block => {
  const named = { type: "tool_use", id: call.id.replace(/^call/, "toolu"), name: call.name }
  return {
    // Arguments that were cut short are no object any more.
    whole: { ...named, input: parse(call.arguments.join("")) },
    start: { ...named, input: {} },
    startTokens: call.nameTokens,
    deltas: call.arguments.map((piece) => ({ delta: { type: "input_json_delta", partial_json: piece }, tokens: 1 }))
  }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

const sayingOf = (task: ChatTask, answer: ChatAnswer.ChatAnswer, showsThoughts: boolean, world: World): Saying => {
  const thoughts = showsThoughts
    ? Token.split(Prose.paragraph(Seed.choices(answer.key, "thoughts"))).slice(0, answer.reasoningTokens)
    : []
  const cached = JSON.stringify(task.body).includes('"cache_control"')
    ? world.cachedTokens(task.model.id, task.prompt)
    : 0
  return {
    model: task.model.id,
    head: {
      id: `msg_01${Seed.choices(answer.key, "identity").text(22)}`,
      type: "message",
      role: "assistant",
      model: task.model.snapshot
    },
    blocks: [
      ...(answer.reasoningTokens > 0 ? [thoughtBlock(thoughts)] : []),
      ...(answer.text.length > 0 ? [textBlock(answer.text)] : []),
      ...answer.toolCalls.map(toolBlock)
    ],
    stopReason: answer.finishReason === "length" ? "max_tokens" : answer.toolCalls.length > 0 ? "tool_use" : "end_turn",
    usage: {
      input_tokens: task.promptTokens - cached,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: cached,
      output_tokens: answer.outputTokens,
      ...(task.model.reasoning ? { output_tokens_details: { thinking_tokens: answer.reasoningTokens } } : {})
    },
    inputTokens: task.promptTokens,
    outputTokens: answer.outputTokens
  }
}

// --- Bodies ----------------------------------------------------------------------

const whole = ({ blocks, head, inputTokens, model, outputTokens, stopReason, usage }: Saying): Whole => ({
  _tag: "Whole",
  model,
  inputTokens,
  outputTokens,
  body: JSON.stringify({
    ...head,
    content: blocks.map((block) => block.whole),
    stop_reason: stopReason,
    stop_sequence: null,
    usage: { ...usage, service_tier: "standard" }
  })
})

const event = (type: string, fields: object = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

/** Its deltas, and before them its start, behind the stop of the block before; the first block starts with the stream. */
const framesOf = (block: Block, index: number): ReadonlyArray<Frame> => {
  const stop = index === 0 ? "" : event("content_block_stop", { index: index - 1 })
  return [
    ...(index === 0 && block.startTokens === 0
      ? []
      : [
          {
            text: stop + event("content_block_start", { index, content_block: block.start }),
            tokens: block.startTokens
          }
        ]),
    ...block.deltas.map(({ delta, tokens }) => ({ text: event("content_block_delta", { index, delta }), tokens }))
  ]
}

const events = ({ blocks, head, inputTokens, model, outputTokens, stopReason, usage }: Saying): Events => {
  const [first] = blocks
  return {
    _tag: "Events",
    model,
    inputTokens,
    outputTokens,
    opening: [
      event("message_start", {
        message: { ...head, content: [], stop_reason: null, stop_sequence: null, usage: { ...usage, output_tokens: 1 } }
      }),
      ...(first?.startTokens === 0 ? [event("content_block_start", { index: 0, content_block: first.start })] : []),
      event("ping")
    ],
    tokens: blocks.flatMap(framesOf),
    closing: [
      ...(blocks.length === 0 ? [] : [event("content_block_stop", { index: blocks.length - 1 })]),
      event("message_delta", { delta: { stop_reason: stopReason, stop_sequence: null }, usage })
    ],
    terminator: event("message_stop")
  }
}
