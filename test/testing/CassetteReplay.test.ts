/** Which answer a request gets from a tape, when, and what it says when there is none. */
import { HttpBody, HttpClient, HttpClientError, HttpClientRequest } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Duration, Effect, Either, Exit, FastCheck, Fiber, Ref, Runtime, Stream, TestClock } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { Cassette } from "effect-llm/testing"
import * as Tape from "../../src/testing/cassette/Tape.js"
import { turn } from "../LoopbackServer.js"
import { answering, ask, newFile, onlyAnswer, post, readsOf, send, tapeOf, withTape } from "./cassette/Tapes.js"

/** A tape with the text of every answer, by its request. */
const tapeWith = (...takes: ReadonlyArray<readonly [request: Tape.Request, text: string]>) =>
  write(takes.map(([request, text]) => ({ request, response: answer({ chunks: [{ ms: 0, text }] }) })))

const answer = (body: Tape.Body, more: Partial<Tape.Response> = {}): Tape.Response => ({
  ms: 0,
  status: 200,
  headers: {},
  body,
  ...more
})

const write = (interactions: ReadonlyArray<Tape.Interaction>) =>
  Effect.tap(newFile, (file) =>
    Effect.sync(() => {
      mkdirSync(dirname(file))
      writeFileSync(file, Tape.print(Tape.make(interactions)))
    })
  )

const url = "https://llm.example/v1/chat"
const json = (body: unknown, more: Partial<Tape.Request> = {}): Tape.Request => ({
  method: "POST",
  url,
  headers: { "content-type": "application/json" },
  body: { json: body },
  ...more
})

const replay = (file: string, options: Cassette.Options = {}) => withTape(file, { mode: "replay", ...options })

/** The words of a request that is not on a tape. */
const refusal = (request: HttpClientRequest.HttpClientRequest, file: string, options?: Cassette.Options) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(send(request).pipe(replay(file, options)))
    if (!HttpClientError.isHttpClientError(error)) return yield* Effect.die(error)
    expect(error).toMatchObject({ _tag: "RequestError", reason: "Encode", cause: { _tag: "NotOnTape", file } })
    return error.cause instanceof Cassette.NotOnTape ? error.cause.message : ""
  })

