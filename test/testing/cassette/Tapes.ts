/** What the tests of the cassette share: a folder for tapes, and calls of plain HTTP. */
import { FetchHttpClient, HttpBody, HttpClient, HttpClientRequest } from "@effect/platform"
import { Chunk, Context, Effect, Layer, type Scope, Stream } from "effect"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cassette from "../../../src/testing/Cassette.js"
import type * as Tape from "../../../src/testing/cassette/Tape.js"

/** A path in a folder of its own, which goes with the Scope. */
export const newFile: Effect.Effect<string, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-llm-tape-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ),
  (folder) => join(folder, "tapes", "test.json")
)

export const textOf = (file: string): string => readFileSync(file, "utf8")

export const tapeOf = (file: string): Tape.Tape => JSON.parse(textOf(file))

/** What lies beside the tape, and the tape. */
export const filesBeside = (file: string): ReadonlyArray<string> =>
  existsSync(join(file, "..")) ? readdirSync(join(file, "..")) : []

/** The one answer on a tape. */
export const onlyAnswer = (file: string): Tape.Response => {
  const response = tapeOf(file).interactions[0]?.response
  if (response === undefined || !("status" in response)) throw new Error("no answer on the tape")
  return response
}

/** An HttpClient over a fetch that answers as told. */
export const answering = (
  answer: (request: Request) => Response | Promise<Response>
): Layer.Layer<HttpClient.HttpClient> =>
  FetchHttpClient.layer.pipe(
    // A fetch that is found in the context of the call, as the platform wants it.
    Layer.map((context) =>
      Context.make(
        HttpClient.HttpClient,
        HttpClient.transformResponse(
          Context.get(context, HttpClient.HttpClient),
          Effect.provideService(FetchHttpClient.Fetch, (input, init) =>
            Promise.resolve(answer(new Request(input, init)))
          )
        )
      )
    )
  )

export const post = (
  body: unknown,
  url = "https://llm.example/v1/chat",
  headers: Readonly<Record<string, string>> = {}
) => HttpClientRequest.post(url, { headers, body: HttpBody.unsafeJson(body) })

export const send = (request: HttpClientRequest.HttpClientRequest) => HttpClient.execute(request)

/** The text of the answer. */
export const ask = (body: unknown, url?: string) => Effect.flatMap(send(post(body, url)), (response) => response.text)

/** The answer, read by read. */
export const readsOf = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.flatMap(send(request), (response) => Effect.map(Stream.runCollect(response.stream), Chunk.toReadonlyArray))

/** Runs a program with a tape, which is closed when it ends. */
export const withTape =
  <E = never, R = never>(file: string | URL, options: Cassette.Options<E, R>) =>
  <A, E1, R1>(program: Effect.Effect<A, E1, R1>) =>
    Effect.provide(program, Cassette.layer(file, options))
