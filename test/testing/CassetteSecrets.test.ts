/**
 * A key that is searched for in all that a cassette leaves behind: the file, and the errors of a replay. The server does
 * its worst and echoes it wherever it can.
 */
import { HttpClientRequest } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, FastCheck, Layer, Redacted, Runtime, Stream } from "effect"
import { Anthropic, Gemini, LlmClient, OpenAi, Zhipu } from "effect-llm"
import { type Cassette, Fault, Simulator } from "effect-llm/testing"
import { everyWord } from "../laws.js"
import { canary, type ProviderOn } from "../worlds.js"
import { answering, newFile, post, readsOf, send, tapeOf, textOf, withTape } from "./cassette/Tapes.js"

const bytesOf = (text: string) => new TextEncoder().encode(text)

/** Sends a request, reads the answer, and gives the text of the tape. */
const taped = (
  request: HttpClientRequest.HttpClientRequest,
  answer: (request: Request) => Response | Promise<Response>,
  options: Cassette.Options = {}
) =>
  Effect.gen(function* () {
    const file = yield* newFile
    yield* Effect.ignore(readsOf(request)).pipe(withTape(file, { ...options, mode: "record", http: answering(answer) }))
    return { file, text: textOf(file) }
  })

const ok = () => new Response("{}")

describe("the file has no secret of a request", () => {
  const bare = post({ n: 1 })
  const header = (name: string, value: string) => HttpClientRequest.setHeader(bare, name, value)
  const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJhcGlfa2V5IjoiaWQifQ.c2lnbmF0dXJlLW9mLWl0"

  const table: ReadonlyArray<readonly [string, HttpClientRequest.HttpClientRequest, secret: string]> = [
    ["authorization", header("authorization", `Bearer ${canary}`), canary],
    ["basic authorization", header("authorization", "Basic dXNlcjpwYXNzd29yZA=="), "dXNlcjpwYXNzd29yZA"],
    ["api-key", header("api-key", canary), canary],
    ["x-api-key", header("x-api-key", canary), canary],
    ["x-goog-api-key", header("x-goog-api-key", canary), canary],
    ["a short key", header("x-api-key", "k1"), '"k1"'],
    ["a cookie", header("cookie", `session=${canary}; theme=dark`), canary],
    ["OpenAI's organization", header("openai-organization", "org-canary"), "org-canary"],
    ["OpenAI's project", header("openai-project", "proj-canary"), "proj-canary"],
    ["a gateway's key", header("x-my-gateway", canary), canary],
    ["key=", HttpClientRequest.setUrlParam(bare, "key", canary), canary],
    ["api_key=", HttpClientRequest.setUrl(bare, `https://llm.example/v1?a=1&api_key=${canary}&b=2`), canary],
    ["a JWT in a body", post({ text: `token ${jwt}.` }), jwt],
    [
      "a bearer in a body",
      post({ text: "curl -H 'Authorization: Bearer abcdef0123456789abcdef'" }),
      "abcdef0123456789"
    ],
    ["another provider's key in a body", post({ text: `my key is ${canary}` }), canary],
    ["auth=", HttpClientRequest.setUrlParam(bare, "auth", "s3cr3t"), "s3cr3t"],
    ["a field of a body", post({ client_secret: "s3cr3t" }), "s3cr3t"],
    ["a header's name as a field of a body", post({ headers: { "x-api-key": "s3cr3t" } }), "s3cr3t"],
    ["a private key in a body", post({ private_key: "-----BEGIN\ns3cr3t" }), "s3cr3t"],
    ["a field of JSON within a body", post({ arguments: '{"n":1,"session_token":"s3cr3t"}' }), "s3cr3t"],
    ["a form", HttpClientRequest.bodyUrlParams(bare, { client_id: "me", client_secret: "s3cr3t" }), "s3cr3t"]
  ]
  it.scoped.each([...table])("%s", ([, request, secret]) =>
    Effect.gen(function* () {
      const { text } = yield* taped(request, ok)
      expect(text).not.toContain(secret)
      expect(text).toContain("<redacted>")
    })
  )

  it.scoped("a user and a password in the URL", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.setUrl(bare, "https://theUser:thePassword@llm.example/v1")
      const { file, text } = yield* taped(request, ok)
      expect(text).not.toMatch(/theUser|thePassword/)
      expect(tapeOf(file).interactions[0]?.request.url).toBe("https://llm.example/v1")
    })
  )

  it.scoped("and keeps what is none", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.setHeaders(
        post(
          {
            max_tokens: 5,
            token: "Hello",
            signature: "EqQB",
            text: "a basic understanding of sk-learn, task-oriented"
          },
          "https://llm.example/v1?api-version=2024-10-21"
        ),
        { "anthropic-version": "2023-06-01", "x-env": "production" }
      )
      const { file, text } = yield* taped(
        request,
        () =>
          new Response('{"max_tokens":5}', {
            headers: {
              "x-ratelimit-remaining-tokens": "149984",
              "request-id": "req_011CQ",
              "www-authenticate": "Bearer"
            }
          })
      )
      expect(text).not.toContain("<redacted>")
      expect(tapeOf(file).interactions[0]).toMatchObject({
        request: {
          url: "https://llm.example/v1?api-version=2024-10-21",
          headers: { "anthropic-version": "2023-06-01", "x-env": "production" }
        },
        response: { headers: { "x-ratelimit-remaining-tokens": "149984", "request-id": "req_011CQ" } }
      })
    })
  )
})

