/** `/v1/chat/completions`: the answer as one body, or as a stream of chunks. */
import * as ChatAnswer from "./ChatAnswer.js"
import * as ChatRequest from "./OpenAiChatRequest.js"
import * as Seed from "./Seed.js"
import type { Call, Events, Frame, Plan, Whole, World } from "./Wire.js"

export const chatCompletions = (call: Call, world: World): Plan => {
  const task = ChatRequest.read(call, world)
  if (task._tag === "Refused") return task
  const answer = ChatAnswer.answer(task, world)
  const usage = usageOf(task, answer, world)
  return task.stream ? events(task, answer, usage) : whole(task, answer, usage)
}

const usageOf = (task: ChatRequest.ChatTask, answer: ChatAnswer.ChatAnswer, world: World) => ({
  prompt_tokens: task.promptTokens,
  completion_tokens: answer.outputTokens,
  total_tokens: task.promptTokens + answer.outputTokens,
  prompt_tokens_details: {
    cached_tokens: world.cachedTokens(task.model.id, task.prompt),
    audio_tokens: 0
  },
  completion_tokens_details: {
    reasoning_tokens: answer.reasoningTokens,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0
  }
})

type Usage = ReturnType<typeof usageOf>

/**
 * What names an answer. All of it follows from the request, the time of creation too, so that equal requests get equal
 * bytes.
 */
const identity = (task: ChatRequest.ChatTask, answer: ChatAnswer.ChatAnswer) => {
  const choose = Seed.choices(answer.key, "identity")
  return {
    id: `chatcmpl-${choose.text(29)}`,
    created: 1_760_000_000 + choose.integer(0, 9_999_999),
    model: task.model.snapshot,
    fingerprint: `fp_${Seed.fingerprint(task.model.snapshot).slice(0, 10)}`
  }
}

const whole = (task: ChatRequest.ChatTask, answer: ChatAnswer.ChatAnswer, usage: Usage): Whole => {
  const { created, fingerprint, id, model } = identity(task, answer)
  const calls = answer.toolCalls.map((call) => ({
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.arguments.join("") }
  }))
  return {
    _tag: "Whole",
    model: task.model.id,
    inputTokens: usage.prompt_tokens,
    outputTokens: usage.completion_tokens,
    body: JSON.stringify(
      {
        id,
        object: "chat.completion",
        created,
        model,
        choices: [
          {
            index: 0,
            message: {
              role: "assistant",
              content: calls.length > 0 ? null : answer.text.join(""),
              ...(calls.length > 0 ? { tool_calls: calls } : {}),
              refusal: null,
              annotations: []
            },
            logprobs: null,
            finish_reason: answer.finishReason
          }
        ],
        usage,
        service_tier: "default",
        system_fingerprint: fingerprint
      },
      null,
      2
    )
  }
}

const events = (task: ChatRequest.ChatTask, answer: ChatAnswer.ChatAnswer, usage: Usage): Events => {
  const { created, fingerprint, id, model } = identity(task, answer)
  // Only the middle differs from chunk to chunk: written by hand, a chunk costs a fraction of a JSON.stringify.
  const head =
    `data: {"id":"${id}","object":"chat.completion.chunk","created":${created},"model":` +
    `${JSON.stringify(model)},"service_tier":"default","system_fingerprint":"${fingerprint}","choices":[`
  const filling = Seed.choices(answer.key, "obfuscation")
  const fillings = filling.text(128)
  const chunk = (choices: string, usageText = "null"): string => {
    const at = filling.integer(0, 100)
    return `${head}${choices}]${task.includeUsage ? `,"usage":${usageText}` : ""}${
      task.includeObfuscation ? `,"obfuscation":"${fillings.slice(at, at + filling.integer(1, 14))}"` : ""
    }}\n\n`
  }
  const choice = (delta: string, finishReason = "null"): string =>
    chunk(`{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finishReason}}`)

  const calls = answer.toolCalls.length > 0
  return {
    _tag: "Events",
    model: task.model.id,
    inputTokens: usage.prompt_tokens,
    outputTokens: usage.completion_tokens,
    opening: [choice(`{"role":"assistant","content":${calls ? "null" : `""`},"refusal":null}`)],
    tokens: calls
      ? answer.toolCalls.flatMap((call, index) => callFrames(call, index, choice))
      : answer.text.map((token): Frame => ({ text: choice(`{"content":${JSON.stringify(token)}}`), tokens: 1 })),
    closing: [
      choice("{}", JSON.stringify(answer.finishReason)),
      ...(task.includeUsage ? [chunk("", JSON.stringify(usage))] : [])
    ],
    terminator: "data: [DONE]\n\n"
  }
}

/** The name first, with empty arguments, then the arguments token by token. */
const callFrames = (
  call: ChatAnswer.ToolCall,
  index: number,
  choice: (delta: string) => string
): ReadonlyArray<Frame> => {
  const opening = JSON.stringify({
    tool_calls: [{ index, id: call.id, type: "function", function: { name: call.name, arguments: "" } }]
  })
  const piece = (text: string): Frame => ({
    text: choice(`{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(text)}}}]}`),
    tokens: 1
  })
  return [{ text: choice(opening), tokens: call.nameTokens }, ...call.arguments.map(piece)]
}