describe("a request is the one on the tape", () => {
  const recorded = json({ model: "m", prompt: { a: 1, b: [1, 2] } }, { url: `${url}?b=2&a=1` })
  const with_ = (body: unknown, to = `${url}?b=2&a=1`) => post(body, to)

  const same: ReadonlyArray<readonly [string, HttpClientRequest.HttpClientRequest]> = [
    ["when it is the same", with_({ model: "m", prompt: { a: 1, b: [1, 2] } })],
    ["in any order of JSON fields", with_({ prompt: { b: [1, 2], a: 1 }, model: "m" })],
    ["in any order of parameters", with_({ model: "m", prompt: { a: 1, b: [1, 2] } }, `${url}?a=1&b=2`)],
    [
      "with parameters that are not in its URL",
      HttpClientRequest.setUrlParams(with_({ model: "m", prompt: { a: 1, b: [1, 2] } }, url), { a: "1", b: "2" })
    ],
    [
      "whatever its headers are",
      HttpClientRequest.setHeader(with_({ model: "m", prompt: { a: 1, b: [1, 2] } }), "x-a", "1")
    ],
    [
      "also as a stream",
      HttpClientRequest.setBody(
        with_({}),
        HttpBody.stream(
          Stream.make('{"model":"m",', '"prompt":{"a":1,"b":[1,2]}}').pipe(Stream.encodeText),
          "application/json"
        )
      )
    ]
  ]
  it.scoped.each([...same])("%s", ([, request]) =>
    Effect.gen(function* () {
      const file = yield* tapeWith([recorded, "yes"])
      expect(yield* Effect.flatMap(send(request), (response) => response.text).pipe(replay(file))).toBe("yes")
    })
  )

  const other: ReadonlyArray<readonly [string, HttpClientRequest.HttpClientRequest]> = [
    ["in its method", HttpClientRequest.setMethod(with_({ model: "m", prompt: { a: 1, b: [1, 2] } }), "PUT")],
    ["in its path", with_({ model: "m", prompt: { a: 1, b: [1, 2] } }, `${url}s?a=1&b=2`)],
    ["in its host", with_({ model: "m", prompt: { a: 1, b: [1, 2] } }, "https://other.example/v1/chat?a=1&b=2")],
    ["in a parameter", with_({ model: "m", prompt: { a: 1, b: [1, 2] } }, `${url}?a=1&b=3`)],
    ["in a field", with_({ model: "n", prompt: { a: 1, b: [1, 2] } })],
    ["in the order of a list", with_({ model: "m", prompt: { a: 1, b: [2, 1] } })],
    ["in a field more", with_({ model: "m", prompt: { a: 1, b: [1, 2] }, n: 1 })],
    ["in having no body", HttpClientRequest.post(`${url}?a=1&b=2`)]
  ]
  it.scoped.each([...other])("and is not when it differs %s", ([, request]) =>
    Effect.gen(function* () {
      const file = yield* tapeWith([recorded, "yes"])
      expect(yield* refusal(request, file)).toMatch(/^[-+] /m)
    })
  )

  it.scoped("leaving out what a test ignores", () =>
    Effect.gen(function* () {
      const file = yield* tapeWith([json({ q: "a", sentAt: 1, items: [{ id: 1, n: 1 }] }), "yes"])
      const body = { q: "a", sentAt: 2, items: [{ id: 9, n: 1 }] }
      const ignore = ["sentAt", "items.*.id"]
      expect(yield* ask(body).pipe(replay(file, { ignore }))).toBe("yes")
      const message = yield* refusal(post({ ...body, q: "b" }), file, { ignore })
      expect(message).toMatch(/^\+ +"q": "b"/m)
      expect(message).not.toMatch(/sentAt|id/)
    })
  )

  it.scoped("by what a test compares", () =>
    Effect.gen(function* () {
      const file = yield* tapeWith(
        [json({ q: "a" }, { headers: { "x-user": "1" } }), "of 1"],
        [json({ q: "a" }, { headers: { "x-user": "2" } }), "of 2"]
      )
      const match = ({ body, headers, url }: Cassette.MatchedRequest) => [
        new URL(url).pathname,
        headers["x-user"],
        body
      ]
      const second = HttpClientRequest.setHeader(post({ q: "a" }, "http://127.0.0.1:4010/v1/chat"), "x-user", "2")
      const text = Effect.flatMap(send(second), (response) => response.text)
      expect(yield* text.pipe(replay(file, { match }))).toBe("of 2")
    })
  )

  it.scoped("of a form, whatever border the platform puts between its fields", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      const upload = HttpClientRequest.bodyFormDataRecord(HttpClientRequest.post(url), {
        purpose: "batch",
        file: new File(["line"], "a.jsonl")
      })
      const text = Effect.flatMap(send(upload), (response) => response.text)
      yield* text.pipe(withTape(file, { mode: "record", http: answering(() => new Response("taken")) }))
      expect(yield* text.pipe(replay(file))).toBe("taken")
      expect(tapeOf(file).interactions[0]?.request.body).toMatchObject({
        json: [
          { name: "purpose", value: "batch" },
          { name: "file", file: "a.jsonl", text: "line" }
        ]
      })
    })
  )
})

