/**
 * The simulated service without any I/O: a request in, an answer out, and all time through the Clock of the fiber that
 * asks. The fronts (a server, an HttpClient) carry requests to it and answers away.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { azureMlScore } from "./AzureMlScore.js"
import { azureOpenAi } from "./AzureOpenAi.js"
import * as Fault from "./Fault.js"
import * as FaultScript from "./FaultScript.js"
import { generateContent } from "./GenerateContent.js"
import * as Ledger from "./Ledger.js"
import { anthropic } from "./Messages.js"
import * as Model from "./Model.js"
import { openAi } from "./OpenAi.js"
import type { Options } from "./Options.js"
import * as Playback from "./Playback.js"
import * as PromptCache from "./PromptCache.js"
import * as RateLimit from "./RateLimit.js"
import { azureResponses, openAiResponses } from "./Responses.js"
import * as Seed from "./Seed.js"
import { vendors } from "./Vendors.js"
import type { Call, Plan, Refused, Route, SimulatorRequest, Wire, World } from "./Wire.js"
import { zhipu } from "./Zhipu.js"

/** All that the simulator speaks; the first one answers what no route takes. */
const wires: readonly [Wire, ...ReadonlyArray<Wire>] = [
  openAi,
  openAiResponses,
  generateContent,
  anthropic,
  azureOpenAi,
  azureResponses,
  azureMlScore,
  ...vendors,
  zhipu
]

export type Answer =
  /** All of it at once, and already counted as given. */
  | {
      readonly _tag: "Whole"
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      readonly body: Uint8Array
    }
  /** Piece by piece. Who does not run the body must call `abandon`, which says that the client left. */
  | {
      readonly _tag: "Streaming"
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      readonly body: Stream.Stream<Uint8Array, Playback.ConnectionCut>
      readonly abandon: () => void
    }
  /** The connection is reset before any headers. */
  | { readonly _tag: "Reset" }

export interface Core {
  /** Interrupting it says that the client left. */
  readonly handle: (request: SimulatorRequest) => Effect.Effect<Answer>
  readonly ledger: Ledger.Ledger
  readonly inject: (faults: ReadonlyArray<Fault.Fault>) => Effect.Effect<void>
  readonly reset: Effect.Effect<void>
}

