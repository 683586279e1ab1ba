// What is measured. Each scenario says where the server's behaviour is (`path`), its sizes, and how one client's
// figure comes about; `run` throws WrongAnswer when a client did not hear what the server said.
import { answer, charactersOf, heldMilliseconds } from "./payload.mjs"

export class WrongAnswer extends Error {}

/** Runs `calls` calls, `concurrency` at a time: a pool of loops, the cheapest form a program of promises has. */
const inPool = async (calls, concurrency, call) => {
  let left = calls
  const loop = async () => {
    while (left-- > 0) await call()
  }
  await Promise.all(Array.from({ length: Math.min(calls, concurrency) }, loop))
}

/** Many calls, in the bulk form of the client's own idiom where it has one. */
const callMany = async (client, calls, concurrency) => {
  let right = 0
  const onText = (text) => {
    if (text === answer) right++
  }
  if (client.many !== undefined) await client.many(calls, concurrency, onText)
  else await inPool(calls, concurrency, async () => onText(await client.complete()))
  if (right !== calls) throw new WrongAnswer(`${right} right answers to ${calls} calls`)
}

const streamMany = (client, streams, concurrency, chunks) =>
  inPool(streams, concurrency, async () => {
    let texts = 0
    let characters = 0
    await client.stream((text) => {
      texts++
      characters += text.length
    })
    if (texts !== chunks || characters !== charactersOf(chunks)) {
      throw new WrongAnswer(`${texts} texts, ${characters} characters from ${chunks} chunks`)
    }
  })

const cpuMicroseconds = async (work) => {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

const wallMilliseconds = async (work) => {
  const before = performance.now()
  await work()
  return performance.now() - before
}

const perCall = (concurrency, full) => ({
  title: concurrency === 1 ? "CPU per call, 1 at a time" : `CPU per call, ${concurrency} at once`,
  unit: "µs",
  path: () => "plain",
  connections: concurrency,
  full,
  smoke: { warmUp: 200, calls: 200 },
  run: async (client, { warmUp, calls }) => {
    await callMany(client, warmUp, concurrency)
    return (await cpuMicroseconds(() => callMany(client, calls, concurrency))) / calls
  }
})

const perChunk = (title, full, smoke) => ({
  title,
  unit: "µs",
  path: ({ chunks }) => `chunks-${chunks}`,
  connections: full.streams,
  full,
  smoke,
  run: async (client, { warmUp, streams, chunks }) => {
    await streamMany(client, warmUp, streams, chunks)
    return (await cpuMicroseconds(() => streamMany(client, streams, streams, chunks))) / (streams * chunks)
  }
})

const firstTokenDelay = 20

export const scenarios = {
  "call-1": perCall(1, { warmUp: 2000, calls: 2000 }),
  "call-64": perCall(64, { warmUp: 4000, calls: 6000 }),
  "call-512": perCall(512, { warmUp: 4000, calls: 4000 }),
  "stream-1": perChunk(
    "CPU per streamed chunk, 1 stream",
    { warmUp: 10, streams: 1, chunks: 20_000 },
    { warmUp: 1, streams: 1, chunks: 1000 }
  ),
  "stream-200": perChunk(
    "CPU per streamed chunk, 200 streams",
    { warmUp: 400, streams: 200, chunks: 500 },
    { warmUp: 5, streams: 20, chunks: 100 }
  ),
  "first-token": {
    title: "time to first token above the server's own, 16 at once",
    unit: "ms",
    path: () => `first-${firstTokenDelay}`,
    connections: 16,
    full: { warmUp: 320, streams: 480 },
    smoke: { warmUp: 16, streams: 32 },
    run: async (client, { warmUp, streams }) => {
      const delays = []
      const stream = async () => {
        const start = performance.now()
        let texts = 0
        await client.stream((text) => {
          if (texts++ === 0) delays.push(performance.now() - start - heldMilliseconds(text))
        })
        if (texts !== 10) throw new WrongAnswer(`${texts} texts from 10 chunks`)
      }
      await inPool(warmUp, 16, stream)
      delays.length = 0
      await inPool(streams, 16, stream)
      if (delays.some(Number.isNaN)) throw new WrongAnswer("the first text was not the first token")
      return delays.sort((a, b) => a - b)[delays.length >> 1]
    }
  },
  batch: {
    title: "batch of 2,000 calls of 50 ms, 100 at once (ideal 1,000)",
    unit: "ms",
    path: () => "delay-50",
    connections: 100,
    full: { warmUp: 2000, calls: 2000 },
    smoke: { warmUp: 100, calls: 200 },
    run: async (client, { warmUp, calls }) => {
      await callMany(client, warmUp, 100)
      return wallMilliseconds(() => callMany(client, calls, 100))
    }
  },
  memory: {
    title: "memory for 2,000 calls in flight",
    unit: "MB",
    path: ({ calls }) => `hold-${calls}`,
    connections: 2000,
    full: { calls: 2000 },
    smoke: { calls: 200 },
    // What a client loads at its first call is no part of what a call in flight takes.
    prepare: async (open) => {
      const client = open("plain", 1)
      await callMany(client, 20, 1)
      await client.close()
    },
    run: async (client, { calls }) => {
      const before = process.memoryUsage.rss()
      await callMany(client, calls, calls)
      return (process.resourceUsage().maxRSS * 1024 - before) / 1e6
    }
  },
  // Measured by cacheHit.mjs, for effect-llm alone: the others have no cache.
  "hit-memory": { title: "an answer from the cache in memory", unit: "µs", kept: "memory" },
  "hit-lmdb": { title: "an answer from the cache in a file", unit: "µs", kept: "lmdb" },
  // Measured by programWorker.mjs, over a client that answers at once.
  program: { title: "what a program adds to a call", unit: "µs" },
  // Measured by importCost.mjs, in processes that do nothing else.
  import: { title: "import", unit: "ms" }
}