describe("equal requests", () => {
  const threeTimes = tapeWith([json({ q: "a" }), "first"], [json({ q: "b" }), "other"], [json({ q: "a" }), "second"])

  it.scoped("get their answers in the order of the recording, whatever comes between", () =>
    Effect.gen(function* () {
      const file = yield* threeTimes
      const texts = Effect.all([ask({ q: "a" }), ask({ q: "a" }), ask({ q: "b" })])
      expect(yield* texts.pipe(replay(file))).toEqual(["first", "second", "other"])
    })
  )

  it.scoped("fail when they are more than were recorded", () =>
    Effect.gen(function* () {
      const file = yield* threeTimes
      const texts = Effect.all([ask({ q: "a" }), ask({ q: "a" }), Effect.flip(ask({ q: "a" }))])
      const [, , error] = yield* texts.pipe(replay(file))
      expect(String(error)).toContain("has this request 2 times, and it was made once more")
    })
  )

  it.scoped("get the last answer again with repeatLast", () =>
    Effect.gen(function* () {
      const file = yield* threeTimes
      const texts = Effect.all(Array.from({ length: 4 }, () => ask({ q: "a" })))
      expect(yield* texts.pipe(replay(file, { repeatLast: true }))).toEqual(["first", "second", "second", "second"])
    })
  )

  it.scoped("and different ones at the same time each get one of their own", () =>
    Effect.gen(function* () {
      const bodies = Array.from({ length: 30 }, (_, n) => ({ q: n % 10 }))
      const file = yield* tapeWith(...bodies.map((body, n) => [json(body), `${body.q}:${n}`] as const))
      const texts = yield* Effect.forEach([...bodies].reverse(), (body) => ask(body), {
        concurrency: "unbounded"
      }).pipe(replay(file, { unused: "fail" }))
      expect(new Set(texts).size).toBe(30)
      expect(texts.map((text) => Number(text.split(":")[0]))).toEqual([...bodies].reverse().map(({ q }) => q))
    })
  )
})

describe("a request that is not on the tape", () => {
  it.scoped("is shown against the nearest, which shares most with it", () =>
    Effect.gen(function* () {
      const long = {
        model: "m",
        messages: [
          { role: "user", content: "one" },
          { role: "user", content: "two" }
        ]
      }
      const file = yield* tapeWith(
        [json({ model: "m" }, { url: "https://llm.example/v1/embeddings" }), ""],
        [json(long), ""],
        [json({ model: "m", messages: [{ role: "user", content: "three" }] }), ""]
      )
      const message = yield* refusal(
        post({
          messages: [
            { role: "user", content: "one" },
            { role: "user", content: "2" }
          ],
          model: "m"
        }),
        file
      )
      expect(message.split("\n").slice(0, -1)).toEqual([
        `this request is not on the tape ${file}. Nearest is number 2 of 3; - is the tape, + what was asked for; headers are not compared:`,
        `  POST ${url}`,
        "  …",
        "      },",
        "      {",
        '-       "content": "two",',
        '+       "content": "2",',
        '        "role": "user"',
        "      }",
        "  …"
      ])
    })
  )

  it.scoped("is not retried by the platform's own retries", () =>
    Effect.gen(function* () {
      const file = yield* tapeWith()
      const tries = yield* Ref.make(0)
      yield* Effect.gen(function* () {
        const client = (yield* HttpClient.HttpClient).pipe(
          HttpClient.tapRequest(() => Ref.update(tries, (n) => n + 1)),
          HttpClient.retryTransient({ times: 3 })
        )
        yield* Effect.either(client.execute(post(1)))
      }).pipe(replay(file))
      expect(yield* Ref.get(tries)).toBe(1)
    })
  )
})

describe("what was recorded and never asked for", () => {
  const two = tapeWith([json({ q: "a" }), "a"], [json({ q: "b" }), "b"])

  it.scoped("is listed, and fails assertUsed", () =>
    Effect.gen(function* () {
      const file = yield* two
      yield* Effect.gen(function* () {
        yield* ask({ q: "b" })
        const cassette = yield* Cassette.Cassette
        expect(yield* cassette.unused).toEqual([`1: POST ${url}`])
        const error = yield* Effect.flip(Cassette.assertUsed)
        expect(error).toMatchObject({ _tag: "CassetteError", reason: "unused", file })
        expect(error.message).toContain(`1: POST ${url}`)
        yield* ask({ q: "a" })
        yield* Cassette.assertUsed
      }).pipe(replay(file))
    })
  )

  it.scoped("is a defect at the end with unused: fail, but does not hide why a test failed", () =>
    Effect.gen(function* () {
      const file = yield* two
      const run = (end: Effect.Effect<void, string>) =>
        Effect.exit(Effect.zipRight(ask({ q: "a" }), end).pipe(replay(file, { unused: "fail" })))
      expect(yield* run(Effect.void)).toMatchObject({ cause: { defect: { reason: "unused" } } })
      expect(yield* run(Effect.fail("the test"))).toEqual(Exit.fail("the test"))
    })
  )
})

