/** Plain calls to a simulator, as the tests make them: no SDK, so that the raw text can be asserted. */
import { Effect } from "effect"

export const chat = (content = "Tell me about the harbour", more: Readonly<Record<string, unknown>> = {}) => ({
  model: "gpt-4.1-mini",
  messages: [{ role: "user", content }],
  ...more
})

export interface Seen {
  /** Undefined when the connection broke before headers. */
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** How the body ended. */
  readonly broken: boolean
}

/** Posts and reads everything there is, also of a body that breaks off. */
export const post = (
  url: string,
  body: unknown,
  options: { readonly headers?: Readonly<Record<string, string>>; readonly signal?: AbortSignal } = {}
): Effect.Effect<Seen> =>
  Effect.promise(async () => {
    const init = {
      method: "POST",
      headers: { authorization: "Bearer test", "content-type": "application/json", ...options.headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...(options.signal === undefined ? {} : { signal: options.signal })
    }
    const response = await fetch(url, init).catch(() => undefined)
    if (response === undefined) return { status: undefined, headers: {}, text: "", broken: true }
    const decoder = new TextDecoder()
    let text = ""
    const seen = (broken: boolean): Seen => ({
      status: response.status,
      headers: Object.fromEntries(response.headers),
      text,
      broken
    })
    try {
      for await (const part of response.body ?? []) text += decoder.decode(part, { stream: true })
      return seen(false)
    } catch {
      return seen(true)
    }
  })

/** The payloads of all events of a stream. */
export const payloads = (raw: string): ReadonlyArray<string> =>
  raw
    .split("\n\n")
    .filter((event) => event.startsWith("data: "))
    .map((event) => event.slice("data: ".length))

interface Delta {
  readonly content?: string | null
  readonly tool_calls?: ReadonlyArray<{
    readonly index: number
    readonly id?: string
    readonly function: { readonly name?: string; readonly arguments: string }
  }>
}

export interface ChunkSeen {
  readonly choices: ReadonlyArray<{ readonly delta: Delta; readonly finish_reason: string | null }>
  readonly usage?: unknown
}

/** The chunks of a stream, without what is no whole JSON. */
export const chunks = (raw: string): ReadonlyArray<ChunkSeen> =>
  payloads(raw).flatMap((payload) => {
    try {
      return payload === "[DONE]" ? [] : [JSON.parse(payload)]
    } catch {
      return []
    }
  })

/** The tokens that a stream gave out. */
export const tokens = (raw: string): ReadonlyArray<string> =>
  chunks(raw)
    .flatMap((chunk) => chunk.choices?.map((choice) => choice.delta.content ?? "") ?? [])
    .filter((token) => token !== "")
