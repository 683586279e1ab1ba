/** `/v1/responses`: the answer as one body, or as a stream of events. */
import * as ChatAnswer from "./ChatAnswer.js"
import * as Prose from "./Prose.js"
import { event, type Fields } from "./ResponsesEvent.js"
import * as ResponsesInput from "./ResponsesInput.js"
import * as ResponsesRequest from "./ResponsesRequest.js"
import * as Seed from "./Seed.js"
import * as Token from "./Token.js"
import type { Call, Events, Frame, Plan, Whole, World } from "./Wire.js"

export const responses = (call: Call, world: World): Plan => {
  const task = ResponsesRequest.read(call, world)
  if (task._tag === "Refused") return task
  const said = sayingOf(task, ChatAnswer.answer(task.chat, world), world)
  return task.chat.stream ? events(said) : whole(said)
}

// --- What is said ----------------------------------------------------------------

/** An item of the output, whole and as the events of its stream. */
interface Item {
  readonly whole: Fields
  /** As it begins. */
  readonly start: Fields
  readonly startTokens: number
  /** Between its start and its end; those with tokens are billed as they go out. */
  readonly events: ReadonlyArray<{ readonly fields: Fields; readonly tokens?: number }>
}

interface Saying {
  readonly model: string
  readonly items: ReadonlyArray<Item>
  readonly response: (status: string, output: ReadonlyArray<Fields>, usage: Fields | null) => Fields
  readonly status: "completed" | "incomplete"
  readonly usage: Fields
  readonly inputTokens: number
  readonly outputTokens: number
  /** What hides the length of a piece from those who listen. */
  readonly obfuscation: () => Fields
}

const reasoningItem = (id: string, parts: ReadonlyArray<ReadonlyArray<string>>, content: string | undefined): Item => {
  const hidden = content === undefined ? {} : { encrypted_content: content }
  const texts = parts.map((pieces) => ({ type: "summary_text", text: pieces.join("") }))
  return {
    whole: { id, type: "reasoning", ...hidden, summary: texts },
    // What it has thought by now, which is not yet all.
    start: {
      id,
      type: "reasoning",
      ...(content === undefined ? {} : { encrypted_content: content.slice(0, 40) }),
      summary: []
    },
    startTokens: 0,
    events: parts.flatMap((pieces, index) => {
      const about = { item_id: id, summary_index: index }
      const text = pieces.join("")
      return [
        {
          fields: { type: "response.reasoning_summary_part.added", ...about, part: { type: "summary_text", text: "" } }
        },
        ...pieces.map((delta) => ({
          fields: { type: "response.reasoning_summary_text.delta", ...about, delta },
          tokens: 0
        })),
        { fields: { type: "response.reasoning_summary_text.done", ...about, text } },
        { fields: { type: "response.reasoning_summary_part.done", ...about, part: { type: "summary_text", text } } }
      ]
    })
  }
}

const messageItem = (id: string, pieces: ReadonlyArray<string>, status: string): Item => {
  const about = { item_id: id, content_index: 0 }
  const text = pieces.join("")
  const part = { type: "output_text", annotations: [], logprobs: [], text }
  const message = { id, type: "message", role: "assistant" }
  return {
    whole: { ...message, status, content: [part] },
    start: { ...message, status: "in_progress", content: [] },
    startTokens: 0,
    events: [
      { fields: { type: "response.content_part.added", ...about, part: { ...part, text: "" } } },
      ...pieces.map((delta) => ({
        fields: { type: "response.output_text.delta", ...about, delta, logprobs: [] },
        tokens: 1
      })),
      { fields: { type: "response.output_text.done", ...about, text, logprobs: [] } },
      { fields: { type: "response.content_part.done", ...about, part } }
    ]
  }
}

const callItem = (id: string, call: ChatAnswer.ToolCall, status: string): Item => {
  const named = { id, type: "function_call", call_id: call.id, name: call.name }
  const text = call.arguments.join("")
  return {
    whole: { ...named, status, arguments: text },
    start: { ...named, status: "in_progress", arguments: "" },
    startTokens: call.nameTokens,
    events: [
      ...call.arguments.map((delta) => ({
        fields: { type: "response.function_call_arguments.delta", item_id: id, delta },
        tokens: 1
      })),
      { fields: { type: "response.function_call_arguments.done", item_id: id, arguments: text } }
    ]
  }
}

/** The model's thoughts in short: one paragraph, or two where more is asked for. */
const summaryOf = (summary: string | undefined, key: string): ReadonlyArray<ReadonlyArray<string>> => {
  const choose = Seed.choices(key, "thoughts")
  return Array.from({ length: summary === undefined ? 0 : summary === "detailed" ? 2 : 1 }, () =>
    Token.split(Prose.paragraph(choose))
  )
}