const chunked = (...texts: ReadonlyArray<string>) => ({ chunks: texts.map((text, n) => ({ ms: 100 * (n + 1), text })) })

describe("time", () => {
  const slow = write([{ request: json(1), response: answer(chunked("a", "b", "c"), { ms: 50 }) }])

  it.scoped("is not spent by default", () =>
    Effect.gen(function* () {
      const file = yield* slow
      const reads = yield* readsOf(post(1)).pipe(replay(file))
      expect(reads.map((bytes) => new TextDecoder().decode(bytes))).toEqual(["a", "b", "c"])
    })
  )

  it.scoped("is that of the recording by the Clock, if asked for", () =>
    Effect.gen(function* () {
      const file = yield* slow
      const seen: Array<string> = []
      const reading = yield* Effect.gen(function* () {
        const response = yield* send(post(1))
        seen.push("headers")
        yield* response.stream.pipe(
          Stream.decodeText(),
          Stream.runForEach((text) => Effect.sync(() => seen.push(text)))
        )
      }).pipe(replay(file, { timing: "recorded" }), Effect.fork)
      // The file is read in real time.
      yield* Effect.repeat(Effect.zipRight(turn, TestClock.sleeps()), { until: Chunk.isNonEmpty })
      const after: Array<ReadonlyArray<string>> = []
      for (const wait of [49, 1, 49, 1, 100, 99, 1]) {
        yield* TestClock.adjust(Duration.millis(wait))
        after.push([...seen])
      }
      expect(after.map((texts) => texts.join(""))).toEqual([
        "",
        "headers",
        "headers",
        "headersa",
        "headersab",
        "headersab",
        "headersabc"
      ])
      yield* Fiber.join(reading)
    })
  )

  it.scoped("a wait can be interrupted", () =>
    Effect.gen(function* () {
      const file = yield* slow
      const reading = yield* readsOf(post(1)).pipe(replay(file, { timing: "recorded" }), Effect.fork)
      yield* Effect.repeat(Effect.zipRight(turn, TestClock.sleeps()), { until: Chunk.isNonEmpty })
      yield* TestClock.adjust("120 millis")
      expect(Exit.isInterrupted(yield* Fiber.interrupt(reading))).toBe(true)
    })
  )

  it.scoped("is measured from the request to each read", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      const clock = yield* Effect.clock
      const http = answering(
        () =>
          new Response(
            new ReadableStream<Uint8Array>({
              start: (controller) => {
                for (const text of ["a", "b"]) controller.enqueue(new TextEncoder().encode(text))
                controller.close()
              }
            })
          )
      )
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("1 hour")
        const response = yield* send(post(1))
        yield* Stream.runForEach(response.stream, () => TestClock.adjust("30 millis"))
      }).pipe(withTape(file, { mode: "record", http, clock }))
      expect(onlyAnswer(file)).toMatchObject({ ms: 0, body: { chunks: [{ ms: 0 }, { ms: 30 }] } })
    })
  )
})

