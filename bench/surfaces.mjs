// What the server says in each protocol: a whole answer, and a stream as the events of its head, its tokens and its tail.
import { answer, model, models, tokenAt } from "./payload.mjs"

const created = 1770933883
const usage = {
  prompt_tokens: 24,
  completion_tokens: 76,
  total_tokens: 100,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 0,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0
  }
}
const event = (data) => Buffer.from(`data: ${JSON.stringify(data)}\n\n`)
const namedEvent = (data) => Buffer.from(`event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`)
/** Streams repeat after as many chunks; distinct enough that no parser sees the same bytes twice in one read. */
export const period = 1000

// ---- Chat Completions

const chatBody = Buffer.from(
  JSON.stringify({
    id: "chatcmpl-D8Z5f52zQqikDBEKQMQoYcWMcWPeU",
    object: "chat.completion",
    created,
    model,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answer, refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: "stop"
      }
    ],
    usage,
    service_tier: "default",
    system_fingerprint: "fp_de604bd877"
  })
)

const chatChunk = (delta, finishReason = null) => ({
  id: "chatcmpl-D8Z5oo6uDh67AD85p73ksdT1KxhE0",
  object: "chat.completion.chunk",
  created,
  model,
  service_tier: "default",
  system_fingerprint: "fp_de604bd877",
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }]
})

const chat = {
  model,
  body: chatBody,
  head: [event(chatChunk({ role: "assistant", content: "", refusal: null }))],
  token: (text) => event(chatChunk({ content: text })),
  tokens: Array.from({ length: period }, (_, index) => event(chatChunk({ content: tokenAt(index) }))),
  tail: (request) => [
    event(chatChunk({}, "stop")),
    ...(request.stream_options?.include_usage === true ? [event({ ...chatChunk({}), choices: [], usage })] : []),
    Buffer.from("data: [DONE]\n\n")
  ]
}

// ---- Responses

const messageItem = (status, text) => ({
  id: "msg_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b",
  type: "message",
  status,
  role: "assistant",
  content: text === undefined ? [] : [{ type: "output_text", text, annotations: [], logprobs: [] }]
})

const response = (status, output) => ({
  id: "resp_68af4030baa48193b0b43b4c2a176a1a05438e46b5f69a3b",
  object: "response",
  created_at: created,
  status,
  background: false,
  error: null,
  incomplete_details: null,
  instructions: null,
  max_output_tokens: null,
  model,
  output,
  parallel_tool_calls: true,
  previous_response_id: null,
  service_tier: "default",
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_p: 1,
  truncation: "disabled",
  usage:
    status !== "completed"
      ? null
      : {
          input_tokens: 24,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: 76,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: 100
        },
  user: null,
  metadata: {}
})

const place = { output_index: 0, content_index: 0, item_id: messageItem("completed").id }
const delta = (text, sequence) =>
  namedEvent({ type: "response.output_text.delta", sequence_number: sequence, ...place, delta: text, logprobs: [] })

const responses = {
  model,
  body: Buffer.from(JSON.stringify(response("completed", [messageItem("completed", answer)]))),
  head: [
    { type: "response.created", sequence_number: 0, response: response("in_progress", []) },
    { type: "response.output_item.added", sequence_number: 1, output_index: 0, item: messageItem("in_progress") },
    {
      type: "response.content_part.added",
      sequence_number: 2,
      ...place,
      part: { type: "output_text", text: "", annotations: [], logprobs: [] }
    }
  ].map(namedEvent),
  token: (text) => delta(text, 3),
  tokens: Array.from({ length: period }, (_, index) => delta(tokenAt(index), 3 + index)),
  tail: () =>
    [
      { type: "response.output_text.done", sequence_number: 1003, ...place, text: answer, logprobs: [] },
      {
        type: "response.output_item.done",
        sequence_number: 1004,
        output_index: 0,
        item: messageItem("completed", answer)
      },
      {
        type: "response.completed",
        sequence_number: 1005,
        response: response("completed", [messageItem("completed", answer)])
      }
    ].map(namedEvent)
}

// ---- Anthropic's messages

const messagesUsage = {
  input_tokens: 24,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens: 76,
  service_tier: "standard"
}

const message = (content, stopReason) => ({
  model: models.anthropic,
  id: "msg_01QC4g3HwBThD4BaNtBckFDJ",
  type: "message",
  role: "assistant",
  content,
  stop_reason: stopReason,
  stop_sequence: null,
  usage: messagesUsage
})

const textDelta = (text) => namedEvent({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } })

const messages = {
  model: models.anthropic,
  body: Buffer.from(JSON.stringify(message([{ type: "text", text: answer }], "end_turn"))),
  head: [
    { type: "message_start", message: message([], null) },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "ping" }
  ].map(namedEvent),
  token: textDelta,
  tokens: Array.from({ length: period }, (_, index) => textDelta(tokenAt(index))),
  tail: () =>
    [
      { type: "content_block_stop", index: 0 },
      {
        type: "message_delta",
        delta: { stop_reason: "end_turn", stop_sequence: null },
        usage: { input_tokens: 24, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 76 }
      },
      { type: "message_stop" }
    ].map(namedEvent)
}

// ---- Gemini's generateContent

/** Each chunk says what was used so far. */
const candidate = (text, count, finishReason) => ({
  candidates: [
    {
      content: { parts: [{ text }], role: "model" },
      ...(finishReason === undefined ? {} : { finishReason }),
      index: 0
    }
  ],
  usageMetadata: {
    promptTokenCount: 24,
    candidatesTokenCount: count,
    totalTokenCount: 209 + count,
    promptTokensDetails: [{ modality: "TEXT", tokenCount: 24 }],
    thoughtsTokenCount: 185
  },
  modelVersion: models.gemini,
  responseId: "bH6LaZW8Fp_3nsEPqtaSwQ4"
})

const generateContent = {
  model: models.gemini,
  body: Buffer.from(JSON.stringify(candidate(answer, 76, "STOP"))),
  head: [],
  token: (text) => event(candidate(text, 1)),
  tokens: Array.from({ length: period }, (_, index) => event(candidate(tokenAt(index), 1 + index))),
  tail: () => [event(candidate("", 76, "STOP"))]
}

// ---- Where they are

const surfaces = { "chat/completions": chat, responses, messages }

/** What a request below `/v1/` is for; `model` and `streaming` are in the body, and with Gemini in the path. */
export const readTarget = (path, request) => {
  const [, named, method] = /^models\/([^:]+):(generateContent|streamGenerateContent\?alt=sse)$/.exec(path) ?? []
  return method === undefined
    ? { surface: surfaces[path], model: request?.model, streaming: request?.stream === true }
    : { surface: generateContent, model: named, streaming: method !== "generateContent" }
}