describe("the file has no secret of an answer", () => {
  // No prefix that gives it away: it is known only because it stood in the request.
  const plain = "TopSecretWordsOfMine"
  const asked = HttpClientRequest.setHeader(post({ n: 1 }), "authorization", `Bearer ${plain}`)
  const inReads = (...texts: ReadonlyArray<string>) =>
    new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (const text of texts) controller.enqueue(bytesOf(text))
          controller.close()
        }
      })
    )

  const table: ReadonlyArray<readonly [string, () => Response, secret: string]> = [
    [
      "set-cookie",
      () => new Response("", { headers: { "set-cookie": `__cf_bm=${canary}; Domain=.llm.example` } }),
      canary
    ],
    [
      "the organization that it names",
      () => new Response("in acme-research-1", { headers: { "openai-organization": "acme-research-1" } }),
      "acme-research-1"
    ],
    ["the key in a header", () => new Response("", { headers: { "x-echo": `bad key ${plain}` } }), plain],
    ["the key in a body", () => new Response(`{"error":"bad key ${plain}"}`), plain],
    ["the key in JSON that escapes it", () => new Response(JSON.stringify({ url: `https://a/?k=${plain}` })), plain],
    ["the key across reads", () => inReads("data: bad TopSec", "ret", "WordsOfMine!\n\n"), plain],
    [
      "an organization in an error",
      () => new Response("limit reached in organization org-AbC123dEf456gHi7 on tokens"),
      "org-AbC123dEf456gHi7"
    ],
    [
      "a signed URL to which it redirects",
      () => new Response("", { status: 302, headers: { location: "https://a/?X-Amz-Signature=5ig&b=1" } }),
      "5ig"
    ],
    ["a signed URL that it gives out", () => new Response('{"url":"https://a/?sv=1\\u0026sig=5ig"}'), "5ig"],
    ["a token that it gives out", () => new Response('{"access_token": "abc"}'), '"abc"']
  ]
  it.scoped.each([...table])("%s", ([, answer, secret]) =>
    Effect.gen(function* () {
      const { file, text } = yield* taped(asked, answer)
      expect(text).not.toContain(secret)
      // Also when the reads are put together.
      const reads = yield* readsOf(asked).pipe(withTape(file, { mode: "replay" }))
      expect(new TextDecoder().decode(Uint8Array.from(reads.flatMap((read) => [...read])))).not.toContain(secret)
    })
  )

  it.scoped("the key in the words of an error", () =>
    Effect.gen(function* () {
      const { text } = yield* taped(asked, () => Promise.reject(new Error(`cannot send ${plain}`)))
      expect(text).toContain("cannot send <redacted>")
    })
  )

  it.scoped("wherever borders fall, and leaves all other bytes in their reads", () =>
    Effect.gen(function* () {
      const runtime = yield* Effect.runtime<never>()
      const part = FastCheck.oneof(FastCheck.constant(plain), FastCheck.string({ maxLength: 5 }))
      const law = FastCheck.asyncProperty(
        FastCheck.array(part, { minLength: 1, maxLength: 6 }),
        FastCheck.array(FastCheck.nat({ max: 60 }), { maxLength: 6 }),
        (parts, places) =>
          Effect.gen(function* () {
            const whole = bytesOf(parts.join("|"))
            const borders = [
              0,
              ...places.map((place) => Math.min(place, whole.length)).sort((a, b) => a - b),
              whole.length
            ]
            const pieces = borders
              .slice(1)
              .map((end, index) => whole.slice(borders[index], end))
              .filter((piece) => piece.length > 0)
            const { file } = yield* taped(
              asked,
              () =>
                new Response(
                  new ReadableStream<Uint8Array>({
                    start: (controller) => {
                      for (const piece of pieces) controller.enqueue(piece.slice())
                      controller.close()
                    }
                  })
                )
            )
            const reads = yield* readsOf(asked).pipe(withTape(file, { mode: "replay" }))
            const text = new TextDecoder().decode(Uint8Array.from(reads.flatMap((read) => [...read])))
            expect(text).toBe(parts.join("|").replaceAll(plain, "<redacted>"))
            expect(reads.length).toBe(pieces.length)
          }).pipe(Effect.scoped, Runtime.runPromise(runtime))
      )
      yield* Effect.promise(() => FastCheck.assert(law, { numRuns: 60 }))
    })
  )
})

