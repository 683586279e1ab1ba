// The loopback provider, a process of its own, in the protocols of `surfaces.mjs`.
// The first path segment says how it behaves, so that clients need no special header:
//   /plain/v1        answers at once            /chunks-500/v1  streams 500 chunks as fast as they are taken
//   /delay-50/v1     answers after 50 ms        /first-20/v1    the first token after 20 ms, then nine more
//   /hold-2000/v1    answers nobody until 2,000 calls are waiting
import { createServer } from "node:http"
import { heldToken } from "./payload.mjs"
import { period, readTarget } from "./surfaces.mjs"

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
  const [, behaviour, amountText, operation = ""] = /^\/([a-z]+)-?(\d*)\/v1\/(.+)$/.exec(path) ?? []
  const request = parse(body)
  const { model, streaming, surface } = readTarget(operation, request)
  if (surface === undefined) return reject(reply, 404, `no such path: ${path}`)
  if (request === undefined) return reject(reply, 400, `the body is not JSON: ${body}`)
  if (model !== surface.model) return reject(reply, 404, `no such model: ${model}`)
  const amount = Number(amountText)
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
