/**
 * What an error says of the request: whether it went out, was turned down, or may have been answered and billed.
 */
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { ChatRequest, OpenAi, Policy, StreamPart } from "effect-llm"
import { UndiciHttpClient } from "effect-llm/node"
import { Fault, Simulator } from "effect-llm/testing"
import { LlmClient } from "effect-llm"

const request = ChatRequest.make("Hi")

const outcomeWith = (fault: Fault.Fault, request: ChatRequest.ChatRequest, policy: Policy.Policy<unknown>) =>
  Effect.gen(function* () {
    const simulator = yield* Simulator.Simulator
    yield* simulator.inject(fault)
    const layer = OpenAi.layer({ apiKey: Redacted.make("any"), model: "gpt-4.1-mini", baseUrl: simulator.url }).pipe(
      policy
    )
    const client = Context.get(yield* Layer.build(layer), LlmClient.LlmClient)
    const errors = [yield* Effect.flip(client.complete(request))]
    yield* simulator.inject(fault)
    errors.push(yield* Effect.flip(StreamPart.collect(client.stream(request))))
    return errors.map(({ _tag, outcome }) => [_tag, outcome])
  }).pipe(Effect.scoped, Effect.provide(Simulator.layer()), Effect.provide(UndiciHttpClient.layer))

const asIs: Policy.Policy = (layer) => layer

describe("the outcome of a failed call", () => {
  const rejected: ReadonlyArray<readonly [number, string]> = [
    [400, "InvalidRequest"],
    [401, "AuthenticationFailed"],
    [408, "RequestTimeout"],
    [429, "RateLimited"],
    [500, "ServerFailed"],
    [503, "Overloaded"]
  ]

  it.live.each(rejected)("is rejected where the provider answers %i", ([status, tag]) =>
    Effect.map(outcomeWith(Fault.status(status), request, asIs), (seen) =>
      expect(seen).toEqual([
        [tag, "rejected"],
        [tag, "rejected"]
      ])
    )
  )

  const unknown: ReadonlyArray<readonly [string, Fault.Fault]> = [
    ["a gateway lost the server behind it", Fault.status(502)],
    ["a gateway waited too long", Fault.status(504)],
    ["the connection broke before an answer", Fault.resetBeforeHeaders],
    ["the answer is a page", Fault.htmlPage],
    ["the answer is empty", Fault.emptyBody],
    ["the answer is cut", Fault.cut({ afterTokens: 2, ending: "abrupt" })]
  ]

  it.live.each(unknown)("is unknown where %s", ([, fault]) =>
    Effect.map(outcomeWith(fault, request, asIs), (seen) =>
      expect(seen.map(([, outcome]) => outcome)).toEqual(["unknown", "unknown"])
    )
  )

  it.live("is unknown where a deadline of ours passed", () =>
    Effect.map(outcomeWith(Fault.noAnswer, request, Policy.attemptTimeout("50 millis")), (seen) =>
      expect(seen).toEqual([
        ["RequestTimeout", "unknown"],
        ["RequestTimeout", "unknown"]
      ])
    )
  )

  it.live("is not-sent where the request was wrong before it went out", () =>
    Effect.map(outcomeWith(Fault.none, { ...request, temperature: -1 }, asIs), (seen) =>
      expect(seen).toEqual([
        ["InvalidRequest", "not-sent"],
        ["InvalidRequest", "not-sent"]
      ])
    )
  )
})