describe("what a test says is secret, is", () => {
  const asked = HttpClientRequest.setHeader(
    post({ user: "jane", messages: [{ name: "jane", text: "hello" }], n: 1 }, "https://llm.example/v1?tenant=acme&a=1"),
    "x-tenant",
    "acme"
  )
  const answer = () =>
    new Response(
      ['data: {"user":"jane","text":"hi"}\n\n', 'data: {"user":"ja', 'ne","text":"!"}\n\n', "data: [DONE]\n\n"].join(
        ""
      ),
      { headers: { "x-tenant": "acme", "content-type": "text/event-stream" } }
    )
  const redact: Cassette.Redact = {
    headers: ["X-Tenant"],
    query: ["tenant"],
    body: ["user", "messages.*.name"],
    text: (text) => text.replaceAll("hello", "<greeting>")
  }

  it.scoped("in headers, parameters, bodies, events, and by a function", () =>
    Effect.gen(function* () {
      const { file, text } = yield* taped(asked, answer, { redact })
      for (const secret of ["acme", "jane", "hello"]) expect(text).not.toContain(secret)
      expect(tapeOf(file).interactions[0]).toMatchObject({
        request: {
          url: "https://llm.example/v1?tenant=<redacted>&a=1",
          headers: { "x-tenant": "<redacted>" },
          body: { json: { user: "<redacted>", messages: [{ name: "<redacted>", text: "<greeting>" }], n: 1 } }
        }
      })
      const replay = readsOf(asked).pipe(withTape(file, { mode: "replay", redact }))
      const body = new TextDecoder().decode(Uint8Array.from((yield* replay).flatMap((read) => [...read])))
      expect(body).toBe(
        'data: {"user":"<redacted>","text":"hi"}\n\ndata: {"user":"<redacted>","text":"!"}\n\ndata: [DONE]\n\n'
      )
    })
  )

  it.scoped("in a JSON answer, whose layout stays", () =>
    Effect.gen(function* () {
      const { file } = yield* taped(asked, () => new Response('{\n  "user": "jane",\n  "n": 1\n}\n'), { redact })
      expect(tapeOf(file).interactions[0]?.response).toMatchObject({
        body: { json: { user: "<redacted>", n: 1 }, indent: 2, newline: true }
      })
    })
  )
})