export const make = (options: Options): Core => {
  const ledger = Ledger.make()
  const limit = RateLimit.make(options.rateLimit ?? {})
  const prompts = PromptCache.make()
  const pace: FaultScript.Pace = {
    firstToken: Duration.toMillis(options.firstToken ?? 0),
    perToken: Duration.toMillis(options.perToken ?? 0)
  }
  const world: World = {
    seed: options.seed ?? 0,
    models: options.models ?? Model.defaultModels,
    contextTokens: options.contextTokens ?? 128_000,
    answer: options.answer,
    cachedTokens: prompts.cachedTokens
  }
  const injected: Array<Fault.Fault> = []
  let scripted = 0

  const nextFault = (attempt: Fault.Attempt): Fault.Fault => {
    const first = injected.shift()
    if (first !== undefined) return first
    if (typeof options.faults === "function") return options.faults(attempt)
    return options.faults?.[scripted++] ?? Fault.none
  }

  const plan = (call: Call, wire: Wire, route: Route | undefined, now: number): Plan => {
    const refused = wire.authenticate(call.headers, options.apiKey, now)
    if (refused !== undefined) return refused
    if (route === undefined) return wire.unknownRoute(call.method, call.path)
    if (route.method !== call.method) return wire.wrongMethod(call.method, call.path)
    return route.handle(call, world)
  }

  const handle = (request: SimulatorRequest): Effect.Effect<Answer> =>
    Clock.clockWith((clock) => {
      const arrivedAt = clock.unsafeCurrentTimeMillis()
      const path = request.path.split("?", 1)[0] ?? ""
      const query = request.path.slice(path.length + 1)
      const call: Call = { method: request.method, path, query, headers: request.headers, json: parse(request.body) }
      const { route, wire } = find(path, request.method)
      const { model, stream } = route?.peek(call) ?? { model: "", stream: false }
      const known = Model.find(world.models, model)
      const fault = nextFault({ index: ledger.attempts(), model, stream })
      const entry = ledger.arrive({ request, json: call.json, model, stream, fault: fault._tag, at: arrivedAt })

      const headersOf = (contentType: string, length: number | undefined): Readonly<Record<string, string>> => ({
        "content-type": contentType,
        ...(length === undefined ? {} : { "content-length": String(length) }),
        ...wire.headers({
          requestId: `req_${Seed.fingerprint(`request ${world.seed} ${entry.index}`)}`,
          model,
          processingMillis: clock.unsafeCurrentTimeMillis() - arrivedAt
        }),
        ...(known === undefined ? {} : limit.headers(known.id, clock.unsafeCurrentTimeMillis(), wire.limitHeaders))
      })

      const give = (
        status: number,
        contentType: string,
        text: string,
        headers: Readonly<Record<string, string>> = {},
        whole = false
      ): Answer => {
        const body = encoder.encode(text)
        // A stream is sent in chunks, also when all of it is due at once.
        const length = contentType.startsWith("text/event-stream") ? undefined : body.length
        entry.answered(status)
        entry.end("complete", clock.unsafeCurrentTimeMillis(), whole)
        return {
          _tag: "Whole",
          status,
          headers: { ...headersOf(contentType, length), ...headers },
          body
        }
      }

      const refuse = (refused: Refused): Answer =>
        give(refused.status, "application/json", wire.errorBody(refused.error), refused.headers)

      const play = (script: FaultScript.Script): Answer => {
        const sentAt = clock.unsafeCurrentTimeMillis()
        if (script.ending._tag === "Clean" && options.flushEach !== true && (script.steps.at(-1)?.due ?? 0) <= 0) {
          entry.bill(
            0,
            script.steps.reduce((sum, step) => sum + step.tokens, 0)
          )
          return give(200, script.contentType, script.steps.map((step) => step.text).join(""), {}, script.whole)
        }
        entry.answered(200)
        return {
          _tag: "Streaming",
          status: 200,
          headers: headersOf(script.contentType, script.contentLength),
          body: Playback.play(script, { entry, clock, sentAt, flushEach: options.flushEach === true }),
          abandon: () => entry.end("closedByClient", clock.unsafeCurrentTimeMillis())
        }
      }

      const answer = Effect.suspend((): Effect.Effect<Answer> => {
        switch (fault._tag) {
          case "ResetBeforeHeaders":
            entry.end("cut", arrivedAt)
            return Effect.succeed({ _tag: "Reset" })
          case "Status": {
            const refusal = wire.refusal(fault.status, model)
            const text = fault.body ?? wire.errorBody(refusal.error)
            const headers = { ...refusal.headers, ...lowerCased(fault.headers) }
            return Effect.succeed(give(fault.status, "application/json", text, headers))
          }
          case "HtmlPage":
            return Effect.succeed(give(200, "text/html; charset=utf-8", htmlPage))
          case "EmptyBody":
            return Effect.succeed(give(200, stream ? "text/event-stream; charset=utf-8" : "application/json", ""))
          case "JsonError200":
            return Effect.succeed(give(200, "application/json", wire.errorBody(wire.refusal(500, model).error)))
        }
        const planned = plan(call, wire, route, arrivedAt)
        const slow = fault._tag === "SlowHeaders" ? clock.sleep(fault.delay) : Effect.void
        if (planned._tag === "Refused") return Effect.map(slow, () => refuse(planned))
        const limited =
          planned.model === ""
            ? undefined
            : limit.take(planned.model, planned.inputTokens + planned.outputTokens, arrivedAt)
        if (limited !== undefined) return Effect.map(slow, () => refuse(wire.rateLimited(limited)))
        if (fault._tag === "NoAnswer") {
          entry.bill(planned.inputTokens, planned.outputTokens)
          return Effect.never
        }
        const script =
          planned._tag === "Whole"
            ? FaultScript.ofWhole(planned, fault, pace, wire)
            : FaultScript.ofEvents(planned, fault, pace, wire)
        entry.bill(script.bill.inputTokens, script.bill.outputTokens)
        return script.wait > 0
          ? Effect.map(clock.sleep(Duration.millis(script.wait)), () => play(script))
          : Effect.succeed(play(script))
      })

      return Effect.onInterrupt(answer, () =>
        Effect.sync(() => entry.end("closedByClient", clock.unsafeCurrentTimeMillis()))
      )
    })

  return {
    handle,
    ledger,
    inject: (faults) =>
      Effect.sync(() => {
        injected.push(...faults)
      }),
    reset: Effect.zipRight(
      Effect.sync(() => {
        injected.length = 0
        scripted = 0
        limit.reset()
        prompts.reset()
      }),
      ledger.reset
    )
  }
}

const find = (path: string, method: string): { readonly wire: Wire; readonly route: Route | undefined } => {
  for (const wire of wires) {
    const routes = wire.routes.filter((route) => route.path.test(path))
    if (routes.length > 0) return { wire, route: routes.find((route) => route.method === method) ?? routes[0] }
  }
  return { wire: wires[0], route: undefined }
}

const parse = (text: string): unknown => {
  if (text === "") return undefined
  // A foreign boundary: a client may send anything.
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const lowerCased = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

const encoder = new TextEncoder()

const htmlPage = `<!DOCTYPE html>
<html>
<head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body>
</html>
`