describe("how an answer ends", () => {
  it.scoped("an error is given behind the reads before it", () =>
    Effect.gen(function* () {
      const end = { error: "Decode", words: "other side closed" } as const
      const file = yield* write([{ request: json(1), response: answer(chunked("a", "b"), { end }) }])
      yield* Effect.gen(function* () {
        const response = yield* send(post(1))
        const seen: Array<string> = []
        const error = yield* response.stream.pipe(
          Stream.decodeText(),
          Stream.runForEach((text) => Effect.sync(() => seen.push(text))),
          Effect.flip
        )
        expect(seen).toEqual(["a", "b"])
        expect(error).toMatchObject({
          _tag: "ResponseError",
          reason: "Decode",
          cause: { message: "other side closed" }
        })
      }).pipe(replay(file))
    })
  )

  it.scoped("a request that got no answer gets none again", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      const run = (mode: Cassette.Mode) =>
        Effect.either(Effect.all([Effect.flip(ask(1)), ask(2)])).pipe(
          withTape(file, {
            mode,
            http: answering(async (request) => {
              if ((await request.text()) === "1") throw new Error("reset by peer")
              return new Response("ok")
            })
          })
        )
      const recorded = yield* run("record")
      const replayed = yield* run("replay")
      for (const outcome of [recorded, replayed]) {
        const [error, text] = Either.getOrThrow(outcome)
        expect(error).toMatchObject({ _tag: "RequestError", reason: "Transport" })
        expect(text).toBe("ok")
      }
      expect(tapeOf(file).interactions[0]?.response).toMatchObject({ failure: "reset by peer" })
    })
  )

  it.scoped("an empty body is empty, whether it is read whole or as a stream", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      const run = Effect.gen(function* () {
        const [whole, streamed] = [yield* send(post(1)), yield* send(post(2))]
        return [whole.status, yield* whole.text, yield* Effect.either(Stream.runCollect(streamed.stream))] as const
      })
      const recorded = yield* run.pipe(
        withTape(file, { mode: "record", http: answering(() => new Response(null, { status: 204 })) })
      )
      const replayed = yield* run.pipe(replay(file))
      expect([replayed[0], replayed[1], replayed[2]._tag]).toEqual([recorded[0], recorded[1], recorded[2]._tag])
    })
  )

  it.scoped("a whole body can be read twice, as text and as JSON", () =>
    Effect.gen(function* () {
      const file = yield* tapeWith([json(1), '{"a":1}'])
      yield* Effect.gen(function* () {
        const response = yield* send(post(1))
        expect(yield* response.text).toBe('{"a":1}')
        expect(yield* response.json).toEqual({ a: 1 })
        expect(new Uint8Array(yield* response.arrayBuffer).length).toBe(7)
      }).pipe(replay(file))
    })
  )

  it.scoped("an answer whose body nobody read is on the tape with its head", () =>
    Effect.gen(function* () {
      const file = yield* newFile
      const status = Effect.map(send(post(1)), (response) => response.status)
      const http = answering(() => new Response("unread", { status: 202 }))
      expect(yield* status.pipe(withTape(file, { mode: "record", http }))).toBe(202)
      expect(onlyAnswer(file)).toMatchObject({ status: 202, end: "left" })
      expect(yield* status.pipe(replay(file))).toBe(202)
    })
  )
})

describe("bytes", () => {
  const pieces = FastCheck.array(FastCheck.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 8 })

  it.scoped("come from the tape as they came from the network, in the same reads", () =>
    Effect.gen(function* () {
      const runtime = yield* Effect.runtime<never>()
      const law = FastCheck.asyncProperty(pieces, (bytes) =>
        Effect.gen(function* () {
          const file = yield* newFile
          const http = answering(() => new Response(streamOf(bytes)))
          const recorded = yield* readsOf(post(1)).pipe(withTape(file, { mode: "record", http }))
          const replayed = yield* readsOf(post(1)).pipe(replay(file))
          expect(replayed).toEqual(recorded)
          expect(recorded.map((read) => [...read])).toEqual(bytes.map((read) => [...read]))
        }).pipe(Effect.scoped, Runtime.runPromise(runtime))
      )
      yield* Effect.promise(() => FastCheck.assert(law, { numRuns: 40 }))
    })
  )
})

const streamOf = (bytes: ReadonlyArray<Uint8Array>): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start: (controller) => {
      for (const each of bytes) controller.enqueue(each.slice())
      controller.close()
    }
  })