describe("a replay", () => {
  it.scoped("finds a request that was recorded with another key, also where the body holds it", () =>
    Effect.gen(function* () {
      const withKey = (key: string) =>
        HttpClientRequest.setHeader(
          post({ text: `my key is ${key}` }, `https://llm.example/v1?key=${key}`),
          "api-key",
          key
        )
      const { file } = yield* taped(withKey("the-key-of-the-recording"), () => new Response("yes"))
      const response = yield* send(withKey("dummy-key-of-ci")).pipe(withTape(file, { mode: "replay" }))
      expect(response.status).toBe(200)
    })
  )

  it.scoped("takes a dummy key that is an ordinary word for no secret of the prompt", () =>
    Effect.gen(function* () {
      const withKey = (key: string) => HttpClientRequest.setHeader(post({ text: "placeholder text" }), "api-key", key)
      const { file } = yield* taped(withKey("the-key-of-the-recording"), () => new Response("yes"))
      const response = yield* send(withKey("placeholder")).pipe(withTape(file, { mode: "replay" }))
      expect(response.status).toBe(200)
    })
  )

  it.scoped("shows no key in the error of a request that is not on the tape", () =>
    Effect.gen(function* () {
      const { file } = yield* taped(post({ n: 1 }), ok)
      const other = HttpClientRequest.setHeaders(post({ n: 2, text: canary }, `https://llm.example/v2?key=${canary}`), {
        authorization: `Bearer ${canary}`,
        "x-api-key": canary
      })
      const exit = yield* Effect.exit(send(other)).pipe(withTape(file, { mode: "replay" }))
      const words = everyWord(exit)
      expect(words).toContain("is not on the tape")
      expect(words).not.toContain(canary)
      if (exit._tag === "Failure") expect(Cause.pretty(exit.cause, { renderErrorCause: true })).not.toContain(canary)
    })
  )
})

describe("a key that a provider is given is not in its tape", () => {
  const echo = JSON.stringify({ error: { message: `Incorrect API key provided: ${canary}.`, code: canary } })
  const key = `id.${canary}`
  const providers: Readonly<Record<string, ProviderOn>> = {
    OpenAi: (baseUrl, key) =>
      OpenAi.layer({ apiKey: Redacted.make(key), baseUrl, model: "gpt-4.1-mini", organization: `org-${canary}` }),
    Anthropic: (url, key) =>
      Anthropic.layer({ apiKey: Redacted.make(key), baseUrl: new URL(url).origin, model: "claude-sonnet-4-5" }),
    Gemini: (url, key) =>
      Gemini.layer({ apiKey: Redacted.make(key), baseUrl: new URL(url).origin, model: "gemini-2.5-flash" }),
    Zhipu: (url, key) =>
      Zhipu.layer({ apiKey: Redacted.make(key), baseUrl: new URL("/api/paas/v4", url).href, model: "glm-4.6" }),
    "Zhipu with its plain key": (url, key) =>
      Zhipu.layer({
        apiKey: Redacted.make(key),
        baseUrl: new URL("/api/paas/v4", url).href,
        model: "glm-4.6",
        auth: "key"
      })
  }

  it.scoped.each(Object.entries(providers))("%s", ([, on]) =>
    Effect.gen(function* () {
      const file = yield* newFile
      const http = yield* Layer.memoize(Simulator.layerHttpClient({ apiKey: key }))
      const simulator = Context.get(yield* Layer.build(http), Simulator.Simulator)
      const program = Effect.gen(function* () {
        yield* LlmClient.complete("one")
        yield* Stream.runDrain(LlmClient.stream("two"))
        yield* simulator.inject(
          Fault.status(401, { body: echo, headers: { "x-echo": canary } }),
          Fault.errorEvent({ afterTokens: 1, error: { message: `bad key ${canary}`, type: "server_error" } })
        )
        yield* Effect.ignore(LlmClient.complete("three"))
        yield* Effect.ignore(Stream.runDrain(LlmClient.stream("four")))
      })
      yield* program.pipe(Effect.provide(on("https://llm.example/v1", key)), withTape(file, { mode: "record", http }))
      expect(tapeOf(file).interactions.length).toBe(4)
      expect(textOf(file)).not.toContain(canary)
      expect(textOf(file)).not.toMatch(/eyJ/)
    })
  )
})
