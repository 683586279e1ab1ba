// The loopback provider, a process of its own: OpenAI's Chat Completions and, for @effect/ai-openai, its Responses API.
// The first path segment says how it behaves, so that clients need no special header:
//   /plain/v1        answers at once            /chunks-500/v1  streams 500 chunks as fast as they are taken
//   /delay-50/v1     answers after 50 ms        /first-20/v1    the first token after 20 ms, then nine more
//   /hold-2000/v1    answers nobody until 2,000 calls are waiting
import { createServer } from "node:http"
import { answer, heldToken, model, tokenAt } from "./payload.mjs"

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
const period = 1000

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

const surfaces = { "chat/completions": chat, responses }

// ---- Behaviour

/** Holds callers back until `size` of them wait, so that all of them are in flight at one moment. */
class Barrier {
  static #barriers = new Map()
  #waiting = []
  #size
  constructor(size) {
    this.#size = size
  }
  static of(size) {
    if (!this.#barriers.has(size)) this.#barriers.set(size, new Barrier(size))
    return this.#barriers.get(size)
  }
  enter(release) {
    this.#waiting.push(release)
    if (this.#waiting.length < this.#size) return
    const all = this.#waiting
    this.#waiting = []
    setTimeout(() => all.forEach((each) => each()), 300)
  }
}

const sendBody = (surface, reply) => {
  reply.writeHead(200, {
    "content-type": "application/json",
    "content-length": surface.body.length,
    "x-request-id": "req_7f2d1c",
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-reset-requests": "120ms"
  })
  reply.end(surface.body)
}

const openStream = (reply) =>
  reply.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "x-request-id": "req_7f2d1c" })

const finishStream = (surface, request, reply) => {
  for (const each of surface.tail(request)) reply.write(each)
  reply.end()
}

/** One HTTP chunk per event, as real providers send them, as fast as the socket takes them. */
const sendChunks = (surface, request, reply, chunks) => {
  openStream(reply)
  for (const each of surface.head) reply.write(each)
  let sent = 0
  const pump = () => {
    let room = true
    while (room && sent < chunks) room = reply.write(surface.tokens[sent++ % period])
    if (sent < chunks) reply.once("drain", pump)
    else finishStream(surface, request, reply)
  }
  pump()
}

const sendFirstTokenLate = (surface, request, reply, milliseconds) => {
  const arrived = performance.now()
  setTimeout(() => {
    openStream(reply)
    for (const each of surface.head) reply.write(each)
    reply.write(surface.token(heldToken(performance.now() - arrived)))
    for (let index = 1; index < 10; index++) reply.write(surface.tokens[index])
    finishStream(surface, request, reply)
  }, milliseconds)
}

const reject = (reply, status, message) => {
  reply.writeHead(status, { "content-type": "application/json" })
  reply.end(JSON.stringify({ error: { message, type: "invalid_request_error", param: null, code: null } }))
}

/** What the body says, or undefined when it is not JSON. */
const parse = (body) => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

const handle = (path, body, reply) => {
  const [, behaviour, amountText, surfaceName] = /^\/([a-z]+)-?(\d*)\/v1\/([a-z/]+)$/.exec(path) ?? []
  const surface = surfaces[surfaceName]
  if (surface === undefined) return reject(reply, 404, `no such path: ${path}`)
  const request = parse(body)
  if (request === undefined) return reject(reply, 400, `the body is not JSON: ${body}`)
  if (request.model !== model) return reject(reply, 404, `no such model: ${request.model}`)
  const amount = Number(amountText)
  const streaming = request.stream === true
  switch (`${behaviour} ${streaming ? "stream" : "body"}`) {
    case "plain body":
      return sendBody(surface, reply)
    case "delay body":
      return setTimeout(sendBody, amount, surface, reply)
    case "hold body":
      return Barrier.of(amount).enter(() => sendBody(surface, reply))
    case "chunks stream":
      return sendChunks(surface, request, reply, amount)
    case "first stream":
      return sendFirstTokenLate(surface, request, reply, amount)
    default:
      return reject(reply, 400, `${behaviour} does not go with stream: ${streaming}`)
  }
}

const server = createServer((incoming, reply) => {
  const parts = []
  incoming.on("data", (part) => parts.push(part))
  incoming.on("end", () => handle(incoming.url, parts.length === 1 ? parts[0] : Buffer.concat(parts), reply))
  reply.on("error", () => {})
})
server.keepAliveTimeout = 60_000
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => process.send({ port: server.address().port }))
// A terminal's Ctrl-C goes to all; the parent decides. When it is gone, however it went, so is the server.
process.on("SIGINT", () => {})
process.on("disconnect", () => process.exit(0))