const sayingOf = (task: ResponsesRequest.Task, answer: ChatAnswer.ChatAnswer, world: World): Saying => {
  const { body, includeObfuscation, model, promptTokens } = task.chat
  const choose = Seed.choices(answer.key, "identity")
  const id = `resp_${choose.text(48)}`
  const created = 1_760_000_000 + choose.integer(0, 9_999_999)
  const status = answer.finishReason === "length" ? "incomplete" : "completed"
  const filling = Seed.choices(answer.key, "obfuscation")
  const fillings = filling.text(128)
  const summary = summaryOf(task.summary, answer.key)
  return {
    model: model.id,
    items: [
      ...(answer.reasoningTokens === 0
        ? []
        : [
            reasoningItem(
              `rs_${choose.text(48)}`,
              summary,
              task.encrypts ? ResponsesInput.encrypted(answer.key) : undefined
            )
          ]),
      ...(answer.text.length === 0 ? [] : [messageItem(`msg_${choose.text(48)}`, answer.text, status)]),
      ...answer.toolCalls.map((call, index) =>
        callItem(`fc_${choose.text(48)}`, call, index === answer.toolCalls.length - 1 ? status : "completed")
      )
    ],
    response: (status, output, usage) => ({
      id,
      object: "response",
      created_at: created,
      status,
      background: false,
      error: null,
      incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
      instructions: body["instructions"] ?? null,
      max_output_tokens: body["max_output_tokens"] ?? null,
      model: model.snapshot,
      output,
      parallel_tool_calls: task.chat.parallelToolCalls,
      previous_response_id: null,
      reasoning: { effort: model.reasoning ? task.chat.reasoningEffort : null, summary: task.summary ?? null },
      service_tier: "default",
      store: body["store"] ?? true,
      temperature: body["temperature"] ?? 1,
      text: body["text"] ?? { format: { type: "text" } },
      tool_choice: body["tool_choice"] ?? "auto",
      tools: body["tools"] ?? [],
      top_p: body["top_p"] ?? 1,
      truncation: "disabled",
      usage,
      user: null,
      metadata: body["metadata"] ?? {}
    }),
    status,
    usage: {
      input_tokens: promptTokens,
      input_tokens_details: { cached_tokens: world.cachedTokens(model.id, task.chat.prompt) },
      output_tokens: answer.outputTokens,
      output_tokens_details: { reasoning_tokens: answer.reasoningTokens },
      total_tokens: promptTokens + answer.outputTokens
    },
    inputTokens: promptTokens,
    outputTokens: answer.outputTokens,
    obfuscation: () => {
      const at = filling.integer(0, 100)
      return includeObfuscation ? { obfuscation: fillings.slice(at, at + filling.integer(1, 14)) } : {}
    }
  }
}

// --- Bodies ----------------------------------------------------------------------

const outputOf = ({ items }: Saying): ReadonlyArray<Fields> => items.map((item) => item.whole)

const whole = (said: Saying): Whole => ({
  _tag: "Whole",
  model: said.model,
  inputTokens: said.inputTokens,
  outputTokens: said.outputTokens,
  body: JSON.stringify(said.response(said.status, outputOf(said), said.usage), null, 2)
})

/** Each event has its number: they must be written in the order in which they go out. */
const events = (said: Saying): Events => {
  let number = 0
  const write = (fields: Fields): string => event(fields, number++)
  const begun = said.response("in_progress", [], null)
  const opening = [
    write({ type: "response.created", response: begun }),
    write({ type: "response.in_progress", response: begun })
  ]
  const tokens: Array<Frame> = []
  // What is no token goes out with the next one, or behind the last.
  let beside = ""
  const give = (text: string, cost: number): void => {
    tokens.push({ text: beside + text, tokens: cost })
    beside = ""
  }
  for (const [index, item] of said.items.entries()) {
    const added = write({ type: "response.output_item.added", output_index: index, item: item.start })
    if (item.startTokens > 0) give(added, item.startTokens)
    else beside += added
    for (const { fields, tokens: cost } of item.events) {
      const at = { ...fields, output_index: index }
      if (cost === undefined) beside += write(at)
      else give(write({ ...at, ...said.obfuscation() }), cost)
    }
    beside += write({ type: "response.output_item.done", output_index: index, item: item.whole })
  }
  return {
    _tag: "Events",
    model: said.model,
    inputTokens: said.inputTokens,
    outputTokens: said.outputTokens,
    opening,
    tokens,
    closing: beside === "" ? [] : [beside],
    terminator: write({
      type: `response.${said.status}`,
      response: said.response(said.status, outputOf(said), said.usage)
    })
  }
}
